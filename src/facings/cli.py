"""The command line: parse, call one function, print. Data on stdout, all else on stderr.

Exit codes: 0 done, 1 something failed (also one photo of many), 2 misuse. Imports are made inside the commands, so
that `facings --help` answers at once.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from facings import __version__
from facings.errors import BadInput, DependencyMissing, FacingsError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from facings.compose import Workspace
    from facings.enroll import Enrollment
    from facings.evaluate.few_shot_run import FewShotEvaluation
    from facings.evaluate.run import RecognitionEvaluation
    from facings.gallery import Twins
    from facings.manifest import LabelledPhoto
    from facings.report import Report
    from facings.types import PhotoResult, Recognition

app = typer.Typer(
    name="facings",
    help="Find every product in a photo, say which one it is, keep the record.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
catalog_app = typer.Typer(help="Which products there are.", no_args_is_help=True)
gallery_app = typer.Typer(help="Reference photos of the products.", no_args_is_help=True)
evaluate_app = typer.Typer(help="Measure how good it is.", no_args_is_help=True)
simulate_app = typer.Typer(help="Draw a store with exactly known contents.", no_args_is_help=True)
train_app = typer.Typer(help="Teach a network your products (pip install 'facings[train]').", no_args_is_help=True)
for name, group in {
    "catalog": catalog_app,
    "gallery": gallery_app,
    "evaluate": evaluate_app,
    "simulate": simulate_app,
    "train": train_app,
}.items():
    app.add_typer(group, name=name)

Store = Annotated[
    str | None, typer.Option("--store", help="Directory or database URL; else FACINGS_STORE, else facings-store.")
]
Model = Annotated[
    str | None, typer.Option("--model", help="Model directory, or 'starter'; else the one that made the gallery.")
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, max=256, help="Threads of every library.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]

TWINS_SHOWN = 10


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


@app.command()
def init(
    path: Annotated[str | None, typer.Argument(help="Directory or database URL; as --store.")] = None,
    store: Store = None,
) -> None:
    """Make a store, or bring one of an earlier version up to date."""
    from facings.adapters.sql_store import shown
    from facings.compose import init_workspace
    from facings.terminal import say

    workspace = init_workspace(path or store)
    say(f"Store ready: {shown(workspace.settings.store)}. Next: facings gallery build DIR")


@catalog_app.command("import")
def catalog_import(
    file: Annotated[Path, typer.Argument(help="CSV: sku, and any of gtin,name,brand,category,size,price,currency.")],
    strict: Annotated[bool, typer.Option("--strict", help="With one bad row, import none.")] = False,
    store: Store = None,
) -> None:
    """Read products from a CSV file; bad rows are reported, good ones kept."""
    from facings.terminal import say

    done = _workspace(store=store).import_catalog(file, is_strict=strict)
    say(f"{done.n_new} new, {done.n_changed} changed, {done.n_same} unchanged, {len(done.problems)} refused.")
    _end(done.problems)


@catalog_app.command("list")
def catalog_list(as_json: AsJson = False, store: Store = None) -> None:
    """Show the products."""
    from facings.catalog import COLUMNS
    from facings.terminal import table

    products = list(_workspace(store=store).store.products().values())
    rows = [{column: getattr(product, column) for column in COLUMNS} for product in products]
    if as_json:
        _print_json([{**row, "price": None if row["price"] is None else str(row["price"])} for row in rows])
    else:
        table(f"{len(rows)} products", COLUMNS, (list(row.values()) for row in rows), right=["price"])


@catalog_app.command("export")
def catalog_export(store: Store = None) -> None:
    """Write the catalog as CSV to stdout."""
    sys.stdout.write(_workspace(store=store).export_catalog())


@gallery_app.command("build")
def gallery_build(
    source: Annotated[Path, typer.Argument(help="Folder per product, CSV (photo,sku), or Grocery Store list.")],
    store: Store = None,
    model: Model = None,
    threads: Threads = None,
) -> None:
    """Enroll all reference photos of a source. Run again, it goes on where it stopped."""
    from facings.manifest import read_manifest

    manifest = read_manifest(source)
    _enroll(_workspace(store=store, model=model, threads=threads), manifest.photos, manifest.problems)


@gallery_app.command("add")
def gallery_add(
    sku: Annotated[str, typer.Argument(help="The product; made if the catalog lacks it.")],
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos, of this product.")],
    box: Annotated[str | None, typer.Option("--box", help="Where in the photo: x1,y1,x2,y2 in pixels.")] = None,
    store: Store = None,
    model: Model = None,
) -> None:
    """Enroll one product by one photo or more; it is recognized from now on."""
    from facings.images import find_photos
    from facings.manifest import LabelledPhoto, parse_box

    corners = parse_box(box.split(",")) if box else None
    labelled = [LabelledPhoto(path, sku, box=corners) for path in find_photos(photos)]
    if not labelled:
        raise BadInput(f"{photos[0]}: no photo was found there.", "Give photos, or a folder that holds some.")
    _enroll(_workspace(store=store, model=model), labelled, ())


@gallery_app.command("remove")
def gallery_remove(
    sku: Annotated[str, typer.Argument(help="The product.")],
    photo: Annotated[str | None, typer.Option("--photo", help="Only this photo: path or start of its id.")] = None,
    store: Store = None,
) -> None:
    """Take a product's reference photos out; its line in the catalog stays."""
    from facings.terminal import say

    n_removed = _workspace(store=store).remove(sku, photo)
    say(f"Removed {n_removed} reference photos of {sku}.")


@gallery_app.command("list")
def gallery_list(as_json: AsJson = False, store: Store = None) -> None:
    """Show the reference photos."""
    from facings.terminal import table

    rows = [(r.reference_id, r.sku, r.source, r.photo_id) for r in _workspace(store=store).store.references()]
    columns = ("reference_id", "sku", "source", "photo_id")
    if as_json:
        _print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        table(f"{len(rows)} reference photos", columns, [(*row[:3], row[3][:12]) for row in rows])


@gallery_app.command("verify")
def gallery_verify(store: Store = None, model: Model = None) -> None:
    """Embed every reference photo again and compare; report what is lost, changed, doubled or thin."""
    from facings.terminal import say, track

    found = _workspace(store=store, model=model).verify(track=track)
    say(f"{found.n_references} references of {found.n_products} products checked, {len(found.problems)} faults.")
    _show_twins(found.twins)
    if found.single_photo_skus:
        few = ", ".join(found.single_photo_skus[:5])
        say(f"{len(found.single_photo_skus)} products have one photo only ({few}…); more photos make them surer.")
    _end(found.problems)


@app.command()
def recognize(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")],
    as_json: AsJson = False,
    boxes: Annotated[Path | None, typer.Option("--boxes", help="COCO JSON or CSV (photo,x1,y1,x2,y2).")] = None,
    annotate: Annotated[Path | None, typer.Option("--annotate", help="Write pictures with boxes here.")] = None,
    place: Annotated[str, typer.Option("--place", help="Where they were taken: store-12/aisle-3/bay-2.")] = "",
    no_record: Annotated[bool, typer.Option("--no-record", help="Look only; write nothing to the record.")] = False,
    top_k: Annotated[int | None, typer.Option("--top-k", help="Candidates a product.")] = None,
    store: Store = None,
    model: Model = None,
    threads: Threads = None,
) -> None:
    """Say which products are in the photos, and put it on record. JSON is one object a photo and line."""
    from facings.annotate import AnnotatedFolder
    from facings.annotations import read_boxes
    from facings.terminal import say, track

    workspace = _workspace(store=store, model=model, threads=threads, top_k=top_k)
    box_file = read_boxes(boxes) if boxes else None
    names = {sku: product.name for sku, product in workspace.store.products().items()}
    pictures = AnnotatedFolder(annotate, names, workspace.settings.max_megapixels) if annotate else None
    results = []
    found = workspace.recognize(photos, boxes=box_file, place=place, is_recording=not no_record, track=track)
    for result in found:
        results.append(result)
        if as_json:
            _print_json(result.to_json())
        if pictures and not result.error:
            pictures.add(result)
    if not as_json:
        _show_results(results, names)
    if pictures:
        say(f"Annotated pictures: {annotate}")
    failed = [Problem(r.photo, r.error.code, r.error.message) for r in results if r.error]
    _end([*(box_file.problems if box_file else ()), *failed])


@app.command()
def report(
    form: Annotated[
        Literal["table", "csv", "json", "html"] | None,
        typer.Option("--format", help="What to write; else by the ending of --out, else a table."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write to this file instead of stdout.")] = None,
    store: Store = None,
) -> None:
    """What was seen, when and where."""
    from facings.report import to_json
    from facings.terminal import say, track

    wanted = form or _form_of(out)
    if (wanted == "table" and out) or (wanted == "html" and not out):
        raise typer.BadParameter("a table goes to the terminal, a page into a file: --out report.html (or .csv, .json)")
    workspace = _workspace(store=store)
    if wanted == "table":
        _show_report(workspace.report())
        return
    if wanted == "csv":
        text = workspace.report_csv()
    elif wanted == "json":
        text = json.dumps(to_json(workspace.report()), indent=2)
    else:
        text = workspace.report_html(track=track)
    if out is None:
        sys.stdout.write(text.rstrip("\n") + "\n")
    else:
        _write(out, text)
        say(f"Report: {out}")


@evaluate_app.command("recognition")
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
    _end([*given.problems, *asked.problems, *found.problems])


@evaluate_app.command("few-shot")
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
    _end([*given.problems, *asked.problems, *found.problems])


@app.command()
def doctor(store: Store = None, model: Model = None, threads: Threads = None) -> None:
    """Look the installation over: versions, threads, model, store, gallery; say what is wrong and how to mend it."""
    from facings.doctor import doctor as examine
    from facings.terminal import table

    checks = list(examine(_workspace(store=store, model=model, threads=threads)))
    rows = [(check.name, "ok" if check.is_ok else "wrong", check.found, check.remedy) for check in checks]
    table("", ("check", "state", "found", "what to do"), rows)
    if not all(check.is_ok for check in checks):
        raise typer.Exit(1)


@train_app.command("recognizer")
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
    quick: Annotated[bool, typer.Option("--quick", help="A few minutes instead of the best result.")] = False,
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
    say(f"{done.n_products} products, {done.n_train} photos, {done.seconds:.0f} s; best epoch {done.fit.best_epoch}.")
    say(
        f"On {done.n_val} validation photos: classifier {done.classifier_accuracy:.1%}, "
        f"gallery recall@1 {done.gallery_recall_at_1:.1%}. Report: {done.model.parent / 'report.html'}. "
        f"Next: facings gallery build DIR --model {done.model}"
    )
    _end([*given.problems, *(held_out.problems if held_out else ()), *done.problems])


@simulate_app.command("store")
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


@app.command()
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


def _workspace(store: str | None, **flags: object) -> Workspace:
    from facings.compose import open_workspace

    return open_workspace(store, **flags)


def _enroll(workspace: Workspace, photos: Sequence[LabelledPhoto], problems: Sequence[Problem]) -> None:
    from facings.terminal import say, track

    done = workspace.enroll(photos, track=track)
    say(
        f"{done.n_added} photos enrolled, {done.n_already} were there already, {len(done.doubles)} doubles left out, "
        f"{len(done.problems) + len(problems)} refused; {len(done.new_products)} new products; "
        f"gallery version {done.version}."
    )
    _show_doubles(done)
    _show_twins(done.twins)
    _end([*problems, *done.problems])


def _show_doubles(done: Enrollment) -> None:
    from facings.terminal import say

    for path in done.doubles[:TWINS_SHOWN]:
        say(f"Double: {path} has the same bytes as another file of this product.")


def _show_twins(twins: Sequence[Twins]) -> None:
    """Near-duplicates between two products first: they are a mistake more often."""
    from facings.terminal import say

    for pair in sorted(twins, key=lambda pair: not pair.is_conflict)[:TWINS_SHOWN]:
        kind = "two products" if pair.is_conflict else "the same product"
        say(
            f"Near-duplicate ({kind}): {pair.first.source} ({pair.first.sku}) "
            f"and {pair.second.source} ({pair.second.sku})"
        )
    if len(twins) > TWINS_SHOWN:
        say(f"… and {len(twins) - TWINS_SHOWN} more near-duplicate pairs.")


def _show_results(results: Sequence[PhotoResult], names: Mapping[str, str]) -> None:
    from facings.terminal import say, table

    folder = os.path.commonpath([Path(r.photo).absolute().parent for r in results]) if results else "."
    rows = [
        (os.path.relpath(r.photo, folder), n, x.decision.verdict, x.decision.sku, *_two_best(x))
        for r in results
        for n, x in enumerate(r.recognitions, start=1)
    ]
    table("", ("photo", "box", "decision", "sku", "closest", "runner-up"), rows, right=("box",))
    for sku in sorted({x.decision.sku for r in results for x in r.recognitions if x.decision.sku}):
        if names.get(sku):
            say(f"{sku}: {names[sku]}")
    verdicts = [x.decision.verdict for r in results for x in r.recognitions]
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in ("accepted", "ambiguous", "unknown"))
    say(
        f"{len(results)} photos, {len(verdicts)} boxes: {counts}. Reasons: --json. What was seen so far: facings report"
    )


def _two_best(recognition: Recognition) -> list[str]:
    shown = [f"{c.sku} {c.similarity:.3f}" for c in recognition.decision.candidates[:2]]
    return [*shown, "", ""][:2]


def _show_evaluation(found: RecognitionEvaluation, folder: Path, *, as_json: bool) -> None:
    """Headline on stdout, page and JSON into the folder."""
    from facings.evaluate.recognition_page import recognition_page
    from facings.terminal import say, table

    figures = found.metrics.figures
    facts = json.dumps(found.to_json(), indent=2)
    _write(folder / "evaluation.json", facts)
    _write(folder / "evaluation.html", recognition_page(found))
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
    _write(folder / "few-shot.json", facts)
    _write(folder / "few-shot.html", few_shot_page(found))
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


def _show_report(summary: Report) -> None:
    from facings.terminal import say, table

    rows = [
        (line.place, line.sku, line.name, line.n_facings, line.n_photos, f"{line.mean_similarity:.3f}",
         f"{line.last_seen:%Y-%m-%d %H:%M}")
        for line in summary.lines
    ]  # fmt: skip
    columns = ("place", "sku", "name", "facings", "photos", "similarity", "last seen (UTC)")
    table("What was seen", columns, rows, right=("facings", "photos", "similarity"))
    counts = ", ".join(f"{n} {verdict}" for verdict, n in summary.verdicts.items())
    say(f"{len(summary.readings)} photos, {summary.n_boxes} boxes: {counts}.")


def _form_of(out: Path | None) -> str:
    """The format that the ending of a file asks for."""
    endings = {".csv": "csv", ".json": "json", ".html": "html", ".htm": "html"}
    return "table" if out is None else endings.get(out.suffix.lower(), "table")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror or error}).") from error


def _print_json(value: object) -> None:
    print(json.dumps(value), flush=True)  # who reads the pipe sees each photo as it is done


def _end(problems: Sequence[Problem]) -> None:
    """Show what was refused; exit 1 if there was any."""
    from facings.terminal import show_problems

    show_problems(problems)
    if problems:
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
