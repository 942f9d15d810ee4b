"""Training: `facings train recognizer`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facings.cli.options import Threads
from facings.cli.session import end
from facings.errors import DependencyMissing

app = typer.Typer(help="Teach a network your products (pip install 'facings[train]').", no_args_is_help=True)


@app.command("recognizer")
def train_recognizer(
    data: Annotated[Path, typer.Argument(help="Labelled photos: folder per product, CSV, or Grocery Store list.")],
    val: Annotated[
        Path | None, typer.Option("--val", help="Labelled photos to check with; else a tenth is held out.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Run folder; the model lands in its folder 'model'.")] = Path(
        "facings-training"
    ),
    start: Annotated[
        str,
        typer.Option(
            "--from",
            help="'starter', a model directory, torchvision:NAME or timm:NAME (weights from the hub), "
            "or with a file: torchvision:resnet18@weights.safetensors.",
        ),
    ] = "starter",
    scratch: Annotated[bool, typer.Option("--from-scratch", help="Random weights of that network.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="The closed form alone: minutes instead of the best result.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    threads: Threads = None,
) -> None:
    """Fine-tune a ResNet on labelled photos; gives a model directory for 'facings gallery build --model'."""
    from facings.manifest import read_manifest
    from facings.settings import load_settings
    from facings.terminal import say, track

    try:
        from facings.train.backbones import STARTER
        from facings.train.devices import Devices
        from facings.train.recipe import QUICK, Recipe
        from facings.train.recognizer import TrainSettings
        from facings.train.recognizer import train_recognizer as train
    except ImportError as error:
        raise DependencyMissing(f"Training needs PyTorch ({error}).", "pip install 'facings[train]'") from error
    given, held_out = read_manifest(data), read_manifest(val) if val else None
    settings = TrainSettings(
        recipe=QUICK if quick else Recipe(),
        is_scratch=scratch,
        start=STARTER if start == "starter" else start,
        n_threads=load_settings(threads=threads).threads,
        is_resumed=resume,
    )
    done = train(given.photos, held_out.photos if held_out else None, out=out, settings=settings, track=track)
    if not Devices().is_main:  # the main process speaks for all
        return
    epoch = f"; best epoch {done.fit.best_epoch}" if done.fit.epochs else ""
    say(f"{done.n_products} products, {done.n_train} photos, {done.seconds:.0f} s{epoch}.")
    say(
        f"On {done.n_val} validation photos: classifier {done.classifier_accuracy:.1%}, "
        f"gallery recall@1 {done.gallery_recall_at_1:.1%}. Report: {done.model.parent / 'report.html'}. "
        f"Next: facings gallery build DIR --model {done.model}"
    )
    end([*given.problems, *(held_out.problems if held_out else ()), *done.problems])
