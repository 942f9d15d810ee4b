"""Pages: templates get all they name, and pictures become small data URIs."""

from __future__ import annotations

import base64
import io

import jinja2
import numpy as np
import pytest
from PIL import Image as PillowImage

from conftest import make_pixels
from facings.page import render, thumbnail


def test_missing_value_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("recognition.html.j2")


@pytest.mark.parametrize(("width", "height", "size"), [(400, 200, (100, 50)), (60, 80, (60, 80)), (4000, 2, (100, 1))])
def test_thumbnail_fits_and_never_grows(width: int, height: int, size: tuple[int, int]) -> None:
    uri = thumbnail(make_pixels(1, width=width, height=height), 100)
    head, _, data = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    with PillowImage.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert (picture.format, picture.size) == ("JPEG", size)


def test_thumbnail_is_the_picture() -> None:
    red = np.zeros((300, 300, 3), np.uint8)
    red[..., 0] = 200
    data = thumbnail(red, 32).partition(",")[2]
    with PillowImage.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert np.abs(np.asarray(picture, int) - [200, 0, 0]).max() < 6
