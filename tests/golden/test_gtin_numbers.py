"""Check digits worked by hand (GS1 General Specifications 7.9.1: weights 3, 1, 3, … from the right of the body)."""

from __future__ import annotations

import pytest

from facings.gtin import check_digit, parse_gtin


@pytest.mark.parametrize(
    "gtin",
    [
        # 9638507: 7·3 + 0 + 5·3 + 8 + 3·3 + 6 + 9·3 = 21+0+15+8+9+6+27 = 86 → 4
        pytest.param("96385074", id="GTIN-8"),
        # 03600029145: 5·3+4+1·3+9+2·3+0+0+0+6·3+3+0 = 15+4+3+9+6+18+3 = 58 → 2
        pytest.param("036000291452", id="GTIN-12"),
        # 400638133393: 3·3+9+3·3+3+3·3+1+8·3+3+6·3+0+0+4 = 9+9+9+3+9+1+24+3+18+4 = 89 → 1
        pytest.param("4006381333931", id="GTIN-13"),
        # 1061414123456: 6·3+5+4·3+3+2·3+1+4·3+1+4·3+1+6·3+0+1·3 = 18+5+12+3+6+1+12+1+12+1+18+0+3 = 92 → 8
        pytest.param("10614141234568", id="GTIN-14"),
    ],
)
def test_check_digit(gtin: str) -> None:
    assert check_digit(gtin[:-1]) == gtin[-1]
    assert parse_gtin(gtin) == gtin


def test_sum_that_is_a_multiple_of_ten_gives_zero() -> None:
    # 0000018: 8·3 + 1 + … = 25 → 5;  0000054: 4·3 + 5 = 17 → 3;  0000073: 3·3 + 7 = 16 → 4;  0000017: 7·3 + 1 = 22 → 8
    assert [check_digit(body) for body in ("0000018", "0000054", "0000073", "0000017")] == ["5", "3", "4", "8"]
    # 0000091: 1·3 + 9 = 12 → 8;  0000092: 2·3 + 9 = 15 → 5;  0000071: 1·3 + 7 = 10 → 0
    assert [check_digit(body) for body in ("0000091", "0000092", "0000071")] == ["8", "5", "0"]
