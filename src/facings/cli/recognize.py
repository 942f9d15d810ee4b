"""What is in photos: `facings recognize`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facings.cli.detect import short_names, show_remarks
from facings.cli.options import AsJson, Detector, EvidenceWish, MaxFalseAccept, Model, RefuseBad, Store, Threads
from facings.cli.session import end, open_store, print_json
from facings.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from facings.compose import Workspace
    from facings.types import PhotoResult, Recognition


def recognize(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")],
    as_json: AsJson = False,
    boxes: Annotated[
        Path | None, typer.Option("--boxes", help="COCO JSON or CSV (photo,x1,y1,x2,y2); nothing is detected then.")
    ] = None,
    detector: Detector = None,
    annotate: Annotated[Path | None, typer.Option("--annotate", help="Write pictures with boxes here.")] = None,
    place: Annotated[str, typer.Option("--place", help="Where they were taken: store-12/aisle-3/bay-2.")] = "",
    no_record: Annotated[bool, typer.Option("--no-record", help="Look only; write nothing to the record.")] = False,
    evidence: EvidenceWish = None,
    refuse_bad: RefuseBad = False,
    max_false_accept: MaxFalseAccept = None,
    top_k: Annotated[int | None, typer.Option("--top-k", help="Candidates a product.")] = None,
    store: Store = None,
    model: Model = None,
    threads: Threads = None,
) -> None:
    """Find the products in photos, say which they are, put it on record. JSON is one object a photo and line."""
    from facings.annotate import AnnotatedFolder
    from facings.annotations import read_boxes
    from facings.terminal import say, track

    flags = {"model": model, "detector": detector, "threads": threads, "top_k": top_k, "evidence": evidence}
    workspace = open_store(
        store=store, refuse_bad_photos=refuse_bad or None, max_false_accept=max_false_accept, **flags
    )
    box_file = read_boxes(boxes) if boxes else None
    names = {sku: product.name for sku, product in workspace.store.products().items()}
    pictures = AnnotatedFolder(annotate, names, workspace.settings.max_megapixels) if annotate else None
    results = []
    found = workspace.recognize(photos, boxes=box_file, place=place, is_recording=not no_record, track=track)
    for result in found:
        results.append(result)
        if as_json:
            print_json(result.to_json())
        if pictures and not result.error:
            pictures.add(result)
    if not as_json:
        _show_results(results, names)
    _show_shared_reasons(results)
    _doubt_gallery(workspace, results)
    if pictures:
        say(f"Annotated pictures: {annotate}")
    failed = [Problem(r.photo, r.error.code, r.error.message) for r in results if r.error]
    end([*(box_file.problems if box_file else ()), *failed])


def _show_results(results: Sequence[PhotoResult], names: Mapping[str, str]) -> None:
    from facings.terminal import say, table

    short = short_names([r.photo for r in results])
    rows = [
        (short[r.photo], n, x.decision.verdict, x.decision.sku, *_two_best(x))
        for r in results
        for n, x in enumerate(r.recognitions, start=1)
    ]
    table("", ("photo", "box", "decision", "sku", "closest", "runner-up"), rows, right=("box",))
    for r in results:
        show_remarks(short[r.photo], r.quality, r.notes)
    for sku in sorted({x.decision.sku for r in results for x in r.recognitions if x.decision.sku}):
        if names.get(sku):
            say(f"{sku}: {names[sku]}")
    verdicts = [x.decision.verdict for r in results for x in r.recognitions]
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in ("accepted", "ambiguous", "unknown"))
    say(
        f"{len(results)} photos, {len(verdicts)} boxes: {counts}. Reasons: --json. What was seen so far: facings report"
    )


def _show_shared_reasons(results: Sequence[PhotoResult]) -> None:
    """What holds for everything that was not accepted, where several boxes were not."""
    from facings.terminal import say

    refused = [x.decision.reasons for r in results for x in r.recognitions if x.decision.verdict != "accepted"]
    shared = [why for why in refused[0] if all(why in reasons for reasons in refused)] if len(refused) > 1 else []
    for why in shared:
        say(f"What was not accepted has this in common: {why}.")


def _doubt_gallery(workspace: Workspace, results: Sequence[PhotoResult]) -> None:
    """Say it where crops were compared with whole reference photos and little came of it: that may be why."""
    from facings.terminal import say

    decisions = [x.decision.verdict for r in results if len(r.recognitions) > 1 for x in r.recognitions]
    if 2 * decisions.count("accepted") < len(decisions) and workspace.has_uncut_gallery:
        say(
            "Most boxes were not accepted, and no reference photo has a box. Where reference photos show more than the "
            "product, cut them, or give boxes: gallery build FILE.csv (photo,sku,x1,y1,x2,y2)."
        )


def _two_best(recognition: Recognition) -> list[str]:
    shown = [f"{c.sku} {c.similarity:.3f}" for c in recognition.decision.candidates[:2]]
    return [*shown, "", ""][:2]
