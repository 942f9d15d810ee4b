"""Look-alikes of the gallery: `facings gallery twins`, and what an enrollment says about them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facings.cli.options import AsJson, Model, Store, Threads
from facings.cli.session import end, open_store, print_json, write_text

if TYPE_CHECKING:
    from facings.compose import Workspace
    from facings.twin_desk import TwinReport
    from facings.twins import Twin

N_WARNED = 5


def gallery_twins(
    as_json: AsJson = False,
    out: Annotated[Path | None, typer.Option("--out", help="Write a page with the pairs side by side.")] = None,
    store: Store = None,
    model: Model = None,
    threads: Threads = None,
) -> None:
    """Show products that will be confused and doubles of the catalog; learn what tells each pair apart."""
    from datetime import UTC, datetime

    from facings.terminal import say, track

    workspace = open_store(store=store, model=model, threads=threads)
    report = workspace.twins.look(track=track)
    if as_json:
        print_json(_as_json(report))
    else:
        _show(report)
    if out:
        from facings.twin_page import twin_page

        kept = workspace.store
        page = twin_page(report, workspace.twins, kept.references(), kept.products(), datetime.now(UTC), track=track)
        write_text(out, page)
        say(f"Page: {out}")
    end(report.problems)


def warn_of_twins(workspace: Workspace, since: int) -> None:
    """Say which products that came after a gallery version will be confused, and with what."""
    from facings.terminal import say

    found = workspace.twins.find(since)
    for twin in found[:N_WARNED]:
        say(_warning(twin))
    if len(found) > N_WARNED:
        say(f"… and {len(found) - N_WARNED} more.")
    if found:
        say("facings gallery twins shows them all and learns what tells them apart.")


def _warning(twin: Twin) -> str:
    return (
        f"Look-alike: {twin.sku} and {twin.other} (similarity {twin.similarity:.3f}): {twin.rate} of {twin.sku} "
        f"would be called {twin.other}. Take photos that show what differs, or rely on the barcode."
    )


def _as_json(report: TwinReport) -> dict[str, Any]:
    def verifier(twin: Twin) -> dict[str, Any] | None:
        pair = report.pair_of(twin)
        if pair is None:
            return None
        found = pair.verifier
        return {
            "n_photos": len(pair.reference_ids),
            "n_wrong": found.n_wrong,
            "n_wrong_embedding": found.n_wrong_embedding,
            "is_used": found.is_used,
        }

    return {
        "twins": [asdict(twin) | {"verifier": verifier(twin)} for twin in report.twins],
        "doubles": [asdict(double) for double in report.doubles],
        "same_looks": [[near.first.reference_id, near.second.reference_id] for near in report.same_looks],
        "note": report.note,
    }


def _show(report: TwinReport) -> None:
    from facings.terminal import say, table

    rows = [
        (twin.sku, twin.other, twin.rate, f"{twin.similarity:.3f}", twin.n_photos, _apart(report, twin))
        for twin in report.twins
    ]
    columns = ("product", "taken for", "expected", "similarity", "photos", "a closer look")
    if rows:
        table("Look-alikes", columns, rows, right=("similarity", "photos"))
    else:
        say("No look-alikes: hardly any reference photo is closer to another product than to its own.")
    if report.doubles:
        table(
            "Products that may be one", ("product", "and", "why"), [(d.first, d.second, d.why) for d in report.doubles]
        )
    for near in report.same_looks:
        one, other = near.first, near.second
        say(f"One picture for two products: {one.source} ({one.sku}), {other.source} ({other.sku})")
    if report.note:
        say(f"Nothing was learned to tell them apart: {report.note}")


def _apart(report: TwinReport, twin: Twin) -> str:
    """What the verifier of a pair is worth, in words."""
    pair = report.pair_of(twin)
    if pair is None:
        return "too few photos"
    if not pair.verifier.is_used:
        return f"no better ({pair.record})"
    return pair.record
