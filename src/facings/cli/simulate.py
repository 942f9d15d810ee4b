"""Drawn data: `facings simulate store`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Draw a store with exactly known contents.", no_args_is_help=True)


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
