"""The page: the numbers are on it, whatever is in a label is text, and it needs no network."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from conftest import FakeEmbedder, save_photo
from facings.evaluate.recognition_page import recognition_page
from facings.evaluate.run import RecognitionEvaluation, evaluate_recognition
from facings.manifest import LabelledPhoto

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def evaluation(tmp_path: Path, embedder: FakeEmbedder) -> RecognitionEvaluation:
    """Four products, a right answer, a confusion, a leak, a product the gallery lacks, and a photo that is gone."""
    gallery = [
        LabelledPhoto(save_photo(tmp_path / f"g{seed}.jpg", seed), label)
        for seed, label in enumerate(["milk", HOSTILE, "tea", "rice"])
    ]
    double = Path(shutil.copy(gallery[2].path, tmp_path / "double.jpg"))
    queries = [
        LabelledPhoto(save_photo(tmp_path / "q0.jpg", 0, width=200, height=40), "rice"),  # looks like milk
        LabelledPhoto(save_photo(tmp_path / "q1.jpg", 1, width=200, height=40), "milk"),  # looks like HOSTILE
        LabelledPhoto(double, "tea"),
        LabelledPhoto(save_photo(tmp_path / "q3.jpg", 9), "coffee & <b>cream</b>"),
        LabelledPhoto(tmp_path / "gone.jpg", "tea"),
    ]
    return evaluate_recognition(gallery, queries, embedder=embedder, with_floor=True)


def test_numbers_are_on_the_page(evaluation: RecognitionEvaluation) -> None:
    page = recognition_page(evaluation)
    figures = evaluation.metrics.figures
    assert f"{figures.recall_at_1.n_right} of {figures.recall_at_1.n} photos recognized" in page
    low, high = figures.recall_at_1.interval
    assert f"95% interval {100 * low:.1f}–{100 * high:.1f}%" in page
    assert f"{figures.mean_average_precision:.3f}" in page
    assert "24×24 pixels" in page
    assert "queries is in the gallery already" in page or "queries are in the gallery already" in page
    assert "Queries of products without a gallery photo: 1" in page
    assert "Photos that could not be used: 1" in page
    assert page.count("data:image/jpeg;base64,") >= 5
    assert len(page) < 3_000_000


def test_labels_are_text(evaluation: RecognitionEvaluation) -> None:
    page = recognition_page(evaluation)
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "coffee &amp; &lt;b&gt;cream&lt;/b&gt;" in page
    assert page.count("<script>") == 1  # the one that sorts


def test_page_needs_no_network(evaluation: RecognitionEvaluation) -> None:
    page = recognition_page(evaluation)
    assert "default-src 'none'" in page
    assert not re.search(r"https?://", page)
    assert not re.search(r"<link|@import|url\(", page)
    assert all(source.startswith("data:") for source in re.findall(r'\ssrc="([^"]*)"', page))


def test_photo_that_is_gone_is_said_to_be(evaluation: RecognitionEvaluation) -> None:
    evaluation.queries[0].path.unlink()
    page = recognition_page(evaluation)
    assert f"No longer readable: {evaluation.queries[0].path}" in page


def test_all_right_and_clean(tmp_path: Path, embedder: FakeEmbedder) -> None:
    gallery = [LabelledPhoto(save_photo(tmp_path / f"{seed}.jpg", seed), f"p{seed}") for seed in (1, 2)]
    queries = [LabelledPhoto(save_photo(tmp_path / "q.jpg", 41), "p1")]
    page = recognition_page(evaluate_recognition(gallery, queries, embedder=embedder))
    assert "No leak found" in page
    assert "24×24 pixels" not in page
    assert "could not be used" not in page
