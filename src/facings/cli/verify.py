"""Genuine or not: `facings verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facings.cli.options import AsJson, Model, Store, Threads
from facings.cli.session import open_store, print_json, write_text
from facings.errors import BadInput

if TYPE_CHECKING:
    from facings.apps.authenticity_answer import Authenticity
    from facings.compose import Workspace


def verify(
    photo: Annotated[Path, typer.Argument(help="Photo of one pack.")],
    sku: Annotated[str | None, typer.Option("--sku", help="What it claims to be; else the recognized product.")] = None,
    max_false_alarm: Annotated[
        float, typer.Option("--max-false-alarm", help="Share of genuine packs that may be called suspicious.")
    ] = 0.05,
    out: Annotated[Path | None, typer.Option("--out", help="Write a page to read and print.")] = None,
    no_record: Annotated[bool, typer.Option("--no-record", help="Look only; write nothing to the record.")] = False,
    as_json: AsJson = False,
    store: Store = None,
    model: Model = None,
    threads: Threads = None,
) -> None:
    """Hold a pack against the genuine photos of its product: consistent, suspicious, or cannot tell."""
    from datetime import UTC, datetime

    from facings.apps.authenticity_page import authenticity_page
    from facings.terminal import say, track

    if not photo.is_file():
        raise BadInput(f"{photo}: there is no such file.", "Wanted one photo of one pack.")
    workspace = open_store(store=store, model=model, threads=threads)
    desk = workspace.authenticity
    judged = desk.check(photo, sku or _recognized(workspace, photo), max_false_alarm=max_false_alarm, track=track)
    number = None if no_record else desk.record(photo, judged)
    if as_json:
        print_json(judged.answer.to_json())
    else:
        _show(judged.answer)
        if number is not None:
            say(f"On record as verdict {number}. Found out more? facings verdicts rule {number} --fake | --genuine")
    if out:
        closest = judged.answer.closest
        source = next((r.source for r in workspace.store.references() if r.reference_id == closest), "")
        genuine = None if closest is None else desk.genuine_pixels(closest)
        made_at = datetime.now(UTC)
        write_text(out, authenticity_page(judged, genuine, photo=photo.name, source=source, made_at=made_at))
        say(f"Page: {out}")


def _recognized(workspace: Workspace, photo: Path) -> str:
    """The product of the photo, where there is one and no doubt."""
    (result,) = workspace.recognize([photo], is_recording=False)
    skus = {r.decision.sku for r in result.recognitions if r.decision.sku}
    if len(skus) != 1:
        seen = ", ".join(sorted(skus)) or "none for sure"
        raise BadInput(f"{photo}: products recognized: {seen}; wanted one.", "Say which it claims to be: --sku SKU.")
    return skus.pop()


def _show(answer: Authenticity) -> None:
    from facings.terminal import say, table

    say(f"{answer.sku}: {answer.verdict}. {answer.why}")
    if answer.advice:
        say(answer.advice)
    rows = [
        (check.name, "" if check.p_value is None else f"{check.p_value:.3f}", check.words) for check in answer.checks
    ]
    if rows:
        title = f"{answer.judged_frac:.0%} of the pack judged, by {answer.n_references} genuine photos"
        table(title, ("check", "p-value", "at its oddest place"), rows, right=("p-value",))
