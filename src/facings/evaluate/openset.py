"""How well known products are told from unknown ones, whatever the limit: figures of two samples of scores.

Sources: area under the ROC curve as the share of right orders (Hanley and McNeil, 1982); open-set classification rate
(OSCR: Dhamija, Günther and Boult, "Reducing Network Agnostophobia", 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facings.errors import BadInput

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Separation:
    """How far known and unknown lie apart.

    Args:
        auroc: Share of pairs of a known and an unknown query in which the known one scores higher; ties count half.
        fpr_at_95: Share of unknown queries at or above the score that 95 % of the known ones reach.
        oscr: Mean, over the unknown queries, of the share of known queries that score higher than it and are named
            rightly; ties count half.
    """

    auroc: float
    fpr_at_95: float
    oscr: float


def separation(known: Scores, is_right: NDArray[np.bool_], unknown: Scores) -> Separation:
    """The three figures of one score.

    Args:
        known: float64 (K,), of queries whose product is enrolled, K ≥ 1.
        is_right: bool (K,), whether the product that the score is of is the right one.
        unknown: float64 (U,), of queries whose product is not, U ≥ 1.

    Raises:
        BadInput: One of them is empty.
    """
    if not len(known) or not len(unknown):
        raise BadInput(f"Open set: got {len(known)} known and {len(unknown)} unknown queries, wanted both.")
    ordered = np.sort(unknown)
    beaten = (np.searchsorted(ordered, known, "left") + np.searchsorted(ordered, known, "right")) / (2 * len(unknown))
    limit = np.sort(known)[int(np.floor(0.05 * len(known)))]
    return Separation(
        auroc=float(beaten.mean()),
        fpr_at_95=float((unknown >= limit).mean()),
        oscr=float((beaten * is_right).mean()),
    )
