"""What evidence makes of a decision: it decides what the picture left open, and never overrides it in silence."""

from __future__ import annotations

import pytest

from facings.catalog import Product
from facings.evidence import Barcode, Effect, Evidence, TextLine
from facings.scale import Scale
from facings.types import Candidate, Decision, Verdict
from facings.weigh import Numbers, known_number, of_barcode, of_dimensions, of_net_content, of_words, weigh

SMALL_GTIN, LARGE_GTIN, TEA_GTIN, OTHER_GTIN = "4006381333931", "9520000000011", "96385074", "5449000000996"
SMALL = Product("small", SMALL_GTIN, "Cola", size="0.33 l", height_mm=116)
LARGE = Product("large", LARGE_GTIN, "Cola", size="0.5 l", height_mm=168)
TEA = Product("tea", TEA_GTIN, "Tea")
HAM = Product("ham", "2012345000001", "Ham from the counter")
PRODUCTS = {p.sku: p for p in (SMALL, LARGE, TEA, HAM)}
NUMBERS = Numbers(PRODUCTS)


def decision(verdict: Verdict, *similarities: tuple[str, float]) -> Decision:
    """With candidates in this order, the first one accepted where one is."""
    pairs = similarities or (("small", 0.9), ("large", 0.88))
    candidates = tuple(Candidate(sku, similarity, n) for n, (sku, similarity) in enumerate(pairs))
    sku = candidates[0].sku if verdict == "accepted" else None
    return Decision(verdict, sku, candidates, ("as seen",), 0.95 if verdict == "ambiguous" else None)


def code(text: str, *, is_intact: bool = True) -> Barcode:
    return Barcode(text, "EAN-13", (10, 20, 90, 40), is_intact)


def line(text: str) -> TextLine:
    return TextLine(text, (1, 2, 30, 9), 0.9)


def barcode(sku: str | None) -> Evidence:
    """A barcode of a product; None: of a trade item that is none of those in question."""
    return Evidence("barcode", "1", "barcode 1", (sku,) if sku else ())


def words(*skus: str) -> Evidence:
    return Evidence("words", "x", "words 'x'", skus)


def size(*skus: str) -> Evidence:
    return Evidence("net content", "0.5 l", "size", skus)


NOTHING = Evidence("barcode", "7", "barcode 7 is not used", None)


@pytest.mark.parametrize(
    ("before", "evidence", "verdict", "sku", "effects"),
    [
        # The picture left it open.
        ("ambiguous", [], "ambiguous", None, []),
        ("ambiguous", [barcode("large")], "accepted", "large", ["decides"]),
        ("ambiguous", [barcode("tea")], "ambiguous", None, ["contradicts"]),
        ("ambiguous", [barcode(None)], "ambiguous", None, ["contradicts"]),
        ("ambiguous", [NOTHING], "ambiguous", None, ["unused"]),
        ("ambiguous", [NOTHING, barcode("small")], "accepted", "small", ["unused", "decides"]),
        ("ambiguous", [barcode("small"), barcode("large")], "ambiguous", None, ["contradicts", "contradicts"]),
        ("ambiguous", [words("large")], "accepted", "large", ["decides"]),
        ("ambiguous", [words("large"), size("large")], "accepted", "large", ["decides", "decides"]),
        ("ambiguous", [words("large"), size("small")], "ambiguous", None, ["contradicts", "contradicts"]),
        ("ambiguous", [barcode("small"), words("large")], "accepted", "small", ["decides", "contradicts"]),
        ("ambiguous", [barcode("tea"), words("large")], "ambiguous", None, ["contradicts", "contradicts"]),
        ("ambiguous", [barcode(None), size("large")], "ambiguous", None, ["contradicts", "contradicts"]),
        # The picture accepted "small".
        ("accepted", [], "accepted", "small", []),
        ("accepted", [barcode("small")], "accepted", "small", ["agrees"]),
        ("accepted", [barcode("large")], "ambiguous", None, ["contradicts"]),
        ("accepted", [barcode(None)], "ambiguous", None, ["contradicts"]),
        ("accepted", [NOTHING], "accepted", "small", ["unused"]),
        ("accepted", [words("small"), size("large")], "ambiguous", None, ["agrees", "contradicts"]),
        ("accepted", [barcode("small"), size("large")], "accepted", "small", ["agrees", "contradicts"]),
        ("accepted", [barcode("large"), words("small")], "ambiguous", None, ["contradicts", "agrees"]),
        # The picture shows nothing known.
        ("unknown", [], "unknown", None, []),
        ("unknown", [barcode("small")], "accepted", "small", ["decides"]),
        ("unknown", [barcode("large")], "unknown", None, ["proposes"]),
        ("unknown", [barcode("tea")], "unknown", None, ["proposes"]),
        ("unknown", [barcode("small"), barcode("tea")], "unknown", None, ["proposes", "proposes"]),
        ("unknown", [words("small")], "unknown", None, ["proposes"]),
        ("unknown", [barcode(None)], "unknown", None, ["unused"]),
    ],
)  # fmt: skip
def test_what_evidence_makes_of_a_decision(
    before: Verdict, evidence: list[Evidence], verdict: Verdict, sku: str | None, effects: list[Effect]
) -> None:
    weighed = weigh(decision(before), evidence)
    assert (weighed.decision.verdict, weighed.decision.sku) == (verdict, sku)
    assert [piece.effect for piece in weighed.evidence] == effects


def test_every_piece_is_among_the_reasons_and_those_of_the_picture_stay() -> None:
    weighed = weigh(decision("ambiguous"), [NOTHING, barcode("large"), words("small")])
    assert weighed.decision.reasons == (
        "as seen",
        "barcode 7 is not used",
        "barcode 1: this decides",
        "words 'x': a conflict, for a person to look at",
    )


def test_three_candidates_are_narrowed_and_the_rest_decides() -> None:
    three = decision("ambiguous", ("small", 0.9), ("large", 0.88), ("tea", 0.87))
    narrowed = weigh(three, [words("small", "large")])
    assert (narrowed.decision.verdict, narrowed.evidence[0].effect) == ("ambiguous", "narrows")
    assert narrowed.decision.candidates == three.candidates
    assert narrowed.decision.probability == 0.95
    decided = weigh(three, [words("small", "large"), size("large", "tea")])
    assert (decided.decision.sku, decided.decision.probability) == ("large", None)


def test_words_choose_no_product_that_looks_much_less_like_the_picture_but_a_barcode_does() -> None:
    far = decision("ambiguous", ("small", 0.9), ("large", 0.88), ("tea", 0.7))
    assert weigh(far, [words("tea")]).decision.verdict == "ambiguous"
    assert weigh(far, [barcode("tea")]).decision.sku == "tea"


def test_the_only_product_in_question_is_accepted_for_its_barcode() -> None:
    assert weigh(decision("ambiguous", ("small", 0.9)), [barcode("small")]).decision.sku == "small"
    assert weigh(decision("ambiguous", ("small", 0.9)), [NOTHING]).decision.verdict == "ambiguous"


def test_after_a_conflict_the_products_in_question_are_those_that_were_named() -> None:
    seen = decision("accepted", ("small", 0.9), ("tea", 0.5), ("large", 0.4))
    weighed = weigh(seen, [barcode("large")])
    assert [c.sku for c in weighed.decision.candidates] == ["small", "large"]


# Barcodes


@pytest.mark.parametrize(
    ("text", "skus", "said"),
    [
        pytest.param(SMALL_GTIN, ("small",), "is that of small", id="in the catalog"),
        pytest.param("0" + SMALL_GTIN, ("small",), "is that of small", id="in 14 digits"),
        pytest.param(f"(01)0{LARGE_GTIN}(17)271231", ("large",), "is that of large", id="GS1 element string"),
        pytest.param(f"https://id.gs1.org/01/0{LARGE_GTIN}", ("large",), "is that of large", id="GS1 Digital Link"),
        pytest.param("4006381333932", None, "is not used: GTIN .* check digit is 2, wanted 1", id="wrong check digit"),
        pytest.param("https://example.com/win", None, "holds no trade number", id="web address"),
        pytest.param("AB-12", None, "holds no trade number", id="letters"),
        pytest.param("2099999001233", None, "region or shop.* not known", id="price or weight, unknown item"),
        pytest.param("2012345006751", ("ham",), "is that of ham", id="price or weight of a listed item"),
        pytest.param("0412345678903", None, "a shop-internal number, not known", id="shop-internal"),
        pytest.param("10614141234568", None, "a case of several items, not known", id="case"),
        pytest.param("9812345678902", None, "a coupon or refund receipt, not known", id="coupon"),
    ],
)
def test_what_a_barcode_says(text: str, skus: tuple[str, ...] | None, said: str) -> None:
    found = of_barcode(code(text), decision("ambiguous", ("small", 0.9), ("bare", 0.9)), PRODUCTS, NUMBERS)
    assert found.skus == skus
    assert (found.source, found.value, found.box, found.effect) == ("barcode", text, (10, 20, 90, 40), "unused")
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(found.words)


def test_a_barcode_whose_own_check_failed_is_told_and_not_used() -> None:
    found = of_barcode(code(SMALL_GTIN, is_intact=False), decision("ambiguous"), PRODUCTS, NUMBERS)
    assert found.skus is None
    assert "is not used: its own check failed" in found.words


@pytest.mark.parametrize(
    ("before", "skus"),
    [
        pytest.param(decision("accepted"), (), id="the accepted product has another number"),
        pytest.param(decision("accepted", ("bare", 0.9)), None, id="the accepted product has none in the catalog"),
        pytest.param(decision("ambiguous"), (), id="all candidates have others"),
        pytest.param(decision("ambiguous", ("small", 0.9), ("bare", 0.9)), None, id="one candidate has none"),
    ],
)
def test_a_trade_item_that_the_catalog_lacks_speaks_against_products_with_other_numbers(
    before: Decision, skus: tuple[str, ...] | None
) -> None:
    assert of_barcode(code(OTHER_GTIN), before, PRODUCTS, NUMBERS).skus == skus


def test_two_listed_items_of_one_shop_number_are_not_guessed_between() -> None:
    twice = {**PRODUCTS, "speck": Product("speck", "2012345000001")}  # a catalog file would be refused
    assert Numbers(twice).sku("2012345000001") == "speck"
    assert Numbers({"ham": HAM}).sku("2012346006750") is None


def test_printed_digits_count_only_where_they_are_a_number_of_the_catalog() -> None:
    assert known_number(" 4 006381 333931 ", NUMBERS) == SMALL_GTIN
    assert known_number(OTHER_GTIN, NUMBERS) is None
    assert known_number("4006381333932", NUMBERS) is None
    assert known_number("22.11.2026", NUMBERS) is None


# Words, sizes, dimensions


def test_words_that_fit_no_candidate_together_say_nothing() -> None:
    red, blue = Product("red", name="Tea red"), Product("blue", name="Tea blue")
    found = of_words([line("RED"), line("BLUE")], [red, blue])
    assert found is not None
    assert (found.skus, found.value) == (None, "blue red")
    assert of_words([line("TEA")], [red, blue]) is None
    assert of_words([line("blue")], [red, blue]) == Evidence(
        "words", "blue", "words 'blue' are those of blue", ("blue",)
    )


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        pytest.param(["500 ml"], ("large",), id="one of them"),
        pytest.param(["Cola", "16.9 FL OZ (500 ml)"], ("large",), id="in two units"),
        pytest.param(["1 l"], None, id="none of them"),
        pytest.param(["330 ml", "0,5 l"], None, id="both"),
        pytest.param([], None, id="nothing read"),
    ],
)
def test_printed_sizes(texts: list[str], wanted: tuple[str, ...] | None) -> None:
    found = of_net_content([line(text) for text in texts], [SMALL, LARGE])
    assert (found and found.skus) == wanted


def test_a_candidate_without_a_size_stays_possible() -> None:
    found = of_net_content([line("0.5 l")], [SMALL, LARGE, TEA])
    assert found is not None
    assert found.skus == ("large", "tea")


def test_dimensions() -> None:
    found = of_dimensions((0, 0, 132, 336), Scale(2.0, 4), [SMALL, LARGE])
    assert found == Evidence("dimensions", "168 mm", "168 mm high by 4 neighbors, which fits large", ("large",))
    assert of_dimensions((0, 0, 132, 336), Scale(2.0, 4), [LARGE, TEA]) is None
