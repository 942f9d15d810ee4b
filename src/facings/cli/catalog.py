"""The products: `facings catalog import | list | export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from facings.cli.options import AsJson, Store
from facings.cli.session import end, open_store, print_json

app = typer.Typer(help="Which products there are.", no_args_is_help=True)


@app.command("import")
def catalog_import(
    file: Annotated[Path, typer.Argument(help="CSV: sku, and any of gtin,name,brand,category,size,price,currency.")],
    strict: Annotated[bool, typer.Option("--strict", help="With one bad row, import none.")] = False,
    store: Store = None,
) -> None:
    """Read products from a CSV file; bad rows are reported, good ones kept."""
    from facings.terminal import say

    done = open_store(store=store).import_catalog(file, is_strict=strict)
    say(f"{done.n_new} new, {done.n_changed} changed, {done.n_same} unchanged, {len(done.problems)} refused.")
    end(done.problems)


@app.command("list")
def catalog_list(as_json: AsJson = False, store: Store = None) -> None:
    """Show the products."""
    from facings.catalog import COLUMNS
    from facings.terminal import table

    products = list(open_store(store=store).store.products().values())
    rows = [{column: getattr(product, column) for column in COLUMNS} for product in products]
    if as_json:
        print_json([{**row, "price": None if row["price"] is None else str(row["price"])} for row in rows])
    else:
        table(f"{len(rows)} products", COLUMNS, (list(row.values()) for row in rows), right=["price"])


@app.command("export")
def catalog_export(store: Store = None) -> None:
    """Write the catalog as CSV to stdout."""
    sys.stdout.write(open_store(store=store).export_catalog())
