"""Clusters by average linkage, against numbers worked by hand and against the plain definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facings.inbox import clusters
from facings.inbox.clusters import cluster, fold, link_similarity
from facings.types import FloatArray


def turned(*degrees: float) -> FloatArray:
    """Unit rows in the plane, so that the similarity of two is the cosine of the angle between them."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def plain(rows: FloatArray, least: float) -> list[int]:
    """The definition: as long as two groups have a mean similarity of `least` or more, the two with the most merge."""
    similarity = rows.astype(np.float64) @ rows.T.astype(np.float64)
    groups = [[i] for i in range(len(rows))]
    while len(groups) > 1:
        pairs = itertools.combinations(range(len(groups)), 2)
        means = {(a, b): similarity[np.ix_(groups[a], groups[b])].mean() for a, b in pairs}
        (a, b), best = max(means.items(), key=lambda item: item[1])
        if best < least:
            break
        groups[a] = sorted(groups[a] + groups.pop(b))
    first = {i: group[0] for group in groups for i in group}
    return [first[i] for i in range(len(rows))]


@pytest.mark.parametrize(
    ("degrees", "least", "wanted"),
    [
        pytest.param([], 0.5, [], id="none"),
        pytest.param([10], 0.5, [0], id="one"),
        pytest.param([0, 60], 0.4999, [0, 0], id="cos 60° is 0.5: enough"),
        pytest.param([0, 60], 0.5001, [0, 1], id="cos 60° is 0.5: not enough"),
        # The first two merge (cos 40° = 0.766). To the third: (cos 80° + cos 40°) / 2 = (0.174 + 0.766) / 2 = 0.470.
        pytest.param([0, 40, 80], 0.48, [0, 0, 2], id="a chain is not enough"),
        pytest.param([0, 40, 80], 0.46, [0, 0, 0], id="the mean is"),
        pytest.param([0, 180, 5, 175, 90], 0.9, [0, 1, 0, 1, 4], id="each cluster is named after its first"),
        pytest.param([0, 0, 0], 1 - 1e-6, [0, 0, 0], id="equal ones"),
        pytest.param([0, 90, 180], -1.0, [0, 0, 0], id="no limit"),
    ],
)
def test_worked_by_hand(degrees: list[float], least: float, wanted: list[int]) -> None:
    assert cluster(turned(*degrees), least).tolist() == wanted


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 12), st.integers(0, 2**32 - 1), st.floats(-0.5, 0.95))
def test_agrees_with_the_definition(n: int, seed: int, least: float) -> None:
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(3, 4))
    rows = centers[rng.integers(0, 3, n)] + 0.6 * rng.normal(size=(n, 4))
    unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32).reshape(n, 4)
    assert cluster(unit, least).tolist() == plain(unit, least)


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(st.lists(st.integers(0, 5), max_size=14), st.floats(-1, 1))
def test_ends_and_names_each_cluster_after_its_first_also_with_ties(steps: list[int], least: float) -> None:
    first = cluster(turned(*(60.0 * step for step in steps)), least)
    assert all(first[i] <= i and first[first[i]] == first[i] for i in range(len(steps)))
    together = {(steps[i], first[i]) for i in range(len(steps))}
    assert len(together) == len(set(steps)) or least > 0.999  # the same direction is always one cluster


def test_near_duplicates_fold_into_the_first_and_never_into_a_folded_one() -> None:
    rows = turned(0, 0, 0, 90)
    # Three bits apart from one to the next: the third is six bits from the first, the fourth looks like the second.
    looks = [0b0, 0b111, 0b111111, 0b111]
    assert fold(looks, rows).tolist() == [0, 0, 0, 3]  # the same hash, another picture: the rows tell them apart
    chain = [0b0, 0b11111, 0b1111111111]  # 5 bits, 5 bits, 10 bits
    assert fold(chain, turned(0, 0, 0)).tolist() == [0, 0, 2]
    assert fold([], turned()).tolist() == []


@pytest.mark.parametrize(
    ("degrees", "skus", "wanted"),
    [
        # Photos of one product 60° apart: 0.5. Means of the two: cos 30° long, 90° apart: 0.
        pytest.param([0, 60, 90, 150], "aabb", (0.5 + 0.0) / 2, id="between own and other"),
        # Own: a 0.5, b (1 + 0 + 0) / 3. Of a with b, six pairs: -1, -1, 0, -0.5, -0.5, -0.866.
        pytest.param([0, 60, 180, 180, 270], "aabbb", ((0.5 + 1 / 3) / 2 - 3.866 / 6) / 2, id="all pairs count"),
        pytest.param([0, 60], "ab", (1 + 0.5) / 2, id="single photos"),
        pytest.param([0, 60, 180], "abc", (1 + 0.5) / 2, id="each has its nearest: 0.5, 0.5, -0.5"),
        pytest.param([0, 60], "aa", (0.5 + 0.5) / 2, id="one product"),
        pytest.param([0], "a", 0.75, id="one photo"),
        pytest.param([], "", 0.75, id="an empty gallery"),
    ],
)  # fmt: skip
def test_what_links_is_halfway_between_own_and_other(degrees: list[float], skus: str, wanted: float) -> None:
    assert link_similarity(turned(*degrees), list(skus)) == pytest.approx(wanted, abs=1e-3)


def test_what_links_follows_from_a_sample_of_many_products(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, skus = turned(*(i % 360 for i in range(2000))), [f"{i // 2:04d}" for i in range(2000)]
    everything = link_similarity(rows, skus)
    assert link_similarity(rows, skus) == pytest.approx((np.cos(np.radians(1)) + 1) / 2, abs=1e-4)
    monkeypatch.setattr(clusters, "MAX_PRODUCTS", 50)
    assert link_similarity(rows, skus) == pytest.approx(everything, abs=1e-4)
