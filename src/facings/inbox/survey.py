"""Looking through the inbox: what the record calls unknown, less what is settled or known by now, in clusters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from facings.embed import Embedder
from facings.gallery import GalleryStore
from facings.images import MAX_MEGAPIXELS
from facings.inbox.clusters import cluster, fold
from facings.inbox.contents import Cluster, Inbox, InboxCrop
from facings.inbox.crops import CropRow, InboxStore, KeptCrop, Standing, Status, UnknownBox, same_crop
from facings.inbox.rows import make_rows
from facings.progress import Track, untracked
from facings.types import Decision, Embeddings, FloatArray, stack_rows

MAX_CROPS = 4000  # clustered at a time: memory grows with the square

Recognize = Callable[[Embeddings], Sequence[Decision]]
"""What the gallery says of rows now: one decision each."""

_Seen = Mapping[KeptCrop, Sequence[UnknownBox]]
_Said = Mapping[int, Standing]


def survey(
    store: GalleryStore,
    inbox: InboxStore,
    *,
    embedder: Embedder,
    recognize: Recognize,
    min_similarity: Callable[[], float],
    of_dismissed: bool = False,
    max_megapixels: float = MAX_MEGAPIXELS,
    track: Track = untracked,
) -> Inbox:
    """The inbox as it is now.

    Args:
        store: Keeps the photos.
        inbox: Crops and events.
        embedder: The model; rows of another one are made again.
        recognize: What the gallery says now.
        min_similarity: Gives the mean cosine that makes two groups of crops one cluster, and a crop part of a dismissed
            group; asked only where there are any.
        of_dismissed: Show what was dismissed, and what looks like it, instead.
        max_megapixels: As when the photos were recognized.
        track: Shows progress.
    """
    seen, said = _number(inbox), inbox.standings()
    unsettled = sorted(_of_status(seen, said, "open"), key=lambda crop: seen[crop][-1].seen_at)
    newest, dismissed = unsettled[-MAX_CROPS:], _of_status(seen, said, "dismissed")[-MAX_CROPS:]
    made, problems = make_rows(
        [*newest, *dismissed], store, inbox, embedder=embedder, max_megapixels=max_megapixels, track=track
    )
    found = [_inbox_crop(crop, made, seen, said) for crop in newest if crop.crop_id in made]
    gone = [_inbox_crop(crop, made, seen, said) for crop in dismissed if crop.crop_id in made]
    unknown = _unknown(found, recognize, embedder)
    similar = min_similarity() if unknown or gone else 1.0
    alike = _alike(unknown, gone, said, similar)
    shown = [*alike.values(), *gone] if of_dismissed else [crop for crop in unknown if crop.crop_id not in alike]
    return Inbox(
        clusters=_clusters([crop for crop in shown if crop.boxes], similar),
        n_known=len(found) - len(unknown),
        n_dismissed=len(alike) + sum(1 for crop in gone if crop.boxes),
        n_left_out=len(unsettled) - len(newest),
        problems=problems,
    )


def _number(inbox: InboxStore) -> dict[KeptCrop, list[UnknownBox]]:
    """Every crop that has a number with the boxes that show it now, by time; a box that has none is given one."""
    boxes, crops = inbox.unknown_boxes(), _by_photo(inbox.crops())
    fresh: dict[str, list[KeptCrop]] = {}
    for box in boxes:
        known = [*crops.get(box.photo_id, ()), *fresh.get(box.photo_id, ())]
        if not same_crop(box.box, known):
            fresh.setdefault(box.photo_id, []).append(KeptCrop(0, box.photo_id, box.box, box.source))
    if fresh:
        new = {(crop.photo_id, crop.box) for several in fresh.values() for crop in several}
        inbox.keep([box for box in boxes if (box.photo_id, box.box) in new])
        crops = _by_photo(inbox.crops())
    seen: dict[KeptCrop, list[UnknownBox]] = {crop: [] for several in crops.values() for crop in several}
    for box in boxes:
        crop = same_crop(box.box, crops[box.photo_id])
        if crop:
            seen[crop].append(box)
    return seen


def _by_photo(crops: Sequence[KeptCrop]) -> dict[str, list[KeptCrop]]:
    found: dict[str, list[KeptCrop]] = {}
    for crop in crops:
        found.setdefault(crop.photo_id, []).append(crop)
    return found


def _of_status(seen: _Seen, said: _Said, status: Status) -> list[KeptCrop]:
    """Crops that stand so, by number; of open ones those that the record calls unknown now."""
    return [
        crop
        for crop, boxes in sorted(seen.items(), key=lambda item: item[0].crop_id)
        if said.get(crop.crop_id, Standing()).status == status and (boxes or status != "open")
    ]


def _inbox_crop(crop: KeptCrop, made: Mapping[int, CropRow], seen: _Seen, said: _Said) -> InboxCrop:
    proposal = said.get(crop.crop_id, Standing()).proposal
    return InboxCrop(crop, made[crop.crop_id], tuple(seen[crop]), proposal=proposal.sku if proposal else "")


def _unknown(crops: Sequence[InboxCrop], recognize: Recognize, embedder: Embedder) -> list[InboxCrop]:
    """Those that the gallery does not know now either, each with the product it is closest to."""
    rows = stack_rows([crop.made.row for crop in crops], embedder.card.embedding_dim)
    decisions = recognize(Embeddings(rows, embedder.space_id)) if crops else ()
    return [
        replace(crop, closest=next(iter(decision.candidates), None))
        for crop, decision in zip(crops, decisions, strict=True)
        if decision.verdict == "unknown"
    ]


def _alike(
    unknown: Sequence[InboxCrop], dismissed: Sequence[InboxCrop], said: _Said, min_similarity: float
) -> dict[int, InboxCrop]:
    """Those that would have been in a cluster that was dismissed, had they been there; by number."""
    groups: dict[int | None, list[FloatArray]] = {}
    for crop in dismissed:
        groups.setdefault(said[crop.crop_id].event_id, []).append(crop.made.row)
    means = [np.mean(rows, axis=0) for rows in groups.values()]
    return {
        crop.crop_id: crop
        for crop in unknown
        if means and max(float(mean @ crop.made.row) for mean in means) >= min_similarity
    }


def _clusters(crops: Sequence[InboxCrop], min_similarity: float) -> tuple[Cluster, ...]:
    """The clusters of crops, most photos first, then most places, then last seen."""
    ordered = sorted(crops, key=lambda crop: crop.crop_id)
    if not ordered:
        return ()
    rows = np.stack([crop.made.row for crop in ordered])
    first = fold([crop.made.look for crop in ordered], rows)
    looks = np.unique(first)
    group = looks[cluster(rows[looks], min_similarity)][np.searchsorted(looks, first)]
    found = [
        Cluster(
            crops=tuple(ordered[i] for i in np.flatnonzero(group == oldest)),
            looks=tuple(ordered[i] for i in looks if group[i] == oldest),
        )
        for oldest in np.unique(group)
    ]
    return tuple(sorted(found, key=lambda c: (-c.n_photos, -len(c.places), -c.last_seen.timestamp(), c.cluster_id)))
