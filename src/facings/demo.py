"""The demonstration: the main job from end to end, on a drawn store or on public photos."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import closing, contextmanager
from pathlib import Path

from facings.annotations import read_boxes
from facings.compose import Workspace, init_workspace
from facings.errors import BadInput, Problem
from facings.manifest import Manifest, read_manifest
from facings.networks import BUNDLED_MODEL
from facings.public_data import DOWNLOADS, download_grocery_store, find_grocery_store
from facings.settings import Settings
from facings.simulate import write_store
from facings.terminal import bar, out, plain, say, show_problems, table, track
from facings.types import PhotoResult

N_PRODUCTS, N_REFERENCES, N_QUERIES, N_SHELVES, N_UNKNOWN, SEED = 24, 4, 48, 3, 4, 7
MAX_FALSE_ACCEPT = 0.2  # so few products, and so alike, cannot promise less and still accept much
_MARK = ".facings-demo"
_OWN_NAMES = frozenset({_MARK, "photos", ".photos.partial", "store", "report.html"})
_ROWS_SHOWN = 15


def run_demo(directory: Path, settings: Settings) -> list[Problem]:
    """Draw a store, enroll its products, recognize photos and shelves, record, report. The same at each run.

    Args:
        directory: Gets the photos, the store and the report; an earlier demo in it is replaced.
        settings: Threads and limits; the store, its photos and the model are the demo's own.

    Returns:
        Photos that could not be used. They have been shown.

    Raises:
        BadInput: The directory is a file, holds something else, or cannot be written.
    """
    drawn = directory / "photos"
    allowed = settings.model_copy(update={"max_false_accept": max(settings.max_false_accept, MAX_FALSE_ACCEPT)})
    say(f"False accepts allowed here: {allowed.max_false_accept:.0%}, since a few look-alike products promise little.")
    with _fresh_workspace(directory, allowed) as workspace:
        with bar("Drawing the store") as progress:
            write_store(
                drawn,
                n_products=N_PRODUCTS,
                n_references=N_REFERENCES,
                n_queries=N_QUERIES,
                n_shelves=N_SHELVES,
                n_unknown=N_UNKNOWN,
                seed=SEED,
                progress=progress,
            )
        workspace.import_catalog(drawn / "catalog.csv", is_strict=True)
        problems = _enroll(workspace, read_manifest(drawn / "references.csv"))
        boxes = read_boxes(drawn / "queries.csv")
        singles = list(workspace.recognize([drawn / "queries"], boxes=boxes, place="demo-store/counter", track=track))
        boxes = read_boxes(drawn / "shelves.json")
        shelves = list(workspace.recognize([drawn / "shelves"], boxes=boxes, place="demo-store/aisle-1", track=track))
        known = set(workspace.store.products())
        problems += _show_score("Photos of single products", singles, _query_truth(drawn), known)
        problems += _show_score("Facings on shelves", shelves, _shelf_truth(drawn), known)
        _finish(workspace, directory, problems)
    return problems


def run_real_demo(directory: Path, settings: Settings) -> list[Problem]:
    """The same on the Grocery Store Dataset: its training photos enrolled, its validation photos recognized.

    Args:
        directory: Gets the store and the report; an earlier demo in it is replaced.
        settings: Where public data is (`data`), threads, limits. An incomplete copy there is completed.

    Returns:
        Photos and lines of the lists that could not be used. They have been shown.

    Raises:
        BadInput: The directory is a file, holds something else, or cannot be written; the data cannot be read.
        DownloadFailed: Photos are missing and cannot be fetched.
    """
    _refuse_foreign(directory)  # before the download, which takes minutes
    root = find_grocery_store(settings.data)
    if root is None:
        folder = settings.data or DOWNLOADS
        say(f"Fetching the Grocery Store Dataset (2,936 photos, about 70 MB, MIT license) into {folder}.")
        say("What is there already is kept.")
        root = download_grocery_store(folder, track=track)
    with _fresh_workspace(directory, settings) as workspace:
        problems = _enroll(workspace, read_manifest(root / "train.txt"))
        queries = read_manifest(root / "val.txt")
        show_problems(queries.problems)
        problems += queries.problems
        paths = [photo.path for photo in queries.photos]
        results = list(workspace.recognize(paths, place="grocery-store", track=track))
        truth = {str(photo.path): [photo.label] for photo in queries.photos}
        say("The bundled embedder learned from these photos: the score says that it runs, not how good it is.")
        problems += _show_score("Validation photos", results, truth, set(workspace.store.products()))
        _finish(workspace, directory, problems)
    return problems


@contextmanager
def _fresh_workspace(directory: Path, settings: Settings) -> Iterator[Workspace]:
    """An empty store in an emptied directory. Where the user's own store, photos and model are is left aside."""
    _refuse_foreign(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / _MARK).touch()  # first, and never removed: a demo that was broken off can be replaced too
        for name in _OWN_NAMES - {_MARK}:
            _remove(directory / name)
    except OSError as error:
        raise BadInput(f"{directory}: cannot be written ({error.strerror or error}).") from error
    store = directory / "store"
    limits = settings.model_dump(exclude={"store", "photos", "model", "detector", "refuse_bad_photos"})
    chosen = {"photos": store / "photos", "model": BUNDLED_MODEL, "detector": "whole-photo"}
    workspace = init_workspace(str(store), **chosen, **limits)
    with closing(workspace.store):
        yield workspace


def _refuse_foreign(directory: Path) -> None:
    """Do nothing if a demo may be written here: the directory is new, empty, or holds a demo and nothing else.

    Raises:
        BadInput: It may not.
    """
    hint = "Name an empty or new folder with --out."
    try:
        names = {entry.name for entry in directory.iterdir()}
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        raise BadInput(f"{directory}: got a file, wanted a folder.", hint) from error
    except OSError as error:
        raise BadInput(f"{directory}: cannot be read ({error.strerror or error}).", hint) from error
    foreign = sorted(names - _OWN_NAMES) if _MARK in names else sorted(names)
    if foreign:
        raise BadInput(f"{directory}: holds something else than a demo ({', '.join(foreign[:3])}).", hint)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _enroll(workspace: Workspace, manifest: Manifest) -> list[Problem]:
    done = workspace.enroll(manifest.photos, track=track)
    problems = [*manifest.problems, *done.problems]
    show_problems(problems)
    also = f" Refused: {len(problems)}." if problems else ""
    say(f"Enrolled {done.n_added} photos of {len(workspace.store.products())} products.{also}")
    return problems


def _query_truth(drawn: Path) -> dict[str, list[str]]:
    photos = read_manifest(drawn / "queries.csv").photos
    return {str(photo.path): [photo.label] for photo in photos}


def _shelf_truth(drawn: Path) -> dict[str, list[str]]:
    """Path of a shelf photo → the SKU of each box, in the order of the annotations."""
    document = json.loads((drawn / "shelves.json").read_text(encoding="utf-8"))
    path_of = {image["id"]: str(drawn / "shelves" / image["file_name"]) for image in document["images"]}
    truth: dict[str, list[str]] = {path: [] for path in path_of.values()}
    for annotation in document["annotations"]:
        truth[path_of[annotation["image_id"]]].append(annotation["sku"])
    return truth


def _show_score(
    title: str, results: Sequence[PhotoResult], truth: Mapping[str, Sequence[str]], known: Set[str]
) -> list[Problem]:
    """How the answers compare with the truth; a product that was never enrolled should be unknown.

    Photos that failed have no answer: they are shown and given back instead.
    """
    problems = [Problem(r.photo, r.error.code, r.error.message) for r in results if r.error]
    show_problems(problems)
    counts: dict[str, Counter[str]] = {"enrolled": Counter(), "never enrolled": Counter()}
    for result in results:
        if result.error:
            continue
        for recognition, wanted in zip(result.recognitions, truth[result.photo], strict=True):
            decision = recognition.decision
            answer: str = decision.verdict
            if decision.sku is not None:
                answer = "accepted, right" if decision.sku == wanted else "accepted, wrong"
            counts["enrolled" if wanted in known else "never enrolled"][answer] += 1
    columns = ("accepted, right", "accepted, wrong", "ambiguous", "unknown")
    rows = [(kind, *(count[column] for column in columns)) for kind, count in counts.items() if count]
    table(title, ("product is", *columns), rows, right=columns)
    return problems


def _finish(workspace: Workspace, directory: Path, problems: Sequence[Problem]) -> None:
    lines = workspace.report().lines
    rows = [(x.place, x.sku, x.name, x.n_facings, x.n_photos, f"{x.mean_similarity:.3f}") for x in lines]
    columns = ("place", "sku", "name", "facings", "photos", "similarity")
    table("What was seen", columns, rows[:_ROWS_SHOWN], right=columns[3:])
    if len(rows) > _ROWS_SHOWN:
        say(f"… and {len(rows) - _ROWS_SHOWN} more lines in the report.")
    page = directory / "report.html"
    text = workspace.report_html(track=track)
    try:
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{page}: cannot be written ({error.strerror or error}).") from error
    if problems:
        say(f"Problems: {len(problems)}, shown above; the rest was done.")
    out.print(f"\nReport: [bold]{plain(str(page))}[/] (open it in a browser)", soft_wrap=True)
    command = sys.argv[0] if "/" in sys.argv[0] else "facings"  # as it was called: it may not be on the PATH
    command = plain(command)
    out.print("Next, your own photos, one folder a product:", soft_wrap=True)
    out.print(f"  {command} init && {command} gallery build FOLDER && {command} recognize PHOTO", soft_wrap=True)
