"""Drawn data: `facings simulate store | shelves | days`."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from facings.cli.session import end
from facings.errors import BadInput

app = typer.Typer(help="Draw data with exactly known contents.", no_args_is_help=True)


@app.command("store")
def simulate_store(
    out: Annotated[Path, typer.Argument(help="An empty or new folder.")],
    products: Annotated[int, typer.Option("--products", min=1, help="Products in the catalog.")] = 24,
    references: Annotated[int, typer.Option("--references", min=1, help="Reference photos a product.")] = 4,
    queries: Annotated[int, typer.Option("--queries", min=0, help="Photos of single products.")] = 48,
    shelves: Annotated[int, typer.Option("--shelves", min=0, help="Photos of shelves.")] = 4,
    unknown: Annotated[int, typer.Option("--unknown", min=0, help="Products that the catalog lacks.")] = 4,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another store.")] = 0,
) -> None:
    """Draw packs, photograph them, and write images, catalog CSV and COCO annotations."""
    from facings.simulate import write_store
    from facings.terminal import bar, say

    with bar("Drawing") as progress:
        write_store(
            out,
            n_products=products,
            n_references=references,
            n_queries=queries,
            n_shelves=shelves,
            n_unknown=unknown,
            seed=seed,
            progress=progress,
        )
    say(f"Store drawn: {out}. Next: facings gallery build {out / 'references'}")


@app.command("shelves")
def simulate_shelves(
    out: Annotated[Path, typer.Argument(help="An empty or new folder.")],
    cutouts: Annotated[
        Path | None,
        typer.Option(
            "--cutouts",
            help="Your products: labelled photos (folder per product, CSV, list; transparent parts are cut away), "
            "or annotations, where each box is cut out; else drawn packs.",
        ),
    ] = None,
    photos: Annotated[int, typer.Option("--photos", min=1, help="Photos of shelves.")] = 20,
    facings: Annotated[str, typer.Option("--facings", help="In each photo: 150, or 50-400.")] = "50-400",
    size: Annotated[str, typer.Option("--size", help="Of each photo, in pixels.")] = "1600x1200",
    form: Annotated[
        Literal["coco", "voc", "yolo", "sku110k"], typer.Option("--format", help="Of the annotations.")
    ] = "coco",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed, other shelves.")] = 0,
) -> None:
    """Compose photos of dense shelves with the exact box of every facing, to train and measure detectors on."""
    from facings.simulate.cutouts import drawn_cutouts, read_cutouts
    from facings.simulate.shelf_dataset import write_shelves
    from facings.terminal import say, track

    wanted, size_px = _facings(facings), _size(size)
    given = read_cutouts(cutouts) if cutouts else drawn_cutouts(seed)
    done = write_shelves(
        out,
        given.cutouts,
        source=str(cutouts) if cutouts else "drawn packs",
        n_photos=photos,
        facings=wanted,
        size_px=size_px,
        format=form,
        seed=seed,
        track=track,
    )
    for loss in done.losses:
        say(loss.message)
    ignored = f" and {done.n_ignored} to be ignored" if done.n_ignored else ""
    say(f"{done.n_photos} shelves with {done.n_boxes} boxes{ignored}: {out}.")
    end([*given.problems, *done.problems])


@app.command("days")
def simulate_days(
    out: Annotated[Path, typer.Argument(help="An empty or new folder.")],
    products: Annotated[int, typer.Option("--products", min=1, help="Products of the store.")] = 60,
    days: Annotated[int, typer.Option("--days", min=1, help="How many days.")] = 90,
    start: Annotated[
        str, typer.Option("--start", help="The first day, 2026-03-01; else so that the last one is yesterday.")
    ] = "",
    missed: Annotated[
        float, typer.Option("--missed", min=0, max=1, help="Share of facings that recognition misses.")
    ] = 0.05,
    confused: Annotated[
        float, typer.Option("--confused", min=0, max=1, help="Share that it takes for another product.")
    ] = 0.02,
    sales: Annotated[bool, typer.Option("--sales/--no-sales", help="Whether there are sales data.")] = True,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed, another store.")] = 0,
) -> None:
    """Let a store go through its days; write what it would know (catalog, deliveries, sales, scans) and the truth."""
    from facings.simulate.store_days import Noise, simulate_days
    from facings.simulate.store_days_files import write_days
    from facings.terminal import say

    first = _date(start) if start else date.today() - timedelta(days=days)
    store = simulate_days(n_products=products, n_days=days, start=first, seed=seed)
    done = write_days(out, store, Noise(missed, confused), with_sales=sales)
    say(
        f"{days} days of {products} products: {done.n_sold} units sold, {done.n_lost} wanted and not there, "
        f"{done.n_counts} counts by photos: {out}."
    )
    site = store.site
    say(
        f"Next: facings places set {site.name} --zone {site.zone} --currency {site.currency}, facings catalog import "
        f"{out / 'catalog.csv'}, then facings inventory import for deliveries.csv{', sales.csv' if sales else ''} "
        "and scans.csv."
    )


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"--start: got {text!r}, wanted a date such as 2026-03-01.") from error


def _facings(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\s*(\d{1,6})\s*(?:-\s*(\d{1,6})\s*)?", text)
    if not found:
        raise BadInput(f"--facings: got {text!r}, wanted a number or a range such as 50-400.")
    return int(found[1]), int(found[2] or found[1])


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\s*(\d{1,6})\s*[x×]\s*(\d{1,6})\s*", text)
    if not found:
        raise BadInput(f"--size: got {text!r}, wanted width and height such as 1600x1200.")
    return int(found[1]), int(found[2])
