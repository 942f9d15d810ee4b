"""The download against a real HTTP server on this machine that serves a small data set, well or badly."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import save_photo
from facings import public_data
from facings.errors import BadInput, DownloadFailed
from facings.public_data import DOWNLOADS, FOLDER, download_grocery_store, find_grocery_store, fingerprint


class Server:
    """A small copy of the data set over HTTP.

    Args:
        root: What is served.
    """

    def __init__(self, root: Path) -> None:
        self.asked: list[str] = []
        self.failing: dict[str, int] = {}  # path → how many times it answers 503
        server = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args: Any) -> None:
                super().__init__(*args, directory=str(root))

            def do_GET(self) -> None:
                server.asked.append(self.path)
                if server.failing.get(self.path, 0):
                    server.failing[self.path] -= 1
                    self.send_error(503)
                else:
                    super().do_GET()

            def log_message(self, *args: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "published"
    folders: dict[str, list[Path]] = {}
    for split in ("train", "val"):
        lines: list[str] = []
        for product in ("Fruit/Apple", "Fruit/Red Kiwi"):
            for number in range(2):
                name = f"{split}/{product}/{number}.jpg"
                path = save_photo(root / name, len(lines))
                folders.setdefault(f"{split}/{product}", []).append(path)
                lines.append(f"{name}, 0, 0")
        (root / f"{split}.txt").write_text("\n".join(lines) + "\n")
    (root / "classes.csv").write_text("name,id,coarse,id\nApple,0,Fruit,0\n")
    for name in ("classes.csv", "train.txt", "val.txt"):
        folders[name] = [root / name]
    checksums = {name: fingerprint(paths) for name, paths in folders.items()}
    monkeypatch.setattr(public_data, "_checksums", lambda: checksums)
    return root


@pytest.fixture
def server(published: Path) -> Iterator[Server]:
    running = Server(published)
    yield running
    running.http.shutdown()
    running.http.server_close()


def test_everything_arrives_as_published(server: Server, published: Path, tmp_path: Path) -> None:
    root = download_grocery_store(tmp_path / "data", origin=server.origin)
    files = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(published) for path in published.rglob("*") if path.is_file())
    assert find_grocery_store(tmp_path / "data") == root == tmp_path / "data" / FOLDER


def test_what_is_there_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    root = download_grocery_store(tmp_path / "data", origin=server.origin)
    (root / "train/Fruit/Apple/0.jpg").unlink()
    server.asked.clear()
    download_grocery_store(tmp_path / "data", origin=server.origin)
    assert server.asked == ["/train/Fruit/Apple/0.jpg"]


@pytest.mark.parametrize(
    "lost", ["classes.csv", "train.txt", "val.txt", "train/Fruit/Apple/0.jpg", "val/Fruit/Red Kiwi/1.jpg"]
)
def test_a_copy_counts_only_when_complete_and_is_completed(server: Server, tmp_path: Path, lost: str) -> None:
    root = download_grocery_store(tmp_path / "data", origin=server.origin)
    content = (root / lost).read_bytes()
    (root / lost).unlink()
    assert find_grocery_store(tmp_path / "data") is None
    server.asked.clear()
    assert download_grocery_store(tmp_path / "data", origin=server.origin) == root
    assert server.asked == ["/" + lost.replace(" ", "%20")]
    assert (root / lost).read_bytes() == content
    assert find_grocery_store(tmp_path / "data") == root


def test_a_download_broken_off_is_not_taken_for_a_copy(server: Server, tmp_path: Path) -> None:
    server.failing["/train/Fruit/Apple/0.jpg"] = 3
    with pytest.raises(DownloadFailed):
        download_grocery_store(tmp_path / "data", origin=server.origin)
    assert (tmp_path / "data" / FOLDER / "train.txt").is_file()
    assert find_grocery_store(tmp_path / "data") is None


def test_no_copy_anywhere(tmp_path: Path) -> None:
    (tmp_path / "a-file").touch()
    assert find_grocery_store(tmp_path / "nowhere") is None
    assert find_grocery_store(tmp_path / "a-file") is None


def test_without_a_folder_the_usual_ones_are_searched(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert find_grocery_store(None) is None
    download_grocery_store(DOWNLOADS, origin=server.origin)
    assert find_grocery_store(None) == DOWNLOADS / FOLDER
    download_grocery_store(Path("../shared/data"), origin=server.origin)
    assert find_grocery_store(None) == Path("../shared/data") / FOLDER


def test_a_list_that_is_no_text_is_refused(server: Server, tmp_path: Path) -> None:
    root = download_grocery_store(tmp_path / "data", origin=server.origin)
    (root / "val.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match=r"val\.txt.*UTF-8"):
        find_grocery_store(tmp_path / "data")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user")
@pytest.mark.parametrize("closed", ["val.txt", "train/Fruit/Apple", ""])
def test_what_cannot_be_read_is_a_clear_error(server: Server, tmp_path: Path, closed: str) -> None:
    root = download_grocery_store(tmp_path / "data", origin=server.origin)
    mode = (root / closed).stat().st_mode
    (root / closed).chmod(0)
    try:
        with pytest.raises(BadInput, match="cannot be read"):
            find_grocery_store(tmp_path / "data")
    finally:
        (root / closed).chmod(mode)


def test_an_error_of_the_disk_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(BadInput, match=r"loop.*cannot be read"):
        find_grocery_store(tmp_path / "loop")


def test_files_that_were_there_are_never_removed(server: Server, tmp_path: Path) -> None:
    root = download_grocery_store(tmp_path / "data", origin=server.origin)
    own = save_photo(root / "train/Fruit/Apple/0.jpg", 99).read_bytes()
    (root / "train/Fruit/Apple/1.jpg").unlink()
    with pytest.raises(DownloadFailed, match=r"was there before differs.*Remove .*Apple"):
        download_grocery_store(tmp_path / "data", origin=server.origin)
    assert (root / "train/Fruit/Apple/0.jpg").read_bytes() == own
    (root / "train.txt").write_text("a list of my own")
    with pytest.raises(DownloadFailed, match=r"train\.txt.*was there before"):
        download_grocery_store(tmp_path / "data", origin=server.origin)
    assert (root / "train.txt").read_text() == "a list of my own"


def test_a_server_that_stumbles_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.failing["/val/Fruit/Apple/1.jpg"] = 2
    download_grocery_store(tmp_path / "data", origin=server.origin)
    assert server.asked.count("/val/Fruit/Apple/1.jpg") == 3


def test_a_server_that_stays_down_is_an_error_and_the_next_run_goes_on(server: Server, tmp_path: Path) -> None:
    server.failing["/val/Fruit/Apple/1.jpg"] = 3
    with pytest.raises(DownloadFailed, match=r"1\.jpg.*503.*Run it again"):
        download_grocery_store(tmp_path / "data", origin=server.origin)
    assert "/train.txt" in server.asked
    server.asked.clear()
    download_grocery_store(tmp_path / "data", origin=server.origin)
    assert "/train.txt" not in server.asked


def test_a_missing_file_is_not_asked_for_again(server: Server, published: Path, tmp_path: Path) -> None:
    (published / "val/Fruit/Apple/1.jpg").unlink()
    with pytest.raises(DownloadFailed, match="404"):
        download_grocery_store(tmp_path / "data", origin=server.origin)
    assert server.asked.count("/val/Fruit/Apple/1.jpg") == 1


def test_a_changed_photo_is_refused_and_removed(server: Server, published: Path, tmp_path: Path) -> None:
    good = (published / "train/Fruit/Apple/0.jpg").read_bytes()
    (published / "train/Fruit/Apple/0.jpg").write_bytes(good[:-1])
    with pytest.raises(DownloadFailed, match="checksum"):
        download_grocery_store(tmp_path / "data", origin=server.origin)
    assert not (tmp_path / "data" / FOLDER / "train/Fruit/Apple/0.jpg").exists()
    (published / "train/Fruit/Apple/0.jpg").write_bytes(good)
    download_grocery_store(tmp_path / "data", origin=server.origin)


def test_the_shipped_checksums_fit_the_published_photos(data_dir: Path) -> None:
    root = data_dir / FOLDER
    checksums: dict[str, str] = json.loads(
        (Path(public_data.__file__).parent / "checksums" / "grocery_store.json").read_text()
    )
    assert len(checksums) == 144  # 81 folders of train, 60 of val, three lists
    for name, wanted in checksums.items():
        path = root / name
        assert fingerprint(sorted(path.glob("*.jpg")) if path.is_dir() else [path]) == wanted, name
