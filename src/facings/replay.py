"""What another model would have said: stored photos recognized again, compared with the record, nothing written.

The gallery is embedded by the new model into a store of its own that is thrown away, so that spaces never mix. Boxes
are those on record, so that only recognition differs; with another detector the photo is searched anew, and boxes are
paired by their overlap. A photo that is gone is reported, and the rest goes on.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from facings.detect import Detector, GivenBoxes
from facings.embed import Embedder
from facings.errors import FacingsError, Problem
from facings.far_view import both_views, embed_views
from facings.gallery import GalleryStore, NewReference, reference_pixels
from facings.pipeline import Pipeline
from facings.progress import Track, untracked
from facings.types import Decision, PhotoResult, Reading, Recognition

ChangeKind = Literal["another_product", "accepted_now", "accepted_no_more", "other_doubt", "box_new", "box_gone"]
_BATCH = 64
_SAME_BOX_IOU = 0.5


@dataclass(frozen=True)
class Change:
    """A decision that would be another one.

    Args:
        kind: How it differs.
        reading: The line of the record.
        box: xyxy in pixels of the upright photo.
        before: As it stands on record; None for a box that the record has not.
        after: As it would be; None for a box that is not found any more.
    """

    kind: ChangeKind
    reading: Reading
    box: tuple[float, float, float, float]
    before: Decision | None
    after: Decision | None


@dataclass
class Replay:
    """What recognizing again would change.

    Args:
        n_photos: Readings that were compared.
        n_boxes: Boxes on record in them.
        changes: In the order of the record.
        problems: Photos and references that could not be used.
    """

    n_photos: int = 0
    n_boxes: int = 0
    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def n_changes(self) -> dict[ChangeKind, int]:
        """How many changes there are of each kind that occurs."""
        return dict(Counter(change.kind for change in self.changes).most_common())


def embed_gallery(
    source: GalleryStore, target: GalleryStore, embedder: Embedder, model: str, max_megapixels: float, track: Track
) -> list[Problem]:
    """Every reference of a store embedded by another model into a store that holds none; those that cannot be.

    Args:
        source: Is only read.
        target: Holds no reference.
        embedder: The other model.
        model: Its name.
        max_megapixels: Larger photos are refused.
        track: Shows progress.
    """
    wanted, products, problems = source.references(), source.products(), []
    for start in track(range(0, len(wanted), _BATCH), "Embedding the gallery", -(-len(wanted) // _BATCH)):
        some, pixels = [], []
        for reference in wanted[start : start + _BATCH]:
            try:
                pixels.append(reference_pixels(source, reference, max_megapixels))
                some.append(reference)
            except FacingsError as error:
                problems.append(Problem(f"reference {reference.reference_id}", error.code, error.message))
        if some:
            rows, far_rows = embed_views([both_views(one, embedder.card.preparation) for one in pixels], embedder)
            new = [
                NewReference(r.sku, r.photo_id, r.box, r.source, r.look, row, far)
                for r, row, far in zip(some, rows, far_rows, strict=True)
            ]
            needed = [products[sku] for sku in dict.fromkeys(r.sku for r in some) if sku in products]
            target.add_references(new, embedder=embedder, model=model, products=needed)
    return problems


def replay(
    readings: Sequence[Reading],
    photo_of: Callable[[str], bytes],
    pipeline_of: Callable[[Detector, str], Pipeline],
    *,
    detector: Detector | None = None,
    track: Track = untracked,
) -> Replay:
    """Recognize the photos of readings again and compare.

    Args:
        readings: Of the record.
        photo_of: The bytes of a photo by its id; raises `FacingsError` when they are gone.
        pipeline_of: The new path for a detector and a place; it must not record.
        detector: Finds the products anew; None for the boxes on record.
        track: Shows progress.
    """
    done = Replay()
    with tempfile.TemporaryDirectory(prefix="facings-replay-") as folder:
        for reading in track(readings, "Recognizing again", len(readings)):
            try:
                path = Path(folder) / reading.photo_id
                path.write_bytes(photo_of(reading.photo_id))
                boxes = np.array([r.box for r in reading.recognitions], np.float32).reshape(-1, 4)
                given = detector or GivenBoxes({reading.photo_id: boxes})
                result = pipeline_of(given, reading.place).recognize_photo(path)
                path.unlink()
            except FacingsError as error:
                done.problems.append(Problem(f"{reading.photo} ({reading.photo_id[:12]})", error.code, error.message))
                continue
            done.n_photos += 1
            done.n_boxes += len(reading.recognitions)
            done.changes += _compare(reading, result, is_same_boxes=detector is None)
    return done


def _compare(reading: Reading, result: PhotoResult, *, is_same_boxes: bool) -> Iterable[Change]:
    old, new = reading.recognitions, result.recognitions
    pairs = [(n, n) for n in range(len(old))] if is_same_boxes else _pairs(old, new)
    for before, after in pairs:
        kind = _kind(old[before].decision, new[after].decision)
        if kind:
            yield Change(kind, reading, old[before].box, old[before].decision, new[after].decision)
    if not is_same_boxes:
        gone, fresh = (set(range(len(boxes))) - {pair[side] for pair in pairs} for side, boxes in ((0, old), (1, new)))
        yield from (Change("box_gone", reading, old[n].box, old[n].decision, None) for n in sorted(gone))
        yield from (Change("box_new", reading, new[n].box, None, new[n].decision) for n in sorted(fresh))


def _kind(before: Decision, after: Decision) -> ChangeKind | None:
    """How two decisions differ; other reasons or candidates behind the same answer are no change."""
    if before.sku == after.sku and before.verdict == after.verdict:
        return None
    if before.sku and after.sku:
        return "another_product"
    if after.sku:
        return "accepted_now"
    return "accepted_no_more" if before.sku else "other_doubt"


def _pairs(old: Sequence[Recognition], new: Sequence[Recognition]) -> list[tuple[int, int]]:
    """Boxes that are the same, those that overlap most first."""
    close = [(_iou(a.box, b.box), i, j) for i, a in enumerate(old) for j, b in enumerate(new)]
    pairs: list[tuple[int, int]] = []
    for overlap, i, j in sorted(close, key=lambda item: -item[0]):
        if overlap >= _SAME_BOX_IOU and all(i != before and j != after for before, after in pairs):
            pairs.append((i, j))
    return sorted(pairs)


def _iou(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return shared / (areas - shared) if areas > shared else 0.0
