"""Asking verifiers about a crop: only for pairs that are both in question, only sure ones, and never all away."""

from __future__ import annotations

import numpy as np
import pytest

from facings.catalog import Product
from facings.second_look import SecondLook
from facings.twin_check import KnownPair, TwinCheck
from facings.twin_verifier import TwinVerifier
from facings.types import Candidate, Decision, Image, Recognition
from look_alikes import FakeCells
from pixel_readers import PixelCodes

RED, GREEN, GRAY = ((220, 10, 10), (10, 220, 10), (90, 90, 90))
PAIR = ("cola", "lime")


def known(
    first: str, second: str, *, n_wrong: int = 1, weight: tuple[float, ...] = (1.0, -1.0, 0.0, 0.0, 0.0, 0.0)
) -> KnownPair:
    """Red pictures are the first, green ones the second, by ten photos each that said ±0.5."""
    signs = np.repeat([1.0, -1.0], 10)
    verifier = TwinVerifier(np.array(weight), 0.0, 0.5 * signs, signs, n_wrong, 3)
    return KnownPair(first, second, np.arange(1, 21), verifier)


class Bench:
    """A check that knows pairs."""

    def __init__(self, *pairs: KnownPair) -> None:
        self.network, self.n_loaded, self.n_opened = FakeCells(), 0, 0
        self._pairs = pairs
        self.check = TwinCheck(self._load, self._open)

    def _load(self) -> tuple[KnownPair, ...]:
        self.n_loaded += 1
        return self._pairs

    def _open(self) -> FakeCells:
        self.n_opened += 1
        return self.network

    def left(self, color: tuple[int, int, int], *skus: str) -> tuple[str, ...] | None:
        """Which candidates it leaves of a picture of one color."""
        crop = np.full((20, 30, 3), color, np.uint8)
        found = self.check.look(crop, [Candidate(sku, 0.9, 0) for sku in skus])
        return None if found is None else found.skus


@pytest.mark.parametrize(("color", "left"), [(RED, ("cola",)), (GREEN, ("lime",)), (GRAY, None)])
def test_a_pair_in_question(color: tuple[int, int, int], left: tuple[str, ...] | None) -> None:
    assert Bench(known(*PAIR)).left(color, *PAIR) == left


def test_what_it_says_in_words() -> None:
    crop = np.full((20, 30, 3), RED, np.uint8)
    found = Bench(known(*PAIR)).check.look(crop, [Candidate("lime", 0.9, 0), Candidate("cola", 0.9, 0)])
    assert found is not None
    assert (found.source, found.value, found.effect) == ("cells", "cola", "unused")
    assert found.words == (
        "seen closely it is like cola, not lime (19 of 20 reference photos told apart when left out)"
    )


def test_others_in_question_stay() -> None:
    assert Bench(known(*PAIR)).left(GREEN, "tea", "cola", "lime") == ("tea", "lime")


def test_nothing_is_seen_closely_without_a_pair() -> None:
    bench = Bench(known(*PAIR))
    assert bench.left(RED, "cola", "tea") is None
    assert bench.left(RED, "lime") is None
    assert (bench.n_opened, bench.network.n_shown) == (0, 0)


def test_network_and_pairs_are_fetched_once() -> None:
    bench = Bench(known(*PAIR))
    for color in (RED, GREEN, RED):
        bench.left(color, *PAIR)
    assert (bench.n_loaded, bench.n_opened, bench.network.n_shown) == (1, 1, 3)


def test_a_verifier_that_is_worse_than_the_embedding_is_not_asked() -> None:
    bench = Bench(known(*PAIR, n_wrong=4))
    assert bench.left(RED, *PAIR) is None
    assert bench.n_opened == 0


def test_verdicts_in_a_circle_say_nothing() -> None:
    circle = [known("a", "b"), known("b", "c"), known("c", "a")]
    assert Bench(*circle).left(RED, "a", "b", "c") is None
    assert Bench(*circle[:2]).left(RED, "a", "b", "c") == ("a",)


def test_the_second_look_asks_while_the_answer_is_open() -> None:
    bench = Bench(known(*PAIR))
    products = {sku: Product(sku) for sku in PAIR}
    look = SecondLook(PixelCodes(), None, lambda: products, twins=bench.check)
    pixels = np.full((64, 128, 3), RED, np.uint8)
    pixels[:, 64:] = GREEN
    candidates = tuple(Candidate(sku, 0.9, 0) for sku in PAIR)
    boxes = ((0.0, 0.0, 64.0, 64.0), (64.0, 0.0, 128.0, 64.0), (0.0, 0.0, 64.0, 64.0))
    before = [Recognition(box, 1.0, Decision("ambiguous", None, candidates)) for box in boxes[:2]]
    before.append(Recognition(boxes[2], 1.0, Decision("accepted", "lime", candidates)))
    after = look.look(Image(pixels, "", "photo"), before)
    assert [(r.decision.verdict, r.decision.sku) for r in after] == [
        ("accepted", "cola"),
        ("accepted", "lime"),
        ("accepted", "lime"),
    ]
    assert [piece.effect for piece in after[0].evidence] == ["decides"]
    assert bench.network.n_shown == 2
