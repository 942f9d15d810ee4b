"""What the twin radar foretells, and what a closer look is worth on the most confused pairs.

python benchmarks/twins.py     (about ten minutes on two cores)

Grocery Store Dataset from FACINGS_DATA, else ../shared/data. Gallery = its train photos; the 20 pairs are those most
confused on val; queries = test (dev half).
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facings.adapters.onnx_models import OnnxEmbedder
from facings.cells import CellNetwork, cells_of
from facings.embed import embed
from facings.evaluate.share import Share
from facings.images import decode, read_bytes
from facings.kept_index import GalleryChanges
from facings.manifest import LabelledPhoto, read_manifest
from facings.match import ExactIndex
from facings.networks import BUNDLED_MODEL, STARTER_MODEL, load_cells, load_model
from facings.twin_verifier import PairPhotos, average, fit_verifier
from facings.twins import find_twins
from facings.types import FloatArray, IntArray, UInt8Array
from results_page import machine, markdown_table, write_section

DATA = Path(os.environ.get("FACINGS_DATA", "../shared/data")) / "grocery-store"
N_THREADS, N_PAIRS, N_PHOTOS = 2, 20, (24, 8)
NEAR = 0.02  # a product so much closer than the right one, in cosine, counts for a whole confusion and more
Pair = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Side:
    """Photos with what both networks see of them; `labels` are str (N,)."""

    labels: NDArray[np.str_]
    rows: FloatArray
    means: FloatArray


def main() -> None:
    """Measure both models and rewrite the section of docs/results.md."""
    radar, closer, seconds = [], [], []
    for name in (STARTER_MODEL, BUNDLED_MODEL):
        embedder, network = load_model(name, n_threads=N_THREADS), load_cells(name, n_threads=N_THREADS)
        train, val, test = (_read(split, embedder, network) for split in ("train", "val", "test"))
        radar.append((name, *_radar(train, test)))
        pairs = _most_confused(train, val)
        for n_photos in N_PHOTOS:
            line, fit_ms = _closer_look(train, test, pairs, n_photos)
            closer.append((name, n_photos, *line))
            seconds += fit_ms
    write_section("twins", _page(radar, closer, seconds))


def _read(split: str, embedder: OnnxEmbedder, network: CellNetwork) -> Side:
    photos: Sequence[LabelledPhoto] = read_manifest(DATA / f"{split}.txt").photos
    seen = [(embed([crop], embedder).rows[0], average(cells_of([crop], network))[0]) for crop in _pixels(photos)]
    rows, means = (np.stack(part) for part in zip(*seen, strict=True))
    return Side(np.array([photo.label for photo in photos]), rows, means)


def _pixels(photos: Sequence[LabelledPhoto]) -> Iterator[UInt8Array]:
    return (decode(read_bytes(photo.path), source=str(photo.path)).pixels for photo in photos)


def _radar(train: Side, test: Side) -> tuple[str, ...]:
    """Expected and measured share of confused photos, how many of the 20 worst measured pairs were told, and time."""
    ids = np.arange(len(train.labels), dtype=np.int64)
    index = ExactIndex(train.rows.shape[1])
    index.add(ids, train.rows)
    skus = tuple(train.labels.tolist())
    asking = GalleryChanges(0, 1, "", ids, skus, train.rows, np.zeros(0, np.int64))
    started = time.perf_counter()
    twins = find_twins(asking, index, dict(enumerate(skus)), min_share=0.0)
    ms = 1000 * (time.perf_counter() - started)
    n_asked = Counter(test.labels.tolist())
    expected = sum(n_asked[twin.sku] * (twin.share or 0.0) for twin in twins) / len(test.labels)
    answers = train.labels[(test.rows @ train.rows.T).argmax(axis=1)]
    wrong = Counter(zip(test.labels[answers != test.labels], answers[answers != test.labels], strict=True))
    worst = {pair for pair, _ in wrong.most_common(N_PAIRS)}
    n_told = len(worst & {(twin.sku, twin.other) for twin in twins})
    return f"{expected:.1%}", _share(sum(wrong.values()), len(test.labels)), f"{n_told} of {len(worst)}", f"{ms:.0f} ms"


def _most_confused(train: Side, val: Side) -> list[Pair]:
    """By how close val photos come to another product; a wrong answer counts one more."""
    products = sorted(set(train.labels.tolist()))
    similarity = val.rows @ train.rows.T
    by_product = np.stack([similarity[:, train.labels == product].max(axis=1) for product in products], axis=1)
    counts: Counter[Pair] = Counter()
    for line, label in zip(by_product, val.labels.tolist(), strict=True):
        behind = line - line[products.index(label)]
        for place in np.argsort(-behind)[:6].tolist():
            if products[place] != label:
                pair = (min(label, products[place]), max(label, products[place]))
                counts[pair] += min(float(np.exp(behind[place] / NEAR)), 1.0) + (place == line.argmax())
    return [pair for pair, _ in counts.most_common(N_PAIRS)]


def _closer_look(train: Side, test: Side, pairs: Sequence[Pair], n_photos: int) -> tuple[tuple[str, ...], list[float]]:
    """Wrong answers between the two products of each pair, by the embedding and after the verifiers; times to fit."""
    count: Counter[str] = Counter()
    times = []
    for first, second in pairs:
        one, other = (_spread(np.flatnonzero(train.labels == sku), n_photos) for sku in (first, second))
        used = np.concatenate([one, other])
        started = time.perf_counter()
        verifier = fit_verifier(PairPhotos(train.means[used], train.rows[used], len(one)))
        times.append(1000 * (time.perf_counter() - started))
        asked = np.flatnonzero((test.labels == first) | (test.labels == second))
        is_first = test.labels[asked] == first
        rows = test.rows[asked]
        before = (rows @ train.rows[one].T).max(axis=1) > (rows @ train.rows[other].T).max(axis=1)
        answers = [verifier.answer(mean) for mean in test.means[asked]]
        said = np.array([answer > 0 for answer in answers], bool)
        is_sure = np.array([verifier.is_used and verifier.is_sure(answer) for answer in answers], bool)
        after = np.where(is_sure, said, before)
        counted = {"asked": len(asked), "before": (before != is_first).sum(), "always": (said != is_first).sum()}
        counted |= {"after": (after != is_first).sum(), "sure": is_sure.sum()}
        counted |= {"sure wrong": (is_sure & (said != is_first)).sum(), "used": verifier.is_used}
        count.update({name: int(n) for name, n in counted.items()})
    n = count["asked"]
    line = (str(count["used"]), *(_share(count[name], n) for name in ("before", "always", "after")))
    return (*line, _share(count["sure wrong"], count["sure"])), times


def _spread(found: IntArray, n: int) -> IntArray:
    return found if len(found) <= n else found[np.linspace(0, len(found) - 1, n).round().astype(int)]


def _share(n: int, of: int) -> str:
    if not of:
        return "none"
    low, high = Share(n, of).interval
    return f"{n} of {of} ({low:.1%} to {high:.1%})"


def _page(radar: Sequence[tuple[str, ...]], closer: Sequence[tuple[object, ...]], fit_ms: Sequence[float]) -> str:
    told = (
        f"`python benchmarks/twins.py` on {machine()}. Grocery Store Dataset, gallery = train photos. The radar sees "
        "the gallery alone; measured on test (dev half). The bundled model learned from the gallery's photos, so it "
        "knows them better than new ones. Shares with 95 % intervals."
    )
    looked = (
        f"The {N_PAIRS} pairs most confused on val; all test photos of both products are asked which of the two they "
        "are. Before: the closest reference photo. Always: every verifier. After: verifiers that were better than the "
        "embedding on reference photos left out, where they are sure. Fitting takes "
        f"{np.median(fit_ms):.1f} ms (median)."
    )
    return "\n\n".join(
        [
            "## Twins",
            told,
            markdown_table(("model", "expected confused", "measured", "worst pairs that were told", "radar"), radar),
            looked,
            markdown_table(
                ("model", "photos a product", "verifiers used", "wrong before", "always", "after", "sure, but wrong"),
                closer,
            ),
        ]
    )


if __name__ == "__main__":
    main()
