"""Where products are in photos: `facings detect`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from facings.cli.options import AsJson, Detector, RefuseBad, Threads
from facings.cli.session import end, open_store, print_json
from facings.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facings.quality import PhotoQuality
    from facings.types import PhotoDetections


def detect(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")],
    as_json: AsJson = False,
    annotate: Annotated[Path | None, typer.Option("--annotate", help="Write pictures with boxes here.")] = None,
    write: Annotated[
        Path | None, typer.Option("--write", help="Write the boxes here, to be corrected in a labelling tool.")
    ] = None,
    form: Annotated[
        Literal["coco", "voc", "yolo", "sku110k"],
        typer.Option("--format", help="Of --write: a file, or for voc and yolo a folder."),
    ] = "coco",
    detector: Detector = None,
    refuse_bad: RefuseBad = False,
    threads: Threads = None,
) -> None:
    """Find the products in photos; needs no store. JSON is one object a photo and line."""
    from facings.annotate import AnnotatedFolder
    from facings.detect import WholePhoto
    from facings.terminal import say, track

    workspace = open_store(None, detector=detector, threads=threads, refuse_bad_photos=refuse_bad or None)
    pictures = AnnotatedFolder(annotate, {}, workspace.settings.max_megapixels) if annotate else None
    if isinstance(workspace.detector, WholePhoto):
        say("No detector: each photo counts as one product. 'facings train detector' makes one for --detector.")
    results = []
    for result in workspace.detect(photos, track=track):
        results.append(result)
        if as_json:
            print_json(result.to_json())
        if pictures and not result.error:
            pictures.add(result)
    if not as_json:
        _show_found(results)
    if pictures:
        say(f"Annotated pictures: {annotate}")
    if write:
        _write(write, form, results)
    end([Problem(r.photo, r.error.code, r.error.message) for r in results if r.error])


def short_names(photos: Sequence[str]) -> dict[str, str]:
    """Each photo as seen from the folder that holds them all."""
    folder = os.path.commonpath([Path(photo).absolute().parent for photo in photos]) if photos else "."
    return {photo: os.path.relpath(photo, folder) for photo in photos}


def show_remarks(photo: str, quality: PhotoQuality | None, notes: Sequence[str]) -> None:
    """What the photo coach advises and what else is to be known of a photo, a line each, on stderr."""
    from facings.terminal import say

    for remark in [*map(str, quality.advice if quality else ()), *notes]:
        say(f"{photo}: {remark}")


def _show_found(results: Sequence[PhotoDetections]) -> None:
    from facings.terminal import say, table

    short = short_names([r.photo for r in results])
    rows = [
        (short[r.photo], len(r.detections), f"{r.quality.facing_px:.0f}" if r.quality.facing_px else "",
         " ".join(map(str, r.quality.advice)))
        for r in results
        if r.quality
    ]  # fmt: skip
    table("", ("photo", "products", "facing px", "advice"), rows, right=("products", "facing px"))
    for r in results:
        show_remarks(short[r.photo], None, r.notes)
    say(f"{len(results)} photos, {sum(len(r.detections) for r in results)} products. Which ones: facings recognize")


def _write(path: Path, form: Literal["coco", "voc", "yolo", "sku110k"], results: Sequence[PhotoDetections]) -> None:
    """The boxes as annotations; what the format cannot hold is said."""
    from facings.annotations import AnnotatedPhoto, LabelledBox, write_annotations
    from facings.terminal import say, show_problems

    photos = []
    for r in results:
        if r.error is None:
            found = zip(r.detections.xyxy.tolist(), r.detections.confidence.tolist(), strict=True)
            boxes = (LabelledBox(tuple(box), "product", attributes={"confidence": c}) for box, c in found)
            photos.append(AnnotatedPhoto(Path(r.photo), r.width, r.height, tuple(boxes)))
    if not photos:
        say(f"No boxes to write: {path} was not made.")
        return
    show_problems(write_annotations(photos, path, form))
    say(f"Boxes: {path} ({form})")
