"""zxing-cpp on barcodes as photos show them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zxingcpp

from facings.adapters.barcode import ZxingReader
from facings.evidence import Barcode
from facings.gtin import check_digit, number_in
from facings.simulate.labels import draw_label
from facings.simulate.packs import make_packs
from real_print import barcode, photographed

GTIN = "4006381333931"
Kind = zxingcpp.BarcodeFormat


def read(drawn: np.ndarray, **photo: Any) -> tuple[Barcode, ...]:
    return ZxingReader().read(photographed(drawn, **photo))


@pytest.mark.parametrize("turn_deg", [0, 7, -20, 90, 180, 270])
def test_turned(turn_deg: float) -> None:
    assert [code.text for code in read(barcode(GTIN), turn_deg=turn_deg)] == [GTIN]


@pytest.mark.parametrize(
    ("module_px", "share", "blur_px"),
    [
        pytest.param(3, 1.0, 1.2, id="blurred by less than half a bar"),
        pytest.param(6, 1 / 3, 0.6, id="bars of two pixels, blurred a little"),
        pytest.param(6, 0.25, 0.0, id="bars of one and a half pixels"),
    ],
)
def test_small_and_blurred(module_px: int, share: float, blur_px: float) -> None:
    (found,) = read(barcode(GTIN, module_px=module_px), share=share, blur_px=blur_px)
    assert (found.text, found.is_intact) == (GTIN, True)


def test_too_small_and_too_blurred_is_none_and_never_another_number() -> None:
    found = read(barcode(GTIN, module_px=6), share=0.15) + read(barcode(GTIN), blur_px=4)
    assert {code.text for code in found if code.is_intact} <= {GTIN}


@pytest.mark.parametrize(
    ("kind", "text", "number"),
    [
        (Kind.EAN8, "96385074", "96385074"),
        (Kind.UPCA, "036000291452", "0036000291452"),
        (Kind.UPCE, "01234565", "0012345000065"),
        (Kind.ITF14, "10614141234568", "10614141234568"),
        (Kind.Code128, GTIN, GTIN),
        (Kind.DataBarOmni, "09521234543213", "09521234543213"),
        (Kind.DataBarExp, "(01)09521234543213(3103)000123", "09521234543213"),
        (Kind.QRCode, "https://id.gs1.org/01/09521234543213/10/AB", "09521234543213"),
    ],
)
def test_every_kind_that_carries_a_trade_number(kind: zxingcpp.BarcodeFormat, text: str, number: str) -> None:
    (found,) = read(barcode(text, kind=kind, module_px=4), turn_deg=3)
    assert number_in(found.text) == number


def test_wrong_check_digit_is_told_as_not_intact() -> None:
    wrong = GTIN[:-1] + "2"
    found = read(_ean13_as_given(wrong))
    assert [(code.text, code.is_intact) for code in found] == [(wrong, False)]


def test_a_photo_of_packs_without_barcode_has_none() -> None:
    for pack in make_packs(6, 5):
        drawn = np.asarray(draw_label(pack, 240, round(240 * pack.size_cm[1] / pack.size_cm[0])))
        assert [code for code in ZxingReader().read(drawn) if code.is_intact] == []


def _ean13_as_given(digits: str, module_px: int = 4) -> np.ndarray:
    """Bars of 13 digits without asking whether the last one is right (GS1 General Specifications, section 5.2)."""
    left = [
        "0001101",
        "0011001",
        "0010011",
        "0111101",
        "0100011",
        "0110001",
        "0101111",
        "0111011",
        "0110111",
        "0001011",
    ]
    parity = ["LLLLLL", "LLGLGG", "LLGGLG", "LLGGGL", "LGLLGG", "LGGLLG", "LGGGLL", "LGLGLG", "LGLGGL", "LGGLGL"]
    right = ["".join("10"[int(bar)] for bar in code) for code in left]
    odd_or_even = {"L": left, "G": [code[::-1] for code in right]}
    first = [odd_or_even[p][int(d)] for p, d in zip(parity[int(digits[0])], digits[1:7], strict=True)]
    bars = "101" + "".join(first) + "01010" + "".join(right[int(d)] for d in digits[7:]) + "101"
    row = np.array([255 * (bar == "0") for bar in "0" * 11 + bars + "0" * 11], np.uint8).repeat(module_px)
    return np.repeat(np.tile(row, (160, 1))[:, :, None], 3, axis=2)


def test_the_drawn_bars_are_right_where_the_digit_is() -> None:
    assert check_digit(GTIN[:-1]) == "1"
    assert [(code.text, code.is_intact) for code in read(_ean13_as_given(GTIN))] == [(GTIN, True)]
