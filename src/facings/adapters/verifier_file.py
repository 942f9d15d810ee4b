"""What was learned about pairs of look-alikes, kept in a file beside the store, one a space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facings.adapters.array_file import load_arrays, save_arrays
from facings.twin_check import KnownPair
from facings.twin_verifier import TwinVerifier
from facings.types import IntArray


def save_pairs(folder: Path, space_id: str, pairs: Sequence[KnownPair]) -> Path:
    """Write pairs whole or not at all; they replace what was there.

    Args:
        folder: Made where it is not there.
        space_id: The space of the embedder whose cells they were learned from.
        pairs: What to keep.

    Returns:
        The file.

    Raises:
        StoreFailed: The disk is full or the folder cannot be written.
    """
    path = _path(folder, space_id)
    save_arrays(path, _arrays(pairs), "what tells twins apart")
    return path


def load_pairs(folder: Path, space_id: str, sku_of: Mapping[int, str]) -> list[KnownPair]:
    """The pairs kept for a space whose reference photos are all still in the gallery; none where none are kept.

    Args:
        folder: Where they were saved.
        space_id: Which space.
        sku_of: Reference id → SKU, of the gallery now.

    Raises:
        StoreFailed: The file is damaged.
    """

    def read(kept: Mapping[str, NDArray[Any]]) -> list[KnownPair]:
        return list(_pairs(kept))

    pairs = load_arrays(_path(folder, space_id), read, what="what tells twins apart", again="facings gallery twins")
    return [pair for pair in pairs or () if _is_current(pair, sku_of)]


def _path(folder: Path, space_id: str) -> Path:
    return folder / f"twins-{space_id}.npz"


def _arrays(pairs: Sequence[KnownPair]) -> dict[str, NDArray[Any]]:
    """All pairs as arrays, lines of several photos one behind the other."""
    several = [pair.verifier for pair in pairs]
    return {
        "first": np.array([pair.first for pair in pairs], np.str_),
        "second": np.array([pair.second for pair in pairs], np.str_),
        "weight": np.array([v.weight for v in several], np.float64),
        "bias": np.array([v.bias for v in several], np.float64),
        "n_wrong": np.array([(v.n_wrong, v.n_wrong_embedding) for v in several], np.int64).reshape(-1, 2),
        "n_photos": np.array([len(v.signs) for v in several], np.int64),
        "signs": np.concatenate([np.zeros(0), *(v.signs for v in several)]),
        "left_out": np.concatenate([np.zeros(0), *(v.left_out for v in several)]),
        "reference_ids": np.concatenate([np.zeros(0, np.int64), *(pair.reference_ids for pair in pairs)]),
    }


def _pairs(kept: Mapping[str, NDArray[Any]]) -> Iterator[KnownPair]:
    ends = np.cumsum(kept["n_photos"])[:-1]
    parts = [np.split(kept[name], ends) for name in ("signs", "left_out", "reference_ids")]
    if not np.isfinite(kept["weight"]).all() or any(len(kept[n]) != kept["n_photos"].sum() for n in _BY_PHOTO):
        raise ValueError("numbers are missing or none")
    for n, (first, second) in enumerate(zip(kept["first"].tolist(), kept["second"].tolist(), strict=True)):
        signs, left_out, reference_ids = (part[n] for part in parts)
        n_wrong, n_wrong_embedding = kept["n_wrong"][n].tolist()
        verifier = TwinVerifier(kept["weight"][n], float(kept["bias"][n]), left_out, signs, n_wrong, n_wrong_embedding)
        yield KnownPair(first, second, reference_ids.astype(np.int64), verifier)


_BY_PHOTO = ("signs", "left_out", "reference_ids")


def _is_current(pair: KnownPair, sku_of: Mapping[int, str]) -> bool:
    """Whether every photo that it was learned from still shows its product in the gallery."""
    wanted = np.where(pair.verifier.signs > 0, pair.first, pair.second).tolist()
    ids: IntArray = pair.reference_ids
    return all(sku_of.get(reference_id) == sku for reference_id, sku in zip(ids.tolist(), wanted, strict=True))
