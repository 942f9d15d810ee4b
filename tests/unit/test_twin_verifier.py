"""The verifier: its closed forms against the long way, what it finds, when it is sure, and where it points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from facings.errors import BadInput
from facings.twin_verifier import _RIDGES, PairPhotos, TwinVerifier, average, fit_verifier
from facings.types import FloatArray

WIDTH = 6


def photos(
    n_first: int, n_second: int, *, apart: float = 1.0, noise: float = 0.3, seed: int = 0
) -> tuple[FloatArray, FloatArray]:
    """Cells (N, 3, 3, 6) in which only the lower right cell differs, in channel 0, and embeddings that know nothing."""
    rng = np.random.default_rng(seed)
    cells = 1 + noise * rng.standard_normal((n_first + n_second, 3, 3, WIDTH))
    cells[:n_first, 2, 2, 0] += 9 * apart
    rows = rng.standard_normal((n_first + n_second, 4))
    return cells.astype(np.float32), (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def pair(n_first: int = 10, n_second: int = 12, **kinds: Any) -> PairPhotos:
    cells, rows = photos(n_first, n_second, **kinds)
    return PairPhotos(average(cells), rows, n_first)


def ridge_answer(
    means: NDArray[np.float64], signs: NDArray[np.float64], ridge: float, query: NDArray[np.float64]
) -> float:
    """Ridge regression with a free intercept, by its normal equations."""
    center = means.mean(axis=0)
    centered = means - center
    weight = np.linalg.solve(
        centered.T @ centered + ridge * np.eye(means.shape[1]), centered.T @ (signs - signs.mean())
    )
    return float((query - center) @ weight + signs.mean())


def test_left_out_answers_are_those_of_regressions_that_never_saw_the_photo() -> None:
    given = pair(5, 7, noise=0.6)
    found = fit_verifier(given)
    means, signs = given.means.astype(np.float64), given.signs
    centered = means - means.mean(axis=0)
    scale = np.trace(centered @ centered.T) / len(signs)
    everyone = np.arange(len(signs))
    by_ridge = []
    for ridge in _RIDGES:
        keep = [everyone != n for n in everyone]
        by_ridge.append(
            [ridge_answer(means[k], signs[k], ridge * scale, means[n]) for n, k in zip(everyone, keep, strict=True)]
        )
    assert min(float(np.abs(found.left_out - answers).max()) for answers in by_ridge) < 1e-6
    assert found.n_wrong == int((found.left_out * signs <= 0).sum())


def test_answers_are_those_of_the_regression() -> None:
    given = pair(noise=0.5)
    found = fit_verifier(given)
    means = given.means.astype(np.float64)
    centered = means - means.mean(axis=0)
    scale = np.trace(centered @ centered.T) / len(means)
    query = pair(seed=9).means[0]
    wanted = [ridge_answer(means, given.signs, ridge * scale, query.astype(np.float64)) for ridge in _RIDGES]
    assert min(abs(found.answer(query) - answer) for answer in wanted) < 1e-6


def test_it_tells_new_photos_apart_where_the_embedding_cannot() -> None:
    found = fit_verifier(pair(noise=0.5))
    cells, _ = photos(20, 20, noise=0.5, seed=5)
    answers = np.array([found.answer(mean) for mean in average(cells)])
    assert (np.sign(answers) == np.where(np.arange(40) < 20, 1, -1)).mean() >= 0.95
    assert found.is_used
    assert found.n_wrong < found.n_wrong_embedding


def test_it_is_not_used_where_it_is_worse_than_the_embedding() -> None:
    cells, _ = photos(10, 10, apart=0.0)
    rows = np.zeros((20, 4), np.float32)
    rows[:10, 0], rows[10:, 1] = 1, 1  # the embedding knows
    found = fit_verifier(PairPhotos(average(cells), rows, 10))
    assert found.n_wrong_embedding == 0
    assert found.n_wrong > 0
    assert not found.is_used


def test_it_is_not_used_where_it_is_as_good_as_the_embedding() -> None:
    given = pair()
    rows = np.zeros((22, 4), np.float32)
    rows[:10, 0], rows[10:, 1] = 1, 1
    found = fit_verifier(PairPhotos(given.means, rows, 10))
    assert (found.n_wrong, found.n_wrong_embedding, found.is_used) == (0, 0, False)


@pytest.mark.parametrize(("n_photos", "can_be_sure"), [(3, False), (8, False), (9, True)])
def test_few_photos_make_no_answer_sure(n_photos: int, can_be_sure: bool) -> None:
    found = fit_verifier(pair(n_photos, n_photos))
    assert found.chances(5.0) == pytest.approx((1.0, 1 / (n_photos + 1)))
    assert found.is_sure(5.0) is found.is_sure(-5.0) is can_be_sure


@pytest.mark.parametrize(
    ("answer", "like", "unlike", "is_sure"),
    [
        pytest.param(0.9, 0.7, 0.1, True, id="as most of its own, above all others"),
        pytest.param(0.3, 0.2, 0.2, False, id="one of the others says so too"),
        pytest.param(0.45, 0.2, 0.1, True, id="weak, but none of the others is so strong"),
        pytest.param(0.05, 0.1, 0.2, False, id="like neither"),
        pytest.param(-0.5, 0.7, 0.1, True, id="the other product"),
        pytest.param(-0.01, 0.2, 0.1, True, id="the other product, at the edge of both"),
    ],
)
def test_chances_counted_by_hand(answer: float, like: float, unlike: float, is_sure: bool) -> None:
    """Nine photos each: the first product's said 0.2 and 0.5 to 1.2; the second's 0.4, and −0.1 to −0.8."""
    signs = np.repeat([1.0, -1.0], 9)
    first = [0.2, 0.5, 0.6, 0.7, 0.8, 0.85, 1.0, 1.1, 1.2]
    second = [0.4, -0.1, -0.2, -0.3, -0.4, -0.5, -0.6, -0.7, -0.8]
    found = TwinVerifier(np.zeros(3), 0.0, np.array([*first, *second]), signs, 1, 1)
    got_like, got_unlike = found.chances(answer)
    assert (got_like, got_unlike) == pytest.approx((like, unlike))
    assert found.is_sure(answer) is is_sure


def test_places_add_up_to_the_answer_and_point_to_what_differs() -> None:
    cells, _ = photos(1, 1, seed=3)
    found = fit_verifier(pair())
    spoken = found.where(cells[0])
    assert spoken.shape == (3, 3)
    assert spoken.sum() == pytest.approx(found.answer(average(cells)[0]), abs=1e-6)
    assert spoken.argmax() == 8  # the last of three rows of three


def test_swapped_products_give_the_opposite_answer() -> None:
    given = pair(6, 9)
    order = [*range(6, 15), *range(6)]
    found = fit_verifier(given)
    swapped = fit_verifier(PairPhotos(given.means[order], given.rows[order], 9))
    query = pair(seed=2).means[0]
    assert found.answer(query) == pytest.approx(-swapped.answer(query), abs=1e-9)


def test_photos_that_are_all_alike_give_no_numbers_that_are_none() -> None:
    found = fit_verifier(PairPhotos(average(np.ones((6, 2, 2, 4), np.float32)), np.ones((6, 2), np.float32), 3))
    assert np.isfinite(found.left_out).all()
    assert np.isfinite(found.answer(np.ones(4, np.float32)))
    assert not found.is_sure(0.5)


def test_black_pictures_average_to_zeros() -> None:
    assert average(np.zeros((2, 3, 3, 4), np.float32)).tolist() == [[0.0] * 4] * 2


@pytest.mark.parametrize(
    ("n_first", "n", "words"), [(2, 6, "got 2 and 4 photos"), (4, 6, "got 4 and 2 photos"), (0, 6, "got 0 and 6")]
)
def test_too_few_photos_are_refused(n_first: int, n: int, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        PairPhotos(np.ones((n, 4), np.float32), np.ones((n, 2), np.float32), n_first)


def test_cells_and_embeddings_of_different_photos_are_refused() -> None:
    with pytest.raises(BadInput, match="as many photos"):
        PairPhotos(np.ones((6, 4), np.float32), np.ones((7, 2), np.float32), 3)
