"""From annotated photos to an evaluation: what the detector sees, what is left out, the facts of the run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from conftest import save_photo
from facings.annotations import AnnotatedPhoto, LabelledBox
from facings.detect import GivenBoxes, WholePhoto
from facings.errors import BadInput
from facings.evaluate.detection_run import evaluate_detector, evaluate_predictions
from facings.evaluate.photo_boxes import pair_boxes
from facings.evaluate.predictions import Predictions
from facings.progress import T
from facings.types import Detections, Image

BOXES = ((2.0, 2.0, 20.0, 22.0), (30.0, 4.0, 60.0, 40.0))
FEW = 20


class NearlyRight:
    """Knows the true boxes: shifts them by a pixel, is unsure of the second and adds a false one."""

    name = "nearly-right"

    def __init__(self, is_capped: bool = False) -> None:
        self._is_capped = is_capped
        self.seen: list[str] = []

    def detect(self, image: Image) -> Detections:
        """Three boxes."""
        self.seen.append(image.source)
        boxes = np.array([*BOXES, (1, 30, 12, 47)], np.float32) + np.array([1, 0, 1, 0], np.float32)
        return Detections(boxes, np.array([0.9, 0.6, 0.3], np.float32), is_capped=self._is_capped)


@pytest.fixture
def photos(tmp_path: Path) -> list[AnnotatedPhoto]:
    boxes = (*(LabelledBox(box, "tea") for box in BOXES), LabelledBox((0, 25, 14, 48), "tea", is_ignored=True))
    return [AnnotatedPhoto(save_photo(tmp_path / f"{n}.jpg", n), 64, 48, boxes) for n in range(3)]


def test_a_detector_looks_at_every_photo(photos: list[AnnotatedPhoto]) -> None:
    seen: list[str] = []

    def track(items: Iterable[T], label: str, total: int) -> Iterable[T]:
        seen.append(f"{label} {total}")
        return items

    detector = NearlyRight()
    found = evaluate_detector(photos, detector=detector, n_threads=2, track=track, n_draws=FEW)
    assert seen == ["Detecting 3"]
    assert detector.seen == [str(photo.path) for photo in photos]
    assert found.metrics.ap50.value == 1
    assert found.metrics.output.point.n_false == 0  # the false one lies on an ignored box
    assert [(o.n_true, o.n_right, o.n_missed, o.n_false) for o in found.outcomes] == [(2, 2, 0, 0)] * 3
    assert (found.run.detector, found.run.n_threads, found.capped, found.problems) == ("nearly-right", 2, (), ())
    assert found.run.detect_s is not None
    assert 0 < found.run.detect_s < found.run.seconds
    assert {"python", "numpy", "pillow", "faster-coco-eval"} <= found.run.versions.keys()


def test_parts_and_photos_are_told_at_its_own_limit(photos: list[AnnotatedPhoto]) -> None:
    found = evaluate_detector(photos, detector=NearlyRight(), own_limit=0.8, n_draws=FEW)
    assert [(outcome.n_right, outcome.n_missed) for outcome in found.outcomes] == [(1, 1)] * 3
    assert found.metrics.ap50.value == 1
    facts = found.to_json()
    assert facts["parts_are_at"] == "output"
    assert facts["output"]["confidence"] == 0.8
    assert facts["output"]["recall"] == 0.5
    assert facts["best_f1"]["recall"] == 1


@pytest.mark.parametrize(
    ("own_limit", "n_capped"), [(None, 3), (0.2, 3), (0.5, 0)], ids=["none", "above-it", "only-below-it"]
)
def test_a_ceiling_counts_where_it_cuts_what_is_used(
    photos: list[AnnotatedPhoto], own_limit: float | None, n_capped: int
) -> None:
    detector = NearlyRight(is_capped=True)
    found = evaluate_detector(photos, detector=detector, own_limit=own_limit, n_draws=FEW)
    assert len(found.capped) == n_capped


def test_a_photo_that_cannot_be_used_is_left_out_and_told(photos: list[AnnotatedPhoto]) -> None:
    photos[1].path.write_bytes(b"no picture")
    given = GivenBoxes({photos[0].path.name: np.array(BOXES, np.float32)})  # nothing is known of the third
    found = evaluate_detector(photos, detector=given, n_draws=FEW)
    assert [(problem.where, problem.code) for problem in found.problems] == [
        (str(photos[1].path), "bad_image"),
        (str(photos[2].path), "bad_input"),
    ]
    assert [photo.photo for photo in found.metrics.photos] == [str(photos[0].path)]
    assert found.metrics.output.point.n_missed == 0


def test_none_that_can_be_used_is_an_error(photos: list[AnnotatedPhoto]) -> None:
    with pytest.raises(BadInput, match=r"none of 3 photos could be used\. First problem: .*says nothing about"):
        evaluate_detector(photos, detector=GivenBoxes({}))
    with pytest.raises(BadInput, match="none of 0 photos"):
        evaluate_detector([], detector=WholePhoto())


def test_boxes_of_a_file(photos: list[AnnotatedPhoto]) -> None:
    pairs = [pair_boxes(photo, np.array(BOXES[:1]), np.array([0.4])) for photo in photos]
    found = evaluate_predictions(Predictions(tuple(pairs), ()), Path("found.json"), n_draws=FEW)
    assert found.run.detector == "found.json"
    assert (found.run.detect_s, found.run.n_threads) == (None, None)
    assert found.metrics.recall.value == 0.5
    assert found.to_json()["parts_are_at"] == "best_f1"


def test_json_is_json_and_holds_the_denominators(photos: list[AnnotatedPhoto]) -> None:
    found = evaluate_detector(photos, detector=NearlyRight(), seed=7, n_draws=FEW)
    facts = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert facts["kind"] == "detection"
    assert (facts["n_photos"], facts["n_true"], facts["n_ignored"], facts["n_found"]) == (3, 6, 3, 9)
    assert (facts["seed"], facts["n_draws"], facts["max_detections"]) == (7, FEW, 2000)
    assert facts["ar"].keys() == {"100", "300", "1000"}
    assert facts["figures"]["ap50"] == {"value": 1, "low": 1, "high": 1}
    assert facts["photos"][0] == {"photo": str(photos[0].path), "n_true": 2, "n_right": 2, "n_false": 0, "n_missed": 0}
    assert [size["name"] for size in facts["sizes"]] == ["small", "medium", "large"]
    assert facts["sizes"][0]["recall"]["n"] == 3
    assert facts["classes"][0]["precisions"] is None
    assert facts["curve"][-1]["recall"] == 1
    assert facts["run"]["at"].endswith("+00:00")
