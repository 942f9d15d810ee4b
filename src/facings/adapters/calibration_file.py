"""Labelled queries that decisions are calibrated from, kept in a file beside the store, one a space."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from facings.adapters.array_file import save_arrays
from facings.calibrate import Queries
from facings.errors import StoreFailed


def save_queries(folder: Path, space_id: str, queries: Queries) -> Path:
    """Write queries whole or not at all; they replace what was there.

    Args:
        folder: Made where it is not there.
        space_id: The space of their rows.
        queries: What to keep.

    Returns:
        The file.

    Raises:
        StoreFailed: The disk is full or the folder cannot be written.
    """
    path = _path(folder, space_id)
    save_arrays(path, {"rows": queries.rows, "skus": np.array(queries.skus, np.str_)}, "the calibration")
    return path


def load_queries(folder: Path, space_id: str, dim: int) -> Queries | None:
    """The queries kept for a space; None where there are none.

    Args:
        folder: Where they were saved.
        space_id: Which space.
        dim: D of its rows.

    Raises:
        StoreFailed: The file is damaged.
    """
    path = _path(folder, space_id)
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            rows, skus = kept["rows"], tuple(kept["skus"].tolist())
        if rows.dtype != np.float32 or rows.shape != (len(skus), dim) or not np.isfinite(rows).all():
            raise ValueError(f"rows {rows.dtype} {rows.shape} for {len(skus)} products, wanted (N, {dim})")
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise StoreFailed(
            f"{path}: the calibration is damaged ({error}).", "Delete it, or make it again: facings calibrate --save."
        ) from error
    return Queries(rows, skus)


def _path(folder: Path, space_id: str) -> Path:
    return folder / f"calibration-{space_id}.npz"
