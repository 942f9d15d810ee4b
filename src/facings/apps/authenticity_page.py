"""The check of a pack as a page to read and to print: the places that stand out, beside the closest genuine photo."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from facings.apps.authenticity import Judged
from facings.apps.authenticity_answer import Check
from facings.apps.pack_inspection import LOOKS
from facings.apps.registration import PixelBox, moved
from facings.page import render, thumbnail
from facings.types import UInt8Array

PICTURE_PX, DETAIL_PX = 640, 240
_MARK = (230, 30, 90)
_DIMMED = 0.35  # brightness of what was not judged
_AROUND_PX = 28  # shown around an odd place, at working size


@dataclass(frozen=True)
class Place:
    """An odd place of the photo and the same place of the genuine one, as `data:` URIs."""

    check: Check
    query: str
    genuine: str


def authenticity_page(judged: Judged, genuine: UInt8Array | None, *, photo: str, source: str, made_at: datetime) -> str:
    """One HTML file that needs nothing else.

    Args:
        judged: The answer and what is behind it.
        genuine: uint8 (h, w, 3) RGB, the closest genuine photo at working size; None for none.
        photo: Name of the photo.
        source: Where the closest genuine photo was enrolled from.
        made_at: When the page was made, aware UTC.
    """
    places = _places(judged, genuine) if genuine is not None and judged.inspection is not None else []
    return render(
        "authenticity.html.j2",
        answer=judged.answer,
        photo=photo,
        source=source,
        picture=thumbnail(_marked(judged), PICTURE_PX),
        genuine="" if genuine is None else thumbnail(genuine, PICTURE_PX),
        places=places,
        made_at=made_at,
    )


def _marked(judged: Judged) -> UInt8Array:
    """The pack, dark where nothing was judged, with the oddest place framed if it counts."""
    found, pixels = judged.inspection, judged.pixels
    if found is None:
        return pixels
    x1, y1, x2, y2 = found.box
    light = np.full(pixels.shape[:2], _DIMMED)
    side = (x2 - x1, y2 - y1)
    is_seen = np.isfinite(found.maps).any(0)
    judged_map = PillowImage.fromarray((is_seen * 255).astype(np.uint8)).resize(side)
    light[y1:y2, x1:x2] += (1 - _DIMMED) * np.asarray(judged_map) / 255
    picture = PillowImage.fromarray((pixels * light[..., None]).astype(np.uint8))
    check, p_value = _rarest(judged)
    if found.is_enough and p_value <= judged.answer.evidence.max_false_alarm:
        ImageDraw.Draw(picture).rectangle(_grown(found.spot(check), 6), outline=_MARK, width=3)
    return np.asarray(picture)


def _rarest(judged: Judged) -> tuple[int, float]:
    """Index of the map that stands out most, and its p-value."""
    p_of = {check.name: check.p_value for check in judged.answer.checks if check.p_value is not None}
    best = min(range(len(LOOKS)), key=lambda k: p_of.get(LOOKS[k], 1.0))
    return best, p_of.get(LOOKS[best], 1.0)


def _places(judged: Judged, genuine: UInt8Array) -> list[Place]:
    found, first = judged.inspection, next(iter(judged.fits.values()))
    assert found is not None
    if not found.is_enough:
        return []
    by_name = {check.name: check for check in judged.answer.checks}
    places = []
    for k in sorted(range(len(LOOKS)), key=lambda k: by_name[LOOKS[k]].p_value or 0.0):
        box = _grown(found.spot(k), _AROUND_PX)
        corners = np.array([[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]]], np.float64)
        there = moved(corners, first.to_reference)
        quad = there[[0, 3, 2, 1]].ravel().tolist()  # as Pillow wants it: from the upper left, counterclockwise
        size = (DETAIL_PX, DETAIL_PX)
        same = PillowImage.fromarray(genuine).transform(
            size, PillowImage.Transform.QUAD, quad, PillowImage.Resampling.BICUBIC
        )
        mine = PillowImage.fromarray(judged.pixels).crop(box).resize(size, PillowImage.Resampling.BICUBIC)
        uris = [thumbnail(np.asarray(one), DETAIL_PX) for one in (mine, same)]
        places.append(Place(by_name[LOOKS[k]], uris[0], uris[1]))
    return places


def _grown(box: PixelBox, by_px: int) -> PixelBox:
    return box[0] - by_px, box[1] - by_px, box[2] + by_px, box[3] + by_px
