"""Authenticity at a desk: the genuine photos of a gallery prepared once and kept, photos held against them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np

from facings.apps.authenticity import (
    METHOD,
    Claim,
    GenuineReference,
    Judged,
    Query,
    Readers,
    authenticate,
    working_size,
)
from facings.apps.authenticity_record import VerdictStore
from facings.apps.genuine_calibration import GenuineCalibration
from facings.apps.genuine_pack import MAX_PHOTOS, MIN_PHOTOS, GenuinePack, prepare
from facings.apps.pack_comparator import PackComparator
from facings.apps.pack_finder import find_pack
from facings.apps.registration import Registrar
from facings.coach import judge
from facings.detect import Detector
from facings.errors import BadInput
from facings.gallery import GalleryStore, Reference, reference_pixels
from facings.images import decode
from facings.progress import Track, untracked
from facings.types import Image, UInt8Array

POOL_PHOTOS = 240  # genuine photos of other products that p-values lean on: preparing more would take minutes


class PackFiles(Protocol):
    """Keeps prepared products."""

    def load(self, sku: str, key: str) -> GenuinePack | None:
        """The product as it was saved with this key, else None."""
        ...

    def save(self, pack: GenuinePack, key: str) -> None:
        """Keep it."""
        ...


@dataclass(frozen=True)
class DeskParts:
    """What a desk works with.

    Args:
        registrar: Lays pictures over each other.
        comparator: Tells tampered places.
        detector: Finds the pack in a photo.
        files: Keeps what was prepared.
        readers: Read barcodes and text.
        versions: Of libraries whose release may change a figure.
        max_megapixels: As when the photos were enrolled.
    """

    registrar: Registrar
    comparator: PackComparator
    detector: Detector
    files: PackFiles
    readers: Readers
    versions: Mapping[str, str]
    max_megapixels: float


class AuthenticityDesk:
    """Holds photos against the gallery's genuine ones.

    Args:
        store: Catalog and gallery; all its reference photos are taken for genuine.
        verdicts: The record of verdicts.
        parts: What it works with.
    """

    def __init__(self, store: GalleryStore, verdicts: VerdictStore, parts: DeskParts) -> None:
        self._store, self._verdicts, self._parts = store, verdicts, parts

    def check(self, path: Path, sku: str, *, max_false_alarm: float = 0.05, track: Track = untracked) -> Judged:
        """Hold a photo against a product.

        Args:
            path: The photo.
            sku: What it claims to show.
            max_false_alarm: Share of genuine packs that may be called suspicious, in (0, 1).
            track: Shows progress while genuine photos are prepared, which is done once.

        Raises:
            BadInput: The share is out of range, or the product is unknown or has too few photos.
            BadImage: The photo cannot be decoded.
            StoreFailed: A reference photo is gone.
            GalleryInvalid: Its file was changed.
        """
        if not 0 < max_false_alarm < 1:
            raise BadInput(f"False alarms: got {max_false_alarm}, wanted a share between 0 and 1.")
        several = self._references()
        product = self._store.products().get(sku)
        if product is None or sku not in several:
            raise BadInput(f"{sku}: no genuine photo is enrolled.", f"facings gallery add {sku} PHOTO...")
        image = decode(path.read_bytes(), source=str(path), max_megapixels=self._parts.max_megapixels)
        coach = " ".join(str(advice) for advice in judge(image).advice)
        return authenticate(
            Query(image, find_pack(image, self._parts.detector), coach),
            self._claim(sku, product.gtin or "", several, track),
            self._parts.registrar,
            self._parts.comparator,
            max_false_alarm=max_false_alarm,
            readers=self._parts.readers,
            versions=self._parts.versions,
        )

    def record(self, path: Path, judged: Judged) -> int:
        """Put a verdict on record, with its photo; the number of its line.

        Args:
            path: The photo.
            judged: What `check` said of it.
        """
        self._store.put_photo(judged.answer.evidence.photo_sha256, path.read_bytes())
        return self._verdicts.append(judged.answer.to_json())

    def genuine_pixels(self, reference_id: int) -> UInt8Array:
        """A genuine photo at working size, uint8 (h, w, 3)."""
        reference = next(one for one in self._store.references() if one.reference_id == reference_id)
        return self._pixels(reference)

    def _claim(self, sku: str, gtin: str, several: Mapping[str, Sequence[Reference]], track: Track) -> Claim:
        pack = self._pack(sku, several[sku], track)
        others = [self._pack(other, several[other], track) for other in _pool(several, sku)]
        by_id = {reference.reference_id: reference for reference in several[sku]}
        references = [GenuineReference(r.reference_id, r.photo_id, r.look) for r in several[sku]]
        read = cache(lambda number: self._pixels(by_id[number]))
        fakes = [one.p_values for one in self._verdicts.verdicts() if one.is_known_fake]
        return Claim(pack, references, GenuineCalibration([pack, *others], fakes), gtin, read)

    def _references(self) -> Mapping[str, Sequence[Reference]]:
        several: defaultdict[str, list[Reference]] = defaultdict(list)
        for reference in self._store.references():
            several[reference.sku].append(reference)
        return several

    def _pack(self, sku: str, references: Sequence[Reference], track: Track) -> GenuinePack:
        chosen = _spread(references, MAX_PHOTOS)
        parts = self._parts
        ways = [METHOD, parts.detector.name, parts.comparator.network_id, "text" if parts.readers.texts else "no text"]
        named = "\n".join([*ways, *(f"{r.reference_id} {r.photo_id} {r.box}" for r in chosen)])
        key = hashlib.sha256(named.encode()).hexdigest()
        kept = self._parts.files.load(sku, key)
        if kept is not None:
            return kept
        photos = {reference.reference_id: self._pixels(reference) for reference in chosen}
        pack = prepare(
            sku, photos, self._parts.registrar, self._parts.comparator, texts=self._parts.readers.texts, track=track
        )
        self._parts.files.save(pack, key)
        return self._parts.files.load(sku, key) or pack  # as kept, to the last digit: an answer can be made again

    def _pixels(self, reference: Reference) -> UInt8Array:
        pixels = reference_pixels(self._store, reference, self._parts.max_megapixels)
        if reference.box is None:  # enrolled whole
            x1, y1, x2, y2 = find_pack(Image(pixels, reference.photo_id, reference.source), self._parts.detector)
            pixels = pixels[y1:y2, x1:x2]
        return working_size(pixels)


def _pool(several: Mapping[str, Sequence[Reference]], sku: str) -> list[str]:
    """Other products to lean on, those with most photos first, until there are enough photos."""
    able = [other for other in several if other != sku and len(several[other]) > MIN_PHOTOS]
    others = sorted(able, key=lambda other: (-len(several[other]), other))
    counts = np.cumsum([min(MAX_PHOTOS, len(several[other])) for other in others])
    return others[: int(np.searchsorted(counts, POOL_PHOTOS)) + 1]


def _spread(references: Sequence[Reference], n: int) -> list[Reference]:
    """At most n of them, evenly: photos taken one after the other are much alike."""
    if len(references) <= n:
        return list(references)
    return [references[i] for i in np.linspace(0, len(references) - 1, n).round().astype(int)]
