"""Forecasts by statsforecast (Apache-2.0), an optional dependency.

Four are made for intermittent demand, where most days sell nothing: Croston's method as corrected by Syntetos and
Boylan (2005), TSB (Teunter, Syntetos, Babai 2011), ADIDA (Nikolopoulos et al. 2011) and IMAPA (Petropoulos,
Kourentzes 2015). Three are for steadier demand, two of them with weekdays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facings.errors import DependencyMissing

_WEEK = 7


class StatsForecastModels:
    """See `apps.forecast.ForecastModels`.

    Raises:
        DependencyMissing: statsforecast is not installed.
    """

    def __init__(self) -> None:
        try:
            from statsforecast import models
        except ImportError as error:
            raise DependencyMissing("Forecasts need statsforecast.", "pip install 'facings[demand]'") from error
        self._models: dict[str, Any] = {
            "Croston-SBA": models.CrostonSBA(),
            "TSB": models.TSB(alpha_d=0.1, alpha_p=0.1),
            "ADIDA": models.ADIDA(),
            "IMAPA": models.IMAPA(),
            "exponential smoothing": models.SimpleExponentialSmoothingOptimized(),
            "exponential smoothing, weekdays": models.SeasonalExponentialSmoothingOptimized(season_length=_WEEK),
            "average of weekdays": models.SeasonalWindowAverage(season_length=_WEEK, window_size=3),
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The models."""
        return tuple(self._models)

    def forecast(self, name: str, history: NDArray[np.float64], horizon: int) -> NDArray[np.float64]:
        """See `apps.forecast.ForecastModels`."""
        if not history.any():
            return np.zeros(horizon)
        found = self._models[name].forecast(y=history, h=horizon)["mean"]
        means: NDArray[np.float64] = np.maximum(np.nan_to_num(np.asarray(found, np.float64)), 0.0)
        return means
