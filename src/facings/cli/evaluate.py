"""Measurements: `facings evaluate recognition | few-shot`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facings.cli.options import AsJson, Model, Threads
from facings.cli.session import end, write_text

if TYPE_CHECKING:
    from facings.evaluate.few_shot_run import FewShotEvaluation
    from facings.evaluate.run import RecognitionEvaluation

app = typer.Typer(help="Measure how good it is.", no_args_is_help=True)


@app.command("recognition")
def evaluate_recognition(
    gallery: Annotated[Path, typer.Option("--gallery", help="Labelled reference photos: folder, CSV, or list.")],
    queries: Annotated[Path, typer.Option("--queries", help="Labelled query photos: folder, CSV, or list.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for evaluation.html and evaluation.json.")] = Path(
        "facings-evaluation"
    ),
    as_json: AsJson = False,
    floor: Annotated[bool, typer.Option("--floor", help="Also the 24×24-pixel nearest neighbor.")] = False,
    model: Model = None,
    threads: Threads = None,
) -> None:
    """Recall@1/5, mAP, per-class table, confusions, with a leakage check. Leaves every store alone."""
    from facings.compose import BUNDLED_MODEL, load_model
    from facings.evaluate.run import evaluate_recognition as evaluate
    from facings.manifest import read_manifest
    from facings.settings import load_settings
    from facings.terminal import track

    settings = load_settings(model=model, threads=threads)
    given, asked = read_manifest(gallery), read_manifest(queries)
    found = evaluate(
        given.photos,
        asked.photos,
        embedder=load_model(settings.model or BUNDLED_MODEL, n_threads=settings.threads),
        n_threads=settings.threads,
        max_megapixels=settings.max_megapixels,
        track=track,
        with_floor=floor,
    )
    _show_evaluation(found, out, as_json=as_json)
    end([*given.problems, *asked.problems, *found.problems])


@app.command("few-shot")
def evaluate_few_shot(
    gallery: Annotated[Path, typer.Option("--gallery", help="Labelled reference photos: folder, CSV, or list.")],
    queries: Annotated[Path, typer.Option("--queries", help="Labelled query photos: folder, CSV, or list.")],
    shots: Annotated[
        str, typer.Option("--shots", help="Reference photos a product, with commas between; 'all' for all.")
    ] = "1,2,3,5,10,all",
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Random draws of the photos for each number.")] = 5,
    out: Annotated[Path, typer.Option("--out", help="Folder for few-shot.html and few-shot.json.")] = Path(
        "facings-evaluation"
    ),
    as_json: AsJson = False,
    model: Model = None,
    threads: Threads = None,
) -> None:
    """Recall@1 by number of reference photos, of the gallery and of a linear classifier. Leaves every store alone."""
    from facings.compose import BUNDLED_MODEL, load_model
    from facings.evaluate.few_shot import parse_shots
    from facings.evaluate.few_shot_run import evaluate_few_shot as evaluate
    from facings.manifest import read_manifest
    from facings.settings import load_settings
    from facings.terminal import track

    settings = load_settings(model=model, threads=threads)
    wanted = parse_shots(shots)
    given, asked = read_manifest(gallery), read_manifest(queries)
    found = evaluate(
        given.photos,
        asked.photos,
        embedder=load_model(settings.model or BUNDLED_MODEL, n_threads=settings.threads),
        shots=wanted,
        seeds=range(seeds),
        n_threads=settings.threads,
        max_megapixels=settings.max_megapixels,
        track=track,
    )
    _show_few_shot(found, out, as_json=as_json)
    end([*given.problems, *asked.problems, *found.problems])


def _show_evaluation(found: RecognitionEvaluation, folder: Path, *, as_json: bool) -> None:
    """Headline on stdout, page and JSON into the folder."""
    from facings.evaluate.recognition_page import recognition_page
    from facings.terminal import say, table

    figures = found.metrics.figures
    facts = json.dumps(found.to_json(), indent=2)
    write_text(folder / "evaluation.json", facts)
    write_text(folder / "evaluation.html", recognition_page(found))
    if as_json:
        print(facts)
    else:
        shares = {
            "recall@1": figures.recall_at_1,
            "recall@5": figures.recall_at_5,
            "recall@1, category": figures.category_recall_at_1,
            "recall@1 without leaks": found.without_leaks.recall_at_1 if found.without_leaks else None,
            "recall@1 of 24×24 pixels": found.floor.recall_at_1 if found.floor else None,
        }
        rows = [
            (name, f"{share.value:.1%}", "{:.1%} to {:.1%}".format(*share.interval), f"{share.n_right} of {share.n}")
            for name, share in shares.items()
            if share
        ]
        rows.append(("mAP", f"{figures.mean_average_precision:.1%}", "", f"{figures.recall_at_1.n} queries"))
        table(found.run.model, ("figure", "value", "95 % interval", "counts"), rows, right=("value",))
    say(
        f"{found.metrics.n_gallery} gallery photos, {found.metrics.n_queries} queries, {len(found.leaks)} leaks, "
        f"{found.run.seconds:.0f} s. Page: {folder / 'evaluation.html'}"
    )


def _show_few_shot(found: FewShotEvaluation, folder: Path, *, as_json: bool) -> None:
    """Both curves on stdout, page and JSON into the folder."""
    from facings.evaluate.few_shot_page import few_shot_page
    from facings.terminal import say, table

    facts = json.dumps(found.to_json(), indent=2)
    write_text(folder / "few-shot.json", facts)
    write_text(folder / "few-shot.html", few_shot_page(found))
    if as_json:
        print(facts)
    else:
        rows = [
            (p.n_photos or "all", f"{p.gallery_mean:.1%}", f"{100 * p.gallery_spread:.1f}",
             f"{p.classifier_mean:.1%}", f"{100 * p.classifier_spread:.1f}", found.n_short(p.n_photos))
            for p in found.points
        ]  # fmt: skip
        columns = ("photos", "gallery", "± points", "classifier", "± points", "products with fewer")
        table(f"{found.run.model}: recall@1 by reference photos a product", columns, rows, right=columns)
    say(
        f"{len(found.gallery)} gallery photos, {len(found.queries)} queries, {len(found.leaks)} leaks, "
        f"{found.run.seconds:.0f} s. Page: {folder / 'few-shot.html'}"
    )
