"""Stock on a shelf by photos: `facings scan`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facings.cli.options import AsJson, Detector, EvidenceWish, Model, RefuseBad, Store, Threads
from facings.cli.session import end, open_store, print_json
from facings.errors import Problem

if TYPE_CHECKING:
    from facings.apps.scan import Scan


def scan(
    photos: Annotated[list[Path], typer.Argument(help="Photos of this place, or folders of them.")],
    place: Annotated[str, typer.Option("--place", help="What they show: store-12/aisle-3/bay-2.")],
    depth: Annotated[
        int | None,
        typer.Option("--depth", min=1, help="Units behind one another; else as the catalog says, else as counts show."),
    ] = None,
    as_json: AsJson = False,
    boxes: Annotated[
        Path | None, typer.Option("--boxes", help="COCO JSON or CSV (photo,x1,y1,x2,y2); nothing is detected then.")
    ] = None,
    detector: Detector = None,
    evidence: EvidenceWish = None,
    refuse_bad: RefuseBad = False,
    store: Store = None,
    model: Model = None,
    threads: Threads = None,
) -> None:
    """Recognize photos of one place, put them on record and count what stands there. JSON is one object a scan."""
    from facings.annotations import read_boxes
    from facings.terminal import say, track

    flags = {"model": model, "detector": detector, "threads": threads, "evidence": evidence}
    workspace = open_store(store=store, refuse_bad_photos=refuse_bad or None, **flags)
    box_file = read_boxes(boxes) if boxes else None
    results, done = workspace.scan(photos, place=place, depth=depth, boxes=box_file, track=track)
    for one in done.scans:
        if as_json:
            print_json(_scan_json(one, place))
        else:
            _show(one, place)
    if not any(one.counts for one in done.scans):
        say("No product was accepted, so nothing was counted. Why: facings recognize PHOTO --json")
    elif not done.n_new and not done.n_replaced:
        say("These photos were counted already; nothing was changed.")
    else:
        replaced = f", {done.n_replaced} earlier counts of the same moment replaced" if done.n_replaced else ""
        say(f"{done.n_new} counts written{replaced}. Stock: facings inventory show --place {place}")
    failed = [Problem(r.photo, r.error.code, r.error.message) for r in results if r.error]
    end([*(box_file.problems if box_file else ()), *failed])


def _show(one: Scan, place: str) -> None:
    from facings.terminal import say, table

    rows = [(count.sku, count.quantity, count.uncertainty or "", count.note) for count in one.counts]
    table(f"{place}, {one.at:%Y-%m-%d %H:%M} UTC", ("sku", "units", "±", "how"), rows, right=("units", "±"))
    if len(one.photo_ids) > 1:
        say(
            f"{len(one.photo_ids)} photos of one moment: each product counts as often as the photo that shows it most; "
            f"{one.n_overlapping} facings seen again were not counted twice."
        )


def _scan_json(one: Scan, place: str) -> dict[str, object]:
    counts = [
        {"sku": c.sku, "quantity": c.quantity, "uncertainty": c.uncertainty, "how": c.note, "source": c.source}
        for c in one.counts
    ]
    return {
        "place": place,
        "at": one.at.isoformat(),
        "photo_ids": list(one.photo_ids),
        "n_overlapping": one.n_overlapping,
        "counts": counts,
    }
