"""The demonstration from end to end, made small: what it shows, what it leaves alone, what it reports."""

from __future__ import annotations

import functools
import http.server
import io
import json
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest import save_photo
from facings import cli, demo, public_data
from facings.compose import open_workspace
from facings.demo import run_demo, run_real_demo
from facings.errors import BadInput, DownloadFailed, Problem
from facings.public_data import FOLDER, download_grocery_store, fingerprint
from facings.report import to_json
from facings.settings import load_settings

SIZES = {"N_PRODUCTS": 6, "N_REFERENCES": 2, "N_QUERIES": 6, "N_SHELVES": 1, "N_UNKNOWN": 2}
PRODUCTS = ("Apple", "Kiwi", "Plum")
OWN_NAMES = {".facings-demo", "photos", "store", "report.html"}


@dataclass(frozen=True)
class Shown:
    """A demo that ran.

    Args:
        directory: Where.
        text: What it wrote to stdout.
        problems: What it gave back.
    """

    directory: Path
    text: str
    problems: list[Problem]

    @property
    def scores(self) -> list[int]:
        """Photos or facings counted in each table of answers."""
        totals: list[int] = []
        for line in self.text.splitlines():
            if "product is" in line:
                totals.append(0)
            elif re.match(r"\s*(never )?enrolled\s", line):
                totals[-1] += sum(int(number) for number in re.findall(r"\d+", line))
        return totals


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, a small demo, and no settings of whoever runs the tests."""
    _isolate(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """The demo on a drawn store; no test changes what it says."""
    folder = tmp_path_factory.mktemp("drawn")
    with pytest.MonkeyPatch.context() as patch:
        _isolate(patch, folder)
        return show(folder / "out")


@pytest.fixture
def groceries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the public photos: three products, two photos to enroll and one to recognize of each."""
    root = tmp_path / "published" / FOLDER
    (root / "train").mkdir(parents=True)
    names = [f"{product},{number},Fruit,0" for number, product in enumerate(PRODUCTS)]
    (root / "classes.csv").write_text("Class Name,Class ID,Coarse Class Name,Coarse Class ID\n" + "\n".join(names))
    for split, n_photos in (("train", 2), ("val", 1)):
        lines = []
        for number, product in enumerate(PRODUCTS):
            for shot in range(n_photos):
                name = f"{split}/{product}/{shot}.jpg"
                side = 128 + 16 * shot + (32 if split == "val" else 0)
                save_photo(root / name, number, width=side, height=128)
                lines.append(f"{name}, {number}, 0\n")
        (root / f"{split}.txt").write_text("".join(lines))
    files = [path for path in root.rglob("*.*") if path.is_file()]
    groups: dict[str, list[Path]] = {}
    for path in files:
        group = path.parent if path.suffix == ".jpg" else path
        groups.setdefault(str(group.relative_to(root)), []).append(path)
    checksums = {name: fingerprint(paths) for name, paths in groups.items()}
    monkeypatch.setattr(public_data, "_checksums", lambda: checksums)
    return root


@pytest.fixture
def server(groceries: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The stand-in served on this machine, and where the demo downloads from; gives the paths that were asked for."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *_args: object) -> None:
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(groceries)))
    threading.Thread(target=running.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{running.server_address[1]}"
    monkeypatch.setattr(demo, "download_grocery_store", functools.partial(download_grocery_store, origin=origin))
    yield asked
    running.shutdown()
    running.server_close()


def _isolate(patch: pytest.MonkeyPatch, folder: Path) -> None:
    for name in ("STORE", "PHOTOS", "MODEL", "DATA"):
        patch.delenv(f"FACINGS_{name}", raising=False)
    patch.setenv("FACINGS_THREADS", "1")
    patch.setenv("COLUMNS", "200")
    for name, value in SIZES.items():
        patch.setattr(demo, name, value)
    patch.chdir(folder)


def show(directory: Path, data: Path | None = None) -> Shown:
    """Run the demo: on public photos if it is told where, else on a drawn store."""
    with redirect_stdout(io.StringIO()) as text:
        problems = (run_real_demo if data else run_demo)(
            directory, load_settings(data=data, max_false_accept=0.4 if data else None)
        )
    return Shown(directory, text.getvalue(), problems)


def recorded(directory: Path) -> dict[str, Any]:
    """What the demo put on record, without times."""

    def timeless(value: Any) -> Any:
        if isinstance(value, dict):
            times = {"first_seen", "last_seen", "seen_at", "recorded_at"}
            return {key: timeless(inner) for key, inner in value.items() if key not in times}
        return [timeless(inner) for inner in value] if isinstance(value, list) else value

    workspace = open_workspace(str(directory / "store"), photos=directory / "store" / "photos")
    facts: dict[str, Any] = timeless(to_json(workspace.report()))
    workspace.store.close()
    return facts


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_the_report_is_there_with_pictures(drawn: Shown) -> None:
    assert drawn.problems == []
    assert names_in(drawn.directory) == OWN_NAMES
    page = (drawn.directory / "report.html").read_text(encoding="utf-8")
    assert page.count("<img") == SIZES["N_QUERIES"] + SIZES["N_SHELVES"]
    assert page.count("data:image/") >= page.count("<img")
    assert str(drawn.directory / "report.html") in drawn.text


def test_the_counts_add_up_to_what_was_drawn(drawn: Shown) -> None:
    n_facings = json.loads((drawn.directory / "photos" / "store.json").read_text())["n_facings"]
    assert drawn.scores == [SIZES["N_QUERIES"], n_facings]
    record = recorded(drawn.directory)
    assert record["n_photos"] == SIZES["N_QUERIES"] + SIZES["N_SHELVES"]
    assert record["n_boxes"] == sum(drawn.scores)


def test_a_second_run_says_the_same_and_leaves_the_settings_of_the_user_alone(
    drawn: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = recorded(drawn.directory)
    monkeypatch.setenv("FACINGS_PHOTOS", str(tmp_path / "my-photos"))
    monkeypatch.setenv("FACINGS_MODEL", str(tmp_path / "my-model"))
    (tmp_path / "facings.toml").write_text('store = "my-store"\n')
    (drawn.directory / "report.html").write_text("an old report")
    around = names_in(drawn.directory.parent)
    again = show(drawn.directory)
    assert recorded(drawn.directory) == before
    assert again.scores == drawn.scores
    assert "<img" in (drawn.directory / "report.html").read_text(encoding="utf-8")
    assert names_in(drawn.directory) == OWN_NAMES
    assert names_in(drawn.directory.parent) == around
    assert names_in(tmp_path) == {"facings.toml"}
    assert any((drawn.directory / "store" / "photos").rglob("*.jpg"))


def test_photos_that_cannot_be_read_are_problems_and_not_a_crash(
    drawn: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def damaged(target: Path, **_numbers: Any) -> None:
        shutil.copytree(drawn.directory / "photos", target)
        (target / "queries" / "query_0001.jpg").write_bytes(b"no picture")
        min((target / "references").rglob("*.jpg")).write_bytes(b"no picture")

    monkeypatch.setattr(demo, "write_store", damaged)
    done = show(tmp_path / "out")
    assert [problem.code for problem in done.problems] == ["bad_image", "bad_image"]
    assert done.scores == [SIZES["N_QUERIES"] - 1, drawn.scores[1]]
    errors = capsys.readouterr().err
    assert all(problem.where in errors for problem in done.problems)
    assert "Enrolled 11 photos of 6 products. Refused: 1." in errors
    assert "Problems: 2" in errors


@pytest.mark.parametrize("is_demo", [False, True])
def test_a_folder_with_anything_else_is_refused(tmp_path: Path, is_demo: bool) -> None:
    folder = tmp_path / "out"
    (folder / "store").mkdir(parents=True)
    (folder / "diary.txt").write_text("mine")
    if is_demo:
        (folder / ".facings-demo").touch()
    before = names_in(folder)
    for data in (None, tmp_path / "nowhere"):  # on public photos: before anything is downloaded
        with pytest.raises(BadInput, match=r"out: holds something else than a demo \(diary\.txt.*--out"):
            show(folder, data)
    assert names_in(folder) == before
    assert (folder / "diary.txt").read_text() == "mine"


def test_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("mine")
    for folder in (tmp_path / "out", tmp_path / "out" / "below"):
        with pytest.raises(BadInput, match="got a file, wanted a folder"):
            show(folder)
    monkeypatch.setattr(sys, "argv", ["facings", "demo", "--out", "out"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "got a file" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"


def test_public_photos_are_enrolled_and_recognized(groceries: Path, tmp_path: Path) -> None:
    done = show(tmp_path / "out", groceries.parent)
    assert done.problems == []
    assert done.scores == [3]
    record = recorded(tmp_path / "out")
    assert {line["sku"] for line in record["products"]} == set(PRODUCTS)
    assert names_in(tmp_path / "out") == OWN_NAMES - {"photos"}


def test_broken_photos_and_lines_are_reported_and_the_rest_is_done(
    groceries: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (groceries / "train/Kiwi/1.jpg").write_bytes(b"no picture")
    (groceries / "val/Plum/0.jpg").write_bytes(b"no picture")
    with (groceries / "val.txt").open("a") as file:
        file.write("val/Apple/0.jpg, 77, 0\n")
    done = show(tmp_path / "out", groceries.parent)
    wheres = [Path(problem.where).relative_to(groceries).as_posix() for problem in done.problems]
    assert wheres == ["train/Kiwi/1.jpg", "val.txt:4", "val/Plum/0.jpg"]
    assert done.scores == [2]
    errors = capsys.readouterr().err
    assert all(where in errors for where in wheres)
    assert "Enrolled 5 photos of 3 products. Refused: 1." in errors
    assert "Problems: 3" in errors
    assert "<img" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_an_incomplete_copy_is_completed_where_it_is(groceries: Path, server: list[str], tmp_path: Path) -> None:
    mine = tmp_path / "data" / FOLDER
    shutil.copytree(groceries, mine)
    shutil.rmtree(mine / "train" / "Kiwi")
    (mine / "val" / "Plum" / "0.jpg").unlink()
    done = show(tmp_path / "out", tmp_path / "data")
    assert sorted(server) == ["/train/Kiwi/0.jpg", "/train/Kiwi/1.jpg", "/val/Plum/0.jpg"]
    assert done.problems == []
    assert done.scores == [3]
    assert names_in(tmp_path) == {"published", "data", "out"}
    server.clear()
    show(tmp_path / "out", tmp_path / "data")
    assert server == []


def test_a_download_that_fails_leaves_the_last_demo_alone(groceries: Path, server: list[str], tmp_path: Path) -> None:
    show(tmp_path / "out", groceries.parent)
    before = recorded(tmp_path / "out")
    (groceries / "val" / "Plum" / "0.jpg").unlink()
    with pytest.raises(DownloadFailed, match="404"):
        show(tmp_path / "out", tmp_path / "data")
    assert recorded(tmp_path / "out") == before
