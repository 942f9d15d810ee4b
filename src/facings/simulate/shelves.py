"""A photo of a shelf with every facing's exact box: boards, rows of packs, price tags, shadows, slight perspective.

The bay is drawn flat in centimeters, each facing a little off its place, beside a map of which pixel belongs to
which facing. Picture and map then go through one homography, so boxes hold whatever hides or cuts a facing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from facings.errors import BadInput
from facings.simulate.camera import Camera, photograph, random_camera
from facings.simulate.canvas import DARK, WHITE, font, mix
from facings.simulate.fronts import draw_front
from facings.simulate.geometry import Homography, Points, lay_face, rectangle_corners
from facings.simulate.ownership import owned_boxes
from facings.simulate.packs import Pack
from facings.simulate.planning import ShelfPlan, Slot, row_height_cm, row_width_cm
from facings.simulate.vocabulary import Color
from facings.types import FloatArray, UInt8Array

MIN_VISIBLE_FRAC = 0.1
_RAIL_CM = 3.6
_TOP_CM = 5.0
_BOARD_COLORS: tuple[Color, ...] = ((232, 232, 228), (206, 208, 212), (178, 182, 188), (222, 214, 200), (120, 124, 130))
_BACK_COLORS: tuple[Color, ...] = ((196, 196, 192), (222, 220, 214), (150, 156, 160), (184, 170, 150), (98, 102, 108))


@dataclass(frozen=True, eq=False)
class ShelfPhoto:
    """A photo of a shelf and the truth about it.

    Args:
        pixels: uint8 (H, W, 3), RGB.
        boxes: float32 (N, 4), xyxy in pixels, around the visible part of each facing; rows of the plan from the
            top, each from left to right. A facing less than `MIN_VISIBLE_FRAC` visible has no box.
        skus: N, the product in each box.
        visible_fraction: float32 (N,), share of each facing's silhouette that the photo shows, in (0, 1].
    """

    pixels: UInt8Array
    boxes: FloatArray
    skus: tuple[str, ...]
    visible_fraction: FloatArray


@dataclass(frozen=True)
class _Bay:
    """Where things are in the flat drawing, in pixels; `scale` is pixels per centimeter, rows go from the top."""

    size_px: tuple[int, int]
    left: float
    right: float
    scale: float
    floors: tuple[float, ...]
    ceilings: tuple[float, ...]


def shelf_photo(
    plan: ShelfPlan,
    rng: np.random.Generator,
    size_px: tuple[int, int] = (1600, 1200),
    *,
    camera: Camera | None = None,
) -> ShelfPhoto:
    """A shelf as planned, photographed from the front.

    Every slot has its own random stream. With a generator in the same state, a plan that differs only in which slots
    are empty gives the same fixture, viewpoint and camera, and whatever still stands there stands in the same place.

    Args:
        plan: What stands where.
        rng: Source of chance for the fixture, the small disorder of the packs, the viewpoint and the camera.
        size_px: Width and height of the photo, each 128 to 8192.
        camera: How it is taken; drawn at medium severity when None.

    Raises:
        BadInput: The size is out of range, or the plan is so large that packs would be under 16 pixels high.
    """
    if not all(128 <= side <= 8192 for side in size_px):
        raise BadInput(f"size_px: got {size_px}, wanted width and height of 128 to 8192.")
    bay = _fit_bay(plan, size_px)
    fixture_rng, rail_rng, view_rng, camera_rng, stock_rng = rng.spawn(5)
    picture = _empty_bay(bay, fixture_rng)
    owner = np.zeros((size_px[1], size_px[0]), np.int32)
    placed = _stock(picture, owner, plan, bay, stock_rng)
    _shade_under_boards(picture, bay)
    _draw_rails(picture, owner, plan, bay, rail_rng)
    view = _viewpoint(size_px, view_rng)
    seen = view.warp(picture, size_px, Image.Resampling.BICUBIC)
    owner_seen = np.asarray(view.warp(Image.fromarray(owner), size_px, Image.Resampling.NEAREST))
    taken = random_camera(camera_rng, 0.4) if camera is None else camera
    areas = _areas_seen_whole(placed, view)
    boxes, visible, kept = _boxes(owner_seen, areas)
    skus = tuple(placed[i].sku for i in kept)
    return ShelfPhoto(photograph(np.asarray(seen), taken, camera_rng), boxes, skus, visible)


def _fit_bay(plan: ShelfPlan, size_px: tuple[int, int]) -> _Bay:
    """The largest drawing of the plan that leaves a margin; spare height becomes air over the packs."""
    width, height = size_px
    heights = [row_height_cm(row) for row in plan.rows]
    widest = max(row_width_cm(row) + 0.4 * len(row) for row in plan.rows)
    air = [max(2.5, 0.12 * h) for h in heights]
    fixed = _TOP_CM + _RAIL_CM * len(heights) + sum(heights)
    scale = min(0.92 * width / widest, 0.93 * height / (fixed + sum(air)))
    spare = 0.93 * height / scale - fixed - sum(air)
    air = [a + min(spare / len(air), 0.5 * h) for a, h in zip(air, heights, strict=True)]
    if min(slot.pack.size_cm[1] for row in plan.rows for slot in row) * scale < 16:
        raise BadInput(f"size_px: got {size_px}, too small for {plan.n_facings} facings: packs under 16 pixels high.")
    y = (height - (fixed + sum(air)) * scale) / 2 + _TOP_CM * scale
    floors, ceilings = [], []
    for pack_height, gap in zip(heights, air, strict=True):
        ceilings.append(y)
        y += (pack_height + gap) * scale
        floors.append(y)
        y += _RAIL_CM * scale
    half = min(0.47 * width, widest * scale / 2 + 0.012 * width)
    return _Bay(size_px, width / 2 - half, width / 2 + half, scale, tuple(floors), tuple(ceilings))


def _empty_bay(bay: _Bay, rng: np.random.Generator) -> Image.Image:
    """Wall, floor, uprights, back panel and boards."""
    width, height = bay.size_px
    back = _BACK_COLORS[int(rng.integers(len(_BACK_COLORS)))]
    board = _BOARD_COLORS[int(rng.integers(len(_BOARD_COLORS)))]
    picture = Image.new("RGB", bay.size_px, mix(back, WHITE, 0.35))
    draw = ImageDraw.Draw(picture)
    base = bay.floors[-1] + _RAIL_CM * bay.scale
    draw.rectangle((0, base, width, 2 * height), fill=(148, 144, 140))
    draw.rectangle((bay.left, bay.ceilings[0] - _TOP_CM * bay.scale, bay.right, base), fill=mix(back, DARK, 0.2))
    pitch, x = 10 * bay.scale, bay.left
    while x < bay.right:
        draw.line((x, bay.ceilings[0], x, base), fill=mix(back, DARK, 0.35), width=max(1, round(0.25 * bay.scale)))
        x += pitch
    top = bay.ceilings[0]
    draw.rectangle((bay.left, top - _TOP_CM * bay.scale, bay.right, top), fill=mix(board, DARK, 0.1))
    for floor in bay.floors:
        draw.rectangle(
            (bay.left, floor - 1.1 * bay.scale, bay.right, floor + 0.4 * bay.scale), fill=mix(board, DARK, 0.18)
        )
    side = max(3, round(1.4 * bay.scale))
    for x in (bay.left - side, bay.right):
        draw.rectangle((x, top - _TOP_CM * bay.scale, x + side, base), fill=mix(board, DARK, 0.3))
        draw.line((x + side // 3, top, x + side // 3, base), fill=mix(board, WHITE, 0.3))
    return picture


@dataclass(frozen=True)
class _Placed:
    """A facing in the flat drawing: product, and center and area of its silhouette in pixels."""

    sku: str
    center: tuple[float, float]
    area: float


def _stock(
    picture: Image.Image, owner: NDArray[np.int32], plan: ShelfPlan, bay: _Bay, rng: np.random.Generator
) -> list[_Placed]:
    """Paint all facings; `owner` gets 1 + their number where they are opaque."""
    faces: dict[tuple[str, int], Image.Image] = {}
    placed: list[_Placed] = []
    for row, floor in zip(plan.rows, bay.floors, strict=True):
        starts, gap = _places(row, bay)
        for slot, x, slot_rng in zip(row, starts, rng.spawn(len(row)), strict=True):
            if not slot.is_empty:
                face = _face(faces, slot.pack, bay.scale)
                quad = _facing_quad(slot.pack, x, floor, gap, bay.scale, slot_rng)
                placed.append(_paint(picture, owner, face, quad, slot.pack.sku, len(placed) + 1, slot_rng))
    return placed


def _places(row: tuple[Slot, ...], bay: _Bay) -> tuple[list[float], float]:
    """Left edge of each slot and the gap between two, in pixels; the row is centered."""
    room = bay.right - bay.left - row_width_cm(row) * bay.scale
    gap = min(room / (len(row) + 1), 1.2 * bay.scale)
    steps = [slot.pack.size_cm[0] * bay.scale + gap for slot in row]
    first = bay.left + (room - gap * (len(row) - 1)) / 2
    return [first + sum(steps[:i]) for i in range(len(row))], gap


def _face(faces: dict[tuple[str, int], Image.Image], pack: Pack, scale: float) -> Image.Image:
    height = min(4096, max(16, round(pack.size_cm[1] * scale)))
    key = (pack.sku, height)
    if key not in faces:
        faces[key] = Image.fromarray(draw_front(pack, height))
    return faces[key]


def _facing_quad(pack: Pack, x: float, floor: float, gap: float, scale: float, rng: np.random.Generator) -> Points:
    """Corners of a facing: shifted within its gap, pushed in or pulled out, turned and leaning a little."""
    width, height = pack.size_cm[0] * scale, pack.size_cm[1] * scale
    depth = 1 - abs(float(rng.normal(0, 0.012)))  # farther back is smaller and higher
    width, height, x = width * depth, height * depth, x + width * (1 - depth) / 2
    bottom = floor - (1 - depth) * 12 * scale
    x += float(np.clip(rng.normal(0, 0.25), -0.6, 0.6)) * gap
    yaw = float(np.clip(rng.normal(0, 0.07), -0.2, 0.2))
    squeeze = (1 - np.cos(yaw)) * width / 2
    flare = 0.12 * np.sin(yaw) * min(width, height)
    lean = float(rng.normal(0, 0.004)) * height
    return np.array(
        [
            (x + squeeze + lean, bottom - height - flare / 2),
            (x + width - squeeze + lean, bottom - height + flare / 2),
            (x + width - squeeze, bottom - max(0.0, flare) / 4),
            (x + squeeze, bottom + min(0.0, flare) / 4),
        ]
    )


def _paint(
    picture: Image.Image,
    owner: NDArray[np.int32],
    face: Image.Image,
    quad: Points,
    sku: str,
    number: int,
    rng: np.random.Generator,
) -> _Placed:
    low, high = np.floor(quad.min(axis=0)).astype(int), np.ceil(quad.max(axis=0)).astype(int)
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    layer = Image.new("RGBA", size)
    lay_face(layer, face, quad - low)
    alpha = layer.getchannel("A")
    reach = max(2, round(0.06 * min(size)))
    shade = Image.new("L", (size[0] + 2 * reach, size[1] + 2 * reach))
    shade.paste(alpha.point(lambda a: a * 0.45), (reach, reach))
    shade = shade.filter(ImageFilter.BoxBlur(reach / 2))
    picture.paste((12, 11, 14), (int(low[0]) - reach + reach // 3, int(low[1]) - reach), shade)
    gain = float(rng.uniform(0.94, 1.04))
    picture.paste(layer.convert("RGB").point(lambda v: v * gain), (int(low[0]), int(low[1])), alpha)
    opaque = np.asarray(alpha) >= 128
    ys, xs = np.nonzero(opaque)
    x0, y0 = max(0, int(low[0])), max(0, int(low[1]))
    inside = opaque[y0 - low[1] :, x0 - low[0] :]
    window = owner[y0 : y0 + inside.shape[0], x0 : x0 + inside.shape[1]]
    window[inside[: window.shape[0], : window.shape[1]]] = number
    return _Placed(sku, (float(xs.mean() + low[0]), float(ys.mean() + low[1])), float(opaque.sum()))


def _shade_under_boards(picture: Image.Image, bay: _Bay) -> None:
    """Darken each row toward its ceiling, where the board above keeps the light off."""
    pixels = np.asarray(picture).astype(np.float32)
    for ceiling, floor in zip(bay.ceilings, bay.floors, strict=True):
        top, low = max(0, round(ceiling)), min(pixels.shape[0], round(floor))
        fade = np.linspace(0, 1, low - top, dtype=np.float32)
        gain = 1 - 0.5 * np.exp(-fade / 0.11) - 0.1 * (1 - fade)
        left, right = round(bay.left), round(bay.right)
        pixels[top:low, left:right] *= gain[:, None, None]
    picture.paste(Image.fromarray(pixels.astype(np.uint8)))


def _draw_rails(
    picture: Image.Image, owner: NDArray[np.int32], plan: ShelfPlan, bay: _Bay, rng: np.random.Generator
) -> None:
    """The front edge of each board with a price tag at each run of one product; some boards have a raised lip."""
    draw = ImageDraw.Draw(picture)
    board = _BOARD_COLORS[int(rng.integers(len(_BOARD_COLORS)))]
    tag_color = (252, 250, 240) if rng.random() < 0.6 else (255, 226, 80)
    has_lip = bool(rng.random() < 0.35)
    for row, floor in zip(plan.rows, bay.floors, strict=True):
        top, low = floor - (0.9 * bay.scale if has_lip else 0), floor + _RAIL_CM * bay.scale
        draw.rectangle((bay.left, top, bay.right, low), fill=board)
        draw.rectangle((bay.left, top, bay.right, top + max(1, 0.25 * bay.scale)), fill=mix(board, WHITE, 0.45))
        draw.rectangle((bay.left, low - 0.5 * bay.scale, bay.right, low), fill=mix(board, DARK, 0.35))
        owner[max(0, int(np.ceil(top))) : round(low)] = 0
        _draw_tags(draw, row, floor, bay, tag_color)


def _draw_tags(draw: ImageDraw.ImageDraw, row: tuple[Slot, ...], floor: float, bay: _Bay, color: Color) -> None:
    """A price tag under the first slot of each product."""
    tag_height, y, ink = 2.5 * bay.scale, floor + 0.45 * bay.scale, (20, 20, 24)
    previous = ""
    for slot, x in zip(row, _places(row, bay)[0], strict=True):
        if slot.pack.sku != previous:
            tag_width = min(5.2, slot.pack.size_cm[0]) * bay.scale
            draw.rectangle((x, y, x + tag_width, y + tag_height), fill=color)
            if tag_height >= 12:
                at = (x + 0.08 * tag_width, y + 0.05 * tag_height)
                draw.text(at, str(slot.pack.price), ink, font(round(0.6 * tag_height)))
            line = y + 0.86 * tag_height
            draw.line((x + 0.08 * tag_width, line, x + 0.62 * tag_width, line), fill=(150, 150, 150))
        previous = slot.pack.sku


def _viewpoint(size_px: tuple[int, int], rng: np.random.Generator) -> Homography:
    """A camera slightly off center: the photo shows a quad a little inside the flat drawing, at times cutting it."""
    width, height = size_px
    frame = rectangle_corners(0, 0, width, height)
    inset = 0.055 if rng.random() < 0.25 else 0.018
    toward_center = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)]) * np.array([width, height])
    shown = frame + toward_center * rng.uniform(0, inset, (4, 2))
    return Homography.from_quads(shown, frame)


def _areas_seen_whole(placed: list[_Placed], view: Homography) -> NDArray[np.float64]:
    """Pixels each facing would cover in the photo if nothing hid it: its flat area times the local magnification."""
    if not placed:
        return np.zeros(0)
    centers = np.array([p.center for p in placed])
    half = np.array([[0.5, 0.0], [0.0, 0.5]])
    right = view.apply(centers + half[:1]) - view.apply(centers - half[:1])
    down = view.apply(centers + half[1:]) - view.apply(centers - half[1:])
    magnified = right[:, 0] * down[:, 1] - right[:, 1] * down[:, 0]
    area: NDArray[np.float64] = np.array([p.area for p in placed]) * magnified
    return area


def _boxes(owner: NDArray[np.int32], areas: NDArray[np.float64]) -> tuple[FloatArray, FloatArray, list[int]]:
    """Tight boxes of the pixels each facing owns, their visible shares, and which facings are visible enough."""
    tight, counts = owned_boxes(owner, len(areas))
    visible = np.clip(counts / np.maximum(areas, 1), 0, 1)
    kept = np.flatnonzero(visible >= MIN_VISIBLE_FRAC)
    return tight[kept], visible[kept].astype(np.float32), kept.tolist()
