"""The Grocery Store photos as a model sees them, kept in files for the next run and for the other benchmarks."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facings.adapters.onnx_models import OnnxEmbedder
from facings.embed import embed
from facings.evaluate.side import read_product
from facings.manifest import LabelledPhoto, read_manifest
from facings.near_duplicates import perceptual_hash
from facings.types import FloatArray, UInt8Array

DATA = Path(os.environ.get("FACINGS_DATA", "../shared/data")) / "grocery-store"
UNSEEN_SEED = 0  # of benchmarks/training.py
_BATCH = 32


@dataclass(frozen=True, eq=False)
class Split:
    """One split: its photos, float32 (N, D) unit rows, uint64 (N,) perceptual hashes."""

    photos: tuple[LabelledPhoto, ...]
    rows: FloatArray
    looks: NDArray[np.uint64]


def read_split(split: str, model: OnnxEmbedder, folder: Path | None) -> Split:
    """One split embedded, or as it was kept in the folder."""
    photos = tuple(read_manifest(DATA / f"{split}.txt").photos)
    file = folder / f"{model.space_id}-{split}.npz" if folder else None
    if file is not None and file.is_file():
        with np.load(file, allow_pickle=False) as kept:
            return Split(photos, kept["rows"], kept["looks"])
    looks: list[int] = []

    def seen(pixels: UInt8Array) -> UInt8Array:
        looks.append(perceptual_hash(pixels))
        return pixels

    found = Split(photos, _rows(photos, model, seen), np.array(looks, np.uint64))
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, rows=found.rows, looks=found.looks)
    return found


def changed_rows(
    split: str, model: OnnxEmbedder, folder: Path | None, change: Callable[[UInt8Array], UInt8Array], name: str
) -> FloatArray:
    """float32 (N, D): the rows of one split's photos after a change, or as they were kept under its name."""
    file = folder / f"{model.space_id}-{split}-{name}.npy" if folder else None
    if file is not None and file.is_file():
        return np.asarray(np.load(file, allow_pickle=False), np.float32)
    found = _rows(tuple(read_manifest(DATA / f"{split}.txt").photos), model, change)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, found)
    return found


def _rows(
    photos: tuple[LabelledPhoto, ...], model: OnnxEmbedder, change: Callable[[UInt8Array], UInt8Array]
) -> FloatArray:
    batches = [photos[start : start + _BATCH] for start in range(0, len(photos), _BATCH)]
    return np.concatenate([embed([change(read_product(p)[1]) for p in batch], model).rows for batch in batches])
