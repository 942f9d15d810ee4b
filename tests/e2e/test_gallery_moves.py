"""`facings gallery reembed` and `facings gallery copy` as a user types them, with the bundled networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from command_line import Run
from conftest import save_photo

pytestmark = pytest.mark.usefixtures("one_product_a_photo")


def accepted(run: Run, photo: Path, *flags: str) -> str:
    """The most similar product of a photo."""
    done = run("recognize", photo, "--json", *flags)
    assert done.code == 0, done.err
    return str(done.lines[0]["recognitions"][0]["candidates"][0]["sku"])


def test_a_gallery_moves_to_another_model_and_back(shop: Run, tmp_path: Path) -> None:
    query = save_photo(tmp_path / "new" / "bread.jpg", 1, width=144, height=120)

    moved = shop("gallery", "reembed", "--model", "starter")

    assert moved.code == 0, moved.err
    assert "6 references embedded by starter, 0 were before." in moved.err
    assert "Leave-one-photo-out, 6 photos: recall@1 100.0%" in moved.err
    assert "passed." in moved.err
    assert accepted(shop, query) == "bread"
    refused = shop("recognize", query, "--model", "product-embedder")
    assert refused.code == 1
    assert "made by model 'starter'" in refused.err
    assert "gallery reembed" in refused.err
    assert shop("gallery", "verify").code == 0

    back = shop("gallery", "reembed", "--model", "product-embedder", "--gate", "none", "--drop-old")
    assert back.code == 0
    assert "0 references embedded by product-embedder, 6 were before." in back.err
    assert "6 rows of other models deleted." in back.err
    assert accepted(shop, query) == "bread"


def test_a_gate_that_cannot_be_asked_leaves_all_as_it_was(shop: Run, tmp_path: Path) -> None:
    save_photo(tmp_path / "queries" / "unheard-of" / "1.jpg", 7)
    done = shop("gallery", "reembed", "--model", "starter", "--gate", tmp_path / "queries")
    assert done.code == 1
    assert "got no query whose product has another photo" in done.err
    assert shop("gallery", "verify", "--model", "product-embedder").code == 0


def test_labelled_photos_are_a_gate(shop: Run, tmp_path: Path) -> None:
    for number, sku in enumerate(("apple", "bread", "cocoa")):
        save_photo(tmp_path / "queries" / sku / "new.jpg", number, width=160, height=128)
    done = shop("gallery", "reembed", "--model", "starter", "--gate", tmp_path / "queries", "--tolerance", "0")
    assert done.code == 0, done.err
    assert "3 labelled photos: recall@1 100.0%" in done.err


def test_a_gallery_is_copied_into_another_folder_and_goes_on_there(shop: Run, tmp_path: Path) -> None:
    query = save_photo(tmp_path / "new" / "bread.jpg", 1, width=144, height=120)
    for n_new in (6, 0):
        done = shop("gallery", "copy", "facings-store", "other")
        assert done.code == 0, done.err
        assert f"{n_new} references copied; 6 references and 6 photos checked in the target." in done.err
    assert accepted(shop, query, "--store", "other") == "bread"
    assert shop("gallery", "verify", "--store", "other").code == 0


def test_a_gallery_is_copied_into_a_database_and_back(shop: Run, tmp_path: Path, postgresql: Callable[[], str]) -> None:
    url = postgresql()
    there = shop("gallery", "copy", "facings-store", url, "--to-photos", tmp_path / "pg-photos")
    assert there.code == 0, there.err
    back = shop("gallery", "copy", url, "again", "--from-photos", tmp_path / "pg-photos")
    assert back.code == 0, back.err
    assert "3 products and 6 references copied; 6 references and 6 photos checked" in back.err
    assert shop("gallery", "copy", url, "third").code == 1  # a URL needs a folder for photos


def test_a_source_that_is_not_there_is_an_error(run: Run) -> None:
    done = run("gallery", "copy", "nowhere", "other")
    assert done.code == 1
    assert "nowhere: there is no store here." in done.err
