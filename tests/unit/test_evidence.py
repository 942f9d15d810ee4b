"""The values of evidence: what they refuse, and their JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from facings.adapters.sql_store import SqlStore
from facings.errors import BadInput
from facings.evidence import Evidence, TextLine
from facings.types import Candidate, Decision, Reading, Recognition


def test_json_of_a_piece() -> None:
    piece = Evidence("barcode", "96385074", "barcode 96385074", ("tea",), "decides", (1.004, 2, 3, 4))
    assert json.loads(json.dumps(piece.to_json())) == {
        "source": "barcode",
        "value": "96385074",
        "words": "barcode 96385074",
        "skus": ["tea"],
        "effect": "decides",
        "box": [1.0, 2, 3, 4],
    }
    bare = Evidence("dimensions", "168 mm", "168 mm high").to_json()
    assert (bare["skus"], bare["effect"], bare["box"]) == (None, "unused", None)


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
def test_a_confidence_out_of_range_is_refused(confidence: float) -> None:
    with pytest.raises(BadInput, match="wanted 0 to 1"):
        TextLine("x", (0, 0, 1, 1), confidence)


def test_the_record_keeps_every_piece(store: SqlStore) -> None:
    pieces = (
        Evidence("barcode", "96385074", "barcode 96385074", ("tea",), "decides", (1.25, 2.0, 3.0, 4.0)),
        Evidence("barcode", "AB", "barcode AB holds no trade number", None, "unused", (1.0, 2.0, 3.0, 4.0)),
        Evidence("barcode", "1", "of none of these", (), "contradicts"),
        Evidence("dimensions", "168 mm", "168 mm high", ("tea", "rum"), "narrows"),
    )
    seen = Recognition((0, 0, 9, 9), 1.0, Decision("accepted", "tea", (Candidate("tea", 0.9, 1),)), pieces)
    bare = Recognition((0, 0, 9, 9), 1.0, Decision("unknown", None, ()))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    store.append_reading(Reading("0" * 64, "p.jpg", 9, 9, at, "", "whole-photo", "s", 1, (seen, bare)), "f")
    assert store.readings()[0].recognitions == (seen, bare)
