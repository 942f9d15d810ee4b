"""The card that travels inside the model file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from facings.errors import BadInput, ModelNotFound
from facings.model_card import ModelCard, Preparation

PREPARATION = Preparation(224, 256, "center-crop", "bicubic", (123.5, 116.25, 103.0), (58.5, 57.0, 57.5))
CARD = ModelCard("resnet50-half", "resnet50", 1024, PREPARATION, "BSD-2-Clause", "größe", "photos", "ab12")


def changed(**changes: Any) -> str:
    raw = json.loads(CARD.to_json())
    for name, value in changes.items():
        target = raw["preparation"] if name in raw["preparation"] else raw
        if value is None:
            del target[name]
        else:
            target[name] = value
    return json.dumps(raw)


def test_card_comes_back_as_it_was() -> None:
    again = ModelCard.from_json(CARD.to_json())
    assert again == CARD
    assert again.to_json() == CARD.to_json()
    assert isinstance(again.preparation.mean, tuple)
    assert hash(again) == hash(CARD)


def test_equal_cards_are_equal_bytes_whatever_the_order_of_fields() -> None:
    shuffled = dict(reversed(json.loads(CARD.to_json()).items()))
    assert ModelCard.from_json(json.dumps(shuffled)).to_json() == CARD.to_json()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="broken JSON"),
        pytest.param("[]", id="a list"),
        pytest.param("7", id="a number"),
        pytest.param("null", id="null"),
        pytest.param("{}", id="no fields"),
        pytest.param("[" * 100_000, id="nested beyond reason"),
        pytest.param(changed(name=None), id="name missing"),
        pytest.param(changed(mean=None), id="mean missing"),
        pytest.param(changed(mean=7), id="mean is one number"),
        pytest.param(changed(mean=["red", "green", "blue"]), id="mean in words"),
        pytest.param(changed(preparation="squash"), id="preparation is a word"),
        pytest.param(changed(fit="stretch"), id="fit that does not exist"),
        pytest.param(changed(interpolation="nearest"), id="filter that is not antialiased"),
        pytest.param(changed(input_size_px=0), id="no size"),
        pytest.param(changed(input_size_px=300), id="cut larger than the resized picture"),
        pytest.param(changed(input_size_px="224"), id="size as text"),
        pytest.param(json.dumps({**json.loads(CARD.to_json()), "mood": "fine"}), id="unknown field"),
    ],
)
def test_what_is_no_card_is_refused(text: str) -> None:
    with pytest.raises(ModelNotFound, match="Model card: cannot be read"):
        ModelCard.from_json(text)


def test_preparation_that_cannot_be_done_is_refused_when_built() -> None:
    with pytest.raises(BadInput, match="got fit 'zoom', wanted one of center-crop, squash, letterbox"):
        Preparation(8, 8, "zoom", "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="input_size_px 9 and resize_px 8"):
        Preparation(9, 8, "center-crop", "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
