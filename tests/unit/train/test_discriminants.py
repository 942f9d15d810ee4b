"""The closed-form map: worked by hand, and against what it promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

pytest.importorskip("sklearn", reason="needs the train extra")

from facings.train.discriminants import discriminant_map

pytestmark = pytest.mark.torch


def photos(n_products: int, n_each: int, width: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    targets = np.repeat(np.arange(n_products), n_each)
    centers = rng.normal(0, 3, (n_products, width))
    return (centers[targets] + rng.normal(0, 1, (len(targets), width))).astype(np.float32), targets


def mapped(features: NDArray[np.float32], targets: NDArray[np.int64], dim: int) -> NDArray[np.float32]:
    found = discriminant_map(features, targets, dim)
    assert found is not None
    return np.asarray(features @ found[0].T + found[1])


def test_the_direction_that_tells_products_apart_comes_first_however_small_it_is() -> None:
    # Two products at x = ±0.1; y is noise of ±10 that both share. Within products x varies by ±0.01.
    features = np.array([[s * 0.1 + t * 0.01, u * 10.0] for s in (-1, 1) for t in (-1, 1) for u in (-1, 1)], np.float32)
    targets = np.array([0] * 4 + [1] * 4)
    rows = mapped(np.tile(features, (500, 1)), np.tile(targets, 500), 2)  # many photos: hardly any shrinkage
    first = rows[:, 0].reshape(500, 8)[0]
    assert (np.sign(first[:4]) == -np.sign(first[4:])).all()
    assert np.abs(rows[:, 0]).min() > 2  # many times the variation within a product, which is 1


@settings(max_examples=20, deadline=None)
@given(n_products=st.integers(2, 6), width=st.integers(8, 20), dim=st.integers(1, 30), seed=st.integers(0, 99))
def test_shape_center_and_variation(n_products: int, width: int, dim: int, seed: int) -> None:
    features, targets = photos(n_products, 400, width, seed)
    rows = mapped(features, targets, dim)
    assert rows.shape == (len(features), min(dim, width))
    np.testing.assert_allclose(rows.mean(0), 0, atol=0.05)
    means = np.stack([rows[targets == one].mean(0) for one in range(n_products)])
    n_first = min(dim, n_products - 1)
    residuals = (rows - means[targets])[:, :n_first]
    np.testing.assert_allclose(residuals.T @ residuals / len(rows), np.eye(n_first), atol=0.15)
    spread = (means**2).sum(0)
    assert (np.diff(spread[:n_first]) <= 1e-3 * spread[0]).all()
    assert (spread[n_first:] < 0.05 * spread[0]).all()


def test_products_are_closer_to_their_own_photos_than_before() -> None:
    rng = np.random.default_rng(0)
    features, targets = photos(10, 80, 40, 1)
    loud = (features + rng.normal(0, 15, (len(features), 8)) @ rng.normal(0, 1, (8, 40))).astype(np.float32)
    found = discriminant_map(loud[::2], targets[::2], 20)
    assert found is not None

    def recall(rows: NDArray[np.float32]) -> float:
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        closest = (unit[1::2] @ unit[::2].T).argmax(1)
        return float((targets[::2][closest] == targets[1::2]).mean())

    assert recall(loud) < 0.5
    assert recall(loud @ found[0].T + found[1]) > 0.95


def test_photos_that_do_not_vary_give_no_map() -> None:
    assert discriminant_map(np.eye(3, dtype=np.float32), np.arange(3), 2) is None
    assert discriminant_map(np.eye(3, dtype=np.float32)[[0, 0, 1]], np.array([0, 0, 1]), 2) is None


def test_more_dimensions_than_photos_are_no_hindrance() -> None:
    features, targets = photos(3, 2, 50, 0)
    rows = mapped(features, targets, 10)
    assert rows.shape == (6, 10)
    assert np.isfinite(rows).all()
