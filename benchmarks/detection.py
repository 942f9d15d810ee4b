"""How good and how fast the detector is: annotated photos, composed dense shelves, large photos, detection with names.

python benchmarks/detection.py ARM [ARM …] --out FOLDER [--detector MODEL]     arms: photos, shelves, large, named
python benchmarks/detection.py report --out FOLDER                             rewrites the section of docs/results.md

photos     groceries-detection val (741 photos): AP, recall at fixed precision. Its baseline is `standard_detector.py`.
shelves    composed from the products of that val split, which training never saw: 50 to 400 facings a photo.
large      12-megapixel shelves with 150 products: seconds and memory from decode to matched products, by step (Linux).
named      groceries-detection val, gallery of the 25 classes from train boxes: box and class right.

FACINGS_DATA, else ../shared/data, holds `groceries-detection/`. --few N tries an arm out on N photos or shelves.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image as PillowImage

from detection_tables import report
from facings.annotations import AnnotatedPhoto, LabelledBox, read_annotations
from facings.crop import crop, cut_product
from facings.detect import NetworkDetector
from facings.embed import embed
from facings.evaluate.coco_matching import CocoMatching
from facings.evaluate.detection import measure_detection
from facings.evaluate.detection_run import evaluate_detector
from facings.evaluate.photo_boxes import PhotoBoxes, pair_boxes
from facings.images import decode, read_bytes
from facings.match import ExactIndex, match
from facings.networks import BUNDLED_DETECTOR, load_detector, load_model
from facings.simulate.composed_shelves import ComposedShelf, compose_shelf
from facings.simulate.cutouts import boxed_cutouts
from facings.tiles import Tiling, plan_tiles
from facings.types import Detections, Image, UInt8Array
from results_page import machine, write_section

Item = TypeVar("Item")

DATA = Path(os.environ.get("FACINGS_DATA", "../shared/data")) / "groceries-detection"
N_THREADS, SEED = 2, 0
LEAST_CONFIDENCE = 0.05
NAMED_CONFIDENCE = 0.3  # of boxes that are named: below, there are hundreds a photo
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
    parser.add_argument("--few", type=int, default=None)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for arm in given.arms:
        if arm == "report":
            found = {path.stem: json.loads(path.read_text()) for path in given.out.glob("*.json")}
            write_section("detection", report(found))
        else:
            measured = ARMS[arm](given.detector, given.few)
            told = {"machine": machine(), "detector": given.detector, "n_threads": N_THREADS, "seed": SEED, **measured}
            (given.out / f"{arm}.json").write_text(json.dumps(told, indent=1))
            print(arm, json.dumps(told)[:2000], flush=True)


def groceries(split: str) -> list[AnnotatedPhoto]:
    """The photos of one split."""
    given = read_annotations(DATA / "annotations", photos=DATA / "images").photos
    named = {photo.path.relative_to(DATA / "images").with_suffix("").as_posix(): photo for photo in given}
    return [named[line.split()[0]] for line in (DATA / f"{split}.txt").read_text().splitlines()]


def some(items: Sequence[Item], few: int | None) -> Sequence[Item]:
    """So many of them, evenly spaced; None for all."""
    return items if few is None else [items[row] for row in np.linspace(0, len(items) - 1, few).astype(int).tolist()]


def network_detector(detector: str, min_confidence: float | None = LEAST_CONFIDENCE) -> NetworkDetector:
    """The detector with all its boxes, for curves; None for its own limit."""
    found = load_detector(detector, n_threads=N_THREADS, min_confidence=min_confidence)
    assert isinstance(found, NetworkDetector)
    return found


class InOnePiece(NetworkDetector):
    """The same looks at a photo, but each without tiles: what tells doubles at their borders from others."""

    def _look(self, pixels: UInt8Array, tiling: Tiling, larger: Detections) -> Detections:
        whole = plan_tiles(
            tiling.photo_px, tiling.scale, stride_px=self._network.card.stride_px, max_side_px=max(tiling.size_px) * 2
        )
        return super()._look(pixels, whole, larger)


def photos(detector: str, few: int | None) -> dict[str, Any]:
    """Annotated photos."""
    looking, given = network_detector(detector), some(groceries("val"), few)
    measured = evaluate_detector(given, detector=looking, own_limit=looking.own_limit, n_threads=N_THREADS)
    return measured.to_json() | {"photos": []}


def shelves(detector: str, few: int | None) -> dict[str, Any]:
    """Dense shelves: every front that is visible enough counts."""
    cutouts = boxed_cutouts(some(groceries("val"), few and 4 * few))
    looking = network_detector(detector)
    untiled = InOnePiece(looking._network, min_confidence=LEAST_CONFIDENCE)
    found = []
    for n_facings in some(SHELF_FACINGS, few):
        pairs, whole_pairs = [], []
        seconds = []
        for number in range(few or SHELVES_EACH):
            rng = np.random.default_rng((SEED, n_facings, number))
            shelf = compose_shelf(cutouts, n_facings=n_facings, size_px=SHELF_PX, rng=rng)
            image = decode(_jpeg(shelf.pixels), source=f"shelf {n_facings}-{number}")
            started = time.perf_counter()
            seen = looking.detect(image)
            seconds.append(time.perf_counter() - started)
            pairs.append(_pair(shelf, image, seen))
            whole_pairs.append(_pair(shelf, image, untiled.detect(image)))
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
            "doubles_untiled": sum(_n_doubles(pair, looking.own_limit) for pair in whole_pairs),
            "ap50": metrics.ap50.value,
            "seconds": statistics.median(seconds),
        })  # fmt: skip
        print(found[-1], flush=True)
    return {"shelves": found, "size_px": SHELF_PX, "n_each": few or SHELVES_EACH}


def _pair(shelf: ComposedShelf, image: Image, seen: Detections) -> PhotoBoxes:
    return PhotoBoxes(
        photo=image.source,
        truth=shelf.boxes.astype(np.float64),
        is_ignored=shelf.is_ignored,
        labels=("product",) * len(shelf.boxes),
        found=seen.xyxy.astype(np.float64),
        confidence=seen.confidence.astype(np.float64),
    )


def _n_doubles(pair: PhotoBoxes, limit: float) -> int:
    """Shown boxes that lie on a true box, with IoU 0.5 or more, which a more confident one had taken already."""
    (found,) = CocoMatching([pair], by_class=False).matches(0.5)
    boxes = pair.found[(pair.confidence >= limit) & ~found.is_right & ~found.is_left_out]
    truth = pair.truth[~pair.is_ignored]
    corners = np.maximum(truth[:, None, :2], boxes[:, :2]), np.minimum(truth[:, None, 2:], boxes[:, 2:])
    common = (corners[1] - corners[0]).clip(0).prod(2)
    areas = [(several[:, 2:] - several[:, :2]).prod(1) for several in (truth, boxes)]
    return int((common / (areas[0][:, None] + areas[1] - common) >= 0.5).any(0).sum())


class Steps:
    """Seconds and peak memory (resident, of the process) of what happens from one mark to the next; Linux."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.peak_mb: dict[str, float] = {}
        self._begin()

    def done(self, name: str) -> None:
        """The step that ends here."""
        self.seconds[name] = time.perf_counter() - self._started
        status = Path("/proc/self/status").read_text()
        self.peak_mb[name] = int(status.partition("VmHWM:")[2].split()[0]) / 1024
        self._begin()

    def _begin(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        self._started = time.perf_counter()


def large(detector: str, few: int | None) -> dict[str, Any]:
    """Where the time of a 12-megapixel photo goes; embedder and gallery as they ship, 2,000 references."""
    cutouts = boxed_cutouts(some(groceries("val"), few and 4 * few))
    looking, embedder = network_detector(detector, None), load_model(n_threads=N_THREADS)
    rng = np.random.default_rng(SEED)
    rows = rng.normal(size=(N_REFERENCES, embedder.card.embedding_dim)).astype(np.float32)
    index = ExactIndex(embedder.card.embedding_dim)
    index.add(np.arange(len(rows)), rows / np.linalg.norm(rows, axis=1, keepdims=True))
    skus = {number: f"sku-{number % 200}" for number in range(N_REFERENCES)}
    runs = []
    for number in range(1 + (few or N_LARGE)):
        shelf = compose_shelf(
            cutouts, n_facings=LARGE_FACINGS, size_px=LARGE_PX, rng=np.random.default_rng((SEED, 7, number))
        )
        data = _jpeg(shelf.pixels)
        steps = Steps()
        image = decode(data, source="large")
        steps.done("decode")
        seen = looking.detect(image)
        steps.done("detect")
        crops = crop(image, seen, min_side_px=MIN_CROP_PX)
        steps.done("crop")
        queries = embed(crops.pixels, embedder)
        steps.done("embed")
        match(queries, index, skus, k=5)
        steps.done("match")
        runs.append({"seconds": steps.seconds, "peak_mb": steps.peak_mb, "n_products": len(seen)})
    sizes = {"size_px": LARGE_PX, "n_facings": LARGE_FACINGS, "n_references": N_REFERENCES}
    return {"runs": runs[1:], **sizes}  # the first one warms up


def named(detector: str, few: int | None) -> dict[str, Any]:
    """Detection, then the class of the closest reference.

    A box is ranked by its confidence times how much closer its class is than the next one.
    """
    embedder, looking = load_model(n_threads=N_THREADS), network_detector(detector, NAMED_CONFIDENCE)
    photos = some(groceries("train"), few and 20 * few)
    boxes = [(photo, box) for photo in photos for box in photo.boxes if _shorter_px(box) >= MIN_CROP_PX]
    gallery = np.concatenate([
        embed([_product(photo, box) for photo, box in part], embedder).rows
        for part in (boxes[start : start + 64] for start in range(0, len(boxes), 64))
    ])  # fmt: skip
    classes, class_of = np.unique([box.label for _, box in boxes], return_inverse=True)
    pairs, ranked = [], []
    for photo in some(groceries("val"), few):
        image = decode(read_bytes(photo.path), source=str(photo.path))
        seen = looking.detect(image)
        crops = crop(image, seen, min_side_px=1)
        told, lead = np.full(len(seen), "", classes.dtype), np.zeros(len(seen))
        if len(crops):
            likeness = embed(crops.pixels, embedder).rows @ gallery.T
            best = np.stack([likeness[:, class_of == number].max(axis=1) for number in range(len(classes))], axis=1)
            first, second = np.sort(best, axis=1)[:, :-3:-1].T
            told[crops.detection_index] = classes[best.argmax(axis=1)]
            lead[crops.detection_index] = first - second
        pairs.append(pair_boxes(photo, seen.xyxy, seen.confidence, tuple(told.tolist())))
        ranked.append(pair_boxes(photo, seen.xyxy, seen.confidence * lead, tuple(told.tolist())))
    limit = looking.own_limit
    metrics = measure_detection(ranked, is_by_class=True)
    return {
        "figures": {"ap50": metrics.ap50.to_json(), "ap75": metrics.ap75.to_json(), "ap": metrics.ap.to_json()},
        "recall_at_precision": [found.to_json() for found in metrics.at_precision],
        "all_right": _complete_frac(pairs, limit, by_class=True),
        "all_found": _complete_frac(pairs, limit, by_class=False),
        "n_photos": len(pairs),
        "n_classes": len(classes),
        "n_gallery": len(class_of),
    }


def _product(photo: AnnotatedPhoto, box: LabelledBox) -> UInt8Array:
    return cut_product(decode(read_bytes(photo.path), source=str(photo.path)), box.xyxy)


def _shorter_px(box: LabelledBox) -> float:
    x1, y1, x2, y2 = box.xyxy
    return min(x2 - x1, y2 - y1)


def _complete_frac(pairs: Sequence[PhotoBoxes], limit: float, *, by_class: bool) -> float:
    """Share of the photos in which each true box has a shown box with IoU 0.5 or more, of its class if asked."""
    ordered = sorted((pair for pair in pairs if pair.n_true), key=lambda pair: pair.photo)
    matches = CocoMatching(ordered, by_class=by_class).matches(0.5)
    complete = [(one.found_with[~pair.is_ignored] >= limit).all() for pair, one in zip(ordered, matches, strict=True)]
    return float(np.mean(complete))


def _jpeg(pixels: UInt8Array) -> bytes:
    with tempfile.TemporaryFile() as file:
        PillowImage.fromarray(pixels).save(file, "JPEG", quality=92)
        file.seek(0)
        return file.read()


ARMS: dict[str, Callable[[str, int | None], dict[str, Any]]] = {
    "photos": photos,
    "shelves": shelves,
    "large": large,
    "named": named,
}

if __name__ == "__main__":
    main()
