"""A whole invented store on disk: catalog, reference photos, queries with truth, shelves with truth.

The directory it writes:
    catalog.csv                  sku,gtin,name,brand,category,size,price,currency: the products that are known
    references/<sku>/<sku>_01.jpg
    references.csv               photo,sku,category,x1,y1,x2,y2: the product's box in each reference photo
    iconic/<sku>.png             the front alone on transparent ground
    queries/query_0001.jpg
    queries.csv                  the same columns, and known: 1, or 0 for a product not in the catalog
    shelves/shelf_0001.jpg       shelves.json: COCO; annotations also carry sku and visible_frac
    store.json                   the numbers it was made from
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facings.errors import BadInput
from facings.simulate.camera import random_camera
from facings.simulate.fronts import draw_front
from facings.simulate.output_folder import replaced_folder
from facings.simulate.packs import MAX_PRODUCTS, Pack, make_packs
from facings.simulate.planning import plan_shelf
from facings.simulate.scenes import product_photo
from facings.simulate.shelves import ShelfPhoto, shelf_photo
from facings.types import FloatArray, UInt8Array

Progress = Callable[[int, int], None]
_MARK = "facings.simulate"
_OWN_NAMES = frozenset(
    (
        *("catalog.csv", "references.csv", "queries.csv", "shelves.json", "store.json"),
        *("references", "iconic", "queries", "shelves"),
    )
)
_PHOTO_PX = (400, 500)
_SHELF_PX = (1600, 1200)
_JPEG_QUALITY = 90
_LABEL_COLUMNS = ("photo", "sku", "category", "x1", "y1", "x2", "y2")
_REFERENCE_STREAM, _QUERY_STREAM, _SHELF_STREAM, _UNKNOWN_STREAM, _ORDER_STREAM = 10, 11, 12, 13, 14


@dataclass(frozen=True)
class StoreSummary:
    """What `write_store` wrote.

    Args:
        n_products: Products in the catalog.
        n_references: Reference photos of each of them.
        n_queries: Photos of single products.
        n_shelves: Photos of shelves.
        n_unknown: Products that are photographed but not in the catalog.
        n_facings: Annotated facings on all shelves together.
        seed: What it all was made from.
    """

    n_products: int
    n_references: int
    n_queries: int
    n_shelves: int
    n_unknown: int
    n_facings: int
    seed: int


def write_store(
    directory: str | Path,
    *,
    n_products: int,
    n_references: int,
    n_queries: int,
    n_shelves: int,
    n_unknown: int,
    seed: int,
    progress: Progress | None = None,
) -> StoreSummary:
    """Write an invented store; the same numbers give the same bytes with the same versions of NumPy and Pillow.

    The `n_unknown` products are drawn by lot from the same families as the others, so some are look-alikes of known
    ones. Queries take all products in turn, in a shuffled order. A photo depends on the seed, its product and its own
    number only, so a larger store repeats the reference photos of a smaller one.

    Args:
        directory: Where to; made if missing. A store written here before is replaced as a whole.
        n_products: Products in the catalog, 1 or more.
        n_references: Reference photos of each, 1 or more.
        n_queries: 0 or more.
        n_shelves: 0 or more, each with 40 to 70 facings.
        n_unknown: 0 or more.
        seed: 0 or more.
        progress: Called as progress(done, total) after each picture.

    Raises:
        BadInput: A number is out of range, or the directory holds files that are not a store made here.
    """
    _check(n_products, n_references, n_queries, n_shelves, n_unknown, seed)
    pool = make_packs(n_products + n_unknown, seed)
    unknown = set(_rng(seed, _UNKNOWN_STREAM).choice(len(pool), n_unknown, replace=False).tolist())
    tick = _Ticker(progress, n_products * (n_references + 1) + n_queries + n_shelves)
    with replaced_folder(Path(directory), own_names=_OWN_NAMES, mark="store.json", made_by=_MARK) as partial:
        _write_catalog(partial, [pack for i, pack in enumerate(pool) if i not in unknown])
        labels = [
            label
            for i, pack in enumerate(pool)
            if i not in unknown
            for label in _write_product(partial, pack, i, n_references, seed, tick)
        ]
        _write_csv(partial / "references.csv", _LABEL_COLUMNS, labels)
        _write_queries(partial, pool, unknown, n_queries, seed, tick)
        n_facings = _write_shelves(partial, pool, unknown, n_shelves, seed, tick)
        summary = StoreSummary(n_products, n_references, n_queries, n_shelves, n_unknown, n_facings, seed)
        _write_json(partial / "store.json", {"made_by": _MARK, **asdict(summary)})
    return summary


class _Ticker:
    """Counts pictures and tells whoever listens."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def tick(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)


def _check(n_products: int, n_references: int, n_queries: int, n_shelves: int, n_unknown: int, seed: int) -> None:
    least = {
        "n_products": (n_products, 1),
        "n_references": (n_references, 1),
        "n_queries": (n_queries, 0),
        "n_shelves": (n_shelves, 0),
        "n_unknown": (n_unknown, 0),
        "seed": (seed, 0),
    }
    for name, (value, low) in least.items():
        if value < low:
            raise BadInput(f"{name}: got {value}, wanted {low} or more.")
    if n_products + n_unknown > MAX_PRODUCTS:
        raise BadInput(f"n_products + n_unknown: got {n_products + n_unknown}, wanted at most {MAX_PRODUCTS}.")


def _rng(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _write_catalog(root: Path, packs: Sequence[Pack]) -> None:
    header = ("sku", "gtin", "name", "brand", "category", "size", "price", "currency")
    rows = ((p.sku, p.gtin, p.name, p.brand, p.category, p.size, str(p.price), p.currency) for p in packs)
    _write_csv(root / "catalog.csv", header, rows)


def _write_product(
    root: Path, pack: Pack, index: int, n_references: int, seed: int, ticker: _Ticker
) -> list[tuple[str, ...]]:
    (root / "iconic").mkdir(exist_ok=True)
    Image.fromarray(draw_front(pack, 400)).save(root / "iconic" / f"{pack.sku}.png")
    ticker.tick()
    folder = root / "references" / pack.sku
    folder.mkdir(parents=True)
    labels = []
    for k in range(n_references):
        rng = _rng(seed, _REFERENCE_STREAM, index, k)
        pixels, box = product_photo(pack, rng, _PHOTO_PX, camera=random_camera(rng, 0.3))
        name = f"{pack.sku}_{k + 1:02d}.jpg"
        _save_jpeg(pixels, folder / name)
        labels.append(_label(f"references/{pack.sku}/{name}", pack, box))
        ticker.tick()
    return labels


def _write_queries(
    root: Path, pool: Sequence[Pack], unknown: set[int], n_queries: int, seed: int, ticker: _Ticker
) -> None:
    (root / "queries").mkdir()
    order = _rng(seed, _ORDER_STREAM).permutation(len(pool)).tolist()
    rows = []
    for k in range(n_queries):
        index = order[k % len(pool)]
        pack, rng = pool[index], _rng(seed, _QUERY_STREAM, index, k)
        pixels, box = product_photo(pack, rng, _PHOTO_PX, camera=random_camera(rng, 0.65))
        name = f"query_{k + 1:04d}.jpg"
        _save_jpeg(pixels, root / "queries" / name)
        rows.append((*_label(f"queries/{name}", pack, box), str(int(index not in unknown))))
        ticker.tick()
    _write_csv(root / "queries.csv", (*_LABEL_COLUMNS, "known"), rows)


def _label(photo: str, pack: Pack, box: FloatArray) -> tuple[str, ...]:
    return photo, pack.sku, pack.category, *(f"{corner:.2f}" for corner in box.tolist())


def _write_shelves(
    root: Path, pool: Sequence[Pack], unknown: set[int], n_shelves: int, seed: int, ticker: _Ticker
) -> int:
    """Each shelf starts somewhere in the catalog and goes on in its order, so that families stand together."""
    (root / "shelves").mkdir()
    category_ids = {pack.sku: i + 1 for i, pack in enumerate(pool)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for k in range(n_shelves):
        rng = _rng(seed, _SHELF_STREAM, k)
        start = int(rng.integers(len(pool)))
        plan = plan_shelf([*pool[start:], *pool[:start]], rng, n_facings=int(rng.integers(40, 71)))
        photo = shelf_photo(plan, rng, _SHELF_PX)
        name = f"shelf_{k + 1:04d}.jpg"
        _save_jpeg(photo.pixels, root / "shelves" / name)
        images.append({"id": k + 1, "file_name": name, "width": _SHELF_PX[0], "height": _SHELF_PX[1]})
        annotations += _annotations(photo, k + 1, category_ids, len(annotations) + 1)
        ticker.tick()
    categories = [
        {"id": category_ids[p.sku], "name": p.sku, "supercategory": p.category, "known": int(i not in unknown)}
        for i, p in enumerate(pool)
    ]
    _write_json(root / "shelves.json", {"images": images, "annotations": annotations, "categories": categories})
    return len(annotations)


def _annotations(photo: ShelfPhoto, image_id: int, category_ids: dict[str, int], first_id: int) -> list[dict[str, Any]]:
    rows = []
    for i, ((x1, y1, x2, y2), sku) in enumerate(zip(photo.boxes.tolist(), photo.skus, strict=True)):
        rows.append(
            {
                "id": first_id + i,
                "image_id": image_id,
                "category_id": category_ids[sku],
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": (x2 - x1) * (y2 - y1),
                "iscrowd": 0,
                "sku": sku,
                "visible_frac": round(float(photo.visible_fraction[i]), 4),
            }
        )
    return rows


def _save_jpeg(pixels: UInt8Array, path: Path) -> None:
    Image.fromarray(pixels).save(path, "JPEG", quality=_JPEG_QUALITY)


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
