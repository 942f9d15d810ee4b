"""Shops and their clocks: `facings places set | list`."""

from __future__ import annotations

from typing import Annotated

import typer

from facings.cli.options import AsJson, Store
from facings.cli.session import open_stock, print_json

app = typer.Typer(help="Shops, their time zones and currencies.", no_args_is_help=True)


@app.command("set")
def places_set(
    name: Annotated[str, typer.Argument(help="The shop: the first part of its places, such as store-12.")],
    zone: Annotated[str | None, typer.Option("--zone", help="IANA name, such as Europe/Berlin.")] = None,
    currency: Annotated[str | None, typer.Option("--currency", help="ISO 4217 code, such as EUR.")] = None,
    store: Store = None,
) -> None:
    """Set the time zone and the currency of a shop; what is not given stays as it is."""
    from facings.terminal import say

    site = open_stock(store).set_site(name, zone=zone, currency=currency)
    say(f"{site.name}: {site.zone}, {site.currency or 'no currency'}. Times read before stay as they were read.")


@app.command("list")
def places_list(as_json: AsJson = False, store: Store = None) -> None:
    """Show the shops that were set."""
    from facings.terminal import table

    rows = [(site.name, site.zone, site.currency) for site in open_stock(store).ledger.sites().values()]
    columns = ("name", "zone", "currency")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        table(f"{len(rows)} shops", columns, rows)
