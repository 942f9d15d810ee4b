"""What the comparator learns from: genuine photos beside others of their product, as they are and with forgeries made.

Some are "innocent": a part of another genuine photo pasted where it belongs. They are edited as forgeries are, and must
not be told, so that the network learns what is printed and not how it was pasted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facings.apps.genuine_pack import compared, fitting, judged_by_others, look, vouching_without
from facings.apps.pack_comparator import Beside, beside
from facings.apps.pack_look import Looked, Places, Vouching, carried, vouched_places
from facings.apps.pack_maps import MATCHED, PLACE_PX
from facings.apps.registration import Registrar
from facings.errors import BadInput
from facings.simulate.forgeries import KINDS, STRENGTHS, forge, replace_block
from facings.types import UInt8Array

FORGED, GENUINE, NOT_ASKED = 1, 0, -1

_GROUP = 12  # photos of a product that are compared with each other, as many as at runtime
_N_FORGERIES = 3  # a photo, and an innocent edit
_KINDS = tuple(kind for kind in KINDS if kind != "wrong proportions")  # of these nothing is seen in places
_STRENGTH_SHARES = (0.35, 0.45, 0.2)
_INNOCENT_FRACS = 0.16, 0.34  # sides of innocent edits, as those of forgeries
_TRIES = 30
_LEAST_SIDE_PX = 10
_LEAST_PLACES = 100
_LEAST_CHANGE = 6.0  # gray levels of 255: less is not seen
_MOST_ODD_FRAC = 0.02  # of an innocent block's places


@dataclass(frozen=True, eq=False)
class Pair:
    """A picture beside genuine photos, and the truth.

    Args:
        beside: What the network is shown.
        truth: int8 (h, w): `FORGED`, `GENUINE`, or `NOT_ASKED` at the edges of an edit and where it changes nothing.
    """

    beside: Beside
    truth: NDArray[np.int8]


def forged_pairs(
    photos: Sequence[UInt8Array], donor: UInt8Array, registrar: Registrar, rng: np.random.Generator
) -> Iterator[Pair]:
    """Pairs of one product.

    Args:
        photos: uint8 (h, w, 3) RGB at working size, each cut to the pack.
        donor: uint8 (h, w, 3), a pack of another product, for forgeries that borrow.
        registrar: Lays one over another.
        rng: Groups photos and places edits.
    """
    order = rng.permutation(len(photos))
    for group in np.array_split(order, max(1, round(len(photos) / _GROUP))):
        chosen = {int(k): photos[k] for k in group}
        landmarks, looks = compared(chosen, registrar)
        for k in looks:
            own, known = judged_by_others(k, looks)
            if not known:
                continue
            yield _pair(own, known, chosen[k], None)
            others = vouching_without(k, looks)
            for edited, is_edited in _edits(chosen[k], own, known, donor, rng):
                fits = fitting(registrar.landmarks(edited), ((j, landmarks[j]) for j in others), registrar)
                if fits:
                    truth = None if is_edited is None else (chosen[k], is_edited)
                    yield _pair(look(edited, fits, chosen, registrar), others, edited, truth)


def fingerprint(pairs: Sequence[Pair]) -> str:
    """First 16 hex digits of a hash of the pictures.

    Args:
        pairs: What was learned from.
    """
    found = hashlib.sha256()
    for pair in pairs:
        found.update(pair.beside.part.tobytes())
        found.update(pair.truth.tobytes())
    return found.hexdigest()[:16]


def _pair(
    looked: Looked,
    vouching: Mapping[int, Vouching],
    pixels: UInt8Array,
    forged: tuple[UInt8Array, NDArray[np.bool_]] | None,
) -> Pair:
    """A picture with its truth: what it was before, and where it was edited; None for a genuine one."""
    shown = beside(looked, {k: carried(vouching[k], looked, k) for k in looked.maps})
    truth = np.full(shown.is_seen.shape[1:], GENUINE, np.int8)
    if forged is not None:
        before, is_edited = forged
        share = _per_place(is_edited.astype(np.float32), looked)
        change = _per_place(np.abs(pixels.astype(np.float32) - before).mean(2), looked)
        truth[share > _MOST_ODD_FRAC] = NOT_ASKED
        truth[(share > 0.5) & (change > _LEAST_CHANGE)] = FORGED
    return Pair(shown, truth)


def _edits(
    pixels: UInt8Array,
    own: Looked,
    vouching: Mapping[int, Vouching],
    donor: UInt8Array,
    rng: np.random.Generator,
) -> Iterator[tuple[UInt8Array, NDArray[np.bool_] | None]]:
    """Edited photos and where they are forged; None for an innocent edit."""
    is_place = vouched_places(own, {k: carried(vouching[k], own, k) for k in own.maps})
    if is_place.sum() < _LEAST_PLACES:
        return
    x1, y1, x2, y2 = own.box
    is_pack = np.zeros(pixels.shape[:2], bool)
    is_pack[y1:y2, x1:x2] = is_place.repeat(PLACE_PX, 0).repeat(PLACE_PX, 1)
    for _ in range(_N_FORGERIES):
        kind, strength = str(rng.choice(_KINDS)), str(rng.choice(STRENGTHS, p=_STRENGTH_SHARES))
        try:
            made = forge(pixels, is_pack, kind, strength, donor=donor, rng=rng)
        except BadInput:  # too little of the pack to be seen for an edit of this size
            continue
        yield made.pixels, made.is_edited
    innocent = _innocent(pixels, own, is_place, rng)
    if innocent is not None:
        yield innocent, None


def _innocent(pixels: UInt8Array, own: Looked, is_place: Places, rng: np.random.Generator) -> UInt8Array | None:
    """The photo with a block of another genuine one in its place; None where none is found that fits."""
    k = list(own.maps)[int(rng.integers(len(own.maps)))]
    differences, is_seen = own.maps[k].differences[0], own.maps[k].is_seen
    n = round(float(rng.uniform(*_INNOCENT_FRACS) * np.sqrt(is_place.sum())))
    rows, columns = np.nonzero(is_place)
    height, width = is_place.shape
    for at in rng.integers(0, len(rows), _TRIES) if n * PLACE_PX >= _LEAST_SIDE_PX else ():
        top, left = int(rows[at]) - n // 2, int(columns[at]) - n // 2
        if top < 0 or left < 0 or top + n > height or left + n > width:
            continue
        block = slice(top, top + n), slice(left, left + n)
        if not (is_seen & is_place)[block].all() or (differences[block] > MATCHED).mean() > _MOST_ODD_FRAC:
            continue
        x, y, side = own.box[0] + left * PLACE_PX, own.box[1] + top * PLACE_PX, n * PLACE_PX
        piece = own.laid[k][top * PLACE_PX : (top + n) * PLACE_PX, left * PLACE_PX : (left + n) * PLACE_PX]
        here = pixels[y : y + side, x : x + side].astype(np.float32)
        gains = (here.mean((0, 1)) + 1) / (piece.astype(np.float32).mean((0, 1)) + 1)
        lit = np.clip(piece * gains, 0, 255).astype(np.uint8)
        return replace_block(pixels, lit, (x, y, x + side, y + side))
    return None


def _per_place(values: NDArray[np.float32], looked: Looked) -> NDArray[np.float32]:
    """Means over the places of the part that is looked at."""
    x1, y1, x2, y2 = looked.box
    part = values[y1:y2, x1:x2]
    height, width = (side // PLACE_PX for side in part.shape)
    return np.asarray(part.reshape(height, PLACE_PX, width, PLACE_PX).mean((1, 3)))
