"""Arrays in a file beside the store: written whole or not at all, and read with what is damaged said."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from facings.errors import StoreFailed
from facings.whole_file import replaced_file

Read = TypeVar("Read")


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], what: str) -> None:
    """Write arrays as NumPy's `.npz`; they replace what was there.

    Args:
        path: The file; its folder is made where it is not there.
        arrays: By name, none of them "allow_pickle".
        what: What they are, for messages.

    Raises:
        StoreFailed: The disk is full or the folder cannot be written; what was there is left as it was.
    """
    try:
        with replaced_file(path) as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # its own flag is among the names, to a type checker
    except OSError as error:
        raise StoreFailed(f"{path}: {what} cannot be kept ({error.strerror or error}).") from error


def load_arrays(
    path: Path, read: Callable[[Mapping[str, NDArray[Any]]], Read], *, what: str, again: str
) -> Read | None:
    """What `read` makes of the arrays in a file; None where there is no file.

    Args:
        path: The file.
        read: Takes the arrays by name; a `ValueError`, `KeyError` or `IndexError` says that they are not what they
            should be.
        what: What they are, for messages.
        again: The command that makes them again, for messages.

    Raises:
        StoreFailed: The file is damaged.
    """
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return read({name: kept[name] for name in kept.files})
    except (OSError, EOFError, ValueError, KeyError, IndexError, zipfile.BadZipFile) as error:
        raise StoreFailed(f"{path}: {what} is damaged ({error}).", f"Delete it, or make it again: {again}.") from error


def mark_of(path: Path) -> object:
    """Something that is another one when a file is written anew; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
