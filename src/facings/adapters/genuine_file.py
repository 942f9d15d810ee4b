"""Prepared genuine photos, kept in files beside the store, one a product."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facings.adapters.array_file import save_arrays
from facings.apps.genuine_pack import GenuinePack, GenuinePhoto
from facings.apps.pack_look import GenuineMaps, Vouching
from facings.apps.registration import Landmarks
from facings.errors import StoreFailed
from facings.evidence import TextLine


class GenuineFiles:
    """See `authenticity_desk.PackFiles`.

    Args:
        folder: Made when first needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, pack: GenuinePack, key: str) -> None:
        """Write a prepared product whole or not at all; it replaces what was there.

        Args:
            pack: What to keep.
            key: Of what it was prepared from, and how.

        Raises:
            StoreFailed: The disk is full or the folder cannot be written.
        """
        numbers = np.array([photo.number for photo in pack.photos], np.int64)
        arrays: dict[str, NDArray[Any]] = {"key": np.array(key), "scores": pack.scores, "numbers": numbers}
        for n, photo in enumerate(pack.photos):
            arrays |= _arrays(photo, n)
        save_arrays(self._path(pack.sku), arrays, "what was prepared of genuine photos")

    def load(self, sku: str, key: str) -> GenuinePack | None:
        """The product as it was prepared; None where it was not, or from other photos or in another way.

        Args:
            sku: The product.
            key: As it was saved with.

        Raises:
            StoreFailed: The file is damaged.
        """
        path = self._path(sku)
        if not path.is_file():
            return None
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                if str(kept["key"]) != key:
                    return None
                photos = tuple(_photo(kept, n, int(number)) for n, number in enumerate(kept["numbers"]))
                return GenuinePack(sku, photos, kept["scores"].astype(np.float64))
        except (OSError, EOFError, ValueError, KeyError, IndexError, zipfile.BadZipFile) as error:
            raise StoreFailed(
                f"{path}: what was prepared of genuine photos is damaged ({error}).", "Delete it; it is made again."
            ) from error

    def _path(self, sku: str) -> Path:
        return self._folder / f"{hashlib.sha256(sku.encode()).hexdigest()[:24]}.npz"


def _arrays(photo: GenuinePhoto, n: int) -> dict[str, NDArray[Any]]:
    marks, maps = photo.landmarks, photo.vouching.maps
    return {
        f"xy_{n}": marks.xy,
        f"descriptors_{n}": marks.descriptors.astype(np.float16),
        f"size_{n}": np.array(marks.size_px, np.int64),
        f"box_{n}": np.array(photo.vouching.box, np.int64),
        f"vouched_{n}": maps.is_vouched,
        f"expected_{n}": maps.expected.astype(np.float16),
        f"lines_{n}": np.array(json.dumps([(line.text, line.box, line.confidence) for line in photo.lines])),
    }


def _photo(kept: Mapping[str, NDArray[Any]], n: int, number: int) -> GenuinePhoto:
    x1, y1, x2, y2 = kept[f"box_{n}"].tolist()
    width, height = kept[f"size_{n}"].tolist()
    maps = GenuineMaps(kept[f"vouched_{n}"], kept[f"expected_{n}"].astype(np.float32))
    marks = Landmarks(kept[f"xy_{n}"], kept[f"descriptors_{n}"].astype(np.float32), (width, height))
    lines = tuple(TextLine(text, tuple(box), sure) for text, box, sure in json.loads(str(kept[f"lines_{n}"])))
    return GenuinePhoto(number, marks, Vouching((x1, y1, x2, y2), maps), lines)
