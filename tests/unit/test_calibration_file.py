"""Queries on disk: the same come back; what is damaged is said, never unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facings.adapters.calibration_file import load_queries, save_queries
from facings.calibrate import Queries
from facings.errors import StoreFailed

QUERIES = Queries(np.eye(3, dtype=np.float32), ("milk", "müsli", "茶"))


def test_what_was_saved_comes_back_and_the_last_one_counts(tmp_path: Path) -> None:
    save_queries(tmp_path / "new", "space-1", Queries(np.ones((1, 3), np.float32), ("old",)))
    path = save_queries(tmp_path / "new", "space-1", QUERIES)
    found = load_queries(tmp_path / "new", "space-1", 3)
    assert found is not None
    assert (found.rows == QUERIES.rows).all()
    assert found.skus == QUERIES.skus
    assert list(path.parent.iterdir()) == [path]


def test_another_space_has_none(tmp_path: Path) -> None:
    save_queries(tmp_path, "space-1", QUERIES)
    assert load_queries(tmp_path, "space-2", 3) is None


@pytest.mark.parametrize("n_bytes", [0, 10, 300])
def test_a_file_cut_short_is_damaged(tmp_path: Path, n_bytes: int) -> None:
    path = save_queries(tmp_path, "space-1", QUERIES)
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(StoreFailed, match=r"is damaged"):
        load_queries(tmp_path, "space-1", 3)


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    path = save_queries(tmp_path, "space-1", QUERIES)
    data = bytearray(path.read_bytes())
    data[data.index(np.float32(1).tobytes())] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(StoreFailed, match="is damaged"):
        load_queries(tmp_path, "space-1", 3)


@pytest.mark.parametrize(
    "arrays",
    [
        pytest.param({"rows": QUERIES.rows}, id="no products"),
        pytest.param({"rows": QUERIES.rows[:2], "skus": np.array(QUERIES.skus)}, id="another number of rows"),
        pytest.param({"rows": np.full((3, 3), np.nan, np.float32), "skus": np.array(QUERIES.skus)}, id="no numbers"),
        pytest.param({"rows": np.eye(3), "skus": np.array(QUERIES.skus)}, id="other numbers"),
        pytest.param({"rows": QUERIES.rows, "skus": np.array(list(QUERIES.skus), object)}, id="pickled objects"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, arrays: dict[str, Any]) -> None:
    path = save_queries(tmp_path, "space-1", QUERIES)
    with path.open("wb") as file:
        np.savez(file, **arrays)
    with pytest.raises(StoreFailed, match="is damaged"):
        load_queries(tmp_path, "space-1", 3)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreFailed, match="cannot be kept"):
        save_queries(tmp_path / "file", "space-1", QUERIES)
