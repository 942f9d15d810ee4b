"""How well the bundled model recognizes real photos, and what the default limits accept.

python benchmarks/recognition.py     (about five minutes on two cores)

Grocery Store Dataset from FACINGS_DATA, else ../shared/data. Gallery = its train photos, queries = test (dev half),
no training. The second table enrolls a random 60 of the 81 products and asks about all; five seeds.
"""

from __future__ import annotations

import os
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facings.adapters.onnx_models import OnnxEmbedder
from facings.compose import STARTER_MODEL, load_model
from facings.decide import Limits, decide
from facings.embed import embed
from facings.evaluate.run import RecognitionEvaluation, evaluate_recognition
from facings.evaluate.share import Share
from facings.images import decode, read_bytes
from facings.manifest import LabelledPhoto, read_manifest
from facings.match import ExactIndex, match
from facings.types import Embeddings
from results_page import machine, markdown_table, write_section

DATA = Path(os.environ.get("FACINGS_DATA", "../shared/data")) / "grocery-store"
SEEDS, N_ENROLLED = range(5), 60
OUTCOMES = ("accepted, right", "accepted, wrong", "ambiguous", "unknown")
N_THREADS = 2
STARTER_LIMITS = Limits(min_similarity=0.86, min_margin=0.015)  # chosen on train → val


def main() -> None:
    """Run both measurements and rewrite the section of docs/results.md."""
    model = load_model(STARTER_MODEL, n_threads=N_THREADS)
    gallery, queries = (read_manifest(DATA / f"{split}.txt").photos for split in ("train", "test"))
    closed = evaluate_recognition(gallery, queries, embedder=model, n_threads=N_THREADS, with_floor=True)
    conditions = (
        f"`python benchmarks/recognition.py` on {machine()}. Grocery Store Dataset, gallery = {len(gallery):,} train "
        f"photos of 81 products, queries = {len(queries):,} photos of test (dev half), model {model.card.name}, no "
        f"training. Share of queries (95 % interval); every query has photos of its product in the gallery. "
        f"{len(closed.leaks)} queries are near-duplicates of a gallery photo."
    )
    decisions = (
        f"The decision with limits for the starter (similarity ≥ {STARTER_LIMITS.min_similarity}, "
        f"margin ≥ {STARTER_LIMITS.min_margin}, chosen on train → val): {N_ENROLLED} random products of 81 enrolled, "
        f"all of test (dev half) asked, mean of {len(SEEDS)} seeds (lowest to highest). These limits state no error "
        "rate. The baseline accepts the closest product always, as a classifier does."
    )
    rows, labels = _rows(gallery, model), [photo.label for photo in gallery]
    asked, truth = _rows(queries, model), [photo.label for photo in queries]
    ours = [_decisions(rows, labels, asked, truth, STARTER_LIMITS, seed) for seed in SEEDS]
    always = [_decisions(rows, labels, asked, truth, Limits(-1, 0), seed) for seed in SEEDS]
    write_section(
        "recognition",
        "\n\n".join(
            [
                "## Recognition with the starter model",
                conditions,
                markdown_table(("", "recall@1", "recall@5", "recall@1, coarse", "mAP"), _figures(closed)),
                decisions,
                markdown_table(
                    ("product is", "rule", *OUTCOMES),
                    [
                        (kind, name, *(_span([run[kind][outcome] for run in runs]) for outcome in OUTCOMES))
                        for kind in ("enrolled", "never enrolled")
                        for name, runs in (("Facings", ours), ("closest always", always))
                    ],
                ),
            ]
        ),
    )


def _figures(closed: RecognitionEvaluation) -> list[tuple[str, ...]]:
    assert closed.floor is not None
    assert closed.without_leaks is not None
    named = {
        "starter": closed.metrics.figures,
        "starter, without leaks": closed.without_leaks,
        "24×24 pixels (floor)": closed.floor,
    }
    return [
        (
            name,
            _share(figures.recall_at_1),
            _share(figures.recall_at_5),
            _share(figures.category_recall_at_1),
            f"{figures.mean_average_precision:.1%}",
        )
        for name, figures in named.items()
    ]


def _share(share: Share | None) -> str:
    if share is None:
        return "–"
    low, high = share.interval
    return f"{share.value:.1%} ({low:.1%} to {high:.1%})"


def _rows(photos: Sequence[LabelledPhoto], model: OnnxEmbedder) -> Embeddings:
    crops = (decode(read_bytes(photo.path), source=str(photo.path)).pixels for photo in photos)
    return Embeddings(np.concatenate([embed([crop], model).rows for crop in crops]), model.space_id)


def _decisions(
    rows: Embeddings, labels: list[str], asked: Embeddings, truth: list[str], limits: Limits, seed: int
) -> dict[str, dict[str, float]]:
    """Kind of product → outcome → share of its queries."""
    products = sorted(set(labels))
    enrolled = set(np.random.default_rng(seed).permutation(products)[:N_ENROLLED].tolist())
    kept = np.array([i for i, label in enumerate(labels) if label in enrolled], np.int64)
    index = ExactIndex(rows.rows.shape[1])
    index.add(kept, rows.rows[kept])
    counts: dict[str, Counter[str]] = {"enrolled": Counter(), "never enrolled": Counter()}
    for wanted, candidates in zip(truth, match(asked, index, {int(i): labels[i] for i in kept}, k=5), strict=True):
        decision = decide(candidates, limits)
        outcome: str = decision.verdict
        if decision.sku is not None:
            outcome = "accepted, right" if decision.sku == wanted else "accepted, wrong"
        counts["enrolled" if wanted in enrolled else "never enrolled"][outcome] += 1
    return {kind: {outcome: count[outcome] / count.total() for outcome in OUTCOMES} for kind, count in counts.items()}


def _span(shares: list[float]) -> str:
    return f"{statistics.mean(shares):.1%} ({min(shares):.1%} to {max(shares):.1%})"


if __name__ == "__main__":
    main()
