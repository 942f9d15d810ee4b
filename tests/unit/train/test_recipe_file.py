"""Recipes from files: what is not in the file is as by default, and what no recipe has is refused."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from facings.errors import BadInput

pytest.importorskip("torch", reason="needs the train extra")

from facings.train.detector_recipe import DetectorRecipe
from facings.train.recipe import QUICK, Phase, Recipe
from facings.train.recipe_file import read_recipe

pytestmark = pytest.mark.torch


def written(folder: Path, told: Any) -> Path:
    path = folder / "recipe.json"
    path.write_text(told if isinstance(told, str) else json.dumps(told))
    return path


def test_what_is_not_in_the_file_is_as_by_default(tmp_path: Path) -> None:
    path = written(tmp_path, {"lr": 1, "metric_loss": "supcon", "photos_per_product": 2, "balance": 0.5})
    found = read_recipe(path, Recipe())
    assert found == replace(Recipe(), lr=1.0, metric_loss="supcon", photos_per_product=2, balance=0.5)
    assert isinstance(found.lr, float)


def test_phases_are_a_list(tmp_path: Path) -> None:
    path = written(tmp_path, {"phases": [{"n_epochs": 2, "size_px": 64, "n_frozen_stages": 4}]})
    assert read_recipe(path, Recipe()).phases == (Phase(2, 64, 4),)


def test_settings_of_a_run_give_its_recipe_again(tmp_path: Path) -> None:
    recipe = replace(QUICK, seed=7, mix_prob=0.25)
    path = written(tmp_path, {"recipe": asdict(recipe), "architecture": "resnet50-half", "n_val": 3})
    assert read_recipe(path, Recipe()) == recipe
    of_detector = DetectorRecipe(n_epochs=2, kind="retinanet")
    assert read_recipe(written(tmp_path, {"recipe": asdict(of_detector)}), DetectorRecipe()) == of_detector


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("{", "recipe.json: broken JSON"),
        ("[1]", "got a list, wanted an object"),
        ({"learning_rate": 1e-3, "lr": 1}, "got learning_rate, wanted some of phases, batch_size, lr"),
        ({"lr": "0.1"}, r"lr: got '0\.1', wanted a value like 0\.0001"),
        ({"lr": True}, "lr: got True"),
        ({"batch_size": 1.5}, r"batch_size: got 1\.5, wanted a value like 24"),
        ({"metric_loss": 3}, "metric_loss: got 3"),
        ({"metric_loss": "triplet"}, 'recipe.json: Got metric loss "triplet"'),
        ({"metric_loss": "supcon"}, "recipe.json: Recipe: supcon compares photos"),
        ({"lr": -1}, "recipe.json: Recipe: got rates"),
        ({"phases": 3}, "phases: got 3"),
        ({"phases": [{"n_epochs": 1}]}, "wanted objects with n_epochs, size_px and n_frozen_stages"),
        ({"phases": [{"n_epochs": "1", "size_px": 64, "n_frozen_stages": 0}]}, "n_epochs: got '1'"),
        ({"phases": [{"n_epochs": 0, "size_px": 64, "n_frozen_stages": 0}]}, "wanted positive epochs"),
    ],
    ids=str,
)
def test_what_no_recipe_has_is_refused(tmp_path: Path, told: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_recipe(written(tmp_path, told), Recipe())


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.json"):
        read_recipe(tmp_path / "none.json", Recipe())
