"""A detector's figures by size of the product, by density of the photo and by class; and how well it counts.

Recall and counts are at IoU 0.5 and at one confidence, the same for all parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facings.evaluate.coco_matching import SIZES, CocoMatching, Matches, Precisions
from facings.evaluate.photo_boxes import BoolArray, PhotoBoxes
from facings.evaluate.share import Share

# Photos by true boxes: from, to.
DENSITIES = ((0, 0), (1, 10), (11, 50), (51, 150), (151, None))


@dataclass(frozen=True)
class CountError:
    """How far the number of found boxes is from the true number. Boxes on ignored ones are not counted.

    Args:
        absolute_frac: Mean over photos with true boxes of |found − true| / true; None without such photos.
        signed_frac: Mean over the same of (found − true) / true: above 0 where too many are found.
        absolute_boxes: Mean over all photos of |found − true|.
    """

    absolute_frac: float | None
    signed_frac: float | None
    absolute_boxes: float

    def to_json(self) -> dict[str, Any]:
        """The counts, rounded to what is worth reading."""
        return {name: None if value is None else round(value, 4) for name, value in vars(self).items()}


@dataclass(frozen=True)
class Part:
    """The figures of one part of the true boxes or of the photos.

    Args:
        name: Which part.
        n_photos: Photos with such boxes.
        n_true: True boxes.
        recall: Share of them found at the confidence of all parts; None without true boxes.
        precisions: AP and AR; None without true boxes, or where found boxes belong to no part.
        counts: Count error at that confidence; None where photos are not what is parted.
    """

    name: str
    n_photos: int
    n_true: int
    recall: Share | None
    precisions: Precisions | None
    counts: CountError | None = None

    def to_json(self) -> dict[str, Any]:
        """The figures by name."""
        return {name: part.to_json() if hasattr(part, "to_json") else part for name, part in vars(self).items()}


def count_error(photos: Sequence[PhotoBoxes], matches: Sequence[Matches], confidence: float) -> CountError:
    """How far counts are off when boxes under a confidence are dropped; there must be photos."""
    n_true = np.array([photo.n_true for photo in photos])
    n_found = np.array(
        [int(((p.confidence >= confidence) & ~m.is_left_out).sum()) for p, m in zip(photos, matches, strict=True)]
    )
    off = n_found - n_true
    shares = off[n_true > 0] / n_true[n_true > 0]
    return CountError(
        absolute_frac=float(np.abs(shares).mean()) if len(shares) else None,
        signed_frac=float(shares.mean()) if len(shares) else None,
        absolute_boxes=float(np.abs(off).mean()),
    )


def by_size(
    photos: Sequence[PhotoBoxes], matches: Sequence[Matches], coco: CocoMatching, confidence: float
) -> tuple[Part, ...]:
    """Small, medium and large by the pixels of the true box."""
    precisions = coco.precisions_by_size()
    areas = [(p.truth[:, 2] - p.truth[:, 0]) * (p.truth[:, 3] - p.truth[:, 1]) for p in photos]
    return tuple(
        _part(name, photos, matches, [(area >= low) & (area <= high) for area in areas], precisions[name], confidence)
        for name, (low, high) in SIZES.items()
    )


def by_class(
    photos: Sequence[PhotoBoxes], matches: Sequence[Matches], coco: CocoMatching, confidence: float
) -> tuple[Part, ...]:
    """Class by class of the true boxes, by name; AP only where the found boxes have classes too."""
    precisions = coco.precisions_by_class() if coco.by_class else {}
    labels = [np.array(photo.labels, np.str_) for photo in photos]
    return tuple(
        _part(name, photos, matches, [told == name for told in labels], precisions.get(name), confidence)
        for name in sorted({label for photo in photos for label in photo.labels})
    )


def by_density(
    photos: Sequence[PhotoBoxes], matches: Sequence[Matches], coco: CocoMatching, confidence: float
) -> tuple[Part, ...]:
    """By true boxes a photo; kinds without a photo are left out."""
    parts = []
    for low, high in DENSITIES:
        chosen = [n for n, photo in enumerate(photos) if low <= photo.n_true and (high is None or photo.n_true <= high)]
        if chosen:
            some, theirs = [photos[n] for n in chosen], [matches[n] for n in chosen]
            name = f"{low} or more" if high is None else str(low) if low == high else f"{low} to {high}"
            everything = [np.ones(len(photo.truth), bool) for photo in some]
            part = _part(name, some, theirs, everything, coco.precisions(chosen), confidence)
            counts = count_error(some, theirs, confidence)
            parts.append(Part(name, len(some), part.n_true, part.recall, part.precisions, counts))
    return tuple(parts)


def _part(
    name: str,
    photos: Sequence[PhotoBoxes],
    matches: Sequence[Matches],
    is_in: Sequence[BoolArray],
    precisions: Precisions | None,
    confidence: float,
) -> Part:
    counted = [inside & ~photo.is_ignored for inside, photo in zip(is_in, photos, strict=True)]
    n_true = sum(int(inside.sum()) for inside in counted)
    found = [inside & (match.found_with >= confidence) for inside, match in zip(counted, matches, strict=True)]
    n_found = sum(int(inside.sum()) for inside in found)
    n_photos = sum(bool(inside.any()) for inside in counted)
    return Part(name, n_photos, n_true, Share(n_found, n_true) if n_true else None, precisions)
