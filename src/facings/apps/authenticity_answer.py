"""The answer to "is this pack genuine?": verdict, reason, what each check found, and what all of it rests on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from facings.apps.registration import PixelBox

Word = Literal["consistent with genuine", "suspicious", "cannot tell"]
CONSISTENT: Word = "consistent with genuine"
SUSPICIOUS: Word = "suspicious"
CANNOT_TELL: Word = "cannot tell"


@dataclass(frozen=True)
class Check:
    """What one check says.

    Args:
        name: One of `pack_checks.CHECKS`, or "barcode".
        p_value: Share of genuine packs that look as odd or odder; None where it has none.
        words: What was found.
        box: x1, y1, x2, y2 of the oddest place in pixels of the photo; None for no place.
        is_odd: Whether it speaks against the pack by itself.
    """

    name: str
    p_value: float | None
    words: str
    box: PixelBox | None = None
    is_odd: bool = False


@dataclass(frozen=True)
class Evidence:
    """What the verdict rests on, so that it can be made again.

    Args:
        photo_sha256: Of the file's bytes.
        references_sha256: Of the reference photos' own hashes, in order.
        calibration_sha256: Of the genuine scores.
        method: Name and version of the procedure.
        versions: Libraries whose release may change a figure.
        max_false_alarm: Share of genuine packs that may be called suspicious.
    """

    photo_sha256: str
    references_sha256: str
    calibration_sha256: str
    method: str
    versions: Mapping[str, str]
    max_false_alarm: float


@dataclass(frozen=True)
class Authenticity:
    """The answer.

    Args:
        sku: The product that the photo was held against.
        verdict: One of three.
        why: The reason, in words.
        advice: Which photo to take; "" for none.
        p_value: Share of genuine packs that look as odd or odder; None where nothing was judged.
        checks: What each check says.
        judged_frac: Share of the vouched part of the pack that could be judged, 0 to 1.
        n_references: Genuine photos that could vouch for something.
        n_calibration: Genuine photos that p-values are made from.
        closest: Number of the reference photo that the photo fits best; None where it fits none.
        evidence: What the verdict rests on.
    """

    sku: str
    verdict: Word
    why: str
    advice: str
    p_value: float | None
    checks: tuple[Check, ...]
    judged_frac: float
    n_references: int
    n_calibration: int
    closest: int | None
    evidence: Evidence

    def to_json(self) -> dict[str, Any]:
        """The JSON contract, schema 1; without a time, so that the same question has the same answer."""
        return {"schema": "facings.authenticity/1", **json.loads(json.dumps(asdict(self)))}
