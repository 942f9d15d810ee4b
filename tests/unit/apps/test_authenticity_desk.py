"""The desk on a real store: photos enrolled, prepared once, and held against; what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from conftest import FakeEmbedder
from facings.adapters.genuine_file import GenuineFiles
from facings.adapters.opencv_registration import OpenCvRegistrar
from facings.adapters.sql_store import SqlStore
from facings.apps.authenticity import Readers
from facings.apps.authenticity_desk import AuthenticityDesk, DeskParts
from facings.detect import WholePhoto
from facings.enroll import enroll
from facings.errors import BadInput
from facings.gallery import remove
from facings.manifest import LabelledPhoto
from facings.networks import load_comparator
from facings.types import UInt8Array
from pack_photos import forged, front, photo

N_PHOTOS = 4


def saved(path: Path, pixels: UInt8Array) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(pixels).save(path)
    return path


@pytest.fixture
def desk(store: SqlStore, tmp_path: Path) -> AuthenticityDesk:
    photos = [LabelledPhoto(saved(tmp_path / f"{k}.png", photo(front(), k)), "milk") for k in range(N_PHOTOS)]
    photos.append(LabelledPhoto(saved(tmp_path / "lone.png", photo(front(8), 9)), "lone"))
    assert enroll(store, photos, embedder=FakeEmbedder(), model="fake").problems == []
    files = GenuineFiles(tmp_path / "genuine")
    parts = DeskParts(
        OpenCvRegistrar(n_threads=1), load_comparator(n_threads=1), WholePhoto(), files, Readers(), {}, 10.0
    )
    return AuthenticityDesk(store, store.verdicts, parts)


def test_a_photo_is_held_against_what_is_prepared_once(
    desk: AuthenticityDesk, store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = saved(tmp_path / "q.png", photo(forged(front()), 50))
    first = desk.check(query, "milk", max_false_alarm=0.2).answer
    assert first.verdict == "suspicious"
    assert first.closest is not None
    assert desk.genuine_pixels(first.closest).shape == (288, 288, 3)
    with monkeypatch.context() as patch:
        patch.setattr("facings.apps.authenticity_desk.prepare", lambda *_, **__: pytest.fail("prepared again"))
        assert desk.check(query, "milk", max_false_alarm=0.2).answer == first
    remove(store, "milk", str(tmp_path / "3.png"))
    again = desk.check(query, "milk", max_false_alarm=0.3).answer
    assert again.evidence.references_sha256 != first.evidence.references_sha256


@pytest.mark.parametrize(
    "sku, limit, message",
    [
        ("beer", 0.1, "beer: no genuine photo is enrolled"),
        ("lone", 0.1, "lone: got 1 genuine photos, wanted 3 or more"),
        ("milk", 0.0, "False alarms: got 0.0"),
        ("milk", 1.0, "False alarms: got 1.0"),
    ],
)
def test_what_cannot_be_asked(desk: AuthenticityDesk, tmp_path: Path, sku: str, limit: float, message: str) -> None:
    query = saved(tmp_path / "q.png", np.full((64, 64, 3), 90, np.uint8))
    with pytest.raises(BadInput, match=message):
        desk.check(query, sku, max_false_alarm=limit)
