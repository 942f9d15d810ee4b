"""Queries that are in the gallery already: a model is not tested by a photo it was given the answer to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from facings.manifest import LabelledPhoto
from facings.near_duplicates import MAX_BITS_APART, near_pairs


@dataclass(frozen=True)
class Fingerprint:
    """What a photo is known by.

    Args:
        photo_id: SHA-256 of the file.
        look: Perceptual hash of the part that shows the product.
    """

    photo_id: str
    look: int


@dataclass(frozen=True)
class Leak:
    """A query and the gallery photo that gives it away.

    Args:
        query: Position among the queries.
        gallery: Position in the gallery.
        is_exact: Whether they are the same file; two boxes in one photo count as that too.
        bits_apart: Bits in which their perceptual hashes differ.
    """

    query: int
    gallery: int
    is_exact: bool
    bits_apart: int


def find_leaks(gallery: Sequence[Fingerprint], queries: Sequence[Fingerprint]) -> tuple[Leak, ...]:
    """The queries that are the same file as a gallery photo or look like one, in order.

    A query is given once, with the same file if there is one, else with the photo the fewest bits apart, else the
    first. What looks alike is settled by `near_duplicates.MAX_BITS_APART`.
    """
    first_of: dict[str, int] = {}
    for position, known in enumerate(gallery):
        first_of.setdefault(known.photo_id, position)
    exact = {q: first_of[print_.photo_id] for q, print_ in enumerate(queries) if print_.photo_id in first_of}
    closest: dict[int, tuple[int, int]] = {q: (_bits(gallery[g], queries[q]), g) for q, g in exact.items()}
    for q, g in near_pairs([print_.look for print_ in queries], [print_.look for print_ in gallery]):
        if q not in exact:
            closest[q] = min(closest.get(q, (65, 0)), (_bits(gallery[g], queries[q]), g))
    return tuple(Leak(q, g, q in exact, bits) for q, (bits, g) in sorted(closest.items()))


def leakage_to_json(
    leaks: Sequence[Leak], gallery: Sequence[LabelledPhoto], queries: Sequence[LabelledPhoto]
) -> dict[str, Any]:
    """How many leaks there are, and each with the two paths."""
    n_exact = sum(leak.is_exact for leak in leaks)
    return {
        "n_exact": n_exact,
        "n_near": len(leaks) - n_exact,
        "max_bits_apart": MAX_BITS_APART,
        "pairs": [
            {
                "query": str(queries[leak.query].path),
                "gallery": str(gallery[leak.gallery].path),
                "is_exact": leak.is_exact,
                "bits_apart": leak.bits_apart,
                "is_same_label": queries[leak.query].label == gallery[leak.gallery].label,
            }
            for leak in leaks
        ],
    }


def _bits(first: Fingerprint, second: Fingerprint) -> int:
    return (first.look ^ second.look).bit_count()
