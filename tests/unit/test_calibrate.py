"""Calibration of a gallery: from its own photos or from queries, on drawn galleries whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import facings.calibrate
from facings.calibrate import COVERAGE, Calibration, Queries, References, calibrate
from facings.likeness import best_two, likeness

DIM = 16


def drawn(n_products: int, n_photos: int, seed: int = 0, spread: float = 0.9) -> References:
    """Products that differ in all directions, whose photos differ in the first four alone."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(n_products, DIM))
    products = np.repeat(np.arange(n_products), n_photos)
    rows = centers[products]
    rows[:, :4] += spread * rng.normal(size=(len(rows), 4))
    rows[:, 4:] += 0.3 * rng.normal(size=(len(rows), DIM - 4))
    unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    looks = rng.integers(0, 2**63, len(rows)).astype(np.uint64)
    return References(unit, products, looks, tuple(f"sku-{n:03d}" for n in range(n_products)), ("",) * n_products)


def only(references: References, n_products: int) -> References:
    """The first products; the others are what was never enrolled."""
    kept = references.products < n_products
    return References(
        references.rows[kept],
        references.products[kept],
        references.looks[kept],
        references.skus[:n_products],
        references.categories[:n_products],
    )


def figures(calibration: Calibration, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return likeness(*best_two(calibration.space(rows) @ calibration.means.T))


def test_false_accepts_of_products_that_were_never_enrolled_are_what_was_promised() -> None:
    shares = []
    for seed in range(12):
        every = drawn(60, 6, seed)
        calibration = calibrate(only(every, 40))
        strangers = every.rows[every.products >= 40]
        shares.append((calibration.strangers_above(figures(calibration, strangers)) <= 0.1).mean())
    assert 0.04 < float(np.mean(shares)) < 0.12


def test_products_in_question_hold_the_right_one_as_often_as_stated() -> None:
    covered = []
    for seed in range(8):
        every = drawn(40, 12, seed)
        is_query = np.arange(len(every.products)) % 12 >= 8
        gallery = replace(
            every,
            rows=every.rows[~is_query],
            products=every.products[~is_query],
            looks=every.looks[~is_query],
        )
        calibration = calibrate(gallery)
        similarities = calibration.space(every.rows[is_query]) @ calibration.means.T
        truth = every.products[is_query]
        own = similarities[np.arange(len(truth)), truth]
        others = np.where(similarities.argmax(1) == truth, *reversed(best_two(similarities)))
        covered.append((likeness(own.astype(np.float64), others) >= calibration.floors[truth]).mean())
    assert float(np.mean(covered)) > COVERAGE - 0.02


def seen_from_afar(rows: np.ndarray[Any, Any], far: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """All photos moved the same way, as smallness moves embeddings."""
    moved = rows + far
    unit: np.ndarray[Any, Any] = (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)
    return unit


def test_views_from_afar_let_small_facings_be_themselves() -> None:
    covered: dict[bool, list[float]] = {False: [], True: []}
    right: dict[bool, list[float]] = {False: [], True: []}
    for seed in range(6):
        every, far = drawn(30, 10, seed), np.random.default_rng(100 + seed).normal(size=DIM) * 0.6
        is_query = np.arange(len(every.products)) % 10 >= 6
        near = replace(
            every, rows=every.rows[~is_query], products=every.products[~is_query], looks=every.looks[~is_query]
        )
        both = near.with_far(seen_from_afar(near.rows, far), np.arange(len(near.rows)))
        asked, truth = seen_from_afar(every.rows[is_query], far), every.products[is_query]
        for gallery in (near, both):
            calibration = calibrate(gallery)
            similarities = calibration.space(asked) @ calibration.means.T
            own = similarities[np.arange(len(truth)), truth]
            is_right = similarities.argmax(1) == truth
            figure = likeness(own.astype(np.float64), np.where(is_right, *reversed(best_two(similarities))))
            covered[gallery is both].append((figure >= calibration.floors[truth]).mean())
            right[gallery is both].append(is_right.mean())
    assert float(np.mean(covered[True])) > COVERAGE - 0.04
    assert float(np.mean(covered[False])) < COVERAGE - 0.25
    assert float(np.mean(right[True])) > float(np.mean(right[False])) + 0.05


def test_a_product_of_one_photo_has_not_two_for_being_seen_from_afar() -> None:
    every = drawn(30, 6)
    kept = (every.products > 0) | (np.arange(len(every.products)) == 0)
    gallery = replace(every, rows=every.rows[kept], products=every.products[kept], looks=every.looks[kept])
    floors = calibrate(gallery.with_far(gallery.rows, np.arange(len(gallery.rows)))).floors
    assert floors[0] == floors.min() < np.median(floors)


def test_a_product_that_is_enrolled_twice_under_two_names_raises_the_limit() -> None:
    gallery = drawn(30, 6)
    twins = replace(gallery, rows=gallery.rows.copy())
    twins.rows[twins.products == 1] = twins.rows[twins.products == 0]
    assert calibrate(twins).limit(0.1) > calibrate(gallery).limit(0.1)


def test_pictures_that_are_nearly_the_same_vouch_for_nothing() -> None:
    gallery = drawn(30, 4)
    bursts = replace(gallery, rows=np.repeat(gallery.rows[::4], 4, axis=0), looks=np.repeat(gallery.looks[::4], 4))
    assert not calibrate(bursts).can_exclude
    assert calibrate(gallery).can_exclude


def test_the_closest_photos_of_a_product_are_left_out() -> None:
    gallery = drawn(2, 7)
    there = np.flatnonzero(gallery.products == 0)
    kept = facings.calibrate._far_enough(gallery, there, there[:1])
    closeness = gallery.rows[there] @ gallery.rows[there[0]]
    # Itself, and of the six others the half that is closest.
    assert set(np.flatnonzero(~kept[0])) == set(np.argsort(-closeness)[:4])


def test_one_photo_a_product_still_shows_strangers() -> None:
    calibration = calibrate(drawn(30, 1))
    assert calibration.strictest.n_products == 30
    assert not calibration.can_exclude


def test_a_product_with_one_photo_has_the_lowest_floor() -> None:
    gallery = drawn(30, 6)
    kept = (gallery.products != 7) | (np.arange(len(gallery.products)) % 6 == 0)
    thin = replace(gallery, rows=gallery.rows[kept], products=gallery.products[kept], looks=gallery.looks[kept])
    calibration = calibrate(thin)
    assert calibration.floors[7] == calibration.floors.min() > -np.inf


@pytest.mark.parametrize("n_products", [1, 2, 3])
def test_few_products_promise_little(n_products: int) -> None:
    calibration = calibrate(drawn(n_products, 5))
    wanted = {1: 1.0, 2: 2 / 3, 3: 3 / 8}  # n / (n − 1) / (n + 1), at most 1
    assert calibration.strictest.least == pytest.approx(wanted[n_products])


def test_queries_calibrate_in_place_of_the_gallery() -> None:
    # The gallery's photos are closer to each other than queries are, as those that a model learned from.
    tight, loose = drawn(40, 8, spread=0.1), drawn(40, 8, spread=1.2)
    queries = Queries(loose.rows, tuple(loose.skus[code] for code in loose.products))
    calibration = calibrate(tight, queries)
    assert calibration.is_from_queries
    assert calibration.floors.max() < calibrate(tight).floors.min()


def test_the_stricter_of_gallery_and_queries_counts() -> None:
    gallery = drawn(40, 8)
    rows = np.concatenate([gallery.rows[:80], drawn(60, 1, seed=9).rows])  # the first ten products, and sixty others
    skus = tuple(gallery.skus[code] for code in gallery.products[:80]) + tuple(f"new-{n}" for n in range(60))
    by_gallery, by_queries = calibrate(gallery, Queries(rows, skus)).strangers
    both = calibrate(gallery, Queries(rows, skus))
    for share in (0.03, 0.1, 0.3):
        assert both.limit(share) == max(by_gallery.limit(share), by_queries.limit(share))
    asked = np.linspace(-1, 2, 50)
    assert (both.strangers_above(asked) >= by_gallery.share_above(asked)).all()
    assert (both.strangers_above(asked) >= by_queries.share_above(asked)).all()
    few = calibrate(gallery, Queries(rows[:8], skus[:8]))
    assert few.strictest.n_products == 1


def test_queries_of_products_that_are_not_enrolled_show_strangers() -> None:
    every = drawn(40, 4)
    strangers = every.products >= 30
    queries = Queries(every.rows[strangers], tuple(every.skus[code] for code in every.products[strangers]))
    calibration = calibrate(only(every, 30), queries)
    by_gallery, by_queries = calibration.strangers
    assert (by_gallery.n_products, by_queries.n_products) == (30, 10)
    assert by_queries.correction == 1.0  # all products were searched
    assert by_queries.values == pytest.approx(np.sort(figures(calibration, queries.rows)))
    assert not calibration.can_exclude


def test_many_photos_are_drawn_from_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    products = np.repeat(np.arange(5), [1, 2, 30, 40, 50])
    chosen = facings.calibrate._drawn(products, 5, 18)
    assert np.bincount(products[chosen]).tolist() == [1, 2, 5, 5, 5]
    assert len(set(chosen.tolist())) == 18
    monkeypatch.setattr(facings.calibrate, "MAX_PHOTOS", 60)
    assert calibrate(drawn(20, 20)).strictest.n_products == 20


def test_the_same_gallery_gives_the_same_calibration() -> None:
    first, again = calibrate(drawn(20, 5)), calibrate(drawn(20, 5))
    assert (first.strangers[0].values == again.strangers[0].values).all()
    assert (first.floors == again.floors).all()
