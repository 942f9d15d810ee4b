"""What was seen, and what follows: `facings report [inventory]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from facings.cli.options import Store
from facings.cli.session import open_store, write_text

if TYPE_CHECKING:
    from facings.apps.inventory_report import InventoryReport
    from facings.report import Report

app = typer.Typer(invoke_without_command=True)

Form = Annotated[
    Literal["table", "csv", "json", "html"] | None,
    typer.Option("--format", help="What to write; else by the ending of --out, else a table."),
]
Out = Annotated[Path | None, typer.Option("--out", help="Write to this file instead of stdout.")]


@app.callback()
def report(context: typer.Context, form: Form = None, out: Out = None, store: Store = None) -> None:
    """What was seen, when and where; with a word more, what follows from it."""
    if context.invoked_subcommand is None:
        _report_record(_wanted_form(form, out), out, store)


@app.command("inventory")
def report_inventory(form: Form = None, out: Out = None, store: Store = None) -> None:
    """What is on hand, what is missing, and what to do first."""
    from facings.apps.inventory_report import to_csv, to_json

    wanted = _wanted_form(form, out)
    workspace = open_store(store=store)
    found = workspace.inventory_report()
    if wanted == "table":
        _show_inventory(found)
    elif wanted == "csv":
        _write(to_csv(found), out)
    elif wanted == "json":
        _write(json.dumps(to_json(found), indent=2), out)
    else:
        _write(workspace.inventory_html(found), out)


def _report_record(wanted: str, out: Path | None, store: str | None) -> None:
    from facings.report import to_json
    from facings.terminal import track

    workspace = open_store(store=store)
    if wanted == "table":
        _show_report(workspace.report())
        return
    if wanted == "csv":
        text = workspace.report_csv()
    elif wanted == "json":
        text = json.dumps(to_json(workspace.report()), indent=2)
    else:
        text = workspace.report_html(track=track)
    _write(text, out)


def _write(text: str, out: Path | None) -> None:
    from facings.terminal import say

    if out is None:
        sys.stdout.write(text.rstrip("\n") + "\n")
    else:
        write_text(out, text)
        say(f"Report: {out}")


def _show_report(summary: Report) -> None:
    from facings.terminal import say, table

    rows = [
        (line.place, line.sku, line.name, line.n_facings, line.n_photos, f"{line.mean_similarity:.3f}",
         f"{line.last_seen:%Y-%m-%d %H:%M}")
        for line in summary.lines
    ]  # fmt: skip
    columns = ("place", "sku", "name", "facings", "photos", "similarity", "last seen (UTC)")
    table("What was seen", columns, rows, right=("facings", "photos", "similarity"))
    counts = ", ".join(f"{n} {verdict}" for verdict, n in summary.verdicts.items())
    say(f"{len(summary.readings)} photos, {summary.n_boxes} boxes: {counts}.")


def _show_inventory(found: InventoryReport) -> None:
    from facings.apps.inventory_report import loss_in
    from facings.terminal import say, table

    rows = [
        (a.kind, a.line.site, a.line.sku, a.line.product.name, a.line.on_hand, a.reason,
         f"{a.loss_per_day:.2f} {loss_in(a)}")
        for a in found.alerts
    ]  # fmt: skip
    columns = ("alert", "place", "sku", "name", "on hand", "why", "lost a day")
    table("What to do first", columns, rows, right=("on hand", "lost a day"))
    for old, holds in found.conflicts:
        say(
            f"{holds.sku} at {holds.place}: {old.author} counted {old.quantity}, {holds.author} {holds.quantity}; "
            f"the count by {holds.author} holds (events {old.event_id}, {holds.event_id})."
        )
    for problem in found.problems:
        say(problem)
    say(f"{len(found.lines)} products, {len(found.alerts)} alerts. Stock of all: facings inventory show")


def _wanted_form(form: str | None, out: Path | None) -> str:
    wanted = form or _form_of(out)
    if (wanted == "table" and out) or (wanted == "html" and not out):
        raise typer.BadParameter("a table goes to the terminal, a page into a file: --out report.html (or .csv, .json)")
    return wanted


def _form_of(out: Path | None) -> str:
    """The format that the ending of a file asks for."""
    endings = {".csv": "csv", ".json": "json", ".html": "html", ".htm": "html"}
    return "table" if out is None else endings.get(out.suffix.lower(), "table")
