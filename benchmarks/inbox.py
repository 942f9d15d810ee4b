"""Unknown products: do the groups of the inbox show one product each, and each product in one group?

python benchmarks/inbox.py [--unseen MODEL] [--rows FOLDER]     (about eight minutes on two cores)

Grocery Store Dataset from FACINGS_DATA, else ../shared/data. 21 of the 81 products are left out of the gallery (train
photos of the others); their test photos (dev half) are grouped. Beside the inbox's own clustering, in the same run:
agglomerative clustering at one threshold for all models (the baseline) and HDBSCAN. `--unseen` is a model directory
from `benchmarks/training.py unseen`; `--rows` keeps embeddings for the next run, and for benchmarks/openset.py.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import HDBSCAN
from sklearn.metrics import homogeneity_completeness_v_measure

from facings.adapters.onnx_models import OnnxEmbedder
from facings.inbox.clusters import cluster, fold, link_similarity
from facings.networks import BUNDLED_MODEL, STARTER_MODEL, load_model
from facings.types import FloatArray
from grocery_rows import UNSEEN_SEED, Split, read_split
from results_page import machine, markdown_table, write_section

N_THREADS, SEEDS, N_UNKNOWN = 2, range(5), 21
BASELINE_SIMILARITY = 0.70  # what the bundled model was said to accept from, before limits followed from the gallery
HDBSCAN_SIZES = (2, 3, 5)

Groups = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Photos:
    """One split as a model sees it: float32 (N, D) unit rows, uint64 (N,) perceptual hashes, (N,) labels."""

    rows: FloatArray
    looks: NDArray[np.uint64]
    labels: NDArray[np.str_]


@dataclass(frozen=True)
class Grouping:
    """How good one grouping is; `n_groups` is groups a product, `n_named` those that name 90 % of the photos."""

    homogeneity: float
    completeness: float
    v_measure: float
    n_groups: float
    n_named: float


def main() -> None:
    """Group with all models and rewrite the section of docs/results.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unseen", type=Path)
    parser.add_argument("--rows", type=Path)
    given = parser.parse_args()
    models = {"starter": load_model(STARTER_MODEL, n_threads=N_THREADS)}
    if given.unseen:
        models["unseen"] = OnnxEmbedder(given.unseen, n_threads=N_THREADS)
    models["bundled"] = load_model(BUNDLED_MODEL, n_threads=N_THREADS)
    lines: list[tuple[str, ...]] = []
    for name, model in models.items():
        train, test = (_photos(read_split(split, model, given.rows)) for split in ("train", "test"))
        lines += _lines(name, train, test)
    write_section("inbox", _page(lines, has_unseen=bool(given.unseen)))


def _lines(name: str, train: Photos, test: Photos) -> list[tuple[str, ...]]:
    """One line a way to group, mean of the seeds."""
    found: dict[str, list[Grouping]] = {}
    for seed in SEEDS:
        unknown = _unknown(name, train, seed)
        known, asked = ~np.isin(train.labels, unknown), np.isin(test.labels, unknown)
        least = link_similarity(train.rows[known], train.labels[known].tolist())
        rows, looks, labels = test.rows[asked], test.looks[asked], test.labels[asked]
        ways: dict[str, Callable[[FloatArray], Groups]] = {
            "inbox": lambda some, least=least: cluster(some, least),  # type: ignore[misc]
            f"average linkage at {BASELINE_SIMILARITY} (baseline)": lambda some: cluster(some, BASELINE_SIMILARITY),
        }
        for size in HDBSCAN_SIZES:
            ways[f"HDBSCAN, {size} at least"] = lambda some, size=size: _hdbscan(some, size)  # type: ignore[misc]
        first = fold(looks.tolist(), rows)  # near-duplicates are one picture to each of them
        kept = np.unique(first)
        for way, group in ways.items():
            groups = kept[group(rows[kept])][np.searchsorted(kept, first)]
            found.setdefault(way, []).append(_judged(labels, groups))
    return [(name, way, *_figures(several)) for way, several in found.items()]


def _judged(labels: NDArray[np.str_], groups: Groups) -> Grouping:
    homogeneity, completeness, v_measure = map(float, homogeneity_completeness_v_measure(labels, groups))
    sizes = np.sort(np.unique(groups, return_counts=True)[1])[::-1]
    n_named = int(np.searchsorted(np.cumsum(sizes), 0.9 * len(labels))) + 1
    n_products = len(np.unique(labels))
    return Grouping(homogeneity, completeness, v_measure, len(sizes) / n_products, n_named / n_products)


def _figures(several: Sequence[Grouping]) -> list[str]:
    keys = ("homogeneity", "completeness", "v_measure")
    shares = [[getattr(one, key) for one in several] for key in keys]
    counts = [[one.n_groups for one in several], [one.n_named for one in several]]
    return [
        *(f"{statistics.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})" for values in shares),
        *(f"{statistics.mean(values):.1f} ({min(values):.1f} to {max(values):.1f})" for values in counts),
    ]


def _hdbscan(rows: FloatArray, size: int) -> Groups:
    """Its clusters; what it calls noise is a group each, since the inbox keeps everything."""
    apart = np.clip(1 - (rows @ rows.T).astype(np.float64), 0, 2)
    labels = np.asarray(HDBSCAN(min_cluster_size=size, metric="precomputed", copy=True).fit(apart).labels_, np.int64)
    alone = np.flatnonzero(labels < 0)
    labels[alone] = len(rows) + alone
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(first[inverse], np.int64)


def _unknown(name: str, train: Photos, seed: int) -> list[str]:
    """The products that are left out; of a model that learned from half of them, of the other half."""
    products = np.unique(train.labels)
    if name == "unseen":
        order = np.random.default_rng(UNSEEN_SEED).permutation(products)
        products = np.sort(order[len(products) // 2 :])
    return [str(label) for label in np.random.default_rng(seed).permutation(products)[:N_UNKNOWN]]


def _photos(split: Split) -> Photos:
    return Photos(split.rows, split.looks, np.array([photo.label for photo in split.photos]))


def _page(lines: Sequence[Sequence[str]], *, has_unseen: bool) -> str:
    unseen = (
        " *unseen* learned from 40 of the 81 products, and those left out are of the other 41: the honest figure of a "
        "trained model."
    )
    conditions = (
        f"`python benchmarks/inbox.py` on {machine()}. Grocery Store Dataset, gallery = train photos of 60 products, "
        f"grouped are the test photos (dev half) of {N_UNKNOWN} others; {len(SEEDS)} seeds, mean (lowest to highest). "
        f"*starter* never saw any of these products.{unseen if has_unseen else ''} *bundled* learned from all of them, "
        "so its figures show what happens then."
    )
    words = (
        "Homogeneity: each group shows one product. Completeness: each product is in one group. V-measure: their "
        "harmonic mean (Rosenberg and Hirschberg, 2007). Groups: how many a product. To name: how many groups a "
        "product one has to name, the largest first, until 90 % of the photos have a name. The inbox takes its "
        "threshold from the gallery; the baseline has one for all models. Near-duplicates are folded first, for all "
        "alike. What HDBSCAN calls noise counts as a group each: the inbox drops nothing."
    )
    return "\n\n".join([
        "## Groups of unknown products",
        conditions,
        words,
        markdown_table(
            ("model", "grouped by", "homogeneity", "completeness", "V-measure", "groups", "to name"), lines
        ),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
