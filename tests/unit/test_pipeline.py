"""The whole path with a stand-in network and a real store: photo in, answer out, line in the record."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

import facings.pipeline
from conftest import FakeEmbedder, make_pixels, save_photo
from facings import gallery
from facings.adapters.sql_store import SqlStore, open_store
from facings.decide import Promise
from facings.detect import Detector, GivenBoxes, WholePhoto
from facings.enroll import Enrollment, enroll
from facings.errors import BadImage, GalleryInvalid, ModelMismatch, StoreFailed
from facings.gallery import Gallery
from facings.kept_calibration import KeptCalibration
from facings.manifest import LabelledPhoto
from facings.pipeline import Finder, Pipeline
from facings.types import Detections, Image, UInt8Array

GOLDEN = Path(__file__).parents[1] / "golden" / "recognized_photo.json"
MILK, TEA, RICE, STRANGER = 1, 2, 3, 9


def pipeline(
    store: SqlStore,
    embedder: FakeEmbedder,
    *,
    detector: Detector | None = None,
    is_recording: bool = True,
    refuses_bad_photos: bool = False,
) -> Pipeline:
    return Pipeline(
        finder=Finder(detector or WholePhoto(), 1.0, refuses_bad_photos),
        embedder=embedder,
        gallery=Gallery(store, embedder),
        calibration=KeptCalibration(store, embedder),
        promise=Promise(0.4),  # as little as three products can vouch for
        store=store if is_recording else None,
        place="store-12/aisle-3",
        top_k=2,
        min_crop_px=8,
    )


class FakeDetector:
    """Finds what it is told to.

    Args:
        boxes: xyxy in pixels, all with confidence 0.75.
        is_capped: Whether it says that there may be more.
        notes: What else it says.
    """

    name = "fake@0"

    def __init__(self, *boxes: tuple[float, float, float, float], is_capped: bool = False, notes: tuple[str, ...] = ()):
        confidence = np.full(len(boxes), 0.75, np.float32)
        self._found = Detections(np.array(boxes, np.float32).reshape(-1, 4), confidence, is_capped, notes)

    def detect(self, image: Image) -> Detections:  # noqa: ARG002
        """The same for every photo."""
        return self._found


def enroll_photos(store: SqlStore, embedder: FakeEmbedder, folder: Path, **seeds: int) -> Enrollment:
    photos = [LabelledPhoto(save_photo(folder / f"{sku}.jpg", seed), sku) for sku, seed in seeds.items()]
    return enroll(store, photos, embedder=embedder, model="fake")


@pytest.fixture
def stocked(store: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> SqlStore:
    """A store whose gallery knows milk, tea and rice."""
    done = enroll_photos(store, embedder, tmp_path / "references", milk=MILK, tea=TEA, rice=RICE)
    assert (done.n_added, done.problems) == (3, [])
    return store


def query(folder: Path, seed: int, name: str = "query.jpg") -> Path:
    """Another photo of the same product: other size, so other bytes."""
    return save_photo(folder / name, seed, width=96, height=72)


def shelf(folder: Path) -> tuple[Path, UInt8Array]:
    """Milk, tea and something unknown side by side, each 64×48; a file whose bytes are the same everywhere."""
    pixels = np.concatenate([make_pixels(seed) for seed in (MILK, TEA, STRANGER)], axis=1)
    folder.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(pixels).save(folder / "shelf.bmp")
    return folder / "shelf.bmp", pixels


def shelf_boxes() -> GivenBoxes:
    """Tea, milk, a sliver, the unknown."""
    boxes = [[64, 0, 128, 48], [0, 0, 64, 48], [20, 10, 25, 40], [128, 0, 192, 48]]
    return GivenBoxes({"shelf.bmp": np.array(boxes, np.float32)})


def test_each_box_gives_a_recognition_in_the_order_of_the_boxes(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    path, _ = shelf(tmp_path)
    result = pipeline(stocked, embedder, detector=shelf_boxes()).recognize_photo(path)
    assert (result.width, result.height, result.error) == (192, 48, None)
    assert [r.box for r in result.recognitions] == [
        (64, 0, 128, 48),
        (0, 0, 64, 48),
        (20, 10, 25, 40),
        (128, 0, 192, 48),
    ]
    assert [(r.decision.verdict, r.decision.sku) for r in result.recognitions] == [
        ("accepted", "tea"),
        ("accepted", "milk"),
        ("unknown", None),
        ("unknown", None),
    ]
    assert result.recognitions[2].decision.reasons == ("too small: a side under 8 px",)
    assert result.recognitions[2].decision.candidates == ()
    assert [len(r.decision.candidates) for r in result.recognitions] == [2, 2, 0, 2]
    assert result.notes == ("boxes too small to be recognized: 1",)


def test_json_of_a_photo_is_the_golden_one(stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> None:
    path, _ = shelf(tmp_path)
    got = pipeline(stocked, embedder, detector=shelf_boxes()).recognize_photo(path).to_json()
    assert got["photo"] == str(path)
    got["photo"] = "shelf.bmp"
    similarities = [c.pop("similarity") for r in got["recognitions"] for c in r["candidates"]]
    reasons = [r.pop("reasons") for r in got["recognitions"]]
    wanted = json.loads(GOLDEN.read_text(encoding="utf-8"))
    wanted_similarities = [c.pop("similarity") for r in wanted["recognitions"] for c in r["candidates"]]
    wanted_reasons = [r.pop("reasons") for r in wanted["recognitions"]]
    figures = [
        [quality.pop(name) for name in ("sharpness", "tilt_deg")] for quality in (got["quality"], wanted["quality"])
    ]
    assert figures[0] == pytest.approx(figures[1], abs=0.01)
    assert json.loads(json.dumps(got)) == wanted
    # References are JPEGs, and decoders may differ in the last bit.
    assert similarities == pytest.approx(wanted_similarities, abs=2e-3)
    assert [len(few) for few in reasons] == [len(few) for few in wanted_reasons]


def test_json_has_exactly_the_keys_and_types_of_the_contract(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    path, _ = shelf(tmp_path)
    got = pipeline(stocked, embedder, detector=shelf_boxes()).recognize_photo(path).to_json()

    def types(record: dict[str, Any]) -> dict[str, str]:
        return {key: type(value).__name__ for key, value in record.items()}

    assert types(got) == {
        "photo": "str",
        "width": "int",
        "height": "int",
        "recognitions": "list",
        "error": "NoneType",
        "photo_id": "str",
        "notes": "list",
        "quality": "dict",
    }
    assert types(got["quality"]) == {
        "sharpness": "float",
        "brightness": "float",
        "glare_frac": "float",
        "tilt_deg": "float",
        "facing_px": "float",
        "advice": "list",
    }
    for advice in got["quality"]["advice"]:
        assert types(advice) == {"code": "str", "words": "str", "figure": "float", "limit": "float"}
    assert got["photo_id"] == hashlib.sha256(path.read_bytes()).hexdigest()
    for recognition in got["recognitions"]:
        sku = "str" if recognition["decision"] == "accepted" else "NoneType"
        assert types(recognition) == {
            "box": "list",
            "confidence": "float",
            "decision": "str",
            "sku": sku,
            "candidates": "list",
            "reasons": "list",
            "probability": "NoneType",
            "evidence": "list",
        }
        assert [type(corner) for corner in recognition["box"]] == [float] * 4
        for candidate in recognition["candidates"]:
            assert types(candidate) == {"sku": "str", "similarity": "float"}


def test_batch_goes_on_after_bad_photos_and_reports_each(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no photo")
    large = save_photo(tmp_path / "large.jpg", MILK, width=1200, height=900)
    paths = [query(tmp_path, TEA), text, tmp_path / "gone.jpg", large, query(tmp_path, MILK, "last.jpg")]
    results = list(pipeline(stocked, embedder).recognize(paths))
    assert [result.photo for result in results] == [str(path) for path in paths]
    assert [result.error and result.error.code for result in results] == [None, *["bad_image"] * 3, None]
    assert [[r.decision.sku for r in result.recognitions] for result in results] == [["tea"], [], [], [], ["milk"]]
    for result, said in zip(results[1:4], ("not a picture", "cannot be read", "megapixels"), strict=True):
        assert result.error is not None
        assert said in result.error.message
        assert (result.width, result.height, result.photo_id) == (0, 0, "")
    assert [reading.photo for reading in stocked.readings()] == [str(paths[0]), str(paths[4])]


def test_photo_without_given_boxes_is_reported_and_the_batch_goes_on(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    path, _ = shelf(tmp_path)
    results = list(pipeline(stocked, embedder, detector=shelf_boxes()).recognize([query(tmp_path, TEA), path]))
    assert [result.error and result.error.code for result in results] == ["bad_input", None]


def test_results_come_one_by_one(stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> None:
    results = pipeline(stocked, embedder).recognize([query(tmp_path, TEA), query(tmp_path, MILK, "second.jpg")])
    assert next(results).recognitions[0].decision.sku == "tea"
    assert len(stocked.readings()) == 1


def test_fault_in_the_program_is_not_taken_for_a_bad_photo(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object, **_options: object) -> None:
        raise RuntimeError("a slip of the pen")

    monkeypatch.setattr(facings.pipeline, "decide", broken)
    with pytest.raises(RuntimeError, match="slip"):
        list(pipeline(stocked, embedder).recognize([query(tmp_path, TEA)]))


def test_one_photo_raises_what_is_wrong_with_it(stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> None:
    with pytest.raises(BadImage, match="gone"):
        pipeline(stocked, embedder).recognize_photo(tmp_path / "gone.jpg")


# The record


def test_reading_leads_back_to_all_that_made_it(stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> None:
    path, _ = shelf(tmp_path)
    before = datetime.now(UTC)
    result = pipeline(stocked, embedder, detector=shelf_boxes()).recognize_photo(path)
    (reading,) = stocked.readings()
    assert reading.photo_id == result.photo_id
    assert (reading.photo, reading.place, reading.detector) == (str(path), "store-12/aisle-3", "given-boxes")
    assert (reading.space_id, reading.gallery_version) == (embedder.space_id, stocked.gallery_version())
    assert (reading.width, reading.height, reading.notes) == (192, 48, result.notes)
    assert reading.max_false_accept == 0.4
    assert reading.recognitions == result.recognitions
    assert before <= reading.seen_at <= datetime.now(UTC)
    assert stocked.get_photo(reading.photo_id) == path.read_bytes()


def test_camera_time_is_when_the_products_were_seen(stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> None:
    exif = PillowImage.Exif()
    exif[0x8769] = {0x9003: "2024:05:06 07:08:09", 0x9011: "+05:30"}
    PillowImage.fromarray(make_pixels(TEA)).save(tmp_path / "dated.jpg", exif=exif.tobytes())
    pipeline(stocked, embedder).recognize_photo(tmp_path / "dated.jpg")
    assert stocked.readings()[0].seen_at == datetime(2024, 5, 6, 1, 38, 9, tzinfo=UTC)


def test_same_photo_again_adds_nothing_to_the_record(stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> None:
    path = query(tmp_path, TEA)
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(path.read_bytes())
    for again in (path, path, copy):
        result = pipeline(stocked, embedder).recognize_photo(again)
        assert result.recognitions[0].decision.sku == "tea"
    assert [reading.photo for reading in stocked.readings(latest_only=False)] == [str(path)]


def test_same_photo_at_another_place_is_another_reading(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    path = query(tmp_path, TEA)
    here = pipeline(stocked, embedder)
    here.recognize_photo(path)
    dataclasses.replace(here, place="store-13").recognize_photo(path)
    assert {reading.place for reading in stocked.readings()} == {"store-12/aisle-3", "store-13"}


def test_changed_gallery_gives_a_new_reading_and_keeps_the_old(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    path, running = query(tmp_path, STRANGER), pipeline(stocked, embedder)
    running.recognize_photo(path)
    enroll_photos(stocked, embedder, tmp_path / "new", juice=STRANGER)
    running.recognize_photo(path)
    skus = [r.recognitions[0].decision.sku for r in stocked.readings(latest_only=False)]
    assert sorted(map(str, skus)) == ["None", "juice"]
    assert [r.recognitions[0].decision.sku for r in stocked.readings()] == ["juice"]


def test_without_a_store_nothing_is_recorded(stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> None:
    path = query(tmp_path, TEA)
    result = pipeline(stocked, embedder, is_recording=False).recognize_photo(path)
    assert result.recognitions[0].decision.sku == "tea"
    assert stocked.readings() == []
    with pytest.raises(StoreFailed, match="is gone"):
        stocked.get_photo(result.photo_id)


def test_photo_without_boxes_is_recorded_as_an_empty_shelf(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    path = query(tmp_path, TEA)
    nothing = GivenBoxes({"query.jpg": np.zeros((0, 4), np.float32)})
    result = pipeline(stocked, embedder, detector=nothing).recognize_photo(path)
    assert (result.recognitions, result.error, result.notes) == ((), None, ())
    assert [reading.recognitions for reading in stocked.readings()] == [()]


def test_answer_that_hits_the_ceiling_of_the_detector_says_so(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facings.detect.MAX_DETECTIONS", 2)
    path, _ = shelf(tmp_path)
    result = pipeline(stocked, embedder, detector=shelf_boxes()).recognize_photo(path)
    assert len(result.recognitions) == 2
    assert result.notes == ("the detector reached its ceiling of 2 products; there may be more",)


def test_notes_of_decoding_reach_the_result(stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> None:
    frames = [PillowImage.fromarray(make_pixels(seed)) for seed in (TEA, MILK)]
    frames[0].save(tmp_path / "pages.tif", save_all=True, append_images=frames[1:])
    result = pipeline(stocked, embedder).recognize_photo(tmp_path / "pages.tif")
    assert result.recognitions[0].decision.sku == "tea"
    assert result.notes == ("2 frames or pages: the first one was used",)


# Detection


def test_boxes_of_a_detector_are_recognized_and_recorded_with_its_name(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    path, _ = shelf(tmp_path)
    detector = FakeDetector((0, 0, 64, 48), (64, 0, 128, 48), (128, 0, 192, 48), notes=("a remark",))
    result = pipeline(stocked, embedder, detector=detector).recognize_photo(path)
    assert [r.decision.sku for r in result.recognitions] == ["milk", "tea", None]
    assert [r.confidence for r in result.recognitions] == [0.75] * 3
    assert result.notes == ("a remark",)
    (reading,) = stocked.readings()
    assert (reading.detector, reading.recognitions) == ("fake@0", result.recognitions)


def test_nothing_found_is_an_answer_that_says_what_to_do(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    path, _ = shelf(tmp_path)
    result = pipeline(stocked, embedder, detector=FakeDetector()).recognize_photo(path)
    assert (result.recognitions, result.error) == ((), None)
    assert result.notes == ("no product was found; for photos of one product each: --detector whole-photo",)
    assert [reading.recognitions for reading in stocked.readings()] == [()]


def test_too_small_and_too_many_are_both_said(stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> None:
    path, _ = shelf(tmp_path)
    detector = FakeDetector((0, 0, 64, 48), (70, 0, 76, 48), (80, 0, 128, 5), is_capped=True)
    result = pipeline(stocked, embedder, detector=detector).recognize_photo(path)
    assert [r.decision.sku for r in result.recognitions] == ["milk", None, None]
    assert result.notes == (
        "the detector reached its ceiling of 3 products; there may be more",
        "boxes too small to be recognized: 2",
    )


def test_detecting_alone_gives_boxes_or_the_reason_why_not(tmp_path: Path) -> None:
    path, _ = shelf(tmp_path)
    (tmp_path / "text.jpg").write_text("no photo")
    finder = Finder(FakeDetector((0, 0, 64, 48), is_capped=True), 1.0)
    text, found = finder.detect([tmp_path / "text.jpg", path])
    assert text.error is not None
    assert (text.error.code, len(text.detections), text.quality) == ("bad_image", 0, None)
    assert (found.photo, found.width, found.height, found.error) == (str(path), 192, 48, None)
    assert found.detections.xyxy.tolist() == [[0, 0, 64, 48]]
    assert found.photo_id == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.notes == ("the detector reached its ceiling of 1 products; there may be more",)
    assert found.quality is not None
    assert found.quality.facing_px == 48


# The photo coach


def blurred(folder: Path) -> Path:
    """A photo of one edge, out of focus."""
    ramp = np.clip(np.linspace(-600, 900, 160), 30, 220).astype(np.uint8)
    PillowImage.fromarray(np.broadcast_to(ramp[None, :, None], (120, 160, 3)).copy()).save(folder / "blurred.png")
    return folder / "blurred.png"


def test_a_blurred_photo_is_flagged_in_the_answer_and_on_record(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    result = pipeline(stocked, embedder).recognize_photo(blurred(tmp_path))
    assert result.quality is not None
    assert [advice.code for advice in result.quality.advice] == ["blurred"]
    assert result.to_json()["quality"]["advice"][0]["words"] == "Hold still and let the camera focus."
    assert [reading.quality for reading in stocked.readings()] == [result.quality]


def test_how_far_away_is_judged_by_boxes_and_never_by_a_whole_photo(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    path, _ = shelf(tmp_path)
    several: list[tuple[Detector, float | None, bool]] = [
        (WholePhoto(), None, False),
        (FakeDetector((0, 0, 64, 48)), 48, True),
        (FakeDetector(), None, False),
    ]
    for detector, facing_px, is_far in several:
        quality = pipeline(stocked, embedder, detector=detector).recognize_photo(path).quality
        assert quality is not None
        assert quality.facing_px == facing_px
        assert ("far" in [advice.code for advice in quality.advice]) == is_far


def test_a_bad_photo_is_refused_when_asked_and_nothing_is_recorded(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    path, good = blurred(tmp_path), query(tmp_path, TEA)
    strict = pipeline(stocked, embedder, refuses_bad_photos=True)
    refused, fine = strict.recognize([path, good])
    assert refused.error is not None
    assert refused.error.code == "photo_refused"
    assert f"{path}: too poor a photo: sharpness 0" in refused.error.message
    assert "wanted 0.2 or more. Hold still and let the camera focus." in refused.error.message
    assert refused.recognitions == ()
    assert (fine.error, fine.recognitions[0].decision.sku) == (None, "tea")
    assert [reading.photo for reading in stocked.readings()] == [str(good)]
    with pytest.raises(StoreFailed, match="is gone"):
        stocked.get_photo(hashlib.sha256(path.read_bytes()).hexdigest())


def test_a_refused_photo_is_not_even_searched_and_a_far_one_is(tmp_path: Path) -> None:
    class Counting(FakeDetector):
        n_asked = 0

        def detect(self, image: Image) -> Detections:
            self.n_asked += 1
            return super().detect(image)

    detector = Counting((0, 0, 40, 40))
    finder = Finder(detector, 1.0, refuses_bad_photos=True)
    first, second = finder.detect([blurred(tmp_path), query(tmp_path, TEA)])
    assert first.error is not None and second.error is not None
    assert "sharpness" in first.error.message
    assert "facings 40 px, wanted 80. Step closer." in second.error.message
    assert detector.n_asked == 1


# The gallery, edited while the pipeline runs


def test_empty_gallery_is_an_error_before_any_photo(store: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> None:
    path = query(tmp_path, TEA)
    with pytest.raises(GalleryInvalid, match="Enroll products first"):
        list(pipeline(store, embedder).recognize([path]))
    with pytest.raises(GalleryInvalid):
        pipeline(store, embedder).recognize_photo(path)


def test_gallery_of_another_model_is_an_error_that_names_it(stocked: SqlStore, tmp_path: Path) -> None:
    other = pipeline(stocked, FakeEmbedder("fake-space-00002"))
    with pytest.raises(ModelMismatch, match=r"'fake' \(space fake-space-00001\).*--model fake"):
        list(other.recognize([query(tmp_path, TEA)]))


def test_product_is_known_as_soon_as_it_is_enrolled(stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> None:
    path, running = query(tmp_path, STRANGER), pipeline(stocked, embedder)
    assert running.recognize_photo(path).recognitions[0].decision.verdict == "unknown"
    enroll_photos(stocked, embedder, tmp_path / "new", juice=STRANGER)
    assert running.recognize_photo(path).recognitions[0].decision.sku == "juice"


def test_product_enrolled_by_another_connection_is_known_at_once(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    path, running = query(tmp_path, STRANGER), pipeline(stocked, embedder)
    assert running.recognize_photo(path).recognitions[0].decision.verdict == "unknown"
    other = open_store(str(tmp_path / "store"))
    try:
        enroll_photos(other, embedder, tmp_path / "new", juice=STRANGER)
        assert running.recognize_photo(path).recognitions[0].decision.sku == "juice"
        gallery.remove(other, "juice")
    finally:
        other.close()
    assert running.recognize_photo(path).recognitions[0].decision.verdict == "unknown"


def test_removed_product_is_offered_no_more(stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> None:
    path, running = query(tmp_path, TEA), pipeline(stocked, embedder)
    assert running.recognize_photo(path).recognitions[0].decision.sku == "tea"
    assert gallery.remove(stocked, "tea") == 1
    decision = running.recognize_photo(path).recognitions[0].decision
    assert decision.sku is None
    assert {c.sku for c in decision.candidates} == {"milk", "rice"}


def test_gallery_emptied_in_the_middle_of_a_batch_is_reported_for_the_rest(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    paths = [query(tmp_path, TEA), query(tmp_path, MILK, "second.jpg")]
    results = pipeline(stocked, embedder).recognize(paths)
    assert next(results).error is None
    for sku in ("milk", "tea", "rice"):
        gallery.remove(stocked, sku)
    last = next(results)
    assert last.error is not None
    assert last.error.code == "gallery_invalid"


def test_vectors_are_read_again_only_after_a_change(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = pipeline(stocked, embedder)
    running.recognize_photo(query(tmp_path, TEA))

    def never(*_args: object) -> None:
        raise AssertionError("the gallery was read again")

    monkeypatch.setattr(stocked, "changes_since", never)
    assert running.recognize_photo(query(tmp_path, MILK, "b.jpg")).recognitions[0].decision.sku == "milk"


def test_detector_sees_the_upright_photo(stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path) -> None:
    seen: list[Image] = []

    class Watching(WholePhoto):
        def detect(self, image: Image) -> Any:
            seen.append(image)
            return super().detect(image)

    exif = PillowImage.Exif()
    exif[0x0112] = 3  # stored upside down
    stored = np.ascontiguousarray(make_pixels(TEA)[::-1, ::-1])
    PillowImage.fromarray(stored).save(tmp_path / "turned.png", exif=exif.tobytes())
    result = pipeline(stocked, embedder, detector=Watching()).recognize_photo(tmp_path / "turned.png")
    assert (seen[0].pixels == make_pixels(TEA)).all()
    assert result.recognitions[0].decision.sku == "tea"


@pytest.mark.parametrize("top_k", [1, 2])
def test_how_many_candidates_are_shown_does_not_change_the_decision(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path, top_k: int
) -> None:
    path = query(tmp_path, TEA)
    strict = replace(pipeline(stocked, embedder), promise=Promise(0.3), top_k=top_k)  # too much for three products
    decision = strict.recognize_photo(path).recognitions[0].decision
    assert decision.verdict == "ambiguous"
    assert len(decision.candidates) == top_k
    assert any("cannot be promised with 3 products" in reason for reason in decision.reasons)


def test_what_was_seen_before_is_recorded_again_when_something_else_was_seen_between(
    stocked: SqlStore, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    path, _ = shelf(tmp_path)
    with_boxes, whole = pipeline(stocked, embedder, detector=shelf_boxes()), pipeline(stocked, embedder)
    counts = []
    for eyes in (whole, with_boxes, with_boxes, whole):
        eyes.recognize_photo(path)
        (last,) = stocked.readings()
        counts.append(len(last.recognitions))
    assert counts == [1, 4, 4, 1]
    every = stocked.readings(latest_only=False)
    assert [len(reading.recognitions) for reading in every] == [1, 4, 1]
    assert len({reading.seen_at for reading in every}) == 1  # the photo did not become younger
