"""What must hold of detection figures whatever the boxes are."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection_cases import Box, seen, square
from facings.errors import BadInput
from facings.evaluate.coco_matching import CocoMatching
from facings.evaluate.detection import IOUS, DetectionMetrics, measure_detection
from facings.evaluate.photo_boxes import PhotoBoxes
from facings.evaluate.precision_recall import average_precision, rank

FEW = 12


@st.composite
def answers(draw: st.DrawFn) -> list[PhotoBoxes]:
    """A few photos with few products, found, shifted, doubled, missed, made up and ignored, with ties."""
    photos = []
    for number in range(draw(st.integers(1, 4))):
        truth = [square(n) for n in draw(st.lists(st.integers(0, 4), unique=True, max_size=4))]
        found = [
            (draw(st.sampled_from((0.1, 0.5, 0.5, 0.9))), _shifted(square(n), draw(st.integers(0, 6))))
            for n in draw(st.lists(st.integers(0, 5), max_size=5))
        ]
        ignored = [n for n in range(len(truth)) if draw(st.integers(0, 5)) == 0]
        photos.append(seen(f"{number}.jpg", truth, found, ignored=ignored))
    photos.append(seen("sure.jpg", [square(0)], [(0.5, square(0))]))
    return photos


def _shifted(box: Box, by_px: float) -> Box:
    return (box[0] + by_px, box[1], box[2] + by_px, box[3])


def _told(found: DetectionMetrics) -> str:
    estimates = [estimate.to_json() for estimate in (found.ap50, found.ap75, found.ap, found.recall)]
    limits = [part.to_json() for part in (found.output, found.best)]
    parts = [part.to_json() for part in (*found.sizes, *found.densities)]
    return json.dumps([*estimates, *(at.to_json() for at in found.at_precision), *limits, *parts])


@settings(max_examples=25, deadline=None)
@given(answers())
def test_the_average_that_intervals_are_drawn_from_is_the_librarys(photos: list[PhotoBoxes]) -> None:
    coco = CocoMatching(photos, by_class=False)
    precisions = coco.precisions()
    assert precisions is not None
    by_iou = [average_precision([rank(photos, coco.matches(iou))]) for iou in IOUS]
    assert by_iou[0] == pytest.approx(precisions.ap50, abs=1e-9)
    assert by_iou[5] == pytest.approx(precisions.ap75, abs=1e-9)
    assert np.mean([value or 0 for value in by_iou]) == pytest.approx(precisions.ap, abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(answers(), st.integers(0, 3))
def test_the_order_of_photos_does_not_matter(photos: list[PhotoBoxes], by: int) -> None:
    turned = [*photos[by:], *photos[:by]][::-1]
    assert _told(measure_detection(photos, n_draws=FEW)) == _told(measure_detection(turned, n_draws=FEW))


@settings(max_examples=15, deadline=None)
@given(answers())
def test_perfect_answers_are_1_throughout(photos: list[PhotoBoxes]) -> None:
    perfect = [
        seen(photo.photo, photo.truth.tolist(), [(0.7, box) for box in photo.truth[~photo.is_ignored].tolist()],
             ignored=np.flatnonzero(photo.is_ignored).tolist())
        for photo in photos
    ]  # fmt: skip
    found = measure_detection(perfect, n_draws=FEW)
    assert [found.ap50.value, found.ap75.value, found.ap.value, found.recall.value] == [1, 1, 1, 1]
    assert found.ap50.interval == (1, 1)
    assert [at.recall.value for at in found.at_precision] == [1, 1]
    assert found.best.point.f1 == 1
    assert found.best.counts.absolute_boxes == 0


@settings(max_examples=15, deadline=None)
@given(answers())
def test_matches_and_curve_tell_the_same_numbers(photos: list[PhotoBoxes]) -> None:
    found = measure_detection(photos, n_draws=FEW)
    for photo, match in zip(found.photos, found.matches, strict=True):
        assert int(match.is_right.sum()) == int((match.found_with >= 0).sum())
        assert sorted(photo.confidence[match.is_right]) == sorted(match.found_with[match.found_with >= 0])
        assert not (match.is_right & match.is_left_out).any()
        assert (match.found_with[photo.is_ignored] == -1).all()
    point = found.output.point
    assert point.n_right == sum(int(match.is_right.sum()) for match in found.matches)
    assert point.n_right + point.n_missed == sum(photo.n_true for photo in photos)
    assert sum(part.n_true for part in found.densities) == point.n_right + point.n_missed


def test_a_second_box_costs_precision_not_recall() -> None:
    once = measure_detection([seen("a.jpg", [square(0)], [(0.9, square(0))])])
    twice = measure_detection([seen("a.jpg", [square(0)], [(0.9, square(0)), (0.8, square(0))])])
    assert (once.output.point.precision, once.output.point.recall) == (1, 1)
    assert (twice.output.point.precision, twice.output.point.recall) == (0.5, 1)
    assert twice.output.counts.signed_frac == 1


def test_what_is_found_on_an_ignored_box_is_neither_right_nor_wrong() -> None:
    inside = [(0.9, (0.0, 0.0, 10.0, 10.0)), (0.9, (10.0, 0.0, 20.0, 10.0))]  # two in one crowd
    crowd = (0.0, 0.0, 40.0, 10.0)
    found = measure_detection([seen("a.jpg", [crowd, square(5)], [*inside, (0.5, square(5))], ignored=[0])])
    assert found.ap.value == 1
    assert (found.output.point.n_right, found.output.point.n_false, found.output.point.n_missed) == (1, 0, 0)
    assert found.output.counts.absolute_boxes == 0
    unfound = measure_detection([seen("a.jpg", [crowd, square(5)], [(0.5, square(5))], ignored=[0])])
    assert unfound.recall.value == 1


def test_nothing_found_is_nothing_right() -> None:
    found = measure_detection([seen("a.jpg", [square(0)]), seen("b.jpg", [square(0), square(1)])], n_draws=FEW)
    assert [found.ap50.value, found.ap.value, found.recall.value] == [0, 0, 0]
    assert found.best == found.output
    assert found.output.point.n_missed == 3
    assert found.output.counts.signed_frac == -1
    assert [at.confidence for at in found.at_precision] == [None, None]
    json.dumps(_told(found), allow_nan=False)


def test_a_photo_without_an_answer_is_all_missed() -> None:
    found = measure_detection([seen("a.jpg", [square(0)], [(0.5, square(0))]), seen("b.jpg", [square(0)])])
    assert found.recall.value == 0.5
    assert found.ap50.value == pytest.approx(51 / 101)  # precision 1 at recalls 0 to 0.5


def test_ties_go_by_path_and_no_limit_can_part_them() -> None:
    right, false = [(0.5, square(0))], [(0.5, square(9))]
    first_right = [seen("1.jpg", [square(0)], right), seen("2.jpg", [], false)]
    first_false = [seen("1.jpg", [], false), seen("2.jpg", [square(0)], right)]
    assert measure_detection(first_right, n_draws=FEW).ap50.value == 1
    assert measure_detection(first_false, n_draws=FEW).ap50.value == 0.5
    for photos in (first_right, first_false, first_right[::-1]):
        found = measure_detection(photos, n_draws=FEW)
        assert [at.recall.value for at in found.at_precision] == [0, 0]
        assert (found.best.point.n_right, found.best.point.n_false) == (1, 1)


def test_ties_in_a_photo_go_in_the_detectors_order() -> None:
    photo = seen("1.jpg", [square(0)], [(0.5, square(9)), (0.5, square(0))])
    assert measure_detection([photo]).ap50.value == 0.5
    assert measure_detection([seen("1.jpg", [square(0)], [(0.5, square(0)), (0.5, square(9))])]).ap50.value == 1


def test_parts_are_told_at_the_detectors_own_limit_where_it_has_one() -> None:
    photos = [seen("a.jpg", [square(0), square(1)], [(0.9, square(0)), (0.3, square(1))])]
    own, best = measure_detection(photos, own_limit=0.6), measure_detection(photos)
    assert (own.working.point.confidence, best.working.point.confidence) == (0.6, 0.3)
    assert [part.recall.n_right for part in (own.densities[0], best.densities[0]) if part.recall] == [1, 2]
    assert own.ap50 == best.ap50  # the curve goes on below the limit


def test_intervals_come_from_the_seed_and_hold_the_figure() -> None:
    photos = [
        seen(f"{n}.jpg", [square(0), square(1)], [(0.3 + n / 50, square(n % 3)), (0.8, square(1))]) for n in range(20)
    ]
    one, same, other = (measure_detection(photos, seed=seed, n_draws=100) for seed in (1, 1, 2))
    assert _told(one) == _told(same) != _told(other)
    for estimate in (one.ap50, one.ap75, one.ap, one.recall):
        assert estimate.interval is not None
        assert estimate.interval[0] < estimate.value < estimate.interval[1]


def test_one_photo_has_no_interval() -> None:
    found = measure_detection([seen("a.jpg", [square(0)], [(0.5, square(0))])])
    assert found.ap50.interval is None
    assert found.ap50.to_json() == {"value": 1, "low": None, "high": None}


def test_bad_input() -> None:
    good = seen("a.jpg", [square(0)])
    with pytest.raises(BadInput, match="got 0 photos"):
        measure_detection([])
    with pytest.raises(BadInput, match="each path once"):
        measure_detection([good, good])
    with pytest.raises(BadInput, match="without a true box that counts"):
        measure_detection([seen("a.jpg", [square(0)], ignored=[0]), seen("b.jpg", [])])
    with pytest.raises(BadInput, match="wanted a class for each"):
        measure_detection([good], is_by_class=True)


@pytest.mark.parametrize("confidence", [float("nan"), -0.1, 1.1], ids=["nan", "below", "above"])
def test_confidence_must_be_one(confidence: float) -> None:
    with pytest.raises(BadInput, match=r"outside \[0, 1\]"):
        seen("a.jpg", [square(0)], [(confidence, square(0))])


def test_boxes_must_be_some() -> None:
    with pytest.raises(BadInput, match="without area"):
        seen("a.jpg", [square(0)], [(0.5, (5, 5, 5, 9))])
    with pytest.raises(BadInput, match="finite"):
        seen("a.jpg", [(0, 0, float("inf"), 1)])
    with pytest.raises(BadInput, match="one each"):
        seen("a.jpg", [square(0)], labels=["a", "b"])
    with pytest.raises(BadInput, match="confidences and classes"):
        seen("a.jpg", [square(0)], found_labels=["a"])
