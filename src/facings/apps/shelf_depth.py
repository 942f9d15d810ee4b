"""Units behind one another at a facing: what a scan's count says of it, and what people's counts teach where the
catalog is silent.

A photo shows fronts. Where somebody counted 12 units at a shelf of which a photo of the same hours shows 3 facings, 4
stand behind one another, and the next scans count so. Of several such counts the median holds (the higher of two: a
shelf is rather half empty than overfull), so that one slip of a pen changes nothing.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable
from datetime import timedelta

from facings.apps.ledger import Event

UNKNOWN = 1
_CLOSE = timedelta(hours=4)
_NOTE = re.compile(r"(\d+) facings × depth (\d+) \(")


def say_how(n_facings: int, depth: int, why: str) -> str:
    """The note of a photo's count: how its units came about."""
    return f"{n_facings} facings × depth {depth} ({why})"


def seen_facings(event: Event) -> tuple[int, int] | None:
    """Facings, and units behind one another, that a photo's count was made of; None of a person's count."""
    found = _NOTE.match(event.note)
    return (int(found[1]), int(found[2])) if found else None


def shelf_depth(known: int | None, counts: Iterable[Event]) -> int:
    """Units behind one another: as the catalog says, else as a shelf's last photo was counted, else 1.

    Args:
        known: What the catalog says; None where it is silent.
        counts: Counts of one product at one shelf, in order of time.
    """
    told = [seen[1] for count in counts if (seen := seen_facings(count))]
    return known or (told[-1] if told else UNKNOWN)


def facings_of(count: Event, depth: int) -> int:
    """Facings that a photo's count is made of; by the shelf's depth where it does not say."""
    seen = seen_facings(count)
    return seen[0] if seen else math.ceil(count.quantity / depth)


def learn_depths(counts: Iterable[Event]) -> dict[str, tuple[int, int]]:
    """By SKU, units behind one another that people's counts show, and of how many such counts.

    Args:
        counts: Live counts of one place, in order of time.
    """
    photos: dict[str, list[tuple[Event, int]]] = {}
    people: list[Event] = []
    for event in counts:
        seen = seen_facings(event)
        if seen and seen[0]:
            photos.setdefault(event.sku, []).append((event, seen[0]))
        elif not seen and event.quantity:
            people.append(event)
    ratios: dict[str, list[int]] = {}
    for count in people:
        near = min(photos.get(count.sku, ()), key=lambda photo: abs(photo[0].at - count.at), default=None)
        if near and abs(near[0].at - count.at) <= _CLOSE:
            ratios.setdefault(count.sku, []).append(math.ceil(count.quantity / near[1]))
    return {sku: (statistics.median_high(several), len(several)) for sku, several in ratios.items()}
