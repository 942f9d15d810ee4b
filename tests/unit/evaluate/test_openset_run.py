"""Draws of products, answers beside the truth, and promises that are kept on drawn galleries or said to be broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conftest import FakeEmbedder, save_photo
from facings.errors import BadInput, ConfigInvalid
from facings.evaluate.openset_answers import answers_of, promise_kept, together
from facings.evaluate.openset_run import (
    Labelled,
    drawn_products,
    evaluate_openset,
    measure_openset,
    parse_promises,
    references_of,
)
from facings.manifest import LabelledPhoto
from facings.types import Candidate, Decision, Verdict

N_PRODUCTS = 40


def photos(n_photos: int, seed: int, spread: float = 0.25) -> Labelled:
    """The same forty products each time, photographed anew."""
    centers = np.random.default_rng(0).normal(size=(N_PRODUCTS, 12))
    rng = np.random.default_rng(seed)
    products = np.repeat(np.arange(N_PRODUCTS), n_photos)
    rows = centers[products] + spread * rng.normal(size=(len(products), 12))
    unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    looks = rng.integers(0, 2**63, len(rows)).astype(np.uint64)
    labels = tuple(f"sku-{code:02d}" for code in products)
    return Labelled(unit, labels, ("food",) * len(labels), looks)


DRAWS = drawn_products([f"sku-{n:02d}" for n in range(N_PRODUCTS)], n_unknown=10, seeds=range(3))


def test_draws_leave_out_so_many_and_differ_by_seed() -> None:
    assert {len(draw) for draw in DRAWS} == {30}
    assert len(set(DRAWS)) == 3
    again = drawn_products([f"sku-{n:02d}" for n in range(N_PRODUCTS)] * 2, n_unknown=10, seeds=[0])
    assert again == DRAWS[:1]


@pytest.mark.parametrize("n_unknown", [0, 2, 5])
def test_some_products_are_left_out_and_not_all(n_unknown: int) -> None:
    with pytest.raises(BadInput, match=f"got {n_unknown} of 2 products to leave out"):
        drawn_products(["milk", "tea"], n_unknown=n_unknown, seeds=[0])


def test_promises_are_kept_and_known_is_told_from_unknown() -> None:
    found = measure_openset(photos(6, 1), photos(5, 2), DRAWS, [0.01, 0.1, 1.0])
    strict, usual, all_of_them = found.promises
    assert (found.n_enrolled, found.n_products, len(found.ours)) == (30, 40, 3)
    assert min(draw.auroc for draw in found.ours) > 0.95
    assert strict.false_accepts.n_hit == 0
    assert strict.accepted_right.n_hit == 0  # thirty products cannot promise one in a hundred
    assert not usual.is_broken
    assert usual.accepted_right.value > 0.5
    assert usual.covered.value > 0.85
    assert (all_of_them.false_accepts.value, all_of_them.mean_set_size) == (1.0, None)
    assert (usual.false_accepts.n, usual.accepted_right.n) == (3 * 10 * 5, 3 * 30 * 5)


def test_a_gallery_whose_photos_are_too_alike_excludes_too_much_and_queries_mend_it() -> None:
    # As with a model that learned from the very photos that are enrolled.
    gallery, queries = photos(8, 1, spread=0.01), photos(6, 2, spread=0.6)
    own = measure_openset(gallery, queries, DRAWS, [0.1]).promises[0]
    mended = measure_openset(gallery, queries, DRAWS, [0.1], photos(6, 3, spread=0.6)).promises[0]
    assert own.covered.value < 0.75
    assert mended.covered.value > 0.85
    assert not mended.is_broken


def decision(verdict: Verdict, *skus: str) -> Decision:
    several = tuple(Candidate(sku, 0.5, n) for n, sku in enumerate(skus))
    return Decision(verdict, skus[0] if verdict == "accepted" else None, several)


def test_answers_beside_the_truth_worked_by_hand() -> None:
    decisions = [
        decision("accepted", "milk", "tea"),
        decision("accepted", "milk", "tea"),
        decision("ambiguous", "milk", "tea"),
        decision("ambiguous", "rice"),
        decision("unknown", "tea"),
        decision("accepted", "milk"),
        decision("unknown", "milk"),
    ]
    truth = ["milk", "tea", "tea", "tea", "tea", "soap", "soap"]
    told = answers_of(decisions, truth, np.array([True] * 5 + [False] * 2))
    kept = promise_kept(0.1, together([told, told]))
    shares = (kept.false_accepts, kept.accepted_right, kept.accepted_wrong, kept.covered, kept.known_unknown)
    assert [(share.n_hit, share.n) for share in shares] == [(2, 4), (2, 10), (2, 10), (4, 10), (2, 10)]
    assert kept.unknown_unknown.value == 0.5
    assert kept.mean_set_size == 1.5
    assert not kept.is_broken  # one product alone: its interval reaches from 0
    assert replace(kept, false_accepts=replace(kept.false_accepts, low=0.2)).is_broken


def test_references_have_the_categories_of_their_products() -> None:
    one = photos(2, 1)
    found = references_of(replace(one, categories=tuple(label[-1] for label in one.labels)))
    assert found.skus[13] == "sku-13"
    assert found.categories[13] == "3"
    assert found.products[26:28].tolist() == [13, 13]


@pytest.mark.parametrize(
    ("text", "error"), [("0.1;0.2", BadInput), ("", BadInput), ("0.1,0", ConfigInvalid), ("2", ConfigInvalid)]
)
def test_promises_that_are_none(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_promises(text)


def test_promises_with_commas() -> None:
    assert parse_promises("0.01, 1") == [0.01, 1.0]


def test_photos_are_read_embedded_and_asked(tmp_path: Path, embedder: FakeEmbedder) -> None:
    def labelled(side: str, width: int) -> list[LabelledPhoto]:
        return [
            LabelledPhoto(save_photo(tmp_path / side / f"{seed}.jpg", seed, width=width), f"sku-{seed}")
            for seed in range(6)
        ]

    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    found = evaluate_openset(
        labelled("gallery", 64),
        [*labelled("queries", 80), LabelledPhoto(broken, "sku-0")],
        embedder=embedder,
        n_unknown=2,
        seeds=[0],
        promises=[1.0],
    )
    facts = found.to_json()
    assert (facts["kind"], facts["n_gallery"], facts["n_queries"]) == ("openset", 6, 6)
    assert (facts["n_enrolled"], facts["n_products"]) == (4, 6)
    assert facts["promises"][0]["false_accepts"]["value"] == 1.0
    assert [problem["where"] for problem in facts["problems"]] == [str(broken)]
