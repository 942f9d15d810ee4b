"""A process that is there to be killed: it enrolls, moves to another model, or records readings, and says on stdout
how far it is.

work_slowly.py enroll STORE PHOTOS | work_slowly.py reembed STORE SPACE | work_slowly.py record STORE
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from conftest import FakeEmbedder
from facings.adapters.sql_store import SqlStore, open_store
from facings.enroll import enroll
from facings.manifest import read_manifest
from facings.record import record
from facings.reembed import reembed
from facings.types import Candidate, Decision, FloatArray, PhotoResult, Recognition, UInt8Array

N_READINGS = 60
N_BOXES = 40


class SlowEmbedder(FakeEmbedder):
    """Takes its time, so that a signal can hit it."""

    def run(self, batch: UInt8Array) -> FloatArray:
        """As the stand-in network, later."""
        say("embed")
        time.sleep(0.01)
        return super().run(batch)


class SlowStore(SqlStore):
    """Says when a photo is kept."""

    def put_photo(self, photo_id: str, data: bytes) -> None:
        """As the store does, once it was said."""
        say("photo")
        super().put_photo(photo_id, data)


def say(word: str) -> None:
    """One line on stdout, at once."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def make_result(number: int) -> PhotoResult:
    """A photo with many boxes, like no other."""
    best = Candidate("a", 0.9, number + 1)
    boxes = [
        Recognition((float(i), 0.0, i + 1.0, float(number + 1)), 0.5, Decision("accepted", "a", (best,), ("why",)))
        for i in range(N_BOXES)
    ]
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return PhotoResult(f"{number}.jpg", 64, 48, tuple(boxes), photo_id=f"{number:064x}", taken_at=moment)


def main(job: str, location: str, *more: str) -> None:
    """Do the job to its end, if nobody interferes."""
    store = open_store(location)
    say("ready")
    if job == "enroll":
        store.__class__ = SlowStore
        enroll(store, read_manifest(Path(more[0])).photos, embedder=SlowEmbedder(), model="fake")
    elif job == "reembed":
        reembed(store, embedder=SlowEmbedder(more[0]), model="second", gate=None)
    else:
        for number in range(N_READINGS):
            record(store, make_result(number), place="bay", detector="whole", space_id="space", gallery_version=1)
            say(str(number))
    time.sleep(60)  # whoever is late with the signal finds it alive
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
