"""RapidOCR on packs; and the words where it is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from facings.adapters import text
from facings.adapters.text import RapidOcrReader, can_read_text
from facings.errors import DependencyMissing
from facings.images import decode, read_bytes
from facings.printed_words import words_in
from real_print import draw_text, photographed

needs_reader = pytest.mark.skipif(not can_read_text(), reason="RapidOCR is not installed")


@pytest.fixture(scope="module")
def reader() -> RapidOcrReader:
    return RapidOcrReader()


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "find_spec", lambda _name: None)
    assert not can_read_text()
    with pytest.raises(DependencyMissing, match=r"pip install 'facings\[text\]'"):
        RapidOcrReader()


@needs_reader
def test_making_a_reader_loads_nothing() -> None:
    before = set(sys.modules)
    RapidOcrReader()
    assert not {"rapidocr", "cv2"} & (set(sys.modules) - before)


@needs_reader
def test_small_turned_and_noisy_text(reader: RapidOcrReader) -> None:
    drawn = np.full((90, 300, 3), 230, np.uint8)
    draw_text(drawn, "VANILLA 500 ml", 20, 20)
    found = reader.read(photographed(drawn, turn_deg=4, share=0.6, blur_px=0.5))
    assert {"vanilla", "500"} <= {word for line in found for word in words_in(line.text)}


@needs_reader
@pytest.mark.real_data
def test_real_carton(reader: RapidOcrReader, data_dir: Path) -> None:
    folder = data_dir / "grocery-store" / "train" / "Packages" / "Juice" / "Tropicana-Golden-Grapefruit"
    path = min(folder.glob("*.jpg"))
    read = reader.read(decode(read_bytes(path), source=str(path)).pixels)
    assert "tropicana" in "".join(word for line in read for word in words_in(line.text))
