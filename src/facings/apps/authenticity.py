"""Is this pack genuine? One photo against genuine reference photos of the product that it claims to be.

The answer is "consistent with genuine", "suspicious" or "cannot tell"; a genuine pack is called suspicious as often as
the user bears, at most. "Consistent" says that nothing was found where the photo could be judged, not that the pack is
genuine. The same photo, references and settings give the same answer, byte for byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from facings.apps.authenticity_answer import (
    CANNOT_TELL,
    CONSISTENT,
    SUSPICIOUS,
    Authenticity,
    Check,
    Evidence,
    Word,
)
from facings.apps.genuine_calibration import GenuineCalibration
from facings.apps.genuine_pack import GenuinePack, fitting, look
from facings.apps.pack_barcode import check_barcode
from facings.apps.pack_inspection import LEAST_CLEAR_FRAC, LEAST_JUDGED_FRAC, Inspection, inspect
from facings.apps.pack_maps import CHECKS
from facings.apps.registration import Registrar, Registration
from facings.evidence import BarcodeReader
from facings.near_duplicates import near_pairs, perceptual_hash
from facings.types import UInt8Array

METHOD = "pack-inspection 1"  # changes with whatever changes a verdict
WORKING_PX = 480  # longer side that photos are brought to

Verdict = tuple[Word, str, str]  # verdict, reason, advice


@dataclass(frozen=True)
class GenuineReference:
    """A genuine photo as the store knows it.

    Args:
        number: Its own, as in `GenuinePack`.
        photo_sha256: Of the file.
        look: Its perceptual hash.
    """

    number: int
    photo_sha256: str
    look: int


@dataclass(frozen=True, eq=False)
class Claim:
    """What a photo is held against.

    Args:
        pack: The product's genuine photos, prepared.
        references: The same photos as the store knows them.
        calibration: Genuine scores.
        gtin: The product's number, "" where the catalog has none.
        pixels: Gives a genuine photo at working size, uint8 (h, w, 3), by number.
    """

    pack: GenuinePack
    references: Sequence[GenuineReference]
    calibration: GenuineCalibration
    gtin: str
    pixels: Callable[[int], UInt8Array]


@dataclass(frozen=True, eq=False)
class Query:
    """The photo in question.

    Args:
        pixels: uint8 (h, w, 3) RGB, upright, at its own size.
        photo_sha256: Of its file.
        advice: What the photo coach says, "" for nothing.
    """

    pixels: UInt8Array
    photo_sha256: str
    advice: str = ""


@dataclass(frozen=True, eq=False)
class Judged:
    """An answer and what is behind it.

    Args:
        answer: What is said.
        pixels: uint8 (h, w, 3) RGB, the photo at working size.
        fits: Number of a genuine photo → how the photo at working size lies over it, best first.
        inspection: What was found, in pixels of working size; None where the photo fits none.
    """

    answer: Authenticity
    pixels: UInt8Array
    fits: Mapping[int, Registration]
    inspection: Inspection | None


def authenticate(
    query: Query,
    claim: Claim,
    registrar: Registrar,
    *,
    max_false_alarm: float,
    barcodes: BarcodeReader | None = None,
    versions: Mapping[str, str] | None = None,
) -> Judged:
    """Hold a photo against the genuine photos of a product.

    Args:
        query: The photo.
        claim: The product.
        registrar: Lays pictures over each other.
        max_false_alarm: Share of genuine packs that may be called suspicious, in (0, 1).
        barcodes: Reads barcodes; None for no such check.
        versions: Of libraries, for the chain of evidence.
    """
    pixels = working_size(query.pixels)
    zoom = query.pixels.shape[1] / pixels.shape[1]
    barcode = check_barcode(query.pixels, claim.gtin, barcodes) if barcodes else []
    fits = fitting(registrar.landmarks(pixels), ((p.number, p.landmarks) for p in claim.pack.photos), registrar)
    inspection: Inspection | None = None
    if fits:
        looked = look(pixels, fits, {k: claim.pixels(k) for k in fits}, registrar)
        inspection = inspect(looked, {p.number: p.vouching for p in claim.pack.photos})
    checks: list[Check] = list(barcode)
    p_value = None
    if inspection is not None and inspection.is_enough:
        rarity = claim.calibration.rarity(inspection.scores, claim.pack)
        p_value = rarity.p_value
        checks += _map_checks(inspection, rarity.checks, zoom, max_false_alarm)
    found = _ruled_out(query, claim, inspection, max_false_alarm)
    against = [check for check in barcode if check.is_odd]
    if against and not replayed(query, claim.references):
        found = SUSPICIOUS, against[0].words, ""
    verdict, why, advice = found or _verdict(checks, p_value or 1.0, max_false_alarm)
    answer = Authenticity(
        sku=claim.pack.sku,
        verdict=verdict,
        why=why,
        advice=advice.strip(),
        p_value=p_value,
        checks=tuple(checks),
        judged_frac=round(inspection.judged_frac, 4) if inspection else 0.0,
        n_references=len(claim.pack.photos),
        n_calibration=claim.calibration.n_photos,
        closest=next(iter(fits), None),
        evidence=_evidence(query, claim, max_false_alarm, versions or {}),
    )
    return Judged(answer, pixels, fits, inspection)


def working_size(pixels: UInt8Array) -> UInt8Array:
    """The picture brought to `WORKING_PX`, its longer side; a smaller one as it is."""
    height, width = pixels.shape[:2]
    scale = WORKING_PX / max(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(PillowImage.fromarray(pixels).resize(size, PillowImage.Resampling.BOX, reducing_gap=3.0))


def replayed(query: Query, references: Sequence[GenuineReference]) -> tuple[int, bool] | None:
    """The reference photo that the query is, and whether to the byte; None for a photo of its own."""
    for reference in references:
        if reference.photo_sha256 == query.photo_sha256:
            return reference.number, True
    near = near_pairs([perceptual_hash(query.pixels)], [reference.look for reference in references])
    return next(((references[j].number, False) for _, j in near), None)


def _ruled_out(query: Query, claim: Claim, inspection: Inspection | None, limit: float) -> Verdict | None:
    """Why nothing can be told, and which photo would help; None where something can."""
    again = replayed(query, claim.references)
    if again:
        how = "the same file as" if again[1] else "hardly another picture than"
        return CANNOT_TELL, f"The photo is {how} reference photo {again[0]}.", "Photograph the pack itself."
    if inspection is None:
        why = "The photo could not be laid over any genuine photo: another product, another side, or too little of it."
        return CANNOT_TELL, why, f"Photograph the side that the references show, filling the photo. {query.advice}"
    if not inspection.is_enough:
        seen, shown = f"{inspection.judged_frac:.0%}", f"{inspection.clear_frac:.0%}"
        why = (
            f"{seen} of the pack could be judged and {shown} of what the photo shows of it, wanted "
            f"{LEAST_JUDGED_FRAC:.0%} and {LEAST_CLEAR_FRAC:.0%} or more."
        )
        return CANNOT_TELL, why, f"Keep hands and glare off the printed side, and take all of it. {query.advice}"
    if claim.calibration.least_p > limit:
        n_wanted = int(np.ceil(1 / limit - 1e-9)) - 1
        why = f"{claim.calibration.n_photos} genuine photos cannot promise {limit:.1%} false alarms; wanted {n_wanted}."
        return CANNOT_TELL, why, "Enroll more genuine photos, of this product or of others like it."
    return None


def _verdict(checks: Sequence[Check], p_value: float, limit: float) -> Verdict:
    """What the figures say."""
    if p_value > limit:
        return CONSISTENT, "Nothing was found, where it could be judged, that genuine packs do not show as well.", ""
    oddest = min((c for c in checks if c.p_value is not None), key=lambda c: c.p_value or 0.0)
    return SUSPICIOUS, f"{oddest.words} At most about {p_value:.1%} of genuine packs look as odd.", ""


_FOUND = {
    "print": "The print differs from all genuine photos.",
    "color": "A color differs from all genuine photos, beyond what light explains.",
    "sharpness": "A place is less sharp, or sharper, than the rest of the print.",
}


def _map_checks(inspection: Inspection, p_values: NDArray[np.float64], zoom: float, limit: float) -> list[Check]:
    found = []
    for k, name in enumerate(CHECKS):
        x1, y1, x2, y2 = (round(corner * zoom) for corner in inspection.spot(k))
        words = _FOUND[name] if p_values[k] <= limit else "As genuine packs."
        found.append(Check(name, float(p_values[k]), words, (x1, y1, x2, y2)))
    return found


def _evidence(query: Query, claim: Claim, max_false_alarm: float, versions: Mapping[str, str]) -> Evidence:
    hashes = "\n".join(one.photo_sha256 for one in claim.references)
    return Evidence(
        photo_sha256=query.photo_sha256,
        references_sha256=hashlib.sha256(hashes.encode()).hexdigest(),
        calibration_sha256=claim.calibration.fingerprint,
        method=METHOD,
        versions=dict(sorted(versions.items())),
        max_false_alarm=max_false_alarm,
    )
