"""Forged packs, made from photos of genuine ones: what a counterfeiter gets wrong, with the truth of where.

No public set of genuine and counterfeit photos is known, so a check of authenticity is measured on edits. Each changes
one place of the pack, or its shape, and leaves light, angle and camera as they are: those may differ between genuine
photos too. The edits are made in the photo, so they are as sharp and as noisy as what lies around them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from facings.errors import BadInput
from facings.types import UInt8Array

STRENGTHS = ("slight", "medium", "strong")

Block = tuple[int, int, int, int]  # x1, y1, x2, y2, pixels

_SIDE_FRAC = {"slight": 0.16, "medium": 0.24, "strong": 0.34}  # of an edit, of the root of the pack's area
_TRIES = 60  # squares looked at, for one that something is printed on
_LEAST_SIDE_PX = 10
_LEAST_ON_PACK_FRAC = 0.9  # of an edit
_FEATHER_FRAC = 0.06  # of a block's side: how softly an edit ends
_WHITE = 255


@dataclass(frozen=True, eq=False)
class Forgery:
    """A forged photo.

    Args:
        pixels: uint8 (H, W, 3) RGB.
        is_edited: bool (H, W), where it differs on purpose.
        kind: What is wrong.
        strength: "slight", "medium" or "strong".
    """

    pixels: UInt8Array
    is_edited: NDArray[np.bool_]
    kind: str
    strength: str


@dataclass(frozen=True, eq=False)
class _Job:
    pixels: UInt8Array
    block: Block
    level: int  # 0 to 2
    donor: UInt8Array
    rng: np.random.Generator


def forge(
    pixels: UInt8Array,
    is_pack: NDArray[np.bool_],
    kind: str,
    strength: str,
    *,
    donor: UInt8Array,
    rng: np.random.Generator,
) -> Forgery:
    """A photo of a genuine pack, forged in one way.

    Args:
        pixels: uint8 (H, W, 3) RGB, the genuine photo.
        is_pack: bool (H, W), where in it the printed side is.
        kind: One of `KINDS`.
        strength: One of `STRENGTHS`.
        donor: uint8 (h, w, 3), a picture of another product, for kinds that borrow.
        rng: Places the edit.

    Raises:
        BadInput: An unknown kind or strength, or no room for the edit on the pack.
    """
    if kind not in KINDS or strength not in STRENGTHS:
        raise BadInput(
            f"Forgery: got {kind!r}, {strength!r}; wanted one of {', '.join(KINDS)}; {', '.join(STRENGTHS)}."
        )
    block = _printed_block(pixels, is_pack, _SIDE_FRAC[strength], rng)
    edited, places = _EDITS[kind](_Job(pixels, block, STRENGTHS.index(strength), donor, rng))
    is_edited = np.zeros(edited.shape[:2], bool)
    for left, top, right, bottom in places:
        is_edited[top:bottom, left:right] = True
    return Forgery(edited, is_edited, kind, strength)


def replace_block(pixels: UInt8Array, piece: UInt8Array, block: Block) -> UInt8Array:
    """The photo with a piece in a block's place, its edge softened.

    Args:
        pixels: uint8 (H, W, 3) RGB.
        piece: uint8 (h, w, 3), as large as the block.
        block: Where it goes, inside the photo.
    """
    left, top, right, bottom = block
    side = min(right - left, bottom - top)
    soft = max(1, round(_FEATHER_FRAC * side))
    ramps = [np.minimum(1, (np.minimum(np.arange(n), np.arange(n)[::-1]) + 1) / (soft + 1)) for n in piece.shape[:2]]
    share = np.minimum(ramps[0][:, None], ramps[1][None, :])[..., None]
    changed = pixels.copy()
    changed[top:bottom, left:right] = _bytes(share * piece + (1 - share) * pixels[top:bottom, left:right])
    return changed


def _printed_block(pixels: UInt8Array, is_pack: NDArray[np.bool_], frac: float, rng: np.random.Generator) -> Block:
    """The most detailed of some squares on the pack."""
    side = round(frac * float(np.sqrt(is_pack.sum())))
    rows, columns = np.nonzero(is_pack)
    if side < _LEAST_SIDE_PX:
        raise BadInput(f"Forgery: got a pack of {is_pack.sum()} px, too small for edits of {_LEAST_SIDE_PX} px a side.")
    gray = pixels.mean(2)
    best: tuple[float, Block] | None = None
    for at in rng.integers(0, len(rows), _TRIES):
        left, top = int(columns[at]) - side // 2, int(rows[at]) - side // 2
        right, bottom = left + side, top + side
        is_inside = left >= 0 and top >= 0 and right <= pixels.shape[1] and bottom <= pixels.shape[0]
        if not is_inside or is_pack[top:bottom, left:right].mean() < _LEAST_ON_PACK_FRAC:
            continue
        piece = gray[top:bottom, left:right]
        detail = float(np.abs(np.diff(piece, axis=0)).mean() + np.abs(np.diff(piece, axis=1)).mean())
        if best is None or detail > best[0]:
            best = detail, (left, top, right, bottom)
    if best is None:
        raise BadInput(f"Forgery: no square of {side} px lies on the pack; it is too narrow.")
    return best[1]


def _missing(job: _Job) -> tuple[UInt8Array, list[Block]]:
    """A text block or seal left out."""
    return replace_block(job.pixels, _filling(job.pixels, job.block), job.block), [job.block]


def _moved(job: _Job) -> tuple[UInt8Array, list[Block]]:
    """A logo that sits elsewhere, by up to half its side."""
    left, top, right, bottom = job.block
    angle, reach = job.rng.uniform(0, 2 * np.pi), (0.15, 0.25, 0.4)[job.level] * (right - left)
    dx, dy = round(reach * np.cos(angle)), round(reach * np.sin(angle))
    there = _inside((left + dx, top + dy, right + dx, bottom + dy), job.pixels.shape)
    emptied = replace_block(job.pixels, _filling(job.pixels, job.block), job.block)
    return replace_block(emptied, job.pixels[top:bottom, left:right], there), [job.block, there]


def _scaled(job: _Job) -> tuple[UInt8Array, list[Block]]:
    """A logo that is too large."""
    left, top, right, bottom = job.block
    grown = round((0.10, 0.18, 0.3)[job.level] * (right - left))
    there = _inside((left - grown, top - grown, right + grown, bottom + grown), job.pixels.shape)
    return replace_block(job.pixels, _resized(job.pixels[top:bottom, left:right], there), there), [there]


def _letters(job: _Job) -> tuple[UInt8Array, list[Block]]:
    """Printed signs in the wrong order: strips of a block change places."""
    left, top, right, bottom = job.block
    piece, n_strips = job.pixels[top:bottom, left:right].copy(), (2, 3, 4)[job.level]
    edges = np.linspace(0, piece.shape[1], n_strips + 1).astype(int)
    strips = [piece[:, a:b] for a, b in pairwise(edges.tolist())]
    order = np.roll(np.arange(n_strips), 1)
    return replace_block(job.pixels, np.hstack([strips[k] for k in order]), job.block), [job.block]


def _panel(job: _Job) -> tuple[UInt8Array, list[Block]]:
    """A part of another product's print, in this one's light."""
    left, top, right, bottom = job.block
    height, width = job.donor.shape[:2]
    side = max(8, min(height, width, round(0.35 * min(height, width))))
    x, y = int(job.rng.integers(0, width - side + 1)), int(job.rng.integers(0, height - side + 1))
    borrowed = _resized(job.donor[y : y + side, x : x + side], job.block).astype(np.float64)
    here = job.pixels[top:bottom, left:right].reshape(-1, 3).astype(np.float64)
    lit = (borrowed - borrowed.mean((0, 1))) * 0.9 + here.mean(0)
    return replace_block(job.pixels, _bytes(lit), job.block), [job.block]


def _tinted(job: _Job) -> tuple[UInt8Array, list[Block]]:
    """A brand color that is off: colorful parts of a block turn in hue, gray ones stay; no lamp does that."""
    left, top, right, bottom = job.block
    piece = job.pixels[top:bottom, left:right]
    hsv = np.asarray(PillowImage.fromarray(piece).convert("HSV")).copy()
    turn = (12, 22, 40)[job.level] * (1 if job.rng.random() < 0.5 else -1)  # of 256
    hsv[..., 0] = (hsv[..., 0].astype(int) + turn) % 256
    turned = np.asarray(PillowImage.fromarray(hsv, "HSV").convert("RGB"))
    return replace_block(job.pixels, turned, job.block), [job.block]


def _coarse(job: _Job) -> tuple[UInt8Array, list[Block]]:
    """A block printed from a scan: fewer dots an inch."""
    left, top, right, bottom = job.block
    factor = (2.5, 4.0, 6.0)[job.level]
    size = max(1, round((right - left) / factor)), max(1, round((bottom - top) / factor))
    piece = PillowImage.fromarray(job.pixels[top:bottom, left:right])
    coarse = piece.resize(size, PillowImage.Resampling.BOX)
    return replace_block(job.pixels, _resized(np.asarray(coarse), job.block), job.block), [job.block]


def _stretched(job: _Job) -> tuple[UInt8Array, list[Block]]:
    """A pack that is wider than it should be, and all that is printed on it."""
    height, width = job.pixels.shape[:2]
    wider = 0, 0, round(width * (1.08, 1.15, 1.25)[job.level]), height
    return _resized(job.pixels, wider), [wider]


_EDITS: dict[str, Callable[[_Job], tuple[UInt8Array, list[Block]]]] = {
    "missing block": _missing,
    "moved logo": _moved,
    "scaled logo": _scaled,
    "swapped letters": _letters,
    "other panel": _panel,
    "wrong color": _tinted,
    "coarse print": _coarse,
    "wrong proportions": _stretched,
}
KINDS = tuple(_EDITS)


def _filling(pixels: UInt8Array, block: Block) -> UInt8Array:
    """What the surroundings of a block would continue to: its four edges blended (Coons, 1967)."""
    left, top, right, bottom = block
    source = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), "edge").astype(np.float64)[top : bottom + 2, left : right + 2]
    height, width = bottom - top, right - left
    u, v = np.linspace(0, 1, width)[None, :, None], np.linspace(0, 1, height)[:, None, None]
    above, below = source[:1, 1:-1], source[-1:, 1:-1]
    before, after = source[1:-1, :1], source[1:-1, -1:]
    corners = (
        (1 - u) * (1 - v) * source[0, 0] + u * (1 - v) * source[0, -1]
        + (1 - u) * v * source[-1, 0] + u * v * source[-1, -1]
    )  # fmt: skip
    return _bytes((1 - v) * above + v * below + (1 - u) * before + u * after - corners)


def _resized(piece: UInt8Array, block: Block) -> UInt8Array:
    left, top, right, bottom = block
    resized = PillowImage.fromarray(piece).resize((right - left, bottom - top), PillowImage.Resampling.BICUBIC)
    return np.asarray(resized)


def _inside(block: Block, shape: tuple[int, ...]) -> Block:
    """The block, pushed back into the picture."""
    left, top, right, bottom = block
    dx = max(0, -left) - max(0, right - shape[1])
    dy = max(0, -top) - max(0, bottom - shape[0])
    return left + dx, top + dy, right + dx, bottom + dy


def _bytes(values: NDArray[np.floating]) -> UInt8Array:
    return np.clip(np.round(values), 0, _WHITE).astype(np.uint8)
