"""The JSON of the product-recognition and planogram-matching service of Azure AI Vision, which ended in March 2025.

Plan: `planogram {width, height, products[] {id, name, w, h}, fixtures[] {id, w, h, x, y},
positions[] {id, productId, fixtureId, x, y}}`; every position is one facing, lengths are inches or centimeters from
the top left. Detections: `{imageMetadata {width, height}, products[] {id, boundingBox {x, y, w, h}, tags[] {name,
confidence}}}` in pixels. Either may stand inside the request's own `planogram` or `detectedProducts`.
Source: Microsoft Learn, "Shelf planogram compliance (preview)" and "Planogram Compliance - Match", 2023-04-01-preview.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from facings.apps.planogram_plan import Plan, PlannedFacing, Position
from facings.catalog import Names
from facings.csv_table import read_text
from facings.errors import BadInput, Problem
from facings.types import Decision, PhotoResult, Recognition

T = TypeVar("T")
_ANY_PRODUCT = "product"  # the tag of the service's own detector, which tells no products apart


@dataclass(frozen=True)
class _Box:
    """A product with its size, a fixture with its place, or a position of a product."""

    key: str
    x: float
    y: float
    w: float
    h: float
    product: str = ""
    name: str = ""

    @property
    def right(self) -> float:
        return self.x + self.w


def read_azure_plan(path: Path, text: str) -> tuple[Plan, tuple[Problem, ...]]:
    """The plan in the JSON text of a file, and the entries that were refused.

    Fixtures of the same height side by side are one shelf. Neighbors of one product are one position of several
    facings, each of which keeps its own id.

    Raises:
        BadInput: The text is no such JSON, or no position in it can be used.
    """
    document = _inside(_parse(path, text), "planogram")
    problems: list[Problem] = []
    products = _read(path, document, "products", _product, problems)
    fixtures = _read(path, document, "fixtures", _fixture, problems)
    on_fixture: dict[str, list[_Box]] = {key: [] for key in fixtures}

    def place(entry: Mapping[str, Any]) -> _Box:
        key, position = _position(entry, products, fixtures)
        if any(_same_spot(position, other) for other in on_fixture[key]):
            raise BadInput(f"another position of fixture {key!r} is on the same spot; the first was taken.")
        on_fixture[key].append(position)
        return position

    if not _read(path, document, "positions", place, problems):
        why = f" The first refusal: {problems[0].where}: {problems[0].message}" if problems else ""
        raise BadInput(f"{path}: the plan is empty.{why}", "Wanted positions with id, productId, fixtureId, x, y.")
    shelves = [
        [position for fixture in shelf for column in _columns(on_fixture[fixture.key]) for position in column]
        for shelf in _side_by_side(list(fixtures.values()))
    ]
    return Plan(tuple(_blocks(shelf) for shelf in shelves if shelf), str(path)), tuple(problems)


def read_detections(path: Path, names: Names) -> PhotoResult:
    """What the service had recognized in a photo, as our own answer for one.

    The most confident tag is the product; "product" and a product that the catalog does not have are unknown.

    Args:
        path: JSON file.
        names: From a tag to a SKU.

    Raises:
        BadInput: The file is no such JSON, or an entry of it cannot be used.
    """
    document = _inside(_parse(path, read_text(path)), "detectedProducts")
    size = document.get("imageMetadata")
    if not isinstance(size, dict) or not isinstance(document.get("products"), list):
        raise BadInput(f"{path}: no detections, wanted imageMetadata with width and height, and a list of products.")
    problems: list[Problem] = []
    found = _read(path, document, "products", lambda entry: _recognition(entry, names), problems, is_keyed=False)
    if problems:
        raise BadInput(f"{problems[0].where}: {problems[0].message}")
    width, height = (int(_number(size, side, least=1)) for side in ("width", "height"))
    return PhotoResult(str(path), width, height, tuple(found.values()))


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}:{error.lineno}: broken JSON ({error.msg}).") from error
    except (RecursionError, ValueError) as error:
        raise BadInput(f"{path}: JSON that cannot be read ({error}).") from error
    if not isinstance(document, dict):
        raise BadInput(f"{path}: got a JSON {type(document).__name__}, wanted an object.")
    return document


def _inside(document: dict[str, Any], name: str) -> dict[str, Any]:
    inner = document.get(name)
    return inner if isinstance(inner, dict) else document


def _read(
    path: Path,
    document: Mapping[str, Any],
    name: str,
    parse: Callable[[Mapping[str, Any]], T],
    problems: list[Problem],
    *,
    is_keyed: bool = True,
) -> dict[str, T]:
    """The usable entries of a list by their id, or by their number where ids do not matter."""
    entries = document.get(name)
    if not isinstance(entries, list):
        raise BadInput(f"{path}: no list {name!r}, wanted products, fixtures and positions.")
    found: dict[str, T] = {}
    for number, entry in enumerate(entries, start=1):
        try:
            if not isinstance(entry, dict):
                raise BadInput(f"got a {type(entry).__name__}, wanted an object.")
            key = _text(entry, "id") if is_keyed else str(number)
            if key in found:
                raise BadInput(f"id {key!r} stands twice; the first was taken.")
            found[key] = parse(entry)
        except BadInput as error:
            problems.append(Problem(f"{path}: {name} {number}", error.code, error.message))
    return found


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not text:
        raise BadInput(f"{name} {value!r}: wanted text.")
    return text


def _number(entry: Mapping[str, Any], name: str, least: float = -math.inf) -> float:
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9 or value < least:
        wanted = f"{least:g} or more" if math.isfinite(least) else "a number"
        raise BadInput(f"{name} {value!r}: wanted {wanted}.")
    return float(value)


def _size(entry: Mapping[str, Any]) -> tuple[float, float]:
    w, h = _number(entry, "w"), _number(entry, "h")
    if w <= 0 or h <= 0:
        raise BadInput(f"size {w:g} × {h:g}: wanted a width and height above 0.")
    return w, h


def _product(entry: Mapping[str, Any]) -> _Box:
    name = entry.get("name")
    return _Box(_text(entry, "id"), 0.0, 0.0, *_size(entry), name=name if isinstance(name, str) else "")


def _fixture(entry: Mapping[str, Any]) -> _Box:
    return _Box(_text(entry, "id"), _number(entry, "x"), _number(entry, "y"), *_size(entry))


def _position(entry: Mapping[str, Any], products: Mapping[str, _Box], fixtures: Mapping[str, _Box]) -> tuple[str, _Box]:
    product, fixture = _text(entry, "productId"), _text(entry, "fixtureId")
    if product not in products:
        raise BadInput(f"productId {product!r}: the plan has no such product, or it was refused.")
    if fixture not in fixtures:
        raise BadInput(f"fixtureId {fixture!r}: the plan has no such fixture, or it was refused.")
    p = products[product]
    x, y = _number(entry, "x"), _number(entry, "y")
    return fixture, _Box(_text(entry, "id"), x, y, p.w, p.h, product, p.name)


def _same_spot(a: _Box, b: _Box) -> bool:
    """Whether more than half of the smaller one lies in the other."""
    wide = min(a.right, b.right) - max(a.x, b.x)
    high = min(a.y + a.h, b.y + b.h) - max(a.y, b.y)
    return wide > 0 and high > 0 and wide * high > 0.5 * min(a.w * a.h, b.w * b.h)


def _side_by_side(fixtures: list[_Box]) -> list[list[_Box]]:
    """Fixtures as shelves from the top: those whose middles lie in each other's height, and not in its width."""
    shelves: list[list[_Box]] = []
    for fixture in sorted(fixtures, key=lambda f: (f.y + f.h / 2, f.x)):
        middle = fixture.y + fixture.h / 2
        last = shelves[-1] if shelves else []
        if last and all(f.y <= middle <= f.y + f.h and (fixture.x >= f.right or f.x >= fixture.right) for f in last):
            last.append(fixture)
        else:
            shelves.append([fixture])
    return [sorted(shelf, key=lambda f: f.x) for shelf in shelves]


def _columns(positions: list[_Box]) -> list[list[_Box]]:
    """From the left; what stands on something stands in its column, after it."""
    columns: list[list[_Box]] = []
    for box in sorted(positions, key=lambda p: (-(p.y + p.h), p.x)):
        under = [c for c in columns if c[-1].y >= box.y + 0.5 * box.h and _shared(c[0], box) > 0.5]
        if under:
            max(under, key=lambda c: _shared(c[0], box)).append(box)
        else:
            columns.append([box])
    return sorted(columns, key=lambda c: c[0].x)


def _shared(a: _Box, b: _Box) -> float:
    return (min(a.right, b.right) - max(a.x, b.x)) / min(a.w, b.w)


def _blocks(shelf: Sequence[_Box]) -> tuple[Position, ...]:
    """Runs of one product; what a file calls one position stays findable as a facing."""
    runs: list[list[_Box]] = []
    for box in shelf:
        if runs and runs[-1][0].product == box.product:
            runs[-1].append(box)
        else:
            runs.append([box])
    blocks = []
    for run in runs:
        facings = tuple(PlannedFacing(b.key, b.x + b.w / 2, b.w, _level(b, run)) for b in run)
        key = run[0].key if len(run) == 1 else f"{run[0].key}…{run[-1].key}"
        blocks.append(Position(key, run[0].product, facings, run[0].name))
    return tuple(blocks)


def _level(box: _Box, run: Sequence[_Box]) -> int:
    return sum(other.y >= box.y + 0.5 * box.h and _shared(other, box) > 0.5 for other in run)


def _recognition(entry: Mapping[str, Any], names: Names) -> Recognition:
    place = entry.get("boundingBox")
    if not isinstance(place, dict):
        raise BadInput("no boundingBox, wanted one with x, y, w, h.")
    (w, h), x, y = _size(place), _number(place, "x"), _number(place, "y")
    tags = entry.get("tags")
    rated = [
        (_number(tag, "confidence", least=0), _text(tag, "name"))
        for tag in (tags if isinstance(tags, list) else [])
        if isinstance(tag, dict)
    ]
    confidence, name = max(rated, default=(1.0, _ANY_PRODUCT), key=lambda pair: pair[0])
    sku = names.sku(name)
    if sku in names:
        decision = Decision("accepted", sku, (), (f"tag {name!r}",))
    else:
        decision = Decision("unknown", None, (), (f"tag {name!r} is no product of the catalog",))
    return Recognition((x, y, x + w, y + h), min(1.0, confidence), decision)
