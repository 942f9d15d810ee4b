"""Detection figures worked by hand. AP reads precision at the 101 recalls 0, 0.01, …, 1 (COCO)."""

from __future__ import annotations

import numpy as np
import pytest
from faster_coco_eval import COCO, COCOeval_faster

from detection_cases import seen, square
from facings.evaluate.detection import measure_detection
from facings.evaluate.share import Share

FEW_DRAWS = 20


def test_three_boxes_in_two_photos() -> None:
    # Ranked: right (1 of 1, recall 1/3), false (1 of 2), right (2 of 3, recall 2/3); the third product is missed.
    # Precision, made to fall: 1 up to recall 1/3 (0 to 0.33: 34 places), 2/3 up to 2/3 (0.34 to 0.66: 33), then 0.
    photos = [
        seen("a.jpg", [square(0), square(1)], [(0.9, square(0)), (0.8, square(5))]),
        seen("b.jpg", [square(0)], [(0.7, square(0))]),
    ]
    found = measure_detection(photos, n_draws=FEW_DRAWS)
    by_hand = (34 + 33 * 2 / 3) / 101
    assert found.ap50.value == pytest.approx(by_hand, abs=1e-12)
    assert found.ap75.value == pytest.approx(by_hand, abs=1e-12)
    assert found.ap.value == pytest.approx(by_hand, abs=1e-12)
    assert found.precisions.recall_at == pytest.approx({100: 2 / 3, 300: 2 / 3, 1000: 2 / 3})
    assert found.recall.value == pytest.approx(2 / 3)
    # Precision of 0.9 or more: the first box alone. F1: 2/4, 2/5, 4/6.
    assert [at.recall.value for at in found.at_precision] == pytest.approx([1 / 3, 1 / 3])
    assert [at.confidence for at in found.at_precision] == [0.9, 0.9]
    best = found.best.point
    assert (best.confidence, best.n_right, best.n_false, best.n_missed) == (0.7, 2, 1, 1)
    assert best.f1 == pytest.approx(4 / 6)
    assert (best.precision, best.recall) == pytest.approx((2 / 3, 2 / 3))


@pytest.mark.parametrize(
    ("height", "ap75", "n_ious"), [(5, 0, 1), (7.2, 0, 5), (7.5, 1, 6), (10, 1, 10)], ids=["half", "72", "75", "all"]
)
def test_how_well_a_box_must_fit(height: float, ap75: float, n_ious: int) -> None:
    # IoU (10 × height) / (10 × 10): right at that of the ten IoUs 0.5, 0.55, …, 0.95 and at those under it.
    found = measure_detection([seen("a.jpg", [(0, 0, 10, 10)], [(0.9, (0, 0, 10, height))])])
    assert (found.ap50.value, found.ap75.value) == (1, ap75)
    assert found.ap.value == pytest.approx(n_ious / 10)
    assert found.precisions.recall_at[100] == pytest.approx(n_ious / 10)


def test_a_false_box_in_a_photo_without_products_counts() -> None:
    # Ranked: false, right: precision 1/2 at every recall.
    photos = [seen("empty.jpg", [], [(0.9, square(0))]), seen("full.jpg", [square(0)], [(0.8, square(0))])]
    found = measure_detection(photos, n_draws=FEW_DRAWS)
    assert found.ap50.value == pytest.approx(1 / 2)
    assert [(part.name, part.n_photos, part.n_true) for part in found.densities] == [("0", 1, 0), ("1 to 10", 1, 1)]
    assert found.densities[0].precisions is None
    assert found.densities[0].counts is not None
    assert found.densities[0].counts.absolute_frac is None
    assert found.densities[0].counts.absolute_boxes == 1


def test_counts() -> None:
    # From 0.5 on: 3 found of 2 (+1/2), 1 of 4 (−3/4), 1 of 0. Mean of 1/2 and 3/4; of +1/2 and −3/4; of 1, 3 and 1.
    photos = [
        seen("a.jpg", [square(0), square(1)], [(0.9, square(0)), (0.5, square(6)), (0.8, square(7)), (0.4, square(1))]),
        seen("b.jpg", [square(n) for n in range(4)], [(0.6, square(2))]),
        seen("c.jpg", [], [(0.7, square(0))]),
    ]
    found = measure_detection(photos, own_limit=0.5, n_draws=FEW_DRAWS)
    counts = found.working.counts
    assert counts.absolute_frac == pytest.approx(5 / 8)
    assert counts.signed_frac == pytest.approx(-1 / 8)
    assert counts.absolute_boxes == pytest.approx(5 / 3)
    point = found.output.point
    assert (point.confidence, point.n_right, point.n_false, point.n_missed) == (0.5, 2, 3, 4)


def test_classes_are_averaged() -> None:
    # As "tea" both boxes: tea 1 of 1, then a false one after full recall: AP 1. Coffee: nothing found, AP 0.
    photo = seen(
        "a.jpg",
        [square(0), square(1)],
        [(0.9, square(0)), (0.8, square(1))],
        labels=["tea", "coffee"],
        found_labels=["tea", "tea"],
    )
    found = measure_detection([photo], is_by_class=True)
    assert found.ap50.value == pytest.approx(1 / 2)
    coffee, tea = found.classes
    assert coffee.precisions is not None
    assert tea.precisions is not None
    assert (coffee.precisions.ap50, tea.precisions.ap50) == (0, 1)
    # Highest F1 at 0.9 (2 of 3 against 2 of 4): tea is found there, coffee is not.
    assert (coffee.recall, tea.recall) == (Share(0, 1), Share(1, 1))
    assert measure_detection([photo]).ap50.value == 1


def test_150_products_all_found_are_an_ap_of_1_which_100_boxes_a_photo_would_have_hidden() -> None:
    boxes = [square(n % 15, n // 15) for n in range(150)]
    found = [(1 - n / 1000, box) for n, box in enumerate(boxes)]
    result = measure_detection([seen("shelf.jpg", boxes, found)])
    assert (result.ap50.value, result.ap75.value, result.ap.value) == (1, 1, 1)
    assert result.precisions.recall_at == {100: pytest.approx(100 / 150), 300: 1, 1000: 1}
    assert [(part.name, part.n_true) for part in result.densities] == [("51 to 150", 150)]

    sides = [(x1, y1, x2 - x1, y2 - y1) for x1, y1, x2, y2 in boxes]
    rows = [{"image_id": 1, "category_id": 1, "bbox": list(side), "area": 100} for side in sides]
    truth = COCO(
        {
            "images": [{"id": 1}],
            "categories": [{"id": 1, "name": "product"}],
            "annotations": [{**row, "id": n, "iscrowd": 0} for n, row in enumerate(rows, start=1)],
        }
    )
    usual = COCOeval_faster(truth, truth.loadRes([{**row, "score": 0.5} for row in rows]), "bbox")
    assert usual.params.maxDets == [1, 10, 100]
    usual.evaluate()
    usual.accumulate()
    # 100 of 150 at precision 1: 67 of 101 recalls (0 to 0.66).
    assert np.mean(usual.eval["precision"][0, :, 0, 0, -1]) == pytest.approx(67 / 101)


def test_more_boxes_than_any_ceiling_count() -> None:
    boxes = [square(n % 50, n // 50) for n in range(2100)]
    result = measure_detection([seen("wall.jpg", boxes, [(0.5, box) for box in boxes])])
    assert result.ap50.value == 1
    assert result.max_detections == 2100


def test_sizes_are_pixels_and_a_border_belongs_to_both() -> None:
    # 31² is small, 32² small and medium (COCO), 96² medium and large, 100² large. The last is missed.
    sides = (31, 32, 96, 100)
    boxes = [(0.0, 200.0 * n, float(side), 200.0 * n + side) for n, side in enumerate(sides)]
    result = measure_detection([seen("a.jpg", boxes, [(0.9, box) for box in boxes[:3]])])
    assert [(part.name, part.n_true) for part in result.sizes] == [("small", 2), ("medium", 2), ("large", 2)]
    assert [part.recall.value if part.recall else None for part in result.sizes] == [1, 1, 0.5]
    assert [round(part.precisions.ap50, 3) if part.precisions else None for part in result.sizes] == [
        1,
        1,
        round(51 / 101, 3),
    ]
