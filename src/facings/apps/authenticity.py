"""Is this pack genuine? One photo against genuine reference photos of the product that it claims to be.

The answer is "consistent with genuine", "suspicious" or "cannot tell"; a genuine pack is called suspicious as often as
the user bears, at most. "Consistent" says that nothing was found where the photo could be judged, not that the pack is
genuine. The same photo, references and settings give the same answer, byte for byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
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
from facings.apps.pack_checks import CHECKS, Scores, scores_of
from facings.apps.pack_comparator import PackComparator
from facings.apps.pack_inspection import LEAST_CLEAR_FRAC, LEAST_JUDGED_FRAC, LOOKS, Inspection, inspect
from facings.apps.pack_text import Misread, most_misread, read_lines
from facings.apps.registration import PixelBox, Registrar, Registration
from facings.evidence import BarcodeReader, TextReader
from facings.near_duplicates import near_pairs, perceptual_hash
from facings.types import Image, UInt8Array

METHOD = "pack-inspection 3"  # changes with whatever changes a verdict
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
        image: Upright, at its own size.
        box: The part of it that is the pack.
        advice: What the photo coach says, "" for nothing.
    """

    image: Image
    box: PixelBox
    advice: str = ""

    @property
    def pack(self) -> UInt8Array:
        """uint8 (h, w, 3) RGB, the pack at its own size."""
        x1, y1, x2, y2 = self.box
        return self.image.pixels[y1:y2, x1:x2]


@dataclass(frozen=True)
class Readers:
    """What reads numbers and words off a pack; None for a check that is not made."""

    barcodes: BarcodeReader | None = None
    texts: TextReader | None = None


@dataclass(frozen=True, eq=False)
class Judged:
    """An answer and what is behind it.

    Args:
        answer: What is said.
        pixels: uint8 (h, w, 3) RGB, the pack at working size.
        fits: Number of a genuine photo → how the pack at working size lies over it, best first.
        inspection: What was found, in pixels of working size; None where the pack fits none.
    """

    answer: Authenticity
    pixels: UInt8Array
    fits: Mapping[int, Registration]
    inspection: Inspection | None


@dataclass(frozen=True, eq=False)
class _Looked:
    """What the checks have to go by."""

    pixels: UInt8Array
    fits: Mapping[int, Registration]
    inspection: Inspection | None
    misread: Misread | None

    @property
    def scores(self) -> Scores | None:
        """By `CHECKS`; None where too little could be judged."""
        if self.inspection is None or not self.inspection.is_enough:
            return None
        return scores_of(self.inspection, self.fits, self.misread)


def authenticate(
    query: Query,
    claim: Claim,
    registrar: Registrar,
    comparator: PackComparator,
    *,
    max_false_alarm: float,
    readers: Readers = Readers(),
    versions: Mapping[str, str] | None = None,
) -> Judged:
    """Hold a photo against the genuine photos of a product.

    Args:
        query: The photo.
        claim: The product.
        registrar: Lays pictures over each other.
        comparator: Tells tampered places.
        max_false_alarm: Share of genuine packs that may be called suspicious, in (0, 1).
        readers: Read barcodes and text.
        versions: Of libraries, for the chain of evidence.
    """
    looked = _look(query, claim, registrar, comparator, readers.texts)
    barcode = _barcode_checks(query, claim, readers.barcodes)
    checks: list[Check] = list(barcode)
    p_value = None
    if looked.scores is not None:
        rarity = claim.calibration.rarity(looked.scores, claim.pack)
        p_value = rarity.p_value
        checks += _ranked_checks(looked, rarity.checks, query, max_false_alarm)
    if not readers.texts:
        checks.append(Check("text", None, "Text was not read: what reads it is not installed (facings[text])."))
    found = _ruled_out(query, claim, looked.inspection, max_false_alarm)
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
        judged_frac=round(looked.inspection.judged_frac, 4) if looked.inspection else 0.0,
        n_references=len(claim.pack.photos),
        n_calibration=claim.calibration.n_photos,
        closest=next(iter(looked.fits), None),
        evidence=_evidence(query, claim, max_false_alarm, versions or {}),
    )
    return Judged(answer, looked.pixels, looked.fits, looked.inspection)


def _look(
    query: Query, claim: Claim, registrar: Registrar, comparator: PackComparator, texts: TextReader | None
) -> _Looked:
    pixels = working_size(query.pack)
    photos = {photo.number: photo for photo in claim.pack.photos}
    fits = fitting(registrar.landmarks(pixels), ((k, photo.landmarks) for k, photo in photos.items()), registrar)
    if not fits:
        return _Looked(pixels, fits, None, None)
    looked = look(pixels, fits, {k: claim.pixels(k) for k in fits}, registrar)
    inspection = inspect(looked, {k: photo.vouching for k, photo in photos.items()}, comparator)
    lines = read_lines(pixels, texts) if texts else ()
    return _Looked(pixels, fits, inspection, most_misread(lines, {k: photos[k].lines for k in fits}, fits))


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
        if reference.photo_sha256 == query.image.photo_id:
            return reference.number, True
    near = near_pairs([perceptual_hash(query.image.pixels)], [reference.look for reference in references])
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
    "appearance": "A place looks unlike all genuine photos.",
    "proportions": "The pack is wider or narrower than genuine ones.",
}
_USUAL = "As genuine packs."


def _ranked_checks(looked: _Looked, p_values: Scores, query: Query, limit: float) -> list[Check]:
    """One for each of `CHECKS` that did not abstain."""
    assert looked.inspection is not None
    p_of = dict(zip(CHECKS, p_values.tolist(), strict=True))
    found = []
    for k, name in enumerate(LOOKS):
        box = _in_photo(looked.inspection.spot(k), looked, query)
        found.append(Check(name, p_of[name], _FOUND[name] if p_of[name] <= limit else _USUAL, box))
    p_value = p_of["proportions"]
    found.append(Check("proportions", p_value, _FOUND["proportions"] if p_value <= limit else _USUAL))
    if looked.misread is not None:
        read, genuine = looked.misread.line.text, looked.misread.genuine
        words = f"It says {read!r}, genuine packs {genuine!r}." if read != genuine else f"It says {read!r}, as they do."
        found.append(Check("text", p_of["text"], words, _in_photo(looked.misread.line.box, looked, query)))
    return found


def _barcode_checks(query: Query, claim: Claim, reader: BarcodeReader | None) -> list[Check]:
    if reader is None:
        return []
    found = check_barcode(query.pack, claim.gtin, reader)
    return [replace(one, box=one.box and _shifted(one.box, query.box)) for one in found]


def _in_photo(box: Sequence[float], looked: _Looked, query: Query) -> PixelBox:
    """A box in the pack at working size, in pixels of the photo."""
    zoom = query.pack.shape[1] / looked.pixels.shape[1]
    x1, y1, x2, y2 = (round(corner * zoom) for corner in box)
    return _shifted((x1, y1, x2, y2), query.box)


def _shifted(box: PixelBox, by: PixelBox) -> PixelBox:
    return box[0] + by[0], box[1] + by[1], box[2] + by[0], box[3] + by[1]


def _evidence(query: Query, claim: Claim, max_false_alarm: float, versions: Mapping[str, str]) -> Evidence:
    hashes = "\n".join(one.photo_sha256 for one in claim.references)
    return Evidence(
        photo_sha256=query.image.photo_id,
        references_sha256=hashlib.sha256(hashes.encode()).hexdigest(),
        calibration_sha256=claim.calibration.fingerprint,
        method=METHOD,
        versions=dict(sorted(versions.items())),
        max_false_alarm=max_false_alarm,
    )
