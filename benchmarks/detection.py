"""How good and how fast the detector is: annotated photos, composed dense shelves, large photos, detection with names.

python benchmarks/detection.py ARM [ARM …] --out FOLDER [--detector MODEL]     arms: photos, shelves, large, named
python benchmarks/detection.py report --out FOLDER                             rewrites the section of docs/results.md

photos     groceries-detection val (741 photos): AP, recall at fixed precision.
shelves    composed from the products of that val split, which training never saw: 50 to 400 facings a photo.
large      12-megapixel shelves with 150 products: seconds from decode to recognized products, step by step.
named      groceries-detection val, gallery of the 25 classes from train boxes: box and class right.

FACINGS_DATA, else ../shared/data, holds `groceries-detection/`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from facings.annotations import AnnotatedPhoto, LabelledBox, read_annotations
from facings.compose import BUNDLED_DETECTOR, load_detector, load_model
from facings.crop import crop, cut_product
from facings.detect import NetworkDetector
from facings.embed import embed
from facings.evaluate.detection import measure_detection
from facings.evaluate.detection_run import evaluate_detector
from facings.evaluate.photo_boxes import PhotoBoxes, pair_boxes
from facings.images import decode, read_bytes
from facings.match import ExactIndex, match
from facings.simulate.composed_shelves import compose_shelf
from facings.simulate.cutouts import boxed_cutouts
from facings.types import UInt8Array
from results_page import machine, markdown_table, write_section

DATA = Path(os.environ.get("FACINGS_DATA", "../shared/data")) / "groceries-detection"
N_THREADS, SEED = 2, 0
LEAST_CONFIDENCE = 0.05
SHELF_FACINGS = (50, 100, 150, 200, 300, 400)
SHELVES_EACH, SHELF_PX = 4, (2400, 1800)
N_LARGE, LARGE_PX, LARGE_FACINGS = 5, (4000, 3000), 150
MIN_CROP_PX, N_REFERENCES = 8, 2000


def main() -> None:
    """Run the arms that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arms", nargs="+", choices=(*ARMS, "report"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--detector", default=BUNDLED_DETECTOR)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for arm in given.arms:
        if arm == "report":
            found = {path.stem: json.loads(path.read_text()) for path in given.out.glob("*.json")}
            write_section("detection", report(found))
        else:
            told = {"machine": machine(), "detector": given.detector, **ARMS[arm](given.detector)}
            (given.out / f"{arm}.json").write_text(json.dumps(told, indent=1))
            print(arm, json.dumps(told)[:2000], flush=True)


def groceries(split: str) -> list[AnnotatedPhoto]:
    """The photos of one split."""
    given = read_annotations(DATA / "annotations", photos=DATA / "images").photos
    named = {photo.path.relative_to(DATA / "images").with_suffix("").as_posix(): photo for photo in given}
    return [named[line.split()[0]] for line in (DATA / f"{split}.txt").read_text().splitlines()]


def network_detector(detector: str, min_confidence: float | None = LEAST_CONFIDENCE) -> NetworkDetector:
    """The detector with all its boxes, for curves; None for its own limit."""
    found = load_detector(detector, n_threads=N_THREADS, min_confidence=min_confidence)
    assert isinstance(found, NetworkDetector)
    return found


def photos(detector: str) -> dict[str, Any]:
    """Annotated photos."""
    looking = network_detector(detector)
    return evaluate_detector(groceries("val"), detector=looking, own_limit=looking.own_limit).to_json() | {"photos": []}


def shelves(detector: str) -> dict[str, Any]:
    """Dense shelves: every front that is visible enough counts."""
    cutouts = boxed_cutouts(groceries("val"))
    looking = network_detector(detector)
    found = []
    for n_facings in SHELF_FACINGS:
        pairs = []
        seconds = []
        for number in range(SHELVES_EACH):
            rng = np.random.default_rng((SEED, n_facings, number))
            shelf = compose_shelf(cutouts, n_facings=n_facings, size_px=SHELF_PX, rng=rng)
            image = decode(_jpeg(shelf.pixels), source=f"shelf {n_facings}-{number}")
            started = time.perf_counter()
            seen = looking.detect(image)
            seconds.append(time.perf_counter() - started)
            pairs.append(
                PhotoBoxes(
                    photo=image.source,
                    truth=shelf.boxes.astype(np.float64),
                    is_ignored=shelf.is_ignored,
                    labels=("product",) * len(shelf.boxes),
                    found=seen.xyxy.astype(np.float64),
                    confidence=seen.confidence.astype(np.float64),
                )
            )
        metrics = measure_detection(pairs, own_limit=looking.own_limit)
        point, counts = metrics.output.point, metrics.output.counts
        found.append({
            "n_facings": n_facings,
            "n_true": metrics.curve.n_true,
            "recall": point.recall,
            "precision": point.precision,
            "count_error": counts.absolute_frac,
            "count_error_signed": counts.signed_frac,
            "doubles": sum(_n_doubles(pair, looking.own_limit) for pair in pairs),
            "ap50": metrics.ap50.value,
            "seconds": statistics.median(seconds),
        })  # fmt: skip
        print(found[-1], flush=True)
    return {"shelves": found}


def _n_doubles(pair: PhotoBoxes, limit: float) -> int:
    """True boxes that two shown boxes lie on with IoU 0.5 or more."""
    shown = pair.found[pair.confidence >= limit]
    if not len(shown) or not len(pair.truth):
        return 0
    overlap = np.minimum(pair.truth[:, None, 2:], shown[None, :, 2:]) - np.maximum(
        pair.truth[:, None, :2], shown[None, :, :2]
    )
    common = overlap.clip(0).prod(2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (pair.truth, shown)]
    iou = common / (areas[0][:, None] + areas[1][None] - common)
    return int(((iou >= 0.5).sum(1) > 1).sum())


def large(detector: str) -> dict[str, Any]:
    """Where the time of a 12-megapixel photo goes; embedder and gallery as they ship, 2,000 references."""
    cutouts = boxed_cutouts(groceries("val"))
    looking, embedder = network_detector(detector, None), load_model(n_threads=N_THREADS)
    rng = np.random.default_rng(SEED)
    rows = rng.normal(size=(N_REFERENCES, embedder.card.embedding_dim)).astype(np.float32)
    index = ExactIndex(embedder.card.embedding_dim)
    index.add(np.arange(len(rows)), rows / np.linalg.norm(rows, axis=1, keepdims=True))
    skus = {number: f"sku-{number % 200}" for number in range(N_REFERENCES)}
    runs = []
    for number in range(N_LARGE + 1):
        shelf = compose_shelf(
            cutouts, n_facings=LARGE_FACINGS, size_px=LARGE_PX, rng=np.random.default_rng((SEED, 7, number))
        )
        data = _jpeg(shelf.pixels)
        marks = [time.perf_counter()]
        image = decode(data, source="large")
        marks.append(time.perf_counter())
        seen = looking.detect(image)
        marks.append(time.perf_counter())
        crops = crop(image, seen, min_side_px=MIN_CROP_PX)
        marks.append(time.perf_counter())
        queries = embed(crops.pixels, embedder)
        marks.append(time.perf_counter())
        match(queries, index, skus, k=5)
        marks.append(time.perf_counter())
        names = ("decode", "detect", "crop", "embed", "match")
        runs.append({**dict(zip(names, np.diff(marks).tolist(), strict=True)), "n_products": len(seen)})
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"runs": runs[1:], "peak_mb": peak_mb}  # the first one warms up


def named(detector: str) -> dict[str, Any]:
    """Detection, then the class by the gallery, against the 25 classes."""
    embedder, looking = load_model(n_threads=N_THREADS), network_detector(detector)
    boxes = [(photo, box) for photo in groceries("train") for box in photo.boxes]
    gallery = np.concatenate([
        embed([_product(photo, box) for photo, box in part], embedder).rows
        for part in (boxes[start : start + 64] for start in range(0, len(boxes), 64))
    ])  # fmt: skip
    labels = np.array([box.label for _, box in boxes])
    pairs, n_all_right = [], 0
    for photo in groceries("val"):
        image = decode(read_bytes(photo.path), source=str(photo.path))
        seen = looking.detect(image)
        crops = crop(image, seen, min_side_px=1)
        told = np.full(len(seen), "", labels.dtype)
        if len(crops):
            queries = embed(crops.pixels, embedder).rows
            told[crops.detection_index] = labels[(queries @ gallery.T).argmax(1)]
        pair = pair_boxes(photo, seen.xyxy, seen.confidence, tuple(told.tolist()))
        pairs.append(pair)
        n_all_right += _all_right(pair, looking.own_limit)
    metrics = measure_detection(pairs, is_by_class=True, own_limit=looking.own_limit)
    shares = {"ap50": metrics.ap50.to_json(), "ap75": metrics.ap75.to_json(), "ap": metrics.ap.to_json()}
    return {"figures": shares, "all_right": n_all_right / len(pairs), "n_photos": len(pairs), "n_gallery": len(labels)}


def _product(photo: AnnotatedPhoto, box: LabelledBox) -> UInt8Array:
    return cut_product(decode(read_bytes(photo.path), source=str(photo.path)), box.xyxy)


def _all_right(pair: PhotoBoxes, limit: float) -> bool:
    """Whether each true box has a shown box of its class with IoU 0.5 or more."""
    metrics = measure_detection([pair], is_by_class=True, own_limit=limit) if pair.n_true else None
    return metrics is not None and metrics.output.point.n_missed == 0


def _jpeg(pixels: UInt8Array) -> bytes:
    with tempfile.TemporaryFile() as file:
        PillowImage.fromarray(pixels).save(file, "JPEG", quality=92)
        file.seek(0)
        return file.read()


def report(found: dict[str, dict[str, Any]]) -> str:
    """The section of docs/results.md from the arms that were run."""
    any_arm = next(iter(found.values()))
    parts = [
        f"## Detection\n\n`python benchmarks/detection.py` on {any_arm['machine']}, {N_THREADS} threads, seed {SEED}."
    ]
    if "photos" in found:
        parts.append(_photos_table({name: found[name] for name in ("photos", "baseline") if name in found}))
    if "shelves" in found:
        parts.append(_shelves_table(found["shelves"]["shelves"]))
    if "large" in found:
        parts.append(_large_table(found["large"]))
    if "named" in found:
        named_, figures = found["named"], found["named"]["figures"]
        ap50, ap75 = (f"{figures[name]['value']:.3f}" for name in ("ap50", "ap75"))
        parts.append(
            f"Box and class right, {named_['n_photos']} photos of groceries-detection val, 25 classes, gallery of "
            f"{named_['n_gallery']} train boxes: AP50 {ap50}, AP75 {ap75}; all boxed products of a photo right in "
            f"{100 * named_['all_right']:.1f} % of the photos."
        )
    return "\n\n".join(parts)


def _photos_table(arms: dict[str, dict[str, Any]]) -> str:
    rows = [
        (
            name,
            *("{value:.3f} ({low:.3f} to {high:.3f})".format(**arm["figures"][key]) for key in ("ap50", "ap75", "ap")),
            *(f"{100 * entry['recall']['value']:.1f} %" for entry in arm["recall_at_precision"]),
        )
        for name, arm in arms.items()
    ]  # fmt: skip
    columns = ("groceries-detection val", "AP50", "AP75", "AP", "recall at 90 % precision", "at 95 %")
    return markdown_table(columns, rows)


def _shelves_table(shelves_: Sequence[dict[str, Any]]) -> str:
    rows = [
        (
            entry["n_facings"], entry["n_true"], f"{100 * entry['recall']:.1f} %", f"{100 * entry['precision']:.1f} %",
            f"{100 * entry['count_error']:.1f} %", entry["doubles"], f"{entry['ap50']:.3f}", f"{entry['seconds']:.1f}",
        )
        for entry in shelves_
    ]  # fmt: skip
    columns = ("facings a shelf", "true boxes", "recall", "precision", "count error", "doubles", "AP50", "s a photo")
    size = f"{SHELF_PX[0]}×{SHELF_PX[1]} px"
    told = f"Shelves of {size} composed from val products, {SHELVES_EACH} each, at the detector's limit:"
    return f"{told}\n\n{markdown_table(columns, rows)}"


def _large_table(large_: dict[str, Any]) -> str:
    steps = ("decode", "detect", "crop", "embed", "match")
    runs = large_["runs"]
    medians = [statistics.median(run[step] for run in runs) for step in steps]
    totals = [sum(run[step] for step in steps) for run in runs]
    rows = [
        (*(f"{seconds:.2f}" for seconds in medians), f"{statistics.median(totals):.2f}", f"{large_['peak_mb']:.0f}")
    ]
    n_products = statistics.median(run["n_products"] for run in runs)
    size = f"{LARGE_PX[0]}×{LARGE_PX[1]} px"
    told = f"{size} with {LARGE_FACINGS} products ({n_products:.0f} found), seconds, median of {len(runs)}:"
    return f"{told}\n\n{markdown_table((*steps, 'all', 'peak memory, MB'), rows)}"


ARMS: dict[str, Callable[[str], dict[str, Any]]] = {
    "photos": photos,
    "shelves": shelves,
    "large": large,
    "named": named,
}

if __name__ == "__main__":
    main()
