"""Evidence as a user asks for it: a barcode on a photo, from the command line into the record."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from command_line import Run
from conftest import make_pixels
from real_print import draw_barcode

pytestmark = pytest.mark.usefixtures("one_product_a_photo")
GTINS = {"apple": "4006381333931", "bread": "9520000000011", "cocoa": "96385074"}
UNLISTED = "5449000000996"


def photo_with(folder: Path, gtin: str) -> Path:
    """A photo of nothing enrolled, with a barcode on it."""
    pixels = make_pixels(77, width=480, height=400)
    draw_barcode(pixels, gtin, 60, 120)
    folder.mkdir(exist_ok=True)
    path = folder / f"{gtin}.png"
    PillowImage.fromarray(np.ascontiguousarray(pixels)).save(path)
    return path


@pytest.fixture
def numbered(shop: Run, tmp_path: Path) -> Run:
    """A shop whose catalog has numbers."""
    lines = [f"{sku},{gtin}" for sku, gtin in GTINS.items()]
    (tmp_path / "numbers.csv").write_text("\n".join(["sku,gtin", *lines]))
    assert shop("catalog", "import", tmp_path / "numbers.csv").code == 0
    return shop


def test_a_barcode_is_read_told_and_kept(numbered: Run, tmp_path: Path) -> None:
    pytest.importorskip("rapidocr", reason="'always' reads text too")
    done = numbered("recognize", photo_with(tmp_path / "new", GTINS["bread"]), "--json", "--evidence", "always")
    assert done.code == 0
    (found,) = done.lines[0]["recognitions"]
    (piece, *_) = found["evidence"]
    assert (piece["source"], piece["value"], piece["skus"]) == ("barcode", GTINS["bread"], ["bread"])
    assert piece["effect"] in {"decides", "agrees", "contradicts", "proposes"}
    assert any(f"barcode {GTINS['bread']} (EAN-13) is that of bread" in reason for reason in found["reasons"])
    facts = json.loads(numbered("report", "--format", "json").out)
    assert facts["readings"][0]["recognitions"] == [found]


@pytest.mark.parametrize("command", ["recognize", "scan"])
def test_a_barcode_that_the_picture_does_not_bear_out_waits_in_the_inbox(
    numbered: Run, tmp_path: Path, command: str
) -> None:
    pytest.importorskip("rapidocr", reason="'always' reads text too")
    photo = photo_with(tmp_path / "new", UNLISTED)
    assert numbered(command, photo, "--place", "store-1/bay-2", "--evidence", "always").code == 0
    waiting = json.loads(numbered("inbox", "list", "--json").out)["proposals"]
    assert [(one["sku"], one["is_in_catalog"], len(one["crops"])) for one in waiting] == [(UNLISTED, False, 1)]
    assert f"barcode {UNLISTED}" in waiting[0]["crops"][0]["evidence"]
    assert numbered("inbox", "confirm", UNLISTED, "--name", "Lemonade", "--author", "ann").code == 0
    assert "Lemonade" in numbered("catalog", "export").out


def test_never_reads_nothing(numbered: Run, tmp_path: Path) -> None:
    done = numbered("recognize", photo_with(tmp_path / "new", GTINS["bread"]), "--json", "--evidence", "never")
    assert [r["evidence"] for r in done.lines[0]["recognitions"]] == [[]]


def test_another_wish_is_refused_with_the_possible_ones(numbered: Run, tmp_path: Path) -> None:
    done = numbered("recognize", photo_with(tmp_path / "new", UNLISTED), "--evidence", "maybe")
    assert done.code == 1
    assert "'ambiguous', 'always' or 'never'" in done.err
