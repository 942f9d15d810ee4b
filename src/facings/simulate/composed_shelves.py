"""A dense shelf photo put together from cut-outs of products, with the exact box of every facing.

The shelf is set up in space: boards, runs of facings, a second row behind, price rails in front; a pinhole camera a
little off its axis looks at it. Boxes come from a map of which pixel belongs to which facing, so they hold whatever
hides or cuts a facing.

The rule for boxes: a facing of which the photo shows `MIN_COUNTED_FRAC` of its silhouette or more has a box; one
of which it shows less, but `MIN_BOXED_FRAC` or more, has a box to be ignored; any other has none. It holds for
facings in front and behind alike, whether a neighbor, a rail, a post or the frame hides the rest. The box is around
what is visible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facings.errors import BadInput, Problem
from facings.simulate.camera import Camera, photograph, random_camera
from facings.simulate.cutouts import Cutout
from facings.simulate.fixtures import Fixture, random_fixture
from facings.simulate.framing import Framed, frame_shelf, random_aim
from facings.simulate.ownership import Owner, owned_boxes
from facings.simulate.shelf_fronts import draw_fronts
from facings.simulate.shelf_light import light_shelf
from facings.simulate.shelf_painting import ShelfPainter, Sighting
from facings.simulate.sold_out import still_stocked
from facings.simulate.standing import N_DEEP, Unit, stand
from facings.simulate.stocking import Supply
from facings.simulate.viewpoint import Stance, Viewpoint, random_stance
from facings.types import FloatArray, UInt8Array

MIN_COUNTED_FRAC = 0.6
MIN_BOXED_FRAC = 0.25
MAX_FACINGS = 1000
_PX2_A_FACING = 1600  # at the least, with its share of board and air: about 26×42 px of product
_LEAST_PRODUCTS, _FACINGS_A_PRODUCT = 8, 3  # assortment of a photo
_MOST_SOLD_FRAC = 0.12  # gaps for each facing
_SEVERITY = 0.5  # of the camera


@dataclass(frozen=True, eq=False)
class ComposedShelf:
    """A shelf photo and the truth about it.

    Args:
        pixels: uint8 (H, W, 3), RGB.
        boxes: float32 (N, 4), xyxy in whole pixels, around the visible part of each facing; from the top row down.
        skus: N, the product in each box.
        is_ignored: bool (N,), whether so little of it is visible that a detection is neither right nor wrong.
        visible_frac: float32 (N,), share of each facing's silhouette that the photo shows, in (0, 1].
        problems: Cut-outs that could not be used.
    """

    pixels: UInt8Array
    boxes: FloatArray
    skus: tuple[str, ...]
    is_ignored: NDArray[np.bool_]
    visible_frac: FloatArray
    problems: tuple[Problem, ...] = ()


def most_facings(size_px: tuple[int, int]) -> int:
    """How many facings a photo of a size can show, each large enough to be told from others; at most `MAX_FACINGS`."""
    return min(MAX_FACINGS, size_px[0] * size_px[1] // _PX2_A_FACING)


def check_size(n_facings: int, size_px: tuple[int, int]) -> None:
    """Refuse numbers that no photo can be composed for.

    Raises:
        BadInput: The size is out of range, or that many facings do not fit.
    """
    if not all(128 <= side <= 8192 for side in size_px):
        raise BadInput(f"Photo size: got {size_px[0]}×{size_px[1]} px, wanted width and height of 128 to 8192.")
    if n_facings < 1:
        raise BadInput(f"Facings: got {n_facings}, wanted 1 or more.")
    most = most_facings(size_px)
    if n_facings > most:
        raise BadInput(
            f"Facings: got {n_facings}, but a photo of {size_px[0]}×{size_px[1]} px holds at most {most}.",
            "Take a larger size or fewer facings." if most < MAX_FACINGS else "",
        )


def compose_shelf(
    cutouts: Sequence[Cutout],
    *,
    n_facings: int,
    size_px: tuple[int, int],
    rng: np.random.Generator,
    camera: Camera | None = None,
    stance: Stance | None = None,
) -> ComposedShelf:
    """A photo of a shelf stocked with cut-outs.

    Args:
        cutouts: What may stand on it, at least one; each is decoded when it is first put there.
        n_facings: Facings in front that the photo shows most of, 1 to `most_facings(size_px)`. Neighbors, rails and
            posts hide some of them; what the frame cuts, and what is seen behind, may have a box too: so the number
            of boxes differs a little.
        size_px: Width and height of the photo, each 128 to 8192.
        rng: Source of chance for everything; in the same state it gives the same photo.
        camera: Light, lens and file; drawn at medium severity when None.
        stance: How the camera is held; drawn when None.

    Raises:
        BadInput: No cut-out can be used, or a number is out of range.
    """
    check_size(n_facings, size_px)
    if not cutouts:
        raise BadInput("Cut-outs: got none, wanted at least one.")
    look_rng, supply_rng, frame_rng, gap_rng, unit_rng, paint_rng, camera_rng = rng.spawn(7)
    fixture, drawn_stance, aim = random_fixture(look_rng), random_stance(look_rng), random_aim(look_rng)
    supply = Supply(cutouts, _LEAST_PRODUCTS + n_facings // _FACINGS_A_PRODUCT, supply_rng)
    held = drawn_stance if stance is None else stance
    n_sold = round(n_facings * float(gap_rng.uniform(0, _MOST_SOLD_FRAC)))
    framed = frame_shelf(supply, fixture, held, aim, frame_rng, n_places=n_facings + n_sold, size_px=size_px)
    units = stand(still_stocked(framed, n_facings, gap_rng), unit_rng)
    sightings = _sightings(units, framed.view, size_px)
    scene, owner = _paint(framed, fixture, sightings, size_px, paint_rng)
    taken = random_camera(camera_rng, _SEVERITY) if camera is None else camera
    pixels = photograph(np.asarray(scene), taken, camera_rng)
    return _with_truth(pixels, owner, sightings, tuple(supply.problems.values()))


def _sightings(units: list[Unit], view: Viewpoint, size_px: tuple[int, int]) -> list[Sighting]:
    """The units that reach into the photo and are not wholly behind the one in front of them."""
    corners = np.concatenate([unit.quad_cm for unit in units])
    quads = view.project(corners).reshape(-1, 4, 2)
    is_before = (view.depth_cm(corners).reshape(-1, 4) > 0).all(axis=1)
    is_seen = is_before & ((quads.max(axis=1) > 0) & (quads.min(axis=1) < size_px)).all(axis=1)
    is_seen &= ~_is_behind_block(units, quads)
    seen = [(unit, quad) for unit, quad, is_in in zip(units, quads, is_seen.tolist(), strict=True) if is_in]
    return [Sighting(number, unit, quad) for number, (unit, quad) in enumerate(seen)]


def _is_behind_block(units: list[Unit], quads: NDArray[np.float64]) -> NDArray[np.bool_]:
    """bool (U,), for each unit whether the one before it in the list is an opaque one of its place that covers it."""
    is_block = np.array([unit.place.product.is_block for unit in units])
    low = np.stack([quads[:, [0, 3], 0].max(axis=1), quads[:, :2, 1].max(axis=1)], axis=1)
    high = np.stack([quads[:, 1:3, 0].min(axis=1), quads[:, 2:, 1].min(axis=1)], axis=1)
    is_covered = np.zeros(len(units), np.bool_)
    is_covered[1:] = ((quads.min(axis=1)[1:] > low[:-1]) & (quads.max(axis=1)[1:] < high[:-1])).all(axis=1)
    is_covered[1:] &= is_block[:-1]
    is_covered[::N_DEEP] = False
    return is_covered


def _paint(
    framed: Framed, fixture: Fixture, sightings: list[Sighting], size_px: tuple[int, int], rng: np.random.Generator
) -> tuple[Image.Image, Owner]:
    """The scene before a camera took it, and which pixel belongs to which sighting."""
    painter = ShelfPainter(framed, fixture, size_px, rng)
    painter.surroundings()
    eye = float(framed.view.eye[1])
    rows = enumerate(framed.stock.rows)
    for number, row in sorted(rows, key=lambda each: -abs((each[1].ceiling_cm + each[1].floor_cm) / 2 - eye)):
        painter.row(row, [each for each in sightings if each.unit.place.row == number])
    scene = Image.fromarray(light_shelf(painter.picture, framed, fixture, rng))
    fronts = draw_fronts(framed, fixture, size_px, rng)
    scene.paste(fronts, (0, 0), fronts)
    painter.owner[np.asarray(fronts.getchannel("A")) >= 128] = 0
    return scene, painter.owner


def _with_truth(
    pixels: UInt8Array, owner: Owner, sightings: list[Sighting], problems: tuple[Problem, ...]
) -> ComposedShelf:
    boxes, counts = owned_boxes(owner, len(sightings))
    visible = np.clip(counts / np.maximum(_areas_unhidden(sightings), 1), 0, 1)
    kept = np.flatnonzero(visible >= MIN_BOXED_FRAC)
    return ComposedShelf(
        pixels,
        boxes[kept],
        tuple(sightings[i].unit.place.product.sku for i in kept.tolist()),
        visible[kept] < MIN_COUNTED_FRAC,
        visible[kept].astype(np.float32),
        problems,
    )


def _areas_unhidden(sightings: list[Sighting]) -> NDArray[np.float64]:
    """Pixels that each facing would cover if nothing hid it, also beyond the frame."""
    x, y = np.array([sighting.quad_px for sighting in sightings]).transpose(2, 0, 1)
    whole = np.abs((x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1)) / 2
    area: NDArray[np.float64] = whole * [sighting.unit.place.product.opaque_frac for sighting in sightings]
    return area
