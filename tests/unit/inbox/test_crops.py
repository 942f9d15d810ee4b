"""What the inbox's events come to, and which boxes are the same crop; worked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from facings.errors import BadInput
from facings.gallery import Box
from facings.inbox.crops import Event, KeptCrop, Proposal, Standing, iou, refuse_step, same_crop, standings

NAMED = Event("named", (1, 2, 3), "ann", "milk", enrolled=(1, 2), event_id=1)
DISMISSED = Event("dismissed", (4,), "bob", event_id=2)
PROPOSED = Event("proposed", (1, 4), "barcode", "tea", "EAN-13", event_id=3)
RESTORED = Event("restored", (4,), "ann", event_id=4)
MILK = Standing("named", 1, "milk", "ann")
TEA = Proposal("tea", "EAN-13", None)
BOX: Box = (0.0, 0.0, 10.0, 10.0)


@pytest.mark.parametrize(
    ("events", "live", "wanted"),
    [
        pytest.param([], set(), {}, id="nothing was said"),
        pytest.param([NAMED], {(1, "milk"), (2, "milk")}, {1: MILK, 2: MILK, 3: MILK}, id="named"),
        pytest.param([NAMED], {(2, "milk")}, {1: Standing(), 2: MILK, 3: MILK}, id="one reference went"),
        pytest.param([NAMED], set(), {1: Standing(), 2: Standing(), 3: Standing()}, id="all went"),
        pytest.param(
            [NAMED], {(1, "tea"), (3, "milk")}, dict.fromkeys((1, 2, 3), Standing()), id="others do not count"
        ),
        pytest.param([DISMISSED], {(4, "milk")}, {4: Standing("dismissed", 2, author="bob")}, id="dismissed"),
        pytest.param([DISMISSED, RESTORED], set(), {4: Standing()}, id="and back"),
        pytest.param([PROPOSED], set(), {1: Standing(proposal=TEA), 4: Standing(proposal=TEA)}, id="proposed"),
        pytest.param(
            [PROPOSED, NAMED, DISMISSED],
            {(1, "milk")},
            {1: MILK, 2: Standing(), 3: MILK, 4: Standing("dismissed", 2, author="bob")},
            id="settled: no proposal any more",
        ),
        pytest.param(
            [PROPOSED, DISMISSED, RESTORED], set(), {1: Standing(proposal=TEA), 4: Standing()}, id="nor after"
        ),
    ],
)
def test_standings(events: list[Event], live: set[tuple[int, str]], wanted: dict[int, Standing]) -> None:
    assert standings(events, live) == wanted


def test_a_later_proposal_takes_the_place_of_an_earlier_one() -> None:
    later = Event("proposed", (1,), "barcode", "rice", "EAN-8")
    assert standings([PROPOSED, later], set())[1].proposal == Proposal("rice", "EAN-8", None)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"crop_ids": ()}, id="no crop"),
        pytest.param({"author": " "}, id="nobody"),
        pytest.param({"sku": ""}, id="named without a product"),
        pytest.param({"action": "dismissed"}, id="dismissed with a product"),
        pytest.param({"note": "two\nlines"}, id="line break"),
        pytest.param({"author": "a\x00b"}, id="what no database takes"),
        pytest.param({"enrolled": (9,)}, id="enrolled without being named"),
    ],
)
def test_an_event_says_who_and_what(fields: dict[str, Any]) -> None:
    plain: dict[str, Any] = {"action": "named", "crop_ids": (1,), "author": "ann", "sku": "milk"}
    with pytest.raises(BadInput):
        Event(**{**plain, **fields})


def test_only_open_crops_can_be_settled() -> None:
    refuse_step(NAMED, {4: Standing("dismissed")})
    refuse_step(RESTORED, {4: Standing("dismissed")})
    with pytest.raises(BadInput, match=r"Crop 2 was named 'rice' by eve; nothing was changed"):
        refuse_step(NAMED, {2: Standing("named", 7, "rice", "eve")})


@pytest.mark.parametrize(
    ("other", "wanted"),
    [
        pytest.param((0, 0, 10, 10), 1.0, id="the same"),
        pytest.param((5, 0, 15, 10), 50 / 150, id="half aside"),
        pytest.param((0, 0, 5, 5), 25 / 100, id="a quarter of it"),
        pytest.param((10, 0, 20, 10), 0.0, id="side by side"),
        pytest.param((20, 20, 30, 30), 0.0, id="apart both ways"),
        pytest.param((3, 3, 3, 9), 0.0, id="no area"),
    ],
)
def test_iou(other: Box, wanted: float) -> None:
    assert iou(BOX, other) == pytest.approx(wanted)
    assert iou(other, BOX) == pytest.approx(wanted)


def test_iou_of_nothing_with_itself_is_nothing() -> None:
    assert iou((3, 3, 3, 3), (3, 3, 3, 3)) == 0.0


def test_the_same_crop_is_the_one_that_overlaps_most() -> None:
    kept = [KeptCrop(n, "a", box, "") for n, box in enumerate([(2, 0, 12, 10), (1, 0, 11, 10), (30, 0, 40, 10)])]
    found = same_crop(BOX, kept)
    assert found
    assert found.crop_id == 1
    assert same_crop((60, 0, 70, 10), kept) is None
    assert same_crop(BOX, []) is None
    exact = same_crop((2, 0, 12, 10), kept)
    assert exact
    assert exact.crop_id == 0
    # 10 × 10 and 10 × 5 of it: an IoU of exactly one half is enough, a little less is not.
    assert same_crop(BOX, [KeptCrop(5, "a", (0, 0, 10, 5), "")])
    assert same_crop(BOX, [KeptCrop(5, "a", (0, 0, 10, 4.99), "")]) is None
