"""Look-alikes on the command line, with the bundled network: told at enrollment, shown, learned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import Run
from conftest import save_photo

pytestmark = pytest.mark.usefixtures("one_product_a_photo")


def test_a_product_enrolled_twice_is_told_shown_and_learned(shop: Run, tmp_path: Path) -> None:
    for width in (124, 130, 142, 148):  # the scene of "bread" again, each photo most like one of bread's
        save_photo(tmp_path / "again" / f"{width}.jpg", 1, width=width, height=128)
    added = shop("gallery", "add", "brioche", tmp_path / "again")
    assert added.code == 0
    assert "Look-alike: " in added.err
    assert "facings gallery twins shows them all" in added.err
    shown = shop("gallery", "twins", "--json", "--out", "page/twins.html")
    assert shown.code == 0
    (found,) = shown.lines
    assert ("bread", "brioche") in {tuple(sorted((twin["sku"], twin["other"]))) for twin in found["twins"]}
    assert found["note"] == ""
    assert "bread" in (tmp_path / "page" / "twins.html").read_text()
    assert json.loads(shop("gallery", "twins", "--json").out) == found
    assert len(list((tmp_path / "facings-store").glob("twins-*.npz"))) == 1
    assert "Look-alikes" in shop("gallery", "twins").out
