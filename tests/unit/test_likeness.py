"""Likeness: what differs between photos of one product counts little; a lead counts; a further product never helps."""

from __future__ import annotations

import numpy as np
import pytest

from facings.likeness import best_two, likeness, product_means, scatter, whitening, without
from facings.types import FloatArray, IntArray


def noisy_gallery(n_photos: int) -> tuple[FloatArray, IntArray]:
    """Twelve products that differ in the first four of eight numbers a little, and photos in the last four a lot."""
    rng = np.random.default_rng(3)
    centers = np.concatenate([rng.normal(size=(12, 4)), np.zeros((12, 4))], axis=1)
    products = np.repeat(np.arange(12), n_photos)
    spread = np.array([0.05] * 4 + [2.0] * 4)
    rows = centers[products] + spread * rng.normal(size=(len(products), 8))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), products


def test_means_are_of_each_product() -> None:
    means = product_means(np.array([[1, 0], [0, 1], [0, 3]], np.float32), np.array([1, 0, 1]), 2)
    assert means.rows.tolist() == [[0, 1], [0.5, 1.5]]
    assert means.n_photos.tolist() == [1, 2]


def test_scatter_is_that_of_the_differences_and_knows_that_the_mean_is_theirs() -> None:
    rows, products = np.array([[1, 0], [3, 0], [9, 9]], np.float32), np.array([0, 0, 1])
    found = scatter(rows, products, product_means(rows, products, 2))
    # Differences ±1, times √(2 / 1): squares 2 and 2; the single photo of product 1 tells nothing.
    assert found.products == pytest.approx(np.array([[4, 0], [0, 0]]))
    assert [found.n, found.fourth] == pytest.approx([2, 8])
    nothing = found.less(found)
    assert [nothing.n, nothing.fourth, float(np.abs(nothing.products).max())] == [0, 0, 0]


def test_whitened_photos_find_their_product_more_often() -> None:
    rows, products = noisy_gallery(20)
    means = product_means(rows, products, 12)
    space = whitening(scatter(rows, products, means), means.rows)
    queries, truth = noisy_gallery(40)
    plain = (queries @ means.rows.T).argmax(1) == truth
    white = (space(queries) @ space(means.rows).T).argmax(1) == truth
    assert white.mean() > plain.mean() + 0.1


def test_rows_of_the_new_space_are_unit_rows() -> None:
    rows, products = noisy_gallery(3)
    means = product_means(rows, products, 12)
    mapped = whitening(scatter(rows, products, means), means.rows)(rows)
    assert mapped.dtype == np.float32
    assert np.linalg.norm(mapped, axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-5)


@pytest.mark.parametrize("n_photos", [1, 2])
def test_without_several_photos_that_differ_only_the_center_is_moved(n_photos: int) -> None:
    rows = np.eye(3, dtype=np.float32).repeat(n_photos, axis=0)
    products = np.arange(3).repeat(n_photos)
    means = product_means(rows, products, 3)
    space = whitening(scatter(rows, products, means), means.rows)
    assert (space.weight == np.eye(3)).all()
    assert space.center == pytest.approx(np.full(3, 1 / 3))


def test_one_product_alone_gives_no_direction_and_no_error() -> None:
    row = np.array([[1, 0]], np.float32)
    means = product_means(row, np.array([0]), 1)
    space = whitening(scatter(row, np.array([0]), means), means.rows)
    assert (space(row) @ space(means.rows).T).tolist() == [[0.0]]


def test_best_two_of_each_line() -> None:
    best, second = best_two(np.array([[0.1, 0.9, 0.5], [0.3, 0.3, 0.2]], np.float32))
    assert best == pytest.approx([0.9, 0.3])
    assert second == pytest.approx([0.5, 0.3])
    alone, also = best_two(np.array([[0.4]], np.float32))
    assert (alone.tolist(), also.tolist()) == (pytest.approx([0.4]), pytest.approx([0.4]))


def test_the_own_product_is_left_out_and_not_taken_as_runner_up() -> None:
    lines = np.array([[0.9, 0.5], [0.9, 0.5]], np.float32)
    cleared = without(lines, np.array([0, -1]))
    best, second = best_two(cleared)
    assert best == pytest.approx([0.5, 0.9])
    assert second == pytest.approx([0.5, 0.5])  # of the first line one is left, so it leads nobody
    assert lines[0, 0] == np.float32(0.9)


def test_a_further_product_never_makes_another_one_liker() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        few = rng.uniform(-1, 1, (1, 4)).astype(np.float32)
        more = np.concatenate([few, rng.uniform(-1, 1, (1, 1)).astype(np.float32)], axis=1)

        def best_figure(lines: FloatArray, place: int) -> float:
            others = np.delete(lines[0], place)
            return float(
                likeness(lines[0, place : place + 1].astype(float), others.max(keepdims=True).astype(float))[0]
            )

        for place in range(4):
            assert best_figure(more, place) <= best_figure(few, place)
