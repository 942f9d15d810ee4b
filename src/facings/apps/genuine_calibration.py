"""How often a genuine pack would look as odd as this one: p-values from genuine photos alone.

Each genuine photo was scored by the others of its product, as a query is scored by all of them. A query's rank among
these scores is a p-value that is right whatever their distribution, as long as the query, if genuine, is one more like
them (conformal prediction: Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random World", 2005). A handful of
photos of one product cannot give a small p-value, so scores of several products are pooled, each on the scale of its
own product: that genuine photos of all products then scatter alike is an assumption, and measured (docs/results.md).

The checks are combined by the rarest: the smallest of a photo's ranks, which has its own rank among the smallest ranks
of the genuine photos, all ranked together with the query. So looking at several things costs no false alarms, and a
check that abstains leaves it to the others. Known fakes say which checks to attend to; as genuine photos have no part
in that, it costs none either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facings.apps.genuine_pack import GenuinePack
from facings.apps.pack_checks import CHECKS, LEAST_LEVELS

Scores = NDArray[np.float64]

_POOL_WEIGHT = 8  # photos' worth of belief that a product's scores lie where all do
_FAKES_BEFORE = (2.0, 2.0, 2.0, 10.0, 2.0, 2.0)  # by `CHECKS`, before any is known: how many each will have told


@dataclass(frozen=True, eq=False)
class Rarity:
    """How rare a query's scores are among genuine photos.

    Args:
        p_value: Of all checks together, in (0, 1].
        checks: float64 (C,), of each alone, by `CHECKS`; NaN where it abstained.
        strongest: Which check stands out most, index into `CHECKS`.
    """

    p_value: float
    checks: Scores
    strongest: int


def attention(fakes: Sequence[Mapping[str, float]]) -> Scores:
    """float64 (C,), by `CHECKS`, mean 1: how much each check counts, by how many known fakes it told best.

    Args:
        fakes: Of each known fake the p-values of its checks by name; those that abstained are left out.
    """
    told = [min(one, key=lambda name: one[name]) for one in fakes if one]
    counts = np.array([told.count(name) for name in CHECKS], np.float64) + _FAKES_BEFORE
    return np.asarray(counts / counts.mean())


class GenuineCalibration:
    """Genuine photos' scores of one product or more.

    Args:
        packs: Products whose photos were judged by each other.
        fakes: Known fakes, as for `attention`.
    """

    def __init__(self, packs: Sequence[GenuinePack], fakes: Sequence[Mapping[str, float]] = ()) -> None:
        scores = [pack.scores for pack in packs]
        self.n_photos = sum(len(one) for one in scores)
        self._all_mean = _mean_there(np.concatenate([np.zeros((0, len(CHECKS))), *scores]))
        self._scores = np.concatenate([np.zeros((0, len(CHECKS))), *(self._own_scale(one) for one in scores)])
        self._attention = attention(fakes)

    @property
    def least_p(self) -> float:
        """The smallest p-value that so many photos can give."""
        return 1 / (self.n_photos + 1)

    @property
    def fingerprint(self) -> str:
        """Hash of the scores and of what fakes make of them, for the chain of evidence."""
        behind = np.vstack([self._scores, self._attention]).round(9)
        return hashlib.sha256(np.ascontiguousarray(behind).tobytes()).hexdigest()

    def rarity(self, scores: Scores, pack: GenuinePack) -> Rarity:
        """How rare these scores are.

        Args:
            scores: float64 (C,), by `CHECKS`, of a query; NaN where a check abstains.
            pack: The product that it is held against.
        """
        everybody = np.vstack([self._scores, scores / self._level(pack.scores)])
        shares = np.stack([_share_as_odd(column) for column in everybody.T], 1)
        weighted = np.nan_to_num(shares, nan=np.inf) / self._attention
        rarest = weighted.min(1)
        # Only the first of each check is that rare: of those the one that stands further out comes first.
        apart = np.where(weighted == rarest[:, None], _standing_out(everybody), -np.inf).max(1)
        is_as_odd = (rarest < rarest[-1]) | ((rarest == rarest[-1]) & (apart >= apart[-1]))
        return Rarity(float(is_as_odd.mean()), shares[-1], int(weighted[-1].argmin()))

    def _own_scale(self, scores: Scores) -> Scores:
        """Each photo's scores over the level of the others of its product."""
        levels = [self._level(np.delete(scores, k, axis=0)) for k in range(len(scores))]
        return scores / np.stack(levels) if levels else scores

    def _level(self, scores: Scores) -> Scores:
        """What is usual for a product, leaning on what is usual for all."""
        total = np.nansum(scores, axis=0) + _POOL_WEIGHT * self._all_mean
        return np.asarray(np.maximum(total / ((~np.isnan(scores)).sum(0) + _POOL_WEIGHT), LEAST_LEVELS))


def _mean_there(scores: Scores) -> Scores:
    n_there = (~np.isnan(scores)).sum(0)
    return np.asarray(np.maximum(np.nansum(scores, axis=0) / np.maximum(n_there, 1), LEAST_LEVELS))


def _share_as_odd(column: Scores) -> Scores:
    """Share of the photos with a score that are as odd or odder, the photo itself too; NaN for one without."""
    there = np.sort(column[~np.isnan(column)])
    n_as_odd = len(there) - np.searchsorted(there, column, "left")
    return np.where(np.isnan(column), np.nan, n_as_odd / max(1, len(there)))


def _standing_out(everybody: Scores) -> Scores:
    """Scores in units of how far the odder photos of their check lie from usual ones; −inf for none."""
    is_there = ~np.isnan(everybody)
    units = np.full(everybody.shape, -np.inf)
    for k in np.flatnonzero(is_there.any(0)):
        column = everybody[is_there[:, k], k]
        usual, odd = np.quantile(column, (0.5, 0.9))
        units[is_there[:, k], k] = (column - usual) / max(odd - usual, 1e-9)
    return units
