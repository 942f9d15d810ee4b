"""Small answers of detectors for the tests that measure them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facings.evaluate.photo_boxes import PhotoBoxes

Box = tuple[float, float, float, float]


def seen(
    photo: str,
    truth: Sequence[Box],
    found: Sequence[tuple[float, Box]] = (),
    *,
    ignored: Sequence[int] = (),
    labels: Sequence[str] = (),
    found_labels: Sequence[str] | None = None,
) -> PhotoBoxes:
    """A photo with true boxes and found ones, each with its confidence; `ignored` are positions of true boxes."""
    return PhotoBoxes(
        photo=photo,
        truth=np.array(truth, np.float64).reshape(-1, 4),
        is_ignored=np.isin(np.arange(len(truth)), ignored),
        labels=tuple(labels) or ("product",) * len(truth),
        found=np.array([box for _, box in found], np.float64).reshape(-1, 4),
        confidence=np.array([confidence for confidence, _ in found], np.float64),
        found_labels=None if found_labels is None else tuple(found_labels),
    )


def square(column: int, row: int = 0) -> Box:
    """10×10 pixels on a grid of 20; no two overlap."""
    return (20.0 * column, 20.0 * row, 20.0 * column + 10, 20.0 * row + 10)
