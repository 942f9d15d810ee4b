"""What likeness is worth in this gallery: calibration from the reference photos themselves, or from labelled queries.

*Strangers.* Each photo is compared with all products but its own, as if that had never been enrolled: this is what
products look like that the gallery does not hold. What more than so many of them reach is no ground to accept. The
same bounds wrong names given to products that are enrolled: a wrong product is never liker than the best of the others.

*Owns.* Each photo is compared with its own product less itself, less pictures that are nearly the same, and less the
half of the product's photos that is closest to it, since photos of one visit are liker than those of the next. What
nine in ten reach is how an enrolled product looks; a product that a crop resembles less is not in question for it.

Photos are asked about and compared as they are and as they look from afar (`far_view`), so that what is learned here
holds for facings on a shelf too. Both are computed in spaces made without the products that are asked about, in five
parts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from facings.conformal import Figures, ProductSample, pooled_floors, product_sample
from facings.likeness import (
    ProductMeans,
    Scatter,
    Whitening,
    best_two,
    likeness,
    product_means,
    scatter,
    whitening,
    without,
)
from facings.near_duplicates import MAX_BITS_APART
from facings.types import FloatArray, IntArray

COVERAGE = 0.90  # with what probability an enrolled product is among those in question
LEFT_OUT = 1 / 2  # share of a product's photos, the closest, that a photo is not compared with; see decision 0012
MAX_PHOTOS = 2048  # that take part; more say little more
N_PARTS = 5
_SEED = 0


@dataclass(frozen=True, eq=False)
class References:
    """The photos of a gallery as calibration sees them: as they are, and then, where that is known, from afar.

    Args:
        rows: float32 (N, D) unit rows.
        products: int64 (N,), place in `skus` of what each shows.
        looks: uint64 (N,), perceptual hashes; from afar a photo has that which it has from nearby.
        skus: The P products, each with one photo or more.
        categories: The category of each product, "" for none.
        n_far: How many of the rows, the last ones, are views from afar.
    """

    rows: FloatArray
    products: IntArray
    looks: NDArray[np.uint64]
    skus: tuple[str, ...]
    categories: tuple[str, ...]
    n_far: int = 0

    @property
    def n_near(self) -> int:
        """How many are photos as they are."""
        return len(self.rows) - self.n_far

    def with_far(self, far_rows: FloatArray, near_of: IntArray) -> References:
        """The same, some photos known from afar too.

        Args:
            far_rows: float32 (M, D) unit rows.
            near_of: int64 (M,), which photo each is of.
        """
        return replace(
            self,
            rows=np.concatenate([self.rows, far_rows]),
            products=np.concatenate([self.products, self.products[near_of]]),
            looks=np.concatenate([self.looks, self.looks[near_of]]),
            n_far=self.n_far + len(far_rows),
        )


@dataclass(frozen=True, eq=False)
class Queries:
    """Labelled photos that are not in the gallery and that its model has not learned from.

    Args:
        rows: float32 (M, D) unit rows.
        skus: What each shows, enrolled or not.
    """

    rows: FloatArray
    skus: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Calibration:
    """What decides about a crop beside its similarities.

    Args:
        space: Where likeness is measured.
        means: float32 (P, D), the products there.
        code_of: SKU → its line in `means`.
        strangers: How like photos of products that are not enrolled are to the best product, by one or two samples:
            the gallery's own photos and, where there are any, labelled queries. The stricter one counts.
        floors: float64 (P,), likeness that a product in question has at least; −inf: every product is in question.
        is_from_queries: Whether labelled queries had a say.
    """

    space: Whitening
    means: FloatArray
    code_of: dict[str, int] = field(repr=False)
    strangers: tuple[ProductSample, ...]
    floors: Figures
    is_from_queries: bool = False

    @property
    def can_exclude(self) -> bool:
        """Whether anything is known of how unlike its own product a photo can be."""
        return bool(np.isfinite(self.floors).any())

    @property
    def strictest(self) -> ProductSample:
        """The sample that can vouch for the least."""
        return max(self.strangers, key=lambda sample: sample.least)

    def strangers_above(self, figures: Figures) -> Figures:
        """For each figure, the share of photos of products that are not enrolled that reach it, in (0, 1]."""
        shares: Figures = np.max([sample.share_above(figures) for sample in self.strangers], axis=0)
        return shares

    def limit(self, share: float) -> float:
        """The likeness that has to be exceeded to get at most this share; infinite if nothing gets so little."""
        return max(sample.limit(share) for sample in self.strangers)


def calibrate(references: References, queries: Queries | None = None) -> Calibration:
    """The calibration of a gallery.

    Args:
        references: The gallery.
        queries: Compared with the gallery beside its own photos. A gallery whose photos its model learned from takes
            strangers and its own products for less alike and more alike than they are; queries do not. Products that
            the model never learned are liker to others than those it learned; if these are what was asked about, the
            gallery may be the stricter one.
    """
    means = product_means(references.rows, references.products, len(references.skus))
    parts = _parts(references, means)
    space = whitening(_sum(parts), means.rows)
    mapped, code_of = space(means.rows), {sku: code for code, sku in enumerate(references.skus)}
    found = _from_gallery(references, means, parts)
    strangers = [product_sample(found.strangers, found.products, n_compared=len(references.skus))]
    if queries is not None:
        found, sample = _from_queries(queries, space, mapped, code_of)
        strangers.append(sample)
    floors = _floors(found, references)
    return Calibration(space, mapped, code_of, tuple(strangers), floors, queries is not None)


@dataclass(frozen=True, eq=False)
class _Found:
    """Likeness of photos to the best of the other products and, NaN where it is not known, to their own."""

    strangers: Figures
    owns: Figures
    products: IntArray


def _from_gallery(references: References, means: ProductMeans, parts: list[Scatter]) -> _Found:
    drawn = _drawn(references.products, len(references.skus))
    part_of = np.arange(len(references.skus)) % N_PARTS
    strangers, owns = np.full(len(drawn), np.nan), np.full(len(drawn), np.nan)
    for part, held in enumerate(parts):
        inside = np.flatnonzero(part_of[references.products[drawn]] == part)
        if len(inside) and len(references.skus) > 1:
            space = whitening(_sum(parts).less(held), means.rows[part_of != part])
            strangers[inside], owns[inside] = _left_out(references, means, space, drawn[inside])
    known = ~np.isnan(strangers)
    return _Found(strangers[known], owns[known], references.products[drawn[known]])


def _left_out(references: References, means: ProductMeans, space: Whitening, held: IntArray) -> tuple[Figures, Figures]:
    """Likeness of some photos to the best other product, and to their own without what is too close to them."""
    products, rows = references.products[held], space(references.rows[held])
    best, second = best_two(without(rows @ space(means.rows).T, products))
    rest: FloatArray = np.zeros(rows.shape, np.float32)
    n_rest = np.zeros(len(held), np.int64)
    order = np.argsort(references.products, kind="stable")
    starts = np.concatenate([[0], np.cumsum(means.n_photos)])
    for product in np.unique(products):
        asked = np.flatnonzero(products == product)
        there = order[starts[product] : starts[product + 1]]
        kept = _far_enough(references, there, held[asked])
        rest[asked], n_rest[asked] = kept.astype(np.float32) @ references.rows[there], kept.sum(1)
    rest /= np.maximum(n_rest, 1)[:, None]
    own = np.where(n_rest > 0, (rows * space(rest)).sum(1, dtype=np.float64), np.nan)
    return likeness(best, second), likeness(own, best)


def _far_enough(references: References, there: IntArray, asked: IntArray) -> NDArray[np.bool_]:
    """(A, n): which photos of a product each of some of them is compared with."""
    bits = np.bitwise_count(references.looks[asked][:, None] ^ references.looks[there][None, :])
    is_same = (asked[:, None] == there[None, :]) | (bits <= MAX_BITS_APART)
    closeness = np.where(is_same, np.float32(np.inf), references.rows[asked] @ references.rows[there].T)
    n_left_out = is_same.sum(1) + np.floor((~is_same).sum(1) * LEFT_OUT).astype(np.int64)
    order = np.argsort(-closeness, axis=1, kind="stable")
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(len(there))[None, :], axis=1)
    far: NDArray[np.bool_] = place >= n_left_out[:, None]
    return far


def _from_queries(
    queries: Queries, space: Whitening, means: FloatArray, code_of: dict[str, int]
) -> tuple[_Found, ProductSample]:
    """The same of photos beside the gallery. Those of products that it does not hold show strangers only."""
    codes = np.array([code_of.get(sku, -1) for sku in queries.skus], np.int64)
    similarities = space(queries.rows) @ means.T
    best, second = best_two(without(similarities, codes))
    strangers = likeness(best, second)
    _, groups = np.unique(np.array(queries.skus), return_inverse=True)
    known = np.flatnonzero(codes >= 0)
    usable = strangers if len(means) > 1 else strangers[:0]
    sample = product_sample(usable, groups[: len(usable)], n_compared=len(means) if len(known) else None)
    owns = likeness(similarities[known, codes[known]].astype(np.float64), best[known])
    return _Found(strangers[known], owns, codes[known]), sample


def _floors(found: _Found, references: References) -> Figures:
    """Floors by product; one photo does not show how a product looks from elsewhere, so then the lowest is taken."""
    _, categories = np.unique(np.array(references.categories), return_inverse=True)
    known = ~np.isnan(found.owns)
    floors = pooled_floors(found.owns[known], found.products[known], categories, 1 - COVERAGE)
    n_photos = np.bincount(references.products[: references.n_near], minlength=len(floors))
    return np.where(n_photos > 1, floors, floors.min(initial=np.inf))


def _parts(references: References, means: ProductMeans) -> list[Scatter]:
    """The scatter within products, in parts of which each holds every fifth product."""
    drawn = _drawn(references.products, len(references.skus), 4 * MAX_PHOTOS)
    products = references.products[drawn]
    chosen = (drawn[products % N_PARTS == part] for part in range(N_PARTS))
    return [scatter(references.rows[rows], references.products[rows], means) for rows in chosen]


def _sum(parts: list[Scatter]) -> Scatter:
    products = np.sum([p.products for p in parts], axis=0)
    return Scatter(products, sum(p.fourth for p in parts), sum(p.n for p in parts))


def _drawn(products: IntArray, n_products: int, n_wanted: int = MAX_PHOTOS) -> IntArray:
    """Positions of photos to take part: all, or of each product as many as give about so many together."""
    if len(products) <= n_wanted:
        return np.arange(len(products))
    shuffled = np.random.default_rng(_SEED).permutation(len(products))
    order = shuffled[np.argsort(products[shuffled], kind="stable")]
    counts = np.bincount(products, minlength=n_products)
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    each = np.argsort(place, kind="stable")[:n_wanted]  # first photo of every product, then every second, ...
    return np.sort(order[each])
