"""Which unknown crops are the same picture again, and which show the same product.

Two groups of crops become one as long as the mean similarity between them is high enough: agglomerative clustering with
average linkage, by chains of nearest neighbors (Murtagh, "A survey of recent advances in hierarchical clustering
algorithms", 1983), which needs no dependency. docs/results.md compares it with HDBSCAN.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facings.near_duplicates import near_pairs
from facings.types import FloatArray, IntArray

MAX_PRODUCTS = 200  # of the gallery that say how alike photos of one product are; more say little more
SAME_PICTURE = 0.9  # cosine that near-duplicates have at least; flat pictures have alike hashes by chance


def fold(looks: Sequence[int], rows: FloatArray) -> IntArray:
    """For each crop the first one that is the same picture, itself if there is none.

    Args:
        looks: Perceptual hash of each crop.
        rows: float32 (N, D), each of length 1.

    Returns:
        int64 (N,). A picture is never folded into one that was folded itself.
    """
    first = np.arange(len(rows))
    for i, j in near_pairs(looks, looks):
        if j < i and first[i] == i and first[j] == j and rows[i] @ rows[j] >= SAME_PICTURE:
            first[i] = j
    return first


def link_similarity(rows: FloatArray, skus: Sequence[str]) -> float:
    """The mean cosine that makes two groups of crops one product, as the gallery's own photos have it.

    It lies halfway between how alike the photos of one product are and how alike those of it and of the product next to
    it are, both as the median over the products. So it suits any model without a setting.

    Args:
        rows: float32 (N, D), references, each of length 1.
        skus: What each shows.

    Returns:
        In [-1, 1]. Photos of one product count as equal where every product has a single one, and those of two products
        as half alike where there is one product or none.
    """
    _, product, n_photos = np.unique(np.array(skus, str), return_inverse=True, return_counts=True)
    sums = np.zeros((len(n_photos), rows.shape[1]), np.float32)
    np.add.at(sums, product, rows)
    asked = np.unique(np.linspace(0, len(sums) - 1, min(len(sums), MAX_PRODUCTS)).astype(int))
    several = asked[n_photos[asked] > 1]
    n = n_photos[several]
    own = ((sums[several] ** 2).sum(axis=1) - n) / (n * (n - 1))  # over all pairs of different photos
    means = sums / n_photos[:, None].astype(np.float32)
    others = means[asked] @ means.T
    others[np.arange(len(asked)), asked] = -np.inf
    one_product = float(np.median(own)) if len(own) else 1.0
    two_products = float(np.median(others.max(axis=1))) if len(sums) > 1 else 0.5
    return (one_product + two_products) / 2


def cluster(rows: FloatArray, min_similarity: float) -> IntArray:
    """For each crop the first one of its cluster.

    Args:
        rows: float32 (N, D), each of length 1.
        min_similarity: Mean cosine between two groups that makes them one, in [-1, 1].

    Returns:
        int64 (N,). Of equal similarities the one to the earlier crop counts.
    """
    n = len(rows)
    near = rows @ rows.T  # mean similarity of the groups that are left
    near = np.maximum(near, near.T)  # exactly symmetric, or a chain could run in a circle
    np.fill_diagonal(near, -np.inf)
    size = np.ones(n, np.float32)
    first, is_left = np.arange(n), np.ones(n, bool)
    chain: list[int] = []
    while chain or is_left.any():
        here = chain[-1] if chain else int(is_left.argmax())
        nearest = int(near[here].argmax())
        if near[here, nearest] < min_similarity:  # and it never grows: nothing will join this group
            is_left[here] = False
            chain = chain[:-1]
        elif len(chain) > 1 and near[here, chain[-2]] >= near[here, nearest]:
            chain, low, high = chain[:-2], min(chain[-2:]), max(chain[-2:])
            merged = (size[low] * near[low] + size[high] * near[high]) / (size[low] + size[high])
            merged[[low, high]] = -np.inf
            near[low], near[:, low] = merged, merged
            near[high], near[:, high] = -np.inf, -np.inf
            size[low] += size[high]
            first[first == high] = low
            is_left[high] = False
        else:
            chain = [*(chain or [here]), nearest]
    return first
