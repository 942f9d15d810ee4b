"""The command line as a user types it, with the bundled network on small photos."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from command_line import Run
from conftest import make_pixels, save_photo

pytestmark = pytest.mark.usefixtures("one_product_a_photo")


SKUS = ("apple", "bread", "cocoa")


def test_help_names_every_command(run: Run) -> None:
    done = run("--help")
    assert done.code == 0
    for command in (
        "init",
        "catalog",
        "gallery",
        "detect",
        "recognize",
        "report",
        "evaluate",
        "doctor",
        "demo",
        "simulate",
    ):
        assert command in done.out


def test_an_unknown_flag_is_misuse(run: Run) -> None:
    assert run("recognize", "--no-such-flag", "x.jpg").code == 2


def test_the_start_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'onnxruntime', 'sqlalchemy', 'alembic', 'PIL', 'jinja2', 'pydantic'}"
    script = f"import sys, facings.cli; print({heavy} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_build_recognize_report(shop: Run, tmp_path: Path) -> None:
    query = save_photo(tmp_path / "new" / "bread.jpg", 1, width=144, height=120)
    done = shop("recognize", query, "--json", "--place", "store-1/aisle-2", "--annotate", "drawn")
    assert done.code == 0
    (result,) = done.lines
    assert result["photo"] == str(query)
    assert (result["width"], result["height"]) == (144, 120)
    assert result["error"] is None
    (found,) = result["recognitions"]
    assert found["box"] == [0, 0, 144, 120]
    assert found["confidence"] == 1
    assert (found["decision"], found["sku"]) == ("accepted", "bread")
    assert found["candidates"][0]["sku"] == "bread"
    assert len(found["candidates"]) == 3
    with PillowImage.open(tmp_path / "drawn" / "bread.jpg") as drawn:
        assert drawn.size == (144, 120)
    table = shop("report")
    assert "store-1/aisle-2" in table.out
    assert "bread" in table.out
    assert shop("report", "--format", "html", "--out", "r.html").code == 0
    assert "data:image/jpeg" in (tmp_path / "r.html").read_text()
    facts = json.loads(shop("report", "--format", "json").out)
    assert facts["readings"][0]["place"] == "store-1/aisle-2"
    assert len(shop("report", "--format", "csv").out.splitlines()) == 2


def test_the_same_photo_twice_is_one_reading_and_no_record_is_none(shop: Run, photos: Path) -> None:
    shop("recognize", photos / "apple" / "0.jpg", "--no-record")
    assert json.loads(shop("report", "--format", "json").out)["n_photos"] == 0
    for _ in range(2):
        shop("recognize", photos / "apple" / "0.jpg")
    assert json.loads(shop("report", "--format", "json").out)["n_photos"] == 1


def test_bad_photos_are_reported_and_the_rest_goes_on(shop: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("hello")
    good = photos / "apple" / "0.jpg"
    done = shop("recognize", "empty.jpg", good, "text.jpg", "missing.jpg", "--json")
    assert done.code == 1
    results = done.lines
    assert [r["photo"] for r in results] == ["empty.jpg", str(good), "text.jpg", "missing.jpg"]
    assert [r["error"] and r["error"]["code"] for r in results] == ["bad_image", None, "bad_image", "bad_image"]
    for name in ("empty.jpg", "text.jpg", "missing.jpg"):
        assert name in done.err


def test_boxes_from_csv_and_coco_give_the_same(shop: Run, tmp_path: Path) -> None:
    shelf = PillowImage.new("RGB", (400, 160), "gray")
    for number in range(3):
        shelf.paste(PillowImage.fromarray(make_pixels(number, width=120, height=140)), (10 + 130 * number, 10))
    shelf.save(tmp_path / "shelf.png")
    boxes = [[10 + 130 * n, 10, 130 + 130 * n, 150] for n in range(3)] + [[0, 0, 5, 5]]
    rows = "\n".join("shelf.png," + ",".join(map(str, box)) for box in boxes)
    (tmp_path / "boxes.csv").write_text(f"photo,x1,y1,x2,y2\n{rows}\n")
    annotations = [
        {"id": n, "image_id": 7, "bbox": [x1, y1, x2 - x1, y2 - y1]} for n, (x1, y1, x2, y2) in enumerate(boxes)
    ]
    coco = {"images": [{"id": 7, "file_name": "shelf.png"}], "annotations": annotations}
    (tmp_path / "boxes.json").write_text(json.dumps(coco))
    from_csv = shop("recognize", "shelf.png", "--json", "--boxes", "boxes.csv").lines
    from_coco = shop("recognize", "shelf.png", "--json", "--boxes", "boxes.json").lines
    assert from_csv == from_coco
    found = from_csv[0]["recognitions"]
    assert [r["candidates"][0]["sku"] for r in found[:3]] == list(SKUS)
    assert found[3]["decision"] == "unknown"
    assert found[3]["candidates"] == []
    assert "too small" in found[3]["reasons"][0]
    assert from_csv[0]["notes"] == ["boxes too small to be recognized: 1"]


def test_a_broken_box_file_says_which_line(shop: Run, photos: Path, tmp_path: Path) -> None:
    photo = photos / "apple" / "0.jpg"
    (tmp_path / "b.csv").write_text(f"photo,x1,y1,x2,y2\n{photo},0,0,50,50\n{photo},50,50,10,10\n{photo},a,0,9,9\n")
    done = shop("recognize", photo, "--json", "--boxes", "b.csv")
    assert done.code == 1
    assert "b.csv:3" in done.err
    assert "b.csv:4" in done.err
    assert len(done.lines[0]["recognitions"]) == 1
    (tmp_path / "b.json").write_text('{"images": [')
    done = shop("recognize", photo, "--boxes", "b.json")
    assert done.code == 1
    assert "b.json:1: broken JSON" in done.err


def test_one_photo_enrolls_a_product_and_removing_forgets_it(shop: Run, tmp_path: Path) -> None:
    new = save_photo(tmp_path / "soap.jpg", 50, width=128, height=128)
    query = save_photo(tmp_path / "soap-query.jpg", 50, width=144, height=144)
    assert shop("recognize", query, "--json").lines[0]["recognitions"][0]["sku"] != "soap"
    assert shop("gallery", "add", "soap", new).code == 0
    assert shop("recognize", query, "--json").lines[0]["recognitions"][0]["sku"] == "soap"
    assert "soap" in shop("catalog", "list").out
    assert shop("gallery", "remove", "soap").code == 0
    again = shop("recognize", query, "--json").lines[0]["recognitions"][0]
    assert "soap" not in [c["sku"] for c in again["candidates"]]
    gone = shop("gallery", "remove", "soap")
    assert gone.code == 1
    assert "no photo of product 'soap'" in gone.err


def test_catalog_import_reports_bad_rows_and_export_gives_it_back(run: Run, tmp_path: Path) -> None:
    run("init")
    (tmp_path / "products.csv").write_text(
        "sku,gtin,name,price,currency\nmilk,4006381333931,Milk,1.09,EUR\ntea,4006381333932,Tea,2,EUR\nmilk,,Again,,\n"
    )
    done = run("catalog", "import", "products.csv")
    assert done.code == 1
    assert "1 new, 0 changed, 0 unchanged, 2 refused" in done.err
    assert "products.csv:3" in done.err
    assert "check digit is 2, wanted 1" in done.err
    assert run("catalog", "export").out == (
        "sku,gtin,name,brand,category,size,price,currency,depth,reorder_point,width_mm,height_mm\n"
        "milk,4006381333931,Milk,,,,1.09,EUR,,,,\n"
    )
    assert json.loads(run("catalog", "list", "--json").out)[0]["price"] == "1.09"
    strict = run("catalog", "import", "products.csv", "--strict")
    assert strict.code == 1
    assert "nothing was imported" in strict.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("recognize", "x.jpg"), "facings init"),
        (("report",), "facings init"),
        (("gallery", "build", "nowhere", "--store", "s"), "nowhere"),
        (("evaluate", "recognition", "--gallery", "nowhere", "--queries", "nowhere"), "nowhere"),
    ],
)
def test_what_is_missing_is_named_with_what_to_do(run: Run, arguments: tuple[str, ...], words: str) -> None:
    done = run(*arguments)
    assert done.code == 1
    assert words in done.err
    assert "Traceback" not in done.err


def test_an_empty_gallery_says_so_once(run: Run, photos: Path) -> None:
    run("init")
    done = run("recognize", photos, "--json")
    assert done.code == 1
    assert done.out == ""
    assert done.err.count("The gallery is empty") == 1
    assert "facings gallery build" in done.err


def test_another_model_is_refused_by_name(shop: Run, photos: Path, tmp_path: Path) -> None:
    done = shop("recognize", photos, "--model", tmp_path / "no-model")
    assert done.code == 1
    assert "no-model" in done.err


def test_a_setting_that_does_not_exist_is_an_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACINGS_THRESHOLD", "0.5")
    done = run("catalog", "list")
    assert done.code == 1
    assert "FACINGS_THRESHOLD is not a setting" in done.err


def test_verify_and_doctor_find_a_lost_photo(shop: Run, tmp_path: Path) -> None:
    assert shop("gallery", "verify").code == 0
    healthy = shop("doctor")
    assert healthy.code == 0
    assert "wrong" not in healthy.out
    next((tmp_path / "facings-store" / "photos").rglob("*.jpg")).unlink()
    assert shop("gallery", "verify").code == 1
    sick = shop("doctor")
    assert sick.code == 1
    assert "wrong" in sick.out


def test_doctor_without_a_store_says_how_to_make_one(run: Run) -> None:
    done = run("doctor")
    assert done.code == 1
    assert "facings init" in done.out


def test_evaluate_writes_page_and_json(run: Run, photos: Path, tmp_path: Path) -> None:
    for number, sku in enumerate(SKUS):
        save_photo(tmp_path / "held-out" / sku / "q.jpg", number, width=160, height=112)
    done = run("evaluate", "recognition", "--gallery", photos, "--queries", tmp_path / "held-out", "--floor")
    assert done.code == 0
    assert "recall@1" in done.out
    facts = json.loads((tmp_path / "facings-evaluation" / "evaluation.json").read_text())
    assert facts["figures"]["recall_at_1"]["value"] == 1
    assert "<html" in (tmp_path / "facings-evaluation" / "evaluation.html").read_text()


def test_few_shot_writes_page_and_json(run: Run, photos: Path, tmp_path: Path) -> None:
    for number, sku in enumerate(SKUS):
        save_photo(tmp_path / "held-out" / sku / "q.jpg", number, width=160, height=112)
    done = run(
        "evaluate",
        "few-shot",
        "--gallery",
        photos,
        "--queries",
        tmp_path / "held-out",
        "--shots",
        "1,all",
        "--seeds",
        2,
        "--json",
    )
    assert done.code == 0
    facts = json.loads(done.out)
    assert [(point["n_photos"], len(point["gallery"]["values"])) for point in facts["points"]] == [(1, 2), (None, 1)]
    assert facts["points"][1]["gallery"]["mean"] == 1
    assert json.loads((tmp_path / "facings-evaluation" / "few-shot.json").read_text()) == facts
    assert "<html" in (tmp_path / "facings-evaluation" / "few-shot.html").read_text()
    shown = run("evaluate", "few-shot", "--gallery", photos, "--queries", photos, "--shots", "1", "--seeds", 1)
    assert "100.0%" in shown.out
    assert "6 queries are gallery photos or look like one, which flatters the figures; no other query" in shown.err


def test_few_shot_refuses_shots_that_are_none(run: Run, photos: Path) -> None:
    for shots in ("0", "1,1", "few", ""):
        done = run("evaluate", "few-shot", "--gallery", photos, "--queries", photos, "--shots", shots)
        assert done.code == 1
        assert "Shots: got" in done.err
    assert run("evaluate", "few-shot", "--gallery", photos, "--queries", photos, "--seeds", 0).code == 2


def test_simulated_store_is_understood(run: Run, tmp_path: Path) -> None:
    sizes = ("--products", 3, "--references", 2, "--queries", 3, "--shelves", 1, "--unknown", 1)
    assert run("simulate", "store", "drawn", *sizes).code == 0
    run("init")
    assert run("catalog", "import", "drawn/catalog.csv", "--strict").code == 0
    built = run("gallery", "build", "drawn/references")
    assert "6 photos enrolled" in built.err
    assert "0 new products" in built.err
    shelf = run("recognize", "drawn/shelves", "--boxes", "drawn/shelves.json", "--json")
    assert shelf.code == 0
    assert len(shelf.lines[0]["recognitions"]) > 3


def test_a_gallery_too_small_for_the_promise_is_told_when_it_is_built(
    run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("init")
    assert "can be promised" not in run("gallery", "build", photos).err
    monkeypatch.delenv("FACINGS_MAX_FALSE_ACCEPT")
    again = run("gallery", "build", photos).err
    assert "The gallery holds 3 products, and 5.0% false accepts can be promised from 21 on" in again


def test_a_reason_that_all_refused_boxes_share_is_told_once(shop: Run, photos: Path) -> None:
    one = shop("recognize", photos / "apple" / "0.jpg", "--max-false-accept", 0.05).err
    two = shop("recognize", photos / "apple", "--max-false-accept", 0.05).err
    told = "What was not accepted has this in common: 5.0% false accepts cannot be promised with 3 products"
    assert told not in one
    assert two.count(told) == 1


def test_a_closed_pipe_is_no_error_message(shop: Run, photos: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m facings.cli recognize {photos} --json | head -n 1"
    environment = {**os.environ, "FACINGS_THREADS": "1"}
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert json.loads(done.stdout)["error"] is None
    assert "Traceback" not in done.stderr


def test_json_goes_to_the_file_it_is_sent_to_while_progress_is_on_the_screen(
    shop: Run, photos: Path, tmp_path: Path
) -> None:
    screen, stderr = pty.openpty()
    with (tmp_path / "out.jsonl").open("w") as out:
        command = [sys.executable, "-m", "facings.cli", "recognize", str(photos), "--json"]
        environment = {**os.environ, "TERM": "xterm", "FACINGS_THREADS": "1"}
        running = subprocess.Popen(command, stdout=out, stderr=stderr, cwd=tmp_path, env=environment)
        os.close(stderr)
        shown = b""
        with contextlib.suppress(OSError):  # Linux ends a closed terminal with an error
            while piece := os.read(screen, 4096):
                shown += piece
        assert running.wait(60) == 0
    os.close(screen)
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["error"] for line in lines] == [None] * 6
    assert b"Recognizing" in shown
    assert b"6/6" in shown


def test_annotating_into_the_folder_of_the_photos_changes_none_of_them(shop: Run, photos: Path) -> None:
    folder = photos / "apple"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = shop("recognize", folder, "--annotate", folder)
    assert done.code == 1
    assert "must not be drawn over" in done.err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_init_makes_the_store_that_the_settings_name(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACINGS_STORE", "mine")
    assert run("init").code == 0
    assert run("catalog", "list").code == 0
    assert (tmp_path / "mine" / "facings.db").is_file()
    assert not (tmp_path / "facings-store").exists()
    assert run("init", "--store", "other").code == 0
    assert (tmp_path / "other" / "facings.db").is_file()


def test_a_password_in_a_url_is_never_shown(run: Run, tmp_path: Path) -> None:
    done = run("init", f"sqlite:///{tmp_path}/x.db?password=geheim")
    assert "geheim" not in done.out + done.err


@pytest.mark.parametrize("name", ["r.csv", "r.json", "r.html"])
def test_the_ending_of_the_file_chooses_the_form_of_the_report(shop: Run, tmp_path: Path, name: str) -> None:
    assert shop("report", "--out", name).code == 0
    assert (tmp_path / name).stat().st_size > 0


@pytest.mark.parametrize(
    "arguments", [("--out", "r.txt"), ("--format", "html"), ("--format", "table", "--out", "r.csv")]
)
def test_a_form_that_cannot_go_there_is_misuse(shop: Run, arguments: tuple[str, ...]) -> None:
    assert shop("report", *arguments).code == 2


def test_a_report_that_cannot_be_written_says_so(shop: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = shop("report", "--out", "file/r.csv")
    assert done.code == 1
    assert "r.csv: cannot be written" in done.err


def test_an_empty_folder_enrolls_nothing_and_says_so(shop: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = shop("gallery", "add", "soap", "empty")
    assert done.code == 1
    assert "no photo was found" in done.err


def test_version_and_impossible_threads(run: Run) -> None:
    assert run("--version").out.startswith("facings ")
    assert run("recognize", "x.jpg", "--threads", "0").code == 2


def test_a_place_that_is_no_text_is_kept_in_a_readable_form(shop: Run, photos: Path) -> None:
    done = shop("recognize", photos / "apple" / "0.jpg", "--place", "caf\udce9")
    assert done.code == 0
    assert json.loads(shop("report", "--format", "json").out)["readings"][0]["place"] == "caf\\udce9"
