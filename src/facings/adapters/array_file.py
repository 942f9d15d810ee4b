"""Arrays in a file beside the store: written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facings.errors import StoreFailed


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], what: str) -> None:
    """Write arrays as NumPy's `.npz`; they replace what was there.

    Args:
        path: The file; its folder is made where it is not there.
        arrays: By name, none of them "allow_pickle".
        what: What they are, for messages.

    Raises:
        StoreFailed: The disk is full or the folder cannot be written; what was there is left as it was.
    """
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # its own flag is among the names, to a type checker
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise StoreFailed(f"{path}: {what} cannot be kept ({error.strerror or error}).") from error
