"""Similar embeddings become neighbors."""

from __future__ import annotations

import numpy as np
import pytest

from facings.errors import BadInput

pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("sklearn", reason="needs the train extra")

from facings.train.embedding_map import flatten
from facings.types import FloatArray

pytestmark = pytest.mark.torch


def two_groups() -> FloatArray:
    """Twelve unit rows near one axis, then twelve near another."""
    rng = np.random.default_rng(0)
    rows = rng.normal(0, 0.02, (24, 8)).astype(np.float32)
    rows[:12, 0] += 1
    rows[12:, 1] += 1
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def test_groups_stay_together_and_a_seed_gives_one_map() -> None:
    places = flatten(two_groups(), seed=3)
    assert places.shape == (24, 2)
    assert places.dtype == np.float32
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert ((apart.argmin(1) < 12) == (np.arange(24) < 12)).all()
    np.testing.assert_array_equal(places, flatten(two_groups(), seed=3))


def test_photos_that_are_all_alike_share_one_place() -> None:
    assert not flatten(np.full((5, 4), 0.5, np.float32)).any()


@pytest.mark.parametrize("shape", [(3, 8), (8, 1), (8,)], ids=["too few", "one number", "no rows"])
def test_what_cannot_be_drawn_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match="Embedding map"):
        flatten(np.ones(shape, np.float32))
