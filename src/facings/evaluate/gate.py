"""Whether a new model recognizes at least as well as the one in use, on the same photos, before it takes its place.

A query is asked of a gallery without the photo that it comes from, so queries may be the gallery's own photos
(leave-one-photo-out) or others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from facings.errors import BadInput
from facings.evaluate.share import Share
from facings.types import FloatArray

DEFAULT_TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Photos of one embedding space.

    Args:
        rows: float32 (N, D) unit rows.
        labels: What each shows.
        photo_ids: SHA-256 of the file of each.
    """

    rows: FloatArray
    labels: Sequence[str]
    photo_ids: Sequence[str]


@dataclass(frozen=True)
class Verdict:
    """What became of the comparison.

    Args:
        old: Recall@1 of the model in use.
        new: Recall@1 of the new one, on the same queries.
        tolerance: By how much it may be lower, 0 to 1.
        asked: What the queries were, in words.
    """

    old: Share
    new: Share
    tolerance: float
    asked: str

    @property
    def is_passed(self) -> bool:
        """Whether the new model may take the place of the old one."""
        return self.new.value >= self.old.value - self.tolerance - 1e-9

    def __str__(self) -> str:
        outcome = "passed" if self.is_passed else "not passed"
        allowed = f"{100 * self.tolerance:g} points less are allowed"
        figures = f"recall@1 {_shown(self.new)} with the new model, {_shown(self.old)} with the old"
        return f"{self.asked}: {figures}; {allowed}: {outcome}."


def is_askable(labels: Sequence[str], photo_ids: Sequence[str], gallery: Iterable[tuple[str, str]]) -> list[bool]:
    """For each query, whether the gallery holds its product in a photo other than its own.

    Args:
        labels: What each query shows.
        photo_ids: The file of each query.
        gallery: Product and photo id of each gallery row.
    """
    photos_of: dict[str, set[str]] = {}
    for label, photo_id in gallery:
        photos_of.setdefault(label, set()).add(photo_id)
    return [bool(photos_of.get(label, set()) - {own}) for label, own in zip(labels, photo_ids, strict=True)]


def recall_at_1(queries: LabelledRows, gallery: Iterable[LabelledRows]) -> Share:
    """Share of the queries whose most similar gallery photo shows their product.

    Gallery rows of a query's own photo are passed over for it. Of equally similar photos the earlier counts. Every
    query is in the denominator: leave out those that `is_askable` says cannot be answered.

    Args:
        queries: The photos to recognize.
        gallery: The references, in pieces, so that they need not fit into memory at once.

    Raises:
        BadInput: There are no queries.
    """
    n = len(queries.labels)
    if not n:
        raise BadInput("Gate: got no query whose product has another photo in the gallery, wanted one or more.")
    best = np.full(n, -np.inf, np.float32)
    answer = [""] * n
    for piece in gallery:
        similarity = _without_own_photos(queries, piece)
        for i in np.flatnonzero(similarity.max(axis=1, initial=-np.inf) > best).tolist():
            at = int(similarity[i].argmax())
            best[i], answer[i] = similarity[i, at], piece.labels[at]
    return Share(sum(map(str.__eq__, answer, queries.labels)), n)


def _without_own_photos(queries: LabelledRows, piece: LabelledRows) -> FloatArray:
    """float32 (Q, N) cosines, −inf where a row is of the query's own photo."""
    similarity: FloatArray = queries.rows @ piece.rows.T
    rows_of: dict[str, list[int]] = {}
    for at, photo_id in enumerate(piece.photo_ids):
        rows_of.setdefault(photo_id, []).append(at)
    for i, own in enumerate(queries.photo_ids):
        similarity[i, rows_of.get(own, [])] = -np.inf
    return similarity


def _shown(share: Share) -> str:
    low, high = share.interval
    return f"{100 * share.value:.1f}% ({100 * low:.1f}% to {100 * high:.1f}%)"
