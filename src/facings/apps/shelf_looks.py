"""From the events of one product in one shop to the looks at each of its shelves, as `depletion` takes them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime

from facings.apps.ledger import Event
from facings.apps.scan import AUTHOR
from facings.apps.shelf_course import ShelfLook
from facings.apps.shelf_depth import facings_of, shelf_depth

_HOME_FRAC = 0.15
_MOVING = frozenset({"received", "moved", "adjusted", "expired"})


def shelf_looks(
    events: Sequence[Event],
    depth: int | None,
    *,
    till: tuple[datetime, datetime] | None,
    scans: Mapping[str, Sequence[datetime]],
) -> dict[str, tuple[int, list[ShelfLook]]]:
    """By place, units behind one another and the looks there in order of time.

    Sales of the shop are those of the shelf where it is the only one. A count of a whole shop by a person is a look at
    no shelf, as it counts the stockroom too.

    Args:
        events: Live ones of one product in one shop, in order of time.
        depth: Units behind one another at a facing, as the catalog says; None where it is silent.
        till: From when until when sales are told; None when they are not.
        scans: By place, when it was scanned, in order. A scan that counted others and not this one showed none of it:
            nothing is written of a product that was not seen for long.
    """
    counts: dict[str, list[Event]] = {}
    for event in events:
        if event.kind == "counted" and ("/" in event.place or event.author == AUTHOR):
            counts.setdefault(event.place, []).append(event)
    shown = {place: sum(event.quantity > 0 for event in several) for place, several in counts.items()}
    # Where it was seen now and then and its home is elsewhere, a unit was put down or recognition erred.
    counts = {place: counts[place] for place, n in shown.items() if n >= _HOME_FRAC * max(shown.values())}
    return {
        place: _looks(place, several, events, depth, till if len(counts) == 1 else None, scans.get(place, ()))
        for place, several in counts.items()
    }


def _looks(
    place: str,
    counts: list[Event],
    events: Sequence[Event],
    depth: int | None,
    till: tuple[datetime, datetime] | None,
    scans: Sequence[datetime],
) -> tuple[int, list[ShelfLook]]:
    deep = shelf_depth(depth, counts)
    times = [event.at for event in events]
    looks: list[ShelfLook] = []
    for at, count in _with_scans(counts, scans):
        since = looks[-1].at if looks else None
        between = events[bisect_right(times, since) : bisect_right(times, at)] if since else ()
        sales = [e for e in between if e.kind == "sold" and (till or e.place == place)]
        is_told = till is not None and since is not None and till[0] <= since and at <= till[1]
        moved = [e for e in between if e.kind in _MOVING and place in {e.place, e.to_place}]
        looks.append(
            ShelfLook(
                at,
                n_facings=facings_of(count, deep) if count and count.author == AUTHOR else None if count else 0,
                n_units=count.quantity if count and count.author != AUTHOR else None,
                n_sold=sum(e.quantity for e in sales) if is_told or sales else None,
                n_brought=sum(e.change_at(place) for e in moved),
                sold_between=(sales[0].at, sales[-1].at) if sales else None,
            )
        )
    return deep, looks


def _with_scans(counts: Sequence[Event], scans: Sequence[datetime]) -> list[tuple[datetime, Event | None]]:
    """The counts, and between the first and the last of them the scans that counted none, in order of time."""
    counted = {event.at for event in counts}
    first, last = bisect_right(scans, counts[0].at), bisect_right(scans, counts[-1].at)
    unseen = [(at, None) for at in scans[first:last] if at not in counted]
    return sorted([*((event.at, event) for event in counts), *unseen], key=lambda look: look[0])
