"""A product's genuine photos, ready to be compared with: what each can vouch for, and how much genuine ones differ.

A photo shows more than the pack: shelf, hand, neighbors. What a photo can vouch for are the places where at least two
other genuine photos, laid over it, show the same print. Only there is a query looked at, so only the pack counts, and
of the pack what does not change from one to the next. How much genuine photos differ in such a place is expected of
the next one as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from facings.apps.pack_checks import CHECKS, Scores, scores_of
from facings.apps.pack_comparator import PackComparator
from facings.apps.pack_inspection import inspect
from facings.apps.pack_look import GenuineMaps, Looked, Vouching, around
from facings.apps.pack_maps import MATCHED, PLACE_PX, compare
from facings.apps.pack_text import agreed_lines, most_misread, read_lines
from facings.apps.registration import Landmarks, PixelBox, Registrar, Registration
from facings.errors import BadInput
from facings.evidence import TextLine, TextReader
from facings.progress import Track, untracked
from facings.types import UInt8Array

MIN_PHOTOS = 3  # two that agree with a third
MAX_PHOTOS = 12  # more cost time and say little
N_COMPARED = 6  # photos that a query is laid over, those it fits best

_N_PEERS = 7  # photos that each is compared with in advance
_N_VOUCHING = 2  # other photos that must show the same print in a place
_BOX_GROWTH = 0.45  # around the points that fit, as a pack goes on beyond them
_LEAST_GROWTH_PX = 24

_Lines = Mapping[int, tuple[TextLine, ...]]


@dataclass(frozen=True, eq=False)
class GenuinePhoto:
    """One genuine photo.

    Args:
        number: Its own, among all of the product.
        landmarks: Its points.
        vouching: What it can vouch for.
        lines: Text that other genuine photos read alike in it; none where text is not read.
    """

    number: int
    landmarks: Landmarks
    vouching: Vouching
    lines: tuple[TextLine, ...] = ()


@dataclass(frozen=True, eq=False)
class GenuinePack:
    """The genuine photos of a product.

    Args:
        sku: The product.
        photos: Those that others agree with.
        scores: float64 (n, C), by `CHECKS`: how odd each is that could be judged by the others.
    """

    sku: str
    photos: tuple[GenuinePhoto, ...]
    scores: Scores


def prepare(
    sku: str,
    photos: Mapping[int, UInt8Array],
    registrar: Registrar,
    comparator: PackComparator,
    *,
    texts: TextReader | None = None,
    track: Track = untracked,
) -> GenuinePack:
    """A product's genuine photos compared with each other; each is judged as a query would be, by the others alone.

    Args:
        sku: The product.
        photos: uint8 (h, w, 3) RGB by number.
        registrar: Lays one over another.
        comparator: Tells tampered places.
        texts: Reads text; None for no such check.
        track: Shows progress.

    Raises:
        BadInput: There are fewer than `MIN_PHOTOS`.
    """
    if len(photos) < MIN_PHOTOS:
        raise BadInput(
            f"{sku}: got {len(photos)} genuine photos, wanted {MIN_PHOTOS} or more, better 5.",
            "Add photos of the same side: facings gallery add.",
        )
    landmarks, looks = compared(photos, registrar, lambda them: track(them, f"Preparing {sku}", len(photos)))
    lines = {k: read_lines(photos[k], texts) if texts else () for k in looks}
    found = {k: maps for k, one in looks.items() if (maps := _vouched(one))}
    kept = tuple(
        GenuinePhoto(k, landmarks[k], Vouching(looks[k].box, maps), _agreed(k, looks, lines))
        for k, maps in found.items()
    )
    scores = [row for k in found if (row := _own_scores(k, looks, lines, comparator)) is not None]
    return GenuinePack(sku, kept, np.array(scores, np.float64).reshape(-1, len(CHECKS)))


def compared(
    photos: Mapping[int, UInt8Array],
    registrar: Registrar,
    shown: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> tuple[dict[int, Landmarks], dict[int, Looked]]:
    """Points of genuine photos, and each beside those of the others that it fits best, where it fits any.

    Args:
        photos: uint8 (h, w, 3) RGB by number.
        registrar: Lays one over another.
        shown: Goes through the photos and shows progress.
    """
    landmarks = {k: registrar.landmarks(pixels) for k, pixels in photos.items()}
    pairs = _registered(landmarks, registrar)
    looks: dict[int, Looked] = {}
    for k in shown(list(photos)):
        fits = _best({j: one for (i, j), one in pairs.items() if i == k}, _N_PEERS)
        if fits:
            looks[k] = look(photos[k], fits, photos, registrar)
    return landmarks, looks


def fitting(
    query: Landmarks, photos: Iterable[tuple[int, Landmarks]], registrar: Registrar, n: int = N_COMPARED
) -> dict[int, Registration]:
    """How a picture lies over the n genuine photos that it fits best, best first; empty if it shows no side of theirs.

    Args:
        query: Points of the picture.
        photos: Numbers and points of genuine photos.
        registrar: Lays one over another.
        n: How many at most.
    """
    return _best({k: one for k, landmarks in photos if (one := registrar.register(query, landmarks))}, n)


def look(
    pixels: UInt8Array, fits: Mapping[int, Registration], photos: Mapping[int, UInt8Array], registrar: Registrar
) -> Looked:
    """A picture compared with genuine photos.

    Args:
        pixels: uint8 (h, w, 3) RGB.
        fits: How they lie; at least one.
        photos: uint8 (h, w, 3) RGB by number.
        registrar: Lays one over another.
    """
    height, width = pixels.shape[:2]
    box = _box(np.concatenate([one.inliers[:, :2] for one in fits.values()]), (width, height))
    x1, y1, x2, y2 = box
    part = pixels[y1:y2, x1:x2]
    over = {k: registrar.laid_over(pixels, photos[k], one, box) for k, one in fits.items()}
    maps = {k: compare(part, laid, reach) for k, (laid, reach) in over.items()}
    return Looked(fits, box, part, {k: laid for k, (laid, _) in over.items()}, maps)


def _registered(landmarks: Mapping[int, Landmarks], registrar: Registrar) -> dict[tuple[int, int], Registration]:
    """How genuine photos lie over each other, of each two both ways."""
    found: dict[tuple[int, int], Registration] = {}
    for i, j in combinations(landmarks, 2):
        one = registrar.register(landmarks[i], landmarks[j])
        if one is not None:
            found |= {(i, j): one, (j, i): one.turned_round()}
    return found


def _best(found: Mapping[int, Registration], n: int) -> dict[int, Registration]:
    """Those that fit best, best first."""
    return {k: found[k] for k in sorted(found, key=lambda k: (-found[k].quality, k))[:n]}


def _vouched(looked: Looked, without: int | None = None) -> GenuineMaps | None:
    """What a genuine photo can vouch for, by the others that were compared with it; None with too few of them."""
    others = [one for k, one in looked.maps.items() if k != without]
    if len(others) < _N_VOUCHING:
        return None
    is_seen = np.stack([one.is_seen for one in others])
    differences = np.stack([one.differences for one in others])
    is_same = is_seen & (differences[:, 0] < MATCHED)
    # Only those that agree say what to expect: a thumb on one of them does not.
    total = (differences * is_same[:, None]).sum(0)
    expected = total / np.maximum(is_same.sum(0), 1)
    points = np.concatenate([one.inliers[:, :2] for one in looked.fits.values()])
    is_vouched = (is_same.sum(0) >= _N_VOUCHING) & around(points, looked.box, is_same.shape[1:])
    return GenuineMaps(is_vouched, expected.astype(np.float32))


def _agreed(k: int, looks: Mapping[int, Looked], lines: _Lines, without: int | None = None) -> tuple[TextLine, ...]:
    """Lines of a genuine photo that others read alike."""
    others = {j: lines[j] for j in looks[k].fits if j in lines and j != without}
    return agreed_lines(lines[k], others, looks[k].fits)


def judged_by_others(k: int, looks: Mapping[int, Looked]) -> tuple[Looked, dict[int, Vouching]]:
    """A genuine photo beside the others that it fits best, and what these vouch for knowing nothing of it.

    Args:
        k: Its number.
        looks: Each photo beside others.
    """
    own, others = looks[k], vouching_without(k, looks)
    vouching = {j: others[j] for j in [j for j in own.fits if j in looks][:N_COMPARED] if j in others}
    fits = {j: own.fits[j] for j in vouching}
    laid, maps = {j: own.laid[j] for j in fits}, {j: own.maps[j] for j in fits}
    return Looked(fits, own.box, own.part, laid, maps), vouching


def vouching_without(k: int, looks: Mapping[int, Looked]) -> dict[int, Vouching]:
    """What all genuine photos but one vouch for, knowing nothing of that one.

    Args:
        k: Its number.
        looks: Each photo beside others.
    """
    return {j: Vouching(one.box, maps) for j, one in looks.items() if j != k and (maps := _vouched(one, without=k))}


def _own_scores(k: int, looks: Mapping[int, Looked], lines: _Lines, comparator: PackComparator) -> Scores | None:
    """How odd a genuine photo is by others that know nothing of it; None if they cannot tell."""
    looked, vouching = judged_by_others(k, looks)
    if not vouching:
        return None
    found = inspect(looked, vouching, comparator)
    if not found.is_enough:
        return None
    genuine = {j: _agreed(j, looks, lines, without=k) for j in vouching}
    return scores_of(found, looked.fits, most_misread(lines[k], genuine, looked.fits))


def _box(xy: NDArray[np.floating], size_px: tuple[int, int]) -> PixelBox:
    low, high = np.percentile(xy, (2, 98), axis=0)
    grown = np.maximum(_LEAST_GROWTH_PX, _BOX_GROWTH * (high - low))
    x1, y1 = (np.maximum(0, low - grown) // PLACE_PX * PLACE_PX).astype(int).tolist()
    x2, y2 = np.minimum(size_px, high + grown).astype(int).tolist()
    return x1, y1, x1 + (x2 - x1) // PLACE_PX * PLACE_PX, y1 + (y2 - y1) // PLACE_PX * PLACE_PX
