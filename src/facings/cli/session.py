"""How every command begins and ends: a workspace opened; JSON and files written; what was refused shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from facings.errors import BadInput, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facings.apps.stock_room import StockRoom
    from facings.compose import Workspace


def open_store(store: str | None, **flags: object) -> Workspace:
    """The workspace of a command, with the settings that its flags give."""
    from facings.compose import open_workspace

    return open_workspace(store, **flags)


def open_stock(store: str | None) -> StockRoom:
    """The stock of a store, for the commands about it."""
    return open_store(store).stock_room


def write_text(path: Path, text: str) -> None:
    """Write a file that the user asked for, with the folders it needs.

    Raises:
        BadInput: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror or error}).") from error


def print_json(value: object) -> None:
    """One line of JSON on stdout, at once: who reads the pipe sees each photo as it is done."""
    print(json.dumps(value), flush=True)


def end(problems: Sequence[Problem]) -> None:
    """Show what was refused; exit 1 if there was any."""
    from facings.terminal import show_problems

    show_problems(problems)
    if problems:
        raise typer.Exit(1)
