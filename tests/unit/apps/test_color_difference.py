"""Color differences against the published test data, and colors against known ones."""

from __future__ import annotations

import numpy as np
import pytest

from facings.apps.color_difference import delta_e, lab, linear

# Sharma, Wu, Dalal 2005, table 1: pairs that reach each branch of the formula.
PAIRS = [
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0000),
    ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0009), 7.1792),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0011), 7.2195),
    ((50.0, -0.001, 2.49), (50.0, 0.0009, -2.49), 4.8045),
    ((50.0, 2.5, 0.0), (50.0, 0.0, -2.5), 4.3065),
    ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
    ((50.0, 2.5, 0.0), (58.0, 24.0, 15.0), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize("first, second, wanted", PAIRS)
def test_published_differences(first: tuple[float, ...], second: tuple[float, ...], wanted: float) -> None:
    assert delta_e(np.array(first), np.array(second)) == pytest.approx(wanted, abs=1e-4)
    assert delta_e(np.array(second), np.array(first)) == pytest.approx(wanted, abs=1e-4)


def test_all_pairs_at_once_are_the_pairs_one_by_one() -> None:
    first, second, wanted = (np.array(column) for column in zip(*PAIRS, strict=True))
    assert delta_e(first, second) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize(
    "rgb, wanted",
    [((255, 255, 255), (100, 0, 0)), ((0, 0, 0), (0, 0, 0)), ((255, 0, 0), (53.24, 80.09, 67.20))],
    ids=["white", "black", "red"],
)
def test_known_colors(rgb: tuple[int, ...], wanted: tuple[float, ...]) -> None:
    assert lab(linear(np.array(rgb))) == pytest.approx(wanted, abs=0.02)


def test_lightness_may_count_less() -> None:
    # Two grays: only lightness differs, so the difference falls as its scale grows.
    dark, light = np.array([40.0, 0, 0]), np.array([60.0, 0, 0])
    assert delta_e(dark, light, lightness_scale=4) == pytest.approx(delta_e(dark, light) / 4)
