"""From photos to an evaluation: leaks, floor, what is left out, and the facts of the run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from conftest import FakeEmbedder, save_photo
from facings.errors import BadInput
from facings.evaluate.recognition import Figures
from facings.evaluate.run import evaluate_recognition
from facings.evaluate.share import Share
from facings.manifest import LabelledPhoto
from facings.progress import T


@pytest.fixture
def gallery(tmp_path: Path) -> list[LabelledPhoto]:
    """Five products of one photo each."""
    return [
        LabelledPhoto(save_photo(tmp_path / f"gallery/{seed}.jpg", seed), f"p{seed}", "odd" if seed % 2 else "even")
        for seed in range(5)
    ]


@pytest.fixture
def queries(tmp_path: Path) -> list[LabelledPhoto]:
    """A new photo of each: another size, so another file."""
    return [
        LabelledPhoto(save_photo(tmp_path / f"queries/{seed}.png", seed, width=96, height=72), f"p{seed}")
        for seed in range(5)
    ]


def test_photos_to_figures(gallery: list[LabelledPhoto], queries: list[LabelledPhoto], embedder: FakeEmbedder) -> None:
    seen: list[str] = []

    def track(items: Iterable[T], label: str, total: int) -> Iterable[T]:
        seen.append(f"{label} {total}")
        return items

    result = evaluate_recognition(gallery, queries, embedder=embedder, n_threads=2, track=track, with_floor=True)
    assert result.metrics.figures.recall_at_1 == Share(5, 5)
    assert result.metrics.figures.category_recall_at_1 == Share(5, 5)
    assert isinstance(result.floor, Figures)
    assert result.guess_at(1) == 0.2
    assert result.guess_at(99) == 1.0
    assert seen == ["Embedding gallery 1", "Embedding queries 1"]
    assert (result.run.model, result.run.space_id, result.run.n_threads) == ("fake", embedder.space_id, 2)
    assert result.run.seconds > 0
    assert result.run.photos_per_s > 0
    assert result.run.cpu
    assert {"python", "numpy", "pillow", "onnxruntime"} <= result.run.versions.keys()


def test_planted_doubles_are_found_and_figures_given_without_them(
    gallery: list[LabelledPhoto], tmp_path: Path, embedder: FakeEmbedder
) -> None:
    double = LabelledPhoto(Path(shutil.copy(gallery[2].path, tmp_path / "double.jpg")), "p2")
    new = LabelledPhoto(save_photo(tmp_path / "new.jpg", 77), "p0")  # looks like nothing in the gallery
    result = evaluate_recognition(gallery, [new, double], embedder=embedder)
    assert [(leak.query, leak.gallery, leak.is_exact) for leak in result.leaks] == [(1, 2, True)]
    assert result.metrics.figures.recall_at_1.n == 2
    assert result.without_leaks is not None
    assert result.without_leaks.recall_at_1.n == 1
    leakage = result.to_json()["leakage"]
    assert (leakage["n_exact"], leakage["n_near"]) == (1, 0)
    assert leakage["pairs"][0]["query"] == str(double.path)
    assert leakage["pairs"][0]["gallery"] == str(gallery[2].path)
    assert leakage["pairs"][0]["is_same_label"]


def test_photo_saved_anew_is_a_near_duplicate(tmp_path: Path, embedder: FakeEmbedder) -> None:
    blocks = np.random.default_rng(4).integers(0, 256, (8, 8, 3), np.uint8)
    scene = PillowImage.fromarray(blocks).resize((320, 240), PillowImage.Resampling.BICUBIC)
    scene.save(tmp_path / "scene.png")
    scene.resize((200, 150)).save(tmp_path / "anew.jpg", quality=60)
    result = evaluate_recognition(
        [LabelledPhoto(tmp_path / "scene.png", "p")], [LabelledPhoto(tmp_path / "anew.jpg", "p")], embedder=embedder
    )
    assert [(leak.query, leak.is_exact) for leak in result.leaks] == [(0, False)]
    assert result.without_leaks is None
    assert result.to_json()["figures_without_leaks"] is None


def test_bad_photos_are_reported_and_left_out(
    gallery: list[LabelledPhoto], queries: list[LabelledPhoto], tmp_path: Path, embedder: FakeEmbedder
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a picture")
    bad = [LabelledPhoto(broken, "p1"), LabelledPhoto(queries[0].path, "p0", box=(1, 1, 3, 3))]
    result = evaluate_recognition(gallery, bad + queries, embedder=embedder)
    assert [problem.code for problem in result.problems] == ["bad_image", "bad_input"]
    assert result.queries == tuple(queries)
    assert result.metrics.n_queries == 5


def test_box_is_cut_out(gallery: list[LabelledPhoto], tmp_path: Path, embedder: FakeEmbedder) -> None:
    box = (0.0, 0.0, 32.0, 24.0)  # the first quarter alone is of one color
    whole, part = (
        evaluate_recognition(gallery, [LabelledPhoto(gallery[3].path, "p3", box=b)], embedder=embedder)
        for b in (None, box)
    )
    assert whole.metrics.outcomes.top_similarity[0] == pytest.approx(1, abs=1e-5)
    assert part.metrics.outcomes.top_similarity[0] < 0.99


def test_side_without_a_usable_photo_is_an_error(gallery: list[LabelledPhoto], embedder: FakeEmbedder) -> None:
    with pytest.raises(BadInput, match="none of 1 photos of the queries could be used"):
        evaluate_recognition(gallery, [LabelledPhoto(Path("absent.jpg"), "p0")], embedder=embedder)
    with pytest.raises(BadInput, match="none of 0 photos of the gallery"):
        evaluate_recognition([], gallery, embedder=embedder)


def test_json_is_json(gallery: list[LabelledPhoto], tmp_path: Path, embedder: FakeEmbedder) -> None:
    wrong = LabelledPhoto(gallery[1].path, "p4")  # looks like p1
    absent = LabelledPhoto(gallery[1].path, "elsewhere")
    result = evaluate_recognition(gallery, [wrong, absent], embedder=embedder, with_floor=True)
    facts = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert facts["figures"]["recall_at_1"]["n"] == 1
    assert facts["queries_without_gallery"] == {"elsewhere": 1}
    assert facts["confusions"][0]["answered"] == "p1"
    assert facts["confusions"][0]["right"] == str(gallery[4].path)
    assert facts["products"][0]["most_common_mistake"] == "p1"
    assert facts["leakage"]["pairs"][0]["is_same_label"] is False
    assert facts["floor_pixels_24x24"] is not None
