"""From the events of one product in one shop to the looks at each of its shelves, as `depletion` takes them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime

from facings.apps.depletion import ShelfLook
from facings.apps.ledger import Event
from facings.apps.scan import AUTHOR

_HOME_FRAC = 0.15
_MOVING = frozenset({"received", "moved", "adjusted", "expired"})


def shelf_looks(
    events: Sequence[Event], depth: int, *, till: tuple[datetime, datetime] | None
) -> dict[str, tuple[int, list[ShelfLook]]]:
    """By place, units behind one another and the looks there in order of time.

    Sales of the shop are those of the shelf where it is the only one. A count of a whole shop by a person is a look at
    no shelf, as it counts the stockroom too.

    Args:
        events: Live ones of one product in one shop, in order of time.
        depth: Units behind one another at a facing, as the catalog says.
        till: From when until when sales are told; None when they are not.
    """
    counts: dict[str, list[Event]] = {}
    for event in events:
        if event.kind == "counted" and ("/" in event.place or event.author == AUTHOR):
            counts.setdefault(event.place, []).append(event)
    shown = {place: sum(event.quantity > 0 for event in several) for place, several in counts.items()}
    # Where it was seen now and then and its home is elsewhere, a unit was put down or recognition erred.
    counts = {place: counts[place] for place, n in shown.items() if n >= _HOME_FRAC * max(shown.values())}
    return {
        place: _looks(place, several, events, depth, till if len(counts) == 1 else None)
        for place, several in counts.items()
    }


def _looks(
    place: str, counts: list[Event], events: Sequence[Event], depth: int, till: tuple[datetime, datetime] | None
) -> tuple[int, list[ShelfLook]]:
    by_photo = [event.quantity for event in counts if event.author == AUTHOR]
    deep = depth if all(quantity % depth == 0 for quantity in by_photo) else 1  # they were counted with another depth
    times = [event.at for event in events]
    looks: list[ShelfLook] = []
    for count in counts:
        since = looks[-1].at if looks else None
        between = events[bisect_right(times, since) : bisect_right(times, count.at)] if since else ()
        sold = sum(e.quantity for e in between if e.kind == "sold" and (till or e.place == place))
        is_told = till is not None and since is not None and till[0] <= since and count.at <= till[1]
        is_photo = count.author == AUTHOR
        moved = [e for e in between if e.kind in _MOVING and place in {e.place, e.to_place}]
        looks.append(
            ShelfLook(
                count.at,
                n_facings=count.quantity // deep if is_photo else None,
                n_units=None if is_photo else count.quantity,
                n_sold=sold if is_told or sold else None,
                n_brought=sum(e.change_at(place) for e in moved),
            )
        )
    return deep, looks
