"""A process that adds references one at a time and prints the gallery version of each: STORE PHOTOS NAME COUNT."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np

from conftest import DIM, FakeEmbedder
from facings.adapters.sql_store import open_store
from facings.catalog import Product
from facings.gallery import NewReference


def main(location: str, photos: str, name: str, n_adds: int) -> None:
    """Half of the references are of a product that the other process adds too."""
    store = open_store(location, Path(photos))
    for number in range(n_adds):
        sku = name if number % 2 else "shared"
        photo_id = hashlib.sha256(f"{name} {number}".encode()).hexdigest()
        row = np.eye(DIM, dtype=np.float32)[number % DIM]
        new = NewReference(sku, photo_id, None, f"{name}/{number}.jpg", number, row)
        added = store.add_references([new], embedder=FakeEmbedder(), model="fake", products=[Product(sku)])
        sys.stdout.write(f"{added.version}\n")
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
