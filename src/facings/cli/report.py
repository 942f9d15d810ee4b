"""What was seen, and what follows: `facings report [inventory | demand | planogram]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from facings.cli.options import Store
from facings.cli.session import end, open_stock, open_store, write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from facings.apps.demand import Demand
    from facings.apps.demand_report import DemandReport
    from facings.apps.forecast import ForecastModels
    from facings.apps.inventory_report import InventoryReport
    from facings.apps.planogram_verdicts import Compliance
    from facings.compose import Workspace
    from facings.report import Report
    from facings.types import Reading

app = typer.Typer(invoke_without_command=True)

Form = Annotated[
    Literal["table", "csv", "json", "parquet", "html"] | None,
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
    from facings.apps import inventory_report

    wanted = _wanted_form(form, out)
    stock_room = open_stock(store)
    found = stock_room.report()
    _put(
        wanted,
        out,
        show=lambda: _show_inventory(found),
        rows=lambda: (inventory_report.to_rows(found), inventory_report.COLUMNS),
        csv=lambda: inventory_report.to_csv(found),
        as_json=lambda: inventory_report.to_json(found),
        page=lambda: stock_room.report_html(found),
    )


@app.command("demand")
def report_demand(
    days: Annotated[int, typer.Option("--days", min=1, max=3660, help="Days back from now.")] = 91,
    horizon: Annotated[int, typer.Option("--forecast", min=0, max=56, help="Days to come; extra demand.")] = 0,
    coverage: Annotated[
        float, typer.Option("--coverage", min=0.5, max=0.99, help="Probability that a range holds the true figure.")
    ] = 0.9,
    place: Annotated[str, typer.Option("--place", help="store-12, or finer: store-12/aisle-3/bay-2.")] = "",
    sku: Annotated[str, typer.Option("--sku", help="Only this product: SKU, GTIN or name.")] = "",
    form: Form = None,
    out: Out = None,
    store: Store = None,
) -> None:
    """What is wanted of each product, what is dead, and what was lost while the shelf was empty."""
    from facings.apps import demand_report

    wanted = _wanted_form(form, out)
    stock_room = open_stock(store)
    found = stock_room.demand_report(
        days=days, place=place, sku=sku, coverage=coverage, horizon=horizon, models=_models() if horizon else None
    )
    _put(
        wanted,
        out,
        show=lambda: _show_demand(found),
        rows=lambda: (demand_report.to_rows(found), demand_report.COLUMNS),
        csv=lambda: demand_report.to_csv(found),
        as_json=lambda: demand_report.to_json(found),
        page=lambda: stock_room.demand_html(found),
    )


@app.command("planogram")
def report_planogram(
    plan: Annotated[
        Path,
        typer.Option("--plan", help="CSV (shelf,position,sku,facings[,width_cm]), or the JSON of Azure AI Vision."),
    ],
    place: Annotated[str, typer.Option("--place", help="The place whose last photo is checked.")],
    form: Form = None,
    out: Out = None,
    store: Store = None,
) -> None:
    """The last photo on record of a place against its plan; a new photo: facings planogram check."""
    from facings.apps import planogram_report
    from facings.apps.planogram import check_planogram
    from facings.apps.planogram_files import read_plan
    from facings.apps.planogram_plan import resolve
    from facings.cli.planogram import as_json_values, show

    wanted = _wanted_form(form, out)
    workspace = open_store(store)
    products = workspace.store.products()
    read, refused = read_plan(plan)
    known, strangers = resolve(read, products)
    reading = workspace.last_reading(place)
    compliance = check_planogram(known, planogram_report.result_of(reading))
    _put(
        wanted,
        out,
        show=lambda: show(compliance, {sku: product.name for sku, product in products.items()}),
        rows=lambda: (planogram_report.to_rows(compliance), planogram_report.COLUMNS),
        csv=lambda: planogram_report.to_csv(compliance),
        as_json=lambda: as_json_values(compliance, products),
        page=lambda: _planogram_page(workspace, compliance, reading),
    )
    end([*refused, *strangers])


def _planogram_page(workspace: Workspace, compliance: Compliance, reading: Reading) -> str:
    """The page, without the picture if the photo is gone."""
    from datetime import UTC, datetime

    from facings.apps.planogram_page import planogram_page
    from facings.errors import FacingsError

    try:
        pixels = workspace.kept_photo(reading).pixels
    except FacingsError:
        pixels = None
    return planogram_page(compliance, workspace.store.products(), pixels, datetime.now(UTC))


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
    elif wanted == "parquet":
        raise typer.BadParameter("the record itself is written as csv, json or html; Parquet: report inventory, demand")
    else:
        text = workspace.report_html(track=track)
    _write(text, out)


def _models() -> ForecastModels:
    from facings.adapters.statsforecast_models import StatsForecastModels

    return StatsForecastModels()


def _put(
    wanted: str,
    out: Path | None,
    *,
    show: Callable[[], None],
    rows: Callable[[], tuple[Iterable[Mapping[str, object]], Mapping[str, type]]],
    csv: Callable[[], str],
    as_json: Callable[[], object],
    page: Callable[[], str],
) -> None:
    """A report in the form that is wanted; only that one is made."""
    if wanted == "table":
        show()
    elif wanted == "parquet":
        _write_parquet(out, *rows())
    elif wanted == "json":
        _write(json.dumps(as_json(), indent=2), out)
    else:
        _write(csv() if wanted == "csv" else page(), out)


def _write_parquet(out: Path | None, rows: Iterable[Mapping[str, object]], columns: Mapping[str, type]) -> None:
    from facings.adapters.parquet_file import write_parquet
    from facings.terminal import say

    if out is not None:  # `_wanted_form` saw to it
        write_parquet(out, rows, columns)
        say(f"Report: {out}")


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


def _show_demand(found: DemandReport) -> None:
    from facings.terminal import say, table

    ranking = found.ranking
    rows = [
        (d.site, d.sku, d.product.name, f"{d.rate.per_day:.2f}", f"{d.rate.low:.2f} to {d.rate.high:.2f}", d.basis,
         f"{d.empty_days:.1f}", f"{d.lost.per_day:.1f}" if d.lost else "",
         "" if d.lost_money is None else f"{d.lost_money:,} {d.currency}", d.trend.direction if d.trend else "",
         _told(found, d))
        for d in ranking.high
        if d.rate
    ]  # fmt: skip
    columns = ("place", "sku", "name", "a day", f"{found.coverage:.0%} range", "from", "days empty", "not sold", "lost",
               "trend", "forecast")  # fmt: skip
    table("Wanted most", columns, rows, right=("a day", "days empty", "not sold", "lost", "forecast"))
    if ranking.dead:
        say("Dead: " + ", ".join(f"{d.sku} in {d.site}" for d in ranking.dead))
    for demand in ranking.unknown:
        say(f"{demand.sku} in {demand.site}: {demand.reason}")
    money = ", ".join(f"{amount:,} {currency}" for currency, amount in ranking.lost_money().items())
    say(f"{len(found.demands)} products. Not sold for lack of goods: {ranking.n_units_lost:.0f} units"
        + (f", {money}." if money else "."))  # fmt: skip
    if found.forecasts:
        say(f"{found.n_forecasts_won} of {len(found.forecasts)} forecasts are by a model that beat the simple ones.")


def _told(found: DemandReport, demand: Demand) -> str:
    told = found.forecasts.get((demand.site, demand.sku))
    return f"{told.n_units:.1f} ({told.model})" if told else ""


def _wanted_form(form: str | None, out: Path | None) -> str:
    wanted = form or _form_of(out)
    if (wanted == "table" and out) or (wanted in {"html", "parquet"} and not out):
        raise typer.BadParameter(
            "a table goes to the terminal, a page or Parquet into a file: --out report.html (or .csv, .json, .parquet)"
        )
    return wanted


def _form_of(out: Path | None) -> str:
    """The format that the ending of a file asks for."""
    endings = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".html": "html", ".htm": "html"}
    return "table" if out is None else endings.get(out.suffix.lower(), "table")
