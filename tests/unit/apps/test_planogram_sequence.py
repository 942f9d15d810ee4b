"""Alignment of sequences, against sums worked by hand and against every possible alignment."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facings.apps.planogram_sequence import align


def gains(planned: str, seen: str) -> Any:
    return np.array([[10 if p == s else -6 for s in seen] for p in planned], np.int64).reshape(len(planned), len(seen))


def costs(text: str, cost: int = 4) -> Any:
    return np.full(len(text), cost, np.int64)


@pytest.mark.parametrize(
    ("planned", "seen", "score", "pairs"),
    [
        pytest.param("ABC", "ABC", 30, [(0, 0), (1, 1), (2, 2)], id="the same"),
        pytest.param("ABC", "AC", 16, [(0, 0), (2, 1)], id="one missing: 2 × 10 − 4"),
        pytest.param("AC", "ABC", 16, [(0, 0), (1, 2)], id="one too many: 2 × 10 − 4"),
        pytest.param("ABC", "AXC", 14, [(0, 0), (1, 1), (2, 2)], id="another: 10 − 6 + 10, not 20 − 8"),
        pytest.param("ABCD", "ACBD", 22, [(0, 0), (1, 2), (3, 3)], id="swapped: 3 × 10 − 2 × 4"),
        pytest.param("", "AB", -8, [], id="nothing planned"),
        pytest.param("AB", "", -8, [], id="nothing seen"),
        pytest.param("", "", 0, [], id="nothing at all"),
    ],
)
def test_by_hand(planned: str, seen: str, score: int, pairs: list[tuple[int, int]]) -> None:
    found = align(gains(planned, seen), costs(planned), costs(seen))
    assert found.score == score
    assert list(found.pairs) == pairs


def test_ends_of_the_plan_cost_nothing_where_they_may_lie_outside() -> None:
    found = align(gains("ABCDEFG", "CDF"), costs("ABCDEFG"), costs("CDF"), has_free_ends=True)
    assert found.score == 3 * 10 - 4  # E is between, so it costs; A, B and G do not
    assert found.pairs == ((2, 0), (3, 1), (5, 2))


def test_each_item_has_its_own_cost() -> None:
    planned_cost = np.array([0, 4], np.int64)
    assert align(gains("AB", "B"), planned_cost, costs("B")).score == 10
    assert align(gains("BA", "B"), planned_cost, costs("B")).score == 10 - 4


words = st.text("ABC", max_size=6)


@settings(max_examples=60, deadline=None)
@given(words, words, st.booleans())
def test_no_alignment_is_better(planned: str, seen: str, has_free_ends: bool) -> None:
    gain, planned_cost, seen_cost = gains(planned, seen), np.arange(len(planned)), np.arange(len(seen)) + 2

    @cache
    def best(i: int, j: int) -> int:
        """Of the first i planned and j seen items, by trying everything."""
        if i == 0 and j == 0:
            return 0
        tried = []
        if i and j:
            tried.append(best(i - 1, j - 1) + int(gain[i - 1, j - 1]))
        if i:
            tried.append(best(i - 1, j) - (0 if has_free_ends and j == 0 else int(planned_cost[i - 1])))
        if j:
            tried.append(best(i, j - 1) - int(seen_cost[j - 1]))
        return max(tried)

    ends = range(len(planned) + 1) if has_free_ends else [len(planned)]
    found = align(gain, planned_cost, seen_cost, has_free_ends=has_free_ends)
    assert found.score == max(best(end, len(seen)) for end in ends)
    assert list(found.pairs) == sorted(found.pairs)
    planned_of, seen_of = [i for i, _ in found.pairs], [j for _, j in found.pairs]
    assert len(set(planned_of)) == len(planned_of)
    assert len(set(seen_of)) == len(seen_of)
    inner = range(planned_of[0], planned_of[-1]) if planned_of else range(0)
    left_out = set(inner if has_free_ends else range(len(planned))) - set(planned_of)
    lost = sum(int(planned_cost[i]) for i in left_out) + sum(
        int(seen_cost[j]) for j in set(range(len(seen))) - set(seen_of)
    )
    assert found.score == sum(int(gain[i, j]) for i, j in found.pairs) - lost
