"""How often a genuine pack would look as odd as this one: p-values from genuine photos alone.

Each genuine photo was scored by the others of its product, as a query is scored by all of them. A query's rank among
these scores is a p-value that is right whatever their distribution, as long as the query, if genuine, is one more like
them (conformal prediction: Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random World", 2005). A handful of
photos of one product cannot give a small p-value, so scores of several products are pooled, each on the scale of its
own product: that genuine photos of all products then scatter alike is an assumption, and measured (docs/results.md).

The checks are combined by the rarest: the smallest of a photo's ranks, which has its own rank among the smallest ranks
of the genuine photos, all ranked together with the query. So looking at several things costs no false alarms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facings.apps.genuine_pack import GenuinePack
from facings.apps.pack_maps import CHECKS

Scores = NDArray[np.float64]

_POOL_WEIGHT = 8  # photos' worth of belief that a product's scores lie where all do
_LEAST_LEVEL = (0.05, 1.0, 0.1)  # of a product's mean score, by `CHECKS`


@dataclass(frozen=True, eq=False)
class Rarity:
    """How rare a query's scores are among genuine photos.

    Args:
        p_value: Of all checks together, in (0, 1].
        checks: float64 (3,), of each alone, by `CHECKS`.
        strongest: Which check stands out most, index into `CHECKS`.
    """

    p_value: float
    checks: Scores
    strongest: int


class GenuineCalibration:
    """Genuine photos' scores of one product or more.

    Args:
        packs: Products whose photos were judged by each other.
    """

    def __init__(self, packs: Sequence[GenuinePack]) -> None:
        scores = [pack.scores for pack in packs]
        everything = np.concatenate([np.zeros((0, len(CHECKS))), *scores])
        self.n_photos = len(everything)
        self._all_mean = np.maximum(everything.mean(0), _LEAST_LEVEL) if self.n_photos else np.array(_LEAST_LEVEL)
        self._scores = np.concatenate([np.zeros((0, len(CHECKS))), *(self._own_scale(one) for one in scores)])

    @property
    def least_p(self) -> float:
        """The smallest p-value that so many photos can give."""
        return 1 / (self.n_photos + 1)

    @property
    def fingerprint(self) -> str:
        """Hash of the scores, for the chain of evidence."""
        return hashlib.sha256(np.ascontiguousarray(self._scores.round(9)).tobytes()).hexdigest()

    def rarity(self, scores: Scores, pack: GenuinePack) -> Rarity:
        """How rare these scores are.

        Args:
            scores: float64 (3,), of a query.
            pack: The product that it is held against.
        """
        everybody = np.vstack([self._scores, scores / self._level(pack.scores)])
        shares = (everybody[None, :] >= everybody[:, None]).mean(1)  # of photos that are as odd or odder, the photo too
        rarest = shares.min(1)
        return Rarity(float((rarest <= rarest[-1]).mean()), shares[-1], int(shares[-1].argmin()))

    def _own_scale(self, scores: Scores) -> Scores:
        """Each photo's scores over the level of the others of its product."""
        levels = [self._level(np.delete(scores, k, axis=0)) for k in range(len(scores))]
        return scores / np.stack(levels) if levels else scores

    def _level(self, scores: Scores) -> Scores:
        """What is usual for a product, leaning on what is usual for all."""
        total = scores.sum(0) + _POOL_WEIGHT * self._all_mean
        return np.asarray(np.maximum(total / (len(scores) + _POOL_WEIGHT), _LEAST_LEVEL))
