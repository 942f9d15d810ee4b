"""Receipts, sales and counts from CSV files into the ledger.

A row is the same event when it is told again: by its id where the file has a column for it, else by all that it says
and by how often the file said so before. So a file that is imported again, that grew, or that was cut the first time
adds only what is new.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from facings.apps.ledger import Event, Kind, LedgerStore, make_key
from facings.apps.money import to_minor
from facings.apps.places import Site, check_place, read_moment, site_of
from facings.catalog import Names, Product
from facings.csv_table import read_table
from facings.errors import BadInput, FacingsError, Problem

COLUMNS = (
    "at", "date", "sku", "place", "store", "quantity", "kind", "price", "currency", "id", "to_place", "note", "author",
)  # fmt: skip
AUTHOR = "import"
MAX_AHEAD = timedelta(days=1)

# What a date alone means: goods come before the shop opens, stock is counted after it closes.
_DAY_BEGINS, _NOON, _DAY_ENDS = time(0), time(12), time(23, 59, 59)


@dataclass(frozen=True)
class LedgerImport:
    """What an import did.

    Args:
        n_new: Events written.
        n_known: Rows that the ledger had already.
        problems: Rows that were refused.
        undeclared: Sites whose times were read in the zone of the settings, as theirs was never set.
    """

    n_new: int
    n_known: int
    problems: tuple[Problem, ...]
    undeclared: tuple[str, ...]


def import_ledger(
    ledger: LedgerStore,
    path: Path,
    products: Mapping[str, Product],
    *,
    kind: Kind | None = None,
    place: str = "",
    default_site: Site,
    is_strict: bool = False,
) -> LedgerImport:
    """Read events from a CSV file into the ledger, in one transaction.

    The header names the columns in any order: `sku` (or GTIN, or name), `quantity`, `at` (or `date`), `place` (or
    `store`), and any of `kind`, `price` (of one unit), `currency`, `id`, `to_place`, `note`, `author`.

    Args:
        ledger: Where they are written.
        path: CSV, UTF-8 (with or without mark), comma, semicolon or tab.
        products: The catalog by SKU; other products are refused.
        kind: Of all rows, where the file has no such column.
        place: Of all rows, where the file has no such column.
        default_site: Gives zone and currency to sites that were never set.
        is_strict: With one bad row, import none.

    Raises:
        BadInput: The file cannot be read as such a table, or `is_strict` and a row is bad.
    """
    rows = _Rows(path, Names(products), products, ledger.sites(), default_site, kind, place)
    done = ledger.append(rows.events(is_strict=is_strict))
    for told, held in done.clashes:
        message = (
            f"this id stands in the ledger for another event ({held.kind} {held.quantity} on {held.at:%Y-%m-%d %H:%M} "
            f"UTC, from {held.source}); this row was left out."
        )
        rows.problems.append(Problem(f"{path}:{told.source.rpartition(':')[2]}", BadInput.code, message))
    problems = sorted(rows.problems, key=line_of)
    return LedgerImport(done.n_new, done.n_known - len(done.clashes), tuple(problems), tuple(sorted(rows.undeclared)))


def line_of(problem: Problem) -> int:
    """The line of a file that a problem of a row is about."""
    return int(problem.where.rpartition(":")[2])


@dataclass
class _Rows:
    """A file on its way into the ledger."""

    path: Path
    names: Names
    products: Mapping[str, Product]
    sites: Mapping[str, Site]
    default_site: Site
    kind: Kind | None
    place: str
    problems: list[Problem] = field(default_factory=list)
    undeclared: set[str] = field(default_factory=set)
    n_told: Counter[str] = field(default_factory=Counter)

    def events(self, *, is_strict: bool) -> Iterator[Event]:
        """The good rows as events; the others become problems."""
        data = _read(self.path)
        source = f"{self.path.name}@{hashlib.sha256(data).hexdigest()[:8]}"
        latest = datetime.now(UTC) + MAX_AHEAD
        for line, fields, is_cut in self._rows(is_whole=data.endswith((b"\n", b"\r"))):
            try:
                if is_cut:
                    raise BadInput(
                        "the file ends without a line end, so this row may be cut; export it again, or end the line."
                    )
                event = self._event(fields, f"{source}:{line}")
                if event.at > latest:
                    raise BadInput(f"Time {event.at:%Y-%m-%d %H:%M} UTC: lies in the future.")
            except FacingsError as error:
                self.problems.append(Problem(f"{self.path}:{line}", error.code, str(error)))
            else:
                yield event
        if is_strict and self.problems:
            first = self.problems[0]
            raise BadInput(
                f"{first.where}: {first.message} {len(self.problems)} bad rows in all; nothing was imported (--strict)."
            )

    def _rows(self, *, is_whole: bool) -> Iterator[tuple[int, dict[str, str], bool]]:
        """Line, fields, and whether it is the last of a file whose end may be missing."""
        held: tuple[int, dict[str, str]] | None = None
        for row in read_table(self.path, self.problems, needed=("sku", "quantity"), allowed=COLUMNS):
            if held is None:
                self._check_columns(row[1])
            else:
                yield (*held, False)
            held = row
        if held is not None:  # unless the last row was too short, and refused for that already
            is_last = not any(line_of(problem) > held[0] for problem in self.problems)
            yield (*held, not is_whole and is_last)

    def _check_columns(self, fields: Mapping[str, str]) -> None:
        """Time, place and kind must be told by the file or for the whole file, and one way only."""
        for one, other in (("at", "date"), ("place", "store")):
            if one in fields and other in fields:
                raise BadInput(f"{self.path}:1: got columns {one} and {other}, wanted one of them.")
        if not {"at", "date"} & fields.keys():
            raise BadInput(f"{self.path}:1: no column says when; wanted at or date.")
        if not {"place", "store"} & fields.keys() and not self.place:
            raise BadInput(f"{self.path}:1: no column says where; wanted place or store.", "Or give --place for all.")
        if "kind" not in fields and self.kind is None:
            raise BadInput(
                f"{self.path}:1: no column says what happened; wanted kind.",
                "Or give --kind sold (or another) for all.",
            )

    def _event(self, fields: Mapping[str, str], source: str) -> Event:
        kind: Kind = fields.get("kind", "").lower() or self.kind or ""  # type: ignore[assignment]
        if kind == "undone":
            raise BadInput("Event kind 'undone': a file tells what happened.", "To undo: facings inventory undo.")
        place = check_place(fields.get("place") or fields.get("store") or self.place)
        sku = self.names.sku(fields["sku"])
        if sku not in self.names:
            raise BadInput(
                f"SKU {fields['sku']!r}: not in the catalog; left out.", "Import the catalog, then this again."
            )
        site = self._site(place)
        at = read_moment(fields.get("at") or fields.get("date") or "", site, _time_of_date(kind))
        price, currency = self._price(fields, site, self.products[sku])
        event = Event(
            kind=kind,
            sku=sku,
            place=place,
            quantity=_whole(fields["quantity"]),
            at=at,
            author=fields.get("author") or AUTHOR,
            source=source,
            key="-",
            note=fields.get("note", ""),
            unit_price=price,
            currency=currency,
            to_place=fields.get("to_place", ""),
        )
        return event.with_key(self._key(event, fields.get("id", "")))

    def _key(self, event: Event, given_id: str) -> str:
        if given_id:
            return make_key("id", event.kind, site_of(event.place), event.sku, given_id)
        said = make_key("row", *event.facts())
        self.n_told[said] += 1
        return make_key(said, self.n_told[said])

    def _site(self, place: str) -> Site:
        name = site_of(place)
        if name in self.sites:
            return self.sites[name]
        self.undeclared.add(name)
        return self.default_site

    def _price(self, fields: Mapping[str, str], site: Site, product: Product) -> tuple[int | None, str]:
        text = fields.get("price", "")
        if not text:
            return None, ""
        currency = fields.get("currency") or site.currency or product.currency
        if not currency:
            raise BadInput(f"Price {text}: in which currency? Neither row, site nor product says.")
        return to_minor(text, currency), currency


def _time_of_date(kind: str) -> time:
    return {"received": _DAY_BEGINS, "counted": _DAY_ENDS}.get(kind, _NOON)


def _whole(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,10}", text):
        raise BadInput(f"Quantity {text!r}: wanted a whole number of units.")
    return int(text)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or error}).") from error
