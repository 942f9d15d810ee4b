"""A reference seen from afar: small, compressed, and embedded beside the reference itself."""

from __future__ import annotations

import numpy as np
import pytest

from conftest import FakeEmbedder, make_pixels
from facings.embed import embed
from facings.far_view import LONGER_SIDE_PX, both_views, embed_views, from_afar


@pytest.mark.parametrize(
    ("width", "height", "wanted"),
    [
        (400, 100, (20, 80, 3)),
        (100, 400, (80, 20, 3)),
        (LONGER_SIDE_PX, 8, (8, LONGER_SIDE_PX, 3)),
        (40, 30, (30, 40, 3)),  # small already: never enlarged
        (4000, 8, (1, LONGER_SIDE_PX, 3)),  # a line, but a picture still
    ],
)
def test_the_longer_side_becomes_that_of_a_facing(width: int, height: int, wanted: tuple[int, int, int]) -> None:
    far = from_afar(make_pixels(1, width=width, height=height))
    assert far.shape == wanted
    assert far.dtype == np.uint8


def test_details_go_and_colors_stay() -> None:
    stripes = np.zeros((320, 320, 3), np.uint8)
    stripes[:, ::2] = (200, 100, 0)  # a pixel wide each: from afar their mean
    far = from_afar(stripes).astype(int)
    assert np.abs(far - np.array([100, 50, 0])).max() <= 6


def test_a_view_of_a_photo_is_a_picture_like_any_other(embedder: FakeEmbedder) -> None:
    pictures = [make_pixels(seed, width=300, height=200) for seed in range(3)]
    rows, far_rows = embed_views([both_views(one, embedder.card.preparation) for one in pictures], embedder)
    np.testing.assert_array_equal(rows, embed(pictures, embedder).rows)
    np.testing.assert_array_equal(far_rows, embed([from_afar(one) for one in pictures], embedder).rows)
    assert not np.array_equal(rows, far_rows)


def test_no_views_give_no_rows(embedder: FakeEmbedder) -> None:
    assert [rows.shape for rows in embed_views([], embedder)] == [(0, 12), (0, 12)]
