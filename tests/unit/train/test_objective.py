"""The loss, worked by hand on two products."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from facings.manifest import LabelledPhoto
from facings.train.dataset import TrainingSet, build_training_set

torch = pytest.importorskip("torch", reason="needs the train extra")

from facings.train.objective import Objective  # noqa: E402
from facings.train.recipe import Recipe  # noqa: E402

pytestmark = pytest.mark.torch

PLAIN = Recipe(label_smoothing=0.0, category_weight=0.0)


@pytest.fixture
def data(toys: list[LabelledPhoto], toys_to_check: list[LabelledPhoto], tmp_path: Path) -> TrainingSet:
    """Cherry, lime, pear, plum; lime is a citrus. Two photos of lime, six of each other."""
    few = [photo for photo in toys if photo.label != "lime"] + [photo for photo in toys if photo.label == "lime"][:2]
    return build_training_set(few, toys_to_check, cache_root=tmp_path / "cache", shorter_side_px=40, seed=0)


def loss(recipe: Recipe, data: TrainingSet, target: int) -> float:
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.15, 0.1]]))  # the probabilities of the four products
    return float(Objective(recipe, data, 3)(torch.zeros(1, 3), logits, torch.tensor([target])))


def test_a_product_costs_the_logarithm_of_its_probability(data: TrainingSet) -> None:
    assert loss(PLAIN, data, 0) == pytest.approx(math.log(2))
    assert loss(PLAIN, data, 3) == pytest.approx(math.log(10))


def test_a_category_is_as_probable_as_its_products_together(data: TrainingSet) -> None:
    recipe = replace(PLAIN, category_weight=0.5)
    assert loss(recipe, data, 1) == pytest.approx(1.5 * math.log(4))  # citrus is lime alone
    assert loss(recipe, data, 0) == pytest.approx(math.log(2) + 0.5 * math.log(1 / 0.75))  # cherry, pear, plum


def test_rare_products_weigh_more_and_photos_one_on_average(data: TrainingSet) -> None:
    # 6 photos of three products and 2 of one: full balance weighs them 20/4/6 and 20/4/2. One photo alone is divided
    # by its own weight (the mean of cross_entropy), so two are looked at together.
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.15, 0.1], [0.5, 0.25, 0.15, 0.1]]))
    objective = Objective(replace(PLAIN, balance=1.0), data, 3)
    both = float(objective(torch.zeros(2, 3), logits, torch.tensor([0, 1])))
    assert both == pytest.approx((math.log(2) / 6 + math.log(4) / 2) / (1 / 6 + 1 / 2))


def test_mixed_photos_count_for_both_by_share(data: TrainingSet) -> None:
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.15, 0.1]]))
    own, other = torch.tensor([0]), torch.tensor([1])
    got = float(Objective(PLAIN, data, 3).mixed(torch.zeros(1, 3), logits, own, other, 0.75))
    assert got == pytest.approx(0.75 * math.log(2) + 0.25 * math.log(4))
