"""Killed at any moment, a store is sound, holds whole batches, and a second run ends as if nothing had happened."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import FakeEmbedder, save_photo
from e2e.work_slowly import N_BOXES, N_READINGS, make_result
from facings import errors
from facings.adapters.sql_store import SqlStore, init_store, open_store
from facings.enroll import BATCH_SIZE, enroll
from facings.gallery import Box
from facings.manifest import read_manifest
from facings.record import record
from facings.reembed import BATCH_SIZE as REEMBED_BATCH
from facings.reembed import reembed
from facings.verify import verify

N_PHOTOS, N_PRODUCTS = 100, 20
CALLS, REEMBED_CALLS = BATCH_SIZE // 4, REEMBED_BATCH // 4  # a batch: eight pictures a call, two of each photo
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Many small photos in a folder for each product."""
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(N_PHOTOS):
        save_photo(folder / f"product-{seed % N_PRODUCTS:02d}" / f"{seed}.jpg", seed, width=16, height=16)
    return folder


@pytest.fixture(scope="module")
def uninterrupted(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str, Box | None]]:
    """What a build holds that nobody disturbed."""
    store = init_store(str(tmp_path_factory.mktemp("uninterrupted")))
    done = enroll(store, read_manifest(photos).photos, embedder=FakeEmbedder(), model="fake")
    assert done.n_added == N_PHOTOS
    held = contents(store)
    store.close()
    return held


def contents(store: SqlStore) -> set[tuple[str, str, Box | None]]:
    """The gallery without its numbering."""
    return {(r.sku, r.photo_id, r.box) for r in store.references()}


def work_and_kill(*arguments: str, n_lines: int, then_s: float) -> list[str]:
    """Start the job, kill it some time after its nth line, and give the lines that it wrote."""
    paths = [str(Path(errors.__file__).parents[1]), str(TESTS)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    with subprocess.Popen(
        [sys.executable, "-m", "e2e.work_slowly", *arguments], env=environment, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        lines = [worker.stdout.readline().strip() for _ in range(n_lines)]
        time.sleep(then_s)
        worker.send_signal(signal.SIGKILL)
        lines += [line.strip() for line in worker.stdout]
    assert lines[0] == "ready"
    assert worker.returncode == -signal.SIGKILL
    return lines


# A batch says "embed" four times, then "photo" 16 times: (how many words were heard, seconds until the signal)
_chance = random.Random(20260301)
MOMENTS = [(_chance.randint(1, 120), _chance.choice([0.0, 0.005, 0.02])) for _ in range(2)]
MOMENTS += [(0, 0.0), (6, 0.0), (20, 0.005)]  # at the start, the first photos, the commit


@pytest.mark.parametrize(("n_words", "then_s"), MOMENTS)
def test_a_killed_build_is_sound_and_goes_on(
    n_words: int,
    then_s: float,
    photos: Path,
    uninterrupted: set[tuple[str, str, Box | None]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    init_store(str(tmp_path)).close()

    lines = work_and_kill("enroll", str(tmp_path), str(photos), n_lines=1 + n_words, then_s=then_s)

    store = open_store(str(tmp_path))
    store.health()  # runs the integrity check
    held = contents(store)
    assert held <= uninterrupted
    n_batches = store.gallery_version()
    assert len(held) == min(N_PHOTOS, n_batches * BATCH_SIZE)  # each batch whole or not there
    assert (lines.count("embed") - 1) // CALLS <= n_batches  # the next batch begins when one is committed
    for _, photo_id, _ in held:
        assert hashlib.sha256(store.get_photo(photo_id)).hexdigest() == photo_id
    assert set(store.products()) == {sku for sku, _, _ in held}  # none without a photo, none missing

    monkeypatch.setattr(os, "fsync", lambda _: None)  # the second run is not killed, so it may be quick
    again = enroll(store, read_manifest(photos).photos, embedder=FakeEmbedder(), model="fake")

    assert (again.n_already, again.n_added, again.problems) == (len(held), N_PHOTOS - len(held), [])
    assert contents(store) == uninterrupted
    assert len(store.references()) == N_PHOTOS
    assert verify(store, embedder=FakeEmbedder()).problems == ()
    store.close()


@pytest.mark.parametrize(("n_words", "then_s"), [(0, 0.0), (8, 0.01), (9, 0.0), (16, 0.5)])
def test_a_killed_move_to_another_model_is_sound_and_goes_on(
    n_words: int, then_s: float, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = init_store(str(tmp_path))
    some = read_manifest(photos).photos[: 2 * REEMBED_BATCH]  # sixteen words: two batches
    with monkeypatch.context() as quick:
        quick.setattr(os, "fsync", lambda _: None)
        enroll(store, some, embedder=FakeEmbedder(), model="fake")
    held = contents(store)
    store.close()

    work_and_kill("reembed", str(tmp_path), "second-space", n_lines=1 + n_words, then_s=then_s)

    store = open_store(str(tmp_path))
    store.health()
    assert contents(store) == held  # whichever model is live, the gallery is whole
    live, n_made = store.live_space(), len(store.references("second-space"))
    assert n_made % REEMBED_BATCH == 0
    assert n_made >= (n_words - 1) // REEMBED_CALLS * REEMBED_BATCH
    assert live is not None
    assert live.space_id != "second-space" or n_made == len(held)
    assert verify(store, embedder=FakeEmbedder(live.space_id)).problems == ()

    done = reembed(store, embedder=FakeEmbedder("second-space"), model="second", gate=None)

    assert (done.is_live, done.n_already, done.n_embedded) == (True, n_made, len(held) - n_made)
    assert contents(store) == held
    assert verify(store, embedder=FakeEmbedder("second-space")).problems == ()
    store.close()


@pytest.mark.parametrize(("n_readings", "then_s"), [(0, 0.0), (7, 0.0), (33, 0.004)])
def test_a_killed_record_holds_whole_readings(n_readings: int, then_s: float, tmp_path: Path) -> None:
    init_store(str(tmp_path)).close()

    lines = work_and_kill("record", str(tmp_path), n_lines=1 + n_readings, then_s=then_s)

    store = open_store(str(tmp_path))
    counts = store.health()
    kept = store.readings()
    assert [r.photo for r in kept] == [f"{number}.jpg" for number in range(len(kept))]
    assert len(lines) - 1 <= len(kept)  # what was reported as written is there
    assert [r.recognitions for r in kept] == [make_result(number).recognitions for number in range(len(kept))]
    assert counts["observations"] == str(len(kept) * N_BOXES)

    is_new = [
        record(store, make_result(number), place="bay", detector="whole", space_id="space", gallery_version=1)
        for number in range(N_READINGS)
    ]

    assert is_new == [False] * len(kept) + [True] * (N_READINGS - len(kept))
    assert len(store.readings()) == N_READINGS
    store.close()
