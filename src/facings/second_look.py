"""After step 6: boxes that the picture did not decide are looked at again, for barcodes, printed text and size.

Reading costs time, text most of all, so a reader is asked only while the answer is open, or always if so wished.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from facings.catalog import Product
from facings.crop import MIN_SIDE_PX, cut
from facings.evidence import Barcode, BarcodeReader, Corners, Evidence, TextReader
from facings.scale import RowScale
from facings.twin_check import TwinCheck
from facings.types import Decision, Image, Recognition, UInt8Array
from facings.weigh import Numbers, known_number, of_barcode, of_dimensions, of_net_content, of_words, weigh

_MARGIN = 0.08  # of a box's sides, looked at too: boxes cut off barcodes and the white beside them
_PRINTED_DIGITS = "printed digits"


@dataclass(frozen=True)
class SecondLook:
    """Looks at boxes again.

    Args:
        barcodes: Reads barcodes.
        texts: Reads text; None where none can be read.
        products: Gives the catalog by SKU; asked once a photo, and only where a box is looked at.
        is_always: Whether every box is looked at, and not only those that the picture left ambiguous.
        twins: Tells look-alikes apart; None where nothing was learned about any.
    """

    barcodes: BarcodeReader
    texts: TextReader | None
    products: Callable[[], Mapping[str, Product]]
    is_always: bool = False
    twins: TwinCheck | None = None

    def look(self, image: Image, recognitions: Sequence[Recognition]) -> tuple[Recognition, ...]:
        """The recognitions, decided anew where there was reason to look and something was found.

        Args:
            image: The photo.
            recognitions: All its boxes, decided by the picture. Those without candidates are left as they are.
        """
        asked = [number for number, r in enumerate(recognitions) if self._is_asked(r)]
        if not asked:
            return tuple(recognitions)
        products = self.products()
        photo = _Photo(image, [r.box for r in recognitions], products, Numbers(products))
        scales = RowScale(recognitions, products, image.width, image.height)
        codes = self._codes(photo, asked)
        looked = list(recognitions)
        for number in asked:
            before = recognitions[number]
            candidates = [products.get(c.sku, Product(c.sku)) for c in before.decision.candidates]
            evidence = [photo.of_barcode(code, before.decision) for code in codes[number]]
            scale = scales.at(number, without={p.sku for p in candidates})
            if scale is not None:
                evidence += filter(None, [of_dimensions(before.box, scale, candidates)])
            if self.twins is not None and weigh(before.decision, evidence).decision.verdict == "ambiguous":
                evidence += filter(None, [self.twins.look(photo.cut(number)[1], before.decision.candidates)])
            if self._needs_text(before.decision, evidence):
                read = {piece.value for piece in evidence}
                of_text = self._of_text(photo, number, before.decision, candidates)
                evidence += [piece for piece in of_text if piece.value not in read]
            weighed = weigh(before.decision, evidence)
            looked[number] = replace(before, decision=weighed.decision, evidence=weighed.evidence)
        return tuple(looked)

    def _is_asked(self, recognition: Recognition) -> bool:
        decision = recognition.decision
        return bool(decision.candidates) and (self.is_always or decision.verdict == "ambiguous")

    def _needs_text(self, decision: Decision, evidence: Sequence[Evidence]) -> bool:
        """Whether text could change anything: not after a barcode decided, nor where no candidate is possible."""
        if self.texts is None or decision.verdict == "unknown":
            return False
        return self.is_always or weigh(decision, evidence).decision.verdict == "ambiguous"

    def _codes(self, photo: _Photo, asked: Sequence[int]) -> dict[int, list[Barcode]]:
        """Barcodes by the box that contains them, which may be the neighbor of the one looked at."""
        found: dict[int, dict[str, Barcode]] = {number: {} for number in range(len(photo.boxes))}
        for number in asked:
            corners, crop = photo.cut(number, margin=_MARGIN)
            for code in self.barcodes.read(crop) if _is_readable(crop) else ():
                box = _moved(code.box, corners)
                owner = photo.smallest_around(box)
                if owner is not None:
                    found[owner].setdefault(code.text, replace(code, box=box))
        return {number: list(codes.values()) for number, codes in found.items()}

    def _of_text(
        self, photo: _Photo, number: int, decision: Decision, candidates: Sequence[Product]
    ) -> Iterator[Evidence]:
        """What the text of a box says: its words, a size, and digits that are a number of the catalog."""
        corners, crop = photo.cut(number)  # no margin: the neighbor's text says nothing
        read = self.texts.read(crop) if self.texts is not None and _is_readable(crop) else ()
        lines = [replace(line, box=_moved(line.box, corners)) for line in read]
        yield from filter(None, (of_words(lines, candidates), of_net_content(lines, candidates)))
        for line in lines:
            digits = known_number(line.text, photo.numbers)
            if digits is not None:
                yield photo.of_barcode(Barcode(digits, _PRINTED_DIGITS, line.box), decision)


@dataclass(frozen=True)
class _Photo:
    """What is known of the photo that is looked at."""

    image: Image
    boxes: Sequence[Corners]
    products: Mapping[str, Product]
    numbers: Numbers

    def cut(self, number: int, *, margin: float = 0.0) -> tuple[Corners, UInt8Array]:
        """The pixels of a box with a margin, and the corners they were cut at."""
        x1, y1, x2, y2 = self.boxes[number]
        dx, dy = margin * (x2 - x1), margin * (y2 - y1)
        corners = (math.floor(max(0, x1 - dx)), math.floor(max(0, y1 - dy)), x2 + dx, y2 + dy)
        return corners, cut(self.image.pixels, np.array(corners, np.float32))

    def smallest_around(self, box: Corners) -> int | None:
        """The smallest of the photo's boxes that contains the middle of this one."""
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        around = [n for n, (x1, y1, x2, y2) in enumerate(self.boxes) if x1 <= x < x2 and y1 <= y < y2]
        return min(around, key=lambda n: _area(self.boxes[n]), default=None)

    def of_barcode(self, code: Barcode, decision: Decision) -> Evidence:
        """See `weigh.of_barcode`."""
        return of_barcode(code, decision, self.products, self.numbers)


def _is_readable(crop: UInt8Array) -> bool:
    return bool(min(crop.shape[:2]) >= MIN_SIDE_PX)


def _moved(box: Corners, corners: Corners) -> Corners:
    """A box of a crop in pixels of the photo that it was cut from."""
    x, y = corners[:2]
    return (box[0] + x, box[1] + y, box[2] + x, box[3] + y)


def _area(box: Corners) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
