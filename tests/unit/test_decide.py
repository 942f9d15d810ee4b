"""Step 6: accepted, ambiguous or unknown, with reasons, and never more than can be promised."""

from __future__ import annotations

import numpy as np
import pytest

from facings.calibrate import COVERAGE, Calibration
from facings.conformal import product_sample
from facings.decide import N_COMPARED, NOTHING_ENROLLED, Promise, decide, rank
from facings.errors import ConfigInvalid
from facings.likeness import Whitening
from facings.types import Candidate, Decision, FloatArray, Verdict

SKUS = ("milk", "rice", "tea")
MILK = np.array([1, 0, 0], np.float32)
HALF = np.array([1, 1, 0], np.float32) / np.float32(np.sqrt(2))  # as like milk as rice: 0.707 to both, no lead


def calibration(
    floors: tuple[float, ...] = (0.5, 0.5, 0.5), strangers: tuple[float, ...] = tuple(range(9))
) -> Calibration:
    """Three products on the axes of a space that is left as it is; strangers of so many tenths, one a product."""
    space = Whitening(np.zeros(3, np.float32), np.eye(3, dtype=np.float32))
    sample = product_sample(np.array(strangers) / 10, np.arange(len(strangers)))
    code_of = {sku: code for code, sku in enumerate(SKUS)}
    return Calibration(space, np.eye(3, dtype=np.float32), code_of, (sample,), np.array(floors))


def candidates(*skus: str) -> tuple[Candidate, ...]:
    return tuple(Candidate(sku, 0.9 - 0.1 * n, n) for n, sku in enumerate(skus))


def answer(row: FloatArray, share: float, known: Calibration | None = None) -> Decision:
    (decision,) = decide(row[None], [candidates(*SKUS)], known or calibration(), Promise(share))
    return decision


def test_likeness_is_similarity_and_half_the_lead() -> None:
    ranked = rank(np.array([0.6, 0.8, 0], np.float32), candidates(*SKUS), calibration())
    assert [c.sku for c in ranked.candidates] == ["rice", "milk", "tea"]
    # 0.8 + (0.8 − 0.6) / 2, 0.6 + (0.6 − 0.8) / 2, 0 + (0 − 0.8) / 2
    assert ranked.likeness == pytest.approx([0.9, 0.5, -0.4])


@pytest.mark.parametrize(
    ("row", "share", "verdict", "sku"),
    [
        # Milk's likeness is 1.5, above all nine strangers: a share of 1 / 10.
        pytest.param(MILK, 0.1, "accepted", "milk", id="as little as nine products can promise"),
        pytest.param(MILK, 0.0999, "ambiguous", None, id="less than nine products can promise"),
        # Half and half: 0.707, above strangers 0 to 7 but below 8: 2 / 10.
        pytest.param(HALF, 0.2, "accepted", "milk", id="share equal to the promise"),
        pytest.param(HALF, 0.19, "ambiguous", None, id="share above the promise"),
        pytest.param(-MILK, 0.99, "unknown", None, id="like nothing there"),
        pytest.param(-MILK, 1.0, "accepted", "rice", id="everything is accepted where everything may be"),
    ],
)
def test_verdict(row: FloatArray, share: float, verdict: Verdict, sku: str | None) -> None:
    decision = answer(row, share)
    assert (decision.verdict, decision.sku) == (verdict, sku)
    assert all(decision.reasons)


def test_an_ambiguous_answer_has_the_products_in_question_and_says_how_sure_that_is() -> None:
    decision = answer(HALF, 0.15)
    assert [c.sku for c in decision.candidates] == ["milk", "rice"]  # tea has 0 − 0.707 / 2, under its floor
    assert decision.probability == COVERAGE
    assert "2 products are in question" in decision.reasons[-1]
    assert "20.0% of photos of other products" in decision.reasons[1]


def test_one_product_may_be_in_question_alone() -> None:
    decision = answer(MILK, 0.05)
    assert (decision.verdict, [c.sku for c in decision.candidates]) == ("ambiguous", ["milk"])
    assert "5.0% false accepts cannot be promised with 9 products; 10.0% could be" in decision.reasons[1]


def test_a_product_that_is_in_question_for_none_of_the_gallery_is_unknown_with_the_nearest_ones_told() -> None:
    decision = answer(HALF, 0.1, calibration(floors=(0.8, 0.8, 0.8)))
    assert (decision.verdict, len(decision.candidates), decision.probability) == ("unknown", 3, None)
    assert "90% of photos of enrolled products look more like theirs" in decision.reasons[-1]


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        pytest.param(HALF, "ambiguous", id="liker than most strangers"),
        pytest.param(-MILK, "unknown", id="like most strangers"),
    ],
)
def test_with_one_photo_a_product_no_probability_is_stated(row: FloatArray, verdict: Verdict) -> None:
    decision = answer(row, 0.1, calibration(floors=(-np.inf, -np.inf, -np.inf)))
    assert (decision.verdict, decision.probability) == (verdict, None)
    assert len(decision.candidates) == 3
    assert "too few products have several photos" in decision.reasons[-1]


def test_no_probability_is_stated_where_more_products_than_were_compared_may_be_in_question() -> None:
    space = Whitening(np.zeros(1, np.float32), np.eye(1, dtype=np.float32))
    skus = [f"sku-{n}" for n in range(N_COMPARED)]
    alike = Calibration(
        space,
        np.ones((N_COMPARED, 1), np.float32),
        {sku: n for n, sku in enumerate(skus)},
        (product_sample(np.array([2.0]), np.array([0])),),
        np.zeros(N_COMPARED),
    )
    (decision,) = decide(np.ones((1, 1), np.float32), [candidates(*skus)], alike, Promise(0.1))
    assert (decision.verdict, decision.probability, len(decision.candidates)) == ("ambiguous", None, N_COMPARED)


@pytest.mark.parametrize(
    "several", [pytest.param((), id="no candidate"), pytest.param(("gone",), id="all were removed a moment ago")]
)
def test_nothing_to_compare_with_is_unknown(several: tuple[str, ...]) -> None:
    (decision,) = decide(MILK[None], [candidates(*several)], calibration(), Promise(1.0))
    assert (decision.verdict, decision.candidates, decision.reasons) == ("unknown", (), (NOTHING_ENROLLED,))


def test_reasons_name_similarity_likeness_and_the_runner_up() -> None:
    decision = answer(MILK, 0.5)
    assert decision.reasons[0] == ("likeness 1.500 to milk, similarity 0.900; next rice with -0.500 and 0.800")
    assert decision.reasons[1].startswith("at most 10.0% of photos of other products look as much like")


def test_no_crop_no_decision() -> None:
    assert decide(np.zeros((0, 3), np.float32), [], calibration(), Promise(0.05)) == []


@pytest.mark.parametrize("share", [0, -0.1, 1.01, float("nan")])
def test_a_promise_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ConfigInvalid, match=r"max_false_accept: got .*, wanted a share in \(0, 1\]"):
        Promise(share)


@pytest.mark.parametrize("share", [0.01, 0.03, 0.05, 0.2, 0.5])
def test_a_gallery_of_so_many_products_can_keep_the_promise_and_one_fewer_cannot(share: float) -> None:
    def least(n_products: int) -> float:
        own = np.arange(n_products)
        return product_sample(own.astype(float), own, n_compared=n_products).least

    needed = Promise(share).n_products
    assert least(needed) <= share < least(needed - 1)
