"""`facings detect`, and `facings recognize` on shelves, as a user types them; the detector knows a drawn shelf."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from command_line import Run
from conftest import save_photo
from facings import networks
from facings.annotations import Format, read_annotations
from facings.detect import Detector
from facings.images import decode
from facings.simulate import Camera, make_packs, plan_shelf, shelf_photo
from facings.types import Detections, FloatArray, Image


@dataclass
class Seeing:
    """Knows the boxes of photos by their content; finds nothing in others."""

    boxes: dict[str, FloatArray]
    is_capped: bool = False
    name: str = "seeing@0"

    def detect(self, image: Image) -> Detections:
        """Boxes with confidence 0.9, 0.89, …"""
        xyxy = self.boxes.get(image.photo_id, np.zeros((0, 4), np.float32))
        confidence = (0.9 - 0.01 * np.arange(len(xyxy))).astype(np.float32)
        return Detections(xyxy, confidence, self.is_capped and len(xyxy) > 0)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FloatArray]:
    """A photo of a shelf of eight, and its boxes."""
    rng = np.random.default_rng(4)
    plan = plan_shelf(make_packs(4, 5), rng, n_facings=8, n_rows=2, empty_frac=0)
    shelf = shelf_photo(plan, rng, (640, 480), camera=Camera())
    path = tmp_path_factory.mktemp("drawn") / "shelf.jpg"
    PillowImage.fromarray(shelf.pixels).save(path, quality=95)
    return path, shelf.boxes


@pytest.fixture
def detector(drawn: tuple[Path, FloatArray], monkeypatch: pytest.MonkeyPatch) -> Seeing:
    """The detector of every command that names none of its own."""
    path, boxes = drawn
    seeing = Seeing({decode(path.read_bytes(), source="").photo_id: boxes})
    load = networks.load_detector

    def choose(name: str, **limits: Any) -> Detector:
        return seeing if name == "product-detector" else load(name, **limits)

    monkeypatch.setattr(networks, "load_detector", choose)
    return seeing


@pytest.fixture
def photos(drawn: tuple[Path, FloatArray], tmp_path: Path) -> Path:
    """The shelf, a photo with nothing in it, and a file that is none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "shelf.jpg").write_bytes(drawn[0].read_bytes())
    PillowImage.fromarray(np.full((60, 80, 3), 160, np.uint8)).save(folder / "nothing.jpg")
    (folder / "text.jpg").write_text("hello")
    return folder


@pytest.mark.usefixtures("detector")
def test_detect_gives_a_line_a_photo_and_goes_on_after_a_bad_one(
    run: Run, photos: Path, drawn: tuple[Path, FloatArray]
) -> None:
    done = run("detect", photos, "--json")
    nothing, shelf, text = done.lines
    assert done.code == 1
    assert text["error"]["code"] == "bad_image"
    assert "text.jpg" in done.err
    assert (shelf["photo"], shelf["width"], shelf["height"], shelf["error"]) == (
        str(photos / "shelf.jpg"), 640, 480, None,
    )  # fmt: skip
    assert [found["box"] for found in shelf["boxes"]] == [pytest.approx(box, abs=0.01) for box in drawn[1].tolist()]
    assert [found["confidence"] for found in shelf["boxes"][:2]] == [0.9, 0.89]
    assert (shelf["is_capped"], shelf["notes"]) == (False, [])
    assert shelf["quality"]["facing_px"] > 0
    assert (nothing["boxes"], nothing["error"]) == ([], None)
    assert "--detector whole-photo" in nothing["notes"][0]


@pytest.mark.usefixtures("detector")
def test_detect_makes_no_store_and_draws_what_it_found(run: Run, photos: Path, tmp_path: Path) -> None:
    done = run("detect", photos / "shelf.jpg", "--annotate", "seen")
    assert done.code == 0
    assert [path.name for path in tmp_path.iterdir() if path.name not in {"photos", "seen"}] == []
    with PillowImage.open(tmp_path / "seen" / "shelf.jpg") as picture, PillowImage.open(photos / "shelf.jpg") as photo:
        assert picture.width == 640
        assert picture.height > 480  # the legend
        before, after = np.asarray(photo).astype(int), np.asarray(picture)[:480].astype(int)
    assert 0.01 < (np.abs(before - after).max(axis=2) > 80).mean() < 0.2


def test_detect_shows_products_their_size_and_what_to_do_better(run: Run, photos: Path, detector: Seeing) -> None:
    (boxes,) = detector.boxes.values()
    detector.boxes = dict.fromkeys(detector.boxes, (boxes / 2).astype(np.float32))
    detector.is_capped = True
    sizes = (boxes[:, 2:] - boxes[:, :2]).min(axis=1) / 2
    done = run("detect", photos / "shelf.jpg")
    assert done.code == 0
    (row,) = [line.split() for line in done.out.splitlines() if line.strip().startswith("shelf.jpg")]
    assert row[1:3] == ["8", f"{np.median(sizes):.0f}"]
    assert f"Step closer. (facings {np.median(sizes):.3g} px, wanted 80)" in done.out
    assert "shelf.jpg: the detector reached its ceiling of 8 products; there may be more" in done.err


@pytest.mark.usefixtures("detector")
@pytest.mark.parametrize(("form", "place"), [("coco", "b.json"), ("voc", "b"), ("yolo", "b"), ("sku110k", "b.csv")])
def test_boxes_are_written_for_a_labelling_tool(
    run: Run, photos: Path, tmp_path: Path, drawn: tuple[Path, FloatArray], form: Format, place: str
) -> None:
    done = run("detect", photos / "shelf.jpg", photos / "nothing.jpg", "--write", place, "--format", form)
    assert done.code == 0
    read = read_annotations(tmp_path / place, photos=photos if place == "b" else None)
    found = {photo.path.name: photo.boxes for photo in read.photos}
    corners = [box.xyxy for box in found["shelf.jpg"]]
    assert np.array(corners) == pytest.approx(drawn[1], abs=1)
    if form in {"coco", "voc"}:
        assert float(found["shelf.jpg"][0].attributes["confidence"]) == pytest.approx(0.9)
    else:
        assert "attribute confidence was left out (8 boxes)" in done.err


@pytest.mark.usefixtures("detector")
def test_nothing_is_written_where_no_photo_could_be_read(run: Run, photos: Path, tmp_path: Path) -> None:
    done = run("detect", photos / "text.jpg", "--write", "b.json")
    assert done.code == 1
    assert "b.json was not made" in done.err
    assert not (tmp_path / "b.json").exists()


def test_an_unknown_detector_says_which_there_are_and_an_unknown_format_is_misuse(run: Run, photos: Path) -> None:
    done = run("detect", photos, "--detector", "no-detector")
    assert done.code == 1
    for words in ("no-detector", "product-detector", "whole-photo"):
        assert words in done.err
    assert run("detect", photos, "--format", "xml").code == 2
    assert run("detect", photos, "--threads", "0").code == 2


@pytest.mark.usefixtures("detector")
def test_a_bad_photo_is_refused_when_asked_by_flag_or_setting(
    run: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dark = PillowImage.open(photos / "shelf.jpg").point(lambda value: value // 8)
    dark.save(tmp_path / "dark.png")
    flagged = run("detect", "dark.png", "--json")
    assert flagged.code == 0
    assert [advice["code"] for advice in flagged.lines[0]["quality"]["advice"]] == ["dark"]
    refused = run("detect", "dark.png", "--json", "--refuse-bad")
    monkeypatch.setenv("FACINGS_REFUSE_BAD_PHOTOS", "true")
    for done in (refused, run("detect", "dark.png", "--json")):
        assert done.code == 1
        assert done.lines[0]["error"]["code"] == "photo_refused"
        assert "Turn on more light." in done.err


# Recognition


@pytest.fixture
def shop(run: Run, drawn: tuple[Path, FloatArray], tmp_path: Path) -> Run:
    """A store that knows three of the shelf's facings by their crops, and a product that is not there."""
    with PillowImage.open(drawn[0]) as shelf:
        for number, box in enumerate(drawn[1][:3].tolist()):
            folder = tmp_path / "gallery" / f"sku-{number}"
            folder.mkdir(parents=True)
            shelf.crop(tuple(round(corner) for corner in box)).save(folder / "0.png")
    save_photo(tmp_path / "gallery" / "other" / "0.jpg", 7, width=120, height=120)
    assert run("init").code == 0
    assert run("gallery", "build", "gallery").code in {0, 1}  # two facings of one product may be near-duplicates
    return run


@pytest.mark.usefixtures("detector")
def test_recognize_finds_the_products_of_a_shelf(shop: Run, photos: Path) -> None:
    done = shop("recognize", photos / "shelf.jpg", "--json", "--annotate", "seen")
    assert done.code == 0
    (result,) = done.lines
    assert len(result["recognitions"]) == 8
    assert result["recognitions"][0]["confidence"] == 0.9
    assert result["recognitions"][0]["candidates"][0]["similarity"] > 0.9
    reading = json.loads(shop("report", "--format", "json").out)["readings"][0]
    assert (reading["detector"], reading["quality"]) == ("seeing@0", result["quality"])


def test_recognize_says_aloud_what_is_to_be_known_of_a_photo(shop: Run, photos: Path, detector: Seeing) -> None:
    detector.is_capped = True
    slivers = np.array([[10, 10 * n, 60, 10 * n + 7] for n in range(8)], np.float32)
    detector.boxes = dict.fromkeys(detector.boxes, slivers)
    done = shop("recognize", photos / "shelf.jpg", photos / "nothing.jpg")
    assert done.code == 0
    assert "shelf.jpg: Step closer. (facings 7 px, wanted 80)" in done.err
    assert "shelf.jpg: the detector reached its ceiling of 8 products" in done.err
    assert "shelf.jpg: boxes too small to be recognized: 8" in done.err
    assert "nothing.jpg: no product was found; for photos of one product each: --detector whole-photo" in done.err
    assert "no reference photo has a box" in done.err  # 8 unknown


@pytest.mark.usefixtures("detector")
def test_a_photo_of_one_product_is_not_searched_when_told_so(shop: Run, photos: Path, tmp_path: Path) -> None:
    (result,) = shop("recognize", "gallery/other/0.jpg", "--json", "--detector", "whole-photo").lines
    assert [found["sku"] for found in result["recognitions"]] == ["other"]
    assert result["quality"]["facing_px"] is None


@pytest.mark.usefixtures("detector")
def test_given_boxes_win_over_the_detector(shop: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("photo,x1,y1,x2,y2\nshelf.jpg,0,0,100,100\n")
    done = shop("recognize", photos / "shelf.jpg", "--json", "--boxes", "b.csv", "--detector", "no-detector")
    assert done.code == 0
    assert [found["box"] for found in done.lines[0]["recognitions"]] == [[0, 0, 100, 100]]


@pytest.mark.usefixtures("detector")
def test_boxes_that_were_written_are_boxes_to_recognize_in(shop: Run, photos: Path) -> None:
    shop("detect", photos / "shelf.jpg", "--write", "b.json")
    given = shop("recognize", photos / "shelf.jpg", "--json", "--no-record", "--boxes", "b.json").lines[0]
    found = shop("recognize", photos / "shelf.jpg", "--json", "--no-record").lines[0]
    assert [r["sku"] for r in given["recognitions"]] == [r["sku"] for r in found["recognitions"]]


@pytest.mark.usefixtures("detector")
def test_a_refused_photo_leaves_nothing_on_record(shop: Run, photos: Path, tmp_path: Path) -> None:
    PillowImage.open(photos / "shelf.jpg").point(lambda value: value // 8).save(tmp_path / "dark.png")
    done = shop("recognize", "dark.png", "--refuse-bad")
    assert done.code == 1
    assert "dark.png" in done.err
    assert "wanted 0.49 or more" in done.err
    assert json.loads(shop("report", "--format", "json").out)["n_photos"] == 0
