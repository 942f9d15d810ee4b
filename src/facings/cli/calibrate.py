"""Whether decisions keep their promise, and calibration from labelled photos: `facings calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facings.cli.options import AsJson, MaxFalseAccept, Model, Store, Threads
from facings.cli.session import end, open_store, print_json

if TYPE_CHECKING:
    from facings.evaluate.calibration_check import CalibrationCheck


def calibrate(
    queries: Annotated[Path, typer.Argument(help="Labelled photos, not enrolled ones: folder, CSV, or list.")],
    save: Annotated[bool, typer.Option("--save", help="Decide by these photos from now on, in this store.")] = False,
    max_false_accept: MaxFalseAccept = None,
    as_json: AsJson = False,
    store: Store = None,
    model: Model = None,
    threads: Threads = None,
) -> None:
    """Check on labelled photos what share of false accepts there is; with --save, calibrate from them."""
    from facings.manifest import read_manifest
    from facings.terminal import say, track

    workspace = open_store(store=store, model=model, threads=threads, max_false_accept=max_false_accept)
    manifest = read_manifest(queries)
    found = workspace.check_calibration(manifest.photos, track=track)
    if as_json:
        print_json(found.to_json())
    else:
        _show(found)
    if save:
        say(f"From now on decisions rest on {len(found.queries.skus)} photos: {workspace.save_calibration(found)}")
    end([*manifest.problems, *found.problems])


def _show(found: CalibrationCheck) -> None:
    from facings.terminal import say, table

    rows = []
    for name, kept in (("the gallery's own photos", found.by_gallery), ("these photos, by halves", found.by_queries)):
        low, high = kept.false_accepts.low, kept.false_accepts.high
        shares = (kept.accepted_right, kept.accepted_wrong, kept.covered, kept.unknown_unknown)
        rows.append((name, f"{kept.false_accepts.value:.1%} ({low:.1%} to {high:.1%})",
                     *(f"{share.value:.1%}" for share in shares)))  # fmt: skip
    columns = ("calibrated from", "false accepts", "accepted right", "wrong", "right among answers", "unknown found")
    table(f"Promised: at most {found.by_gallery.max_false_accept:.1%} false accepts", columns, rows, right=columns[1:])
    say(
        f"{len(found.queries.skus)} photos of {found.by_gallery.false_accepts.n_products} products; {found.n_leaks} "
        "more are in the gallery already and were left out. False accepts: each photo asked with its own product left "
        "out; in brackets the 95 % interval over products."
    )
    if found.by_gallery.is_broken and not found.by_queries.is_broken:
        say("The gallery's own photos promise too much here (the model may have learned from them). Use --save.")
