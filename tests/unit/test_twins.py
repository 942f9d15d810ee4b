"""The twin radar: what leave-one-out says on rows worked by hand, on products with few photos, on any index."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facings.kept_index import GalleryChanges
from facings.match import ExactIndex
from facings.twins import Twin, find_twins


def on_circle(*degrees: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Unit rows in a plane, so that cosines are those of the angles between them."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def changes(skus: str, *degrees: float, first_id: int = 1) -> GalleryChanges:
    ids = np.arange(first_id, first_id + len(skus), dtype=np.int64)
    return GalleryChanges(0, 1, "", ids, tuple(skus), on_circle(*degrees), np.zeros(0, np.int64))


def find(skus: str, *degrees: float, asking: GalleryChanges | None = None, min_share: float = 0.0) -> list[Twin]:
    """The twins of a gallery whose products are letters."""
    gallery = changes(skus, *degrees)
    index = ExactIndex(2)
    index.add(gallery.ids, gallery.rows)
    sku_of = dict(zip(gallery.ids.tolist(), gallery.skus, strict=True))
    return find_twins(asking or gallery, index, sku_of, min_share=min_share)


def shares(twins: list[Twin]) -> dict[str, float | None]:
    return {twin.sku + twin.other: twin.share for twin in twins}


def test_shares_worked_by_hand() -> None:
    """a at 0° and 10°, b at 13° and 60°.

    Own cosines: cos 10° (a, a), cos 47° (b, b). Others: a0 → b13: cos 13°; a10 → b13: cos 3°; b13 → a10: cos 3°;
    b60 → a10: cos 50°. Confused by their own photos: no, yes, yes, no. The pool is (cos 47°, cos 47°, cos 10°,
    cos 10°): below cos 13° are 2 of 4, below cos 3° 4 of 4, below cos 50° none. One sibling and a pool that counts
    for two: a = ((0 + 2·½)/3 + (1 + 2·1)/3)/2 = (1/3 + 1)/2 = 2/3; b = ((1 + 2·1)/3 + 0)/2 = 1/2.
    """
    found = find("aabb", 0, 10, 13, 60)
    assert shares(found) == pytest.approx({"ab": 2 / 3, "ba": 1 / 2})
    first = found[0]
    assert (first.sku, first.other, first.n_photos, first.reference_id, first.other_reference_id) == ("a", "b", 2, 2, 3)
    assert first.similarity == pytest.approx(np.cos(np.radians(3)), abs=1e-6)
    assert first.skus == found[1].skus == ("a", "b")


def test_products_far_apart_are_no_twins() -> None:
    assert shares(find("aabb", 0, 5, 90, 95)) == {"ab": 0.0, "ba": 0.0}
    assert find("aabb", 0, 5, 90, 95, min_share=0.01) == []


def test_one_photo_says_as_much_as_the_gallery_at_large() -> None:
    # c has one photo, 4° from a; photos of a lie 10° from each other, so all of the pool lies below cos 4°.
    assert shares(find("aac", 0, 10, 14))["ca"] == pytest.approx(1.0)
    assert shares(find("aac", 0, 10, 40))["ca"] == pytest.approx(0.0)


def test_without_two_photos_of_any_product_the_share_is_unknown() -> None:
    found = find("abc", 0, 10, 50, min_share=0.05)
    assert shares(found) == {"ab": None, "ba": None, "cb": None}
    assert [twin.sku for twin in found] == ["a", "b", "c"]  # the most similar first
    assert found[0].rate == "an unknown share of photos"


def test_a_product_with_many_photos_does_not_hide_its_twin() -> None:
    degrees = [0.01 * n for n in range(200)]
    assert ("a", "b") in {twin.skus for twin in find("a" * 200 + "b", *degrees, 2.0)}


def test_only_those_that_ask_are_judged() -> None:
    asking = changes("c", 14, first_id=3)
    assert [(twin.sku, twin.other) for twin in find("aac", 0, 10, 14, asking=asking)] == [("c", "a")]


def test_photos_that_were_removed_meanwhile_do_not_ask() -> None:
    gone = changes("x", 5, first_id=9)
    assert find("aab", 0, 10, 14, asking=gone) == []


def test_an_empty_gallery_and_one_product_alone() -> None:
    assert find("") == []
    assert find("aaa", 0, 10, 20) == []


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.05, "about 1 photo in 20"),
        (0.25, "about 1 photo in 4"),
        (0.5, "about 1 photo in 2"),
        (0.76, "about 8 photos in 10"),
    ],
)
def test_rates_in_words(share: float, words: str) -> None:
    assert Twin("a", "b", share, 5, 0.9, 1, 2).rate == words


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 360)), min_size=2, max_size=24, unique_by=lambda x: x[1])
)
@settings(max_examples=60, deadline=None)
def test_shares_are_shares_and_reach_one_a_product_at_most(photos: list[tuple[str, float]]) -> None:
    found = find("".join(sku for sku, _ in photos), *(angle for _, angle in photos))
    total: dict[str, float] = {}
    for twin in found:
        assert twin.sku != twin.other
        assert -1.001 <= twin.similarity <= 1.001
        total[twin.sku] = total.get(twin.sku, 0.0) + (twin.share or 0.0)
    assert all(0 <= share <= 1 + 1e-9 for share in total.values())
