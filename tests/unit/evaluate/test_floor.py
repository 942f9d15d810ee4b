"""The pixel floor: unit rows of tiny pictures."""

from __future__ import annotations

import numpy as np
import pytest

from conftest import make_pixels
from facings.evaluate.floor import SPACE_ID, pixel_embeddings, pixel_row


def test_is_blind_to_size_brightness_and_contrast() -> None:
    pixels = make_pixels(1, width=96, height=96)
    darker = (pixels * 0.5 + 10).astype(np.uint8)
    assert float(pixel_row(pixels) @ pixel_row(pixels.repeat(2, axis=0).repeat(2, axis=1))) == pytest.approx(
        1, abs=1e-3
    )
    assert float(pixel_row(pixels) @ pixel_row(darker)) > 0.999
    assert float(pixel_row(pixels) @ pixel_row(make_pixels(2))) < 0.9


def test_flat_color_is_like_no_other_picture() -> None:
    flat = pixel_row(np.full((20, 30, 3), 128, np.uint8))
    assert float(flat @ flat) == pytest.approx(1)
    assert abs(float(flat @ pixel_row(make_pixels(1)))) < 1e-5


def test_rows_become_embeddings_of_their_own_space() -> None:
    embeddings = pixel_embeddings([pixel_row(make_pixels(1))])
    assert embeddings.rows.shape == (1, 1728)
    assert embeddings.space_id == SPACE_ID
    assert len(pixel_embeddings([])) == 0
