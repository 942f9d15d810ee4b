"""The public Grocery Store Dataset (Klasson, Zhang, Kjellström, WACV 2019; MIT): found on disk, or downloaded.

The download takes one file at a time from a fixed commit of the public repository. What is there already is not
fetched again, so a broken download goes on where it stopped. Every file is checked: lists by their own SHA-256,
photos by one SHA-256 a folder (over the SHA-256 of each photo, in order of their names). Files that were there before
are never changed or removed.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import stat
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

from facings.csv_table import read_text
from facings.errors import BadInput, DownloadFailed
from facings.manifest import read_manifest
from facings.progress import Track, untracked

FOLDER = "grocery-store"
DOWNLOADS = Path("facings-data")
SPLITS = ("train", "val")
ORIGIN = "https://raw.githubusercontent.com/marcusklasson/GroceryStoreDataset/b545e4c5db0a77d9274bc7753eb409f83772a3a5/dataset"
TIMEOUT_S = 30
TRIES = 3
N_CONNECTIONS = 8

_LISTS = ("classes.csv", "train.txt", "val.txt")


def find_grocery_store(data: Path | None) -> Path | None:
    """The folder of a complete copy, if there is one: in `data`, else in `../shared/data` or `facings-data`.

    A copy is complete when its lists are there and every photo that they name; contents are not looked at.

    Raises:
        BadInput: A list or a folder is there and cannot be read.
    """
    candidates = [data] if data else [Path("../shared/data"), DOWNLOADS]
    return next((folder / FOLDER for folder in candidates if _is_complete(folder / FOLDER)), None)


def download_grocery_store(directory: Path, *, origin: str = ORIGIN, track: Track = untracked) -> Path:
    """Fetch what a folder lacks of the training and validation photos (2,936), check all, and give the set's folder.

    Args:
        directory: Where public data sets are kept; the set gets a folder of its own in it.
        origin: Where the files come from.
        track: Shows progress.

    Raises:
        DownloadFailed: The network fails three times in a row, or what came or was there is not what was published.
        BadInput: A list that was there cannot be read.
    """
    root = directory / FOLDER
    checksums = _checksums()
    for name in _LISTS:
        is_new = _fetch(origin, root, name)
        _check(root, name, [root / name], checksums, new={root / name} if is_new else set())
    photos = [name for split in SPLITS for name in _listed(root / f"{split}.txt")]
    with ThreadPoolExecutor(N_CONNECTIONS) as pool:
        fetched = track(pool.map(lambda name: _fetch(origin, root, name), photos), "Downloading", len(photos))
        new = {root / name for name, is_new in zip(photos, fetched, strict=True) if is_new}
    folders: dict[str, list[Path]] = {}
    for name in photos:
        folders.setdefault(name.rsplit("/", 1)[0], []).append(root / name)
    for folder, paths in folders.items():
        _check(root, folder, paths, checksums, new=new)
    return root


def fingerprint(paths: Iterable[Path]) -> str:
    """SHA-256 over the SHA-256 of each file, in order of their names."""
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda path: path.name):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _is_complete(root: Path) -> bool:
    if not all(_is_there(root / name) for name in _LISTS):
        return False
    return all(_is_there(photo.path) for split in SPLITS for photo in read_manifest(root / f"{split}.txt").photos)


def _is_there(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or error}).", "Check its permissions.") from error


def _checksums() -> Mapping[str, str]:
    text = (files("facings") / "checksums" / "grocery_store.json").read_text(encoding="utf-8")
    checksums: dict[str, str] = json.loads(text)
    return checksums


def _listed(path: Path) -> list[str]:
    return [line.split(",")[0].strip() for line in read_text(path).splitlines() if line.strip()]


def _fetch(origin: str, root: Path, name: str) -> bool:
    """One file, written whole or not at all; one that is there is left alone. Whether it was fetched."""
    target = root / name
    if _is_there(target):
        return False
    data = _get(f"{origin}/{urllib.parse.quote(name)}")
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(target)
    except OSError as error:
        raise DownloadFailed(f"{target}: cannot be written ({error.strerror or error}).") from error
    return True


def _get(url: str) -> bytes:
    failure: Exception | None = None
    for _ in range(TRIES):
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
                data: bytes = answer.read()
                return data
        except urllib.error.HTTPError as error:
            error.close()  # it holds the connection
            failure = error
            if error.code == 404:  # trying again will not help
                break
        except (OSError, http.client.HTTPException) as error:
            failure = error
    raise DownloadFailed(
        f"{url}: {failure}.",
        "Run it again, it goes on where it stopped; or set FACINGS_DATA to a folder that holds grocery-store/.",
    )


def _check(root: Path, name: str, paths: Sequence[Path], checksums: Mapping[str, str], *, new: set[Path]) -> None:
    """Compare with the published contents. What is wrong and new is removed, so that the next run fetches it again."""
    try:
        found, wanted = fingerprint(paths), checksums.get(name)
    except OSError as error:
        raise BadInput(
            f"{root / name}: cannot be read ({error.strerror or error}).", "Check its permissions."
        ) from error
    if found == wanted:
        return
    for path in new.intersection(paths):
        path.unlink()
    is_all_new = new.issuperset(paths)
    raise DownloadFailed(
        f"{root / name}: checksum {found[:12]}…, wanted {(wanted or 'none')[:12]}…"
        + ("; the files were removed." if is_all_new else "; what was there before differs from what was published."),
        "Run it again to fetch them anew."
        if is_all_new
        else f"Remove {root / name} and run it again to fetch it anew.",
    )
