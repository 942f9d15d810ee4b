"""A share of photos with an interval that knows that photos of one product resemble each other.

Source: percentile bootstrap over whole clusters (Davison and Hinkley, "Bootstrap Methods and their Application", 1997,
3.8): products are drawn with replacement, each with all its photos. Where every photo or none counts, drawing again
shows nothing; then each product is taken as one case, with the exact bound of Clopper and Pearson (1934).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facings.errors import BadInput

N_DRAWS = 2000
_SEED = 0
_TAIL = 0.025


@dataclass(frozen=True)
class ClusteredShare:
    """So many of so many photos, of so many products.

    Args:
        n_hit: How many, 0 to `n`.
        n: Of how many photos, 1 or more.
        n_products: That show so many products.
        low: Lower end of the 95 % interval.
        high: Its upper end.
    """

    n_hit: int
    n: int
    n_products: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """n_hit / n, in [0, 1]."""
        return self.n_hit / self.n

    def to_json(self) -> dict[str, Any]:
        """Value, interval and denominators."""
        return {
            "value": round(self.value, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
            "n_hit": self.n_hit,
            "n": self.n,
            "n_products": self.n_products,
        }


def clustered_share(is_hit: NDArray[np.bool_], products: Sequence[str]) -> ClusteredShare:
    """The share of photos that count, with its 95 % interval over products.

    Args:
        is_hit: bool (N,), N ≥ 1.
        products: What each photo shows.

    Raises:
        BadInput: There is no photo, or not one product for each.
    """
    if not len(is_hit) or len(is_hit) != len(products):
        raise BadInput(f"Share: got {len(is_hit)} photos of {len(products)} products, wanted one product for each.")
    _, codes = np.unique(np.array(products), return_inverse=True)
    n_photos, n_hits = np.bincount(codes), np.bincount(codes, weights=is_hit)
    n_products, n_hit = len(n_photos), int(is_hit.sum())
    if n_products == 1:
        low, high = 0.0, 1.0  # one product says nothing of the next
    elif n_hit in (0, len(is_hit)):
        reach = 1 - _TAIL ** (1 / n_products)
        low, high = (0.0, reach) if n_hit == 0 else (1 - reach, 1.0)
    else:
        drawn = np.random.default_rng(_SEED).integers(0, n_products, (N_DRAWS, n_products))
        shares = n_hits[drawn].sum(1) / n_photos[drawn].sum(1)
        low, high = np.quantile(shares, (_TAIL, 1 - _TAIL)).tolist()
    return ClusteredShare(n_hit, len(is_hit), n_products, low, high)
