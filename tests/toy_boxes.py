"""Plain rectangles on gray, with their boxes: photos that a small detector learns in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from facings.annotations import AnnotatedPhoto, LabelledBox
from facings.types import UInt8Array

SIDE = 64
COLORS = {"cherry": (230, 30, 30), "lime": (40, 210, 40)}
Corners = tuple[int, int, int, int]


def painted(rng: np.random.Generator, boxes: dict[Corners, str], size: tuple[int, int]) -> UInt8Array:
    """uint8 (height, width, 3): rectangles of their product's color on uneven gray; size is (width, height)."""
    width, height = size
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = rng.integers(110, 146, (-(-height // 8), -(-width // 8), 1)).repeat(8, 0).repeat(8, 1)[:height, :width]
    for (x1, y1, x2, y2), label in boxes.items():
        pixels[y1:y2, x1:x2] = COLORS[label]
    return pixels


def boxed_photo(path: Path, boxes: dict[Corners, str], size: tuple[int, int] = (SIDE, SIDE)) -> AnnotatedPhoto:
    """A PNG file with these rectangles, and its annotation; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = [*path.name.encode(), *(side for box in boxes for side in box)]
    PillowImage.fromarray(painted(np.random.default_rng(seed), boxes, size)).save(path)
    drawn = tuple(
        LabelledBox((float(x1), float(y1), float(x2), float(y2)), label) for (x1, y1, x2, y2), label in boxes.items()
    )
    return AnnotatedPhoto(path, *size, drawn)


def toy_boxes(folder: Path, n_photos: int, *, seed: int = 0) -> list[AnnotatedPhoto]:
    """Square photos with one or two rectangles of 20 to 28 px that do not touch; no two photos look alike."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(n_photos):
        boxes: dict[Corners, str] = {}
        for cell in rng.permutation(4)[: rng.integers(1, 3)].tolist():
            width, height = rng.integers(20, 29, 2).tolist()
            left, top = rng.integers(0, (33 - width, 33 - height)) + 32 * np.array([cell % 2, cell // 2])
            boxes[int(left), int(top), int(left) + width, int(top) + height] = rng.choice(list(COLORS)).item()
        found.append(boxed_photo(folder / f"{seed}-{number:02}.png", boxes))
    return found
