"""Shelves against their plans: `facings planogram check`."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facings.cli.options import AsJson, Detector, Model, RefuseBad, Store, Threads
from facings.cli.session import end, open_store, print_json, write_text
from facings.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from facings.apps.planogram_verdicts import Compliance
    from facings.catalog import Product
    from facings.compose import Workspace
    from facings.types import PhotoResult, UInt8Array

app = typer.Typer(help="Is the shelf as planned?", no_args_is_help=True)


@app.command("check")
def planogram_check(
    photo: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A photo of the shelf, or a part of it.")],
    plan: Annotated[
        Path,
        typer.Option("--plan", help="CSV (shelf,position,sku,facings[,width_cm]), or the JSON of Azure AI Vision."),
    ],
    place: Annotated[str, typer.Option("--place", help="Where it was taken: store-12/aisle-3/bay-2.")] = "",
    boxes: Annotated[
        Path | None, typer.Option("--boxes", help="COCO JSON or CSV (photo,x1,y1,x2,y2); nothing is detected then.")
    ] = None,
    detections: Annotated[
        Path | None, typer.Option("--detections", help="Products as Azure AI Vision had found them; JSON.")
    ] = None,
    as_json: AsJson = False,
    annotate: Annotated[Path | None, typer.Option("--annotate", help="Write the photo with the differences.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write a page for people: check.html.")] = None,
    no_record: Annotated[bool, typer.Option("--no-record", help="Look only; write nothing to the record.")] = False,
    detector: Detector = None,
    refuse_bad: RefuseBad = False,
    store: Store = None,
    model: Model = None,
    threads: Threads = None,
) -> None:
    """What is missing, misplaced, or too much on a shelf, the most important first."""
    from facings.annotations import read_boxes
    from facings.apps.planogram import check_planogram
    from facings.apps.planogram_azure import read_detections
    from facings.apps.planogram_files import read_plan
    from facings.apps.planogram_plan import resolve
    from facings.catalog import Names

    if boxes and detections:
        raise typer.BadParameter("give --boxes or --detections, not both")
    flags = {"model": model, "detector": detector, "threads": threads, "refuse_bad_photos": refuse_bad or None}
    workspace = open_store(store=store, **flags)
    products = workspace.store.products()
    read, refused = read_plan(plan)
    known, strangers = resolve(read, products)
    box_file = read_boxes(boxes) if boxes else None
    if detections:
        result = replace(read_detections(detections, Names(products)), photo=str(photo))
    else:
        result = next(workspace.recognize([photo], boxes=box_file, place=place, is_recording=not no_record))
    compliance = check_planogram(known, result)
    if as_json:
        print_json(as_json_values(compliance, products))
    else:
        show(compliance, {sku: product.name for sku, product in products.items()})
    if annotate or out:
        _write(workspace, compliance, _pixels(workspace, photo, result), annotate, out)
    end([*refused, *strangers, *(box_file.problems if box_file else ())])


def as_json_values(compliance: Compliance, products: Mapping[str, Product]) -> dict[str, Any]:
    """The check with what to do and the shares of shelf."""
    from facings.apps.planogram_share import shares
    from facings.apps.planogram_todo import tasks

    return {
        **compliance.to_json(),
        "tasks": [
            asdict(task) | {"boxes": [compliance.sightings[n].box for n in task.boxes]} for task in tasks(compliance)
        ],
        "brands": [asdict(share) for share in shares(compliance, products, lambda product: product.brand)],
        "categories": [asdict(share) for share in shares(compliance, products, lambda product: product.category)],
    }


def show(compliance: Compliance, names: Mapping[str, str]) -> None:
    from facings.apps.planogram_todo import tasks
    from facings.terminal import say, table

    found = tasks(compliance)
    rows = [
        (n, t.kind.replace("_", " "), t.shelf, t.position, t.sku, names.get(t.sku or "", ""), t.n_planned, t.n_seen,
         t.words)
        for n, t in enumerate(found, start=1)
    ]  # fmt: skip
    columns = ("#", "what", "shelf", "position", "sku", "name", "planned", "seen", "do")
    table("What to do first" if rows else "", columns, rows, right=("#", "shelf", "planned", "seen"))
    if not compliance.match.is_located:
        say("The photo does not look like this plan: fewer than three facings agree. Is it the right plan?")
    n_candidates = sum(check.n_candidates for check in compliance.asked)
    ambiguous = f", {n_candidates} of them as one of several candidates" if n_candidates else ""
    say(
        f"{compliance.score:.1%} in place: {compliance.n_in_place} of {compliance.n_planned} planned facings"
        f"{ambiguous}. In order: {compliance.strict_score:.1%} of {len(compliance.asked)} positions."
    )


def _pixels(workspace: Workspace, photo: Path, result: PhotoResult) -> UInt8Array:
    """The photo that boxes are drawn into.

    Raises:
        BadInput: It is not the photo that the boxes were found in.
    """
    from facings.images import decode, read_bytes

    image = decode(read_bytes(photo), source=str(photo), max_megapixels=workspace.settings.max_megapixels)
    if (image.width, image.height) != (result.width, result.height):
        raise BadInput(
            f"{photo}: {image.width} × {image.height} pixels, but the products were found in a photo of "
            f"{result.width} × {result.height}."
        )
    return image.pixels


def _write(
    workspace: Workspace, compliance: Compliance, pixels: UInt8Array, annotate: Path | None, out: Path | None
) -> None:
    from datetime import UTC, datetime

    from facings.apps.planogram_page import planogram_page
    from facings.apps.planogram_picture import draw_differences, save_picture
    from facings.terminal import say

    if annotate:
        save_picture(draw_differences(pixels, compliance), annotate, photo=Path(compliance.photo))
        say(f"Differences: {annotate}")
    if out:
        write_text(out, planogram_page(compliance, workspace.store.products(), pixels, datetime.now(UTC)))
        say(f"Page: {out}")
