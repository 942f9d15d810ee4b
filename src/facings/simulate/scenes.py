"""A photo of one product, turned a little in space, in front of a backdrop, with the exact box around it.

The pack is placed in three dimensions and seen through a pinhole; boxes and cartons show a side when turned.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from facings.errors import BadInput
from facings.simulate.backdrops import BACKDROPS, draw_backdrop
from facings.simulate.camera import Camera, photograph, random_camera
from facings.simulate.fronts import draw_front, draw_side
from facings.simulate.geometry import Points, bounding_box, lay_face, rotation
from facings.simulate.packs import Pack
from facings.types import FloatArray, UInt8Array

_ROOF_FRAC = 0.19  # a gable carton's side panel starts below its roof


def product_photo(
    pack: Pack,
    rng: np.random.Generator,
    size_px: tuple[int, int] = (400, 500),
    *,
    camera: Camera | None = None,
    backdrop: str | None = None,
) -> tuple[UInt8Array, FloatArray]:
    """One product, photographed.

    Args:
        pack: The product.
        rng: Source of chance for pose, backdrop and camera.
        size_px: Width and height of the photo, each 64 to 4096.
        camera: How it is taken; drawn at medium severity when None.
        backdrop: One of `BACKDROPS`; drawn when None.

    Returns:
        Pixels, uint8 (H, W, 3) RGB, and the box of the visible pack: float32 (4,), xyxy in pixels.

    Raises:
        BadInput: The size or the backdrop is not one of those allowed.
    """
    kind = str(rng.choice(sorted(BACKDROPS))) if backdrop is None else backdrop
    if kind not in BACKDROPS:
        raise BadInput(f"backdrop: got {kind!r}, wanted one of {', '.join(sorted(BACKDROPS))}.")
    layer, box = pose_pack(pack, rng, size_px)
    scene = draw_backdrop(kind, size_px, float(box[3]), rng)
    if kind != "hand":
        scene = _with_contact_shadow(scene, layer, box)
    scene.paste(layer, (0, 0), layer)
    taken = random_camera(rng, 0.5) if camera is None else camera
    return photograph(np.asarray(scene), taken, rng), box


def pose_pack(pack: Pack, rng: np.random.Generator, size_px: tuple[int, int]) -> tuple[Image.Image, FloatArray]:
    """The pack alone, turned and placed in an empty frame.

    Args:
        pack: The product.
        rng: Source of chance for the pose.
        size_px: Width and height of the frame, each 64 to 4096.

    Returns:
        RGBA image of `size_px`, and the box of its opaque part: float32 (4,), xyxy, inside the frame.

    Raises:
        BadInput: The size is out of range.
    """
    if not all(64 <= side <= 4096 for side in size_px):
        raise BadInput(f"size_px: got {size_px}, wanted width and height of 64 to 4096.")
    has_sides = pack.form in ("box", "carton")
    yaw = float(rng.uniform(-0.45, 0.45)) if has_sides else float(rng.uniform(-0.14, 0.14))
    turn = rotation(yaw, float(rng.uniform(-0.12, 0.12)), float(rng.normal(0, 0.045)))
    quads = [_project(corners, turn, 3.2 * max(pack.size_cm)) for corners in _faces(pack, yaw if has_sides else 0.0)]
    quads = _fit(quads, size_px, rng)
    height = int(np.clip(np.ptp(quads[-1][:, 1]) * 1.1, 48, 2000))
    front = Image.fromarray(draw_front(pack, height))
    layer = Image.new("RGBA", size_px)
    points: list[Points] = []
    if len(quads) == 2:
        side = Image.fromarray(draw_side(pack, height)).convert("RGBA")
        points.append(lay_face(layer, side, quads[0]))
    points.append(lay_face(layer, front, quads[-1]))
    return layer, bounding_box(np.concatenate(points))


def _faces(pack: Pack, yaw: float) -> list[Points]:
    """Corners in centimeters of what can be seen, back to front; each float64 (4, 3), clockwise from its top left."""
    w, h, d = (side / 2 for side in pack.size_cm)
    front = np.array([(-w, -h, -d), (w, -h, -d), (w, h, -d), (-w, h, -d)])
    if yaw == 0:
        return [front]
    top = -h + 2 * h * _ROOF_FRAC if pack.form == "carton" else -h
    if yaw > 0:  # the right side comes into view
        return [np.array([(w, top, -d), (w, top, d), (w, h, d), (w, h, -d)]), front]
    return [np.array([(-w, top, d), (-w, top, -d), (-w, h, -d), (-w, h, d)]), front]


def _project(corners: Points, turn: Points, distance_cm: float) -> Points:
    turned = corners @ turn.T
    projected: Points = turned[:, :2] / (turned[:, 2:] + distance_cm)
    return projected


def _fit(quads: list[Points], size_px: tuple[int, int], rng: np.random.Generator) -> list[Points]:
    """Scaled and shifted so that the pack fills 60 to 88 percent of the tighter side and stays inside."""
    everything = np.concatenate(quads)
    low, extent = everything.min(axis=0), np.ptp(everything, axis=0)
    size = np.array(size_px, np.float64)
    scale = float(rng.uniform(0.6, 0.88)) * float((size / extent).min())
    spare = size - scale * extent
    corner = spare * rng.uniform((0.3, 0.35), (0.7, 0.65))
    return [(quad - low) * scale + corner for quad in quads]


def _with_contact_shadow(scene: Image.Image, layer: Image.Image, box: FloatArray) -> Image.Image:
    """The scene darkened where the pack stands and, softly, to its right."""
    shrink = 6
    small = (max(1, scene.width // shrink), max(1, scene.height // shrink))
    mask = Image.new("L", small)
    mask.paste(layer.getchannel("A").resize(small).point(lambda a: a * 0.4), (max(1, small[0] // 30), 1))
    x0, _, x1, y1 = (float(v) / shrink for v in box)
    reach, flat = 0.06 * (x1 - x0), 0.014 * small[1] + 1
    ImageDraw.Draw(mask).ellipse((x0 - reach, y1 - flat, x1 + reach, y1 + flat), fill=210)
    mask = mask.filter(ImageFilter.GaussianBlur(1.6)).resize(scene.size, Image.Resampling.BICUBIC)
    return Image.composite(Image.new("RGB", scene.size, (18, 16, 18)), scene, mask.point(lambda a: a * 0.75))
