"""From photos to curves: draws, leaks, what is left out, and the facts of the run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from conftest import FakeEmbedder, save_photo
from facings.errors import BadInput
from facings.evaluate.few_shot_run import evaluate_few_shot
from facings.manifest import LabelledPhoto


@pytest.fixture
def gallery(tmp_path: Path) -> list[LabelledPhoto]:
    """Four products; p0 has three looks, the others one each."""
    looks = [("p0", 0), ("p0", 20), ("p0", 30), ("p1", 1), ("p2", 2), ("p3", 3)]
    return [LabelledPhoto(save_photo(tmp_path / f"gallery/{seed}.jpg", seed), label) for label, seed in looks]


@pytest.fixture
def queries(tmp_path: Path) -> list[LabelledPhoto]:
    """A new photo of each look: another size and shape, so no near-duplicate by accident of the same file."""
    looks = [("p0", 0), ("p0", 20), ("p0", 30), ("p1", 1), ("p2", 2), ("p3", 3)]
    return [
        LabelledPhoto(save_photo(tmp_path / f"queries/{seed}.png", seed, width=96, height=72), label)
        for label, seed in looks
    ]


def test_photos_to_curves(gallery: list[LabelledPhoto], queries: list[LabelledPhoto], embedder: FakeEmbedder) -> None:
    result = evaluate_few_shot(gallery, queries, embedder=embedder, shots=(None, 2, 1), seeds=(0, 1, 2), n_threads=2)
    assert [point.n_photos for point in result.points] == [1, 2, None]
    one, two, everything = result.points
    # Each look is recognized by its own photo. All photos: 6 of 6. Of p0's three looks n are drawn, and the rest may or
    # may not be closer to one of these than to another product.
    assert everything.gallery == (1.0,)
    assert all(4 / 6 <= value <= 1 for value in one.gallery)
    assert all(5 / 6 <= value <= 1 for value in two.gallery)
    assert (one.n_products, one.n_queries) == (4, 6)
    assert [result.n_short(n) for n in (1, 2, 3, 4, None)] == [0, 3, 3, 4, 0]
    assert result.photos_a_product == (1, 3)
    assert result.seeds == (0, 1, 2)
    assert (result.run.model, result.run.space_id, result.run.n_threads) == ("fake", embedder.space_id, 2)


def test_leaks_are_found_and_curves_given_without_them(
    gallery: list[LabelledPhoto], tmp_path: Path, embedder: FakeEmbedder
) -> None:
    double = LabelledPhoto(Path(shutil.copy(gallery[3].path, tmp_path / "double.jpg")), "p1")
    new = LabelledPhoto(save_photo(tmp_path / "new.jpg", 77), "p2")  # looks like nothing in the gallery
    result = evaluate_few_shot(gallery, [new, double], embedder=embedder, shots=[1, None], seeds=[0])
    assert [(leak.query, leak.gallery, leak.is_exact) for leak in result.leaks] == [(1, 3, True)]
    assert {point.n_queries for point in result.points} == {2}
    assert result.without_leaks is not None
    assert [(point.n_photos, point.n_queries) for point in result.without_leaks] == [(1, 1), (None, 1)]
    assert result.to_json()["leakage"]["pairs"][0]["query"] == str(double.path)


def test_no_query_left_without_leaks(gallery: list[LabelledPhoto], tmp_path: Path, embedder: FakeEmbedder) -> None:
    absent = LabelledPhoto(save_photo(tmp_path / "new.jpg", 77), "elsewhere")  # clean, and in no denominator
    result = evaluate_few_shot(gallery, [gallery[3], absent], embedder=embedder, shots=[1], seeds=[0])
    assert result.without_leaks is None
    assert result.to_json()["points_without_leaks"] is None


def test_bad_photos_and_unknown_products_are_reported(
    gallery: list[LabelledPhoto], queries: list[LabelledPhoto], tmp_path: Path, embedder: FakeEmbedder
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    odd = [LabelledPhoto(tmp_path / "broken.jpg", "p1"), LabelledPhoto(queries[1].path, "elsewhere")]
    result = evaluate_few_shot(gallery, odd + queries[:1], embedder=embedder, shots=[1], seeds=[0])
    assert [problem.code for problem in result.problems] == ["bad_image"]
    assert result.without_gallery == {"elsewhere": 1}
    assert result.points[0].n_queries == 1


def test_draws_are_checked_before_any_photo_is_read(embedder: FakeEmbedder) -> None:
    absent = [LabelledPhoto(Path("absent.jpg"), "p")]
    with pytest.raises(BadInput, match="Shots: got 0"):
        evaluate_few_shot(absent, absent, embedder=embedder, shots=[0])
    with pytest.raises(BadInput, match="none of 1 photos of the gallery could be used"):
        evaluate_few_shot(absent, absent, embedder=embedder)


def test_json_is_json(gallery: list[LabelledPhoto], queries: list[LabelledPhoto], embedder: FakeEmbedder) -> None:
    result = evaluate_few_shot(gallery, queries, embedder=embedder, shots=[2, None], seeds=[4, 5])
    facts = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert facts["kind"] == "few_shot"
    assert facts["seeds"] == [4, 5]
    two, everything = facts["points"]
    assert (two["n_photos"], two["n_products_short"], len(two["classifier"]["values"])) == (2, 3, 2)
    assert (everything["n_photos"], everything["gallery"]) == (None, {"mean": 1.0, "spread": 0.0, "values": [1.0]})
    assert (facts["n_gallery"], facts["n_products"], facts["photos_a_product"], facts["n_queries"]) == (6, 4, [1, 3], 6)
