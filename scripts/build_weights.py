"""The recipes of the weights that ship with Facings.

python scripts/build_weights.py embedder --data DATA --out FOLDER     about half an hour on two cores
python scripts/build_weights.py detector --data DATA --out FOLDER     about an hour
python scripts/build_weights.py comparator --data DATA --out FOLDER   about an hour; needs `facings[authenticity]` too

DATA holds `grocery-store/` (the Grocery Store Dataset: https://github.com/marcusklasson/GroceryStoreDataset, MIT) for
the embedder and the comparator, and `groceries-detection/` (5K Groceries Dataset for Object Detection, whose authors
state no license) for the embedder's neck and for the detector. FOLDER becomes a run folder; its folder `model` is what
belongs into `src/facings/weights/`. Seeds are fixed: the same photos, library versions and number of threads give the
same weights. A run that was stopped goes on.

The embedder that ships is older than the recipe that is here: see docs/decisions/0023.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from facings.adapters.opencv_registration import OpenCvRegistrar
from facings.adapters.pair_file import load_pairs, save_pairs
from facings.annotations import AnnotatedPhoto, read_annotations
from facings.apps.authenticity import working_size
from facings.apps.pack_finder import find_pack
from facings.crop import MIN_SIDE_PX
from facings.detect import Detector
from facings.images import decode, read_bytes
from facings.manifest import LabelledPhoto, read_manifest
from facings.model_card import ComparatorCard
from facings.networks import BUNDLED_COMPARATOR, BUNDLED_DETECTOR, load_detector
from facings.simulate.cutouts import boxed_cutouts
from facings.simulate.shelf_dataset import write_shelves
from facings.terminal import track
from facings.train.backbones import BUNDLED, STARTER
from facings.train.checkpoint import CHECKPOINT_FILE
from facings.train.comparator import train_comparator
from facings.train.comparator_export import export_comparator
from facings.train.comparator_pairs import Pair, fingerprint, forged_pairs
from facings.train.detector import DetectorSettings, train_detector
from facings.train.recipe import Recipe
from facings.train.recognizer import MODEL_FOLDER, TrainSettings, train_recognizer
from facings.types import UInt8Array

HELD_OUT_FRAC = 0.05  # enough to set the confidence; test photos take no part
TRUNK_FOLDER = "trunk"
N_SHELVES, SHELF_FACINGS, SHELF_PX = 160, (30, 160), (1024, 768)
SEED = 0
CARTONS_LEARNED = (  # the other dozen with photos enough is what benchmarks/authenticity.py measures
    "Alpro-Blueberry-Soyghurt", "Alpro-Fresh-Soy-Milk", "Alpro-Shelf-Soy-Milk", "Alpro-Vanilla-Soyghurt",
    "Arla-Ecological-Medium-Fat-Milk", "Arla-Lactose-Medium-Fat-Milk", "Arla-Mild-Vanilla-Yoghurt",
    "Arla-Natural-Yoghurt", "Bravo-Apple-Juice", "God-Morgon-Orange-Red-Grapefruit-Juice",
    "God-Morgon-Red-Grapefruit-Juice", "Oatly-Natural-Oatghurt", "Tropicana-Apple-Juice",
    "Tropicana-Golden-Grapefruit", "Tropicana-Juice-Smooth", "Tropicana-Mandarin-Morning",
    "Valio-Vanilla-Yoghurt", "Yoggi-Strawberry-Yoghurt", "Yoggi-Vanilla-Yoghurt",
)  # fmt: skip


def main() -> None:
    """Build one of the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=("embedder", "detector", "comparator"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    builds = {"embedder": build_embedder, "detector": build_detector, "comparator": build_comparator}
    builds[given.model](given.data, given.out, given.threads)


def build_embedder(data: Path, out: Path, n_threads: int) -> None:
    """Trunk and neck from train and val of the Grocery Store Dataset; then the neck anew, with other crops besides."""
    photos = [
        photo for split in ("train", "val") for photo in read_manifest(data / "grocery-store" / f"{split}.txt").photos
    ]
    settings = TrainSettings(
        name="product-embedder",
        start=STARTER,
        held_out_frac=HELD_OUT_FRAC,
        n_threads=n_threads,
        is_resumed=(out / TRUNK_FOLDER / CHECKPOINT_FILE).exists(),
    )
    trunk = out / TRUNK_FOLDER / MODEL_FOLDER
    if not trunk.exists():
        train_recognizer(photos, out=out / TRUNK_FOLDER, settings=settings, track=track)
    neck = replace(settings, recipe=replace(Recipe(), phases=()), start=trunk, is_resumed=False)
    crops = _crops(data / "groceries-detection", len(photos) // 3)
    done = train_recognizer([*photos, *crops], out=out, settings=neck, track=track)
    print(
        f"{done.n_train} photos, {done.seconds:.0f} s, on {done.n_val} held-out photos {done.classifier_accuracy:.1%}"
    )


def _crops(folder: Path, n_crops: int) -> list[LabelledPhoto]:
    """So many boxes of the train split, by lot: more would weigh its broad classes above single products."""
    every = [
        LabelledPhoto(photo.path, f"class {box.label}", box=box.xyxy)
        for photo in _groceries(folder, "train")
        for box in photo.boxes
        if min(box.xyxy[2] - box.xyxy[0], box.xyxy[3] - box.xyxy[1]) >= MIN_SIDE_PX
    ]
    return [every[row] for row in np.random.default_rng(SEED).permutation(len(every))[:n_crops].tolist()]


def build_detector(data: Path, out: Path, n_threads: int) -> None:
    """Train of the groceries, with shelves composed from the products in it; val chooses the epoch and the limit."""
    train, val = (_groceries(data / "groceries-detection", split) for split in ("train", "val"))
    shelves = out / "shelves"
    if not shelves.exists():
        write_shelves(
            shelves,
            boxed_cutouts(train),
            source="5K Groceries Dataset for Object Detection, train",
            n_photos=N_SHELVES,
            facings=SHELF_FACINGS,
            size_px=SHELF_PX,
            seed=SEED,
            track=track,
        )
    settings = DetectorSettings(start=BUNDLED, n_threads=n_threads, is_resumed=(out / CHECKPOINT_FILE).exists())
    done = train_detector(
        [*train, *read_annotations(shelves / "annotations.json").photos], val, out=out, settings=settings, track=track
    )
    if done:
        print(f"{done.n_boxes} boxes, {done.seconds:.0f} s, on {done.n_val} photos AP50 {done.ap50:.3f}")


def build_comparator(data: Path, out: Path, n_threads: int) -> None:
    """Train and val of the Grocery Store Dataset, cartons that the benchmark does not measure, with forgeries made."""
    registrar, detector = OpenCvRegistrar(n_threads=1), load_detector(BUNDLED_DETECTOR, n_threads=n_threads)
    paths: dict[str, list[Path]] = {sku: [] for sku in CARTONS_LEARNED}
    for split in ("train", "val"):
        for photo in read_manifest(data / "grocery-store" / f"{split}.txt").photos:
            paths.get(photo.path.parent.name, []).append(photo.path)
    pairs: list[Pair] = []
    for n, sku in enumerate(track(list(CARTONS_LEARNED), "Forging", len(CARTONS_LEARNED))):
        file = out / "pairs" / f"{sku}.npz"
        if not file.exists():
            donors = paths[CARTONS_LEARNED[n - 1]]
            rng = np.random.default_rng((SEED, n))
            donor = _pack(donors[int(rng.integers(len(donors)))], detector)
            save_pairs(file, list(forged_pairs([_pack(one, detector) for one in paths[sku]], donor, registrar, rng)))
        pairs += load_pairs(file) or []
    print(len(pairs), "pairs", flush=True)
    network = train_comparator(pairs, seed=SEED, n_threads=n_threads, track=track)
    card = ComparatorCard(
        name=BUNDLED_COMPARATOR,
        architecture="siamese places, 24 and 32 wide",
        license="Apache-2.0",
        source="scripts/build_weights.py comparator",
        training_data=f"{len(pairs)} pictures of {len(CARTONS_LEARNED)} cartons of the Grocery Store Dataset (MIT), "
        "train and val, most of them forged by facings.simulate.forgeries",
        data_fingerprint=fingerprint(pairs),
    )
    print(f"torch and ONNX Runtime differ by {export_comparator(network, card, out / MODEL_FOLDER):.2g}")


def _pack(path: Path, detector: Detector) -> UInt8Array:
    """The pack of a photo, cut out, at working size."""
    image = decode(read_bytes(path), source=str(path))
    x1, y1, x2, y2 = find_pack(image, detector)
    return working_size(image.pixels[y1:y2, x1:x2])


def _groceries(folder: Path, split: str) -> list[AnnotatedPhoto]:
    given = read_annotations(folder / "annotations", photos=folder / "images").photos
    named = {photo.path.relative_to(folder / "images").with_suffix("").as_posix(): photo for photo in given}
    return [named[line.split()[0]] for line in (folder / f"{split}.txt").read_text().splitlines()]


if __name__ == "__main__":
    main()
