"""How well the starter model recognizes real photos.

python benchmarks/recognition.py     (about four minutes on two cores)

Grocery Store Dataset from FACINGS_DATA, else ../shared/data. Gallery = its train photos, queries = test (dev half),
no training. What is accepted, and how often wrongly, is measured by openset.py.
"""

from __future__ import annotations

import os
from pathlib import Path

from facings.evaluate.run import RecognitionEvaluation, evaluate_recognition
from facings.evaluate.share import Share
from facings.manifest import read_manifest
from facings.networks import STARTER_MODEL, load_model
from results_page import machine, markdown_table, write_section

DATA = Path(os.environ.get("FACINGS_DATA", "../shared/data")) / "grocery-store"
N_THREADS = 2


def main() -> None:
    """Measure and rewrite the section of docs/results.md."""
    model = load_model(STARTER_MODEL, n_threads=N_THREADS)
    gallery, queries = (read_manifest(DATA / f"{split}.txt").photos for split in ("train", "test"))
    closed = evaluate_recognition(gallery, queries, embedder=model, n_threads=N_THREADS, with_floor=True)
    conditions = (
        f"`python benchmarks/recognition.py` on {machine()}. Grocery Store Dataset, gallery = {len(gallery):,} train "
        f"photos of 81 products, queries = {len(queries):,} photos of test (dev half), model {model.card.name}, no "
        f"training. Share of queries (95 % interval); every query has photos of its product in the gallery. "
        f"{len(closed.leaks)} queries are near-duplicates of a gallery photo."
    )
    write_section(
        "recognition",
        "\n\n".join(
            [
                "## Recognition with the starter model",
                conditions,
                markdown_table(("", "recall@1", "recall@5", "recall@1, coarse", "mAP"), _figures(closed)),
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


if __name__ == "__main__":
    main()
