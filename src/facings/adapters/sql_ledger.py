"""The stock ledger on the store's SQL database: events as they are told, and beside them the balances they fold to.

Balances are kept so that nobody waits for a fold over a million events. They are written in the transaction of the
events and only ever by `apps.ledger.fold`: an event later than all others of its account moves the balance on, any
other one has the account folded again from its events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from itertools import groupby, islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, bindparam, func, or_, select

from facings.adapters import sql_schema as t
from facings.adapters.sql_sightings import sightings
from facings.apps.ledger import Account, Appended, Balance, Event, Kind, fold, fold_all
from facings.apps.places import Site, site_of
from facings.apps.scan import Sighting
from facings.errors import BadInput

T = TypeVar("T")

CHUNK_SIZE = 2000
_STREAM_SIZE = 10_000
_TIMES = ("last_at", "counted_at", "opened_at", "first_sold_at", "empty_since", "short_since")
_BALANCE_FIELDS = tuple(f.name for f in fields(Balance))
_FIRST_TIME = _BALANCE_FIELDS.index(_TIMES[0])
_PAST_TIMES = _FIRST_TIME + len(_TIMES)
_e, _b = t.stock_event.c, t.stock_balance.c
_EVENT_COLUMNS = [column for column in t.stock_event.c if column.name != "site"]


class SqlLedger:
    """The ledger of a store; see `apps.ledger.LedgerStore`.

    Args:
        transaction: The store's transactions, `transaction(is_write=True)` to write.
    """

    def __init__(self, transaction: Callable[..., AbstractContextManager[Connection]]) -> None:
        self._transaction = transaction

    # Sites

    def sites(self) -> dict[str, Site]:
        """See `apps.places.SiteStore`."""
        with self._transaction() as connection:
            found = [Site(row.name, row.zone, row.currency) for row in connection.execute(select(t.site))]
        return {site.name: site for site in sorted(found, key=lambda site: site.name)}

    def put_site(self, site: Site) -> None:
        """See `apps.places.SiteStore`."""
        with self._transaction(is_write=True) as connection:
            connection.execute(t.site.delete().where(t.site.c.name == site.name))
            connection.execute(t.site.insert(), {"name": site.name, "zone": site.zone, "currency": site.currency})

    def site_names(self) -> list[str]:
        """Every site that has an account, set or not."""
        with self._transaction() as connection:
            return sorted(connection.scalars(select(_b.site).distinct()))

    # Events

    def append(self, events: Iterable[Event]) -> Appended:
        """See `apps.ledger.LedgerStore`."""
        n_new, n_known, clashes = 0, 0, []
        with self._transaction(is_write=True) as connection:
            _lock_ledger(connection)
            accounts = _Accounts(connection)
            for chunk in _chunks(events, CHUNK_SIZE):
                fresh, known = _without_known(connection, chunk)
                if fresh:
                    _check_undoing(connection, fresh)
                    now = to_text(datetime.now(UTC))
                    connection.execute(t.stock_event.insert(), [_event_line(event, now) for event in fresh])
                    accounts.add(fresh)
                n_new, n_known = n_new + len(fresh), n_known + len(known)
                clashes += [(told, held) for told, held in known if told.facts() != held.facts()]
            accounts.write()
        return Appended(n_new, n_known, tuple(clashes))

    def event(self, event_id: int) -> Event | None:
        """See `apps.ledger.LedgerStore`."""
        with self._transaction() as connection:
            row = connection.execute(select(*_EVENT_COLUMNS).where(_e.event_id == event_id)).mappings().first()
        return None if row is None else _event(row)

    def events(
        self,
        *,
        place: str = "",
        sku: str = "",
        kinds: Sequence[Kind] = (),
        since: datetime | None = None,
        is_live: bool = False,
    ) -> Iterator[Event]:
        """See `apps.ledger.LedgerStore`."""
        query = select(*_EVENT_COLUMNS).order_by(_e.at, _e.event_id)
        if place:
            query = query.where(_touches(place))
        if sku:
            query = query.where(_e.sku == sku)
        if kinds:
            query = query.where(_e.kind.in_(kinds))
        if since is not None:
            query = query.where(_e.at >= to_text(since))
        if is_live:
            query = query.where(_is_live())
        with self._transaction() as connection:
            yield from _stream(connection, query)

    # Balances

    def balances(self, *, place: str = "", sku: str = "") -> list[Balance]:
        """See `apps.ledger.LedgerStore`."""
        query = select(*(_b[name] for name in _BALANCE_FIELDS))
        if place:
            query = query.where(_b.site == site_of(place))
        if "/" in place:
            query = query.where(_inside(_b.place, place))
        if sku:
            query = query.where(_b.sku == sku)
        with self._transaction() as connection:
            found = [_balance(row) for row in connection.execute(query)]
        return sorted(found, key=lambda balance: (balance.place, balance.sku))

    def site_changes_since_counts(self, *, site: str = "", sku: str = "") -> dict[Account, int]:
        """Units by which events of a site itself changed a product since a shelf of the site was last counted.

        Only of products whose stock the site itself never knew: nothing received, moved in, counted or found.

        Args:
            site: Only of this; "" for all.
            sku: Only of this product; "" for all.

        Returns:
            By (site, SKU).
        """
        shelf = (
            select(_b.site, _b.sku, func.max(_b.counted_at).label("at"))
            .where(_b.place != _b.site, _b.counted_at.is_not(None))
            .group_by(_b.site, _b.sku)
            .subquery()
        )
        book = t.stock_balance.alias()
        unknown = and_(book.c.place == _e.site, book.c.sku == _e.sku, book.c.opened_at.is_(None))
        newer = and_(shelf.c.site == _e.site, shelf.c.sku == _e.sku, shelf.c.at < _e.at)
        query = select(*_EVENT_COLUMNS).join(shelf, newer).join(book, unknown).where(_e.place == _e.site, _is_live())
        query = _of(query, site, sku)
        changes: dict[Account, int] = {}
        with self._transaction() as connection:
            for event in _stream(connection, query):
                here = (event.place, event.sku)
                changes[here] = changes.get(here, 0) + event.change_at(event.place)
        return changes

    def units_sold(self, since: datetime, *, site: str = "", sku: str = "") -> dict[Account, tuple[int, datetime]]:
        """Units sold from a time on and the time of the first sale among them, by (site, SKU).

        Args:
            since: The time.
            site: Only in this; "" for all.
            sku: Only of this product; "" for all.
        """
        query = (
            select(_e.site, _e.sku, func.sum(_e.quantity), func.min(_e.at))
            .where(_e.kind == "sold", _e.at >= to_text(since), _is_live())
            .group_by(_e.site, _e.sku)
        )
        with self._transaction() as connection:
            rows = connection.execute(_of(query, site, sku))
            return {(where, what): (int(n), datetime.fromisoformat(first)) for where, what, n, first in rows}

    def sightings(self, place: str) -> list[Sighting]:
        """What the record shows of one place, the last reading of each photo."""
        with self._transaction() as connection:
            return sightings(connection, place)

    def folded(self) -> Iterator[Balance]:
        """Every balance as the events give it, whatever is kept; by SKU."""
        with self._transaction() as connection:
            yield from _fold_again(connection, select(*_EVENT_COLUMNS))

    def rebuild(self) -> None:
        """Throw the balances away and fold them again from the events."""
        with self._transaction(is_write=True) as connection:
            _lock_ledger(connection)
            connection.execute(t.stock_balance.delete())
            for chunk in _chunks(_fold_again(connection, select(*_EVENT_COLUMNS)), CHUNK_SIZE):
                connection.execute(t.stock_balance.insert(), [_balance_line(balance) for balance in chunk])


@dataclass
class _Accounts:
    """The accounts that an append touches: moved on event by event, written once at its end."""

    connection: Connection
    balances: dict[Account, Balance] = field(default_factory=dict)
    stale: set[Account] = field(default_factory=set)

    def add(self, fresh: Sequence[Event]) -> None:
        """Take events in that were written."""
        undone = [event.undoes for event in fresh if event.undoes is not None]
        if undone:
            query = select(*_EVENT_COLUMNS).where(_e.event_id.in_(undone))
            rows = self.connection.execute(query).mappings()
            self.stale |= {account for row in rows for account in _event(row).accounts()}
        grouped: dict[Account, list[Event]] = {}
        for event in sorted(fresh, key=lambda event: event.at):
            for account in event.accounts() if event.kind != "undone" else ():
                grouped.setdefault(account, []).append(event)
        self._load(grouped)
        for account, events in grouped.items():
            start = self.balances[account]
            if account in self.stale or (start.last_at is not None and events[0].at < start.last_at):
                self.stale.add(account)
            else:
                self.balances[account] = fold(events, start)

    def write(self) -> None:
        """Fold again what came out of order, and write all."""
        skus = sorted({sku for _, sku in self.stale})
        for some in _chunks(skus, CHUNK_SIZE):
            query = select(*_EVENT_COLUMNS).where(_e.sku.in_(some))
            for balance in _fold_again(self.connection, query):
                if (balance.place, balance.sku) in self.stale:
                    self.balances[balance.place, balance.sku] = balance
        b = t.stock_balance
        old = b.delete().where(_b.place == bindparam("old_place"), _b.sku == bindparam("old_sku"))
        for chunk in _chunks(self.balances.values(), CHUNK_SIZE):
            self.connection.execute(old, [{"old_place": x.place, "old_sku": x.sku} for x in chunk])
            self.connection.execute(b.insert(), [_balance_line(x) for x in chunk])

    def _load(self, wanted: Mapping[Account, object]) -> None:
        """The balances before this append of accounts that it had not met."""
        new = [account for account in wanted if account not in self.balances]
        self.balances |= {account: Balance(*account) for account in new}
        skus = sorted({sku for _, sku in new})
        query = select(*(_b[name] for name in _BALANCE_FIELDS)).where(_b.sku.in_(skus))
        places = sorted({place for place, _ in new})
        rows = self.connection.execute(query.where(_b.place.in_(places)))
        missing = set(new)
        self.balances |= {account: _balance(row) for row in rows if (account := (row.place, row.sku)) in missing}


def _fold_again(connection: Connection, query: Select[Any]) -> Iterator[Balance]:
    """The balances of the events of a query, product by product."""
    stream = _stream(connection, query.order_by(_e.sku, _e.event_id))
    for _, events in groupby(stream, key=lambda event: event.sku):
        yield from fold_all(events).values()


def _stream(connection: Connection, query: Select[Any]) -> Iterator[Event]:
    rows = connection.execute(query, execution_options={"yield_per": _STREAM_SIZE})
    for row in rows.mappings():
        yield _event(row)


def _without_known(connection: Connection, chunk: Sequence[Event]) -> tuple[list[Event], list[tuple[Event, Event]]]:
    """The events whose keys are new, the first of each, and the others with what the ledger has under their key."""
    query = select(*_EVENT_COLUMNS).where(_e.key.in_([event.key for event in chunk]))
    held = {row["key"]: _event(row) for row in connection.execute(query).mappings()}
    fresh: list[Event] = []
    known: list[tuple[Event, Event]] = []
    for event in chunk:
        if event.key in held:
            known.append((event, held[event.key]))
        else:
            held[event.key] = event
            fresh.append(event)
    return fresh, known


def _check_undoing(connection: Connection, fresh: Sequence[Event]) -> None:
    """What is undone must be there, and be no undoing."""
    wanted = {event.undoes for event in fresh if event.undoes is not None}
    if wanted:
        query = select(_e.event_id).where(_e.event_id.in_(wanted), _e.kind != "undone")
        missing = wanted - set(connection.scalars(query))
        if missing:
            raise BadInput(f"Event {min(missing)}: there is none of this number that could be undone.")


def _of(query: Select[Any], site: str, sku: str) -> Select[Any]:
    """Only the events of a site and of a product, "" for all."""
    query = query.where(_e.site == site) if site else query
    return query.where(_e.sku == sku) if sku else query


def _touches(place: str) -> ColumnElement[bool]:
    """Whether an event happened at a place or inside it, or brought something there."""
    here = _e.site == site_of(place)
    here = and_(here, _inside(_e.place, place)) if "/" in place else here
    return or_(here, and_(_e.to_place != "", _inside(_e.to_place, place)))


def _inside(column: ColumnElement[str], place: str) -> ColumnElement[bool]:
    return or_(column == place, func.substr(column, 1, len(place) + 1) == place + "/")


def _is_live() -> ColumnElement[bool]:
    undoing = t.stock_event.alias()
    is_undone = select(undoing.c.event_id).where(undoing.c.undoes == _e.event_id).exists()
    return and_(_e.kind != "undone", ~is_undone)


def _lock_ledger(connection: Connection) -> None:
    """One writer at a time, as in SQLite: a balance moves on from the one before."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE stock_balance IN EXCLUSIVE MODE")


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    several = iter(items)
    while chunk := list(islice(several, size)):
        yield chunk


def _event_line(event: Event, recorded_at: str) -> dict[str, Any]:
    return {
        "key": event.key,
        "kind": event.kind,
        "sku": event.sku,
        "site": site_of(event.place),
        "place": event.place,
        "quantity": event.quantity,
        "at": to_text(event.at),
        "author": event.author,
        "source": event.source,
        "note": event.note,
        "unit_price": event.unit_price,
        "currency": event.currency,
        "uncertainty": event.uncertainty,
        "to_place": event.to_place,
        "undoes": event.undoes,
        "recorded_at": recorded_at,
    }


def _event(row: RowMapping) -> Event:
    at, recorded_at = datetime.fromisoformat(row["at"]), datetime.fromisoformat(row["recorded_at"])
    return Event(**{**row, "at": at, "recorded_at": recorded_at})


def _balance_line(balance: Balance) -> dict[str, Any]:
    line: dict[str, Any] = {name: getattr(balance, name) for name in _BALANCE_FIELDS}
    times = {name: None if line[name] is None else to_text(line[name]) for name in _TIMES}
    return {**line, **times, "site": site_of(balance.place)}


def _balance(row: Any) -> Balance:
    times = (None if text is None else datetime.fromisoformat(text) for text in row[_FIRST_TIME:_PAST_TIMES])
    return Balance(*row[:_FIRST_TIME], *times, *row[_PAST_TIMES:])


def to_text(moment: datetime) -> str:
    """ISO 8601 in UTC at a fixed width, so that text sorts as time does."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
