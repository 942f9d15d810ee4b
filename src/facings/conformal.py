"""What a figure of a new photo is worth beside those of known photos, with an error rate and hardly an assumption.

Photos of one product resemble each other, so many photos of few products say little about the next product. Each
product counts once here, however many photos it has, and the next one stands beside them as one more (conformal
inference with hierarchical data: Dunn, Wasserman and Ramdas, "Distribution-Free Prediction Sets for Two-Layer
Hierarchical Models", 2022; Lee, Barber and Willett, "Distribution-free inference with hierarchical data", 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facings.types import IntArray

Figures = NDArray[np.float64]

_GRID = 256
PRIOR_PHOTOS, PRIOR_PRODUCTS = 20, 5  # how much the pool above weighs, in photos of a product, products of a category


@dataclass(frozen=True, eq=False)
class ProductSample:
    """Figures of photos of several products, each product of the same weight.

    Args:
        values: float64 (N,), ascending.
        above: float64 (N + 1,), entry i is the sum over products of the share of their photos among `values[i:]`.
        n_products: K, products in the sample.
        correction: What shares are multiplied with, at least 1.
    """

    values: Figures
    above: Figures
    n_products: int
    correction: float = 1.0

    @property
    def least(self) -> float:
        """The smallest share that so few products can vouch for: 1 / (K + 1), corrected; at most 1."""
        return min(1.0, self.correction / (self.n_products + 1))

    def share_above(self, figures: Figures) -> Figures:
        """For each figure, the share of photos of a further product that reach it, by conformal p-value, in (0, 1].

        Over further products drawn like those in the sample, at most a share a of the photos gets a value of a or less.
        """
        reached = self.above[np.searchsorted(self.values, figures, side="left")]
        shares: Figures = np.minimum(1.0, self.correction * (1 + reached) / (self.n_products + 1))
        return shares

    def limit(self, share: float) -> float:
        """The figure that has to be exceeded to get at most this share; infinite if no figure gets so little."""
        if self.least > share:
            return np.inf
        too_many = self.correction * (1 + self.above[:-1]) / (self.n_products + 1) > share
        return float(self.values[np.flatnonzero(too_many)[-1]]) if too_many.any() else -np.inf


def product_sample(figures: Figures, products: IntArray, *, n_compared: int | None = None) -> ProductSample:
    """Figures of photos as a sample in which each product counts once.

    Args:
        figures: float64 (N,).
        products: int64 (N,), which product each photo shows.
        n_compared: How many products a new photo is compared with, where each figure here is the best of one product
            fewer, the photo's own left out. The best of n is that of a random n − 1 of them in n − 1 of n cases, so
            that shares grow by n / (n − 1) at most.
    """
    _, codes, counts = np.unique(products, return_inverse=True, return_counts=True)
    order = np.argsort(figures, kind="stable")
    weights = (1 / counts)[codes[order]] if len(order) else np.zeros(0)
    above = np.concatenate([np.cumsum(weights[::-1])[::-1], [0.0]])
    correction = 1.0 if n_compared is None else n_compared / max(n_compared - 1, 1e-9)
    return ProductSample(figures[order], above, len(counts), correction)


def pooled_floors(figures: Figures, products: IntArray, categories: IntArray, share: float) -> Figures:
    """For each product the figure that at most a share of its photos stay below.

    A product with few photos leans on its category, a category with few products on all: the share of its photos
    below a figure is mixed with the share of the pool above, as if that were `PRIOR_PHOTOS` photos more.

    Args:
        figures: float64 (N,), of photos.
        products: int64 (N,), which product each shows, 0 to P − 1.
        categories: int64 (P,), which category each product is of, 0 and up.
        share: Of photos that may lie below, in (0, 1).

    Returns:
        float64 (P,); all −inf where the photos are of too few products to say.
    """
    floors = np.full(len(categories), -np.inf)
    if not len(figures):
        return floors
    there, codes, counts = np.unique(products, return_inverse=True, return_counts=True)
    grid = np.unique(np.quantile(figures, np.linspace(0, 1, _GRID), method="inverted_cdf"))
    below = np.zeros((len(there), len(grid) + 1))
    np.add.at(below, (codes, np.searchsorted(grid, figures, side="right")), 1)
    own = np.cumsum(below, axis=1)[:, :-1] / counts[:, None]  # share of each product's photos below each point
    total = (1 + own.sum(0)) / (len(there) + 1)
    pooled = _by_category(own, categories[there], int(categories.max()) + 1, total)
    floors[:] = _last(pooled, grid, share)[categories]
    mixed = (counts[:, None] * own + PRIOR_PHOTOS * pooled[categories[there]]) / (counts[:, None] + PRIOR_PHOTOS)
    floors[there] = _last(mixed, grid, share)
    return floors


def _by_category(own: Figures, categories: IntArray, n_categories: int, total: Figures) -> Figures:
    """(C, G): the shares of each category, mixed with those of all products."""
    sums = np.zeros((n_categories, len(total)))
    np.add.at(sums, categories, own)
    n_products = np.bincount(categories, minlength=n_categories)[:, None]
    return (sums + PRIOR_PRODUCTS * total) / (n_products + PRIOR_PRODUCTS)


def _last(shares: Figures, grid: Figures, share: float) -> Figures:
    """For each line of rising shares the last point of the grid with at most this one; −inf where there is none."""
    n_fitting = (shares <= share).sum(1)
    return np.where(n_fitting > 0, grid[np.maximum(n_fitting - 1, 0)], -np.inf)
