"""Step 8 of the path: the record becomes answers: what was seen, when and where; as table, CSV, JSON and HTML.

Of several readings of one photo at one place the last one counts, so looking again never counts twice.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from facings.annotate import annotate
from facings.catalog import Product
from facings.errors import FacingsError
from facings.page import render, thumbnail
from facings.progress import Track, untracked
from facings.types import Image, Reading, Verdict

PICTURE_SIDE_PX = 900
MAX_PICTURES = 48
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

_CSV_COLUMNS = (
    "seen_at", "place", "photo", "photo_id", "x1", "y1", "x2", "y2", "confidence", "decision", "sku", "name",
    "similarity", "runner_up", "runner_up_similarity", "reasons", "detector", "space_id", "gallery_version",
    "recorded_at", "advice", "probability", "max_false_accept",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One product at one place.

    Args:
        place: Where, "" when not said.
        sku: The product.
        name: As the catalog calls it.
        category: As the catalog says.
        n_facings: Boxes accepted as this product, over all photos of the place.
        n_photos: Photos it was seen in.
        mean_similarity: Over its facings, in [-1, 1].
        last_seen: Aware UTC.
    """

    place: str
    sku: str
    name: str
    category: str
    n_facings: int
    n_photos: int
    mean_similarity: float
    last_seen: datetime


@dataclass(frozen=True)
class Report:
    """What the record says.

    Args:
        readings: The readings that count, by time seen.
        lines: Products by place, most facings first.
        verdicts: How many boxes were accepted, ambiguous, unknown.
        first_seen: Time of the first reading, None for an empty record.
        last_seen: Time of the last reading.
    """

    readings: tuple[Reading, ...]
    lines: tuple[Line, ...]
    verdicts: dict[Verdict, int]
    first_seen: datetime | None
    last_seen: datetime | None

    @property
    def n_boxes(self) -> int:
        """Boxes in all."""
        return sum(self.verdicts.values())

    @property
    def places(self) -> list[str]:
        """Every place there is a reading of, "" for photos without one."""
        return sorted({reading.place for reading in self.readings})


def report(readings: Sequence[Reading], products: Mapping[str, Product]) -> Report:
    """Sum the record up.

    Args:
        readings: The last reading of each photo and place (`ReadingStore.readings`).
        products: The catalog by SKU, for names.
    """
    verdicts: dict[Verdict, int] = {"accepted": 0, "ambiguous": 0, "unknown": 0}
    seen: dict[tuple[str, str], list[tuple[Reading, float]]] = {}
    for reading in readings:
        for r in reading.recognitions:
            verdicts[r.decision.verdict] += 1
            if r.decision.sku is not None:
                similarity = next(c.similarity for c in r.decision.candidates if c.sku == r.decision.sku)
                seen.setdefault((reading.place, r.decision.sku), []).append((reading, similarity))
    lines = [_line(place, products.get(sku, Product(sku)), facings) for (place, sku), facings in seen.items()]
    times = [reading.seen_at for reading in readings]
    return Report(
        readings=tuple(readings),
        lines=tuple(sorted(lines, key=lambda line: (line.place, -line.n_facings, line.sku))),
        verdicts=verdicts,
        first_seen=min(times, default=None),
        last_seen=max(times, default=None),
    )


def to_json(summary: Report) -> dict[str, Any]:
    """The report as JSON values: totals, products by place, and every reading with its boxes."""
    return {
        "n_photos": len(summary.readings),
        "n_boxes": summary.n_boxes,
        "decisions": summary.verdicts,
        "first_seen": _iso(summary.first_seen),
        "last_seen": _iso(summary.last_seen),
        "products": [
            {**asdict(line), "last_seen": _iso(line.last_seen), "mean_similarity": round(line.mean_similarity, 4)}
            for line in summary.lines
        ],
        "readings": [_reading_json(reading) for reading in summary.readings],
    }


def to_csv(summary: Report, products: Mapping[str, Product]) -> str:
    """The report as CSV text, one line a box."""
    return csv_text(_CSV_COLUMNS, _csv_rows(summary, products))


def csv_text(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table as CSV: nothing for None, and no text in it is taken for a formula by a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([inert(field) for field in row] for row in rows)
    return out.getvalue()


def _csv_rows(summary: Report, products: Mapping[str, Product]) -> Iterator[Sequence[object]]:
    for reading in summary.readings:
        advice = " ".join(one.code for one in reading.quality.advice) if reading.quality else ""
        for r in reading.recognitions:
            best = [(c.sku, round(c.similarity, 4)) for c in r.decision.candidates[:2]] + [("", ""), ("", "")]
            sku = r.decision.sku or ""
            yield (
                [_iso(reading.seen_at), reading.place, reading.photo, reading.photo_id]
                + [round(corner, 2) for corner in r.box]
                + [round(r.confidence, 4), r.decision.verdict, sku, products[sku].name if sku in products else ""]
                + [best[0][1], best[1][0], best[1][1], "; ".join(r.decision.reasons)]
                + [reading.detector, reading.space_id, reading.gallery_version, _iso(reading.recorded_at), advice]
                + [r.decision.probability, reading.max_false_accept]
            )


def inert(field: object) -> object:
    """Text that no spreadsheet takes for a formula (OWASP, "CSV Injection")."""
    return "'" + field if isinstance(field, str) and field[:1] in _FORMULA_STARTS else field


@dataclass(frozen=True)
class _Picture:
    """An annotated photo on the page; `uri` is "" where the photo cannot be shown any more."""

    reading: Reading
    uri: str
    counts: str
    is_wide: bool


def to_html(
    summary: Report,
    products: Mapping[str, Product],
    open_photo: Callable[[Reading], Image],
    made_at: datetime,
    *,
    track: Track = untracked,
) -> str:
    """The report as one self-contained page with annotated pictures of the last photos.

    A photo that is gone gets an empty frame: its line in the record stays.

    Args:
        summary: The report.
        products: The catalog by SKU, for names.
        open_photo: Gives the photo of a reading, or raises a `FacingsError`.
        made_at: When the page was made.
        track: Shows progress.
    """
    names = {sku: product.name for sku, product in products.items()}
    shown = sorted(summary.readings, key=lambda reading: reading.seen_at, reverse=True)[:MAX_PICTURES]
    # Shelves first: one picture of forty products says more than forty pictures of one.
    shown.sort(key=lambda reading: -len(reading.recognitions))
    pictures = [_picture(reading, names, open_photo) for reading in track(shown, "Drawing", len(shown))]
    return render("report.html.j2", report=summary, pictures=pictures, made_at=made_at)


def _picture(reading: Reading, names: Mapping[str, str], open_photo: Callable[[Reading], Image]) -> _Picture:
    try:
        drawn = annotate(open_photo(reading).pixels, reading.recognitions, names)
        uri = thumbnail(drawn, PICTURE_SIDE_PX)
    except FacingsError:
        uri = ""
    return _Picture(reading, uri, _counts(reading), len(reading.recognitions) > 1)


def _line(place: str, product: Product, facings: Sequence[tuple[Reading, float]]) -> Line:
    return Line(
        place=place,
        sku=product.sku,
        name=product.name,
        category=product.category,
        n_facings=len(facings),
        n_photos=len({reading.photo_id for reading, _ in facings}),
        mean_similarity=sum(similarity for _, similarity in facings) / len(facings),
        last_seen=max(reading.seen_at for reading, _ in facings),
    )


def _counts(reading: Reading) -> str:
    verdicts = [r.decision.verdict for r in reading.recognitions]
    return ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(sorted(verdicts))) or "no products"


def _reading_json(reading: Reading) -> dict[str, Any]:
    """The fields of a reading, its boxes in the shape of `facings recognize --json`."""
    fields = {
        "photo_id": reading.photo_id,
        "seen_at": _iso(reading.seen_at),
        "recorded_at": _iso(reading.recorded_at),
        "place": reading.place,
        "detector": reading.detector,
        "space_id": reading.space_id,
        "gallery_version": reading.gallery_version,
        "max_false_accept": reading.max_false_accept,
    }
    return {
        "photo": reading.photo,
        "width": reading.width,
        "height": reading.height,
        "recognitions": [r.to_json() for r in reading.recognitions],
        **fields,
        "notes": list(reading.notes),
        "quality": reading.quality and reading.quality.to_json(),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
