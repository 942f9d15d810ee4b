"""Labelled queries that decisions are calibrated from, kept in a file beside the store, one a space."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facings.adapters.array_file import load_arrays, mark_of, save_arrays
from facings.calibrate import Queries


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

    def read(kept: Mapping[str, NDArray[Any]]) -> Queries:
        rows, skus = kept["rows"], tuple(kept["skus"].tolist())
        if rows.dtype != np.float32 or rows.shape != (len(skus), dim) or not np.isfinite(rows).all():
            raise ValueError(f"rows {rows.dtype} {rows.shape} for {len(skus)} products, wanted (N, {dim})")
        return Queries(rows, skus)

    return load_arrays(_path(folder, space_id), read, what="the calibration", again="facings calibrate --save")


def queries_mark(folder: Path, space_id: str) -> object:
    """Something that is another one when other queries are saved for a space; None where there are none."""
    return mark_of(_path(folder, space_id))


def _path(folder: Path, space_id: str) -> Path:
    return folder / f"calibration-{space_id}.npz"
