"""The demonstration: the main job from end to end, on a drawn store or on public photos."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from facings.annotations import read_boxes
from facings.compose import Workspace, init_workspace
from facings.errors import BadInput
from facings.manifest import LabelledPhoto, read_manifest
from facings.public_data import download_grocery_store, find_grocery_store
from facings.settings import Settings
from facings.simulate import write_store
from facings.terminal import bar, out, say, table, track
from facings.types import PhotoResult

N_PRODUCTS, N_REFERENCES, N_QUERIES, N_SHELVES, N_UNKNOWN, SEED = 24, 4, 48, 3, 4, 7
_MARK = ".facings-demo"
_ROWS_SHOWN = 15


def run_demo(directory: Path, settings: Settings) -> None:
    """Draw a store, enroll its products, recognize photos and shelves, record, report. The same at each run.

    Args:
        directory: Gets the photos, the store and the report; an earlier demo in it is replaced.
        settings: Threads and limits; the store is the demo's own.

    Raises:
        BadInput: The folder holds something else.
    """
    workspace = _fresh_workspace(directory, settings)
    drawn = directory / "photos"
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
    _enroll(workspace, read_manifest(drawn / "references.csv").photos)
    boxes = read_boxes(drawn / "queries.csv")
    singles = list(workspace.recognize([drawn / "queries"], boxes=boxes, place="demo-store/counter", track=track))
    boxes = read_boxes(drawn / "shelves.json")
    shelves = list(workspace.recognize([drawn / "shelves"], boxes=boxes, place="demo-store/aisle-1", track=track))
    known = set(workspace.store.products())
    _show_score("Photos of single products", singles, _query_truth(drawn), known)
    _show_score("Facings on shelves", shelves, _shelf_truth(drawn), known)
    _finish(workspace, directory)


def run_real_demo(directory: Path, settings: Settings) -> None:
    """The same on the Grocery Store Dataset: its training photos enrolled, its validation photos recognized.

    Args:
        directory: Gets the store and the report; an earlier demo in it is replaced.
        settings: Where public data is (`data`), threads, limits.

    Raises:
        DownloadFailed: The photos are not on disk and cannot be fetched.
    """
    root = find_grocery_store(settings.data)
    if root is None:
        folder = settings.data or Path("facings-data")
        say(f"Fetching the Grocery Store Dataset (2,936 photos, about 70 MB, MIT license) into {folder}.")
        root = download_grocery_store(folder, track=track)
    workspace = _fresh_workspace(directory, settings)
    _enroll(workspace, read_manifest(root / "train.txt").photos)
    queries = read_manifest(root / "val.txt").photos
    results = list(workspace.recognize([photo.path for photo in queries], place="grocery-store", track=track))
    truth = {str(photo.path): [photo.label] for photo in queries}
    _show_score("Validation photos", results, truth, set(workspace.store.products()))
    _finish(workspace, directory)


def _fresh_workspace(directory: Path, settings: Settings) -> Workspace:
    if (directory / _MARK).is_file():
        shutil.rmtree(directory)
    elif directory.exists() and any(directory.iterdir()):
        raise BadInput(f"{directory}: holds something else than a demo.", "Name an empty or new folder with --out.")
    workspace = init_workspace(str(directory / "store"), threads=settings.threads)
    (directory / _MARK).touch()
    return workspace


def _enroll(workspace: Workspace, photos: Sequence[LabelledPhoto]) -> None:
    done = workspace.enroll(photos, track=track)
    say(f"Enrolled {done.n_added} photos of {len(workspace.store.products())} products.")


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
) -> None:
    """How the answers compare with the truth; a product that was never enrolled should be unknown."""
    counts: dict[str, Counter[str]] = {"enrolled": Counter(), "never enrolled": Counter()}
    for result in results:
        for recognition, wanted in zip(result.recognitions, truth[result.photo], strict=True):
            decision = recognition.decision
            answer: str = decision.verdict
            if decision.sku is not None:
                answer = "accepted, right" if decision.sku == wanted else "accepted, wrong"
            counts["enrolled" if wanted in known else "never enrolled"][answer] += 1
    columns = ("accepted, right", "accepted, wrong", "ambiguous", "unknown")
    rows = [(kind, *(count[column] for column in columns)) for kind, count in counts.items() if count]
    table(title, ("product is", *columns), rows, right=columns)


def _finish(workspace: Workspace, directory: Path) -> None:
    lines = workspace.report().lines
    rows = [(x.place, x.sku, x.name, x.n_facings, x.n_photos, f"{x.mean_similarity:.3f}") for x in lines]
    columns = ("place", "sku", "name", "facings", "photos", "similarity")
    table("What was seen", columns, rows[:_ROWS_SHOWN], right=columns[3:])
    if len(rows) > _ROWS_SHOWN:
        say(f"… and {len(rows) - _ROWS_SHOWN} more lines in the report.")
    page = directory / "report.html"
    page.write_text(workspace.report_html(), encoding="utf-8")
    out.print(f"\nReport: [bold]{page}[/] (open it in a browser)", soft_wrap=True)
    command = sys.argv[0] if "/" in sys.argv[0] else "facings"  # as it was called: it may not be on the PATH
    out.print("Next, your own photos, one folder a product:", soft_wrap=True)
    out.print(f"  {command} init && {command} gallery build FOLDER && {command} recognize PHOTO", soft_wrap=True)
