"""Figures of a network whose answers are known: its feature is the photo's mean color."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from facings.manifest import LabelledPhoto

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("sklearn", reason="needs the train extra")

from torch import Tensor, nn  # noqa: E402

from facings.evaluate.share import Share  # noqa: E402
from facings.model_card import Preparation  # noqa: E402
from facings.train import assess as assess_module  # noqa: E402
from facings.train import embedding_map  # noqa: E402
from facings.train.assess import assess  # noqa: E402
from facings.train.closed_form import Finished  # noqa: E402
from facings.train.dataset import TrainingSet, build_training_set  # noqa: E402
from facings.train.fit import features_of  # noqa: E402
from facings.train.model import Recognizer  # noqa: E402

pytestmark = pytest.mark.torch

PREPARATION = Preparation(16, 16, "squash", "bilinear", (0.0, 0.0, 0.0), (255.0, 255.0, 255.0))


class MeanColor(nn.Module):
    """float32 (N, 3, S, S) → (N, 3)."""

    def forward(self, image: Tensor) -> Tensor:
        """The mean of each channel."""
        return image.mean((2, 3))


@pytest.fixture
def data(toys: list[LabelledPhoto], toys_to_check: list[LabelledPhoto], tmp_path: Path) -> TrainingSet:
    """Six photos of each of cherry, lime, pear and plum; three to check with."""
    return build_training_set(toys, toys_to_check, cache_root=tmp_path / "cache", shorter_side_px=40, seed=0)


@pytest.fixture
def model(data: TrainingSet) -> Recognizer:
    """Right on every photo."""
    recognizer = Recognizer(MeanColor(), 4, 3).eval()
    targets = torch.from_numpy(data.targets[data.train_rows])
    recognizer.place_centers(features_of(recognizer.backbone, data, data.train_rows, PREPARATION), targets)
    return recognizer


def seen(model: Recognizer, data: TrainingSet) -> Finished:
    """The model with its features."""
    train, val = (features_of(model.backbone, data, rows, PREPARATION) for rows in (data.train_rows, data.val_rows))
    return Finished(model, train, val)


def exchange(model: Recognizer, one: int, other: int) -> None:
    """Let two products have each other's center."""
    with torch.no_grad():
        model.centers[[one, other]] = model.centers[[other, one]]


def test_model_that_is_always_right_confuses_nothing(model: Recognizer, data: TrainingSet) -> None:
    found = assess(seen(model, data), data)
    assert (found.classifier, found.gallery, found.category) == (Share(12, 12), Share(12, 12), Share(12, 12))
    assert (found.n_products, found.n_categories, found.n_train, found.n_val) == (4, 2, 24, 12)
    assert found.pairs == ()
    assert [(p.label, p.n_train, p.most_common_mistake) for p in found.products] == [
        (label, 6, "") for label in ("cherry", "lime", "pear", "plum")
    ]
    assert (found.calibration.accuracy, sum(bin_.n for bin_ in found.calibration.bins)) == (1.0, 12)
    assert [point.n_photos for point in found.few_shot] == [1, 2, 3, 5, None]  # 10 would be all six again
    assert (found.few_shot[-1].gallery, found.is_few_shot_capped) == ((1.0,), False)


def test_two_products_taken_for_each_other(model: Recognizer, data: TrainingSet) -> None:
    exchange(model, 0, 1)  # cherry and lime
    found = assess(seen(model, data), data)
    assert (found.classifier, found.gallery) == (Share(6, 12), Share(12, 12))
    assert found.category == Share(6, 12)  # lime is the only citrus
    assert [(p.label, p.classifier, p.gallery, p.most_common_mistake, p.n_mistaken) for p in found.products[:2]] == [
        ("cherry", Share(0, 3), Share(3, 3), "lime", 3),
        ("lime", Share(0, 3), Share(3, 3), "cherry", 3),
    ]
    first, second = found.pairs
    assert (first.label, first.named, first.n, first.n_val) == ("cherry", "lime", 3, 3)
    assert (second.label, second.named) == ("lime", "cherry")
    assert [Path(photo).parts[-3:-1] for photo in first.photos] == [
        ("check", "cherry"),
        ("toys", "lime"),
        ("toys", "cherry"),
    ]
    assert len(first.pictures) == 3
    assert all(picture.startswith("data:image/jpeg;base64,") for picture in first.pictures)
    assert 0.25 < first.confidence <= 1


def test_photos_on_the_map_say_what_they_are(model: Recognizer, data: TrainingSet) -> None:
    exchange(model, 0, 1)
    points = assess(seen(model, data), data).points
    assert [point.named for point in points[:24]] == [""] * 24
    assert [(p.label, p.category, p.file, p.named) for p in points[24:28]] == [
        ("cherry", "other", "0.png", "lime"),
        ("cherry", "other", "1.png", "lime"),
        ("cherry", "other", "2.png", "lime"),
        ("lime", "citrus", "0.png", "cherry"),
    ]


def test_very_many_photos_and_products_are_a_part_drawn_by_chance(
    model: Recognizer, data: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_map, "MAX_POINTS", 10)
    monkeypatch.setattr(assess_module, "N_FEW_SHOT_PRODUCTS", 3)
    monkeypatch.setattr(assess_module, "N_PICTURED", 1)
    exchange(model, 0, 1)
    found = assess(seen(model, data), data)
    assert [bool(point.named) for point in found.points] == [False] * 5 + [True] * 5
    assert (found.few_shot[0].n_products, found.few_shot[0].n_queries, found.is_few_shot_capped) == (3, 9, True)
    assert [len(pair.pictures) for pair in found.pairs] == [3, 0]


def test_json_holds_every_figure_and_no_picture(model: Recognizer, data: TrainingSet) -> None:
    exchange(model, 0, 1)
    found = assess(seen(model, data), data)
    told = json.loads(json.dumps(found.to_json()))
    assert set(told) == set(vars(found))
    assert told["classifier"]["value"] == 0.5
    assert told["pairs"][0]["n"] == 3
    assert told["products"][0]["gallery"]["n_right"] == 3
    assert told["few_shot"][0]["n_photos"] == 1
    assert "data:image" not in json.dumps(told)


def test_products_without_categories_have_no_category_figure(
    toys: list[LabelledPhoto], toys_to_check: list[LabelledPhoto], tmp_path: Path
) -> None:
    plain = [[LabelledPhoto(photo.path, photo.label) for photo in photos] for photos in (toys, toys_to_check)]
    data = build_training_set(plain[0], plain[1], cache_root=tmp_path / "cache", shorter_side_px=40, seed=0)
    found = assess(seen(Recognizer(MeanColor(), 4, 3).eval(), data), data)
    assert (found.category, found.n_categories, found.products[0].category) == (None, 0, "")
