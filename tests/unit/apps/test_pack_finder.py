"""Which box of a photo is the pack."""

from __future__ import annotations

import numpy as np
import pytest

from facings.apps.pack_finder import find_pack
from facings.detect import WholePhoto
from facings.types import Detections, Image

PHOTO = Image(np.zeros((200, 100, 3), np.uint8), "a" * 64, "photo")


class Finds:
    """Finds the same boxes everywhere."""

    name = "finds"

    def __init__(self, boxes: list[list[float]]) -> None:
        self._boxes = np.array(boxes, np.float32).reshape(-1, 4)

    def detect(self, image: Image) -> Detections:  # noqa: ARG002 (the port's signature)
        return Detections(xyxy=self._boxes, confidence=np.ones(len(self._boxes), np.float32))


@pytest.mark.parametrize(
    "boxes, expected",
    [
        ([[20, 50, 60, 150], [0, 0, 10, 20]], (16, 46, 64, 154)),  # 4 % of 100 px around it
        ([[0.5, 90, 99.5, 200]], (0, 85, 100, 200)),  # not beyond the photo
        ([[0, 0, 10, 20], [50, 50, 70, 90]], (0, 0, 100, 200)),  # 800 of 20,000 px are no pack that one photographs
        ([], (0, 0, 100, 200)),
    ],
    ids=["largest", "at the edge", "all small", "none"],
)
def test_the_pack_is_the_largest_box_if_large(boxes: list[list[float]], expected: tuple[int, ...]) -> None:
    assert find_pack(PHOTO, Finds(boxes)) == expected


def test_a_photo_that_is_one_product_is_the_pack() -> None:
    assert find_pack(PHOTO, WholePhoto()) == (0, 0, 100, 200)
