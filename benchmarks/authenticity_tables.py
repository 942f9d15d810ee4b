"""What `authenticity.py` asked, as tables: by kind of forgery, promise, share rejected, fakes that are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facings.apps.genuine_calibration import GenuineCalibration, Rarity
from facings.apps.genuine_pack import GenuinePack
from facings.apps.pack_checks import CHECKS
from facings.apps.pack_inspection import LOOKS, Inspection
from facings.apps.pack_look import Looked
from facings.apps.pack_maps import PLACE_PX
from facings.apps.registration import PixelBox
from facings.evaluate.share import Share
from facings.simulate.forged_print import WORD_KINDS
from facings.simulate.forgeries import KINDS, STRENGTHS
from facings.types import UInt8Array
from results_page import machine, markdown_table

LIMITS = (0.01, 0.05, 0.10)
GENUINE, ALL, PRINTED = "genuine", "all", "all in one place"
KEPT = (1.0, 0.9, 0.8, 0.7, 0.5)
N_KNOWN_FAKES = 10
N_RESAMPLED = 300


@dataclass(frozen=True, eq=False)
class Product:
    """A carton: its references, prepared, and the photos to ask about."""

    sku: str
    references: dict[int, UInt8Array]
    pack: GenuinePack
    rows: NDArray[np.float32]
    patches: NDArray[np.float32]
    queries: list[UInt8Array]


@dataclass(frozen=True, eq=False)
class Asked:
    """One photo held against its product; figures of the baselines are larger for odder photos."""

    product: Product
    kind: str
    strength: str
    looked: Looked | None
    inspection: Inspection | None
    scores: NDArray[np.float64] | None
    is_edited: NDArray[np.bool_] | None
    embedding: float
    ssim: float
    memory_bank: float
    seconds: float
    pack: UInt8Array
    box: PixelBox


_BASELINES = (
    "SSIM is taken after the same registration. The memory bank is PatchCore's (Roth et al., 2022) on the cells of the "
    "bundled ResNet, of all genuine photos of the product, without a coreset and without registration."
)

Ranked = dict[Asked, Rarity]
Figure = Callable[[Asked], float]


def page(
    conditions: str,
    calibration: GenuineCalibration,
    asked: Sequence[Asked],
    words: Sequence[Asked],
    strangers: Sequence[Asked],
    codes: dict[str, list[str]],
    packs: Sequence[GenuinePack],
) -> str:
    """The section of docs/results.md."""
    ranked = _ranked(asked, calibration)
    genuine = [one for one in asked if one.kind == GENUINE]
    told = [one for one in genuine if one in ranked]
    seconds = sorted(one.seconds for one in asked)
    reading = sorted(one.seconds for one in words if one.scores is not None)
    n_products = len({one.product.sku for one in asked})
    about = (
        f"{conditions.replace('MACHINE', machine())} {n_products} cartons of the Grocery Store Dataset, in a hand or "
        "on a shelf, none of those that the settings were chosen on; up to 12 references each of train, queries of "
        f"val and test (dev half). p-values from {calibration.n_photos} genuine reference photos, these cartons' and "
        "others', each judged by the others of its product. **The forgeries are made**: edits of these photos, in the "
        "same light; real counterfeits may be harder or easier. Side of an edit: 16, 24, 34 % of the root of the "
        "pack's area, some 15 to 50 pixels. Kinds at medium strength once a query; at the other strengths one kind a "
        f"query, by lot. One check takes {_middle(seconds):.2f} s (median; 95 %: "
        f"{seconds[int(0.95 * len(seconds))]:.2f} s); reading the words another {_middle(reading):.2f} s, which the "
        f"first table does without. In brackets: 95 %, of AUROC by {N_RESAMPLED} resamplings of cartons."
    )
    alarms = [(f"{limit:.0%}", _share([ranked[one].p_value <= limit for one in told])) for limit in LIMITS]
    return "\n\n".join([
        "## Genuine or not", about,
        f'Told: {_share([one in ranked for one in genuine])} of genuine queries; the others: "cannot tell".',
        "False alarms on genuine queries that could be told:",
        markdown_table(("promised at most", "measured"), alarms), "Forgeries:", _forgeries(asked, ranked, told),
        "Each check alone, AUROC at medium strength:", _alone(asked, ranked, told), _risk(asked, ranked, told),
        _sharpened(asked, ranked, packs), _words(words, calibration), _strangers(strangers, calibration),
        _codes(codes),
        _BASELINES,
    ])  # fmt: skip


def _ranked(asked: Sequence[Asked], calibration: GenuineCalibration) -> Ranked:
    return {one: calibration.rarity(one.scores, one.product.pack) for one in asked if one.scores is not None}


def _forgeries(asked: Sequence[Asked], ranked: Ranked, told: Sequence[Asked]) -> str:
    rows = []
    several = [(kind, strength) for kind in (PRINTED, ALL) for strength in STRENGTHS]
    for kind, strength in [(kind, "medium") for kind in KINDS] + several:
        forged = [one for one in asked if one.strength == strength and _is_of(one.kind, kind)]
        seen = [one for one in forged if one in ranked]
        if not seen:
            continue
        placed = [one for one in seen if one.kind != "wrong proportions"]
        figures: tuple[Figure, ...] = (
            lambda one: -ranked[one].p_value, lambda one: one.embedding, lambda one: one.ssim,
            lambda one: one.memory_bank,
        )  # fmt: skip
        areas = [area for one in placed if not np.isnan(area := _pixel_auroc(one))]
        rows.append((
            kind, strength, f"{len(seen)} of {len(forged)}", _auroc_words(seen, told, figures[0]),
            *(f"{_auroc(seen, told, figure):.3f}" for figure in figures[1:]),
            *(_short_share([ranked[one].p_value <= limit for one in seen]) for limit in LIMITS[:2]),
            _short_share([_is_hit(one, ranked[one].strongest) for one in placed]) if placed else "",
            f"{np.mean(areas):.3f}" if areas else "",
        ))  # fmt: skip
    columns = (
        "forgery", "strength", "told", "AUROC", "embedding", "SSIM aligned", "memory bank", "found at 1 %",
        "found at 5 %", "pointing game", "pixel AUROC, best look",
    )  # fmt: skip
    return markdown_table(columns, rows)


def _is_of(kind: str, wanted: str) -> bool:
    return wanted in (kind, ALL) or (wanted == PRINTED and kind not in (GENUINE, "wrong proportions"))


def _alone(asked: Sequence[Asked], ranked: Ranked, told: Sequence[Asked]) -> str:
    rows = []
    for kind in KINDS:
        seen = [one for one in asked if (one.kind, one.strength) == (kind, "medium") and one in ranked]
        of_seen, of_told = (np.array([-ranked[one].checks for one in side]) for side in (seen, told))
        alone = [auroc_of(of_seen[:, k], of_told[:, k]) for k in range(len(CHECKS) - 1)]
        rows.append((kind, *(f"{area:.3f}" for area in alone)))
    return markdown_table(("forgery", *CHECKS[:-1]), rows)


def _risk(asked: Sequence[Asked], ranked: Ranked, told: Sequence[Asked]) -> str:
    """Risk and coverage: what is nearest to the limit is rejected first; genuine and forged weigh the same."""
    forged = [one for one in asked if one.strength == "medium" and one in ranked]
    sides = [(one, False, 1 / len(told)) for one in told] + [(one, True, 1 / len(forged)) for one in forged]
    p_values = np.array([ranked[one].p_value for one, _, _ in sides])
    weights = np.array([weight for _, _, weight in sides])
    limit = np.sort(p_values[: len(told)])[max(0, int(0.05 * len(told)) - 1)]  # called forged at 5 % measured alarms
    is_right = np.array([(p <= limit) == is_forged for p, (_, is_forged, _) in zip(p_values, sides, strict=True)])
    order = np.argsort(-np.abs(np.log(p_values / limit)), kind="stable")
    share = weights[order].cumsum() / weights.sum()
    rows = []
    for kept in KEPT:
        n = max(1, int(np.searchsorted(share, kept - 1e-9)) + 1)
        best = order[:n]
        rows.append((f"{kept:.0%}", f"{(is_right[best] * weights[best]).sum() / weights[best].sum():.1%}"))
    return (
        "Accuracy after rejecting those that are nearest to the limit, genuine and forged of medium strength weighing "
        f"the same, the limit where one genuine query in twenty is called forged (p = {limit:.2f}):\n\n"
        + markdown_table(("kept", "right"), rows)
    )


def _sharpened(asked: Sequence[Asked], ranked: Ranked, packs: Sequence[GenuinePack]) -> str:
    """What known fakes of other cartons are worth."""
    rows = []
    for kind in KINDS:
        seen = [one for one in asked if (one.kind, one.strength) == (kind, "medium") and one in ranked]
        before, after = [], []
        for one in seen:
            others = [other for other in seen if other.product is not one.product][:N_KNOWN_FAKES]
            fakes = [dict(zip(CHECKS, ranked[other].checks.tolist(), strict=True)) for other in others]
            known = [{name: p for name, p in fake.items() if not np.isnan(p)} for fake in fakes]
            assert one.scores is not None
            sharper = GenuineCalibration(packs, known).rarity(one.scores, one.product.pack)
            before.append(ranked[one].p_value <= 0.05)
            after.append(sharper.p_value <= 0.05)
        if seen:
            rows.append((kind, _short_share(before), _short_share(after)))
    columns = ("forgery", "found at 5 %", f"with {N_KNOWN_FAKES} known fakes of the kind, of other cartons")
    return "Confirmed fakes:\n\n" + markdown_table(columns, rows)


def _words(words: Sequence[Asked], calibration: GenuineCalibration) -> str:
    ranked = _ranked(words, calibration)
    told = [one for one in ranked if one.kind == GENUINE]
    told_text = [one for one in told if not np.isnan(ranked[one].checks[-1])]
    rows = []
    for kind in WORD_KINDS:
        for strength in STRENGTHS[:2]:
            seen = [one for one in ranked if (one.kind, one.strength) == (kind, strength)]
            if not seen:
                continue
            read = [one for one in seen if not np.isnan(ranked[one].checks[-1])]
            p_of: Figure = lambda one: -ranked[one].p_value  # noqa: E731
            text: Figure = lambda one: -ranked[one].checks[-1]  # noqa: E731
            rows.append((
                kind, strength, len(seen), len(read), _auroc_words(seen, told, p_of),
                f"{_auroc(read, told_text, text):.3f}" if read and told_text else "",
                _short_share([ranked[one].p_value <= 0.05 for one in seen]),
            ))  # fmt: skip
    columns = ("printed over", "strength", "told", "read there", "AUROC, all checks", "text alone", "found at 5 %")
    note = (
        f"The longest word of a query printed anew by a font (slight: as wide as the old one, or one wrong letter; "
        f"medium: 15 % narrower, or two). Of {len(told)} genuine queries that were told, words stood in a place of "
        f"genuine words in {len(told_text)}:"
    )
    return note + "\n\n" + markdown_table(columns, rows)


def _strangers(strangers: Sequence[Asked], calibration: GenuineCalibration) -> str:
    if not strangers:
        return "Packs of other products were not at hand."
    ranked = _ranked(strangers, calibration)
    odd = [one for one in ranked if ranked[one].p_value <= 0.05]
    return (
        f"Packs of other products (groceries-detection, {len(strangers)} photos, each held against one carton): "
        f"{_share([one not in ranked for one in strangers])} cannot be told, as they fit no genuine photo; "
        f"{len(odd)} are suspicious, {len(ranked) - len(odd)} consistent."
    )


def _codes(codes: dict[str, list[str]]) -> str:
    rows = [
        (kind, len(said), *(_short_share([one == word for one in said]) for word in ("not read", "fits", "odd")))
        for kind, said in codes.items()
    ]
    return (
        "A label with a barcode, bars of 1 to 3 pixels, printed into the queries three times enlarged, then blurred; "
        "the check needs no genuine photos:\n\n" + markdown_table(("number", "photos", "not read", "fits", "odd"), rows)
    )


def _is_edit(one: Asked) -> NDArray[np.bool_]:
    assert one.inspection is not None and one.is_edited is not None
    x1, y1, x2, y2 = one.inspection.box
    part = one.is_edited[y1:y2, x1:x2]
    height, width = one.inspection.is_judged.shape
    return np.asarray(part.reshape(height, PLACE_PX, width, PLACE_PX).any((1, 3)))


def _is_hit(one: Asked, check: int) -> bool:
    """Whether the oddest place of the check that stands out lies in the edit."""
    assert one.inspection is not None
    if check >= len(LOOKS):
        return False
    odd = one.inspection.maps[check]
    return bool(_is_edit(one)[np.unravel_index(odd.argmax(), odd.shape)])


def _pixel_auroc(one: Asked) -> float:
    """Of judged places, by the best map."""
    assert one.inspection is not None
    is_edit, inside = _is_edit(one), np.isfinite(one.inspection.maps).all(0)
    if not (is_edit & inside).any() or (is_edit | ~inside).all():
        return float("nan")
    return max(auroc_of(odd[inside & is_edit], odd[inside & ~is_edit]) for odd in one.inspection.maps)


def _auroc(odd: Sequence[Asked], usual: Sequence[Asked], figure: Figure) -> float:
    return auroc_of(np.array([figure(one) for one in odd]), np.array([figure(one) for one in usual]))


def _auroc_words(odd: Sequence[Asked], usual: Sequence[Asked], figure: Figure) -> str:
    """With a 95 % interval by resampling cartons."""
    rng = np.random.default_rng(0)
    skus = sorted({one.product.sku for one in usual})
    areas = []
    for _ in range(N_RESAMPLED):
        drawn = rng.choice(skus, len(skus)).tolist()
        some, others = ([one for sku in drawn for one in side if one.product.sku == sku] for side in (odd, usual))
        if some and others:
            areas.append(_auroc(some, others, figure))
    low, high = np.quantile(areas, (0.025, 0.975))
    return f"{_auroc(odd, usual, figure):.3f} ({low:.2f} to {high:.2f})"


def auroc_of(odd: NDArray[np.float64], usual: NDArray[np.float64]) -> float:
    """Share of pairs in which the odd one is larger; ties count half."""
    if not len(odd) or not len(usual):
        return float("nan")
    there = np.sort(usual)
    ranks = np.searchsorted(there, odd, "left") + np.searchsorted(there, odd, "right")
    return float(ranks.mean() / (2 * len(usual)))


def _share(is_so: Sequence[bool]) -> str:
    """With its 95 % Wilson interval."""
    low, high = Share(sum(is_so), len(is_so)).interval
    return f"{np.mean(is_so):.1%} ({sum(is_so)} of {len(is_so)}; 95 %: {low:.1%} to {high:.1%})"


def _short_share(is_so: Sequence[bool]) -> str:
    low, high = Share(sum(is_so), len(is_so)).interval
    return f"{np.mean(is_so):.0%} ({low:.0%} to {high:.0%})"


def _middle(values: Sequence[float]) -> float:
    return values[len(values) // 2] if values else float("nan")
