"""Verdicts of `facings verify` on record: `facings verdicts list | rule | drift`."""

from __future__ import annotations

from typing import Annotated

import typer

from facings.cli.options import AsJson, Store
from facings.cli.session import open_store, print_json
from facings.errors import BadInput

app = typer.Typer(help="Verdicts on packs: what was said, what packs turned out to be.", no_args_is_help=True)

OneSku = Annotated[str, typer.Option("--sku", help="Only of this product.")]


@app.command("list")
def verdicts_list(sku: OneSku = "", as_json: AsJson = False, store: Store = None) -> None:
    """Show verdicts as they were given, and what the packs were found to be. JSON is one object a verdict and line."""
    from facings.terminal import table

    kept = open_store(store).store.verdicts.verdicts(sku)
    if as_json:
        for one in kept:
            print_json(one.to_json())
        return
    rows = [
        (
            str(one.verdict_id),
            f"{one.recorded_at:%Y-%m-%d %H:%M}",
            one.answer["sku"],
            one.answer["verdict"],
            "" if one.answer["p_value"] is None else f"{one.answer['p_value']:.3f}",
            "" if one.ruling is None else "genuine" if one.ruling.is_genuine else "fake",
        )
        for one in kept
    ]
    table("Verdicts", ("number", "recorded (UTC)", "product", "verdict", "p-value", "found to be"), rows)


@app.command("rule")
def verdicts_rule(
    number: Annotated[int, typer.Argument(help="Number of the verdict, as `facings verdicts list` shows it.")],
    author: Annotated[str, typer.Option("--author", help="Who says so.")],
    genuine: Annotated[bool, typer.Option("--genuine", help="The pack is genuine: watched for drift.")] = False,
    fake: Annotated[bool, typer.Option("--fake", help="The pack is a fake: says what to attend to.")] = False,
    note: Annotated[str, typer.Option("--note", help="Why.")] = "",
    store: Store = None,
) -> None:
    """Say what a pack was found to be; a later word on it takes the place of an earlier one."""
    from facings.apps.authenticity_record import Ruling
    from facings.terminal import say

    if genuine == fake:
        raise BadInput("Verdict: got both or neither of --genuine and --fake, wanted one.")
    open_store(store).store.verdicts.rule(Ruling(number, genuine, author, note))
    say(f"Verdict {number}: the pack is {'genuine' if genuine else 'a fake'}, says {author}.")


@app.command("drift")
def verdicts_drift(sku: OneSku = "", as_json: AsJson = False, store: Store = None) -> None:
    """Watch whether packs that were found genuine still look as the genuine photos on file do."""
    from dataclasses import asdict

    from facings.apps.genuine_drift import LARGE, drift_of
    from facings.terminal import say

    found = drift_of(open_store(store).store.verdicts.verdicts(sku))
    if as_json:
        print_json(asdict(found) | {"is_drifting": found.is_drifting})
        return
    say(f"{found.n_photos} packs found genuine, {found.n_alarms} of them had been called suspicious.")
    if found.is_drifting:
        say(f"They no longer look as the genuine photos: a bet against it reached {found.most:.0f} times its stake.")
        say("Enroll new genuine photos: facings gallery add SKU PHOTO...")
    else:
        say(f"No drift: the bet against it reached {found.most:.1f} times its stake; {LARGE:.0f} would be drift.")
