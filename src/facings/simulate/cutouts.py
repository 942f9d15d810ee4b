"""Cut-outs: single products without surroundings, to be put on composed shelves.

They come from the simulator's packs, from labelled photos (a whole photo or its box; transparent parts are cut away),
or from annotated ones, where every box is a cut-out. Nothing is decoded before it is needed; what was decoded is kept
small, and only the latest.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from facings.annotations import AnnotatedPhoto, read_annotations
from facings.annotations.yolo import class_file
from facings.crop import MIN_SIDE_PX, cut_product
from facings.csv_table import read_text
from facings.errors import BadInput, Problem
from facings.images import DAMAGED, decode, read_bytes
from facings.manifest import LabelledPhoto, read_manifest
from facings.simulate.fronts import draw_front
from facings.simulate.packs import Pack, make_packs
from facings.types import Image as Photo
from facings.types import UInt8Array

_KEPT_PX = 320  # longer side of a cut-out in memory
_N_KEPT = 512  # at most 0.4 MB each
_OPAQUE = 128
_N_DRAWN = 240
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Cutout:
    """One product, seen from the front.

    Args:
        sku: The product; several cut-outs may show it.
        where: Where it came from, for messages.
        load: Gives uint8 (h, w, 4), RGBA with straight alpha, or raises BadImage or BadInput. Its silhouette is taken
            to touch all four edges.
        group: What stands together in a store, such as a category or a brand.
        size_cm: Width, height and depth where known; composed shelves make up what is not.
    """

    sku: str
    where: str
    load: Callable[[], UInt8Array]
    group: str = ""
    size_cm: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class CutoutSource:
    """Cut-outs in the order of their source, and the entries of it that could not be understood."""

    cutouts: tuple[Cutout, ...]
    problems: tuple[Problem, ...]


def read_cutouts(path: Path) -> CutoutSource:
    """Cut-outs from annotated photos (VOC, COCO, YOLO, SKU-110K) or labelled ones (folder a product, CSV, list).

    Raises:
        BadInput: The source does not exist, is of none of these forms, or names no product at all.
    """
    if _is_annotated(path):
        annotations = read_annotations(path)
        cutouts, problems = boxed_cutouts(annotations.photos), annotations.problems
    else:
        manifest = read_manifest(path)
        cutouts, problems = labelled_cutouts(manifest.photos), manifest.problems
    if not cutouts:
        why = f" First problem: {problems[0].where}: {problems[0].message}" if problems else ""
        raise BadInput(f"{path}: holds no box to cut a product from, wanted at least one.{why}")
    return CutoutSource(cutouts, problems)


def drawn_cutouts(seed: int) -> CutoutSource:
    """The packs of the simulator's store of this seed, for those who have no photos."""
    return CutoutSource(pack_cutouts(make_packs(_N_DRAWN, seed)), ())


def pack_cutouts(packs: Sequence[Pack]) -> tuple[Cutout, ...]:
    """The simulator's packs as cut-outs, families together."""
    return tuple(
        Cutout(pack.sku, f"pack {pack.sku}", partial(_pack_pixels, pack), f"family {pack.family}", pack.size_cm)
        for pack in packs
    )


def labelled_cutouts(photos: Iterable[LabelledPhoto]) -> tuple[Cutout, ...]:
    """One cut-out a photo: its box, or all of it where it has none."""
    return tuple(
        Cutout(
            photo.label, _place(photo.path, photo.box), _loader(photo.path, photo.box), photo.category or photo.label
        )
        for photo in photos
    )


def boxed_cutouts(photos: Iterable[AnnotatedPhoto]) -> tuple[Cutout, ...]:
    """One cut-out a box that is not to be ignored."""
    return tuple(
        Cutout(box.label, _place(photo.path, box.xyxy), _loader(photo.path, box.xyxy), box.label)
        for photo in photos
        for box in photo.boxes
        if not box.is_ignored
    )


def _is_annotated(path: Path) -> bool:
    """Whether a source is one of boxes; a CSV file with the columns photo and sku is one of labels."""
    if path.is_dir():
        return class_file(path) is not None or next(path.rglob("*.xml"), None) is not None
    if path.suffix.lower() == ".csv":
        header = read_text(path).split("\n", 1)[0].lower()
        return not ("photo" in header and "sku" in header)
    return path.suffix.lower() in {".xml", ".json"}


def _loader(path: Path, box: Box | None) -> Callable[[], UInt8Array]:
    return partial(_photo_pixels, path, box)


def _place(path: Path, box: Box | None) -> str:
    return str(path) if box is None else f"{path} at {','.join(f'{corner:g}' for corner in box)}"


@lru_cache(maxsize=_N_KEPT)
def _pack_pixels(pack: Pack) -> UInt8Array:
    return draw_front(pack, _KEPT_PX)


@lru_cache(maxsize=_N_KEPT)
def _photo_pixels(path: Path, box: Box | None) -> UInt8Array:
    data = read_bytes(path)
    photo = decode(data, source=str(path))
    alpha = _alpha(data, photo)
    rgb = cut_product(photo, box)
    if alpha is None:
        return _small(np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)]))
    layer = Photo(np.repeat(alpha[:, :, None], 3, axis=2), photo.photo_id, photo.source)
    visible = cut_product(layer, box)[:, :, :1]
    return _small(_trimmed(np.dstack([_without_white(rgb, visible), visible]), str(path)))


def _alpha(data: bytes, photo: Photo) -> UInt8Array | None:
    """The opacity of a photo that `decode` accepted, uint8 (H, W); None where all of it is opaque."""
    try:
        with Image.open(io.BytesIO(data)) as opened:
            if not opened.has_transparency_data:
                return None
            turned = ImageOps.exif_transpose(opened)
            alpha = np.asarray(turned.convert("RGBA").getchannel("A"))
    except DAMAGED:  # its orientation, perhaps: the colors could be read
        return None
    is_mask = alpha.shape == photo.pixels.shape[:2] and bool((alpha < 255).any())
    return alpha if is_mask else None


def _without_white(rgb: UInt8Array, alpha: UInt8Array) -> UInt8Array:
    """The colors before they were laid on white, so that no pale rim stays at the edges."""
    share = np.maximum(alpha.astype(np.float32), 1) / 255
    return np.clip(np.rint((rgb - 255 * (1 - share)) / share), 0, 255).astype(np.uint8)


def _trimmed(rgba: UInt8Array, where: str) -> UInt8Array:
    opaque = rgba[:, :, 3] >= _OPAQUE
    if not opaque.any():
        raise BadInput(f"{where}: all of it is transparent, wanted a visible product.")
    rows, columns = np.flatnonzero(opaque.any(axis=1)), np.flatnonzero(opaque.any(axis=0))
    kept = rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if min(kept.shape[:2]) < MIN_SIDE_PX:
        raise BadInput(
            f"{where}: got {kept.shape[1]}×{kept.shape[0]} px of visible product, wanted {MIN_SIDE_PX} px a side."
        )
    return kept


def _small(rgba: UInt8Array) -> UInt8Array:
    picture = Image.fromarray(rgba)
    picture.thumbnail((_KEPT_PX, _KEPT_PX), Image.Resampling.LANCZOS)
    pixels = np.array(picture)
    pixels.setflags(write=False)
    return pixels
