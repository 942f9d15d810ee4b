"""`facings verify` as typed: consistent, suspicious, a replay; JSON, page, refusals."""

from __future__ import annotations

from pathlib import Path

from PIL import Image as PillowImage

from command_line import Run
from facings.types import UInt8Array
from pack_photos import forged, front, photo


def _saved(path: Path, pixels: UInt8Array) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(pixels).save(path)
    return path


def test_a_pack_is_held_against_genuine_photos(run: Run, tmp_path: Path) -> None:
    for k in range(4):
        _saved(tmp_path / "genuine" / f"{k}.png", photo(front(), k))
    assert run("init").code == 0
    assert run("gallery", "add", "milk", tmp_path / "genuine").code == 0
    odd = _saved(tmp_path / "odd.png", photo(forged(front()), 50))
    ask = ("--sku", "milk", "--max-false-alarm", "0.2")
    found = run("verify", odd, *ask, "--json", "--out", "page/odd.html")
    assert found.code == 0, found.err
    (answer,) = found.lines
    assert answer["schema"] == "facings.authenticity/1"
    assert (answer["sku"], answer["verdict"]) == ("milk", "suspicious")
    assert "milk: suspicious" in (tmp_path / "page" / "odd.html").read_text()
    assert run("verify", odd, *ask, "--json").out == found.out  # and is on record once, though asked twice
    (kept,) = run("verdicts", "list", "--json").lines
    assert (kept["verdict_id"], kept["answer"], kept["ruling"]) == (1, answer, None)
    good = run("verify", _saved(tmp_path / "good.png", photo(front(), 51)), *ask)
    assert "consistent with genuine" in good.out + good.err
    assert run("verdicts", "rule", "1", "--fake", "--author", "Ada", "--note", "opened it").code == 0
    assert run("verdicts", "rule", "2", "--genuine", "--author", "Ada").code == 0
    assert run("verdicts", "drift", "--json").lines[0]["n_photos"] == 1
    sharper = run("verify", odd, *ask, "--json", "--no-record").lines[0]
    assert sharper["evidence"]["calibration_sha256"] != answer["evidence"]["calibration_sha256"]
    assert len(run("verdicts", "list", "--json").lines) == 2


def test_what_is_refused(run: Run, tmp_path: Path) -> None:
    assert run("init").code == 0
    missing = run("verify", "nowhere.jpg", "--sku", "milk")
    assert missing.code == 1
    assert "there is no such file" in missing.err
    both = run("verdicts", "rule", "1", "--fake", "--genuine", "--author", "Ada")
    assert both.code == 1
    assert "wanted one" in both.err
    assert "There is no verdict 7" in run("verdicts", "rule", "7", "--fake", "--author", "Ada").err
    unknown = run("verify", _saved(tmp_path / "a.png", photo(front(), 0)), "--sku", "milk")
    assert unknown.code == 1
    assert "no genuine photo is enrolled" in unknown.err
