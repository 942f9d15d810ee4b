"""Measurements: `facings evaluate recognition | few-shot | openset | detection`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from facings.cli.options import AsJson, Detector, Model, Threads
from facings.cli.session import end, write_text

if TYPE_CHECKING:
    from facings.embed import Embedder
    from facings.evaluate.detection_run import DetectionEvaluation
    from facings.evaluate.few_shot_run import FewShotEvaluation
    from facings.evaluate.openset_run import OpenSetEvaluation
    from facings.evaluate.run import RecognitionEvaluation
    from facings.manifest import Manifest
    from facings.progress import Track

LEAST_CONFIDENCE = 0.05  # average precision wants the whole curve, not only what a detector shows in use

app = typer.Typer(help="Measure how good it is.", no_args_is_help=True)

References = Annotated[Path, typer.Option("--gallery", help="Labelled reference photos: folder, CSV, or list.")]
Queries = Annotated[Path, typer.Option("--queries", help="Labelled query photos: folder, CSV, or list.")]
DEFAULT_FOLDER = Path("facings-evaluation")


@app.command("recognition")
def evaluate_recognition(
    gallery: References,
    queries: Queries,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for evaluation.html and evaluation.json.")
    ] = DEFAULT_FOLDER,
    as_json: AsJson = False,
    floor: Annotated[bool, typer.Option("--floor", help="Also the 24×24-pixel nearest neighbor.")] = False,
    model: Model = None,
    threads: Threads = None,
) -> None:
    """Recall@1/5, mAP, per-class table, confusions, with a leakage check. Leaves every store alone."""
    from facings.evaluate.run import evaluate_recognition as evaluate

    given, asked, how = _read(gallery, queries, model=model, threads=threads)
    found = evaluate(given.photos, asked.photos, with_floor=floor, **how)
    _show_evaluation(found, out, as_json=as_json)
    end([*given.problems, *asked.problems, *found.problems])


@app.command("few-shot")
def evaluate_few_shot(
    gallery: References,
    queries: Queries,
    shots: Annotated[
        str, typer.Option("--shots", help="Reference photos a product, with commas between; 'all' for all.")
    ] = "1,2,3,5,10,all",
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Random draws of the photos for each number.")] = 5,
    out: Annotated[Path, typer.Option("--out", help="Folder for few-shot.html and few-shot.json.")] = DEFAULT_FOLDER,
    as_json: AsJson = False,
    model: Model = None,
    threads: Threads = None,
) -> None:
    """Recall@1 by number of reference photos, of the gallery and of a linear classifier. Leaves every store alone."""
    from facings.evaluate.few_shot import parse_shots
    from facings.evaluate.few_shot_run import evaluate_few_shot as evaluate

    wanted = parse_shots(shots)
    given, asked, how = _read(gallery, queries, model=model, threads=threads)
    found = evaluate(given.photos, asked.photos, shots=wanted, seeds=range(seeds), **how)
    _show_few_shot(found, out, as_json=as_json)
    end([*given.problems, *asked.problems, *found.problems])


@app.command("openset")
def evaluate_openset(
    gallery: References,
    queries: Queries,
    unknown: Annotated[int, typer.Option("--unknown", min=1, help="Products left out of the gallery in each draw.")],
    promises: Annotated[
        str, typer.Option("--promises", help="Shares of false accepts, with commas between.")
    ] = "0.01,0.05,0.1",
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Random draws of the products left out.")] = 5,
    out: Annotated[Path, typer.Option("--out", help="Folder for openset.json.")] = DEFAULT_FOLDER,
    as_json: AsJson = False,
    model: Model = None,
    threads: Threads = None,
) -> None:
    """Known from unknown products, and whether promises of false accepts are kept. Leaves every store alone."""
    from facings.evaluate.openset_run import evaluate_openset as evaluate
    from facings.evaluate.openset_run import parse_promises

    wanted = parse_promises(promises)
    given, asked, how = _read(gallery, queries, model=model, threads=threads)
    found = evaluate(given.photos, asked.photos, n_unknown=unknown, seeds=range(seeds), promises=wanted, **how)
    _show_openset(found, out, as_json=as_json)
    end([*given.problems, *asked.problems, *found.problems])


@app.command("detection")
def evaluate_detection(
    annotations: Annotated[
        Path, typer.Argument(help="True boxes: Pascal VOC, COCO, YOLO or SKU-110K, file or folder.")
    ],
    photos: Annotated[
        Path | None, typer.Option("--photos", help="Folder that photos are named from; else the usual places.")
    ] = None,
    detector: Detector = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", help="Boxes of another detector instead: COCO results JSON.")
    ] = None,
    by_class: Annotated[bool, typer.Option("--by-class", help="A box must be of the right class too.")] = False,
    out: Annotated[Path, typer.Option("--out", help="Folder for detection.html and detection.json.")] = DEFAULT_FOLDER,
    as_json: AsJson = False,
    threads: Threads = None,
) -> None:
    """AP50/75, AP@[.50:.95], AR, recall at fixed precision, count error, worst photos. Leaves every store alone."""
    from facings.annotations import read_annotations
    from facings.detect import NetworkDetector
    from facings.evaluate.detection_run import evaluate_detector, evaluate_predictions
    from facings.evaluate.predictions import read_predictions
    from facings.networks import load_detector
    from facings.settings import load_settings
    from facings.terminal import track

    if predictions and detector:
        raise typer.BadParameter("--detector and --predictions are two sources of boxes: give one of them")
    if by_class and not predictions:
        raise typer.BadParameter("detectors tell no classes: --by-class needs --predictions with category_id")
    settings = load_settings(detector=detector, threads=threads)
    given = read_annotations(annotations, photos=photos)
    if not given.photos:
        end(given.problems)
    if predictions:
        read = read_predictions(predictions, given.photos, annotations, with_classes=by_class)
        found = evaluate_predictions(read, predictions, is_by_class=by_class)
    else:
        looking = load_detector(settings.detector, n_threads=settings.threads, min_confidence=LEAST_CONFIDENCE)
        own_limit = looking.own_limit if isinstance(looking, NetworkDetector) else 0.0
        found = evaluate_detector(
            given.photos,
            detector=looking,
            own_limit=own_limit if settings.min_confidence is None else settings.min_confidence,
            n_threads=settings.threads,
            max_megapixels=settings.max_megapixels,
            track=track,
        )
    _show_detection(found, out, as_json=as_json, max_megapixels=settings.max_megapixels)
    end([*given.problems, *found.problems])


class _How(TypedDict):
    """What every measurement of labelled photos asks for."""

    embedder: Embedder
    n_threads: int
    max_megapixels: float
    track: Track


def _read(gallery: Path, queries: Path, *, model: str | None, threads: int | None) -> tuple[Manifest, Manifest, _How]:
    """Reference photos and queries, and what they are measured with."""
    from facings.manifest import read_manifest
    from facings.networks import BUNDLED_MODEL, load_model
    from facings.settings import load_settings
    from facings.terminal import track

    settings = load_settings(model=model, threads=threads)
    given, asked = read_manifest(gallery), read_manifest(queries)
    return (
        given,
        asked,
        {
            "embedder": load_model(settings.model or BUNDLED_MODEL, n_threads=settings.threads),
            "n_threads": settings.threads,
            "max_megapixels": settings.max_megapixels,
            "track": track,
        },
    )


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
    if found.leaks:
        others = "the page has the curves without them" if found.without_leaks else "no other query is left"
        say(f"{len(found.leaks)} queries are gallery photos or look like one, which flatters the figures; {others}.")
    say(
        f"{len(found.gallery)} gallery photos, {len(found.queries)} queries, {len(found.leaks)} leaks, "
        f"{found.run.seconds:.0f} s. Page: {folder / 'few-shot.html'}"
    )


def _show_openset(found: OpenSetEvaluation, folder: Path, *, as_json: bool) -> None:
    """Promises on stdout, JSON into the folder."""
    from facings.terminal import say, table

    facts, figures = json.dumps(found.to_json(), indent=2), found.figures
    write_text(folder / "openset.json", facts)
    if as_json:
        print(facts)
    else:
        title = f"{found.run.model}: {figures.n_enrolled} of {figures.n_products} products enrolled, all asked"
        rows = [
            (f"{p.max_false_accept:.0%}", f"{p.false_accepts.value:.1%}",
             f"{p.false_accepts.low:.1%} to {p.false_accepts.high:.1%}", f"{p.accepted_right.value:.1%}",
             f"{p.accepted_wrong.value:.1%}", f"{p.covered.value:.1%}", f"{p.unknown_unknown.value:.1%}")
            for p in figures.promises
        ]  # fmt: skip
        columns = ("promised", "false accepts", "95 % interval", "accepted right", "wrong", "covered", "unknown found")
        table(title, columns, rows, right=columns)
    for name, draws in (("likeness", figures.ours), ("similarity alone", figures.baseline)):
        mean = [sum(vars(draw)[key] for draw in draws) / len(draws) for key in ("auroc", "fpr_at_95", "oscr")]
        say(f"By {name}: AUROC {mean[0]:.3f}, FPR at 95 % TPR {mean[1]:.3f}, OSCR {mean[2]:.3f}.")
    say(f"{found.n_gallery} gallery photos, {found.n_queries} queries, {found.run.seconds:.0f} s. JSON: {folder}")


def _show_detection(found: DetectionEvaluation, folder: Path, *, as_json: bool, max_megapixels: float) -> None:
    """Headline on stdout, page and JSON into the folder."""
    from facings.evaluate.detection_page import detection_page
    from facings.terminal import say, table

    metrics, point = found.metrics, found.metrics.working.point
    facts = json.dumps(found.to_json(), indent=2)
    write_text(folder / "detection.json", facts)
    write_text(folder / "detection.html", detection_page(found, max_megapixels=max_megapixels))
    if as_json:
        print(facts)
    else:
        estimates = {"AP50": metrics.ap50, "AP75": metrics.ap75, "AP@[.50:.95]": metrics.ap}
        estimates |= {f"recall at {at.precision:.0%} precision": at.recall for at in metrics.at_precision}
        rows = [
            (name, f"{estimate.value:.3f}", "{:.3f} to {:.3f}".format(*estimate.interval) if estimate.interval else "")
            for name, estimate in estimates.items()
        ]
        rows += [(f"AR at {ceiling}", f"{recall:.3f}", "") for ceiling, recall in metrics.precisions.recall_at.items()]
        table(found.run.detector, ("figure", "value", "95 % interval"), rows, right=("value",))
    say(
        f"Confidence from {point.confidence:.2f}: {point.n_right} of {metrics.curve.n_true} true boxes found, "
        f"{point.n_false} false. {len(metrics.photos)} photos, {found.run.seconds:.0f} s. "
        f"Page: {folder / 'detection.html'}"
    )
