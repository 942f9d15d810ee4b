"""Which part of a photo is the pack: shelves and neighbors behind it would be compared as well, and agree better.

Photos of one shelf show the same neighbors. Laid over each other as a whole they fit by these, and the pack in front is
what differs; so the pack is cut out first.
"""

from __future__ import annotations

import numpy as np

from facings.apps.registration import PixelBox
from facings.detect import Detector
from facings.types import Image

_LEAST_FRAC = 0.1  # of the photo: whoever photographs a pack fills more of it
_MARGIN = 0.04  # of the box's longer side


def find_pack(image: Image, detector: Detector) -> PixelBox:
    """The box of the pack that a photo is about, the largest one, in pixels; all of it where there is none.

    Args:
        image: The photo.
        detector: Finds packs.
    """
    boxes = np.asarray(detector.detect(image).xyxy, np.float64).reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2]
    areas = sides.prod(1)
    if not len(boxes) or areas.max() < _LEAST_FRAC * image.width * image.height:
        return 0, 0, image.width, image.height
    best = int(areas.argmax())
    margin = _MARGIN * sides[best].max()
    x1, y1 = np.maximum(0, boxes[best, :2] - margin).astype(int).tolist()
    x2, y2 = np.minimum((image.width, image.height), np.ceil(boxes[best, 2:] + margin)).astype(int).tolist()
    return x1, y1, x2, y2
