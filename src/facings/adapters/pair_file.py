"""What the comparator learns from, kept in a file a product: making it takes as long as the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facings.adapters.array_file import load_arrays, save_arrays
from facings.apps.pack_comparator import Beside
from facings.train.comparator_pairs import Pair


def save_pairs(path: Path, pairs: Sequence[Pair]) -> None:
    """Keep pairs in a file, whole or not at all.

    Args:
        path: The file.
        pairs: What to keep.

    Raises:
        StoreFailed: The disk is full or the folder cannot be written.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for n, pair in enumerate(pairs):
        shown = pair.beside
        looks = np.clip(shown.looks, -1e4, 1e4).astype(np.float16)
        arrays |= {f"part_{n}": shown.part, f"laid_{n}": shown.laid, f"looks_{n}": looks}
        arrays |= {f"seen_{n}": shown.is_seen, f"truth_{n}": pair.truth}
    save_arrays(path, arrays, "pairs to learn from")


def load_pairs(path: Path) -> list[Pair] | None:
    """Pairs as they were kept, to half precision; None where there is no file.

    Args:
        path: The file.

    Raises:
        StoreFailed: The file is damaged.
    """
    return load_arrays(path, _pairs, what="the pairs to learn from", again="the same command")


def _pairs(kept: Mapping[str, NDArray[Any]]) -> list[Pair]:
    n_pairs = sum(name.startswith("truth_") for name in kept)
    return [
        Pair(Beside(*(kept[f"{name}_{n}"] for name in ("part", "laid", "looks", "seen"))), kept[f"truth_{n}"])
        for n in range(n_pairs)
    ]
