"""What another model would change, by a stand-in network; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import FakeEmbedder, save_photo
from facings import networks
from facings.adapters.sql_store import SqlStore
from facings.compose import Workspace, init_workspace
from facings.detect import WholePhoto
from facings.enroll import enroll
from facings.errors import BadInput, GalleryInvalid
from facings.manifest import LabelledPhoto
from facings.replay import _kind, _pairs
from facings.types import Decision, FloatArray, Recognition, UInt8Array

UNKNOWN, AMBIGUOUS = Decision("unknown", None, ()), Decision("ambiguous", None, ())
TEA, JAM = Decision("accepted", "tea", ()), Decision("accepted", "jam", ())


class Blind(FakeEmbedder):
    """Another model, which sees nothing: all photos are the same to it."""

    def __init__(self) -> None:
        super().__init__("blind-space-00001")

    def run(self, batch: UInt8Array) -> FloatArray:
        """uint8 (N, 3, 16, 16) → float32 (N, 12), unit rows, all the same."""
        rows = super().run(batch)
        rows[:] = 0
        rows[:, 0] = 1
        return rows


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A store with two products, one photo of each on record."""
    monkeypatch.chdir(tmp_path)
    made = init_workspace(str(tmp_path / "store"), detector="whole-photo", evidence="never", max_false_accept=1.0)
    made.__dict__["embedder"] = FakeEmbedder()
    shots = [
        LabelledPhoto(save_photo(tmp_path / f"{sku}{n}.jpg", seed, width=64 + 2 * n), sku)
        for seed, sku in enumerate(("tea", "jam"))
        for n in range(3)
    ]
    enroll(made.store, shots, embedder=FakeEmbedder(), model="fake")
    asked = [save_photo(tmp_path / "asked" / f"{seed}.jpg", seed, width=80) for seed in (0, 1)]
    assert all(not result.error for result in made.recognize(asked, place="s/a"))
    yield made
    made.store.close()


def state(store: SqlStore) -> tuple[object, ...]:
    return store.readings(latest_only=False), store.references(), store.gallery_version(), store.live_space()


def test_the_same_model_changes_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "load_model", lambda *_, **__: FakeEmbedder("same-weights-0001"))
    before = state(workspace.store)
    done = workspace.replay("again")
    assert (done.n_photos, done.n_boxes, done.changes, done.problems) == (2, 2, [], [])
    assert state(workspace.store) == before


def test_another_model_changes_decisions_and_writes_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "load_model", lambda *_, **__: Blind())
    before = state(workspace.store)
    done = workspace.replay("blind", place="s")
    verdicts = {reading.photo_id: reading.recognitions[0].decision for reading in workspace.store.readings()}
    was = [decision for decision in verdicts.values() if decision.verdict == "accepted"]
    assert len(was) == 2
    assert len(done.changes) >= 1  # two products that look alike cannot both be told
    assert all(change.kind in {"accepted_no_more", "another_product"} for change in done.changes)
    assert sum(done.n_changes().values()) == len(done.changes)
    assert state(workspace.store) == before
    assert workspace.replay("blind", place="elsewhere").n_photos == 0


def test_a_photo_that_is_gone_is_told_and_the_rest_goes_on(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(networks, "load_model", lambda *_, **__: FakeEmbedder("same-weights-0001"))
    lost = workspace.store.readings()[0]
    (found,) = [path for path in (tmp_path / "store" / "photos").rglob("*") if lost.photo_id in path.name]
    found.unlink()
    done = workspace.replay("again")
    assert done.n_photos == 1
    assert lost.photo in done.problems[0].where


def test_an_empty_gallery_and_a_bad_place_are_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(networks, "load_model", lambda *_, **__: FakeEmbedder())
    empty = init_workspace(str(tmp_path / "store"), evidence="never")
    with pytest.raises(GalleryInvalid):
        empty.replay("any")
    with pytest.raises(BadInput, match="Place"):
        empty.replay("any", place="a//b")
    empty.store.close()


def test_with_another_detector_boxes_are_found_anew(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "load_model", lambda *_, **__: FakeEmbedder("same-weights-0001"))
    monkeypatch.setattr(networks, "load_detector", lambda *_, **__: WholePhoto())
    assert workspace.replay("again", detector="whole-photo").changes == []


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (TEA, TEA, None),
        (TEA, replace(TEA, reasons=("other words",)), None),
        (TEA, JAM, "another_product"),
        (TEA, AMBIGUOUS, "accepted_no_more"),
        (UNKNOWN, JAM, "accepted_now"),
        (UNKNOWN, AMBIGUOUS, "other_doubt"),
    ],
)
def test_kinds_of_change(before: Decision, after: Decision, kind: str | None) -> None:
    assert _kind(before, after) == kind


def test_boxes_are_paired_by_their_overlap_each_once() -> None:
    def at(*lefts: float) -> list[Recognition]:
        return [Recognition((x, 0, x + 10, 10), 1.0, UNKNOWN) for x in lefts]

    assert _pairs(at(0, 20), at(21, 1, 2)) == [(0, 1), (1, 0)]  # 1 px off beats 2 px off; the third has no partner
    assert _pairs(at(0), at(6)) == []  # 4 of 16 px shared: IoU 0.25
    assert _pairs([], at(1)) == []
