"""The inbox as JSON, CSV and page; the page as a browser's parser reads it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np
import pytest

from facings.catalog import Product
from facings.errors import Problem, StoreFailed
from facings.inbox import listing
from facings.inbox.contents import Cluster, Inbox, InboxCrop, ProposedProduct
from facings.inbox.crops import CropRow, KeptCrop, Proposal, UnknownBox
from facings.inbox.listing import to_csv, to_html, to_json
from facings.types import Candidate, UInt8Array

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PRODUCTS: Mapping[str, Product] = {"milk": Product("milk", name="<b>Milk & more</b>"), "te'a": Product("te'a")}


def crop(
    number: int, photo: str = "a", *, place: str = "bay", proposal: str = "", similarity: float = 0.5
) -> InboxCrop:
    box = (0.0, 1.0, 2.0 + number, 3.125)
    kept = KeptCrop(number, photo * 64, box, f"=photos/{photo}.jpg")
    seen = (UnknownBox(kept.photo_id, box, kept.source, place, NOON.replace(minute=number)),)
    return InboxCrop(kept, CropRow(number, 0, np.ones(1, np.float32)), seen, Candidate("milk", similarity, 1), proposal)


def inbox() -> Inbox:
    first = (crop(2, proposal="te'a"), crop(5, "b", place="till", similarity=0.61234), crop(6, "b"))
    second = (crop(3),)
    problems = (Problem("gone.jpg", "store_failed", "<i>it is gone</i>"),)
    return Inbox((Cluster(first, first[:2]), Cluster(second, second)), 4, 7, 9, problems)


PROPOSALS = (
    ProposedProduct("4006381333931", False, ((crop(8).kept, Proposal("4006381333931", "EAN-13 <read>", NOON)),)),
    ProposedProduct("te'a", True, ((crop(2).kept, Proposal("te'a", "EAN-8", None)),)),
)


def picture(_crop: KeptCrop) -> UInt8Array:
    return np.full((4, 4, 3), 200, np.uint8)


class Page(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name == "src"]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_json_is_the_contract() -> None:
    found = json.loads(json.dumps(to_json(inbox(), PROPOSALS)))
    assert found.keys() == {"clusters", "proposals", "n_known", "n_dismissed", "n_left_out"}
    assert (found["n_known"], found["n_dismissed"], found["n_left_out"]) == (4, 7, 9)
    first = found["clusters"][0]
    crops = first.pop("crops")
    assert first == {
        "cluster": 2,
        "n_crops": 3,
        "n_looks": 2,
        "n_photos": 2,
        "places": ["bay", "till"],
        "first_seen": "2026-03-01T12:02:00+00:00",
        "last_seen": "2026-03-01T12:06:00+00:00",
        "closest": {"sku": "milk", "similarity": 0.6123},
        "barcodes": ["te'a"],
    }
    assert crops[0] == {
        "crop": 2,
        "photo": "=photos/a.jpg",
        "photo_id": "a" * 64,
        "box": [0, 1, 4, 3.12],
        "seen": [{"place": "bay", "seen_at": "2026-03-01T12:02:00+00:00"}],
        "closest": {"sku": "milk", "similarity": 0.5},
        "barcode": "te'a",
    }
    assert [(p["sku"], p["is_in_catalog"], p["crops"][0]["evidence"]) for p in found["proposals"]] == [
        ("4006381333931", False, "EAN-13 <read>"),
        ("te'a", True, "EAN-8"),
    ]
    assert [p["crops"][0]["proposed_at"] for p in found["proposals"]] == ["2026-03-01T12:00:00+00:00", None]


def test_csv_has_a_line_for_each_crop_and_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(inbox()))))
    assert [(row["cluster"], row["crop"], row["place"]) for row in rows] == [
        ("2", "2", "bay"), ("2", "5", "till"), ("2", "6", "bay"), ("3", "3", "bay"),
    ]  # fmt: skip
    assert rows[0]["photo"] == "'=photos/a.jpg"
    assert (rows[1]["closest"], rows[1]["similarity"], rows[0]["barcode"]) == ("milk", "0.6123", "te'a")


def test_the_page_shows_groups_proposals_and_what_to_type() -> None:
    page = Page(to_html(inbox(), PROPOSALS, PRODUCTS, picture, NOON))
    assert "2 unknown products, 2 proposals" in page.text
    assert "Group 2 · 2 photos · 2 places" in page.text
    assert "Group 3 · 1 photo " in page.text
    assert "Closest: <b>Milk & more</b> (0.61)" in page.text  # as text, not as a tag
    assert "facings inbox name 2 'te'\"'\"'a' --author YOU" in page.text
    assert "facings inbox name 3 SKU --author YOU" in page.text
    assert 'facings inbox confirm 4006381333931 --name "NAME" --author YOU' in page.text
    assert "Not in the catalog · 1 crop · EAN-13 <read>" in page.text
    assert "9 older crops" in page.text
    assert "gone.jpg: <i>it is gone</i>" in page.text
    assert "i" not in page.tags
    assert len(page.sources) == 2 + 1 + 1 + 1  # the folded crop is not shown
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.sources)


def test_a_picture_that_is_gone_leaves_its_card() -> None:
    def gone(_crop: KeptCrop) -> UInt8Array:
        raise StoreFailed("gone")

    page = Page(to_html(inbox(), (), PRODUCTS, gone, NOON))
    assert page.sources == []
    assert page.text.count("The photo is gone.") == 3


def test_long_inboxes_are_cut_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_CLUSTERS_SHOWN", 1)
    monkeypatch.setattr(listing, "MAX_PICTURES", 1)
    page = Page(to_html(inbox(), PROPOSALS, PRODUCTS, picture, NOON))
    assert "The first 1 of 2. " in page.text
    assert page.text.count("The first 1 of 2.") == 2
    assert "3 crops, 1 more than shown" in page.text
    assert "Group 3" not in page.text


def test_an_empty_inbox_says_so() -> None:
    page = Page(to_html(Inbox((), n_known=3), (), PRODUCTS, picture, NOON))
    assert "Nothing unknown" in page.text
    assert "knows 3 by now" in page.text
