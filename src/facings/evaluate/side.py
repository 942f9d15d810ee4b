"""The photos of one side of an evaluation, gallery or queries, as embeddings with labels and fingerprints.

They go through the steps that recognize: decode, crop, embed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from facings.crop import cut_product
from facings.embed import Embedder, embed
from facings.errors import BadInput, FacingsError, Problem
from facings.evaluate.floor import pixel_embeddings, pixel_row
from facings.evaluate.leakage import Fingerprint
from facings.evaluate.recognition import LabelledEmbeddings
from facings.far_view import from_afar
from facings.images import MAX_MEGAPIXELS, decode, read_bytes
from facings.manifest import LabelledPhoto
from facings.near_duplicates import perceptual_hash
from facings.progress import Track, untracked
from facings.types import Embeddings, FloatArray, UInt8Array, stack_rows

BATCH_SIZE = 32


def read_product(photo: LabelledPhoto, max_megapixels: float = MAX_MEGAPIXELS) -> tuple[str, UInt8Array]:
    """SHA-256 of the file, and the pixels of the product in it, uint8 (h, w, 3).

    Raises:
        BadImage: The photo cannot be read or decoded.
        BadInput: The box leaves too little of it.
    """
    data = read_bytes(photo.path)
    image = decode(data, source=str(photo.path), max_megapixels=max_megapixels)
    return hashlib.sha256(data).hexdigest(), cut_product(image, photo.box)


@dataclass(frozen=True, eq=False)
class Side:
    """The photos of one side that could be used, and what is known of each.

    Args:
        photos: In the order they were given.
        rows: Their embeddings and labels.
        far_rows: float32 (N, D), the rows of the products seen from afar; None where not asked for.
        tiny: Their 24×24 pixels as rows; None where not asked for.
        fingerprints: What leaks are found by.
        problems: The photos that could not be used.
    """

    photos: tuple[LabelledPhoto, ...]
    rows: LabelledEmbeddings
    far_rows: FloatArray | None
    tiny: LabelledEmbeddings | None
    fingerprints: tuple[Fingerprint, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, eq=False)
class _Known:
    """What stays of one photo when its pixels are let go."""

    photo: LabelledPhoto
    fingerprint: Fingerprint
    tiny: FloatArray | None


@dataclass(frozen=True, eq=False)
class SideReader:
    """Takes photos through the steps that recognize: decode, crop, embed.

    Args:
        embedder: The model.
        pool: Decodes.
        max_megapixels: Refuse larger photos.
        track: Shows progress, a step a batch of photos.
        with_floor: Also make rows of 24×24 pixels.
        with_far: Also embed the products as they look from afar.
    """

    embedder: Embedder
    pool: ThreadPoolExecutor
    max_megapixels: float = MAX_MEGAPIXELS
    track: Track = untracked
    with_floor: bool = False
    with_far: bool = False

    def read(self, photos: Sequence[LabelledPhoto], side: str) -> Side:
        """One side, embedded; a photo that cannot be used becomes a problem.

        Args:
            photos: Labelled photos.
            side: What they are called in messages.

        Raises:
            BadInput: None of them could be used.
        """
        kept: list[_Known] = []
        rows: list[FloatArray] = []
        far_rows: list[FloatArray] = []
        problems: list[Problem] = []
        starts = range(0, len(photos), BATCH_SIZE)
        for start in self.track(starts, f"Embedding {side}", len(starts)):
            results = list(self.pool.map(self._read_one, photos[start : start + BATCH_SIZE]))
            problems.extend(result for result in results if isinstance(result, Problem))
            pieces = [result for result in results if not isinstance(result, Problem)]
            rows.extend(embed([pixels for _, pixels in pieces], self.embedder).rows)
            if self.with_far:
                far_rows.extend(embed([from_afar(pixels) for _, pixels in pieces], self.embedder).rows)
            kept.extend(known for known, _ in pieces)
        if not kept:
            first = f" First problem: {problems[0].message}" if problems else ""
            raise BadInput(f"Evaluation: none of {len(photos)} photos of the {side} could be used.{first}")
        labels = tuple(known.photo.label for known in kept)
        categories = tuple(known.photo.category for known in kept)
        embeddings = Embeddings(stack_rows(rows, self.embedder.card.embedding_dim), self.embedder.space_id)
        tiny = [known.tiny for known in kept if known.tiny is not None]
        return Side(
            photos=tuple(known.photo for known in kept),
            rows=LabelledEmbeddings(embeddings, labels, categories),
            far_rows=stack_rows(far_rows, self.embedder.card.embedding_dim) if self.with_far else None,
            tiny=LabelledEmbeddings(pixel_embeddings(tiny), labels, categories) if self.with_floor else None,
            fingerprints=tuple(known.fingerprint for known in kept),
            problems=tuple(problems),
        )

    def _read_one(self, photo: LabelledPhoto) -> tuple[_Known, UInt8Array] | Problem:
        try:
            photo_id, pixels = read_product(photo, self.max_megapixels)
        except FacingsError as error:
            return Problem(str(photo.path), error.code, str(error))
        tiny = pixel_row(pixels) if self.with_floor else None
        return _Known(photo, Fingerprint(photo_id, perceptual_hash(pixels)), tiny), pixels
