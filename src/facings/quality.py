"""How good a photo is, in figures, and what the hand should do: what `coach.py` says and results and record carry."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

AdviceCode = Literal["blurred", "dark", "glare", "tilted", "far"]

_MEASURED: dict[AdviceCode, str] = {
    "blurred": "sharpness {figure:.3g}, wanted {limit:.3g} or more",
    "dark": "brightness {figure:.3g}, wanted {limit:.3g} or more",
    "glare": "glare {figure:.2%} of the photo, wanted {limit:.2%} at most",
    "tilted": "tilt {figure:.3g}°, wanted {limit:.3g}° at most",
    "far": "facings {figure:.3g} px, wanted {limit:.3g}",
}


@dataclass(frozen=True)
class Advice:
    """One thing to do better, with the figure that says so.

    Args:
        code: Stable name of the fault.
        words: What to do, for the person who holds the phone.
        figure: What was measured.
        limit: What it was held against.
    """

    code: AdviceCode
    words: str
    figure: float
    limit: float

    @property
    def measured(self) -> str:
        """The figure and its limit in words.

        >>> Advice("far", "Step closer.", 42.0, 80.0).measured
        'facings 42 px, wanted 80'
        """
        return _MEASURED[self.code].format(figure=self.figure, limit=self.limit)

    def __str__(self) -> str:
        return f"{self.words} ({self.measured})"


@dataclass(frozen=True)
class PhotoQuality:
    """How good a photo is, in figures, and what to do about it.

    Args:
        sharpness: Share of the strongest edges' energy that a small blur takes away, in the direction where it takes
            the least, 0 (blurred) to 1; None where the photo has no edges. Sharp photos have 0.3 to 0.55.
        brightness: Luma that the brightest tenth of the photo exceeds, 0 to 1.
        glare_frac: Share of the photo that is blown out to white, 0 to 1.
        tilt_deg: Turn of the photo, positive when lines that should be level fall to the right, −30 to 30; None where
            no lines tell it.
        advice: What to do, the worst hindrance first; empty for a good photo.
        facing_px: Median of the facings' shorter sides in pixels; None where no facings were told apart.
    """

    sharpness: float | None
    brightness: float
    glare_frac: float
    tilt_deg: float | None
    advice: tuple[Advice, ...]
    facing_px: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The entry `quality` of the JSON contract."""
        return {
            "sharpness": _rounded(self.sharpness, 4),
            "brightness": round(self.brightness, 4),
            "glare_frac": round(self.glare_frac, 4),
            "tilt_deg": _rounded(self.tilt_deg, 2),
            "facing_px": _rounded(self.facing_px, 2),
            "advice": [{**asdict(advice), "figure": round(advice.figure, 4)} for advice in self.advice],
        }


def _rounded(value: float | None, n_digits: int) -> float | None:
    return None if value is None else round(value, n_digits) + 0.0  # which makes −0.0 a plain 0
