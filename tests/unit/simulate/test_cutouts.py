"""Cut-outs from packs, labelled and annotated photos: what is cut, what is left away, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import save_photo
from facings.annotations import AnnotatedPhoto, Format, LabelledBox, write_annotations
from facings.errors import BadImage, BadInput
from facings.manifest import LabelledPhoto
from facings.simulate.cutouts import Cutout, drawn_cutouts, labelled_cutouts, read_cutouts


def only(path: Path, box: tuple[float, float, float, float] | None = None) -> Cutout:
    (cutout,) = labelled_cutouts([LabelledPhoto(path, "tea", box=box)])
    return cutout


def save_round_png(path: Path, size: tuple[int, int] = (60, 40), color: tuple[int, int, int] = (200, 30, 40)) -> Path:
    """A disc of radius 10 around (35, 15), its rim half transparent, on nothing."""
    y, x = np.mgrid[: size[1], : size[0]] + 0.5
    far = np.hypot(x - 35, y - 15)
    pixels = np.zeros((size[1], size[0], 4), np.uint8)
    pixels[:, :, :3] = color
    pixels[:, :, 3] = np.where(far < 10, 255, np.where(far < 11, 100, 0))
    Image.fromarray(pixels).save(path)
    return path


def test_a_folder_a_product_gives_whole_photos(tmp_path: Path) -> None:
    save_photo(tmp_path / "drinks" / "tea" / "1.jpg", 1, width=64, height=48)
    save_photo(tmp_path / "drinks" / "cola" / "1.jpg", 2, width=64, height=48)
    found = read_cutouts(tmp_path)
    assert [(cutout.sku, cutout.group) for cutout in found.cutouts] == [("cola", "drinks"), ("tea", "drinks")]
    pixels = found.cutouts[0].load()
    assert pixels.shape == (48, 64, 4)
    assert (pixels[:, :, 3] == 255).all()


def test_a_csv_gives_its_boxes(tmp_path: Path) -> None:
    save_photo(tmp_path / "1.jpg", 1, width=64, height=48)
    (tmp_path / "labels.csv").write_text("photo,sku,x1,y1,x2,y2\n1.jpg,tea,10,5,30,45\n1.jpg,,1,2,3,4\n")
    found = read_cutouts(tmp_path / "labels.csv")
    assert [cutout.load().shape for cutout in found.cutouts] == [(40, 20, 4)]
    assert found.cutouts[0].where.endswith("1.jpg at 10,5,30,45")
    assert len(found.problems) == 1


@pytest.mark.parametrize("form", ["voc", "coco", "yolo", "sku110k"])
def test_every_box_of_annotations_is_cut_out(form: Format, tmp_path: Path) -> None:
    photo = save_photo(tmp_path / "images" / "1.jpg", 1, width=64, height=48)
    boxes = (LabelledBox((0, 0, 20, 48), "tea"), LabelledBox((20, 8, 60, 40), "cola"))
    ignored = LabelledBox((1, 1, 9, 9), "tea", is_ignored=True)
    names = {"voc": "annotations", "coco": "boxes.json", "yolo": "", "sku110k": "boxes.csv"}
    annotated = [AnnotatedPhoto(photo, 64, 48, (*boxes, ignored))]
    write_annotations(annotated, tmp_path / names[form], form)
    found = read_cutouts(tmp_path / names[form])
    assert [(cutout.sku, cutout.load().shape[:2]) for cutout in found.cutouts] == [
        ("tea", (48, 20)),
        ("cola", (32, 40)),
    ]
    assert found.problems == ()


def test_annotations_without_boxes_give_nothing_to_cut(tmp_path: Path) -> None:
    photo = save_photo(tmp_path / "1.jpg", 1)
    write_annotations([AnnotatedPhoto(photo, 64, 48, ())], tmp_path / "boxes.json", "coco")
    with pytest.raises(BadInput, match=r"boxes\.json: holds no box"):
        read_cutouts(tmp_path / "boxes.json")


@pytest.mark.parametrize("name", ["empty", "missing", "missing.json", "missing.csv"])
def test_an_empty_or_missing_source_is_an_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput):
        read_cutouts(tmp_path / name)


def test_transparent_parts_are_cut_away_without_a_pale_rim(tmp_path: Path) -> None:
    pixels = only(save_round_png(tmp_path / "round.png")).load()
    assert pixels.shape == (20, 20, 4)  # from 25 to 45 and from 5 to 25
    assert pixels[0, 0, 3] == 0
    seen = pixels[:, :, 3] > 50
    assert np.abs(pixels[seen][:, :3].astype(int) - (200, 30, 40)).max() <= 3


def test_a_box_in_a_transparent_photo_is_cut_then_trimmed(tmp_path: Path) -> None:
    pixels = only(save_round_png(tmp_path / "round.png"), (30, 0, 60, 40)).load()
    assert pixels.shape == (20, 15, 4)


def test_a_transparent_photo_is_turned_upright_with_its_transparency(tmp_path: Path) -> None:
    save_round_png(tmp_path / "plain.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # stored a quarter turn to the left
    with Image.open(tmp_path / "plain.png") as picture:
        picture.save(tmp_path / "turned.png", exif=exif)
    upright, turned = only(tmp_path / "plain.png").load(), only(tmp_path / "turned.png").load()
    np.testing.assert_array_equal(turned, np.rot90(upright, -1))


def test_cutouts_are_kept_small_and_read_once(tmp_path: Path) -> None:
    cutout = only(save_photo(tmp_path / "large.jpg", 1, width=1200, height=600))
    pixels = cutout.load()
    assert pixels.shape == (160, 320, 4)
    assert not pixels.flags.writeable
    (tmp_path / "large.jpg").unlink()
    assert cutout.load() is pixels


def test_bad_photos_are_refused_one_by_one(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(tmp_path / "glass.png")
    thin = np.zeros((50, 50, 4), np.uint8)
    thin[:, 20:23, 3] = 255
    Image.fromarray(thin).save(tmp_path / "thin.png")
    (tmp_path / "broken.jpg").write_bytes(save_photo(tmp_path / "whole.jpg", 1).read_bytes()[:200])
    with pytest.raises(BadInput, match="got 1×1 px of product"):
        only(tmp_path / "dot.png").load()
    with pytest.raises(BadInput, match="all of it is transparent"):
        only(tmp_path / "glass.png").load()
    with pytest.raises(BadInput, match="got 3×50 px of visible product"):
        only(tmp_path / "thin.png").load()
    with pytest.raises(BadImage, match=r"broken\.jpg"):
        only(tmp_path / "broken.jpg").load()
    with pytest.raises(BadInput, match="got 0×0 px of product"):
        only(tmp_path / "whole.jpg", (500, 500, 600, 600)).load()


def test_drawn_packs_have_known_sizes_and_stand_by_family() -> None:
    cutouts = drawn_cutouts(3).cutouts
    assert len({cutout.sku for cutout in cutouts}) == len(cutouts) >= 100
    assert len({cutout.group for cutout in cutouts}) < len(cutouts)
    pixels = cutouts[0].load()
    assert cutouts[0].size_cm is not None
    width, height, _ = cutouts[0].size_cm
    assert pixels.shape[1] / pixels.shape[0] == pytest.approx(width / height, abs=0.02)
