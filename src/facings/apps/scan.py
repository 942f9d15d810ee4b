"""Scans: the photos of one place at one moment become one count of each product on it.

The counts follow from the record alone, so a scan can be recorded again at any time: what is the same stays, what the
record now says otherwise is undone and counted anew. Photos of a place that lie within a window belong together; a
product counts as often as in the one photo of them that shows it most, so that what two photos show is counted once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from facings.apps.ledger import Event, LedgerStore, make_key, undoing
from facings.apps.shelf_depth import UNKNOWN, learn_depths, say_how
from facings.catalog import Product

AUTHOR = "scan"
N_EXPECTED = 6  # a product is expected at a place for so many scans after it was last there


@dataclass(frozen=True)
class Sighting:
    """What one photo shows of a place.

    Args:
        reading_id: Its line in the record, the last of this photo at this place.
        photo_id: SHA-256 of the photo.
        seen_at: When it was taken, aware.
        n_facings: By SKU, boxes accepted as this product.
        n_doubtful: By SKU, boxes that may be this product: ambiguous ones name their two best, unknown ones their best.
        n_nameless: Boxes that may be anything.
    """

    reading_id: int
    photo_id: str
    seen_at: datetime
    n_facings: Mapping[str, int]
    n_doubtful: Mapping[str, int] = field(default_factory=dict)
    n_nameless: int = 0


@dataclass(frozen=True)
class Scan:
    """What was counted at one place at one moment.

    Args:
        at: Time of its last photo.
        photo_ids: Its photos, by time.
        counts: One event a product, by SKU; those that were on the place lately and are not now count 0.
        n_overlapping: Facings that more than one of its photos showed, counted once.
    """

    at: datetime
    photo_ids: tuple[str, ...]
    counts: tuple[Event, ...]
    n_overlapping: int


@dataclass(frozen=True)
class ScanDone:
    """What recording scans did.

    Args:
        scans: Those that hold one of the photos asked for.
        n_new: Counts written.
        n_replaced: Counts undone, as the record now says otherwise.
    """

    scans: tuple[Scan, ...]
    n_new: int
    n_replaced: int


def record_scans(
    ledger: LedgerStore,
    place: str,
    sightings: Iterable[Sighting],
    photo_ids: Iterable[str],
    products: Mapping[str, Product],
    *,
    window: timedelta,
    depth: int | None = None,
) -> ScanDone:
    """Bring the counts of a place into line with what the record shows of it, in one transaction.

    Only scans from the first of the photos asked for on are looked at: what came before them stays as it is.

    Args:
        ledger: Where they are written.
        place: The place.
        sightings: All the record has of it.
        photo_ids: The photos asked for.
        products: The catalog by SKU, for depths.
        window: Photos within so long of the first belong to one scan.
        depth: Units behind one another, for the photos asked for; None for what the catalog says, or else what people's
            counts of this place show.
    """
    asked = set(photo_ids)
    groups = group_scans(sightings, window)
    first = next((n for n, group in enumerate(groups) if _has(group, asked)), None)
    if first is None:  # every photo failed, say: that tells nothing of the place
        return ScanDone((), 0, 0)
    before = groups[max(0, first - N_EXPECTED) : first]
    since = before[0][0].seen_at if first >= N_EXPECTED else None
    others, old = _held(ledger, place, since=since, counted_since=groups[first][0].seen_at)
    present: dict[str, int] = {}
    for group in before:
        _take_in(present, others, until=group[-1].seen_at)
        _pass_by(present, group)
    touched, fresh = [], []
    shown = {sku for group in groups[first:] for sighting in group for sku in sighting.n_facings}
    learned = _learned(ledger, place, shown, products)
    for group in groups[first:]:
        is_asked = _has(group, asked)
        _take_in(present, others, until=group[-1].seen_at)
        scan = _count(place, group, present, _depths(products, learned, depth if is_asked else None))
        kept = tuple(_kept(count, old, is_exact=is_asked and depth is not None) for count in scan.counts)
        _pass_by(present, group)
        fresh += [count for count in kept if count.event_id is None]
        touched += [replace(scan, counts=kept)] if is_asked else []
    return _written(ledger, touched, fresh, [event for several in old.values() for event in several])


def _has(group: Iterable[Sighting], photo_ids: set[str]) -> bool:
    return any(sighting.photo_id in photo_ids for sighting in group)


def _written(
    ledger: LedgerStore, touched: Iterable[Scan], fresh: Iterable[Event], replaced: Sequence[Event]
) -> ScanDone:
    now = datetime.now(UTC)
    note = "the record says otherwise now"
    undone = [undoing(event, author=AUTHOR, at=now, note=note) for event in replaced]
    done = ledger.append([*undone, *(_with_key(event, replaced) for event in fresh)])
    return ScanDone(tuple(touched), done.n_new - len(undone), len(undone))


def group_scans(sightings: Iterable[Sighting], window: timedelta) -> list[list[Sighting]]:
    """Photos by scan, by time: a scan is its first photo and those that follow within the window."""
    groups: list[list[Sighting]] = []
    for sighting in sorted(sightings, key=lambda s: (s.seen_at, s.reading_id)):
        if groups and sighting.seen_at - groups[-1][0].seen_at <= window:
            groups[-1].append(sighting)
        else:
            groups.append([sighting])
    return groups


def _held(
    ledger: LedgerStore, place: str, *, since: datetime | None, counted_since: datetime
) -> tuple[list[Event], dict[tuple[datetime, str], list[Event]]]:
    """What the ledger has of a place: what others said, and the scans' own counts since a time, by time and SKU."""
    others: list[Event] = []
    old: dict[tuple[datetime, str], list[Event]] = {}
    for event in ledger.events(place=place, since=since, is_live=True):
        if event.author != AUTHOR and place in {event.place, event.to_place}:
            others.append(event)
        elif event.place == place and event.kind == "counted" and event.at >= counted_since:
            old.setdefault((event.at, event.sku), []).append(event)
    return others, old


def _count(
    place: str, group: Sequence[Sighting], present: Mapping[str, int], depth_of: Callable[[str], tuple[int, str]]
) -> Scan:
    """The scan that photos make, as counts."""
    source = "readings " + ",".join(str(sighting.reading_id) for sighting in group)
    counts = []
    for sku in sorted(set(present).union(*(sighting.n_facings for sighting in group))):
        n_facings = max(sighting.n_facings.get(sku, 0) for sighting in group)
        most = max(s.n_facings.get(sku, 0) + s.n_doubtful.get(sku, 0) + s.n_nameless for s in group)
        units, whence = depth_of(sku)
        counts.append(
            Event(
                "counted",
                sku,
                place,
                n_facings * units,
                group[-1].seen_at,
                AUTHOR,
                source,
                key="-",
                note=say_how(n_facings, units, whence),
                uncertainty=(most - n_facings) * units,
            )
        )
    shown = sum(n for sighting in group for n in sighting.n_facings.values())
    counted = sum(max(s.n_facings.get(event.sku, 0) for s in group) for event in counts)
    return Scan(group[-1].seen_at, tuple(s.photo_id for s in group), tuple(counts), shown - counted)


def _take_in(present: dict[str, int], others: list[Event], *, until: datetime) -> None:
    """What people counted at or brought to the place before a scan is expected in it too.

    Args:
        present: Products that are expected, and for how many scans more.
        others: What people said, by time; what was taken in is gone.
        until: The scan.
    """
    while others and others[0].at <= until:
        event = others.pop(0)
        if event.kind == "counted" and event.quantity == 0:
            present.pop(event.sku, None)
        elif event.kind == "counted" or event.change_at(event.to_place or event.place) > 0:
            present[event.sku] = N_EXPECTED


def _pass_by(present: dict[str, int], group: Sequence[Sighting]) -> None:
    """What a scan shows is expected in the next ones; what it does not show, for one scan less."""
    seen = {sku for sighting in group for sku, n in sighting.n_facings.items() if n}
    for sku in [*present]:
        present[sku] -= 1
        if not present[sku]:
            del present[sku]
    present.update(dict.fromkeys(seen, N_EXPECTED))


def _kept(count: Event, old: dict[tuple[datetime, str], list[Event]], *, is_exact: bool) -> Event:
    """The count as the ledger has it already, taken out of `old`, or the new one.

    The same photos give the same facings; their depth was said when they were scanned, and stays unless said anew.
    """
    several = old.get((count.at, count.sku), [])
    for held in several:
        same = held.facts() == count.facts() and held.uncertainty == count.uncertainty
        if held.source == count.source and (same or not is_exact):
            several.remove(held)
            return held
    return count


def _with_key(count: Event, replaced: Sequence[Event]) -> Event:
    """A key by what was counted; a count that replaces others is another one than the same count before them."""
    instead_of = [event.event_id for event in replaced if event.sku == count.sku]
    return count.with_key(make_key(AUTHOR, *count.facts(), count.uncertainty, count.source, *instead_of))


def _learned(
    ledger: LedgerStore, place: str, skus: set[str], products: Mapping[str, Product]
) -> dict[str, tuple[int, int]]:
    """Depths that people's counts of a place show; nothing is asked where the catalog knows them all."""
    if all(sku in products and products[sku].depth for sku in skus):
        return {}
    return learn_depths(ledger.events(place=place, kinds=["counted"], is_live=True))


def _depths(
    products: Mapping[str, Product], learned: Mapping[str, tuple[int, int]], depth: int | None
) -> Callable[[str], tuple[int, str]]:
    def depth_of(sku: str) -> tuple[int, str]:
        """Units behind one another, and who says so."""
        known = products[sku].depth if sku in products else None
        if depth is not None:
            return depth, "as given"
        if known is None and sku in learned:
            units, n_counts = learned[sku]
            return units, f"learned from {n_counts} {'count' if n_counts == 1 else 'counts'}"
        return (known, "catalog") if known is not None else (UNKNOWN, "not known")

    return depth_of
