"""Training: `facings train recognizer | detector`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from facings.cli.options import Threads
from facings.cli.session import end
from facings.errors import DependencyMissing

Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Of every random choice; 0 where nothing is said.")]
RecipeFile = Annotated[
    Path | None,
    typer.Option(
        "--recipe",
        help='How it learns, as JSON: what differs from the default, as in {"lr": 1e-4}; '
        "settings.json of a run repeats that.",
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")]

app = typer.Typer(help="Teach a network your products (pip install 'facings[train]').", no_args_is_help=True)


@app.command("recognizer")
def train_recognizer(
    data: Annotated[Path, typer.Argument(help="Labelled photos: folder per product, CSV, or Grocery Store list.")],
    val: Annotated[
        Path | None, typer.Option("--val", help="Labelled photos to check with; else some of DATA are held out.")
    ] = None,
    hold_out: Annotated[
        float, typer.Option("--hold-out", min=0.01, max=0.5, help="Without --val: this share of each product's photos.")
    ] = 0.1,
    out: Annotated[Path, typer.Option("--out", help="Run folder; the model lands in its folder 'model'.")] = Path(
        "facings-training"
    ),
    start: Annotated[
        str,
        typer.Option(
            "--from",
            help="'product-embedder' or 'starter' (bundled), a model directory, torchvision:NAME or timm:NAME "
            "(weights from the hub), or with a file: torchvision:resnet18@weights.safetensors.",
        ),
    ] = "product-embedder",
    scratch: Annotated[bool, typer.Option("--from-scratch", help="Random weights of that network.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A few minutes instead of the best result.")] = False,
    recipe: RecipeFile = None,
    seed: Seed = None,
    resume: Resume = False,
    threads: Threads = None,
) -> None:
    """Fine-tune a ResNet on labelled photos; gives a model directory for 'facings gallery build --model'."""
    from facings.manifest import read_manifest
    from facings.settings import load_settings
    from facings.terminal import say, track

    try:
        from facings.train.devices import Devices
        from facings.train.recipe import QUICK, Recipe
        from facings.train.recipe_file import read_recipe
        from facings.train.recognizer import TrainSettings
        from facings.train.recognizer import train_recognizer as train
    except ImportError as error:
        raise DependencyMissing(f"Training needs PyTorch ({error}).", "pip install 'facings[train]'") from error
    how = QUICK if quick else Recipe()
    how = read_recipe(recipe, how) if recipe else how
    given, held_out = read_manifest(data), read_manifest(val) if val else None
    settings = TrainSettings(
        recipe=how if seed is None else replace(how, seed=seed),
        is_scratch=scratch,
        start=start,
        held_out_frac=hold_out,
        n_threads=load_settings(threads=threads).threads,
        is_resumed=resume,
    )
    with _kept(out):
        done = train(given.photos, held_out.photos if held_out else None, out=out, settings=settings, track=track)
    if not Devices().is_main:  # the main process speaks for all
        return
    epoch = f"; best epoch {done.fit.best_epoch}" if done.fit.epochs else ""
    say(f"{done.n_products} products, {done.n_train} photos, {done.seconds:.0f} s{epoch}.")
    say(
        f"On {done.n_val} validation photos: classifier {done.classifier_accuracy:.1%}, "
        f"gallery recall@1 {done.gallery_recall_at_1:.1%}. Report: {done.model.parent / 'report.html'}. "
        f"Next: facings gallery build DIR --model {done.model}, then facings calibrate {val or 'VAL'} --save: "
        "photos that the model has learned look more certain than others will."
    )
    end([*given.problems, *(held_out.problems if held_out else ()), *done.problems])


@app.command("detector")
def train_detector(
    data: Annotated[Path, typer.Argument(help="Boxes: Pascal VOC, COCO, YOLO or SKU-110K, file or folder.")],
    also: Annotated[
        list[Path] | None, typer.Option("--also", help="More of them, such as shelves of 'facings simulate shelves'.")
    ] = None,
    val: Annotated[
        Path | None, typer.Option("--val", help="Boxes to check with; else a tenth of the photos is held out.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Run folder; the model lands in its folder 'model'.")] = Path(
        "facings-detector"
    ),
    start: Annotated[
        str,
        typer.Option(
            "--from",
            help="A trunk, as for 'train recognizer'; or a detector: 'product-detector' (bundled), its directory, "
            "torchvision:fcos_resnet50_fpn@weights.safetensors or torchvision:retinanet_resnet50_fpn_v2@….",
        ),
    ] = "product-embedder",
    kind: Annotated[
        Literal["fcos", "retinanet", "faster_rcnn"] | None,
        typer.Option("--kind", help="The network; else that of the detector in --from, or fcos."),
    ] = None,
    by_class: Annotated[
        bool, typer.Option("--by-class", help="Learn the classes; else each box is a product.")
    ] = False,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Times that each photo is seen.")] = None,
    recipe: RecipeFile = None,
    seed: Seed = None,
    resume: Resume = False,
    threads: Threads = None,
) -> None:
    """Train a detector on annotated photos; gives a model directory for --detector."""
    from facings.annotations import read_annotations
    from facings.settings import load_settings
    from facings.terminal import say, track

    try:
        from facings.train.detector import DetectorSettings
        from facings.train.detector import train_detector as train
        from facings.train.detector_recipe import DetectorRecipe
        from facings.train.recipe_file import read_recipe
    except ImportError as error:
        raise DependencyMissing(f"Training needs PyTorch ({error}).", "pip install 'facings[train]'") from error
    how = read_recipe(recipe, DetectorRecipe()) if recipe else DetectorRecipe()
    given, held_out = [read_annotations(path) for path in (data, *(also or ()))], read_annotations(val) if val else None
    photos = [photo for source in given for photo in source.photos]
    refused = [problem for source in (*given, *([held_out] if held_out else ())) for problem in source.problems]
    if not photos or (held_out and not held_out.photos):
        end(refused)
    flags: dict[str, Any] = {"kind": kind, "n_epochs": epochs, "seed": seed}
    settings = DetectorSettings(
        recipe=replace(how, **{name: value for name, value in flags.items() if value is not None}),
        start=start,
        is_by_class=by_class,
        n_threads=load_settings(threads=threads).threads,
        is_resumed=resume,
    )
    with _kept(out):
        done = train(photos, held_out.photos if held_out else None, out=out, settings=settings, track=track)
    if done is None:  # the main process speaks for all
        return
    say(
        f"{done.n_boxes} boxes in {done.n_train} photos, {done.seconds:.0f} s; best epoch {done.best_epoch}. "
        f"On {done.n_val} validation photos: AP50 {done.ap50:.3f}, AP75 {done.ap75:.3f}. "
        f"Report: {done.model.parent / 'report.html'}. Next: facings detect PHOTO --detector {done.model}"
    )
    end([*refused, *done.problems])


@contextmanager
def _kept(out: Path) -> Iterator[None]:
    """Says after Ctrl-C how the training goes on."""
    try:
        yield
    except KeyboardInterrupt:
        from facings.terminal import say
        from facings.train.checkpoint import CHECKPOINT_FILE
        from facings.train.devices import Devices

        if Devices().is_main and (out / CHECKPOINT_FILE).exists():
            say(f"Stopped. What was learned is kept in {out}: the same command goes on with --resume.")
        raise
