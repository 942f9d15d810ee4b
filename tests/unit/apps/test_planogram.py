"""A photo against its plan: worked by hand, and as properties over views, gaps and order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facings.apps.planogram import check_planogram
from facings.apps.planogram_plan import Plan
from facings.apps.planogram_todo import tasks
from facings.apps.planogram_verdicts import Compliance
from facings.errors import BadInput
from facings.types import PhotoError, PhotoResult
from planned_shelf import SIZE_PX, Unit, box_of, photo_of, plan_of, straight, tilted, units_of

SHELVES = ("AAABBCCCD", "EEFFGGHHII", "JKLMNOPQRS")
WIDTHS = {"A": 7.0, "D": 16.0, "E": 6.0, "K": 14.0}
PLAN = plan_of(*SHELVES, widths=WIDTHS)
UNITS = units_of(PLAN, {"A": 8.0, "F": 26.0, "K": 10.0})
shifts = st.lists(st.floats(0, 0.1), min_size=8, max_size=8)


def check(*seen: str, plan: Sequence[str] = SHELVES, pitch: float = 32.0) -> Compliance:
    """A plan against rows such as "AA BBCCC?": a letter a facing of 10 cm, a space for an empty place, "?" unknown."""
    units = [
        Unit(letter.replace("?", ""), 10.0 * n + 5, (row + 1) * pitch, 9.4, 20.0)
        for row, text in enumerate(seen)
        for n, letter in enumerate(text)
        if letter != " "
    ]
    every = units_of(plan_of(*plan), pitch=pitch)
    return check_planogram(plan_of(*plan), photo_of(units, straight(every)))


def states(compliance: Compliance) -> dict[str, str]:
    """Position → status, of those that are not in place."""
    return {p.position.position_id: p.status for p in compliance.positions if p.status != "in_place"}


def n_missing(compliance: Compliance) -> int:
    return sum(p.n_missing for p in compliance.asked)


def test_a_shelf_as_planned() -> None:
    found = check(*SHELVES)
    assert (found.score, found.strict_score, found.extras, tasks(found)) == (1.0, 1.0, (), ())


def test_one_block_missing() -> None:
    found = check("AAA  CCCD", *SHELVES[1:])
    assert states(found) == {"1.2": "missing"}
    assert found.score == 27 / 29  # two B of 29 facings
    # 19 positions: B itself, and A and C, which have lost their neighbor.
    assert found.strict_score == pytest.approx(16 / 19)
    (task,) = tasks(found)
    assert (task.kind, task.sku, task.shelf, task.position, task.n_planned, task.n_seen) == (
        "missing",
        "B",
        1,
        "1.2",
        2,
        0,
    )


def test_a_facing_too_few() -> None:
    found = check("AA BBCCCD", *SHELVES[1:])
    assert states(found) == {"1.1": "wrong_facings"}
    (task,) = tasks(found)
    assert (task.kind, task.n_planned, task.n_seen, task.words) == ("too_few", 3, 2, "Add 1 facing.")


def test_a_facing_too_many_lowers_the_strict_score_alone() -> None:
    found = check("JKLMNOPQRS", "EEFFGGHHII", "AAABBBCCCD", plan=("JKLMNOPQRS", "EEFFGGHHII", "AAABBCCCD"))
    assert found.score == 1.0
    assert states(found) == {"3.2": "wrong_facings"}
    assert [p.n_seen for p in found.positions if p.position.sku == "B"] == [3]
    (task,) = tasks(found)
    assert (task.kind, task.words) == ("too_many", "Take 1 facing away.")
    assert found.strict_score < 1


def test_two_neighbors_swapped() -> None:
    found = check(*SHELVES[:2], "JKLNMOPQRS")
    assert found.score == 28 / 29
    ((position, status),) = states(found).items()
    assert status == "misplaced"
    assert position in {"3.4", "3.5"}
    assert found.extras == ()
    assert n_missing(found) == 0


def test_moved_to_another_shelf() -> None:
    found = check("AAABBCCCDO", SHELVES[1], "JKLMN PQRS")
    assert states(found) == {"3.6": "misplaced"}
    (task,) = tasks(found)
    assert (task.kind, task.sku, task.words) == ("misplaced", "O", "Bring it back from shelf 1, after 1.4.")
    x1, _, x2, _ = found.sightings[task.boxes[0]].box
    assert (x1 + x2) / 2 == pytest.approx(1600 * 100 / 109.7, abs=1)  # at 95 cm, in a photo from −5 to 104.7 cm


def test_another_product_in_a_place() -> None:
    found = check("AAABBCCCD", "EEFFGGHHII", "JKLMNXPQRS")
    assert states(found) == {"3.6": "missing"}
    assert [(e.sku, e.is_planned) for e in found.extras] == [("X", False)]
    first, second = tasks(found)
    assert (first.kind, first.words) == ("missing", "Fill its place. There stands X.")
    assert (second.kind, second.words) == ("extra", "Take it away from shelf 3, place of 3.6: it is not in the plan.")


def test_a_second_one_of_a_product_that_is_complete_is_extra() -> None:
    found = check("AAABBCCCD", "EEFFGGHHII", "JKLMNJPQRS")
    assert [(e.sku, e.is_planned) for e in found.extras] == [("J", True)]
    assert tasks(found)[1].words == "Take it away from shelf 3, place of 3.6: its own place needs none."


def test_what_could_not_be_told_is_not_called_missing() -> None:
    found = check("AAABBCCCD", "EEFFGGHHII", "JKLMN?PQRS")
    assert states(found) == {"3.6": "unknown"}
    assert n_missing(found) == 0
    assert found.score == 28 / 29
    assert [(t.kind, t.sku) for t in tasks(found)] == [("unknown", "O")]


def test_a_candidate_counts_and_is_said() -> None:
    units = [replace(u, sku="X|O") if u.sku == "O" else u for u in UNITS]
    found = check_planogram(PLAN, photo_of(units))
    assert found.score == 1.0
    (position,) = [p for p in found.positions if p.n_candidates]
    assert (position.position.sku, position.status) == ("O", "in_place")


def test_an_ambiguous_box_without_the_planned_product_is_unknown() -> None:
    units = [replace(u, sku="X|Y") if u.sku == "O" else u for u in UNITS]
    assert states(check_planogram(PLAN, photo_of(units))) == {"3.6": "unknown"}


def test_an_empty_shelf_between_others() -> None:
    found = check("AAABBCCCD", "", "JKLMNOPQRS")
    assert states(found) == {f"2.{n}": "missing" for n in range(1, 6)}
    assert n_missing(found) == 10
    place = next(p for p in found.positions if p.position.sku == "E").places[0]
    assert place is not None
    true = box_of(Unit("E", 5.0, 64.0, 9.4, 20.0), straight(units_of(plan_of(*SHELVES))))
    assert place == pytest.approx(true, abs=12)


def test_the_place_of_a_missing_product_is_between_its_neighbors() -> None:
    found = check("AAABBCCCD", "EEFFGGHHII", "JKL NOPQRS")
    (place,) = next(p for p in found.positions if p.position.sku == "M").places
    true = box_of(Unit("M", 35.0, 96.0, 10.0, 20.0), straight(units_of(plan_of(*SHELVES))))
    assert place == pytest.approx(true, abs=6)


def test_nothing_seen_is_all_missing() -> None:
    found = check("", "", "")
    assert found.score == 0.0
    assert n_missing(found) == 29
    assert not found.match.is_located
    assert all(place is None for p in found.positions for place in p.places)


def test_a_photo_of_another_shelf_is_said() -> None:
    found = check("uvwxyzuvw", "uvwxyzuvw", "uvwxyzuvw")
    assert found.score == 0.0
    assert not found.match.is_located


def test_a_position_of_an_unknown_product_is_asked_for_nowhere() -> None:
    rows = tuple(tuple(replace(p, is_known=p.sku != "O") for p in row) for row in PLAN.rows)
    found = check_planogram(Plan(rows), photo_of([u for u in UNITS if u.sku != "O"]))
    assert states(found) == {"3.6": "not_in_catalog"}
    assert (found.score, found.n_planned) == (1.0, 28)
    assert found.strict_score == pytest.approx(16 / 18)
    assert n_missing(found) == 0


def test_a_photo_that_failed_is_refused() -> None:
    with pytest.raises(BadInput, match="not an image"):
        check_planogram(PLAN, PhotoResult("a.jpg", 0, 0, (), PhotoError("bad_image", "not an image")))


def test_json_is_json() -> None:
    found = check("AAA  CCCDO", "EEFFGGHHIX", "JKLMN ?QRS")
    told = json.loads(json.dumps(found.to_json()))
    assert told["n_planned"] == 29
    assert {p["position"]: p["status"] for p in told["positions"]}["1.2"] == "missing"
    assert [f["id"] for f in told["positions"][1]["facings"]] == ["1.2.1", "1.2.2"]
    assert [f["box"] for f in told["positions"][1]["facings"]] == [None, None]


@settings(max_examples=20, deadline=None)
@given(shifts)
def test_a_plan_kept_is_kept_from_every_view(tilt: list[float]) -> None:
    found = check_planogram(PLAN, photo_of(UNITS, tilted(UNITS, tilt)))
    assert (found.score, found.strict_score, found.extras) == (1.0, 1.0, ())


@settings(max_examples=20, deadline=None)
@given(shifts, st.sets(st.integers(0, len(UNITS) - 1), max_size=10))
def test_as_many_are_missing_as_were_taken_away(tilt: list[float], gone: set[int]) -> None:
    left = [unit for n, unit in enumerate(UNITS) if n not in gone]
    found = check_planogram(PLAN, photo_of(left, tilted(UNITS, tilt)))
    assert n_missing(found) == len(gone)
    assert found.extras == ()
    by_sku = {p.position.sku: p.n_missing for p in found.positions if p.n_missing}
    skus = [UNITS[n].sku for n in gone]
    assert by_sku == {sku: skus.count(sku) for sku in skus}


@settings(max_examples=20, deadline=None)
@given(shifts, st.integers(0, 10_000))
def test_order_of_the_boxes_does_not_matter(tilt: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    units = [unit for unit in UNITS if rng.random() > 0.15]
    units += [replace(UNITS[4], sku="X", bottom=UNITS[-1].bottom, x=UNITS[-1].x + 14)]
    photo = photo_of(units, tilted(UNITS, tilt))
    order = rng.permutation(len(photo.recognitions))
    shuffled = replace(photo, recognitions=tuple(photo.recognitions[n] for n in order))
    one, other = check_planogram(PLAN, photo), check_planogram(PLAN, shuffled)
    assert one.to_json() | {"extras": None} == other.to_json() | {"extras": None}
    assert sorted(map(str, one.to_json()["extras"])) == sorted(map(str, other.to_json()["extras"]))
    assert one.to_json() == check_planogram(PLAN, photo).to_json()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 3), st.integers(5, 9), shifts)
def test_a_part_of_a_shelf_asks_for_that_part_alone(first: int, n_columns: int, tilt: list[float]) -> None:
    """A photo of some of ten bays: nothing outside of it is called missing, what is taken from inside is."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    plan = plan_of(letters[:17], letters[17:34], letters[34:51])
    units = units_of(plan)
    left, right = 20.0 * first, 20.0 * first + 10.0 * n_columns
    inside = [u for u in units if left <= u.x <= right]
    moved = [replace(u, x=u.x - left) for u in units]
    view = tilted([u for u in moved if 0 <= u.x <= right - left], tilt)
    gone = inside[len(inside) // 2]
    photo = photo_of([u for n, u in enumerate(moved) if units[n] != gone], view, SIZE_PX)
    found = check_planogram(plan, photo)
    assert found.match.is_located
    missing = {p.position.sku for p in found.asked if p.n_missing}
    assert gone.sku in missing
    at_edge = {u.sku for u in units if min(abs(u.x - left), abs(u.x - right)) <= 25}  # half seen: either is right
    assert missing - at_edge <= {gone.sku}
    assert found.extras == ()
