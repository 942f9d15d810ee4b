"""The page: the numbers are on it, names are text, it needs no network, and mistakes are drawn where they are."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from conftest import save_photo
from detection_cases import seen
from facings.annotations import AnnotatedPhoto, LabelledBox
from facings.errors import Problem
from facings.evaluate.coco_matching import CocoMatching
from facings.evaluate.detection import measure_detection
from facings.evaluate.detection_page import Training, detection_page
from facings.evaluate.detection_pictures import draw_mistakes
from facings.evaluate.detection_run import DetectionEvaluation, evaluate_predictions
from facings.evaluate.photo_boxes import PhotoBoxes, pair_boxes
from facings.evaluate.predictions import Predictions

HOSTILE = "<script>alert(1)</script>"
LEFT, RIGHT = (2.0, 2.0, 20.0, 22.0), (30.0, 4.0, 60.0, 40.0)


def evaluated(pairs: list[PhotoBoxes], **options: bool) -> DetectionEvaluation:
    problems = (Problem("found.json: entry 9", "bad_input", "got score nan, wanted a number in [0, 1]."),)
    return evaluate_predictions(Predictions(tuple(pairs), problems), Path(f"{HOSTILE}.json"), n_draws=20, **options)


@pytest.fixture
def pairs(tmp_path: Path) -> list[PhotoBoxes]:
    """A photo with a product found, one missed and a false box; one all right; one that is empty."""
    labels = (HOSTILE, "coffee & <b>cream</b>")
    boxes = tuple(LabelledBox(box, label) for box, label in zip((LEFT, RIGHT), labels, strict=True))
    found = [((LEFT, (40.0, 30.0, 64.0, 48.0)), (0.9, 0.85)), ((LEFT, RIGHT), (0.8, 0.7)), ((), ())]
    photos = [
        AnnotatedPhoto(save_photo(tmp_path / name, 3), 64, 48, () if name == "c.jpg" else boxes)
        for name in ("a&b.jpg", "b.jpg", "c.jpg")
    ]
    return [
        pair_boxes(photo, np.array(xyxy), np.array(confidence), labels[: len(xyxy)])
        for photo, (xyxy, confidence) in zip(photos, found, strict=True)
    ]


def test_numbers_are_on_the_page(pairs: list[PhotoBoxes]) -> None:
    evaluation = evaluated(pairs)
    page = detection_page(evaluation, max_megapixels=50)
    metrics = evaluation.metrics
    assert "3 of 4 products found, 1 false box<" in page
    assert f">{metrics.ap50.value:.3f}<" in page
    assert metrics.ap50.interval is not None
    assert "{:.3f}–{:.3f} (95%)".format(*metrics.ap50.interval) in page
    assert "Recall at 95% precision" in page
    assert "1 of 1 photos with a mistake" in page
    assert "1 of 2 found, 1 missed, 1 false" in page
    assert "What could not be used: 1" in page
    assert "got score nan" in page
    assert "Up to 2,000 boxes a photo count" in page
    assert "20 draws, seed 0" in page
    assert page.count("data:image/jpeg;base64,") == 1


def test_the_limit_is_named(pairs: list[PhotoBoxes]) -> None:
    evaluation = evaluated(pairs)
    for limit, said in (
        (None, "boxes of confidence 0.70 and above, the limit of the highest F1 on these photos"),
        (0.75, "boxes of confidence 0.75 and above, the detector’s own limit"),
        (0.0, "all boxes that it gives"),
    ):
        metrics = measure_detection(evaluation.metrics.photos, own_limit=limit, n_draws=20)
        page = detection_page(dataclasses.replace(evaluation, metrics=metrics), max_megapixels=50)
        assert f"on 3 photos, {said}." in page
        assert f"Recall and counts are of {said}." in page
        assert page.count("<circle") == (2 if limit else 1)


def test_curve_is_drawn_from_the_figures(pairs: list[PhotoBoxes]) -> None:
    page = detection_page(evaluated(pairs), max_megapixels=50)
    (points,) = re.findall(r'<polyline class="loose" points="([^"]*)"', page)
    drawn = [tuple(map(float, point.split(","))) for point in points.split()]
    # Right, false, right, right of four, in a drawing of 1000 × 340.
    wanted = [(1 / 4, 1), (1 / 4, 1 / 2), (2 / 4, 2 / 3), (3 / 4, 3 / 4)]
    assert drawn == [(1000 * recall, round(340 * (1 - precision), 1)) for recall, precision in wanted]
    assert "Dot: highest F1: confidence 0.70, recall 75.0%, precision 75.0%." in page


def test_report_of_a_training_says_how_it_learned(pairs: list[PhotoBoxes]) -> None:
    epochs = [
        {"epoch": n, "seconds": 90.0 * n, "loss": 1 / n, "val_ap50": 0.25 * n, "val_ap75": 0.0, "val_ap": 0.125 * n}
        for n in (1, 2, 3)
    ]
    training = Training(epochs, 3, {"started from": HOSTILE})
    page = detection_page(evaluated(pairs), max_megapixels=50, training=training, json_name="report.json")
    assert "AP50 0.750 after epoch 3, which is kept" in page
    # three epochs on 1000 units, shares of 340 units from the top
    assert 'class="loose" points="333.3,255.0 666.7,170.0 1000.0,85.0 "' in page
    assert '<td class="number">4.5</td><td class="number">0.333</td><td class="number">0.750</td>' in page
    assert "<code>report.json</code>" in page
    assert "detection.json" not in page
    assert HOSTILE not in page
    assert "How it learned" not in detection_page(evaluated(pairs), max_megapixels=50)


def test_names_are_text(pairs: list[PhotoBoxes]) -> None:
    page = detection_page(evaluated(pairs), max_megapixels=50)
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "coffee &amp; &lt;b&gt;cream&lt;/b&gt;" in page
    assert "<b>a&amp;b.jpg</b>" in page
    assert page.count("<script>") == 1  # the one that sorts


def test_page_needs_no_network(pairs: list[PhotoBoxes]) -> None:
    page = detection_page(evaluated(pairs), max_megapixels=50)
    assert "default-src 'none'" in page
    assert not re.search(r"https?://", page)
    assert not re.search(r"<link|@import|url\(", page)
    assert all(source.startswith("data:") for source in re.findall(r'\ssrc="([^"]*)"', page))


def test_classes_have_ap_where_they_are_told(pairs: list[PhotoBoxes]) -> None:
    agnostic = detection_page(evaluated(pairs), max_megapixels=50)
    by_class = detection_page(evaluated(pairs, is_by_class=True), max_megapixels=50)
    assert "precision cannot be told by class" in agnostic
    assert "precision cannot be told by class" not in by_class
    assert "of the right class" in by_class
    assert by_class.count(">AP75</th>") == agnostic.count(">AP75</th>") + 1


def test_photo_that_is_gone_is_said_to_be(pairs: list[PhotoBoxes]) -> None:
    evaluation = evaluated(pairs)
    Path(pairs[0].photo).unlink()
    page = detection_page(evaluation, max_megapixels=50)
    assert "No longer readable:" in page
    assert "data:image" not in page


def test_nothing_found_and_no_mistake_have_their_pages() -> None:
    nothing = detection_page(evaluated([seen("gone.jpg", [LEFT])]), max_megapixels=50)
    assert "0 of 1 products found, 0 false boxes" in nothing
    assert "one photo, no interval" in nothing
    assert "No confidence is so precise" in nothing
    perfect = detection_page(evaluated([seen("gone.jpg", [LEFT], [(0.5, LEFT)])]), max_megapixels=50)
    assert "1 of 1 products found" in perfect
    assert "Photos with most mistakes" not in perfect


def test_mistakes_are_drawn_where_they_are() -> None:
    # Doubled to 128×96: found at the left, missed in the middle, false at the right, an unsure and an ignored one not.
    truth = [(2.0, 2.0, 12.0, 12.0), (20.0, 2.0, 32.0, 12.0), (2.0, 30.0, 12.0, 40.0)]
    found = [(0.9, (2.0, 2.0, 12.0, 12.0)), (0.8, (40.0, 2.0, 54.0, 12.0)), (0.1, (40.0, 30.0, 54.0, 40.0))]
    photo = seen("a.jpg", truth, [*found, (0.9, (2.0, 30.0, 12.0, 40.0))], ignored=[2])
    (match,) = CocoMatching([photo], by_class=False).matches(0.5)
    drawn = draw_mistakes(np.full((48, 64, 3), 128, np.uint8), photo, match, 0.5, 500)
    assert drawn.shape == (96, 128, 3)
    green, red, orange = drawn[4, 14], drawn[4, 50], drawn[4, 94]
    assert green[1] > 150 > green[0]
    assert red[0] > 150 > max(red[1], red[2])
    assert orange[0] > 200
    assert 100 < orange[1] < 200
    assert (drawn[14, 51] == red).all()  # struck through, halfway
    assert (drawn[50:] == 128).all()
    assert draw_mistakes(np.zeros((400, 800, 3), np.uint8), photo, match, 0.5, 200).shape == (100, 200, 3)
