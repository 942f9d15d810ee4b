"""Plans from CSV and from the JSON of Azure AI Vision; every bad entry reported, the others read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from facings.apps.planogram_azure import read_detections
from facings.apps.planogram_files import read_plan
from facings.apps.planogram_plan import Plan, resolve
from facings.catalog import Names, Product
from facings.errors import BadInput, Problem

CSV = "shelf,position,sku,facings\n"
PRODUCTS = {p.sku: p for p in (Product("milk", name="Fresh Milk", gtin="4006381333931"), Product("tea"))}


def read(folder: Path, content: str | bytes | dict[str, Any], name: str = "plan") -> tuple[Plan, tuple[Problem, ...]]:
    path = folder / name
    if isinstance(content, dict):
        content = json.dumps(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_plan(path)


def shown(plan: Plan) -> list[list[tuple[str, int]]]:
    return [[(p.sku, p.n_facings) for p in row] for row in plan.rows]


def azure(**changes: Any) -> dict[str, Any]:
    """Two shelves: milk twice and tea on the upper, tea on tea beside milk on the lower; some lists replaced."""
    document = {
        "width": 100.0,
        "height": 80.0,
        "products": [{"id": "1", "name": "milk", "w": 10.0, "h": 20.0}, {"id": "2", "name": "tea", "w": 8, "h": 9}],
        "fixtures": [
            {"id": "low", "w": 100.0, "h": 40.0, "x": 0.0, "y": 40.0},
            {"id": "top", "w": 100.0, "h": 40.0, "x": 0.0, "y": 0.0},
        ],
        "positions": [
            position("a", "1", "top", 0, 20),
            position("c", "2", "top", 22, 31),
            position("b", "1", "top", 11, 20),
            position("e", "2", "low", 0, 62),
            position("d", "2", "low", 0, 71),
            position("f", "1", "low", 9, 60),
        ],
    }
    return document | changes


def position(key: str, product: str, fixture: str, x: float, y: float) -> dict[str, Any]:
    return {"id": key, "productId": product, "fixtureId": fixture, "x": x, "y": y}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("shelf,position,sku,facings\n1,1,milk,3\n1,2,tea,1\n2,1,tea,2\n", id="plain"),
        pytest.param("\ufeffshelf;position;sku;facings\r\n2;1;tea;2\r\n1;2;tea;1\r\n1;1;milk;3\r\n", id="semicolons"),
        pytest.param("facings\tsku\tshelf\tposition\n3\tmilk\t10\t5\n1\ttea\t10\t70\n2\ttea\t30\t1\n", id="tabs, gaps"),
    ],
)
def test_csv_is_read_from_the_top_left(tmp_path: Path, text: str) -> None:
    plan, problems = read(tmp_path, text)
    assert shown(plan) == [[("milk", 3), ("tea", 1)], [("tea", 2)]]
    assert problems == ()


def test_widths_put_facings_side_by_side(tmp_path: Path) -> None:
    plan, _ = read(tmp_path, "shelf,position,sku,facings,width_cm\n1,1,milk,2,10\n1,2,tea,1,6\n")
    facings = [f for p in plan.positions for f in p.facings]
    assert [(f.facing_id, f.x, f.width) for f in facings] == [("1.1.1", 5, 10), ("1.1.2", 15, 10), ("1.2.1", 23, 6)]


def test_without_all_widths_shelves_end_together(tmp_path: Path) -> None:
    plan, _ = read(tmp_path, "shelf,position,sku,facings,width_cm\n1,1,milk,4,10\n2,1,tea,2,\n")
    assert [[f.x for p in row for f in p.facings] for row in plan.rows] == [[0.5, 1.5, 2.5, 3.5], [1, 3]]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("1,1,tea,2", "stands twice", id="same spot"),
        pytest.param("1,2,tea,-2", "whole number from 1", id="negative"),
        pytest.param("1,2,tea,0", "whole number from 1", id="no facing"),
        pytest.param("1,2,tea,1.5", "whole number from 1", id="half a facing"),
        pytest.param("1,2,tea,1000000", "whole number from 1 to 1000", id="more than a shelf holds"),
        pytest.param("top,2,tea,1", "shelf 'top'", id="shelf in words"),
        pytest.param("1,2,,1", "names no product", id="no product"),
        pytest.param("1,2,tea", "got a row of 3 fields, wanted 4", id="field missing"),
    ],
)
def test_a_bad_row_is_reported_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    plan, problems = read(tmp_path, f"{CSV}1,1,milk,3\n{line}\n1,3,tea,1\n")
    assert shown(plan) == [[("milk", 3), ("tea", 1)]]
    (problem,) = problems
    assert problem.where == f"{tmp_path / 'plan'}:3"
    assert said in problem.message


@pytest.mark.parametrize("width", ["0", "-3", "wide", "nan", "inf"])
def test_a_bad_width_is_reported(tmp_path: Path, width: str) -> None:
    _, problems = read(tmp_path, f"shelf,position,sku,facings,width_cm\n1,1,milk,3,5\n1,2,tea,1,{width}\n")
    assert "wanted a length above 0" in problems[0].message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("", "got columns none", id="empty file"),
        pytest.param(CSV, "the plan is empty", id="header alone"),
        pytest.param(CSV + "1,1,,2\n", "All 1 rows were refused", id="no good row"),
        pytest.param("shelf|position|sku|facings\n1|1|milk|2\n", "got columns shelf|position|sku|facings", id="bars"),
        pytest.param("shelf,position,sku,facings,color\n1,1,a,1,red\n", "got columns", id="column nobody knows"),
        pytest.param((CSV + "1,1,Käse,2\n").encode("latin-1"), "is not UTF-8", id="encoding"),
        pytest.param((CSV + "1,1,milk,2\n").encode("utf-16"), "is not UTF-8", id="UTF-16"),
        pytest.param(CSV + '1,1,"milk,2\n', "unclosed quote", id="quote"),
        pytest.param('{"planogram": {\n"width": 3,,', ":2: broken JSON", id="JSON with its line"),
        pytest.param("[" * 100_000, "JSON that cannot be read", id="JSON too deep"),
        pytest.param("[1]", "got a JSON list", id="JSON list"),
        pytest.param('{"a": 1}', "no list 'products'", id="JSON of something else"),
        pytest.param(json.dumps(azure(positions=[])), "the plan is empty", id="JSON without positions"),
    ],
)
def test_what_is_no_plan_is_refused(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(BadInput) as error:
        read(tmp_path, content)
    assert said in str(error.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_plan(tmp_path / "none.csv")


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_azure_positions_become_blocks(tmp_path: Path, is_wrapped: bool) -> None:
    plan, problems = read(tmp_path, {"planogram": azure()} if is_wrapped else azure())
    assert problems == ()
    assert shown(plan) == [[("1", 2), ("2", 1)], [("2", 2), ("1", 1)]]
    assert [p.position_id for p in plan.positions] == ["a…b", "c", "d…e", "f"]
    assert [f.facing_id for f in plan.rows[0][0].facings] == ["a", "b"]
    assert [(f.x, f.level) for f in plan.rows[1][0].facings] == [(4, 0), (4, 1)]  # tea on tea


def test_azure_fixtures_side_by_side_are_one_shelf(tmp_path: Path) -> None:
    fixtures = [
        {"id": "top", "w": 50.0, "h": 40.0, "x": 50.0, "y": 2.0},
        {"id": "low", "w": 50.0, "h": 40.0, "x": 0.0, "y": 0.0},
    ]
    positions = [position("a", "1", "top", 50, 20), position("b", "2", "low", 0, 31)]
    plan, _ = read(tmp_path, azure(fixtures=fixtures, positions=positions))
    assert shown(plan) == [[("2", 1), ("1", 1)]]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        pytest.param(position("x", "9", "top", 50, 20), "no such product", id="product not there"),
        pytest.param(position("x", "1", "roof", 50, 20), "no such fixture", id="fixture not there"),
        pytest.param(position("x", "1", "top", 1, 20), "same spot", id="same spot"),
        pytest.param(position("a", "1", "top", 50, 20), "stands twice", id="id twice"),
        pytest.param(position("x", "1", "top", float("nan"), 20), "wanted a number", id="NaN"),
        pytest.param({"id": "x"}, "wanted text", id="half an entry"),
        pytest.param("x", "wanted an object", id="no object"),
    ],
)
def test_a_bad_azure_position_is_reported(tmp_path: Path, entry: Any, said: str) -> None:
    plan, problems = read(tmp_path, azure(positions=[*azure()["positions"], entry]))
    assert shown(plan) == [[("1", 2), ("2", 1)], [("2", 2), ("1", 1)]]
    (problem,) = problems
    assert problem.where == f"{tmp_path / 'plan'}: positions 7"
    assert said in problem.message


def test_a_product_of_negative_size_takes_its_positions_along(tmp_path: Path) -> None:
    products = [azure()["products"][0], {"id": "2", "name": "tea", "w": -8, "h": 9}]
    plan, problems = read(tmp_path, azure(products=products))
    assert shown(plan) == [[("1", 2)], [("1", 1)]]
    assert len(problems) == 1 + 3
    assert "above 0" in problems[0].message


def test_products_are_found_by_sku_gtin_or_name(tmp_path: Path) -> None:
    plan, _ = read(tmp_path, f"{CSV}1,1,Fresh Milk,1\n1,2,4006381333931,1\n1,3,tea,1\n1,4,beer,2\n")
    known, problems = resolve(plan, PRODUCTS)
    assert [(p.sku, p.is_known) for p in known.positions] == [
        ("milk", True),
        ("milk", True),
        ("tea", True),
        ("beer", False),
    ]
    (problem,) = problems
    assert problem.message == "product 'beer' is not in the catalog; its 2 facings are left out."


def test_an_azure_product_is_found_by_its_name(tmp_path: Path) -> None:
    known, problems = resolve(read(tmp_path, azure())[0], PRODUCTS)
    assert [p.sku for p in known.positions] == ["milk", "tea", "tea", "milk"]
    assert problems == ()


def test_a_plan_of_unknown_products_alone_is_refused(tmp_path: Path) -> None:
    plan, _ = read(tmp_path, f"{CSV}1,1,beer,1\n")
    with pytest.raises(BadInput, match="none of the 1 products"):
        resolve(plan, PRODUCTS)


def detections(*products: Any) -> dict[str, Any]:
    return {"imageMetadata": {"width": 660, "height": 495}, "products": list(products), "gaps": []}


def found(name: str, *tags: tuple[str, float], w: float = 30.0) -> dict[str, Any]:
    box = {"x": 10, "y": 20, "w": w, "h": 40}
    return {"id": name, "boundingBox": box, "tags": [{"name": n, "confidence": c} for n, c in tags]}


def test_azure_detections_are_recognitions(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    entries = (found("1", ("tea", 0.2), ("Fresh Milk", 0.7)), found("2", ("product", 0.9)), found("3"))
    path.write_text(json.dumps({"detectedProducts": detections(*entries)}))
    result = read_detections(path, Names(PRODUCTS))
    assert (result.width, result.height) == (660, 495)
    assert [r.decision.sku for r in result.recognitions] == ["milk", None, None]
    assert result.recognitions[0].box == (10, 20, 40, 60)
    assert result.recognitions[0].confidence == 0.7


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(detections(found("1", w=-1)), id="negative size"),
        pytest.param(detections({"id": "1"}), id="no box"),
        pytest.param({"products": []}, id="no size of the photo"),
        pytest.param({"imageMetadata": {"width": 0, "height": 5}, "products": []}, id="photo of no width"),
    ],
)
def test_bad_azure_detections_are_refused(tmp_path: Path, content: dict[str, Any]) -> None:
    path = tmp_path / "found.json"
    path.write_text(json.dumps(content))
    with pytest.raises(BadInput, match=r"found\.json|wanted"):
        read_detections(path, Names(PRODUCTS))
