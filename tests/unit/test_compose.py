"""Settings → working parts: which detector a name means, and detection without any store."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from conftest import FakeEmbedder, save_photo
from facings import networks
from facings.annotations import BoxFile
from facings.compose import Workspace, init_workspace, open_workspace
from facings.detect import GivenBoxes, WholePhoto
from facings.enroll import enroll
from facings.errors import BadInput, ConfigInvalid, FacingsError, ModelNotFound
from facings.manifest import LabelledPhoto
from facings.model_card import DetectorCard
from facings.networks import BUNDLED_DETECTOR, BUNDLED_MODEL, load_detector

HERE = Path(networks.__file__).parent / "weights"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of whoever runs the tests."""
    monkeypatch.delenv("FACINGS_DETECTOR", raising=False)
    monkeypatch.setenv("FACINGS_THREADS", "1")
    monkeypatch.chdir(tmp_path)


def nowhere(tmp_path: Path, **flags: object) -> Workspace:
    """A workspace whose store does not exist."""
    return open_workspace(str(tmp_path / "nowhere"), **flags)


def test_whole_photo_is_a_detector_by_its_name() -> None:
    assert isinstance(load_detector("whole-photo", n_threads=1), WholePhoto)


@pytest.mark.parametrize("name", ["no-such-detector", "./whole-photo"])
def test_an_unknown_detector_is_an_error_that_names_the_ways(name: str) -> None:
    with pytest.raises(ModelNotFound) as caught:
        load_detector(name, n_threads=1)
    for words in (name, "detector's directory", BUNDLED_DETECTOR, "whole-photo"):
        assert words in str(caught.value)


def test_a_directory_without_a_detector_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=str(tmp_path)):
        load_detector(str(tmp_path), n_threads=1)


def test_a_model_that_embeds_is_no_detector() -> None:
    with pytest.raises(FacingsError, match="embedder"):
        load_detector(str(HERE / BUNDLED_MODEL), n_threads=1)


class Network:
    """Stands for a detector's network: remembers what it was opened with."""

    opened: ClassVar[list[tuple[Path, int]]] = []
    network_id = "0123"
    card = DetectorCard(
        "tiny", "none", ("product",), 32, 320, (20.0, 200.0), 0.5, 0.5, (0.0,) * 3, (1.0,) * 3, "Apache-2.0", "tests",
        "none", "",
    )  # fmt: skip

    def __init__(self, directory: Path, *, n_threads: int) -> None:
        self.opened.append((directory, n_threads))


def test_a_directory_and_the_bundled_names_give_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "OnnxBoxNetwork", Network)
    monkeypatch.setattr(networks, "_WEIGHTS", tmp_path / "weights")
    bundled, own = tmp_path / "weights" / BUNDLED_DETECTOR, tmp_path / "own"
    for directory in (bundled, own):
        directory.mkdir(parents=True)
    names = {load_detector(name, n_threads=2).name for name in (str(own), BUNDLED_DETECTOR)}
    assert names == {"tiny@0123"}
    assert Network.opened == [(own, 2), (bundled, 2)]
    with pytest.raises(BadInput, match="min_confidence"):
        load_detector(str(own), n_threads=1, min_confidence=1.5)


def test_settings_and_flags_choose_the_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int, float | None]] = []

    def note(name: str, *, n_threads: int, min_confidence: float | None) -> WholePhoto:
        asked.append((name, n_threads, min_confidence))
        return WholePhoto()

    monkeypatch.setattr(networks, "load_detector", note)
    workspace = nowhere(tmp_path, detector="mine", min_confidence=0.25)
    assert workspace.detector is workspace.detector
    assert nowhere(tmp_path).detector
    assert asked == [("mine", 1, 0.25), (BUNDLED_DETECTOR, 1, None)]


def test_detecting_needs_no_store(tmp_path: Path) -> None:
    photo = save_photo(tmp_path / "photos" / "a.jpg", 1)
    (tmp_path / "photos" / "text.jpg").write_text("no photo")
    good, bad = nowhere(tmp_path, detector="whole-photo").detect([tmp_path / "photos"])
    assert (good.photo, good.detections.xyxy.tolist()) == (str(photo), [[0, 0, 64, 48]])
    assert bad.error is not None
    assert bad.error.code == "bad_image"
    assert not (tmp_path / "nowhere").exists()


def test_detecting_nothing_at_all_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"empty: no photo was found"):
        nowhere(tmp_path).detect([tmp_path / "empty"])


def test_given_boxes_win_over_the_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[object] = []

    class Stop(Exception):
        pass

    def stop(_self: Workspace, *, detector: object, **_others: object) -> None:
        chosen.append(detector)
        raise Stop

    monkeypatch.setattr(Workspace, "pipeline", stop)
    photo = save_photo(tmp_path / "a.jpg", 1)
    workspace = nowhere(tmp_path, detector="no-such-detector")
    for boxes in (BoxFile({}, ()), None):
        with pytest.raises(Stop):
            workspace.recognize([photo], boxes=boxes)
    assert isinstance(chosen[0], GivenBoxes)
    assert chosen[1] is None


def with_index(tmp_path: Path, index: str) -> Workspace:
    """A workspace with one product, whose gallery is searched by an index."""
    workspace = init_workspace(str(tmp_path / "store"), index=index)
    workspace.__dict__["embedder"] = FakeEmbedder()
    photo = LabelledPhoto(save_photo(tmp_path / "tea.jpg", 1), "tea")
    enroll(workspace.store, [photo], embedder=FakeEmbedder(), model="fake")
    return workspace


@pytest.mark.parametrize("index", ["exact", "faiss"])
def test_the_gallery_is_searched_by_the_index_of_the_settings(tmp_path: Path, index: str) -> None:
    if index == "faiss":
        pytest.importorskip("faiss", reason="FAISS is not installed")
    workspace = with_index(tmp_path, index)
    with workspace.gallery.current() as gallery:
        assert getattr(gallery.index, "kind", "") == index
        assert list(gallery.sku_of.values()) == ["tea"]
        assert len(gallery.index) == 1
    workspace.store.close()


def test_pgvector_needs_a_store_in_postgresql(tmp_path: Path) -> None:
    workspace = with_index(tmp_path, "pgvector")
    with pytest.raises(ConfigInvalid, match="pgvector needs a store in PostgreSQL"), workspace.gallery.current():
        pass
    workspace.store.close()


def test_an_unknown_index_is_an_error_that_names_the_ways(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="'exact', 'faiss' or 'pgvector'"):
        open_workspace(str(tmp_path), index="hnsw")
