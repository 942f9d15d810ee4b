"""`facings planogram check` as a user types it: with the bundled network on given boxes, and on old detections."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from command_line import Run
from conftest import make_pixels

pytestmark = pytest.mark.usefixtures("one_product_a_photo")

SKUS = ("apple", "bread", "cocoa", "dates", "endive")
SIDE, GAP = 96, 16


@pytest.fixture
def shop(run: Run, tmp_path: Path) -> Run:
    """Five products in catalog and gallery; shelf.png shows them side by side, without the third."""
    shelf = np.full((SIDE + 2 * GAP, 5 * (SIDE + GAP) + GAP, 3), 230, np.uint8)
    lines = ["photo,x1,y1,x2,y2"]
    found = []
    for number, sku in enumerate(SKUS):
        pixels = make_pixels(number, width=SIDE, height=SIDE)
        photo = tmp_path / "photos" / sku / "0.png"
        photo.parent.mkdir(parents=True)
        PillowImage.fromarray(pixels).save(photo)
        left = GAP + number * (SIDE + GAP)
        if sku != "cocoa":
            shelf[GAP : GAP + SIDE, left : left + SIDE] = pixels
            lines.append(f"shelf.png,{left},{GAP},{left + SIDE},{GAP + SIDE}")
            box = {"x": left, "y": GAP, "w": SIDE, "h": SIDE}
            found.append({"id": sku, "boundingBox": box, "tags": [{"name": sku, "confidence": 0.9}]})
    PillowImage.fromarray(shelf).save(tmp_path / "shelf.png")
    (tmp_path / "boxes.csv").write_text("\n".join(lines))
    size = {"width": shelf.shape[1], "height": shelf.shape[0]}
    (tmp_path / "found.json").write_text(json.dumps({"imageMetadata": size, "products": found}))
    rows = [f"1,{number},{sku},1" for number, sku in enumerate(SKUS, start=1)]
    (tmp_path / "plan.csv").write_text("\n".join(["shelf,position,sku,facings", *rows]))
    assert run("init").code == 0
    assert run("gallery", "build", "photos").code == 0
    return run


def test_check_by_recognition(shop: Run, tmp_path: Path) -> None:
    done = shop(
        "planogram", "check", "shelf.png", "--plan", "plan.csv", "--boxes", "boxes.csv", "--json",
        "--annotate", "drawn/shelf.png", "--out", "pages/check.html", "--place", "store-1/bay-1",
    )  # fmt: skip
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert {p["sku"]: p["status"] for p in told["positions"]} == {
        sku: "missing" if sku == "cocoa" else "in_place" for sku in SKUS
    }
    assert (told["score"], told["n_missing"]) == (0.8, 1)
    assert [(task["kind"], task["sku"]) for task in told["tasks"]] == [("missing", "cocoa")]
    assert [(share["n_planned"], share["n_seen"]) for share in told["brands"]] == [(5, 4)]
    with PillowImage.open(tmp_path / "drawn" / "shelf.png") as drawn:
        assert drawn.size == (576, 128)
    assert "80% of the planned facings are in place" in (tmp_path / "pages" / "check.html").read_text(encoding="utf-8")
    assert "store-1/bay-1" in shop("report").out


def test_check_on_old_detections_prints_what_to_do(shop: Run) -> None:
    done = shop("planogram", "check", "shelf.png", "--plan", "plan.csv", "--detections", "found.json")
    assert done.code == 0, done.err
    assert "Fill its place." in done.out
    assert "cocoa" in done.out
    assert "80.0% in place: 4 of 5 planned facings" in done.err


def test_products_that_the_catalog_lacks_are_said_and_the_rest_is_checked(shop: Run, tmp_path: Path) -> None:
    with (tmp_path / "plan.csv").open("a") as file:
        file.write("\n1,6,figs,2\n1,7,milk,-1\n")
    done = shop("planogram", "check", "shelf.png", "--plan", "plan.csv", "--detections", "found.json", "--json")
    assert done.code == 1
    assert "product 'figs' is not in the catalog" in done.err
    assert "plan.csv:8" in done.err
    assert json.loads(done.out)["score"] == 0.8


def test_bad_calls_say_what_is_wrong(shop: Run, tmp_path: Path) -> None:
    plan = ("--plan", "plan.csv")
    assert shop("planogram", "check", "none.png", *plan).code == 2
    assert shop("planogram", "check", "photos", *plan).code == 2
    both = ("--boxes", "boxes.csv", "--detections", "found.json")
    assert shop("planogram", "check", "shelf.png", *plan, *both).code == 2
    (tmp_path / "empty.csv").write_text("")
    done = shop("planogram", "check", "shelf.png", "--plan", "empty.csv")
    assert (done.code, "got columns none" in done.err) == (1, True)
    PillowImage.new("RGB", (50, 40)).save(tmp_path / "small.png")
    done = shop("planogram", "check", "small.png", *plan, "--detections", "found.json", "--annotate", "x.png")
    assert (done.code, "50 × 40 pixels" in done.err) == (1, True)
