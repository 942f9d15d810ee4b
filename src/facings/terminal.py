"""How the command line talks: data on stdout, everything else on stderr; progress only where a person watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from facings.errors import Problem

T = TypeVar("T")

_FILE_WIDTH = 200  # columns of a table that goes into a file or pipe, where nothing wraps by itself

out = Console(width=None if sys.stdout.isatty() else _FILE_WIDTH)
log = Console(stderr=True)

_VERDICT_STYLE = {"accepted": "green", "ambiguous": "yellow", "unknown": "red"}


def track(items: Iterable[T], label: str, total: int) -> Iterable[T]:
    """The items, with a progress bar on a terminal and nothing elsewhere."""
    with bar(label) as progress:
        for n_done, item in enumerate(items):
            progress(n_done, total)
            yield item
        progress(total, total)


@contextmanager
def bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A function (done, total) that moves a progress bar with rate and time left; it does nothing off a terminal."""
    if not log.is_terminal:
        yield lambda _done, _total: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
    )
    # Rich would send what others print on stdout to its own console, away from the file or pipe it is meant for.
    with Progress(*columns, console=log, transient=True, redirect_stdout=False, redirect_stderr=False) as progress:
        task = progress.add_task(label, total=None, rate="")

        def move(n_done: int, total: int) -> None:
            speed = progress.tasks[0].speed
            progress.update(task, completed=n_done, total=total, rate=f"{speed:.1f}/s" if speed else "")

        yield move


def show_problems(problems: Sequence[Problem]) -> None:
    """One line a problem, on stderr."""
    for problem in problems:
        message = problem.message.removeprefix(f"{problem.where}: ")  # most name their file themselves
        log.print(f"[red]{plain(problem.where)}[/]: {plain(message)}", soft_wrap=True, highlight=False)


def show_error(message: str, hint: str) -> None:
    """An error that ended the command, on stderr."""
    log.print(f"[bold red]Error:[/] {plain(message)}", soft_wrap=True, highlight=False)
    if hint:
        log.print(f"[dim]→[/] {plain(hint)}", soft_wrap=True, highlight=False)


def say(message: str) -> None:
    """A sentence about what was done, on stderr."""
    log.print(plain(message), soft_wrap=True, highlight=False)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """A table on stdout; the columns named in `right` hold numbers. One without rows says so."""
    if title:  # a line of its own: as the table's title it would wrap at the width of the columns
        out.print(f"[bold]{plain(title)}[/]", soft_wrap=True, highlight=False)
    told = [[_cell(value) for value in row] for row in rows]
    if not told:
        out.print("(nothing)")
        return
    grid = Table(header_style="bold", box=None)
    for column in columns:
        grid.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in told:
        grid.add_row(*row)
    out.print(grid)


def plain(text: str) -> str:
    """Text of users for a terminal: markup has no effect, and no control character reaches the screen."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))


def _cell(value: object) -> str:
    text = plain("" if value is None else str(value))
    style = _VERDICT_STYLE.get(text)
    return f"[{style}]{text}[/]" if style else text
