"""Composed shelf photos on disk with their boxes, to train and measure detectors on.

The directory it writes:
    images/shelf_0001.jpg
    annotations.json             or what else the format asks for: annotations.csv, annotations/, labels/ + classes.txt
    shelves.json                 what it was made from, and how many facings each photo holds
Boxes carry `visible_frac`, and are to be ignored where little is visible, as far as the format can hold that.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from facings.annotations import AnnotatedPhoto, Format, LabelledBox, write_annotations
from facings.annotations.values import is_plain_text
from facings.errors import BadInput, Problem
from facings.progress import Track, untracked
from facings.simulate.composed_shelves import (
    MIN_BOXED_FRAC,
    MIN_COUNTED_FRAC,
    ComposedShelf,
    check_size,
    compose_shelf,
)
from facings.simulate.cutouts import Cutout
from facings.simulate.output_folder import replaced_folder

_MARK, _MADE_BY = "shelves.json", "facings.simulate.shelves"
_ANNOTATIONS: dict[Format, str] = {
    "coco": "annotations.json",
    "sku110k": "annotations.csv",
    "voc": "annotations",
    "yolo": "",
}
_OWN_NAMES = frozenset({_MARK, "images", "labels", "classes.txt"}) | set(filter(None, _ANNOTATIONS.values()))
_JPEG_QUALITY = 92
_STREAM = 20  # apart from those of `dataset`


@dataclass(frozen=True)
class ShelvesSummary:
    """What `write_shelves` wrote.

    Args:
        n_photos: Photos of shelves.
        n_boxes: Boxes on all of them together, without the ignored ones.
        n_ignored: Boxes to be ignored.
        problems: Cut-outs that could not be used; the others took their places.
        losses: What the format could not hold.
    """

    n_photos: int
    n_boxes: int
    n_ignored: int
    problems: tuple[Problem, ...]
    losses: tuple[Problem, ...]


def write_shelves(
    directory: str | Path,
    cutouts: Sequence[Cutout],
    *,
    source: str,
    n_photos: int,
    facings: tuple[int, int],
    size_px: tuple[int, int],
    format: Format = "coco",  # noqa: A002
    seed: int = 0,
    track: Track = untracked,
) -> ShelvesSummary:
    """Write composed shelf photos and their boxes; `read_annotations` reads them back.

    The same cut-outs and numbers give the same bytes with the same versions of NumPy and Pillow. A photo depends on
    the seed and its own number only, so more photos begin with the same ones.

    Args:
        directory: Where to; made if missing. What was written here before is replaced as a whole.
        cutouts: What stands on the shelves.
        source: Where they come from, in words, for `shelves.json`.
        n_photos: 1 or more.
        facings: Fewest and most facings of a photo; low numbers are as frequent as high ones, in proportion.
        size_px: Width and height of each photo.
        format: Of the annotations.
        seed: 0 or more.
        track: Shows the progress.

    Raises:
        BadInput: A number is out of range, no cut-out can be used, or the directory holds files that were not made
            here.
    """
    _check(n_photos, facings, size_px, seed)
    usable, problems = _writable(cutouts)
    photos: list[AnnotatedPhoto] = []
    with replaced_folder(Path(directory), own_names=_OWN_NAMES, mark=_MARK, made_by=_MADE_BY) as partial:
        (partial / "images").mkdir()
        for number in track(range(n_photos), "Composing", n_photos):
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_STREAM, number)))
            shelf = compose_shelf(usable, n_facings=_draw(facings, rng), size_px=size_px, rng=rng)
            path = partial / "images" / f"shelf_{number + 1:04d}.jpg"
            Image.fromarray(shelf.pixels).save(path, "JPEG", quality=_JPEG_QUALITY)
            photos.append(AnnotatedPhoto(path, *size_px, _boxes(shelf)))
            problems |= {problem.where: problem for problem in shelf.problems}
        skus = sorted({cutout.sku for cutout in usable})  # also those that no shelf shows: one number for all files
        losses = write_annotations(photos, partial / _ANNOTATIONS[format], format, labels=skus)
        settings = {"seed": seed, "facings": facings, "size_px": size_px, "format": format, "source": source}
        _write_facts(partial / _MARK, photos, {**settings, "n_cutouts": len(usable)})
    said = tuple(Problem(str(directory), loss.code, loss.message) for loss in losses)
    boxes = [box for photo in photos for box in photo.boxes]
    n_ignored = sum(box.is_ignored for box in boxes)
    return ShelvesSummary(n_photos, len(boxes) - n_ignored, n_ignored, tuple(problems.values()), said)


def _check(n_photos: int, facings: tuple[int, int], size_px: tuple[int, int], seed: int) -> None:
    if n_photos < 1:
        raise BadInput(f"n_photos: got {n_photos}, wanted 1 or more.")
    if seed < 0:
        raise BadInput(f"seed: got {seed}, wanted 0 or more.")
    if not 1 <= facings[0] <= facings[1]:
        raise BadInput(f"facings: got {facings[0]}-{facings[1]}, wanted the smaller number first, 1 or more.")
    check_size(facings[1], size_px)


def _writable(cutouts: Sequence[Cutout]) -> tuple[list[Cutout], dict[str, Problem]]:
    """Cut-outs whose product has a name that annotation files can hold, and the others as problems by place."""
    problems = {}
    usable = []
    for cutout in cutouts:
        if is_plain_text(cutout.sku):
            usable.append(cutout)
        else:
            message = f"got product {cutout.sku!r}, wanted one line of plain text."
            problems[cutout.where] = Problem(cutout.where, BadInput.code, message)
    return usable, problems


def _draw(facings: tuple[int, int], rng: np.random.Generator) -> int:
    low, high = facings
    return int(np.clip(round(low * (high / low) ** float(rng.random())), low, high))


def _boxes(shelf: ComposedShelf) -> tuple[LabelledBox, ...]:
    return tuple(
        LabelledBox((x1, y1, x2, y2), sku, is_ignored, {"visible_frac": round(frac, 3)})
        for (x1, y1, x2, y2), sku, is_ignored, frac in zip(
            shelf.boxes.tolist(), shelf.skus, shelf.is_ignored.tolist(), shelf.visible_frac.tolist(), strict=True
        )
    )


def _write_facts(path: Path, photos: Sequence[AnnotatedPhoto], settings: dict[str, object]) -> None:
    shelves = [
        {
            "image": photo.path.name,
            "n_boxes": sum(not box.is_ignored for box in photo.boxes),
            "n_ignored": sum(box.is_ignored for box in photo.boxes),
        }
        for photo in photos
    ]
    rule = {"min_counted_frac": MIN_COUNTED_FRAC, "min_boxed_frac": MIN_BOXED_FRAC}
    facts = {"made_by": _MADE_BY, **settings, **rule, "shelves": shelves}
    path.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
