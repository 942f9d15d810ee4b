"""Fronts of all forms: right shape, silhouette from edge to edge, twins alike but not the same."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from facings.errors import BadInput
from facings.simulate.fronts import draw_front, draw_side
from facings.simulate.geometry import bounding_box, silhouette_points
from facings.simulate.labels import draw_label
from facings.simulate.packs import LAYOUTS, LOGOS, Pack, make_packs

PACKS = make_packs(200, 5)
FORMS = ("box", "carton", "can", "bottle", "pouch", "jar")


def first_of(form: str) -> Pack:
    return next(pack for pack in PACKS if pack.form == form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("height_px", [48, 300])
def test_silhouette_fills_its_rectangle(form: str, height_px: int) -> None:
    pack = first_of(form)
    front = draw_front(pack, height_px)
    width, height, _ = pack.size_cm
    assert front.dtype == np.uint8
    assert front.shape == (height_px, round(height_px * width / height), 4)
    np.testing.assert_array_equal(
        bounding_box(silhouette_points(front[:, :, 3])), (0, 0, front.shape[1], front.shape[0])
    )


@pytest.mark.parametrize("form", ["can", "bottle", "jar", "carton"])
def test_rounded_forms_are_transparent_in_a_corner(form: str) -> None:
    assert (draw_front(first_of(form), 300)[:, :, 3] < 128).any()


def test_the_same_pack_is_drawn_the_same_and_every_pack_differs() -> None:
    some = PACKS[:16]
    hashes = [hashlib.sha256(draw_front(pack, 120).tobytes()).hexdigest() for pack in some]
    assert hashes == [hashlib.sha256(draw_front(pack, 120).tobytes()).hexdigest() for pack in some]
    assert len(set(hashes)) == len(some)


def test_a_twin_is_nearer_than_a_stranger() -> None:
    first = PACKS[0]
    twin = next(p for p in PACKS[1:] if p.family == first.family and p.design.flavor != first.design.flavor)
    strangers = [p for p in PACKS if p.family != first.family][:40:4]

    def far(a: Pack, b: Pack) -> float:
        return float(np.abs(flat(a) - flat(b)).mean())

    def flat(pack: Pack) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.asarray(draw_label(pack, 60, 90)).astype(np.float64)

    assert 0 < far(first, twin) < min(far(first, stranger) for stranger in strangers)


def test_every_layout_and_logo_draws_on_wide_and_tall_faces() -> None:
    seen = {(pack.design.layout, pack.design.logo): pack for pack in make_packs(900, 1)}
    assert {layout for layout, _ in seen} == set(LAYOUTS)
    assert {logo for _, logo in seen} == set(LOGOS)
    for pack in seen.values():
        for size in ((90, 60), (40, 110)):
            label = draw_label(pack, *size)
            assert label.size == size
            assert len(label.getcolors(90 * 110) or []) > 20


def test_side_is_as_wide_as_the_pack_is_deep() -> None:
    pack = first_of("carton")
    assert draw_side(pack, 200).shape == (200, round(200 * pack.size_cm[2] / pack.size_cm[1]), 3)


@pytest.mark.parametrize("height_px", [0, 15, 4097])
def test_heights_out_of_range_are_refused(height_px: int) -> None:
    with pytest.raises(BadInput, match=f"height_px: got {height_px}, wanted 16 to 4096"):
        draw_front(PACKS[0], height_px)
