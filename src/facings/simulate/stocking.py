"""Which product stands where on a composed shelf, in centimeters: rows of runs of facings, as stores stock them.

x goes to the right, y down. Goods of one group stand together; a run is 1 to 6 facings of one product side by side;
low goods are stacked. A product has one height in a photo: the known one, or one drawn for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facings.annotations.values import UNNAMED
from facings.errors import BadImage, BadInput, Problem
from facings.simulate.cutouts import Cutout
from facings.simulate.fixtures import Fixture
from facings.types import UInt8Array

_RUN_WEIGHTS = (0.14, 0.26, 0.24, 0.18, 0.1, 0.08)  # of 1 to 6 facings
_LEAST_SIDE_CM, _MAX_WIDTH_CM = 3.5, 42.0
_LYING_ASPECT = 1.3  # what is so much wider than high lies, and is stacked
_LYING_FRACS, _UPRIGHT_FRACS = (0.22, 0.48), (0.66, 1.0)  # of a row's height
_MAX_LEVELS = 4
_LOW_CM, _WIDE_CM = 9.0, 16.0
_N_TRIES = 12  # draws before a row takes what does not fit
_SPARE_FRAC = 0.38  # of a row's height, what goods may leave empty


@dataclass(frozen=True, eq=False)
class Product:
    """A product of one photo.

    Args:
        sku: What it is.
        pixels: uint8 (h, w, 4), its cut-out.
        size_cm: Width, height and depth.
        opaque_frac: Share of its rectangle that it covers.
    """

    sku: str
    pixels: UInt8Array
    size_cm: tuple[float, float, float]
    opaque_frac: float

    @property
    def is_block(self) -> bool:
        """Whether it fills its rectangle, so that others can stand on it."""
        return self.opaque_frac > 0.97


@dataclass(frozen=True, eq=False)
class Place:
    """Room for one facing.

    Args:
        product: What belongs here.
        left_cm: Left edge.
        bottom_cm: What it stands on, downwards from the origin.
        row: Number of the board, from the top.
        run: Number of the run; unique on the shelf.
        column: Number of the stack that it is part of; unique on the shelf.
        level: 0 on the board, 1 on the first one, and so on.
        is_stacked: Whether its stack has more than one level.
    """

    product: Product
    left_cm: float
    bottom_cm: float
    row: int
    run: int
    column: int
    level: int
    is_stacked: bool

    @property
    def front_cm(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of its front."""
        width, height, _ = self.product.size_cm
        return self.left_cm, self.bottom_cm - height, self.left_cm + width, self.bottom_cm


@dataclass(frozen=True)
class Row:
    """The opening between two boards: from the lower edge of the upper one to the top of the lower one."""

    ceiling_cm: float
    floor_cm: float


@dataclass(frozen=True)
class Stock:
    """A stocked shelf: its rows from the top, all places row by row, and how wide it is around x = 0."""

    rows: tuple[Row, ...]
    places: tuple[Place, ...]
    width_cm: float


class Supply:
    """The assortment of one photo: gives products one by one, group by group; each keeps its size.

    Args:
        cutouts: What the assortment is drawn from, at least one.
        n_products: How many cut-outs it takes at most; no other is decoded, but for one that cannot be used.
        rng: Source of chance.
    """

    def __init__(self, cutouts: Sequence[Cutout], n_products: int, rng: np.random.Generator) -> None:
        self._cutouts, self._n_products, self._rng = cutouts, n_products, rng
        self._left: dict[str, list[int]] = {}  # of each group, what is not in the assortment
        for number, cutout in enumerate(cutouts):
            self._left.setdefault(cutout.group, []).append(number)
        self._groups = sorted(self._left)
        self._blocks: list[list[int]] = []
        self._turn: list[int] = []  # the rest of the block that is being given out
        self._heights: dict[str | int, float] = {}
        self._products: dict[int, Product] = {}
        self.problems: dict[int, Problem] = {}

    def next(self, tallest_cm: float) -> Product:
        """The next product that fits under a height and fills most of it, alone or stacked.

        After a few tries the one that comes closest is taken, even if it is taller.

        Raises:
            BadInput: No cut-out can be used.
        """
        best = self._draw(tallest_cm)
        for _ in range(_N_TRIES):
            if _misfit(best, tallest_cm) < _SPARE_FRAC:
                break
            best = min(best, self._draw(tallest_cm), key=lambda product: _misfit(product, tallest_cm))
        return best

    def height_cm(self) -> float:
        """A height for the tallest goods of a row."""
        sample = (self._cutouts[i].size_cm for i in self._rng.integers(0, len(self._cutouts), 2).tolist())
        known = [size[1] for size in sample if size is not None]
        return max(known) * 1.02 if known else float(np.clip(self._rng.lognormal(3.0, 0.28), 10, 38))

    def _draw(self, tallest_cm: float) -> Product:
        while True:
            number = self._next_number()
            if number not in self._products and number not in self.problems:
                try:
                    self._products[number] = self._product(number, tallest_cm)
                except (BadImage, BadInput) as error:
                    self._reject(number, Problem(self._cutouts[number].where, error.code, error.message))
            if number in self._products:
                return self._products[number]

    def _next_number(self) -> int:
        while self._groups and sum(map(len, self._blocks)) < self._n_products:
            self._add_block()
        if not self._blocks:
            first = next(iter(self.problems.values()))
            raise BadInput(f"got {len(self._cutouts)} cut-outs and none can be used. The first: {first.message}")
        if not self._turn:
            self._turn = self._blocks[int(self._rng.integers(len(self._blocks)))].copy()
        return self._turn.pop()

    def _add_block(self) -> None:
        group = self._groups[int(self._rng.integers(len(self._groups)))]
        left = self._left[group]
        n = min(len(left), int(self._rng.integers(2, 9)))
        self._blocks.append([left.pop(int(self._rng.integers(len(left)))) for _ in range(n)])
        if not left:
            self._groups.remove(group)

    def _reject(self, number: int, problem: Problem) -> None:
        self.problems[number] = problem
        for block in self._blocks:
            if number in block:
                block.remove(number)
        self._blocks = [block for block in self._blocks if block]

    def _product(self, number: int, tallest_cm: float) -> Product:
        cutout = self._cutouts[number]
        pixels = cutout.load()
        opaque = float((pixels[:, :, 3] >= 128).mean())
        if cutout.size_cm is not None:
            return Product(cutout.sku, pixels, cutout.size_cm, opaque)
        aspect = pixels.shape[1] / pixels.shape[0]
        key = number if cutout.sku == UNNAMED else cutout.sku
        if key not in self._heights:
            share = self._rng.uniform(*(_LYING_FRACS if aspect > _LYING_ASPECT else _UPRIGHT_FRACS))
            self._heights[key] = tallest_cm * float(share)
        height = max(min(self._heights[key], _MAX_WIDTH_CM / aspect), _LEAST_SIDE_CM / min(aspect, 1))
        depth = float(np.clip(height * aspect * self._rng.uniform(0.4, 1.0), 3, 14))
        return Product(cutout.sku, pixels, (height * aspect, height, depth), opaque)


def _misfit(product: Product, tallest_cm: float) -> float:
    """Share of a height that a product, alone or stacked, leaves empty; more than 1 when it is too tall."""
    filled = product.size_cm[1] * _n_levels(product, tallest_cm) / tallest_cm
    return 1 - filled if filled <= 1 else filled


def _n_levels(product: Product, room_cm: float) -> int:
    """How many can stand on one another: low or lying goods only."""
    width, height, _ = product.size_cm
    can_stack = product.is_block and (height < _LOW_CM or width > 0.8 * height)
    return max(1, min(int(room_cm / height), _MAX_LEVELS)) if can_stack else 1


@dataclass(frozen=True)
class _Run:
    """Facings of one product side by side; `pitch_cm` is from one to the next."""

    product: Product
    left_cm: float
    n: int
    pitch_cm: float


def stock_shelf(
    supply: Supply, fixture: Fixture, rng: np.random.Generator, *, width_cm: float, height_cm: float
) -> Stock:
    """As many rows as it takes to fill a height, each filled from side to side.

    Args:
        supply: Gives the products.
        fixture: Gives the thickness of boards.
        rng: Source of chance for run lengths and gaps.
        width_cm: From side to side, centered on x = 0.
        height_cm: Least height of all rows together.
    """
    rows: list[Row] = []
    places: list[Place] = []
    airiness = float(rng.uniform(0.2, 1.4))  # of this shelf
    y = 0.0
    while y < height_cm:
        runs = _fill_row(supply, rng, width_cm, airiness)
        tallest = max(run.product.size_cm[1] for run in runs)
        floor = y + tallest + max(1.5, tallest * float(rng.uniform(0.06, 0.28)))
        rows.append(Row(y, floor))
        for run in runs:
            _place_run(places, run, rows, rng)
        y = floor + fixture.rail_cm
    return Stock(tuple(rows), tuple(places), width_cm)


def _fill_row(supply: Supply, rng: np.random.Generator, width_cm: float, airiness: float) -> list[_Run]:
    tallest = supply.height_cm()
    x = -width_cm / 2
    runs = []
    while x < width_cm / 2:
        product = supply.next(tallest)
        width = product.size_cm[0]
        n = 1 + int(rng.choice(len(_RUN_WEIGHTS), p=_RUN_WEIGHTS))
        n = min(n, 3) if width > _WIDE_CM else n
        run = _Run(product, x, n, width * (1 + 0.04 * airiness * float(rng.random())))
        runs.append(run)
        x += n * run.pitch_cm + airiness * float(rng.uniform(0.1, 1.2))
    return runs


def _place_run(places: list[Place], run: _Run, rows: list[Row], rng: np.random.Generator) -> None:
    """Append the places of a run in the last row, stacked where goods are low and flat."""
    room, height = rows[-1], run.product.size_cm[1]
    most = _n_levels(run.product, room.floor_cm - room.ceiling_cm - 0.5)
    n_levels = most if rng.random() < 0.7 else int(rng.integers(1, most + 1))
    last = places[-1] if places else None
    number, column = (last.run + 1, last.column + 1) if last else (0, 0)
    for i in range(run.n):
        left = run.left_cm + i * run.pitch_cm
        for level in range(n_levels):
            bottom = room.floor_cm - level * height
            places.append(Place(run.product, left, bottom, len(rows) - 1, number, column + i, level, n_levels > 1))
