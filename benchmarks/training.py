"""What a training costs and gives: Facings' recipes beside the standard one, transfer beside none, few-shot curves.

python benchmarks/training.py ARM [ARM …] --out FOLDER     arms: standard, quick, default, scratch, unseen
python benchmarks/training.py report --out FOLDER          rewrites the section of docs/results.md

Each arm writes FOLDER/ARM.json; run them one after another on a quiet machine. Times leave out the checks on the test
photos. Grocery Store Dataset from FACINGS_DATA, else ../shared/data: trained on train, told on test (dev half).
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from facings.manifest import LabelledPhoto, read_manifest
from standard_recipe import Spent, train_standard

DATA = Path(os.environ.get("FACINGS_DATA", "../shared/data")) / "grocery-store"
N_THREADS, SEED = 2, 0
STANDARD_EPOCHS = 6  # about half an hour on two cores


def main() -> None:
    """Run the arms that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arms", nargs="+", choices=ARMS)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(N_THREADS)
    for arm in given.arms:
        found = ARMS[arm](given.out)
        (given.out / f"{arm}.json").write_text(json.dumps(found, indent=1))


def photos(split: str) -> tuple[LabelledPhoto, ...]:
    """The photos of one split."""
    return read_manifest(DATA / f"{split}.txt").photos


def _standard(out: Path) -> dict[str, Any]:
    epochs: list[dict[str, float]] = []

    def after_epoch(epoch: int, accuracy: float, spent: Spent) -> None:
        epochs.append({"epoch": epoch, "accuracy": accuracy, "wall_s": spent.wall_s, "cpu_s": spent.cpu_s})
        print("standard", epochs[-1], flush=True)
        (out / "standard.json").write_text(json.dumps({"epochs": epochs}))

    train_standard(photos("train"), photos("test"), n_epochs=STANDARD_EPOCHS, seed=SEED, after_epoch=after_epoch)
    return {"epochs": epochs}


ARMS: dict[str, Callable[[Path], dict[str, Any]]] = {"standard": _standard}

if __name__ == "__main__":
    main()
