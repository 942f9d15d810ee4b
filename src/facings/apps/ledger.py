"""The stock ledger: events are appended and never changed; stock on hand is a fold over them.

An account is one product at one exact place, or in a whole site. Its stock is the last count (or 0) and every signed
event since, in the order of the events' own times, at equal times in order of arrival. What comes and goes at a shelf
comes and goes in its site too; a count of a shelf says nothing of the site. Nothing is clipped: below zero means that
more left than was known to be there, and the balance says since when.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, Protocol, get_args

from facings.apps.money import check_currency
from facings.apps.places import SiteStore, check_place, site_of
from facings.catalog import MAX_SKU_LENGTH
from facings.errors import BadInput, Problem, StoreFailed

Kind = Literal["received", "sold", "counted", "adjusted", "moved", "expired", "undone"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MAX_QUANTITY = 10**9
Account = tuple[str, str]  # place, SKU
_OUT = frozenset({"sold", "expired", "moved"})


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to stock, or that somebody counted.

    Args:
        kind: What happened. `counted` sets the stock, `adjusted` adds to it with a sign, `undone` takes another event
            out of the fold.
        sku: The product.
        place: The site or finer; for `moved`, where from.
        quantity: Units: above 0; for `counted` 0 or more; for `adjusted` with a sign; for `undone` 0.
        at: When it happened, aware.
        author: Who says so: a person, or "import" or "scan".
        source: What it comes from: file and line, the readings of a scan, or "" for a person's word.
        key: What makes it the same event when it is told again.
        note: Why, in the author's words.
        unit_price: Of one unit in minor units of `currency`: paid for `received`, asked for `sold`; None when not told.
        currency: ISO 4217 code, "" without a price.
        uncertainty: A `counted` quantity may be wrong by so many units either way.
        to_place: For `moved`, where to.
        undoes: For `undone`, the number of the event taken out.
        event_id: Its number in the ledger, in order of arrival; None before it is written.
        recorded_at: When it was written, aware UTC; None before it is.
    """

    kind: Kind
    sku: str
    place: str
    quantity: int
    at: datetime
    author: str
    source: str
    key: str
    note: str = ""
    unit_price: int | None = None
    currency: str = ""
    uncertainty: int = 0
    to_place: str = ""
    undoes: int | None = None
    event_id: int | None = field(default=None, compare=False)
    recorded_at: datetime | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_place(self.place)
        _check_quantity(self)
        if not self.sku or len(self.sku) > MAX_SKU_LENGTH or not self.author.strip() or not self.key:
            raise BadInput(f"Event of {self.sku[:24]!r}: wanted a SKU, an author and a key.")
        if self.at.utcoffset() is None:
            raise BadInput(f"Event of {self.sku!r}: got a time without zone, wanted an aware one.")
        if (self.kind == "moved") != bool(self.to_place) or self.to_place == self.place:
            raise BadInput(f"Event of {self.sku!r}: wanted another place to go to for 'moved', and for no other kind.")
        if (self.kind == "undone") != (self.undoes is not None):
            raise BadInput(f"Event of {self.sku!r}: wanted the event it undoes for 'undone', and for no other kind.")
        if self.to_place:
            check_place(self.to_place)
        if self.unit_price is not None:
            check_currency(self.currency)

    def accounts(self) -> tuple[Account, ...]:
        """The accounts whose stock it changes, as (place, SKU); for all kinds but `undone`."""
        if self.kind == "counted" or not ("/" in self.place or self.to_place):
            return ((self.place, self.sku),)
        ends = (self.place, self.to_place) if self.to_place else (self.place,)
        places = dict.fromkeys(place for end in ends for place in (end, site_of(end)))
        return tuple((place, self.sku) for place in places)

    def change_at(self, place: str) -> int:
        """Units by which it changes the stock of its product in the account of a place; for all kinds but `counted`."""
        if self.kind == "moved":
            came, went = (place in {end, site_of(end)} for end in (self.to_place, self.place))
            return self.quantity * (came - went)
        return -self.quantity if self.kind in _OUT else self.quantity

    def opens(self, place: str) -> bool:
        """Whether stock is known of at a place, itself, since this event: something came there, or was counted."""
        if self.kind == "moved":
            return self.to_place == place
        return self.place == place and (
            self.kind in {"received", "counted"} or (self.kind == "adjusted" and self.quantity > 0)
        )

    def with_key(self, key: str) -> Event:
        """The same under another key."""
        return replace(self, key=key)

    def facts(self) -> tuple[object, ...]:
        """What it says happened, whoever says it and wherever it stands written."""
        return (self.kind, self.sku, self.place, self.to_place, self.quantity, self.at, self.unit_price, self.currency)


@dataclass(frozen=True, slots=True)
class Balance:
    """The state of an account after its last event.

    Args:
        place: Of the account.
        sku: Of the account.
        on_hand: Units; below zero when more left than was known to be there.
        uncertainty: Of the last count, ± units.
        n_events: How many events it took, without those undone.
        last_at: Time of the last of them; None for none.
        counted_at: Time of the last count; None if it was never counted.
        opened_at: When stock was first known at the place itself: received, moved in, counted, or adjusted upwards.
        first_sold_at: Time of the first sale.
        empty_since: Since when there is nothing (0 or less); None while there is something.
        short_since: Since when it is below zero; None while it is not.
        unit_cost: Paid for the last units received, in minor units of `cost_currency`; None when never told.
        cost_currency: ISO 4217 code, "" without a cost.
    """

    place: str
    sku: str
    on_hand: int = 0
    uncertainty: int = 0
    n_events: int = 0
    last_at: datetime | None = None
    counted_at: datetime | None = None
    opened_at: datetime | None = None
    first_sold_at: datetime | None = None
    empty_since: datetime | None = None
    short_since: datetime | None = None
    unit_cost: int | None = None
    cost_currency: str = ""

    @property
    def is_site(self) -> bool:
        """Whether this account is the site's own, rather than one of a fixture in it."""
        return "/" not in self.place

    @property
    def sold_before_stock_since(self) -> datetime | None:
        """Time of the first sale if no stock was known of by then."""
        sold = self.first_sold_at
        return sold if sold and (self.opened_at is None or sold < self.opened_at) else None


def fold(events: Iterable[Event], start: Balance) -> Balance:
    """The balance of one account after more events.

    Args:
        events: Of this account, in order of time, then arrival; no earlier than `start.last_at`. Without events that
            were undone, and without their undoing.
        start: The balance so far; `Balance(place, sku)` at the beginning.
    """
    on_hand, uncertainty, n_events = start.on_hand, start.uncertainty, start.n_events
    last_at, counted_at, opened_at, sold_at = start.last_at, start.counted_at, start.opened_at, start.first_sold_at
    empty, short, cost, currency = start.empty_since, start.short_since, start.unit_cost, start.cost_currency
    for event in events:
        n_events, last_at = n_events + 1, event.at
        if event.kind == "counted":
            on_hand, uncertainty, counted_at = event.quantity, event.uncertainty, event.at
        else:
            on_hand += event.change_at(start.place)
        if event.kind == "received" and event.unit_price is not None:
            cost, currency = event.unit_price, event.currency
        if event.kind == "sold":
            sold_at = sold_at or event.at
        elif opened_at is None and event.opens(start.place):
            opened_at = event.at
        empty = None if on_hand > 0 else empty or event.at
        short = None if on_hand >= 0 else short or event.at
    return Balance(
        start.place, start.sku, on_hand, uncertainty, n_events, last_at, counted_at, opened_at, sold_at, empty, short,
        cost, currency,
    )  # fmt: skip


def fold_all(events: Iterable[Event]) -> dict[Account, Balance]:
    """The balance of every account that the events touch, as (place, sku); an account of undone events only is empty.

    Args:
        events: In order of arrival.
    """
    arrived = list(events)
    gone = {event.undoes for event in arrived if event.undoes is not None}
    told = [event for event in arrived if event.kind != "undone"]
    accounts: dict[Account, list[Event]] = {account: [] for event in told for account in event.accounts()}
    lives = (event for event in told if event.event_id not in gone)
    for event in sorted(lives, key=lambda event: event.at):  # stable: at equal times in order of arrival
        for account in event.accounts():
            accounts[account].append(event)
    return {account: fold(several, Balance(*account)) for account, several in accounts.items()}


@dataclass(frozen=True)
class Appended:
    """What an append did.

    Args:
        n_new: Events written.
        n_known: Events that were there already, by their keys.
        clashes: Of those, the ones that now tell something else: (as told now, as the ledger has it).
    """

    n_new: int
    n_known: int
    clashes: tuple[tuple[Event, Event], ...] = ()


class LedgerStore(SiteStore, Protocol):
    """Where events are kept. There is no way to change or delete one."""

    def append(self, events: Iterable[Event]) -> Appended:
        """Write events in one transaction, whole or not at all, passing over those whose keys are there."""
        ...

    def event(self, event_id: int) -> Event | None:
        """One event by its number."""
        ...

    def events(
        self,
        *,
        place: str = "",
        sku: str = "",
        kinds: Sequence[Kind] = (),
        since: datetime | None = None,
        is_live: bool = False,
    ) -> Iterator[Event]:
        """Events in order of their times, then of arrival.

        Args:
            place: Only at this place and inside it; "" for everywhere.
            sku: Only of this product; "" for all.
            kinds: Only these; none for all.
            since: Only at this time and later.
            is_live: Without those that were undone and without the undoing.
        """
        ...

    def balances(self, *, place: str = "", sku: str = "") -> list[Balance]:
        """The balances of accounts by place, then SKU.

        Args:
            place: Only at this place and inside it; "" for everywhere.
            sku: Only of this product; "" for all.
        """
        ...

    def folded(self) -> Iterator[Balance]:
        """Every balance as the events give it, whatever is kept, in any order."""
        ...

    def rebuild(self) -> None:
        """Throw the balances away and fold them again from the events, in one transaction."""
        ...


@dataclass(frozen=True)
class LedgerVerification:
    """Whether the balances are what the events fold to: how many accounts there are, and which are not."""

    n_accounts: int
    problems: tuple[Problem, ...]


def verify_ledger(ledger: LedgerStore) -> LedgerVerification:
    """Fold every event again and compare with the balances that are kept."""
    kept = {(balance.place, balance.sku): balance for balance in ledger.balances()}
    problems, n_accounts = [], 0
    for right in ledger.folded():
        n_accounts += 1
        held = kept.pop((right.place, right.sku), None)
        if held != right:
            found = "no balance" if held is None else f"a balance of {held.on_hand}"
            problems.append(
                _fault(right.place, right.sku, f"found {found}, its {right.n_events} events say {right.on_hand}.")
            )
    problems += [_fault(place, sku, "found a balance, but there is no event of it.") for place, sku in kept]
    return LedgerVerification(n_accounts, tuple(problems))


def _fault(place: str, sku: str, message: str) -> Problem:
    return Problem(f"{sku} at {place}", StoreFailed.code, message)


def make_key(*parts: object) -> str:
    """A key of 128 bits of SHA-256 over what identifies an event."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def undoing(event: Event, *, author: str, at: datetime, note: str = "") -> Event:
    """The event that takes another one out of the fold.

    Raises:
        BadInput: It is an undoing itself.
    """
    if event.kind == "undone":
        raise BadInput(
            f"Event {event.event_id} is an undoing itself and cannot be undone.", "Tell again what happened instead."
        )
    return Event(
        "undone", event.sku, event.place, 0, at, author, f"event {event.event_id}", make_key("undo", event.event_id),
        note, undoes=event.event_id,
    )  # fmt: skip


def undo(ledger: LedgerStore, event_id: int, *, author: str, note: str = "") -> Event:
    """Take an event out of the fold by a new event, and give the one taken out; it stays in the ledger.

    Raises:
        BadInput: There is no such event, it was undone already, or it is an undoing.
    """
    event = ledger.event(event_id)
    if event is None:
        raise BadInput(f"Event {event_id}: the ledger has none of this number.", "facings inventory events shows them.")
    if not ledger.append([undoing(event, author=author, at=datetime.now(UTC), note=note)]).n_new:
        raise BadInput(f"Event {event_id} was undone already; nothing was changed.")
    return event


def correct(
    ledger: LedgerStore, sku: str, place: str, quantity: int, *, author: str, note: str = "", at: datetime | None = None
) -> Event:
    """A person says how many there are: a count, so that two who correct the same do not add up.

    Args:
        ledger: Where it is written.
        sku: The product.
        place: Whose account.
        quantity: Units there.
        author: Who says so.
        note: Why.
        at: When they were counted; None for now.
    """
    now = datetime.now(UTC)
    event = Event(
        "counted",
        sku,
        place,
        quantity,
        at or now,
        author,
        "",
        make_key("person", author, now.isoformat(), sku, place),
        note,
    )
    ledger.append([event])
    return event


def site_accounts(balances: Iterable[Balance]) -> dict[Account, list[Balance]]:
    """Balances by (site, sku)."""
    grouped: dict[Account, list[Balance]] = {}
    for balance in balances:
        grouped.setdefault((site_of(balance.place), balance.sku), []).append(balance)
    return grouped


def _check_quantity(event: Event) -> None:
    n = event.quantity
    fits = {"counted": n >= 0, "adjusted": n != 0, "undone": n == 0}.get(event.kind, n > 0)
    if event.kind not in KINDS:
        raise BadInput(f"Event kind {event.kind!r}: wanted one of {', '.join(KINDS)}.")
    if not fits or abs(n) > MAX_QUANTITY:
        wanted = {"counted": "0 or more", "adjusted": "a number with its sign, not 0", "undone": "0"}
        hint = "Book what came back as received." if event.kind == "sold" and n < 0 else ""
        raise BadInput(f"Quantity {n} of {event.kind!r}: wanted {wanted.get(event.kind, 'above 0')}.", hint)
    if event.uncertainty < 0 or (event.uncertainty and event.kind != "counted"):
        raise BadInput(f"Uncertainty {event.uncertainty} of {event.kind!r}: wanted 0 or more, and of counts only.")
