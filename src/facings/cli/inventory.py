"""Stock: `facings inventory import | show | events | adjust | undo | verify | export | notify`."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from facings.cli.options import AsJson, Store
from facings.cli.session import end, open_stock, print_json, write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facings.apps.ledger import Balance, Event

app = typer.Typer(help="Stock on hand and the ledger behind it.", no_args_is_help=True)

Place = Annotated[str, typer.Option("--place", help="store-12, or finer: store-12/aisle-3/bay-2.")]
Sku = Annotated[str, typer.Option("--sku", help="Only this product: SKU, GTIN or name.")]
Author = Annotated[str, typer.Option("--author", help="Who says so.")]
Note = Annotated[str, typer.Option("--note", help="Why.")]


@app.command("import")
def inventory_import(
    file: Annotated[
        Path, typer.Argument(help="CSV: sku, quantity, at or date, place or store; and any of kind,price,currency,id,…")
    ],
    kind: Annotated[
        Literal["received", "sold", "counted", "adjusted", "moved", "expired"] | None,
        typer.Option("--kind", help="What happened, where the file has no column kind."),
    ] = None,
    place: Annotated[str, typer.Option("--place", help="Where, in rows that do not say.")] = "",
    strict: Annotated[bool, typer.Option("--strict", help="With one bad row, import none.")] = False,
    store: Store = None,
) -> None:
    """Read receipts, sales, counts from a CSV file; bad rows are reported, good ones kept, known ones passed over."""
    from facings.terminal import say

    done = open_stock(store).import_file(file, kind=kind, place=place, is_strict=strict)
    known = f"{done.n_known} there already" + ("" if done.n_new else ", nothing was changed" if done.n_known else "")
    say(f"{done.n_new} new events, {known}, {len(done.problems)} refused.")
    if done.undeclared:
        say(
            f"{', '.join(done.undeclared[:5])}: time zone never set, so times were read as the settings say. "
            "Set it before the first import: facings places set NAME --zone Europe/Berlin --currency EUR"
        )
    end(done.problems)


@app.command("show")
def inventory_show(place: Place = "", sku: Sku = "", as_json: AsJson = False, store: Store = None) -> None:
    """Show what is on hand, by shop and product, with the accounts behind it."""
    from facings.apps.inventory import early_sales, inside, shortages
    from facings.apps.inventory_report import line_json
    from facings.terminal import say, table

    lines = open_stock(store).stock(place=place, sku=sku)
    if as_json:
        print_json([line_json(line) for line in lines])
        return
    columns = ("place", "sku", "name", "on hand", "±", "on shelf", "days of supply", "last count")
    rows = [
        (line.site, line.sku, line.product.name, line.on_hand, line.uncertainty or "", line.shelf,
         "" if line.days_of_supply is None else f"{line.days_of_supply:.1f}",
         "" if line.counted_at is None else line.wall(line.counted_at))
        for line in lines
    ]  # fmt: skip
    table("Stock on hand", columns, rows, right=("on hand", "±", "on shelf", "days of supply"))
    if "/" in place:
        _show_accounts(inside(lines, place), place)
    say(f"{len(lines)} products. Every event behind a figure: facings inventory events --place P --sku S")
    for problem in (*shortages(lines), *early_sales(lines)):
        say(problem)


@app.command("events")
def inventory_events(place: Place = "", sku: Sku = "", as_json: AsJson = False, store: Store = None) -> None:
    """Show the events of the ledger in order of their times; JSON is one object an event and line."""
    from facings.terminal import table

    events = open_stock(store).events(place=place, sku=sku)
    if as_json:
        for event in events:
            print_json(event_json(event))
        return
    columns = ("event", "at (UTC)", "kind", "sku", "place", "quantity", "author", "source", "note")
    rows = (
        (e.event_id, f"{e.at:%Y-%m-%d %H:%M}", e.kind, e.sku, f"{e.place} → {e.to_place}" if e.to_place else e.place,
         e.quantity, e.author, e.source, e.note)
        for e in events
    )  # fmt: skip
    table("", columns, rows, right=("event", "quantity"))


@app.command("adjust")
def inventory_adjust(
    sku: Annotated[str, typer.Argument(help="The product: SKU, GTIN or name.")],
    to: Annotated[int, typer.Option("--to", min=0, help="Units that are there.")],
    place: Place,
    author: Author,
    note: Note = "",
    store: Store = None,
) -> None:
    """Say how many there are; what was believed before stays in the ledger."""
    from facings.terminal import say

    event = open_stock(store).adjust(sku, place, to, author=author, note=note)
    say(f"{event.sku} at {event.place}: {event.quantity}, says {event.author}.")


@app.command("undo")
def inventory_undo(
    event_id: Annotated[int, typer.Argument(help="Number of the event.")],
    author: Author,
    note: Note = "",
    store: Store = None,
) -> None:
    """Take an event out of the stock; it stays in the ledger, and so does the undoing."""
    from facings.terminal import say

    event = open_stock(store).undo(event_id, author=author, note=note)
    say(f"Undone: event {event.event_id}, {event.kind} {event.quantity} of {event.sku} at {event.place}.")


@app.command("notify")
def inventory_notify(store: Store = None) -> None:
    """Send the alerts of now, signed, to the webhook of the settings (FACINGS_WEBHOOK_URL, FACINGS_WEBHOOK_SECRET)."""
    from facings.terminal import say

    delivery = open_stock(store).notify()
    tries = f"{delivery.n_tries} tries" if delivery.n_tries > 1 else "1 try"
    say(f"{'Delivered' if delivery.is_delivered else 'Not delivered'} after {tries}: {delivery.answer}.")
    if not delivery.is_delivered:
        raise typer.Exit(1)


@app.command("verify")
def inventory_verify(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Write the balances anew from the events.")] = False,
    store: Store = None,
) -> None:
    """Fold every event again and compare with the balances that are kept."""
    from facings.terminal import say

    found = open_stock(store).verify(is_rebuilding=rebuild)
    say(f"{found.n_accounts} accounts folded again from their events, {len(found.problems)} faults.")
    if found.problems:
        say("Rebuilt from the events." if rebuild else "The events are right: facings inventory verify --rebuild")
    end(() if rebuild else found.problems)


@app.command("export")
def inventory_export(
    form: Annotated[
        Literal["csv", "json", "parquet"], typer.Option("--format", help="json is one event a line.")
    ] = "csv",
    out: Annotated[Path | None, typer.Option("--out", help="Write to this file instead of stdout.")] = None,
    place: Place = "",
    sku: Sku = "",
    store: Store = None,
) -> None:
    """Write the events of the ledger for other programs."""
    from facings.apps import ledger_export
    from facings.terminal import say

    if form == "parquet" and out is None:
        raise typer.BadParameter("Parquet goes into a file: --out ledger.parquet")
    rows = ledger_export.to_rows(open_stock(store).events(place=place, sku=sku))
    if form == "parquet" and out:
        from facings.adapters.parquet_file import write_parquet

        write_parquet(out, rows, ledger_export.COLUMNS)
    else:
        lines = ledger_export.to_csv(rows) if form == "csv" else ledger_export.to_json(rows)
        if out is None:
            sys.stdout.writelines(lines)
        else:
            write_text(out, "".join(lines))
    if out:
        say(f"Ledger: {out}")


def _show_accounts(accounts: Sequence[Balance], place: str) -> None:
    from facings.terminal import table

    rows = [
        (b.place, b.sku, b.on_hand, b.uncertainty or "", b.last_at and f"{b.last_at:%Y-%m-%d %H:%M}") for b in accounts
    ]
    table(f"At {place}", ("place", "sku", "units", "±", "last event (UTC)"), rows, right=("units", "±"))


def event_json(event: Event) -> dict[str, object]:
    """An event as JSON values."""
    from dataclasses import asdict

    fields = {name: value for name, value in asdict(event).items() if name != "key"}
    return {**fields, "at": _iso(event.at), "recorded_at": _iso(event.recorded_at)}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
