"""GTINs: real numbers pass, every misread digit is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facings.errors import BadInput
from facings.gtin import (
    LENGTHS,
    NumberKind,
    check_digit,
    in_words,
    is_same_shop_item,
    number_in,
    number_kind,
    parse_gtin,
    to_gtin14,
)

thorough = settings(max_examples=300, deadline=None, derandomize=True, database=None)


@st.composite
def gtins(draw: st.DrawFn) -> str:
    length = draw(st.sampled_from(LENGTHS))
    body = draw(st.text("0123456789", min_size=length - 1, max_size=length - 1).filter(lambda text: text.strip("0")))
    return body + check_digit(body)


@given(gtins())
@thorough
def test_right_numbers_are_kept_as_given(gtin: str) -> None:
    assert parse_gtin(gtin) == gtin


@given(gtins())
@settings(thorough, max_examples=60)
def test_every_single_misread_digit_is_noticed(gtin: str) -> None:
    for place, right in enumerate(gtin):
        for wrong in set("0123456789") - {right}:
            with pytest.raises(BadInput, match="check digit is"):
                parse_gtin(gtin[:place] + wrong + gtin[place + 1 :])


@given(gtins())
@thorough
def test_swapped_neighbors_are_noticed_unless_they_differ_by_five(gtin: str) -> None:
    # Weights 3 and 1: swapping a and b changes the sum by 2(a − b), a multiple of 10 only for |a − b| = 0 or 5.
    for place in range(len(gtin) - 1):
        a, b = gtin[place], gtin[place + 1]
        swapped = gtin[:place] + b + a + gtin[place + 2 :]
        if abs(int(a) - int(b)) in {0, 5}:
            assert parse_gtin(swapped) == swapped
        else:
            with pytest.raises(BadInput, match="check digit is"):
                parse_gtin(swapped)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("4006381-333931", "4006381333931"),
        ("4 006381 333931", "4006381333931"),
        (" 96385074 ", "96385074"),
        ("0-36000-29145-2", "036000291452"),
    ],
)
def test_spaces_and_hyphens_are_taken_out(text: str, wanted: str) -> None:
    assert parse_gtin(text) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "other characters", id="empty"),
        pytest.param(" - ", "other characters", id="separators alone"),
        pytest.param("400638133393X", "other characters", id="letter"),
        pytest.param("4006381333931.0", "other characters", id="number from a spreadsheet"),
        pytest.param("4.00638E+12", "other characters", id="rounded by a spreadsheet"),
        pytest.param("+4006381333931", "other characters", id="sign"),
        pytest.param("４００６３８１３３３９３１", "other characters", id="full-width digits"),
        pytest.param("٤٠٠٦٣٨١٣٣٣٩٣١", "other characters", id="Arabic digits"),
        pytest.param("400638133393¹", "other characters", id="superscript"),
        pytest.param("4006381333931\n", "other characters", id="line break"),
        pytest.param("4", "got 1 digits, wanted 8, 12, 13 or 14", id="one digit"),
        pytest.param("123456789", "got 9 digits", id="nine digits"),
        pytest.param("4006381333931" * 2, "got 26 digits", id="twice"),
        pytest.param("36000291452", "leading zeros", id="GTIN-12 without its zero"),
        pytest.param("6385074", "leading zeros", id="GTIN-8 without its first digit"),
        pytest.param("4006381333932", "check digit is 2, wanted 1", id="wrong check digit"),
    ],
)
def test_what_is_no_gtin_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(BadInput, match="GTIN") as caught:
        parse_gtin(text)
    assert said in caught.value.message


@given(gtins())
@thorough
def test_padded_to_fourteen_it_is_still_right_and_the_same_number(gtin: str) -> None:
    padded = to_gtin14(gtin)
    assert len(padded) == 14
    assert int(padded) == int(gtin)
    assert parse_gtin(padded) == padded


def test_one_product_in_three_lengths_compares_equal() -> None:
    assert to_gtin14("036000291452") == to_gtin14("0036000291452") == to_gtin14("00036000291452")


@pytest.mark.parametrize("length", LENGTHS)
def test_zeros_alone_are_a_placeholder_and_no_number(length: int) -> None:
    with pytest.raises(BadInput, match="zeros alone"):
        parse_gtin("0" * length)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param("400638133393", "item", id="prefix 400"),
        pytest.param("03600029145", "item", id="GTIN-12"),
        pytest.param("9638507", "item", id="GTIN-8"),
        pytest.param("952000000001", "item", id="prefix 952, for examples"),
        pytest.param("978014300723", "item", id="book"),
        pytest.param("019783333333", "item", id="prefix 019"),
        pytest.param("201234500675", "regional", id="prefix 20"),
        pytest.param("299999999999", "regional", id="prefix 29"),
        pytest.param("021234567890", "regional", id="prefix 02"),
        pytest.param("21234567890", "regional", id="GTIN-12 that begins with 2"),
        pytest.param("041234567890", "shop-internal", id="prefix 04"),
        pytest.param("41234567890", "shop-internal", id="GTIN-12 that begins with 4"),
        pytest.param("0123456", "shop-internal", id="GTIN-8 that begins with 0"),
        pytest.param("2123456", "shop-internal", id="GTIN-8 that begins with 2"),
        pytest.param("980123456789", "coupon", id="refund receipt"),
        pytest.param("981123456789", "coupon", id="coupon 981"),
        pytest.param("985123456789", "item", id="prefix 985, not given away"),
        pytest.param("991234567890", "coupon", id="coupon 99"),
        pytest.param("1061414123456", "case", id="indicator 1"),
        pytest.param("8061414123456", "case", id="indicator 8"),
        pytest.param("9061414123456", "by measure", id="indicator 9"),
        pytest.param("0400638133393", "item", id="indicator 0"),
    ],
)
def test_what_a_number_stands_for(body: str, kind: NumberKind) -> None:
    gtin = body + check_digit(body)
    assert number_kind(gtin) == kind
    assert number_kind(to_gtin14(gtin)) == kind
    assert in_words(kind).startswith(("a ", "an "))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        pytest.param("4006381333931", "4006381333931", id="the number alone"),
        pytest.param("4 006381-333931", "4006381333931", id="with spaces and hyphen"),
        pytest.param("4006381333932", "4006381333932", id="wrong check digit: still meant as one"),
        pytest.param("(01)09521234543213(3103)000123", "09521234543213", id="GS1 element string"),
        pytest.param("https://id.gs1.org/01/09521234543213/10/AB?x=1", "09521234543213", id="GS1 Digital Link"),
        pytest.param("HTTPS://SHOP.EXAMPLE/a/01/09521234543213", "09521234543213", id="another domain"),
        pytest.param("(10)AB12", None, id="a batch without a product"),
        pytest.param("(00)095212345432132222", None, id="a pallet"),
        pytest.param("https://example.com/win", None, id="web address"),
        pytest.param("https://example.com/?q=/01/09521234543213", None, id="behind a question mark"),
        pytest.param("123456", None, id="six digits"),
        pytest.param("  ", None, id="spaces"),
        pytest.param("", None, id="empty"),
        pytest.param("AB-4006381333931", None, id="letters"),
    ],
)
def test_the_number_in_a_barcode(text: str, number: str | None) -> None:
    assert number_in(text) == number


@pytest.mark.parametrize(
    ("read", "listed", "is_same"),
    [
        pytest.param("2012345006751", "2012345000001", True, id="another price"),
        pytest.param("2012345000001", "2012345000001", True, id="the listed number itself"),
        pytest.param("2012346006750", "2012345000001", False, id="another item"),
        pytest.param("2112345006750", "2012345000001", False, id="another prefix"),
        pytest.param(
            "2012345006751", "2012345006751", False, id="a listed number with a price stands for itself alone"
        ),
        pytest.param("4006381000017", "4006381000000", False, id="no regional numbers"),
    ],
)
def test_numbers_with_a_price_are_of_the_item_listed_without(read: str, listed: str, is_same: bool) -> None:
    assert is_same_shop_item(read, listed) is is_same
