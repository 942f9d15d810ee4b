"""What a training costs and gives: Facings' recipes beside the standard one, transfer beside none, few-shot curves.

python benchmarks/training.py ARM [ARM …] --out FOLDER     arms: standard, quick, default, scratch, unseen, bundled
python benchmarks/training.py report --out FOLDER          rewrites the section of docs/results.md

Each arm writes FOLDER/ARM.json; run them one after another on a quiet machine, about half an hour each but for quick
and unseen. Times are of everything from photos on disk to the finished model and its report, without the checks on the
test photos. `bundled` trains nothing: it is the embedder that ships, made by scripts/build_weights.py from train and
val. Grocery Store Dataset from FACINGS_DATA, else ../shared/data: learned from train, checked with val, told on
test (dev half).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from facings.adapters.onnx_models import OnnxEmbedder
from facings.embed import Embedder, embed, prepare
from facings.evaluate.few_shot import few_shot_curve
from facings.images import decode, read_bytes
from facings.manifest import LabelledPhoto, read_manifest
from facings.networks import STARTER_MODEL, load_model
from facings.train.backbones import STARTER, load_trunk
from facings.train.batches import channel_values
from facings.train.fit import EpochResult
from facings.train.model import Recognizer
from facings.train.recipe import QUICK, Phase, Recipe
from facings.train.recognizer import TrainSettings, train_recognizer
from facings.types import FloatArray
from results_page import machine, markdown_table, write_section
from standard_recipe import Clock, Spent, train_standard

DATA = Path(os.environ.get("FACINGS_DATA", "../shared/data")) / "grocery-store"
N_THREADS, SEED, WANTED = 2, 0, 0.80
STANDARD_EPOCHS = 6  # about half an hour on two cores
SCRATCH = replace(Recipe(), phases=(Phase(15, 128, 0),), lr=1e-3, layer_decay=1.0, mix_prob=0.0)  # as long as Recipe()
CLOCKS = {"wall_s": 1, "cpu_s": N_THREADS}  # name → what its seconds are divided by
_CHUNK = 64


def main() -> None:
    """Run the arms that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arms", nargs="+", choices=(*ARMS, "report"))
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(N_THREADS)
    for arm in given.arms:
        if arm == "report":
            write_section(
                "training", report({path.stem: json.loads(path.read_text()) for path in given.out.glob("*.json")})
            )
        else:
            found = {"machine": machine(), **ARMS[arm](given.out)}
            (given.out / f"{arm}.json").write_text(json.dumps(found, indent=1))


def photos(split: str) -> tuple[LabelledPhoto, ...]:
    """The photos of one split."""
    return read_manifest(DATA / f"{split}.txt").photos


def rows_of(chosen: Sequence[LabelledPhoto], model: Embedder) -> FloatArray:
    """float32 (N, D): embeddings of photos."""
    parts = []
    for start in range(0, len(chosen), _CHUNK):
        pixels = [
            decode(read_bytes(photo.path), source=str(photo.path)).pixels for photo in chosen[start : start + _CHUNK]
        ]
        parts.append(embed(pixels, model).rows)
    return np.concatenate(parts)


def standard(_out: Path) -> dict[str, Any]:
    """The baseline."""
    epochs: list[dict[str, float]] = []

    def after_epoch(epoch: int, accuracy: float, spent: Spent) -> None:
        epochs.append({"epoch": epoch, "accuracy": accuracy, "wall_s": spent.wall_s, "cpu_s": spent.cpu_s})
        print("standard", epochs[-1], flush=True)

    train_standard(photos("train"), photos("test"), n_epochs=STANDARD_EPOCHS, seed=SEED, after_epoch=after_epoch)
    return {"epochs": epochs}


def ours(name: str, recipe: Recipe, *, is_scratch: bool = False) -> Callable[[Path], dict[str, Any]]:
    """An arm that trains with a recipe of Facings."""

    def arm(out: Path) -> dict[str, Any]:
        clock, epochs, test = Clock(), list[dict[str, float]](), photos("test")
        pictures: list[torch.Tensor] = []

        def watch(result: EpochResult, model: Recognizer) -> None:
            spent = clock.stop()
            pictures.extend(() if pictures else prepared(test, recipe, is_scratch=is_scratch))
            accuracy = classifier_accuracy(model, pictures, test)
            epochs.append({"epoch": result.epoch, "accuracy": accuracy, "wall_s": spent.wall_s, "cpu_s": spent.cpu_s})
            print(name, epochs[-1], flush=True)
            clock.start()

        folder = out / f"{name}-run"
        shutil.rmtree(folder, ignore_errors=True)
        settings = TrainSettings(recipe=recipe, start=STARTER, is_scratch=is_scratch, n_threads=N_THREADS)
        summary = train_recognizer(photos("train"), photos("val"), out=folder, settings=settings, watch=watch)
        spent = clock.stop()
        figures = final_figures(OnnxEmbedder(summary.model, n_threads=N_THREADS))
        print(name, figures, spent, flush=True)
        return {"epochs": epochs, "final": figures, "wall_s": spent.wall_s, "cpu_s": spent.cpu_s}

    return arm


def prepared(chosen: Sequence[LabelledPhoto], recipe: Recipe, *, is_scratch: bool) -> list[torch.Tensor]:
    """float32 (n, 3, S, S) batches for the trunk that starts from the starter, or from dice with its architecture."""
    trunk = load_trunk(STARTER, is_scratch=is_scratch)
    mean, std = channel_values(trunk.mean), channel_values(trunk.std)
    preparation = recipe.preparation(trunk.mean, trunk.std)
    pieces = [prepare(decode(read_bytes(photo.path), source=str(photo.path)).pixels, preparation) for photo in chosen]
    return [
        ((torch.from_numpy(np.stack(pieces[start : start + _CHUNK])).float() - mean) / std)
        for start in range(0, len(pieces), _CHUNK)
    ]


def classifier_accuracy(model: Recognizer, pictures: Sequence[torch.Tensor], test: Sequence[LabelledPhoto]) -> float:
    """Share of the test photos that the head names rightly while the training goes on."""
    products = sorted({photo.label for photo in photos("train")})
    with torch.inference_mode():
        named = torch.cat([model(batch).argmax(1) for batch in pictures]).tolist()
    return float(np.mean([products[place] == photo.label for place, photo in zip(named, test, strict=True)]))


def bundled(_out: Path) -> dict[str, Any]:
    """The embedder that ships."""
    return {"final": final_figures(load_model(n_threads=N_THREADS), known=("train", "val"))}


def final_figures(model: Embedder, known: Sequence[str] = ("train",)) -> dict[str, float]:
    """The finished model at runtime: nearest product mean, and gallery matching, products and categories."""
    train, test = [photo for split in known for photo in photos(split)], photos("test")
    gallery, queries = rows_of(train, model), rows_of(test, model)
    category_of = {photo.label: photo.category for photo in train}
    labels, truth = np.array([photo.label for photo in train]), np.array([photo.label for photo in test])
    products = np.unique(labels)
    means = np.stack([gallery[labels == product].mean(0) for product in products])
    named = products[(queries @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T).argmax(1)]
    found = labels[(queries @ gallery.T).argmax(1)]
    coarse = np.vectorize(category_of.__getitem__)
    return {
        "classifier": float((named == truth).mean()),
        "classifier_coarse": float((coarse(named) == coarse(truth)).mean()),
        "gallery": float((found == truth).mean()),
        "gallery_coarse": float((coarse(found) == coarse(truth)).mean()),
    }


def unseen(out: Path) -> dict[str, Any]:
    """Train on a random half of the products, enroll the other half, and ask about it; beside the untuned trunk."""
    products = np.random.default_rng(SEED).permutation(sorted({photo.label for photo in photos("train")}))
    learned = set(products[: len(products) // 2].tolist())
    train, val = ([photo for photo in photos(split) if photo.label in learned] for split in ("train", "val"))
    folder = out / "unseen-run"
    shutil.rmtree(folder, ignore_errors=True)
    summary = train_recognizer(
        train, val, out=folder, settings=TrainSettings(recipe=QUICK, start=STARTER, n_threads=N_THREADS)
    )
    gallery, queries = ([p for p in photos(split) if p.label not in learned] for split in ("train", "test"))
    curves = {}
    for name, model in (
        ("untuned", load_model(STARTER_MODEL, n_threads=N_THREADS)),
        ("tuned", OnnxEmbedder(summary.model, n_threads=N_THREADS)),
    ):
        points = few_shot_curve(
            rows_of(gallery, model), [p.label for p in gallery], rows_of(queries, model), [p.label for p in queries]
        )
        curves[name] = [point.to_json() for point in points]
    return {"n_learned": len(learned), "n_unseen": len(products) - len(learned), "curves": curves}


def _seconds(arm: dict[str, Any], clock: str) -> str:
    """What all of an arm took."""
    spent = arm.get(clock) or (arm["epochs"][-1][clock] if arm.get("epochs") else None)
    return "–" if spent is None else f"{spent / CLOCKS[clock]:.0f}"


def _seconds_to(wanted: float, arm: dict[str, Any], clock: str) -> str:
    """Until the accuracy on the test photos was reached: an epoch's end, or the finished model."""
    spent = [epoch[clock] for epoch in arm.get("epochs", ()) if epoch["accuracy"] >= wanted]
    spent += [arm[clock]] if clock in arm and arm["final"]["classifier"] >= wanted else []
    return f"{min(spent) / CLOCKS[clock]:.0f}" if spent else "not reached" if clock in arm or "epochs" in arm else "–"


def report(arms: dict[str, dict[str, Any]]) -> str:
    """The section of docs/results.md from the arms that were run."""
    rows = []
    for name in ("standard", "quick", "default", "scratch", "bundled"):
        arm = arms.get(name)
        if arm is None:
            continue
        final = arm.get("final") or {"classifier": arm["epochs"][-1]["accuracy"]}
        rows.append((
            name,
            *(_seconds(arm, clock) for clock in CLOCKS),
            *(_seconds_to(WANTED, arm, clock) for clock in CLOCKS),
            *(f"{100 * final[key]:.1f}" if key in final else "–"
              for key in ("classifier", "classifier_coarse", "gallery", "gallery_coarse")),
        ))  # fmt: skip
    columns = (
        "arm", "wall, s", "CPU / 2, s", "wall s to 80 %", "CPU / 2 s to 80 %", "classifier, %", "coarse, %",
        "gallery recall@1, %", "coarse, %",
    )  # fmt: skip
    any_arm = next(iter(arms.values()))
    text = (
        f"## Training a recognizer\n\n`python benchmarks/training.py` on {any_arm['machine']}. Grocery Store Dataset, "
        f"learned from train, checked with val (bundled: learned from both), told on test (dev half); seed {SEED}, one "
        "run an arm. Wall time grows with what else the machine does; processor time over two threads hardly does.\n\n"
        f"{markdown_table(columns, rows)}"
    )
    return text + ("\n\n" + _unseen_table(arms["unseen"]) if "unseen" in arms else "")


def _unseen_table(found: dict[str, Any]) -> str:
    rows = [
        (name, *(f"{100 * point['gallery']['mean']:.1f} ± {100 * point['gallery']['spread']:.1f}" for point in curve))
        for name, curve in found["curves"].items()
    ]
    shots = [str(point["n_photos"] or "all") for point in found["curves"]["tuned"]]
    return (
        f"Products that training never saw: {found['n_learned']} of 81 products learned, the other {found['n_unseen']} "
        "enrolled with so many photos each; gallery recall@1 on their test photos, mean ± standard deviation of five "
        f"draws.\n\n{markdown_table(('model', *shots), rows)}"
    )


ARMS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "standard": standard,
    "quick": ours("quick", QUICK),
    "default": ours("default", Recipe()),
    "scratch": ours("scratch", SCRATCH, is_scratch=True),
    "unseen": unseen,
    "bundled": bundled,
}

if __name__ == "__main__":
    main()
