"""The page says the figures, states its limits, and shows names as they are."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("sklearn", reason="needs the train extra")
go = pytest.importorskip("plotly.graph_objects", reason="needs the train extra")

from facings.errors import Problem  # noqa: E402
from facings.evaluate.calibration import calibration  # noqa: E402
from facings.evaluate.few_shot import FewShotPoint  # noqa: E402
from facings.evaluate.share import Share  # noqa: E402
from facings.train.assess import Assessment, ConfusedPair, ProductFigures  # noqa: E402
from facings.train.curves_chart import best_epoch  # noqa: E402
from facings.train.embedding_map import MapPoint  # noqa: E402
from facings.train.training_page import training_page  # noqa: E402

pytestmark = pytest.mark.torch

EVIL = "<script>alert('milk')</script>"
GIF = "data:image/gif;base64,R0lGODlhAQABAAAAACw="


@dataclass(frozen=True)
class OneEpoch:
    """An epoch as the page wants it."""

    epoch: int
    size_px: int = 128
    loss: float = 1.5
    train_accuracy: float = 0.5
    val_accuracy: float = 0.6
    val_category_accuracy: float | None = None
    seconds: float = 60.0
    lr: float = 5e-4
    n_frozen_stages: int = 1


EPOCHS = (
    OneEpoch(1, n_frozen_stages=4),
    OneEpoch(2, val_accuracy=0.9, seconds=120.0),
    OneEpoch(3, val_accuracy=0.9, seconds=240.0, size_px=192),
    OneEpoch(4, val_accuracy=0.8, seconds=360.0, size_px=192),
)


def assessment(n_products: int = 3, *, label: str = "milk", category: str = "") -> Assessment:
    """Each product has one validation photo, which is taken for the next product; the last two are right."""
    names = [f"{label} {number}" for number in range(n_products)]
    n_wrong = n_products - 2
    products = tuple(
        ProductFigures(
            name, category, 4, Share(int(i >= n_wrong), 1), Share(1, 1), names[i + 1] if i < n_wrong else "", 1
        )
        for i, name in enumerate(names)
    )
    pairs = tuple(
        ConfusedPair(one, other, 1, 1, 0.75, ("a/q.jpg", "b/w.jpg", "c/r.jpg"), (GIF,) * 3 if i < 12 else ())
        for i, (one, other) in enumerate(pairwise(names[: n_wrong + 1]))
    )
    points = tuple(MapPoint(float(i), float(-i), name, category, "q.jpg", names[-1]) for i, name in enumerate(names))
    return Assessment(
        n_products=n_products,
        n_train=4 * n_products,
        n_val=n_products,
        classifier=Share(2, n_products),
        gallery=Share(n_products, n_products),
        category=Share(2, n_products) if category else None,
        n_categories=2 if category else 0,
        products=products,
        pairs=pairs,
        calibration=calibration(np.full(n_products, 0.75, np.float32), np.arange(n_products) >= n_wrong),
        points=points[:1500],
        few_shot=(
            FewShotPoint(1, (0.5, 0.7), (0.4, 0.4), n_products, n_products),
            FewShotPoint(None, (0.9,), (0.8,), n_products, n_products),
        ),
        is_few_shot_capped=n_products > 200,
        problems=(),
    )


def text_of(page: str) -> str:
    """What a person reads: without style, scripts, tags and repeated blanks."""
    return " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"<(style|script)\b.*?</\1>", " ", page, flags=re.S)).split())


def figures_of(page: str) -> dict[str, Any]:
    """The charts inside a page."""
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page, re.S)
    assert found
    figures: dict[str, Any] = json.loads(found[1])
    return figures


def test_page_says_the_figures_that_matter() -> None:
    page = training_page(assessment(3, category="dairy"), EPOCHS, {"Machine": "a toaster", "Seed": "7"})
    text = text_of(page)
    for told in (
        "2 of 3 validation photos named rightly",
        "Validation accuracy 66.7 %",
        "Gallery recall@1 100.0 %",
        "Category accuracy 66.7 %",
        "Training time 6.0 min",
        "Weights of epoch 3 are kept",
        "Machine a toaster",
        "Seed 7",
        "1 of 1 taken for milk 1",
        "60.0% after the first epoch, 90.0% after epoch 3, which is kept",
        "One photo a product: 60.0% recognized by the gallery; all photos: 90.0%",
        # mean confidence 75 %, accuracy 2/3: both 8.3 points apart
        "Confidence lies 8.3 points above accuracy on average; expected calibration error 8.3 points",
    ):
        assert told in text


def test_every_chart_is_a_sound_figure_with_titles_on_its_axes() -> None:
    page = training_page(assessment(), EPOCHS, {})
    figures = figures_of(page)
    assert set(figures) == {"curves", "few-shot", "reliability", "map"}
    for name, figure in figures.items():
        layout = go.Figure(figure).layout.to_plotly_json()  # raises for what Plotly does not know
        bottom = [axis for key, axis in layout.items() if key.startswith("xaxis") and axis.get("title", {}).get("text")]
        sides = [axis for key, axis in layout.items() if key.startswith("yaxis")]
        assert len(bottom) == 1, name
        assert all(axis["title"]["text"] for axis in sides), name
        assert f'data-figure="{name}" role="img" aria-label="' in page


def test_changes_of_size_and_frozen_stages_are_marked_where_they_begin() -> None:
    layout = figures_of(training_page(assessment(), EPOCHS, {}))["curves"]["layout"]
    assert [(note["x"], note["text"]) for note in layout["annotations"]] == [
        (0, "128 px, 4 stages frozen"),
        (1, "1 stage frozen"),
        (2, "192 px"),
    ]
    assert sorted({shape["x0"] for shape in layout["shapes"]}) == [1, 2]


def test_last_of_the_best_epochs_is_the_kept_one() -> None:
    assert best_epoch(EPOCHS).epoch == 3
    title = text_of(training_page(assessment(), EPOCHS[:1], {}))
    assert "Validation accuracy after the only epoch: 60.0%" in title


def test_names_never_become_markup() -> None:
    page = training_page(assessment(30, label=EVIL, category=EVIL), EPOCHS, {EVIL: EVIL})
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    told = json.dumps(figures_of(page))
    assert "<script" not in told  # Plotly reads text as markup, so it is escaped inside the data too
    assert "&lt;script&gt;alert" in told


def test_page_needs_nothing_from_outside() -> None:
    page = training_page(assessment(), EPOCHS, {})
    assert len(re.findall(r"\bplotly\.js v\d", page)) == 1
    own = re.sub(r"<script>\s*/\*\*\s*\* plotly\.js.*?</script>", "", page, flags=re.S)
    assert len(own) < 200_000 < len(page)
    assert not re.search(r"(src|href)=[\"'](?!data:)|@import|url\(", own)


def test_five_thousand_products_make_a_page_that_states_its_limits() -> None:
    page = training_page(assessment(5000), EPOCHS, {})
    text = text_of(page)
    assert "The 12 most confused of 4,998 pairs." in text
    assert "The 50 worst of 5,000" in text
    assert "1,500 of 25,000 photos by similarity, colored by product; the 7 with the most photos in color" in text
    assert "At most 200 products and 50 photos of each take part." in text
    assert page.count("<img ") == 36
    assert len(page) < 8_000_000
    assert len(figures_of(page)["map"]["layout"]["annotations"]) <= 40


def test_model_without_a_mistake_and_products_without_validation_photos() -> None:
    found = assessment(2)
    text = text_of(training_page(replace(found, points=(), n_products=3), EPOCHS, {}))
    assert "All 2 validation photos are named rightly." in text
    assert "1 product has no validation photo and cannot be judged." in text
    assert "How it sees the photos" not in text
    assert "left out:" not in text


def test_photos_that_were_left_out_are_named_up_to_ten() -> None:
    problems = tuple(Problem(f"{number}.jpg", "bad_image", f"reason {number}") for number in range(11))
    text = text_of(training_page(replace(assessment(), problems=problems), EPOCHS, {}))
    assert "Photos that were left out: 11 They are in no figure above. The first 10" in text
    assert "9.jpg : reason 9" in text
    assert "reason 10" not in text
