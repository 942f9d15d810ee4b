"""The page: curves and numbers are on it, whatever is in a label is text, and it needs no network."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import pytest

from conftest import FakeEmbedder, save_photo
from facings.evaluate.few_shot import FewShotPoint
from facings.evaluate.few_shot_page import few_shot_page
from facings.evaluate.few_shot_run import FewShotEvaluation, evaluate_few_shot
from facings.manifest import LabelledPhoto

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def evaluation(tmp_path: Path, embedder: FakeEmbedder) -> FewShotEvaluation:
    """Two products, a leak, a product the gallery lacks, a photo that is none; figures as given here."""
    gallery = [LabelledPhoto(save_photo(tmp_path / f"g{seed}.jpg", seed), "ab"[seed % 2]) for seed in range(5)]
    queries = [
        LabelledPhoto(Path(shutil.copy(gallery[2].path, tmp_path / "double.jpg")), "a"),
        LabelledPhoto(save_photo(tmp_path / "new.jpg", 77), "b"),
        LabelledPhoto(save_photo(tmp_path / "else.jpg", 78), HOSTILE),
        LabelledPhoto(tmp_path / "gone.jpg", "a"),
    ]
    found = evaluate_few_shot(gallery, queries, embedder=embedder, shots=[1, 3, None], seeds=[0, 1])
    points = (
        FewShotPoint(1, (0.3, 0.5), (0.2, 0.2), 2, 2),  # 0.4 ± √((0.01 + 0.01) / 1) = 0.141
        FewShotPoint(3, (0.6, 0.6), (0.9, 1.0), 2, 2),
        FewShotPoint(None, (0.7,), (1.0,), 2, 2),
    )
    return dataclasses.replace(found, points=points)


def test_numbers_are_on_the_page(evaluation: FewShotEvaluation) -> None:
    page = few_shot_page(evaluation)
    assert "<h1>Recognized: 40.0% with 1 photo a product, 70.0% with all photos</h1>" in page
    assert "20.0% with 1 photo a product, 100.0% with all photos" in page
    assert '40.0%<span class="interval">± 14.1</span>' in page
    assert '70.0%<span class="interval"></span>' in page  # one draw has no spread
    assert "1 of 3 queries is in the gallery already" in page
    assert "without them, 1 of 2 counted." in page
    assert "Queries of products without a gallery photo: 1" in page
    assert "Photos that could not be used: 1" in page
    assert "1 of 2</td>" in page  # a has three photos, b two, so that one product has fewer than 3
    assert "fake" in page
    assert "0, 1</td>" in page


def test_curves_are_drawn_to_scale(evaluation: FewShotEvaluation) -> None:
    # Ends are 0.2 and 1.0: the axis goes from 20% (y 340) to 100% (y 0), 42.5 for ten points. 0.4 lies at 255, with
    # 0.141 · 425 = 60.1 up and down. Three columns of 1000 / 3: the first center at 166.7, the gallery 5 to the left.
    page = few_shot_page(evaluation)
    gallery, classifier = re.findall(r'<g class="(?:gallery|classifier)">\s*<polyline points="([^"]*)"', page)[::-1]
    assert gallery.split() == ["161.7,255.0", "495.0,170.0", "828.3,127.5"]
    assert classifier.split() == ["171.7,340.0", "505.0,21.2", "838.3,0.0"]
    assert "M161.7 194.9V315.1" in page
    assert "Gallery, 1 photo a product: 40.0% ± 14.1" in page
    assert re.findall(r'text-anchor="end">(\d+%)<', page) == [f"{n}%" for n in range(20, 101, 10)]


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_flat_curves_and_a_single_point_are_drawn(evaluation: FewShotEvaluation, value: float) -> None:
    flat = FewShotPoint(2, (value, value), (value, value), 2, 2)
    page = few_shot_page(dataclasses.replace(evaluation, points=(flat,)))
    assert f"<h1>Recognized: {100 * value:.1f}% with 2 photos a product</h1>" in page
    heights = [float(y) for y in re.findall(r'cy="([^"]*)"', page)]
    assert len(heights) == 1
    assert 0 <= heights[0] <= 340


def test_labels_are_text(evaluation: FewShotEvaluation) -> None:
    page = few_shot_page(evaluation)
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page


def test_page_needs_no_network(evaluation: FewShotEvaluation) -> None:
    page = few_shot_page(evaluation)
    assert "default-src 'none'" in page
    assert not re.search(r"https?://", page)
    assert not re.search(r"<link|@import|url\(", page)


def test_without_leaks_the_page_says_so(evaluation: FewShotEvaluation) -> None:
    page = few_shot_page(dataclasses.replace(evaluation, leaks=(), without_leaks=None))
    assert "No leak found" in page
    assert "in the gallery already" not in page
    assert page.count("<thead>") == 1
