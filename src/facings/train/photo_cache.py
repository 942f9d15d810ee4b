"""Photos decoded once: every later epoch, run and resumed run reads pixels from one memory-mapped file.

A cache is named by what is in it: the SHA-256 over the photos' contents, their boxes and the stored size. A cache that
holds other photos is therefore never read by mistake, and a half-written one never has a name: it is built in a
temporary folder and renamed when it is complete.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from facings.crop import cut_product
from facings.errors import BadImage, BadInput, FacingsError, Problem, StoreFailed
from facings.evaluate.leakage import Fingerprint
from facings.images import decode, read_bytes
from facings.manifest import LabelledPhoto
from facings.near_duplicates import perceptual_hash
from facings.progress import Track, untracked
from facings.types import UInt8Array

_FORMAT = 1  # of the files below; part of the name, so that caches of another format are not read
_INDEX, _PIXELS = "index.json", "pixels.bin"
_N_THREADS = 2


@dataclass(frozen=True, eq=False)
class PhotoCache:
    """Decoded photos. The photos that could not be used are in `problems` and have no row.

    Args:
        folder: Where the files lie.
        photos: The usable photos in their given order, one a row.
        positions: Where each was in the given order, ascending.
        fingerprints: What each is known by.
        problems: One for each photo that could not be used.
        shapes: (height, width) of each row, pixels.
        offsets: Where each row starts in `pixels`, bytes.
        pixels: uint8, one dimension, memory-mapped: the rows one after the other, each (h, w, 3) RGB.
    """

    folder: Path
    photos: tuple[LabelledPhoto, ...]
    positions: tuple[int, ...]
    fingerprints: tuple[Fingerprint, ...]
    problems: tuple[Problem, ...]
    shapes: tuple[tuple[int, int], ...]
    offsets: tuple[int, ...]
    pixels: UInt8Array

    def __len__(self) -> int:
        return len(self.photos)

    def photo(self, row: int) -> UInt8Array:
        """uint8 (h, w, 3) RGB, a read-only view."""
        (height, width), start = self.shapes[row], self.offsets[row]
        return self.pixels[start : start + height * width * 3].reshape(height, width, 3)


def open_cache(
    photos: Sequence[LabelledPhoto], root: Path, *, shorter_side_px: int, track: Track = untracked
) -> PhotoCache:
    """The cache of these photos, built now unless it is there already.

    Args:
        photos: In the order of the rows; a box is cut out before anything else.
        root: Folder of all caches; made if needed.
        shorter_side_px: Photos are stored with their shorter side at most this long.
        track: Shows progress.

    Raises:
        BadInput: None of the photos can be used.
        StoreFailed: The cache cannot be written: no space, no permission.
    """
    read = [_content(photo) for photo in photos]
    found = [(at, got) for at, got in enumerate(read) if isinstance(got, str)]
    unread = [got for got in read if isinstance(got, Problem)]
    folder = root / _key([(digest, photos[at].box) for at, digest in found], shorter_side_px)
    entries = _read_index(folder)
    if entries is None:
        entries = _build([photos[at] for at, _ in found], folder, shorter_side_px, track)
    cache = _opened(folder, photos, found, entries, unread)
    if not len(cache):
        why = f" First problem: {cache.problems[0].where}: {cache.problems[0].message}" if cache.problems else ""
        raise BadInput(f"Training photos: none of {len(photos)} can be used.{why}")
    return cache


def _content(photo: LabelledPhoto) -> str | Problem:
    """SHA-256 of the file, or why it cannot be read."""
    try:
        return hashlib.sha256(read_bytes(photo.path)).hexdigest()
    except BadImage as error:
        return Problem(str(photo.path), error.code, error.message)


def _key(contents: Sequence[tuple[str, object]], shorter_side_px: int) -> str:
    told = json.dumps([_FORMAT, shorter_side_px, contents])
    return hashlib.sha256(told.encode()).hexdigest()[:24]


def _read_index(folder: Path) -> list[dict[str, Any]] | None:
    """The index of a complete cache; None where there is none or its files do not agree."""
    try:
        entries: list[dict[str, Any]] = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        n_bytes = sum(entry["height"] * entry["width"] * 3 for entry in entries if "height" in entry)
        return entries if (folder / _PIXELS).stat().st_size == n_bytes else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _build(photos: list[LabelledPhoto], folder: Path, shorter_side_px: int, track: Track) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as workspace:
            built = Path(workspace) / "built"
            built.mkdir()
            with (built / _PIXELS).open("wb") as file, ThreadPoolExecutor(_N_THREADS) as pool:
                decoded = pool.map(lambda photo: _decoded(photo, shorter_side_px), photos)
                for entry, pixels in track(decoded, "Decoding photos", len(photos)):
                    entries.append(entry)
                    if pixels is not None:
                        file.write(pixels.tobytes())
            (built / _INDEX).write_text(json.dumps(entries), encoding="utf-8")
            shutil.rmtree(folder, ignore_errors=True)  # a damaged one
            built.rename(folder)
    except OSError as error:
        raise StoreFailed(
            f"{folder.parent}: the decoded photos cannot be written ({error.strerror or error}).",
            f"They need about {shorter_side_px**2 * 4 * len(photos) / 1e6:.0f} MB; choose another folder.",
        ) from error
    return entries


def _decoded(photo: LabelledPhoto, shorter_side_px: int) -> tuple[dict[str, Any], UInt8Array | None]:
    """Index entry and pixels of one photo; of one that cannot be used, the reason and None."""
    try:
        pixels = cut_product(decode(read_bytes(photo.path), source=str(photo.path)), photo.box)
    except FacingsError as error:
        return {"code": error.code, "message": error.message}, None
    small = _shrunk(pixels, shorter_side_px)
    height, width = small.shape[:2]
    return {"height": height, "width": width, "look": str(perceptual_hash(pixels))}, small


def _shrunk(pixels: UInt8Array, shorter_side_px: int) -> UInt8Array:
    height, width = pixels.shape[:2]
    scale = shorter_side_px / min(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    resized = PillowImage.fromarray(pixels).resize(size, PillowImage.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(resized, np.uint8)


def _opened(
    folder: Path,
    photos: Sequence[LabelledPhoto],
    found: list[tuple[int, str]],
    entries: list[dict[str, Any]],
    unread: list[Problem],
) -> PhotoCache:
    problems = list(unread)
    usable: list[tuple[int, Fingerprint, tuple[int, int]]] = []
    for (at, digest), entry in zip(found, entries, strict=True):
        if "height" in entry:
            usable.append((at, Fingerprint(digest, int(entry["look"])), (entry["height"], entry["width"])))
        else:
            problems.append(Problem(str(photos[at].path), entry["code"], entry["message"]))
    shapes = tuple(shape for _, _, shape in usable)
    ends = np.cumsum([0, *(height * width * 3 for height, width in shapes)])
    return PhotoCache(
        folder=folder,
        photos=tuple(photos[at] for at, _, _ in usable),
        positions=tuple(at for at, _, _ in usable),
        fingerprints=tuple(fingerprint for _, fingerprint, _ in usable),
        problems=tuple(problems),
        shapes=shapes,
        offsets=tuple(int(end) for end in ends[:-1]),
        pixels=np.memmap(folder / _PIXELS, np.uint8, "r") if usable else np.zeros(0, np.uint8),
    )
