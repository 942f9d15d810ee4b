"""Whether a classifier's confidence means what it says: of the answers given with 80 %, four in five should be right.

Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facings.errors import BadInput
from facings.types import FloatArray

N_BINS = 15


@dataclass(frozen=True)
class CalibrationBin:
    """The answers whose confidence lies above `low` and not above `high`.

    Args:
        low: Lower end, exclusive (a confidence of 0 belongs to the first bin).
        high: Upper end, inclusive.
        n: Answers; 0 leaves the two means out.
        accuracy: Share of them that is right, in [0, 1]; None for an empty bin.
        confidence: Their mean confidence, in [0, 1]; None for an empty bin.
    """

    low: float
    high: float
    n: int
    accuracy: float | None
    confidence: float | None


@dataclass(frozen=True)
class Calibration:
    """A reliability diagram in numbers.

    Args:
        bins: Of equal width, ascending.
        ece: Expected calibration error, in [0, 1]: the mean over the bins of |accuracy − confidence|, each bin weighted
            by its share of the answers.
        accuracy: Of all answers.
        confidence: Mean over all answers.
    """

    bins: tuple[CalibrationBin, ...]
    ece: float
    accuracy: float
    confidence: float

    def to_json(self) -> dict[str, Any]:
        """The figures by name."""
        return {**vars(self), "bins": [vars(bin_) for bin_ in self.bins]}


def calibration(confidences: FloatArray, is_right: NDArray[np.bool_], n_bins: int = N_BINS) -> Calibration:
    """How far confidence and accuracy lie apart.

    Args:
        confidences: float (N,), N ≥ 1, in [0, 1]: probability of the answer that was given.
        is_right: bool (N,), whether it is the right one.
        n_bins: Bins of equal width between 0 and 1.

    Raises:
        BadInput: No answer, not one confidence for each answer, or a confidence outside [0, 1].

    >>> import numpy as np
    >>> calibration(np.array([0.9, 0.9], np.float32), np.array([True, False])).ece.__round__(3)
    0.4
    """
    values = np.asarray(confidences, np.float64)
    if values.ndim != 1 or values.shape != is_right.shape or not len(values):
        raise BadInput(
            f"Calibration: got shapes {values.shape} and {is_right.shape}, wanted one answer or more in both."
        )
    if not ((values >= 0) & (values <= 1 + 1e-6)).all():  # also refuses NaN; float32 rounds sums a little over 1
        raise BadInput("Calibration: got confidences outside [0, 1].")
    # An upper end that float32 rounds up by less than a hundred-thousandth of a bin stays in its bin.
    place = np.clip(np.ceil(values * n_bins - 1e-5).astype(np.int64) - 1, 0, n_bins - 1)
    bins = tuple(_bin(number, n_bins, values[place == number], is_right[place == number]) for number in range(n_bins))
    gaps = [
        bin_.n * abs(bin_.accuracy - bin_.confidence)
        for bin_ in bins
        if bin_.accuracy is not None and bin_.confidence is not None
    ]
    return Calibration(bins, sum(gaps) / len(values), float(is_right.mean()), float(values.mean()))


def _bin(number: int, n_bins: int, confidences: NDArray[np.float64], is_right: NDArray[np.bool_]) -> CalibrationBin:
    low, high = number / n_bins, (number + 1) / n_bins
    if not len(confidences):
        return CalibrationBin(low, high, 0, None, None)
    return CalibrationBin(low, high, len(confidences), float(is_right.mean()), float(confidences.mean()))
