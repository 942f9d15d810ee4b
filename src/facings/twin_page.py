"""The page about look-alikes: each pair side by side, the places lit up that tell the two apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from PIL import Image as PillowImage

from facings.catalog import Product
from facings.cells import CellNetwork
from facings.embed import prepare
from facings.errors import FacingsError, ModelNotFound
from facings.gallery import Reference
from facings.page import render, thumbnail
from facings.progress import Track, untracked
from facings.twin_check import KnownPair
from facings.twin_desk import TwinDesk, TwinReport
from facings.twins import Twin
from facings.types import UInt8Array

MAX_SHOWN = 20  # pairs with pictures
PICTURE_PX = 320

_DIMMED = 0.25  # brightness of places that say nothing
_LOUD_QUANTILE = 0.75  # of the places that speak for a product; from there on they are fully bright


@dataclass(frozen=True)
class _View:
    """One photo of a pair; `uri` is "" where it cannot be shown any more."""

    sku: str
    name: str
    source: str
    uri: str


@dataclass(frozen=True)
class _Shown:
    """A pair on the page."""

    twin: Twin
    back: Twin | None
    pair: KnownPair | None
    views: tuple[_View, _View]


def twin_page(
    report: TwinReport,
    desk: TwinDesk,
    references: Sequence[Reference],
    products: Mapping[str, Product],
    made_at: datetime,
    *,
    track: Track = untracked,
) -> str:
    """The report as one self-contained page with pictures of the most confused pairs.

    Args:
        report: What the desk found.
        desk: Gives photos and network.
        references: The gallery's.
        products: The catalog by SKU, for names.
        made_at: When the page was made.
        track: Shows progress.
    """
    known = {reference.reference_id: reference for reference in references}
    try:
        network = desk.open_network()
    except ModelNotFound:
        network = None
    once = {twin.skus: twin for twin in reversed(report.twins)}  # the stronger direction of each pair
    listed = [twin for twin in report.twins if once[twin.skus] is twin]
    shown = [
        _shown(twin, report, desk, network, known, products) for twin in track(listed[:MAX_SHOWN], "Drawing", MAX_SHOWN)
    ]
    return render("twins.html.j2", report=report, shown=shown, n_pairs=len(listed), products=products, made_at=made_at)


def _shown(
    twin: Twin,
    report: TwinReport,
    desk: TwinDesk,
    network: CellNetwork | None,
    known: Mapping[int, Reference],
    products: Mapping[str, Product],
) -> _Shown:
    pair = report.pair_of(twin)
    views = []
    for sku, reference_id in ((twin.sku, twin.reference_id), (twin.other, twin.other_reference_id)):
        reference = known.get(reference_id)
        uri = _picture(desk, network, pair, sku, reference) if reference else ""
        name = products[sku].name if sku in products else ""
        views.append(_View(sku, name, reference.source if reference else "", uri))
    back = next((t for t in report.twins if (t.sku, t.other) == (twin.other, twin.sku)), None)
    return _Shown(twin, back, pair, (views[0], views[1]))


def _picture(
    desk: TwinDesk, network: CellNetwork | None, pair: KnownPair | None, sku: str, reference: Reference
) -> str:
    try:
        pixels = desk.pixels(reference)
    except FacingsError:
        return ""
    if network is None or pair is None:
        return thumbnail(pixels, PICTURE_PX)
    prepared = prepare(pixels, network.card.preparation)
    spoken = pair.verifier.where(network.run(prepared[None])[0])
    return thumbnail(lit(prepared.transpose(1, 2, 0), spoken if sku == pair.first else -spoken), PICTURE_PX)


def lit(pixels: UInt8Array, spoken: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> UInt8Array:
    """A picture, dark but for the places that speak for its product.

    Args:
        pixels: uint8 (S, S, 3) RGB, what the network sees.
        spoken: float64 (h, w), how much each place speaks for the product; below 0 it speaks against.
    """
    speaking = spoken[spoken > 0]
    share = np.clip(spoken / np.quantile(speaking, _LOUD_QUANTILE), 0, 1) if len(speaking) else np.zeros_like(spoken)
    side = (pixels.shape[1], pixels.shape[0])
    map_ = PillowImage.fromarray((255 * share).astype(np.uint8)).resize(side, PillowImage.Resampling.BICUBIC)
    bright = _DIMMED + (1 - _DIMMED) * np.asarray(map_, np.float64)[..., None] / 255
    marked: UInt8Array = np.clip(pixels * bright, 0, 255).astype(np.uint8)
    return marked
