"""Whether genuine packs still look as the genuine photos on file do: a watch that may be read after every photo.

Verdicts on packs that people found genuine have p-values. While packs, printing and cameras are what they were, such a
p-value lies below any share u in at most a share u of the cases. A bet against that, carried from photo to photo, grows
large with a chance of 1 / large at most, however often it is looked at (Ville's inequality). The bet is the mixture of
power martingales of Vovk, Nouretdinov and Gammerman, "Testing exchangeability on-line", 2003.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facings.apps.authenticity_answer import SUSPICIOUS
from facings.apps.authenticity_record import KeptVerdict
from facings.errors import BadInput

LARGE = 100.0  # a watch that sees nothing change gets there once in a hundred lives
_POWERS = (np.arange(100) + 0.5) / 100


@dataclass(frozen=True)
class Drift:
    """How the watch stands.

    Args:
        n_photos: Packs that people found genuine.
        n_alarms: Of these, how many had been called suspicious.
        wealth: What is left of a stake of 1; the largest that it ever was in `most`.
        most: Where it reached `LARGE`, genuine packs no longer look as those on file.
    """

    n_photos: int
    n_alarms: int
    wealth: float
    most: float

    @property
    def is_drifting(self) -> bool:
        """Whether the genuine photos on file no longer stand for the packs that come in."""
        return self.most >= LARGE


def drift_of(verdicts: Sequence[KeptVerdict]) -> Drift:
    """How the watch stands by verdicts on record: those on packs that people found genuine count.

    Args:
        verdicts: In the order of time.
    """
    known = [one.answer for one in verdicts if one.is_known_genuine]
    told = [answer["p_value"] for answer in known if answer["p_value"] is not None]
    return watch(told, n_alarms=sum(answer["verdict"] == SUSPICIOUS for answer in known))


def watch(p_values: Sequence[float], *, n_alarms: int) -> Drift:
    """The watch after some packs that people found genuine.

    Args:
        p_values: In (0, 1], of their verdicts, in the order of time.
        n_alarms: How many of the packs were called suspicious.

    Raises:
        BadInput: A p-value is out of range.
    """
    values = np.array(p_values, np.float64)
    if not ((values > 0) & (values <= 1)).all():
        raise BadInput("Drift: got a p-value outside (0, 1].")
    # Of every power e, the product of e p^(e − 1), by its logarithm; the stake is spread evenly over the powers.
    steps = np.log(_POWERS) + (_POWERS - 1) * np.log(values)[:, None]
    wealth = np.concatenate([[1.0], np.exp(steps.cumsum(0)).mean(1)])
    return Drift(len(values), n_alarms, float(wealth[-1]), float(wealth.max()))
