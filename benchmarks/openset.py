"""Products that were never enrolled: are they told from those that were, and are promises of false accepts kept?

python benchmarks/openset.py [--unseen MODEL] [--rows FOLDER]     (about ten minutes on two cores)

Grocery Store Dataset from FACINGS_DATA, else ../shared/data. Gallery = train photos of 60 random products of 81,
queries = test (dev half) of all; five seeds; then the same with cartons alone, three quarters of them enrolled. The
baseline is one global threshold on the similarity of the closest photo. `--unseen` is a model directory from
`benchmarks/training.py unseen`, which learned from half of the products: those left out are then of the other half
alone. `--rows` keeps the embeddings for the next run. Everything was chosen on train and val.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from facings.adapters.onnx_models import OnnxEmbedder
from facings.evaluate.openset_answers import PromiseKept
from facings.evaluate.openset_run import DEFAULT_PROMISES, Labelled, OpenSet, drawn_products, measure_openset
from facings.far_view import from_afar
from facings.manifest import read_manifest
from facings.networks import BUNDLED_MODEL, STARTER_MODEL, load_model
from grocery_rows import DATA, UNSEEN_SEED, Split, changed_rows, read_split
from results_page import machine, markdown_table, write_section

N_THREADS, SEEDS = 2, range(5)
N_ENROLLED = {"all": 60, "cartons": 0.75}


def main() -> None:
    """Measure all models and rewrite the section of docs/results.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unseen", type=Path)
    parser.add_argument("--rows", type=Path)
    given = parser.parse_args()
    models = {"starter": load_model(STARTER_MODEL, n_threads=N_THREADS)}
    if given.unseen:
        models["unseen"] = OnnxEmbedder(given.unseen, n_threads=N_THREADS)
    models["bundled"] = load_model(BUNDLED_MODEL, n_threads=N_THREADS)
    separations, promises = [], []
    for name, model in models.items():
        sides = {split: _labelled(read_split(split, model, given.rows)) for split in ("train", "val", "test")}
        far_rows = changed_rows("train", model, given.rows, from_afar, "far")
        sides["train"] = replace(sides["train"], far_rows=far_rows)
        for goods in N_ENROLLED:
            found = _measure(name, goods, sides, is_from_val=False)
            separations += _separation_rows(name, goods, found)
            promises += [_promise_row(name, goods, "gallery", kept) for kept in found.promises]
            if goods == "all":
                from_val = _measure(name, goods, sides, is_from_val=True)
                promises += [_promise_row(name, goods, "val photos", kept) for kept in from_val.promises]
    write_section("openset", _page(separations, promises, has_unseen=bool(given.unseen)))


def _page(separations: Sequence[Sequence[str]], promises: Sequence[Sequence[str]], *, has_unseen: bool) -> str:
    unseen = (
        " *unseen* learned from 40 of the 81 products (recipe quick); those left out are products that it never "
        "saw (21 of 41; of cartons a quarter), which is what an unknown product is to a trained model: the "
        "honest figure."
    )
    conditions = (
        f"`python benchmarks/openset.py` on {machine()}. Grocery Store Dataset, gallery = train photos of "
        f"{N_ENROLLED['all']} random products of 81, queries = all of test (dev half); cartons: the same with three "
        f"quarters of the packaged products; {len(SEEDS)} seeds, mean (lowest to highest). *starter* never saw any of "
        f"these products.{unseen if has_unseen else ''} *bundled* learned from all 81 products and from the very "
        "gallery photos, so its figures show what happens then, not how it does on products of others."
    )
    kept = (
        "What was promised and what came of it, all seeds together. False accepts: share of queries of products that "
        "were not enrolled, with the 95 % interval by bootstrap over products. Right, wrong: share of queries of "
        "enrolled products accepted as what they are, or as something else. Covered: accepted rightly, or ambiguous "
        "with the right product in question (90 % is aimed at). Unknown: share of queries of products that were not "
        "enrolled answered so, the others being ambiguous. Calibrated from the gallery's own photos, or from val "
        "photos of the enrolled products. 60 products cannot promise 1 %: nothing is accepted then, and the answer "
        "says why."
    )
    return "\n\n".join([
        "## Products that were never enrolled",
        conditions,
        markdown_table(("model", "products", "score", "AUROC", "FPR at 95 % TPR", "OSCR"), separations),
        kept,
        markdown_table(
            ("model", "products", "calibrated from", "promised", "false accepts", "right", "wrong", "covered",
             "set size", "unknown"),
            promises,
        ),
    ])  # fmt: skip


def _labelled(split: Split) -> Labelled:
    labels, categories = tuple(p.label for p in split.photos), tuple(p.category for p in split.photos)
    return Labelled(split.rows, labels, categories, split.looks)


def _measure(name: str, goods: str, sides: dict[str, Labelled], *, is_from_val: bool) -> OpenSet:
    """One model and kind of goods."""
    cartons = _cartons()
    wanted = cartons if goods == "cartons" else set(sides["train"].labels)
    train, val, test = (
        side.only([i for i, label in enumerate(side.labels) if label in wanted]) for side in sides.values()
    )
    products = sorted(set(train.labels))
    n_enrolled = N_ENROLLED[goods] if goods == "all" else round(N_ENROLLED[goods] * len(products))
    n_unknown = len(products) - int(n_enrolled)
    if name == "unseen":
        strangers = sorted(set(products) - _learned())
        draws = [
            frozenset(products) - (frozenset(strangers) - some)
            for some in drawn_products(strangers, n_unknown=min(n_unknown, len(strangers) - 1), seeds=SEEDS)
        ]
    else:
        draws = drawn_products(products, n_unknown=n_unknown, seeds=SEEDS)
    return measure_openset(train, test, draws, DEFAULT_PROMISES, val if is_from_val else None)


def _learned() -> set[str]:
    """The products that the model of benchmarks/training.py unseen learned from."""
    products = sorted({photo.label for photo in read_manifest(DATA / "train.txt").photos})
    order = np.random.default_rng(UNSEEN_SEED).permutation(products)
    return set(order[: len(products) // 2].tolist())


def _cartons() -> set[str]:
    return {photo.label for photo in read_manifest(DATA / "train.txt").photos if "Packages" in photo.path.parts}


def _separation_rows(name: str, goods: str, found: OpenSet) -> list[tuple[str, ...]]:
    return [
        (name, goods, score, *(_span([vars(draw)[key] for draw in draws]) for key in ("auroc", "fpr_at_95", "oscr")))
        for score, draws in (("similarity (baseline)", found.baseline), ("likeness", found.ours))
    ]


def _promise_row(name: str, goods: str, source: str, kept: PromiseKept) -> tuple[str, ...]:
    false = kept.false_accepts
    size = "–" if kept.mean_set_size is None else f"{kept.mean_set_size:.1f}"
    shares = (kept.accepted_right, kept.accepted_wrong, kept.covered)
    return (
        name, goods, source, f"{kept.max_false_accept:.0%}", f"{false.value:.1%} ({false.low:.1%} to {false.high:.1%})",
        *(f"{share.value:.1%}" for share in shares), size, f"{kept.unknown_unknown.value:.1%}",
    )  # fmt: skip


def _span(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    main()
