"""The command line: parse, call one function, print. Data on stdout, all else on stderr.

One module a group of commands. Exit codes: 0 done, 1 something failed (also one photo of many), 2 misuse. Imports are
made inside the commands, so that `facings --help` answers at once.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from facings import __version__
from facings.cli import (
    catalog,
    evaluate,
    gallery,
    inbox,
    inventory,
    places,
    planogram,
    report,
    setup,
    simulate,
    train,
    verdicts,
)
from facings.cli.calibrate import calibrate
from facings.cli.detect import detect
from facings.cli.recognize import recognize
from facings.cli.replay import replay
from facings.cli.scan import scan
from facings.cli.twins import gallery_twins
from facings.cli.verify import verify
from facings.errors import FacingsError

app = typer.Typer(
    name="facings",
    help="Find every product in a photo, say which one it is, keep the record.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich takes a third of the time that help needs
)
app.add_typer(catalog.app, name="catalog")
gallery.app.command("twins")(gallery_twins)
app.add_typer(gallery.app, name="gallery")
app.add_typer(report.app, name="report")
app.add_typer(inbox.app, name="inbox")
app.add_typer(verdicts.app, name="verdicts")
app.add_typer(inventory.app, name="inventory")
app.add_typer(places.app, name="places")
app.add_typer(planogram.app, name="planogram")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(simulate.app, name="simulate")
app.add_typer(train.app, name="train")
for command in (setup.init, detect, recognize, scan, verify, replay, calibrate, setup.doctor, setup.demo):
    app.command()(command)


def _version(is_asked: bool) -> None:
    if is_asked:
        print(f"facings {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Find every product in a photo, say which one it is, keep the record."""


def main() -> None:
    """Entry of the `facings` command."""
    try:
        app()
    except FacingsError as error:
        from facings.terminal import show_error

        show_error(error.message, error.hint)
        sys.exit(1)
    except BrokenPipeError:  # the reader of a pipe went away: not our fault, and nothing to say
        sys.stderr.close()
        sys.exit(1)
