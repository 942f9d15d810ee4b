"""The neck: what it is made of, when it is kept, and that it goes out and comes back with the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facings.manifest import LabelledPhoto
from facings.train.dataset import TrainingSet, build_training_set

torch = pytest.importorskip("torch", reason="needs the train extra")

from facings.train import closed_form  # noqa: E402
from facings.train.closed_form import finish  # noqa: E402
from facings.train.fit import features_of  # noqa: E402
from facings.train.model import Recognizer  # noqa: E402
from facings.train.neck import Necked, pooled, without_neck  # noqa: E402
from facings.train.recipe import Recipe  # noqa: E402
from facings.train.resnet import ResNet, ResNetLayout  # noqa: E402

pytestmark = pytest.mark.torch

LAYOUT = ResNetLayout(8, (8, 8, 16, 16), (1, 1, 1, 1), "1x1", "ceil")
RECIPE = Recipe(neck_dim=12, embed_size_px=40, embed_resize_px=40)
PREPARATION = RECIPE.preparation((128.0, 128.0, 128.0), (64.0, 64.0, 64.0))


@pytest.fixture
def data(toys: list[LabelledPhoto], toys_to_check: list[LabelledPhoto], tmp_path: Path) -> TrainingSet:
    return build_training_set(toys, toys_to_check, cache_root=tmp_path / "cache", shorter_side_px=40, seed=0)


def recognizer() -> Any:
    torch.manual_seed(1)
    return Recognizer(ResNet(LAYOUT), 4, 16).eval()


def test_pooled_stages_are_unit_rows_side_by_side() -> None:
    trunk = ResNet(LAYOUT).eval()
    rows = pooled(trunk, torch.randn(2, 3, 40, 40))
    assert rows.shape == (2, 8 + 16 + 16)
    for part in torch.split(rows, [8, 16, 16], dim=1):
        torch.testing.assert_close(part.norm(dim=1), torch.ones(2))
    single = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 5))
    assert pooled(single, torch.randn(2, 3, 2, 2)).shape == (2, 5)


def test_neck_gives_the_classifier_and_the_gallery_one_space(data: TrainingSet) -> None:
    found = finish(recognizer(), data, RECIPE, PREPARATION)
    model = found.model
    rows = features_of(model.backbone, data, data.val_rows, PREPARATION)
    torch.testing.assert_close(found.val, rows, atol=1e-4, rtol=1e-4)
    assert isinstance(model.backbone, Necked)
    assert model.centers.shape == (4, 12)
    torch.testing.assert_close(model.centers.norm(dim=1), torch.ones(4))
    assert 2 <= float(model.log_scale.detach().exp()) <= 128.1


def test_without_a_map_the_trunk_stays_alone_with_its_trained_head(
    data: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closed_form, "discriminant_map", lambda *_: None)
    model = recognizer()
    assert finish(model, data, RECIPE, PREPARATION).model is model


def test_neck_that_finds_less_is_left_out(data: TrainingSet, monkeypatch: pytest.MonkeyPatch) -> None:
    def useless(features: Any, targets: Any, dim: int) -> Any:
        return torch.zeros(dim, features.shape[1]).numpy(), torch.ones(dim).numpy()

    monkeypatch.setattr(closed_form, "discriminant_map", useless)
    model = recognizer()
    found = finish(model, data, RECIPE, PREPARATION)
    assert found.model is model
    assert not model.centers.any()  # the head is as training left it
    assert found.train.shape == (24, 16)
    rows = torch.nn.functional.normalize(features_of(model.backbone, data, data.train_rows, PREPARATION), dim=1)
    torch.testing.assert_close(found.train, rows)
    untrained = finish(model, data, replace(RECIPE, phases=()), PREPARATION).model
    torch.testing.assert_close(untrained.centers.norm(dim=1), torch.ones(4))


def test_trunk_of_a_necked_state_loads_under_its_own_names() -> None:
    trunk = ResNet(LAYOUT)
    state = Necked(trunk, torch.zeros(2, 40), torch.zeros(2)).state_dict()
    ResNet(LAYOUT).load_state_dict(without_neck(state))
