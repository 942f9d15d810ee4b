"""What was learned about pairs, written and read again; damaged files and outdated pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facings.adapters.verifier_file import load_pairs, save_pairs
from facings.errors import StoreFailed
from facings.twin_check import KnownPair
from facings.twin_verifier import PairPhotos, fit_verifier

SPACE = "space-1"


def learned(first: str, second: str, n_first: int, n_second: int, first_id: int) -> KnownPair:
    rng = np.random.default_rng(first_id)
    n = n_first + n_second
    photos = PairPhotos(
        rng.standard_normal((n, 5)).astype(np.float32), rng.standard_normal((n, 3)).astype(np.float32), n_first
    )
    return KnownPair(first, second, np.arange(first_id, first_id + n), fit_verifier(photos))


PAIRS = (learned("a", "b", 3, 4, 1), learned("c", "d'é", 5, 3, 20))
SKU_OF = {
    1: "a",
    2: "a",
    3: "a",
    **dict.fromkeys(range(4, 8), "b"),
    **dict.fromkeys(range(20, 25), "c"),
} | dict.fromkeys(range(25, 28), "d'é")


def test_pairs_come_back_as_they_were(tmp_path: Path) -> None:
    path = save_pairs(tmp_path / "new", SPACE, PAIRS)
    assert [file.name for file in (tmp_path / "new").iterdir()] == [path.name]
    for before, after in zip(PAIRS, load_pairs(tmp_path / "new", SPACE, SKU_OF), strict=True):
        assert (before.first, before.second, before.record) == (after.first, after.second, after.record)
        np.testing.assert_array_equal(before.reference_ids, after.reference_ids)
        for name in ("weight", "left_out", "signs"):
            np.testing.assert_array_equal(getattr(before.verifier, name), getattr(after.verifier, name))
        query = np.arange(5, dtype=np.float32)
        assert before.verifier.answer(query) == after.verifier.answer(query)
        assert before.verifier.n_wrong_embedding == after.verifier.n_wrong_embedding


def test_no_pairs_and_no_file(tmp_path: Path) -> None:
    assert load_pairs(tmp_path, SPACE, SKU_OF) == []
    save_pairs(tmp_path, SPACE, PAIRS)
    save_pairs(tmp_path, SPACE, ())
    assert load_pairs(tmp_path, SPACE, SKU_OF) == []
    assert load_pairs(tmp_path, "space-2", SKU_OF) == []


@pytest.mark.parametrize("change", [{2: "x"}, {2: ""}], ids=["of another product now", "removed"])
def test_a_pair_whose_photos_changed_is_left_out(tmp_path: Path, change: dict[int, str]) -> None:
    save_pairs(tmp_path, SPACE, PAIRS)
    now = {reference_id: sku for reference_id, sku in (SKU_OF | change).items() if sku}
    assert [pair.first for pair in load_pairs(tmp_path, SPACE, now)] == ["c"]
    assert len(load_pairs(tmp_path, SPACE, SKU_OF | {99: "a"})) == 2  # a new photo of a is no harm


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "other arrays", "NaN"])
def test_a_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    path = save_pairs(tmp_path, SPACE, PAIRS)
    data = path.read_bytes()
    with np.load(path) as kept:
        arrays = {name: kept[name] for name in kept.files}
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        middle = data.index(PAIRS[0].verifier.weight.tobytes())
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :])
    elif damage == "emptied":
        path.write_bytes(b"")
    elif damage == "other arrays":
        np.savez(path, rows=np.zeros(3))
    else:
        np.savez(path, **(arrays | {"weight": arrays["weight"] * np.nan}))
    with pytest.raises(
        StoreFailed, match=r"twins-space-1\.npz: what tells twins apart is damaged.*facings gallery twins"
    ):
        load_pairs(tmp_path, SPACE, SKU_OF)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailed, match="cannot be kept"):
        save_pairs(tmp_path / "file", SPACE, PAIRS)
