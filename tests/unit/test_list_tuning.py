"""How many lists are enough: by hand, and never more than there are."""

from __future__ import annotations

import numpy as np
import pytest

from facings.adapters.list_tuning import enough_lists, queries_near
from facings.types import IntArray


@pytest.mark.parametrize(
    ("n_found", "enough"),
    [
        pytest.param({4: 100}, 4, id="four at the least"),
        pytest.param({4: 98, 8: 99}, 8, id="one of a hundred may be missed"),
        pytest.param({4: 0, 8: 50, 16: 98}, 20, id="all"),
    ],
)
def test_lists_are_doubled_until_nearly_all_is_found(n_found: dict[int, int], enough: int) -> None:
    wanted = np.arange(100).reshape(10, 10)

    def look(n_probes: int) -> IntArray:
        return np.where(wanted < n_found[n_probes], wanted, -1)

    assert enough_lists(look, wanted, 20) == enough


def test_a_single_list_is_looked_through() -> None:
    assert enough_lists(lambda _: np.zeros((1, 1), np.int64), np.zeros((1, 1), np.int64), 1) == 1


def test_queries_stand_at_their_cosine() -> None:
    rows = np.eye(4096, dtype=np.float32)[:20]
    queries = queries_near(rows)
    assert (queries * rows).sum(1) == pytest.approx(0.8, abs=0.05)
    assert np.linalg.norm(queries, axis=1) == pytest.approx(1, abs=0.05)
    assert (queries == queries_near(rows)).all()
