"""An installation: `facings init | doctor | demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facings.cli.options import Model, Store, Threads
from facings.cli.session import open_store


def init(
    path: Annotated[str | None, typer.Argument(help="Directory or database URL; as --store.")] = None,
    store: Store = None,
) -> None:
    """Make a store, or bring one of an earlier version up to date."""
    from facings.adapters.sql_engine import shown
    from facings.compose import init_workspace
    from facings.terminal import say

    workspace = init_workspace(path or store)
    say(f"Store ready: {shown(workspace.settings.store)}. Next: facings gallery build DIR")


def doctor(store: Store = None, model: Model = None, threads: Threads = None) -> None:
    """Look the installation over: versions, threads, model, store, gallery; say what is wrong and how to mend it."""
    from facings.doctor import doctor as examine
    from facings.terminal import table

    checks = list(examine(open_store(store=store, model=model, threads=threads)))
    rows = [(check.name, "ok" if check.is_ok else "wrong", check.found, check.remedy) for check in checks]
    table("", ("check", "state", "found", "what to do"), rows)
    if not all(check.is_ok for check in checks):
        raise typer.Exit(1)


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the demo's store and report.")] = Path("facings-demo"),
    real: Annotated[bool, typer.Option("--real", help="On the public Grocery Store photos.")] = False,
    threads: Threads = None,
) -> None:
    """Run the main job from end to end: make a store, enroll, recognize, record, report."""
    from facings.demo import run_demo, run_real_demo
    from facings.settings import load_settings

    settings = load_settings(threads=threads)
    if (run_real_demo if real else run_demo)(out, settings):
        raise typer.Exit(1)
