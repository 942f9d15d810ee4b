"""A share that knows what it is a share of, and how sure it is.

Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from facings.errors import BadInput

Z_95 = 1.959963984540054  # 97.5 % point of the normal distribution


@dataclass(frozen=True)
class Share:
    """So many of so many.

    Args:
        n_right: How many, 0 to `n`.
        n: Of how many, 1 or more.

    >>> Share(8, 10).value
    0.8
    """

    n_right: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.n_right <= self.n or self.n < 1:
            raise BadInput(f"Share: got {self.n_right} of {self.n}, wanted a part of a whole of 1 or more.")

    @property
    def value(self) -> float:
        """n_right / n, in [0, 1]."""
        return self.n_right / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval, in [0, 1]: the shares that this count would not surprise.

        It takes the cases as independent. Photos of one shelf are not quite, so the truth is somewhat wider.
        """
        shrink = 1 + Z_95**2 / self.n
        center = (self.value + Z_95**2 / (2 * self.n)) / shrink
        half = Z_95 / shrink * math.sqrt(self.value * (1 - self.value) / self.n + Z_95**2 / (4 * self.n**2))
        low = 0.0 if self.n_right == 0 else center - half
        high = 1.0 if self.n_right == self.n else center + half
        return low, high

    def to_json(self) -> dict[str, Any]:
        """Value, interval and denominator, rounded to what is worth reading."""
        low, high = self.interval
        return {
            "value": round(self.value, 4),
            "low": round(low, 4),
            "high": round(high, 4),
            "n_right": self.n_right,
            "n": self.n,
        }
