"""How well forged packs are told from genuine ones, on photos of real cartons with edits made for the purpose.

python benchmarks/authenticity.py [N_PRODUCTS] [N_QUERIES]     (12 products, 4 queries each: about twenty minutes)

Grocery Store Dataset from FACINGS_DATA, else ../shared/data. Genuine references are photos of the train split; queries,
genuine and forged ones, are of val and test, taken at other times; near-duplicates of a reference are left out. The
simulator's edits are placed where genuine photos vouch for the pack by geometry alone, whether or not the query can be
judged there. Baselines in the same run: distance of embeddings; SSIM after the same alignment; a memory bank of the
network's cells. Words are read for their own table only, as that takes longer than all the rest.
"""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from authenticity_tables import GENUINE, Asked, Product, page
from facings.adapters.barcode import ZxingReader
from facings.adapters.opencv_registration import OpenCvRegistrar
from facings.adapters.text import RapidOcrReader
from facings.apps.authenticity import working_size
from facings.apps.genuine_calibration import GenuineCalibration
from facings.apps.genuine_pack import MAX_PHOTOS, GenuinePack, fitting, look, prepare
from facings.apps.pack_barcode import check_barcode
from facings.apps.pack_checks import scores_of
from facings.apps.pack_finder import find_pack
from facings.apps.pack_inspection import inspect
from facings.apps.pack_look import Looked, Places, Vouching, carried, vouched_places
from facings.apps.pack_maps import PLACE_PX, ring_mean
from facings.apps.pack_text import most_misread, read_lines
from facings.apps.registration import Landmarks, PixelBox
from facings.cells import cells_of
from facings.embed import Embedder, embed
from facings.errors import BadInput
from facings.images import decode, read_bytes
from facings.manifest import read_manifest
from facings.near_duplicates import near_pairs, perceptual_hash
from facings.networks import load_cells, load_comparator, load_detector, load_model
from facings.simulate.forged_print import WORD_KINDS, other_number, print_barcode, reprint
from facings.simulate.forgeries import KINDS, STRENGTHS, Forgery, forge
from facings.types import Image, UInt8Array
from results_page import write_section

ROOT = Path(os.environ.get("FACINGS_DATA", "../shared/data"))
DATA, STRANGERS = ROOT / "grocery-store", ROOT / "groceries-detection" / "images"
N_PRODUCTS, N_QUERIES, SEED, N_THREADS = 12, 4, 20260301, 2
N_STRANGERS = 100
CHOSEN_ON = frozenset(  # cartons that the settings were chosen on, val and test photos too; they are not measured
    (
        "Alpro-Blueberry-Soyghurt", "Alpro-Fresh-Soy-Milk", "Alpro-Shelf-Soy-Milk", "Alpro-Vanilla-Soyghurt",
        "Arla-Ecological-Medium-Fat-Milk", "Arla-Lactose-Medium-Fat-Milk", "Arla-Mild-Vanilla-Yoghurt",
        "Arla-Natural-Yoghurt", "Bravo-Apple-Juice", "God-Morgon-Orange-Red-Grapefruit-Juice",
        "God-Morgon-Red-Grapefruit-Juice", "Oatly-Natural-Oatghurt", "Tropicana-Apple-Juice",
        "Tropicana-Golden-Grapefruit", "Tropicana-Juice-Smooth", "Tropicana-Mandarin-Morning",
        "Valio-Vanilla-Yoghurt", "Yoggi-Strawberry-Yoghurt", "Yoggi-Vanilla-Yoghurt",
    )
)  # fmt: skip


class Bench:
    """Networks, registrar and chance of one run."""

    def __init__(self) -> None:
        self.registrar = OpenCvRegistrar(n_threads=N_THREADS)
        self.comparator = load_comparator(n_threads=N_THREADS)
        self.detector = load_detector("product-detector", n_threads=N_THREADS)
        self.embedder: Embedder = load_model(n_threads=N_THREADS)
        self.cells = load_cells(n_threads=N_THREADS)
        self.texts = RapidOcrReader(n_threads=N_THREADS)
        self.rng = np.random.default_rng(SEED)

    def box(self, pixels: UInt8Array) -> PixelBox:
        """Where the pack is in a photo."""
        return find_pack(Image(pixels, "0" * 64, "photo"), self.detector)

    def product(self, sku: str, references: list[UInt8Array], queries: list[UInt8Array], *, is_asked: bool) -> Product:
        """References prepared, with text for one that is asked about; queries less near-duplicates of them."""
        packs = {k: working_size(_cut(one, self.box(one))) for k, one in enumerate(references)}
        looks = [perceptual_hash(one) for one in references]
        again = {i for i, _ in near_pairs([perceptual_hash(one) for one in queries], looks)}
        own = [one for i, one in enumerate(queries) if i not in again][:N_QUERIES]
        pack = prepare(sku, packs, self.registrar, self.comparator, texts=self.texts if is_asked else None)
        return Product(
            sku, packs, pack, embed(list(packs.values()), self.embedder).rows, self._patches(packs.values()), own
        )

    def ask(self, product: Product, pixels: UInt8Array, forgery: Forgery | None = None) -> Asked:
        """One photo, by all methods but text."""
        began = time.perf_counter()
        box = self.box(pixels)
        pack = working_size(_cut(pixels, box))
        fits = fitting(self.registrar.landmarks(pack), _landmarks(product.pack), self.registrar)
        looked = look(pack, fits, product.references, self.registrar) if fits else None
        found = inspect(looked, _vouching(product.pack), self.comparator) if looked else None
        taken = time.perf_counter() - began
        row = embed([pack], self.embedder).rows[0]
        odd = None if forgery is None else _cut_map(forgery.is_edited, box, pack)
        return Asked(
            product=product,
            kind=forgery.kind if forgery else GENUINE,
            strength=forgery.strength if forgery else "",
            looked=looked,
            inspection=found,
            scores=scores_of(found, fits, None) if found is not None and found.is_enough else None,
            is_edited=odd,
            embedding=1 - float((product.rows @ row).max()),
            ssim=self._ssim(product, pack, looked) if looked else 1.0,
            memory_bank=_furthest(self._patches([pack]), product.patches),
            seconds=taken,
            pack=pack,
            box=box,
        )

    def read(self, asked: Asked) -> Asked:
        """The same with the words read, and how long that took."""
        if asked.scores is None or asked.looked is None or asked.inspection is None:
            return asked
        began = time.perf_counter()
        lines = read_lines(asked.pack, self.texts)
        taken = time.perf_counter() - began
        genuine = {one.number: one.lines for one in asked.product.pack.photos}
        fits = asked.looked.fits
        misread = most_misread(lines, {k: genuine[k] for k in fits}, fits)
        return replace(asked, scores=scores_of(asked.inspection, fits, misread), seconds=taken)

    def _patches(self, pictures: Iterable[UInt8Array]) -> NDArray[np.float32]:
        """float32 (N, C): cells with their neighbors averaged in, unit rows (Roth et al., 2022, without a coreset)."""
        side = self.cells.card.preparation.input_size_px
        squares = [resized(one, side) for one in pictures]
        found = cells_of(squares, self.cells)
        padded = np.pad(found, ((0, 0), (1, 1), (1, 1), (0, 0)), "edge")
        n = found.shape[1]
        mean = sum(padded[:, a : a + n, b : b + n] for a in range(3) for b in range(3)) / 9
        rows = np.asarray(mean, np.float32).reshape(-1, found.shape[-1])
        return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)

    def _ssim(self, product: Product, pack: UInt8Array, looked: Looked) -> float:
        """1 − SSIM (Wang et al., 2004) with the closest reference, mean over the vouched part, windows of 5 places."""
        k, fit = next(iter(looked.fits.items()))
        x1, y1, x2, y2 = looked.box
        laid, _ = self.registrar.laid_over(pack, product.references[k], fit, looked.box)
        one, other = (_places(p.astype(np.float64).mean(2)) for p in (pack[y1:y2, x1:x2], laid))
        m1, m2 = ring_mean(one, 2), ring_mean(other, 2)
        v1, v2 = ring_mean(one**2, 2) - m1**2, ring_mean(other**2, 2) - m2**2
        v12 = ring_mean(one * other, 2) - m1 * m2
        c1, c2 = 6.5025, 58.5225
        index = (2 * m1 * m2 + c1) * (2 * v12 + c2) / ((m1**2 + m2**2 + c1) * (v1 + v2 + c2))
        is_pack = _vouched(looked, product.pack)
        return 1 - float(index[is_pack].mean()) if is_pack.any() else 1.0

    def forgeries(self, pixels: UInt8Array, genuine: Asked, donor: UInt8Array) -> Iterator[Forgery]:
        """Each kind once at medium strength, and one kind at each other strength by lot."""
        assert genuine.looked is not None
        is_place = _vouched(genuine.looked, genuine.product.pack)
        part = np.zeros(genuine.pack.shape[:2], bool)
        x1, y1, x2, y2 = genuine.looked.box
        part[y1:y2, x1:x2] = is_place.repeat(PLACE_PX, 0).repeat(PLACE_PX, 1)
        is_pack = np.zeros(pixels.shape[:2], bool)
        left, top, right, bottom = genuine.box
        is_pack[top:bottom, left:right] = (
            resized(part.astype(np.uint8)[..., None].repeat(3, 2), (right - left, bottom - top))[..., 0] > 0
        )
        wanted = [(kind, "medium") for kind in KINDS]
        wanted += [(str(self.rng.choice(KINDS)), strength) for strength in STRENGTHS if strength != "medium"]
        for kind, strength in wanted:
            try:
                yield forge(pixels, is_pack, kind, strength, donor=donor, rng=self.rng)
            except BadInput:  # too little of the pack to be seen for an edit of this size
                continue

    def words(self, product: Product, pixels: UInt8Array) -> list[Asked]:
        """A query with words read: genuine, and with its longest word printed over."""
        genuine = self.read(self.ask(product, pixels))
        x1, y1, _, _ = genuine.box
        zoom = (genuine.box[2] - x1) / genuine.pack.shape[1]
        lines = [one for one in self.texts.read(genuine.pack) if one.confidence > 0.9 and one.text.isalpha()]
        if not lines or genuine.scores is None:
            return [genuine]
        longest = max(lines, key=lambda one: len(one.text))
        there = tuple(corner * zoom + (x1, y1)[k % 2] for k, corner in enumerate(longest.box))
        line = replace(longest, box=there)
        made = [reprint(pixels, line, kind, strength, self.rng) for kind in WORD_KINDS for strength in STRENGTHS[:2]]
        return [genuine, *(self.read(self.ask(product, one.pixels, one)) for one in made)]


def main(n_products: int) -> None:
    """Ask about everything and rewrite the section of docs/results.md."""
    bench = Bench()
    able, others = cartons(n_products)
    products = [bench.product(sku, *photos, is_asked=True) for sku, photos in able.items()]
    more = [bench.product(sku, *photos, is_asked=False) for sku, photos in others.items()]
    print(len(products), "products,", sum(len(p.pack.scores) for p in products + more), "genuine scores", flush=True)
    asked: list[Asked] = []
    words: list[Asked] = []
    for n, product in enumerate(products):
        donor = products[(n + 1) % len(products)].references[0]
        for pixels in product.queries:
            genuine = bench.ask(product, pixels)
            asked.append(genuine)
            if genuine.looked is not None:
                asked += [bench.ask(product, one.pixels, one) for one in bench.forgeries(pixels, genuine, donor)]
            words += bench.words(product, pixels)
        print(product.sku, len(product.pack.photos), len(product.pack.scores), len(asked), len(words), flush=True)
    strangers = [bench.ask(products[k % len(products)], pixels) for k, pixels in enumerate(_strangers())]
    packs = [one.pack for one in products + more]
    codes = _barcodes([pixels for product in products for pixels in product.queries], bench.rng)
    command = f"python benchmarks/authenticity.py {len(products)} {N_QUERIES}"
    conditions = f"`{command}` on MACHINE, {N_THREADS} threads; seed {SEED}."
    write_section("authenticity", page(conditions, GenuineCalibration(packs), asked, words, strangers, codes, packs))


def cartons(
    n: int,
) -> tuple[dict[str, tuple[list[UInt8Array], list[UInt8Array]]], dict[str, tuple[list[UInt8Array], list[UInt8Array]]]]:
    """References and queries of cartons to ask about, and references of others, to calibrate with."""
    rng = np.random.default_rng(SEED)
    photos: dict[str, defaultdict[str, list[Path]]] = {}
    for split in ("train", "val", "test"):
        photos[split] = defaultdict(list)
        for photo in read_manifest(DATA / f"{split}.txt").photos:
            if "Packages" in photo.path.parts:
                photos[split][photo.path.parent.name].append(photo.path)
    enough = sorted(sku for sku, paths in photos["train"].items() if len(paths) >= MAX_PHOTOS)
    chosen = rng.permutation([sku for sku in enough if sku not in CHOSEN_ON])[:n].tolist()
    able, others = {}, {}
    for sku in enough:
        paths = photos["train"][sku]
        spread = [_read(paths[i]) for i in np.linspace(0, len(paths) - 1, MAX_PHOTOS).round().astype(int)]
        if sku in chosen:
            several = photos["val"][sku] + photos["test"][sku]
            able[sku] = spread, [_read(several[i]) for i in rng.permutation(len(several))[: 2 * N_QUERIES]]
        else:
            others[sku] = spread, list[UInt8Array]()
    return able, others


def _strangers() -> list[UInt8Array]:
    """Photos of other packs."""
    paths = sorted(STRANGERS.rglob("*.jpg"))
    return [_read(paths[i]) for i in np.linspace(0, len(paths) - 1, N_STRANGERS).round().astype(int)] if paths else []


def _barcodes(photos: list[UInt8Array], rng: np.random.Generator) -> dict[str, list[str]]:
    """A label with a barcode in photos three times as large: what the check said, by kind of number."""
    reader, right = ZxingReader(), "7310865004703"
    said: dict[str, list[str]] = {}
    for pixels in photos:
        large = resized(pixels, (3 * pixels.shape[1], 3 * pixels.shape[0]))
        module_px = int(rng.integers(1, 4))
        wrong_digit = right[:-1] + str((int(right[-1]) + int(rng.integers(1, 10))) % 10)
        for kind, number in (
            ("right", right),
            ("another product's", other_number(right, rng)),
            ("wrong check digit", wrong_digit),
        ):
            room = large.shape[1] - 113 * module_px, large.shape[0] - 40 * module_px
            shown = print_barcode(large, number, int(rng.integers(room[0])), int(rng.integers(room[1])), module_px)
            blurred = resized(
                resized(shown, (shown.shape[1] * 4 // 5, shown.shape[0] * 4 // 5)), (shown.shape[1], shown.shape[0])
            )
            found = check_barcode(blurred, right, reader)
            said.setdefault(kind, []).append("not read" if not found else "odd" if found[0].is_odd else "fits")
    return said


def _landmarks(pack: GenuinePack) -> Iterator[tuple[int, Landmarks]]:
    return ((one.number, one.landmarks) for one in pack.photos)


def _vouching(pack: GenuinePack) -> dict[int, Vouching]:
    return {one.number: one.vouching for one in pack.photos}


def _vouched(looked: Looked, pack: GenuinePack) -> Places:
    return vouched_places(
        looked, {k: carried(one, looked, k) for k, one in _vouching(pack).items() if k in looked.maps}
    )


def _read(path: Path) -> UInt8Array:
    return decode(read_bytes(path), source=str(path)).pixels


def _cut(pixels: UInt8Array, box: PixelBox) -> UInt8Array:
    return pixels[box[1] : box[3], box[0] : box[2]]


def _cut_map(is_edited: NDArray[np.bool_], box: PixelBox, pack: UInt8Array) -> NDArray[np.bool_]:
    """An edit in pixels of the pack at working size."""
    part = _cut(is_edited.astype(np.uint8)[..., None].repeat(3, 2), box)
    return resized(part, (pack.shape[1], pack.shape[0]))[..., 0] > 0


def resized(pixels: UInt8Array, size: int | tuple[int, int]) -> UInt8Array:
    wanted = (size, size) if isinstance(size, int) else size
    return np.asarray(PillowImage.fromarray(pixels).resize(wanted, PillowImage.Resampling.BILINEAR))


def _places(gray: NDArray[np.float64]) -> NDArray[np.float64]:
    height, width = gray.shape
    return np.asarray(gray.reshape(height // PLACE_PX, PLACE_PX, width // PLACE_PX, PLACE_PX).mean((1, 3)))


def _furthest(patches: NDArray[np.float32], bank: NDArray[np.float32]) -> float:
    """How far the oddest patch is from all patches of the bank."""
    return float((1 - (patches @ bank.T).max(1)).max())


if __name__ == "__main__":
    if len(sys.argv) > 2:
        N_QUERIES = int(sys.argv[2])
    main(int(sys.argv[1]) if len(sys.argv) > 1 else N_PRODUCTS)
