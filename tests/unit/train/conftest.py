"""Toy products that a small network tells apart: each has one color, each photo its own pattern in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from facings.annotations import AnnotatedPhoto
from facings.manifest import LabelledPhoto
from toy_boxes import toy_boxes

COLORS = {"cherry": (230, 30, 30), "lime": (40, 220, 40), "plum": (60, 40, 220), "pear": (220, 220, 40)}


def toy_photos(
    folder: Path, n_each: int, *, products: tuple[str, ...] = tuple(COLORS), seed: int = 0
) -> list[LabelledPhoto]:
    """`n_each` photos of each product, 48×40 px PNG files; no two look alike."""
    found = []
    for product in products:
        for number in range(n_each):
            rng = np.random.default_rng((seed, list(COLORS).index(product), number))
            shade = rng.uniform(0.3, 1.0, (5, 6, 1)).repeat(8, axis=0).repeat(8, axis=1)
            pixels = (shade * np.array(COLORS[product])).astype(np.uint8)
            path = folder / product / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            PillowImage.fromarray(pixels).save(path)
            category = "citrus" if product == "lime" else "other"
            found.append(LabelledPhoto(path, product, category))
    return found


@pytest.fixture
def toys(tmp_path: Path) -> list[LabelledPhoto]:
    """Six photos of each of four products."""
    return toy_photos(tmp_path / "toys", 6)


@pytest.fixture
def toys_to_check(tmp_path: Path) -> list[LabelledPhoto]:
    """Three further photos of each."""
    return toy_photos(tmp_path / "check", 3, seed=1)


@dataclass(frozen=True)
class DetectorRun:
    """A finished training of a detector that finds rectangles.

    Args:
        folder: Its run folder.
        train: What it learned from.
        val: What it was checked with.
        settings: Its `DetectorSettings`.
        summary: Its `DetectorSummary`.
    """

    folder: Path
    train: list[AnnotatedPhoto]
    val: list[AnnotatedPhoto]
    settings: Any
    summary: Any


@pytest.fixture(scope="session")
def detector_run(tmp_path_factory: pytest.TempPathFactory) -> DetectorRun:
    """Half a minute, once: 36 steps on 96 photos of rectangles, and an export."""
    torch = pytest.importorskip("torch", reason="needs the train extra")
    from facings.train.architectures import LAYOUTS
    from facings.train.detector import DetectorSettings, train_detector
    from facings.train.detector_recipe import DetectorRecipe
    from small_trunk import ARCHITECTURE, LAYOUT, write_start

    folder = tmp_path_factory.mktemp("detector")
    train, val = toy_boxes(folder / "train", 96), toy_boxes(folder / "val", 12, seed=1)
    recipe = DetectorRecipe(
        n_channels=64,
        n_epochs=3,
        canvas_px=64,
        batch_size=8,
        n_frozen_stages=0,
        lr=3e-3,
        head_lr=3e-3,
        layer_decay=1.0,
        ema_decay=0.9,
        mosaic_prob=0.2,
        color_jitter=0.1,
    )
    settings = DetectorSettings(recipe=recipe, start=write_start(folder / "start"), name="rectangles", n_threads=1)
    n_threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LAYOUTS, ARCHITECTURE, LAYOUT)
        summary = train_detector(train, val, out=folder / "run", settings=settings)
    torch.set_num_threads(n_threads)
    return DetectorRun(folder / "run", train, val, settings, summary)
