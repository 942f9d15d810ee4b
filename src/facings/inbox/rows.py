"""Rows of crops, made from their photos by the same steps that recognize, when somebody first looks at the inbox.

They are kept with the space they are in and made again when the model is another one, so rows of two spaces never meet.
The recognizing path does nothing for the inbox, and a record that is older than the inbox has one too.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

import numpy as np

from facings.crop import cut_product
from facings.embed import Embedder, embed
from facings.errors import FacingsError, Problem
from facings.gallery import GalleryStore
from facings.images import MAX_MEGAPIXELS, decode
from facings.inbox.crops import CropRow, InboxStore, KeptCrop
from facings.near_duplicates import perceptual_hash
from facings.progress import Track, untracked
from facings.types import FloatArray


def make_rows(
    crops: Iterable[KeptCrop],
    store: GalleryStore,
    inbox: InboxStore,
    *,
    embedder: Embedder,
    max_megapixels: float = MAX_MEGAPIXELS,
    track: Track = untracked,
) -> tuple[dict[int, CropRow], tuple[Problem, ...]]:
    """Rows of crops in the model's space, by crop id: those that are kept, the others made and kept from now on.

    Args:
        crops: Which.
        store: Keeps the photos.
        inbox: Keeps the rows.
        embedder: The model.
        max_megapixels: As when the photos were recognized.
        track: Shows progress, by photo.

    Returns:
        The rows, and a problem for each photo or crop that cannot be used any more.
    """
    wanted = {crop.crop_id: crop for crop in crops}
    dim = embedder.card.embedding_dim
    rows = {made.crop_id: made for made in inbox.rows(wanted, embedder.space_id) if _is_sound(made.row, dim)}
    missing = sorted((c for c in wanted.values() if c.crop_id not in rows), key=lambda c: (c.photo_id, c.crop_id))
    photos = [list(group) for _, group in groupby(missing, key=lambda crop: crop.photo_id)]
    problems: list[Problem] = []
    for group in track(photos, "Embedding", len(photos)):
        try:
            image = decode(store.get_photo(group[0].photo_id), source=group[0].source, max_megapixels=max_megapixels)
            pieces = [cut_product(image, crop.box) for crop in group]
        except FacingsError as error:
            problems.append(Problem(group[0].source, error.code, str(error)))
            continue
        made_rows = embed(pieces, embedder).rows
        made = [
            CropRow(crop.crop_id, perceptual_hash(piece), row)
            for crop, piece, row in zip(group, pieces, made_rows, strict=True)
        ]
        inbox.put_rows(made, embedder.space_id)
        rows.update((one.crop_id, one) for one in made)
    return rows, tuple(problems)


def _is_sound(row: FloatArray, dim: int) -> bool:
    """Whether a kept row is a unit row; a damaged one is made again."""
    return row.shape == (dim,) and abs(float(np.linalg.norm(row)) - 1) < 1e-3
