"""`facings simulate shelves` as a user types it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import save_photo
from facings.annotations import read_annotations


def run(tmp_path: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "facings.cli", "simulate", "shelves", *map(str, arguments)]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)


def test_own_photos_become_shelves_with_boxes(tmp_path: Path) -> None:
    for number, sku in enumerate(("apple", "bread", "cocoa")):
        save_photo(tmp_path / "photos" / sku / "1.jpg", number, width=40 + 10 * number, height=60)
    (tmp_path / "photos" / "bread" / "2.jpg").write_bytes(b"\xff\xd8 no more")
    size = ("--photos", 2, "--facings", "10-20", "--size", "320x240")
    done = run(tmp_path, "shelves", "--cutouts", "photos", *size)
    assert done.returncode == 1, done.stderr  # one photo could not be used, and is named
    assert "2 shelves with" in done.stderr
    assert str(Path("photos", "bread", "2.jpg")) in done.stderr
    found = read_annotations(tmp_path / "shelves" / "annotations.json")
    assert found.problems == ()
    assert len(found.photos) == 2
    assert {box.label for photo in found.photos for box in photo.boxes} <= {"apple", "bread", "cocoa"}
    assert min(len(photo.boxes) for photo in found.photos) >= 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--facings", "400-50"), "facings: got 400-50, wanted the smaller number first"),
        (("--facings", "many"), "--facings: got 'many', wanted a number or a range"),
        (("--size", "large"), "--size: got 'large', wanted width and height"),
        (("--size", "320x240"), "got 400, but a photo of 320×240 px holds at most 48"),
        (("--cutouts", "nowhere"), "nowhere"),
    ],
    ids=["reversed", "no number", "no size", "crowd", "no source"],
)
def test_misuse_is_told(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    done = run(tmp_path, "shelves", *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "shelves").exists()
