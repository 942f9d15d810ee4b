"""What is judged and how odd it is, on maps made by hand: a pack of 40 by 30 places around which nothing is known."""

from __future__ import annotations

import numpy as np
import pytest

from facings.apps.pack_comparator import Beside
from facings.apps.pack_inspection import LEAST_JUDGED_FRAC, Inspection, inspect
from facings.apps.pack_look import GenuineMaps, Looked, Vouching
from facings.apps.pack_maps import PLACE_PX, PackMaps
from facings.apps.registration import Registration
from facings.types import FloatArray

SHAPE = (50, 40)
BOX = (8, 4, 8 + SHAPE[1] * PLACE_PX, 4 + SHAPE[0] * PLACE_PX)
PACK = (slice(5, 45), slice(5, 35))
GRAY = np.full((SHAPE[0] * PLACE_PX, SHAPE[1] * PLACE_PX, 3), 128, np.uint8)


class Says:
    """A comparator that says the same of every picture.

    Args:
        logits: float32 (h, w); what it says, None for "genuine" everywhere.
    """

    network_id = "says"

    def __init__(self, logits: FloatArray | None = None) -> None:
        self._logits = logits

    def compare(self, beside: Beside) -> FloatArray:
        shape = beside.is_seen.shape[1:]
        return np.full(shape, -50, np.float32) if self._logits is None else self._logits


def inspected(*differences: FloatArray, logits: FloatArray | None = None) -> Inspection:
    """A picture that lies straight over as many genuine photos, each of which vouches for the pack."""
    is_vouched = np.zeros(SHAPE, bool)
    is_vouched[PACK] = True
    expected = np.full((3, *SHAPE), 0.1, np.float32)
    corners = np.array([[5, 5], [35, 5], [35, 45], [5, 45]]) * PLACE_PX + np.array(BOX[:2])
    fit = Registration(np.eye(3), np.hstack([corners, corners]).astype(np.float32), 0.5)
    seen = np.ones(SHAPE, bool)
    numbers = range(len(differences))
    maps = {k: PackMaps(d, seen) for k, d in enumerate(differences)}
    looked = Looked(dict.fromkeys(numbers, fit), BOX, GRAY, dict.fromkeys(numbers, GRAY), maps)
    vouching = Vouching(BOX, GenuineMaps(is_vouched, expected))
    return inspect(looked, dict.fromkeys(numbers, vouching), Says(logits))


def genuine() -> FloatArray:
    """Print that fits, and nothing that fits around the pack."""
    differences = np.full((3, *SHAPE), 2.0, np.float32)
    differences[:, *PACK] = 0.1
    return differences


def with_print(rows: slice, columns: slice, value: float = 0.9) -> FloatArray:
    differences = genuine()
    differences[0, rows, columns] = value
    return differences


def test_a_genuine_pack_is_judged_but_for_its_rim() -> None:
    found = inspected(genuine(), genuine())
    assert found.is_judged.sum() == 38 * 28
    assert found.judged_frac == pytest.approx(38 * 28 / (40 * 30))
    assert found.is_enough
    assert found.scores == pytest.approx([0, 0, 0, 0], abs=1e-6)


def test_what_differs_inside_is_odd_and_marked() -> None:
    odd = with_print(slice(20, 25), slice(15, 20))
    found = inspected(odd, odd)
    assert found.scores[0] == pytest.approx(0.9 - 0.1)
    assert found.is_judged[22, 17]
    x1, y1, x2, y2 = found.spot(0)
    assert (x1 + x2) / 2 == pytest.approx(BOX[0] + 17.5 * PLACE_PX, abs=2 * PLACE_PX)
    assert (y1 + y2) / 2 == pytest.approx(BOX[1] + 22.5 * PLACE_PX, abs=2 * PLACE_PX)


def test_what_one_genuine_photo_shows_as_well_is_not_odd() -> None:
    assert inspected(with_print(slice(20, 25), slice(15, 20)), genuine()).scores[0] == pytest.approx(0, abs=1e-6)


def test_what_hangs_together_with_the_outside_is_covered() -> None:
    hand = with_print(slice(20, 28), slice(0, 20))
    found = inspected(hand, hand)
    assert not found.is_judged[24, 10]
    assert found.scores[0] == pytest.approx(0, abs=1e-6)
    assert found.is_enough


def test_what_the_network_doubts_counts_also_where_a_hand_may_be() -> None:
    hand, logits = with_print(slice(20, 28), slice(0, 20)), np.full(SHAPE, -50, np.float32)
    logits[23:26, 9:12], logits[0:5, 0:5] = 4, 9  # under what may be a hand; off the pack, where nobody vouches
    found = inspected(hand, hand, logits=logits)
    assert not found.is_judged[24, 10]
    assert found.scores == pytest.approx([0, 0, 0, np.log1p(np.exp(4 + 6))], abs=1e-6)
    x1, y1, x2, y2 = found.spot(3)
    assert (x1 + x2) / 2 == pytest.approx(BOX[0] + 10.5 * PLACE_PX)
    assert (y1 + y2) / 2 == pytest.approx(BOX[1] + 24.5 * PLACE_PX)


def test_a_pack_mostly_covered_is_not_enough() -> None:
    hand = with_print(slice(0, 40), slice(0, 40))
    found = inspected(hand, hand)
    assert found.judged_frac < LEAST_JUDGED_FRAC
    assert not found.is_enough


def test_light_of_the_whole_photo_is_taken_off_but_print_is_not() -> None:
    differences = genuine()
    differences[:, *PACK] = 0.3
    found = inspected(differences, differences)
    assert found.scores == pytest.approx([0.2, 0, 0, 0], abs=1e-5)


def test_nothing_vouched_for_is_nothing_judged() -> None:
    fit = Registration(np.eye(3), np.zeros((4, 4), np.float32), 0.5)
    nothing = GenuineMaps(np.zeros(SHAPE, bool), np.zeros((3, *SHAPE), np.float32))
    looked = Looked({7: fit}, BOX, GRAY, {7: GRAY}, {7: PackMaps(genuine(), np.ones(SHAPE, bool))})
    found = inspect(looked, {7: Vouching(BOX, nothing)}, Says())
    assert not found.is_enough
    assert found.judged_frac == 0
