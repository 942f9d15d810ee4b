"""Which photo an annotation file means, and how large it is.

Files name photos in many ways (COCO from a folder that it does not name, VOC and YOLO by equal stems in folders
beside), so the usual places are tried in order. The size is read from the head of the photo, upright as `images.py`
decodes it: boxes that were drawn at another size, or before the photo was turned, are refused, never shifted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import ExifTags
from PIL import Image as PillowImage

from facings.errors import BadInput
from facings.images import DAMAGED, OPENED_AS, SUFFIXES

_BESIDE = ("images", "JPEGImages")
_SIDEWAYS = frozenset({5, 6, 7, 8})  # EXIF orientations that swap width and height
_DAMAGED = (*DAMAGED, PillowImage.DecompressionBombError)


@dataclass(frozen=True)
class FoundPhoto:
    """A photo that is there, with its upright size in pixels."""

    path: Path
    width: int
    height: int


class PhotoFinder:
    """Finds each photo once.

    Args:
        folder: Of the annotations; photos are looked for in it, in `images` and `JPEGImages` below and beside it, and
            in the folder above.
        photos: Where they are instead; None for the usual places.
    """

    def __init__(self, folder: Path, photos: Path | None = None) -> None:
        above = folder.resolve().parent
        usual = [folder, *(folder / name for name in _BESIDE), *(above / name for name in _BESIDE), above]
        self._roots = usual if photos is None else [photos]
        self._seen: set[str] = set()

    def find(self, names: Sequence[str], said: tuple[int, int] | None = None) -> FoundPhoto:
        """The photo of the first name that is there.

        Args:
            names: Paths below one of the places, with suffix or without.
            said: Width and height the annotations give it; None where they give none.

        Raises:
            BadInput: There is none, it is no photo, was found before, or is of another size than said.
        """
        # os.path: a name too long for a file is no file; Path.is_file would raise
        path = next((path for path in self._candidates(names) if os.path.isfile(path)), None)  # noqa: PTH113
        if path is None:
            places = ", ".join(map(str, self._roots))
            raise BadInput(f"photo {names[0]!r} is missing.", f"Looked in {places}; say where the photos are.")
        real = os.path.realpath(path)
        if real in self._seen:
            raise BadInput(f"photo {path} is annotated twice; the first one counts.")
        width, height = _upright_size(path)
        if said is not None and said != (width, height):
            raise BadInput(
                f"photo {path} has {width}×{height} px upright, the annotations are for {said[0]}×{said[1]} px.",
                "Its boxes would be misplaced: annotate the upright photo at this size.",
            )
        self._seen.add(real)
        return FoundPhoto(path, width, height)

    def _candidates(self, names: Sequence[str]) -> Iterator[Path]:
        for name in names:
            for root in self._roots:
                if Path(name).suffix.lower() in SUFFIXES:
                    yield root / name
                else:
                    endings = (ending for suffix in sorted(SUFFIXES) for ending in (suffix, suffix.upper()))
                    yield from (root / (name + ending) for ending in endings)


def said_size(width: Any, height: Any) -> tuple[int, int] | None:
    """Width and height as a file gives them; None where both are missing or 0, which some tools write.

    Raises:
        BadInput: They are no sizes.
    """
    if width in (None, "") and height in (None, ""):
        return None
    try:
        size = int(width), int(height)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadInput(f"got a photo of {width!r}×{height!r} px, wanted two whole numbers.") from error
    return None if size == (0, 0) else size


def _upright_size(path: Path) -> tuple[int, int]:
    try:
        with PillowImage.open(path, formats=OPENED_AS) as opened:
            width, height = opened.size
            orientation = opened.getexif().get(ExifTags.Base.Orientation)
    except _DAMAGED as error:
        raise BadInput(f"photo {path} cannot be read ({error}).") from error
    return (height, width) if orientation in _SIDEWAYS else (width, height)
