"""Twin radar: which products will be taken for each other, from the gallery alone, before it hurts.

Every reference photo asks the gallery as if it were a query, with itself left out: is a photo of another product closer
than the closest other photo of its own? The share of those that are, product by product, is what a user will see
(leave-one-out estimate: Lachenbruch and Mickey, "Estimation of Error Rates in Discriminant Analysis", 1968). A product
with few photos says little about itself, so its share is filled up from how close photos of one product lie in the
gallery at large.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from facings.kept_index import GalleryChanges
from facings.match import VectorIndex
from facings.types import FloatArray, IntArray

MIN_SHARE = 0.05  # of photos; products confused less often are left alone

_N_FETCHED = 16  # neighbors asked for at first
_POOL_WEIGHT = 2.0  # photos that the gallery at large counts for

Kind = TypeVar("Kind", np.float32, np.int64)


@dataclass(frozen=True)
class Twin:
    """A product, and another one that it will be taken for.

    Args:
        sku: The product.
        other: What it will be called.
        share: How many of its photos are expected to be, 0 to 1; None where no product has two photos, so that nothing
            is known of how photos of one product vary.
        n_photos: Its reference photos that asked.
        similarity: Largest cosine between photos of the two.
        reference_id: Its photo in that closest pair.
        other_reference_id: The other's.
    """

    sku: str
    other: str
    share: float | None
    n_photos: int
    similarity: float
    reference_id: int
    other_reference_id: int

    @property
    def skus(self) -> tuple[str, str]:
        """Both, in order; the same for the two directions of a pair."""
        return min(self.sku, self.other), max(self.sku, self.other)

    @property
    def rate(self) -> str:
        """The share in words: "about 1 photo in 4"."""
        if self.share is None:
            return "an unknown share of photos"
        if self.share > 1 / 2:
            return f"about {10 * self.share:.0f} photos in 10"
        return f"about 1 photo in {1 / self.share:.0f}"


@dataclass(frozen=True, eq=False)
class _Neighbors:
    """What each of N photos found, −1 where there is none.

    Args:
        own: float32 (N,), cosine to the closest other photo of its product.
        other: float32 (N,), cosine to the closest photo of another product.
        other_id: int64 (N,), that photo.
    """

    own: FloatArray
    other: FloatArray
    other_id: IntArray


def find_twins(
    asking: GalleryChanges, index: VectorIndex, sku_of: Mapping[int, str], *, min_share: float = MIN_SHARE
) -> list[Twin]:
    """Products that will be taken for another one, the most confused first; both directions if both products ask.

    Args:
        asking: The references that ask: those of the whole gallery, or those that an enrollment brought. Fewer of them
            know less of how photos of one product vary.
        index: The gallery's rows by reference id; it holds those that ask.
        sku_of: Reference id → SKU.
        min_share: Rarer confusions are left out; an unknown share is never.
    """
    asking = _still_there(asking, sku_of)
    n_photos = Counter(sku_of.values())
    found = _neighbors(asking, index, sku_of, n_photos)
    confused = _expected(found, np.array([n_photos[sku] for sku in asking.skus], np.int64))
    every = list(_by_pair(asking, found, confused, sku_of))
    twins = [twin for twin in every if twin.share is None or twin.share >= min_share]
    return sorted(twins, key=lambda twin: (-(twin.share or 0), -twin.similarity, twin.sku))


def _still_there(asking: GalleryChanges, sku_of: Mapping[int, str]) -> GalleryChanges:
    """Without those that were removed since they were read."""
    rows = [row for row, asked in enumerate(asking.ids.tolist()) if sku_of.get(asked) == asking.skus[row]]
    skus = tuple(asking.skus[row] for row in rows)
    return replace(asking, ids=asking.ids[rows], skus=skus, rows=asking.rows[rows])


def _neighbors(
    asking: GalleryChanges, index: VectorIndex, sku_of: Mapping[int, str], n_photos: Mapping[str, int]
) -> _Neighbors:
    """Closest photos, more fetched for those whose own product alone fills what was."""
    n = len(asking.ids)
    own, other, other_id = np.full(n, -1, np.float32), np.full(n, -1, np.float32), np.full(n, -1, np.int64)
    number = {sku: i for i, sku in enumerate(n_photos)}
    code = np.array([number[sku] for sku in asking.skus], np.int64)
    open_rows, k = np.arange(n), _N_FETCHED
    while len(open_rows):
        ids, cosines = index.search(asking.rows[open_rows], k)
        codes = np.array([number[sku_of[i]] for i in ids.ravel().tolist()], np.int64).reshape(ids.shape)
        is_own = codes == code[open_rows, None]
        own[open_rows] = _first(cosines, is_own & (ids != asking.ids[open_rows, None]))
        other[open_rows] = _first(cosines, ~is_own)
        other_id[open_rows] = _first(ids, ~is_own)
        open_rows = open_rows[is_own.all(1)] if k < len(index) else open_rows[:0]
        k *= 4
    return _Neighbors(own, other, other_id)


def _first(values: NDArray[Kind], is_wanted: NDArray[np.bool_]) -> NDArray[Kind]:
    """The first wanted value of each row, −1 where there is none."""
    first = np.take_along_axis(values, is_wanted.argmax(axis=1)[:, None], axis=1)[:, 0]
    return np.where(is_wanted.any(axis=1), first, values.dtype.type(-1))


def _expected(found: _Neighbors, n_photos: IntArray) -> NDArray[np.float64] | None:
    """How likely each photo, taken again, is to be confused with the product it found; None where nothing tells."""
    pool = np.sort(found.own[n_photos > 1])
    if not len(pool):
        return None
    of_the_pool = np.searchsorted(pool, found.other) / len(pool)
    n_siblings = n_photos - 1
    is_confused = found.other > found.own
    return (n_siblings * is_confused + _POOL_WEIGHT * of_the_pool) / (n_siblings + _POOL_WEIGHT)


def _by_pair(
    asking: GalleryChanges, found: _Neighbors, expected: NDArray[np.float64] | None, sku_of: Mapping[int, str]
) -> Iterator[Twin]:
    """Every product with each product that one of its photos found closest."""
    n_asking = Counter(asking.skus)
    rows_of: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for row, (sku, other_id) in enumerate(zip(asking.skus, found.other_id.tolist(), strict=True)):
        if other_id >= 0:
            rows_of[sku, sku_of[other_id]].append(row)
    for (sku, other), rows in rows_of.items():
        closest = max(rows, key=lambda row: found.other[row])
        yield Twin(
            sku=sku,
            other=other,
            share=None if expected is None else float(expected[rows].sum()) / n_asking[sku],
            n_photos=n_asking[sku],
            similarity=float(found.other[closest]),
            reference_id=int(asking.ids[closest]),
            other_reference_id=int(found.other_id[closest]),
        )
