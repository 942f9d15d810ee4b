"""What barcodes, printed text and dimensions are worth where the picture cannot decide, and what reading costs.

python benchmarks/evidence.py [N]     (N crops a line, 24 by default; about ten minutes on two cores)

Simulated packs that are twins: one design in two sizes, two flavors of one family, or one print with two barcodes. The
picture's answer is set to ambiguous between the two; the baseline takes the one whose reference print is closer by the
bundled embedder. A stranger is a third product of the family, which is neither of the two.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, cycle, islice

import numpy as np
import zxingcpp
from PIL import Image as PillowImage
from PIL import ImageFilter

from facings.adapters.barcode import ZxingReader
from facings.adapters.text import RapidOcrReader
from facings.catalog import Product
from facings.embed import embed
from facings.evidence import BarcodeReader, Pixels, TextReader
from facings.networks import load_model
from facings.second_look import SecondLook
from facings.simulate.labels import draw_label
from facings.simulate.packs import Pack, make_packs
from facings.types import Candidate, Decision, Image, Recognition, UInt8Array
from results_page import machine, markdown_table, write_section

N_CROPS, N_PACKS, SEED = 24, 240, 7
WIDTHS_PX = (60, 100, 160)
MODULES_PX = (1.0, 1.5, 2.0, 3.0)
PX_PER_MM, BOX_ERROR = 2.0, (0.01, 0.03)
Pair = tuple[Pack, Pack, Pack]  # the product that is shown, and the two that the picture wavers between


@dataclass
class Clock:
    """A reader that notes the processor time of each crop, in ms."""

    reader: BarcodeReader | TextReader
    taken_ms: list[float]

    def read(self, crop: Pixels) -> tuple[object, ...]:
        """As the reader."""
        began = time.process_time()
        found = self.reader.read(crop)
        self.taken_ms.append(1000 * (time.process_time() - began))
        return found


class Bench:
    """Readers with clocks, and the embedder of the baseline."""

    def __init__(self) -> None:
        self.codes, self.texts = Clock(ZxingReader(), []), Clock(RapidOcrReader(n_threads=1), [])
        self.texts.reader.read(np.zeros((64, 64, 3), np.uint8))  # loads the models
        self._model = load_model(n_threads=1)

    def looked(
        self, photo: UInt8Array, boxes: Sequence[Recognition], packs: Sequence[Pack], **readers: bool
    ) -> Decision:
        """What the last box is after a second look, with the readers that are named."""
        products = {p.sku: _product(p) for p in packs}
        codes = self.codes if readers.get("codes") else _Nothing()
        look = SecondLook(codes, self.texts if readers.get("texts") else None, lambda: products)  # type: ignore[arg-type]
        return look.look(Image(photo, "", "simulated"), boxes)[-1].decision

    def closest(self, photo: UInt8Array, packs: Sequence[Pack]) -> str:
        """SKU of the pack whose print looks most like the photo."""
        rows = embed([photo, *(_print(pack, 300) for pack in packs)], self._model).rows
        return packs[int(np.argmax(rows[1:] @ rows[0]))].sku


class _Nothing:
    def read(self, crop: Pixels) -> tuple[()]:  # noqa: ARG002
        """Nothing."""
        return ()


def main(n_crops: int) -> None:
    """Measure and rewrite the section of docs/results.md."""
    bench, rng = Bench(), np.random.default_rng(SEED)
    packs = make_packs(N_PACKS, SEED)
    rows = []
    for name, pairs in (
        ("printed size", _sizes(packs)),
        ("flavor word", _flavors(packs)),
        ("stranger", _strangers(packs)),
    ):
        few = list(islice(pairs, n_crops))
        rows += [(name, f"{width} px wide", *_of_text(bench, few, width, rng)) for width in WIDTHS_PX]
    rows += [("barcode", f"bars of {size:g} px", *_of_codes(bench, packs, size, n_crops, rng)) for size in MODULES_PX]
    for error in BOX_ERROR:
        shown = islice(_sizes(packs), n_crops)
        rows.append(("dimensions", f"box sides ± {error:.0%}", *_of_dimensions(bench, shown, packs, error, rng)))
    columns = (
        "twins differ in",
        "crops",
        "resolved rightly",
        "resolved wrongly",
        "left open",
        "closest picture is right",
    )
    costs = [
        (name, f"{statistics.median(clock.taken_ms):,.0f} ({max(clock.taken_ms):,.0f})")
        for name, clock in (("barcode, zxing-cpp", bench.codes), ("text, RapidOCR", bench.texts))
    ]
    conditions = (
        f"`python benchmarks/evidence.py {n_crops}` on {machine()}. {n_crops} crops a line, seed {SEED}: flat prints "
        "of simulated packs, turned by up to 4°, blurred by 0.4 px, with noise and JPEG, where the picture's answer is "
        "set to ambiguous between two twins; without evidence all of them stay open. The baseline takes the twin whose "
        "print is closer by the bundled embedder. A stranger is a third flavor, so every resolved one is wrong. "
        f"Dimensions: six known neighbors and a box at {PX_PER_MM:g} px/mm, all sides off by a normal error."
    )
    body = ["## Evidence beside the picture", conditions, markdown_table(columns, rows)]
    body += ["Processor time a crop on one thread, median (slowest):", markdown_table(("reader", "ms"), costs)]
    write_section("evidence", "\n\n".join(body))


def _sizes(packs: Sequence[Pack]) -> Iterator[Pair]:
    """Endlessly: one design in two sizes."""
    twins = [(a, b) for a, b in combinations(packs, 2) if a.name == b.name and a.size != b.size]
    return cycle([pair for a, b in twins for pair in ((a, a, b), (b, a, b))])


def _flavors(packs: Sequence[Pack]) -> Iterator[Pair]:
    """Endlessly: two flavors of one family and size."""
    twins = [(a, b) for a, b in combinations(packs, 2) if (a.family, a.size) == (b.family, b.size) and a.name != b.name]
    return cycle([pair for a, b in twins[:: len(twins) // 40 + 1] for pair in ((a, a, b), (b, a, b))])


def _strangers(packs: Sequence[Pack]) -> Iterator[Pair]:
    """Endlessly: a flavor that is neither of the two."""
    groups = {(p.family, p.size): [q for q in packs if (q.family, q.size) == (p.family, p.size)] for p in packs}
    threes = [three for group in groups.values() for three in combinations(group, 3)]
    return cycle(threes[:: len(threes) // 40 + 1])


def _of_text(bench: Bench, pairs: Sequence[Pair], width: int, rng: np.random.Generator) -> tuple[str, ...]:
    def decided(shown: Pack, a: Pack, b: Pack) -> tuple[str | None, str, str]:
        photo = _photographed(_print(shown, width), rng)
        decision = bench.looked(photo, [_wavering(photo, a, b)], (a, b), texts=True, codes=True)
        return decision.sku, bench.closest(photo, (a, b)), shown.sku

    return _shares([decided(*pair) for pair in pairs])


def _of_codes(
    bench: Bench, packs: Sequence[Pack], module: float, n_crops: int, rng: np.random.Generator
) -> tuple[str, ...]:
    """One print with two barcodes."""
    found = []
    for a, b in islice(combinations(packs, 2), n_crops):
        code = zxingcpp.create_barcode(a.gtin, zxingcpp.BarcodeFormat.EAN13).to_image(scale=6)
        bars = PillowImage.fromarray(np.array(code)).convert("RGB")
        bars = bars.resize(
            (round(bars.width * module / 6), round(bars.height * module / 12)), PillowImage.Resampling.LANCZOS
        )
        picture = PillowImage.fromarray(_print(packs[0], max(200, bars.width + 20)))
        picture.paste(bars, (10, picture.height // 2))
        photo = _photographed(np.asarray(picture), rng)
        decision = bench.looked(photo, [_wavering(photo, a, b)], (a, b), codes=True)
        found.append((decision.sku, bench.closest(photo, (a, b)), a.sku))
    return _shares(found)


def _of_dimensions(
    bench: Bench, pairs: Iterator[Pair], packs: Sequence[Pack], error: float, rng: np.random.Generator
) -> tuple[str, ...]:
    photo, found = np.zeros((1200, 2400, 3), np.uint8), []
    for shown, a, b in pairs:
        others = [p for p in packs if p.family not in {a.family}]
        row = [others[int(i)] for i in rng.choice(len(others), 6, replace=False)]
        boxes = []
        for n, pack in enumerate([*row, shown]):
            width, height = (10 * cm * PX_PER_MM * (1 + rng.normal(0, error)) for cm in pack.size_cm[:2])
            box = (300.0 * n + 20, 1100 - height, 300.0 * n + 20 + width, 1100.0)
            known = Decision("accepted", pack.sku, (Candidate(pack.sku, 0.9, 0),))
            boxes.append(Recognition(box, 1.0, known if n < len(row) else _between(a, b)))
        decision = bench.looked(photo, boxes, [*row, a, b])
        found.append((decision.sku, "", shown.sku))
    return (*_shares(found)[:3], "–")


def _shares(found: Sequence[tuple[str | None, str, str]]) -> tuple[str, ...]:
    """Of (resolved, closest, shown): rightly, wrongly, open; and how often the closest picture is right."""
    outcomes = Counter("open" if sku is None else "right" if sku == shown else "wrong" for sku, _, shown in found)
    by_picture = sum(closest == shown for _, closest, shown in found)
    return tuple(
        f"{count / len(found):.0%}" for count in (*(outcomes[o] for o in ("right", "wrong", "open")), by_picture)
    )


def _product(pack: Pack) -> Product:
    width_mm, height_mm = (10 * cm for cm in pack.size_cm[:2])
    return Product(
        pack.sku, pack.gtin, pack.name, pack.brand, pack.category, pack.size, width_mm=width_mm, height_mm=height_mm
    )


def _between(a: Pack, b: Pack) -> Decision:
    return Decision("ambiguous", None, (Candidate(a.sku, 0.9, 0), Candidate(b.sku, 0.89, 1)))


def _wavering(photo: UInt8Array, a: Pack, b: Pack) -> Recognition:
    return Recognition((0, 0, photo.shape[1], photo.shape[0]), 1.0, _between(a, b))


def _print(pack: Pack, width_px: int) -> UInt8Array:
    """The front of a pack, drawn large and reduced."""
    height_px = round(width_px * pack.size_cm[1] / pack.size_cm[0])
    drawn = draw_label(pack, 4 * width_px, 4 * height_px)
    return np.asarray(drawn.resize((width_px, height_px), PillowImage.Resampling.BOX))


def _photographed(flat: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    turned = PillowImage.fromarray(flat).rotate(
        float(rng.uniform(-4, 4)), PillowImage.Resampling.BICUBIC, expand=True, fillcolor=(128, 128, 128)
    )
    blurred = np.asarray(turned.filter(ImageFilter.GaussianBlur(0.4)), np.float64)
    noisy = np.clip(blurred + rng.normal(0, 4, blurred.shape), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    PillowImage.fromarray(noisy).save(file, "JPEG", quality=88)
    return np.asarray(PillowImage.open(file))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else N_CROPS)
