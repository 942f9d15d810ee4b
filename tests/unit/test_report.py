from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from facings.catalog import Product
from facings.errors import StoreFailed
from facings.quality import Advice, PhotoQuality
from facings.report import Report, csv_text, report, to_csv, to_html, to_json
from facings.types import Candidate, Decision, Image, Reading, Recognition

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PRODUCTS = {"milk": Product("milk", name="Whole milk", category="Dairy"), "tea": Product("tea", name="<b>Tea</b>")}


def seen(sku: str | None, similarity: float = 0.9) -> Recognition:
    candidates = (Candidate(sku or "milk", similarity, 1), Candidate("tea", 0.5, 2))
    decision = Decision("accepted" if sku else "unknown", sku, candidates, ("because",))
    return Recognition((0, 0, 10, 20), 1.0, decision)


def reading(photo: str, hours: int, place: str, *recognitions: Recognition) -> Reading:
    return Reading(
        photo_id=photo * 64, photo=f"{photo}.jpg", width=40, height=30, seen_at=NOON + timedelta(hours=hours),
        place=place, detector="whole-photo", space_id="space", gallery_version=3, recognitions=recognitions,
        recorded_at=NOON,
    )  # fmt: skip


@pytest.fixture
def summary() -> Report:
    return report(
        [
            reading("a", 0, "aisle-1", seen("milk", 0.9), seen("milk", 0.8), seen(None)),
            reading("b", 2, "aisle-1", seen("milk", 1.0), seen("tea", 0.7)),
            reading("c", 1, "aisle-2", seen("milk", 0.6)),
            reading("d", 3, "aisle-2"),
        ],
        PRODUCTS,
    )


def test_facings_are_counted_by_place_and_product(summary: Report) -> None:
    lines = [(x.place, x.sku, x.name, x.n_facings, x.n_photos) for x in summary.lines]
    assert lines == [
        ("aisle-1", "milk", "Whole milk", 3, 2),
        ("aisle-1", "tea", "<b>Tea</b>", 1, 1),
        ("aisle-2", "milk", "Whole milk", 1, 1),
    ]
    assert summary.lines[0].mean_similarity == pytest.approx((0.9 + 0.8 + 1.0) / 3)
    assert summary.lines[0].last_seen == NOON + timedelta(hours=2)


def test_totals_count_every_box_and_photos_without_any(summary: Report) -> None:
    assert summary.verdicts == {"accepted": 5, "ambiguous": 0, "unknown": 1}
    assert summary.n_boxes == 6
    assert len(summary.readings) == 4
    assert (summary.first_seen, summary.last_seen) == (NOON, NOON + timedelta(hours=3))


def test_a_product_that_left_the_catalog_is_still_reported() -> None:
    assert report([reading("a", 0, "", seen("gone"))], {}).lines[0].sku == "gone"


def test_json_is_json_and_holds_every_reading(summary: Report) -> None:
    facts = json.loads(json.dumps(to_json(summary)))
    assert facts["n_photos"] == 4
    assert [line["n_facings"] for line in facts["products"]] == [3, 1, 1]
    assert facts["readings"][0]["recognitions"][0]["sku"] == "milk"
    assert facts["readings"][0]["seen_at"] == "2026-03-01T12:00:00+00:00"


def test_csv_has_one_line_a_box(summary: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(summary, PRODUCTS))))
    assert len(rows) == 6
    assert rows[0]["sku"] == "milk"
    assert rows[0]["name"] == "Whole milk"
    assert rows[0]["runner_up"] == "tea"
    assert rows[2]["decision"] == "unknown"
    assert rows[2]["sku"] == ""


def test_promise_and_probability_are_in_every_form(summary: Report) -> None:
    unsure = Decision("ambiguous", None, (Candidate("tea", 0.4, 2),), (), 0.9)
    boxes = (replace(summary.readings[0].recognitions[0], decision=unsure),)
    stated = replace(summary.readings[0], recognitions=boxes, max_false_accept=0.01)
    told = report([stated, summary.readings[1]], PRODUCTS)
    facts = to_json(told)
    assert [line["max_false_accept"] for line in facts["readings"]] == [0.01, None]
    assert facts["readings"][0]["recognitions"][0]["probability"] == 0.9
    rows = csv.DictReader(io.StringIO(to_csv(told, PRODUCTS)))
    assert [(row["probability"], row["max_false_accept"]) for row in rows][:2] == [("0.9", "0.01"), ("", "")]


def test_html_escapes_shows_every_picture_and_asks_nothing_of_the_network(summary: Report) -> None:
    opened: list[str] = []

    def open_photo(line: Reading) -> Image:
        opened.append(line.photo)
        return Image(np.full((30, 40, 3), 200, np.uint8), line.photo_id, line.photo)

    page = to_html(summary, PRODUCTS, open_photo, NOON)
    assert "<b>Tea</b>" not in page
    assert "&lt;b&gt;Tea&lt;/b&gt;" in page
    assert page.count("data:image/jpeg") == 4
    assert sorted(opened) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    assert "http://" not in page
    assert "https://" not in page


def test_an_empty_record_gives_a_page_that_says_what_to_do() -> None:
    empty = report([], {})
    page = to_html(empty, {}, lambda line: pytest.fail(f"asked for {line.photo}"), NOON)
    assert "facings recognize" in page
    assert to_json(empty)["first_seen"] is None


def test_what_the_coach_said_of_a_photo_is_in_every_form(summary: Report) -> None:
    quality = PhotoQuality(0.1, 0.6, 0.0, None, (Advice("blurred", "Hold still.", 0.1, 0.2),), 30.0)
    judged = report([replace(summary.readings[0], quality=quality), summary.readings[1]], PRODUCTS)
    facts = to_json(judged)
    assert [line["quality"] for line in facts["readings"]] == [quality.to_json(), None]
    rows = csv.DictReader(io.StringIO(to_csv(judged, PRODUCTS)))
    assert [row["advice"] for row in rows] == ["blurred"] * 3 + [""] * 2
    page = to_html(judged, PRODUCTS, lambda line: Image(np.zeros((9, 9, 3), np.uint8), line.photo_id, line.photo), NOON)
    assert page.count("Hold still. (sharpness 0.1, wanted 0.2 or more)") == 1


def test_a_photo_that_is_gone_leaves_its_line_and_the_page(summary: Report) -> None:
    def open_photo(line: Reading) -> Image:
        if line.photo == "a.jpg":
            raise StoreFailed("photo a is gone.")
        return Image(np.full((30, 40, 3), 200, np.uint8), line.photo_id, line.photo)

    page = to_html(summary, PRODUCTS, open_photo, NOON)
    assert page.count("data:image/jpeg") == 3
    assert "The photo is gone." in page
    assert "a.jpg" in page


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_csv_text_is_no_formula(start: str) -> None:
    text = f'{start}HYPERLINK("http://x","y")'
    products = {"milk": Product("milk", name=text.strip())}
    table = to_csv(report([reading("a", 0, text, seen("milk"))], products), products)
    (row,) = csv.DictReader(io.StringIO(table))
    assert row["place"] == "'" + text
    assert row["name"][:1] not in {"=", "+", "-", "@"}
    assert float(row["x1"]) == 0  # numbers stay numbers


def test_a_table_as_csv_holds_no_formula_and_nothing_for_none() -> None:
    rows = [(1, None, "=1+1"), (2.5, "a,b", "-x")]
    assert csv_text(("n", "a", "b"), rows) == "n,a,b\n1,,'=1+1\n2.5,\"a,b\",'-x\n"
    assert csv_text(("n",), []) == "n\n"
