"""After step 6: what a barcode, printed words, a printed size and measured millimeters make of a decision.

The picture stays the first witness. A barcode decides between its candidates; words and sizes do so where they leave
one. Whatever names another product than the picture does makes the answer open, and never puts that product in its
place: `docs/decisions/0015-evidence.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from facings.catalog import Product
from facings.errors import BadInput
from facings.evidence import Barcode, Corners, Effect, Evidence, TextLine
from facings.gtin import in_words, is_same_shop_item, number_in, number_kind, parse_gtin, to_gtin14
from facings.net_content import find_contents, is_among
from facings.printed_words import named_by
from facings.scale import Scale, fitting
from facings.types import Decision

_SAYING: dict[Effect, str] = {
    "decides": ": this decides",
    "agrees": ", as the picture says",
    "narrows": ": fewer are left",
    "contradicts": ": a conflict, for a person to look at",
    "proposes": ": to be confirmed, the picture does not show it",
    "unused": "",
}
_MAX_BEHIND = 0.15  # cosine; words and sizes choose no product that looks less like the picture than this


class Numbers:
    """From a trade number to the product that the catalog has under it.

    Args:
        products: The catalog by SKU.
    """

    def __init__(self, products: Mapping[str, Product]) -> None:
        self._by_number = {to_gtin14(p.gtin): p.sku for p in products.values() if p.gtin}

    def sku(self, gtin: str) -> str | None:
        """The product of a right number, also where a price or weight is part of it; None where it is not known."""
        exact = self._by_number.get(to_gtin14(gtin))
        if exact is not None or number_kind(gtin) != "regional":
            return exact
        same = [sku for listed, sku in self._by_number.items() if is_same_shop_item(gtin, listed)]
        return same[0] if len(same) == 1 else None


def of_barcode(code: Barcode, decision: Decision, products: Mapping[str, Product], numbers: Numbers) -> Evidence:
    """What a barcode says about the candidates. One that is wrong, or no trade item's, is told and not used."""

    def says(words: str, skus: tuple[str, ...] | None = None) -> Evidence:
        return Evidence("barcode", code.text, f"barcode {code.text} ({code.symbology}) {words}", skus, box=code.box)

    digits = number_in(code.text)
    if digits is None:
        return says("holds no trade number")
    try:
        gtin = parse_gtin(digits)
    except BadInput as error:
        return says(f"is not used: {error.message}")
    if not code.is_intact:
        return says("is not used: its own check failed")
    sku = numbers.sku(gtin)
    if sku is not None:
        return says(f"is that of {sku}", (sku,))
    kind = number_kind(gtin)
    if kind != "item":
        return says(f"is {in_words(kind)}, not known to the catalog")
    in_question = (decision.sku,) if decision.sku else tuple(c.sku for c in decision.candidates)
    is_none_of_these = all((product := products.get(sku)) and product.gtin for sku in in_question)
    return says("is a trade item that the catalog does not know", () if is_none_of_these else None)


def known_number(text: str, numbers: Numbers) -> str | None:
    """The digits of a printed text that are a number of the catalog; None for any other text.

    A reader of text finds many digits that only look like a trade number.
    """
    digits = number_in(text.strip())
    try:
        return digits if digits is not None and numbers.sku(parse_gtin(digits)) is not None else None
    except BadInput:
        return None


def of_words(lines: Sequence[TextLine], candidates: Sequence[Product]) -> Evidence | None:
    """What printed words say about the candidates; None where no telling word was read."""
    named = named_by([line.text for line in lines], candidates)
    if named is None:
        return None
    read = " ".join(named.words)
    if not named.skus:
        return Evidence("words", read, f"words {read!r} were read, which no candidate has all")
    return Evidence("words", read, f"words {read!r} are those of {_listed(named.skus)}", named.skus)


def of_net_content(lines: Sequence[TextLine], candidates: Sequence[Product]) -> Evidence | None:
    """What a printed size says about the candidates; None where none of theirs was read, or all have the same.

    Candidates without a size in the catalog stay possible.
    """
    read = [(content, line) for line in lines for content in find_contents(line.text)]
    sizes = {p.sku: find_contents(p.size) for p in candidates}
    hits = [(content, line) for content, line in read if any(is_among(content, size) for size in sizes.values())]
    contents = [content for content, _ in hits]
    skus = tuple(sku for sku, size in sizes.items() if not size or any(is_among(one, contents) for one in size))
    if not hits or len(skus) == len(candidates):
        return None
    content, line = hits[0]
    words = f"size {content.printed!r} is that of {_listed(skus)}"
    return Evidence("net content", content.printed, words, skus, box=line.box)


def of_dimensions(box: Corners, scale: Scale, candidates: Sequence[Product]) -> Evidence | None:
    """What the size of the box says about the candidates; None where it excludes none."""
    skus = fitting(box, scale, candidates)
    if len(skus) == len(candidates):
        return None
    height_mm = f"{(box[3] - box[1]) / scale.px_per_mm:.0f} mm"
    measured = f"{height_mm} high by {scale.n_neighbors} neighbors"
    return Evidence("dimensions", height_mm, f"{measured}, which fits {_listed(skus)}", skus)


@dataclass(frozen=True)
class Weighed:
    """A decision after the evidence, and what each piece did to it."""

    decision: Decision
    evidence: tuple[Evidence, ...]


def weigh(decision: Decision, evidence: Sequence[Evidence]) -> Weighed:
    """The decision that picture and evidence make together, its reasons with those of the evidence.

    Args:
        decision: What the picture says.
        evidence: What was read and measured at its box.
    """
    if decision.verdict == "accepted":
        weighed = _confirmed(decision, evidence)
    elif decision.verdict == "ambiguous":
        weighed = _resolved(decision, evidence)
    else:
        weighed = _proposed(decision, evidence)
    words = tuple(_told(piece) for piece in weighed.evidence)
    return replace(weighed, decision=replace(weighed.decision, reasons=weighed.decision.reasons + words))


def _confirmed(decision: Decision, evidence: Sequence[Evidence]) -> Weighed:
    """An accepted product stays so, unless something names another: then a person has to look."""
    pieces = tuple(
        _marked(piece, "agrees" if decision.sku in (piece.skus or ()) else "contradicts") for piece in evidence
    )
    codes = [piece for piece in pieces if piece.source == "barcode" and piece.skus is not None]
    weighty = codes or pieces  # a barcode outweighs words that were read and sides that were measured
    if any(piece.effect == "contradicts" for piece in weighty):
        named = {decision.sku, *(sku for piece in pieces for sku in piece.skus or ())}
        in_question = tuple(c for c in decision.candidates if c.sku in named)
        return Weighed(replace(decision, verdict="ambiguous", sku=None, candidates=in_question), pieces)
    return Weighed(decision, pieces)


def _resolved(decision: Decision, evidence: Sequence[Evidence]) -> Weighed:
    """One of the candidates, where a barcode names it, or the rest of the evidence leaves no other."""
    candidates = {c.sku for c in decision.candidates}
    by_code, others = _allowed(evidence, candidates, is_code=True), _allowed(evidence, candidates, is_code=False)
    is_named = any(piece.source == "barcode" and piece.skus for piece in evidence)
    left = by_code if is_named else by_code & others
    has_named = is_named or (any(piece.skus for piece in evidence) and left <= _plausible(decision))
    if len(left) == 1 and has_named:
        (sku,) = left
        accepted = replace(decision, verdict="accepted", sku=sku, probability=None)
        return Weighed(accepted, tuple(_judged(piece, left, candidates, "decides") for piece in evidence))
    return Weighed(decision, tuple(_judged(piece, left, candidates, "narrows") for piece in evidence))


def _proposed(decision: Decision, evidence: Sequence[Evidence]) -> Weighed:
    """A picture of nothing known stays that; only a barcode and the closest product that agree are enough."""
    named = {sku for piece in evidence if piece.source == "barcode" for sku in piece.skus or ()}
    if decision.candidates and named == {decision.candidates[0].sku}:
        accepted = replace(decision, verdict="accepted", sku=decision.candidates[0].sku)
        return Weighed(accepted, tuple(_marked(piece, "decides") for piece in evidence))
    return Weighed(decision, tuple(_marked(piece, "proposes") if piece.skus else piece for piece in evidence))


def _allowed(evidence: Sequence[Evidence], candidates: set[str], *, is_code: bool) -> set[str]:
    """The candidates that all barcodes allow, or all the rest."""
    pieces = [piece for piece in evidence if (piece.source == "barcode") == is_code and piece.skus is not None]
    return candidates.intersection(*(piece.skus or () for piece in pieces))


def _judged(piece: Evidence, left: set[str], candidates: set[str], effect: Effect) -> Evidence:
    """The piece with what it did where `left` of the candidates are left."""
    allowed = candidates & set(piece.skus or ())
    return _marked(piece, effect if allowed & left else "contradicts")


def _marked(piece: Evidence, effect: Effect) -> Evidence:
    """The piece with what it did; one that says nothing about products did nothing."""
    return piece if piece.skus is None else replace(piece, effect=effect)


def _plausible(decision: Decision) -> set[str]:
    least = decision.candidates[0].similarity - _MAX_BEHIND
    return {c.sku for c in decision.candidates if c.similarity >= least}


def _told(piece: Evidence) -> str:
    return f"{piece.words}{_SAYING[piece.effect]}"


def _listed(skus: Sequence[str]) -> str:
    return ", ".join(skus)
