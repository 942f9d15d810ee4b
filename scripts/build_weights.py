"""The recipes of the weights that ship with Facings.

python scripts/build_weights.py embedder --data DATA --out FOLDER     about half an hour on two cores
python scripts/build_weights.py detector --data DATA --out FOLDER     about an hour

DATA holds `grocery-store/` (the Grocery Store Dataset: https://github.com/marcusklasson/GroceryStoreDataset, MIT) for
the embedder, and for the detector `groceries-detection/` (the 5K Groceries Dataset for Object Detection, whose authors
state no license). FOLDER becomes a run folder; its folder `model` is what belongs into `src/facings/weights/`. Seeds
are fixed: the same photos, library versions and number of threads give the same weights. A run that was stopped goes
on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from facings.annotations import AnnotatedPhoto, read_annotations
from facings.manifest import read_manifest
from facings.simulate.cutouts import boxed_cutouts
from facings.simulate.shelf_dataset import write_shelves
from facings.terminal import track
from facings.train.backbones import BUNDLED, STARTER
from facings.train.checkpoint import CHECKPOINT_FILE
from facings.train.detector import DetectorSettings, train_detector
from facings.train.recognizer import TrainSettings, train_recognizer

HELD_OUT_FRAC = 0.05  # enough to set the confidence; test photos take no part
N_SHELVES, SHELF_FACINGS, SHELF_PX = 160, (30, 160), (1024, 768)
SEED = 0


def main() -> None:
    """Build one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=("embedder", "detector"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    build = build_embedder if given.model == "embedder" else build_detector
    build(given.data, given.out, given.threads)


def build_embedder(data: Path, out: Path, n_threads: int) -> None:
    """Train and val of the Grocery Store Dataset, from the starter."""
    photos = [
        photo for split in ("train", "val") for photo in read_manifest(data / "grocery-store" / f"{split}.txt").photos
    ]
    settings = TrainSettings(
        name="product-embedder",
        start=STARTER,
        held_out_frac=HELD_OUT_FRAC,
        n_threads=n_threads,
        is_resumed=(out / CHECKPOINT_FILE).exists(),
    )
    done = train_recognizer(photos, out=out, settings=settings, track=track)
    print(
        f"{done.n_train} photos, {done.seconds:.0f} s, on {done.n_val} held-out photos {done.classifier_accuracy:.1%}"
    )


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


def _groceries(folder: Path, split: str) -> list[AnnotatedPhoto]:
    given = read_annotations(folder / "annotations", photos=folder / "images").photos
    named = {photo.path.relative_to(folder / "images").with_suffix("").as_posix(): photo for photo in given}
    return [named[line.split()[0]] for line in (folder / f"{split}.txt").read_text().splitlines()]


if __name__ == "__main__":
    main()
