"""How much a crop looks like each product of a gallery, measured by how much photos of one product differ.

Directions in which photos of one product differ anyway (light, angle, background) count little, those in which they
are alike count much: rows are whitened by the scatter within products (within-class covariance normalization: Hatch,
Kajarekar and Stolcke, 2006; the two-covariance view of Ioffe, "Probabilistic Linear Discriminant Analysis", 2006), then
compared with the products' means by cosine. The scatter is shrunk (Ledoit and Wolf, "A well-conditioned estimator for
large-dimensional covariance matrices", 2004), so it is sound with more dimensions than photos; where each product has
one photo it says nothing, and the cosine remains as it was but for the center.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facings.types import FloatArray, IntArray

LEAD_WEIGHT = 0.5
LEAST_SHRINKAGE = 0.1  # the estimate takes photos as independent; those of one product are not
_NONE = -2.0  # below any cosine


@dataclass(frozen=True, eq=False)
class ProductMeans:
    """The products of a gallery as means of their photos.

    Args:
        rows: float32 (P, D).
        n_photos: int64 (P,).
    """

    rows: FloatArray
    n_photos: IntArray


def product_means(rows: FloatArray, products: IntArray, n_products: int) -> ProductMeans:
    """The mean of each product's rows.

    Args:
        rows: float32 (N, D).
        products: int64 (N,), 0 to P − 1, each of them at least once.
        n_products: P.
    """
    order = np.argsort(products, kind="stable")
    n_photos = np.bincount(products, minlength=n_products)
    sums = np.add.reduceat(rows[order], np.concatenate([[0], np.cumsum(n_photos)[:-1]]), axis=0)
    return ProductMeans((sums / n_photos[:, None]).astype(np.float32), n_photos)


@dataclass(frozen=True, eq=False)
class Scatter:
    """How photos differ from their product's mean, summed up; sums of two sets of photos can be added and taken away.

    Args:
        products: float64 (D, D), sum of outer products of the differences.
        fourth: Sum of the fourth powers of their lengths.
        n: How many photos.
    """

    products: NDArray[np.float64]
    fourth: float
    n: int

    def less(self, other: Scatter) -> Scatter:
        """Without these photos."""
        return Scatter(self.products - other.products, self.fourth - other.fourth, self.n - other.n)


def scatter(rows: FloatArray, products: IntArray, means: ProductMeans) -> Scatter:
    """The scatter within products of some photos.

    Args:
        rows: float32 (M, D).
        products: int64 (M,), what they show.
        means: Of all photos, these included.
    """
    n_photos = means.n_photos[products]
    several = n_photos > 1
    apart = rows[several] - means.rows[products[several]]
    apart *= np.sqrt(n_photos[several] / (n_photos[several] - 1))[:, None].astype(np.float32)  # the mean is theirs too
    lengths = np.einsum("nd,nd->n", apart, apart).astype(np.float64)
    return Scatter((apart.T @ apart).astype(np.float64), float((lengths**2).sum()), int(several.sum()))


@dataclass(frozen=True, eq=False)
class Whitening:
    """The map into the space in which photos of one product differ alike in all directions.

    Args:
        center: float32 (D,), goes to the origin.
        weight: float32 (D, D), applied from the right.
    """

    center: FloatArray
    weight: FloatArray

    def __call__(self, rows: FloatArray) -> FloatArray:
        """Rows (N, D) as unit rows of the new space."""
        mapped = (rows - self.center) @ self.weight
        lengths = np.linalg.norm(mapped, axis=1, keepdims=True)
        unit: FloatArray = (mapped / np.maximum(lengths, 1e-12)).astype(np.float32)
        return unit


def whitening(within: Scatter, centers: FloatArray) -> Whitening:
    """The map that this scatter asks for.

    Args:
        within: Of photos of several products.
        centers: float32 (P, D), means of products; their mean is the center.
    """
    dim = centers.shape[1]
    center = centers.mean(0) if len(centers) else np.zeros(dim, np.float32)
    if within.n < 2 or not (size := float(np.trace(within.products)) / within.n / dim) > 0:
        return Whitening(center, np.eye(dim, dtype=np.float32))
    covariance = within.products / within.n
    squares = float((covariance**2).sum())
    noise = (within.fourth / within.n - squares) / within.n
    spread = squares - dim * size**2
    shrinkage = min(1.0, max(LEAST_SHRINKAGE, noise / spread if spread > 0 else 1.0))
    shrunk = (1 - shrinkage) * covariance + shrinkage * size * np.eye(dim)
    weight = np.linalg.inv(np.linalg.cholesky(shrunk / size)).T
    return Whitening(center, weight.astype(np.float32))


def best_two(similarities: FloatArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The two highest of each line of (N, P); where there is one alone, it is both."""
    if similarities.shape[1] < 2:
        alone = similarities.max(1, initial=_NONE).astype(np.float64)
        return alone, alone
    two = np.partition(similarities, -2, axis=1)[:, -2:].astype(np.float64)
    return two[:, 1], np.where(two[:, 0] <= _NONE, two[:, 1], two[:, 0])


def likeness(similarity: NDArray[np.float64], best_other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Similarity to a product's mean, plus `LEAD_WEIGHT` of its lead over the best other product; bigger is better.

    It never grows when a further product is there to compare with.
    """
    return similarity + LEAD_WEIGHT * (similarity - best_other)


def without(similarities: FloatArray, products: IntArray) -> FloatArray:
    """Similarities (N, P) with each line's own product made last of all; a negative product leaves its line alone."""
    cleared = similarities.copy()
    known = np.flatnonzero(products >= 0)
    cleared[known, products[known]] = _NONE
    return cleared
