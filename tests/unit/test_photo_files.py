"""Photos kept as files: whole or not at all, under the hash of their bytes."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from facings import errors
from facings.adapters.photo_files import PhotoFiles
from facings.errors import StoreFailed

JPEG = b"\xff\xd8 a photo"
ID = hashlib.sha256(JPEG).hexdigest()


def visible(folder: Path) -> list[str]:
    """Names of the files below a folder that are not hidden."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name[0] != ".")


def files(folder: Path) -> list[str]:
    """Names of all files below a folder."""
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def test_a_photo_lies_in_a_folder_of_its_hash_and_comes_back(tmp_path: Path) -> None:
    photos = PhotoFiles(tmp_path / "photos")

    photos.put(ID, JPEG)

    assert visible(tmp_path) == [f"photos/{ID[:2]}/{ID}.jpg"]
    assert photos.get(ID) == JPEG
    assert photos.path(ID) == tmp_path / "photos" / ID[:2] / f"{ID}.jpg"


@pytest.mark.parametrize(
    ("data", "suffix"),
    [
        (b"\xff\xd8\xff\xe0", ".jpg"),
        (b"\x89PNG\r\n", ".png"),
        (b"RIFF1234WEBP", ".webp"),
        (b"GIF89a", ".gif"),
        (b"BM1234", ".bmp"),
        (b"II*\x00", ".tif"),
        (b"MM\x00*", ".tif"),
        (b"", ".bin"),
        (b"what?", ".bin"),
    ],
)
def test_the_suffix_is_what_the_bytes_are(data: bytes, suffix: str, tmp_path: Path) -> None:
    photos = PhotoFiles(tmp_path)

    photos.put(ID, data)

    assert photos.path(ID).name == ID + suffix
    assert photos.get(ID) == data


def test_a_photo_put_twice_is_written_once(tmp_path: Path) -> None:
    photos = PhotoFiles(tmp_path)
    photos.put(ID, JPEG)
    before = photos.path(ID).stat()

    photos.put(ID, JPEG)

    assert (photos.path(ID).stat().st_ino, photos.path(ID).stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert files(tmp_path) == [f"{ID}.jpg"]


@pytest.mark.parametrize("has_folder", [True, False])
def test_a_photo_that_is_not_there(has_folder: bool, tmp_path: Path) -> None:
    if has_folder:
        (tmp_path / ID[:2]).mkdir()

    with pytest.raises(StoreFailed, match=f"photo {ID[:12]}… is gone. Restore it from a backup"):
        PhotoFiles(tmp_path).get(ID)


def test_a_photo_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / ID[:2] / f"{ID}.jpg").mkdir(parents=True)

    with pytest.raises(StoreFailed, match=r"\.jpg: cannot be read \(Is a directory\)"):
        PhotoFiles(tmp_path).get(ID)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "photos").write_text("a file stands in the way")

    with pytest.raises(StoreFailed, match="the photo cannot be kept"):
        PhotoFiles(tmp_path / "photos").put(ID, JPEG)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_nothing_behind(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    photos = PhotoFiles(tmp_path)
    with monkeypatch.context() as patch:
        if step == "fsync":
            patch.setattr(os, "fsync", no_space)
        else:
            patch.setattr(Path, "replace", no_space)
        with pytest.raises(StoreFailed, match=r"the photo cannot be kept \(No space left on device\)"):
            photos.put(ID, JPEG)

    assert files(tmp_path) == []
    photos.put(ID, JPEG)
    assert photos.get(ID) == JPEG


def test_bytes_then_name_then_folder_reach_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def seen_fsync(handle: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "bytes")
        fsync(handle)

    def seen_replace(self: Path, target: Any) -> Path:
        steps.append("name")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(Path, "replace", seen_replace)

    PhotoFiles(tmp_path).put(ID, JPEG)

    assert steps == ["folder", "bytes", "name", "folder"]  # the first for the name of the folder itself


def test_killed_before_the_name_is_given_no_photo_is_visible(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from facings.adapters.photo_files import PhotoFiles\n"
        f"PhotoFiles(Path(sys.argv[1])).put({ID!r}, {JPEG!r})\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(errors.__file__).parents[1])}

    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=environment, check=False)

    assert killed.returncode == -signal.SIGKILL
    assert len(files(tmp_path)) == 1  # it had come as far as that
    assert visible(tmp_path) == []
    photos = PhotoFiles(tmp_path)
    with pytest.raises(StoreFailed, match="is gone"):
        photos.get(ID)
    photos.put(ID, JPEG)
    assert photos.get(ID) == JPEG
