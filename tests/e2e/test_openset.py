"""`facings calibrate` and `facings evaluate openset` as a user types them, with the bundled embedder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import Run
from conftest import save_photo

pytestmark = pytest.mark.usefixtures("one_product_a_photo")


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    """A photo of each enrolled product, and one of a product that is not."""
    for number, sku in enumerate(("apple", "bread", "cocoa", "dates")):
        save_photo(tmp_path / "queries" / sku / "new.jpg", number, width=200, height=90)
    return tmp_path / "queries"


def test_calibrate_checks_and_with_save_decides_from_then_on(shop: Run, queries: Path, tmp_path: Path) -> None:
    checked = shop("calibrate", queries, "--json")
    assert checked.code == 0, checked.err
    (facts,) = checked.lines
    assert facts["n_queries"] + facts["n_leaks"] == 4
    assert facts["by_gallery"]["max_false_accept"] == 0.4
    assert not list((tmp_path / "facings-store").glob("calibration-*"))
    saved = shop("calibrate", queries, "--save", "--max-false-accept", "0.9")
    assert saved.code == 0, saved.err
    assert "Promised: at most 90.0% false accepts" in saved.out
    (kept,) = (tmp_path / "facings-store").glob("calibration-*.npz")
    kept.write_bytes(b"damaged")
    refused = shop("recognize", queries)
    assert refused.code == 1
    assert "the calibration is damaged" in refused.err


def test_a_promise_is_a_share(shop: Run, queries: Path) -> None:
    done = shop("recognize", queries, "--max-false-accept", "1.5")
    assert done.code == 1
    assert "max_false_accept" in done.err


def test_open_set_is_measured_on_labelled_photos(run: Run, photos: Path, queries: Path, tmp_path: Path) -> None:
    wanted = ("--gallery", photos, "--queries", queries, "--unknown", 1, "--seeds", 2, "--promises", "0.9")
    done = run("evaluate", "openset", *wanted, "--out", "measured")
    assert done.code == 0, done.err
    assert "2 of 3 products enrolled" in done.out
    assert "By similarity alone: AUROC" in done.err
    facts = json.loads((tmp_path / "measured" / "openset.json").read_text())
    assert (facts["kind"], facts["n_enrolled"], len(facts["ours"])) == ("openset", 2, 2)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        pytest.param(("--unknown", 3), "3 of 3 products to leave out", id="nothing enrolled"),
        pytest.param(("--unknown", 1, "--promises", "few"), "wanted shares with commas", id="no share"),
    ],
)
def test_what_cannot_be_measured_is_said(run: Run, photos: Path, flags: tuple[object, ...], words: str) -> None:
    done = run("evaluate", "openset", "--gallery", photos, "--queries", photos, *flags)
    assert done.code == 1
    assert words in done.err
