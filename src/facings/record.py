"""Step 7 of the path: what was decided becomes a line of the append-only record.

Saying again what the last reading of a photo at a place said changes nothing. Whenever something differs (boxes,
gallery, model, limits), the same photo gives a new reading, and the earlier ones stay. A photo without a time of its
own keeps the time of its first reading.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from facings.types import PhotoResult, Reading


class ReadingStore(Protocol):
    """Where readings are kept. There is no way to change or delete one."""

    def append_reading(self, reading: Reading, fingerprint: str) -> bool:
        """Write photo line and box lines in one transaction.

        Returns:
            False, and nothing written, if the last reading of this photo at this place has the same fingerprint.
        """
        ...

    def first_seen(self, photo_id: str) -> datetime | None:
        """The earliest time any reading of this photo gives; None when it was never read."""
        ...

    def readings(self, *, latest_only: bool = True) -> Sequence[Reading]:
        """Readings by time seen; of several of one photo at one place only the last, or all."""
        ...


def record(
    store: ReadingStore,
    result: PhotoResult,
    *,
    place: str,
    detector: str,
    space_id: str,
    gallery_version: int,
    max_false_accept: float | None = None,
) -> bool:
    """Append what was seen in one photo.

    Args:
        store: Where readings are kept.
        result: What was seen.
        place: Where.
        detector: Its name.
        space_id: The space of the embeddings.
        gallery_version: The gallery they were compared with.
        max_false_accept: What was promised, in (0, 1]; None where nothing was.

    Returns:
        False when this is what the record says last of this photo and place.
    """
    reading = Reading(
        photo_id=result.photo_id,
        photo=result.photo,
        width=result.width,
        height=result.height,
        seen_at=(result.taken_at or store.first_seen(result.photo_id) or datetime.now(UTC)).astimezone(UTC),
        place=place,
        detector=detector,
        space_id=space_id,
        gallery_version=gallery_version,
        recognitions=result.recognitions,
        notes=result.notes,
        quality=result.quality,
        max_false_accept=max_false_accept,
    )
    return store.append_reading(reading, fingerprint(reading))


def fingerprint(reading: Reading) -> str:
    """SHA-256 over what was seen, where, and by which means; not over when it was processed or from which path.

    Nor over the photo's quality: photo and boxes give it; nor over the promise: what it changes are the answers.
    """
    seen = [
        reading.photo_id,
        reading.place,
        reading.detector,
        reading.space_id,
        reading.gallery_version,
        [
            (
                [round(corner, 2) for corner in r.box],
                r.decision.verdict,
                r.decision.sku,
                [c.sku for c in r.decision.candidates],
                *([] if r.decision.probability is None else [r.decision.probability]),
            )
            for r in reading.recognitions
        ],
    ]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()
