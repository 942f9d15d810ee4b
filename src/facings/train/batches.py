"""Batches of augmented photos; every random choice follows from (seed, step), so a training can stop anywhere.

A photo is never mirrored: text and logos have a right way round. Crops keep most of the product, colors move as much
as store lighting moves them. Pillow cuts and resizes photo by photo, colors are changed for the whole batch at once:
the same operations on one photo at a time cost more than the network's step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from PIL import Image as PillowImage
from torch import Tensor

from facings.embed import prepare
from facings.errors import BadInput
from facings.model_card import Preparation
from facings.train.photo_cache import PhotoCache
from facings.types import IntArray, UInt8Array

Made = TypeVar("Made")

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_ASPECT = 4 / 3  # a crop's sides differ by at most this factor from the photo's square
_TRIES = 10
_ERASED_SIDE = (0.15, 0.4)  # of the picture's side


@dataclass(frozen=True)
class Schedule:
    """Which photos go into which step: every photo once an epoch, in an order of its own, the remainder left out.

    Losses that compare the photos of a batch want several of a product in it (P×K batches: Hermans et al., "In Defense
    of the Triplet Loss", 2017). With `n_per_product` k, each product's photos are cut into groups of k, anew in each
    epoch, and the batches get them in turn, so that those of one product lie in different batches where there are
    enough. Fewer than k that are left of a product stay together where they fit, and fill the batches up.

    Args:
        rows: int64 (N,), rows of the cache.
        batch_size: Photos a step; fewer where there are fewer photos.
        sizes_px: Side of the square the network sees, one an epoch.
        seed: Of the order and the augmentation.
        n_per_product: Photos of a product that come together, 1 to `batch_size`; 1 mixes all photos.
        targets: int64 (N,), the product of each row; needed where `n_per_product` is more than 1.
    """

    rows: IntArray
    batch_size: int
    sizes_px: tuple[int, ...]
    seed: int
    n_per_product: int = 1
    targets: IntArray | None = None

    def __post_init__(self) -> None:
        if not len(self.rows) or self.batch_size < 1 or not self.sizes_px or min(self.sizes_px) < 1:
            raise BadInput(
                f"Schedule: got {len(self.rows)} photos, batch size {self.batch_size} and sizes {self.sizes_px}, "
                "wanted at least one of each, all positive."
            )
        if not 1 <= self.n_per_product <= self.batch_size:
            raise BadInput(f"Schedule: got {self.n_per_product} photos a product, wanted 1 to {self.batch_size}.")
        n_targets = 0 if self.targets is None else len(self.targets)
        if self.n_per_product > 1 and n_targets != len(self.rows):
            raise BadInput(f"Schedule: got {n_targets} targets, wanted one for each of the {len(self.rows)} photos.")

    @property
    def steps_per_epoch(self) -> int:
        """Full batches an epoch, at least one."""
        return max(1, len(self.rows) // self.batch_size)

    @property
    def n_steps(self) -> int:
        """Steps of the whole training."""
        return self.steps_per_epoch * len(self.sizes_px)

    def step(self, number: int) -> tuple[IntArray, int]:
        """Rows and side in pixels of one step, 0 for the first."""
        epoch, place = divmod(number, self.steps_per_epoch)
        rng = np.random.default_rng((self.seed, epoch))
        if self.targets is None or self.n_per_product == 1:
            order: IntArray = rng.permutation(self.rows)
        else:
            order = self._dealt(rng, self.targets)
        return order[place * self.batch_size : (place + 1) * self.batch_size], self.sizes_px[epoch]

    def _dealt(self, rng: np.random.Generator, targets: IntArray) -> IntArray:
        """An epoch's rows, batch after batch: whole groups dealt in turn, then others until each batch is full."""
        n_batches, size = self.steps_per_epoch, min(self.batch_size, len(self.rows))
        places, group_of = self._groups(rng, targets)
        n_photos = np.bincount(group_of)
        drawn = rng.permutation(len(n_photos))
        n_drawn = np.searchsorted(np.cumsum(n_photos[drawn]), n_batches * size, side="right")  # the next is too much
        whole = np.sort(drawn[:n_drawn][n_photos[drawn[:n_drawn]] == self.n_per_product])
        whole = whole[: n_batches * (size // self.n_per_product)]
        batch_of_group = np.full(len(n_photos), -1)
        batch_of_group[whole] = np.arange(len(whole)) % n_batches
        batch_of = batch_of_group[group_of]
        n_missing = size - np.bincount(batch_of[batch_of >= 0], minlength=n_batches)
        others = np.flatnonzero(batch_of < 0)
        others = others[np.argsort(np.argsort(drawn)[group_of[others]], kind="stable")]  # as drawn, group after group
        batch_of[others[: n_missing.sum()]] = np.repeat(np.arange(n_batches), n_missing)
        kept = np.flatnonzero(batch_of >= 0)
        order = np.argsort(rng.permutation(n_batches)[batch_of[kept]], kind="stable")
        return self.rows[places[kept[order]]]

    def _groups(self, rng: np.random.Generator, targets: IntArray) -> tuple[IntArray, IntArray]:
        """Places in `rows`, product after product, all in random order; and the group of each, 0 for the first."""
        products, product_of = np.unique(targets, return_inverse=True)
        product_of = rng.permutation(len(products))[product_of]
        places = rng.permutation(len(self.rows))
        places = places[np.argsort(product_of[places], kind="stable")]
        ordered = product_of[places]
        starts_group = (np.arange(len(places)) - np.searchsorted(ordered, ordered)) % self.n_per_product == 0
        return places, np.cumsum(starts_group) - 1


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step learns from.

    Args:
        rows: int64 (n,), rows of the cache.
        partners: int64 (n,), the row whose photo shows in a rectangle of each; None where photos are whole.
        kept_frac: Share of each photo's area that still shows its own row, in (0, 1].
        pixels: float32 (n, 3, S, S), normalized, channels last.
    """

    rows: IntArray
    partners: IntArray | None
    kept_frac: float
    pixels: Tensor


@dataclass(frozen=True)
class Augmentation:
    """How a training photo is varied.

    Args:
        crop_scale_min: Smallest share of the photo's area that a crop keeps, in (0, 1].
        color_jitter: Largest relative change of brightness, contrast and saturation, each; in [0, 1).
        rotation_deg: Half of the photos are turned by at most this many degrees either way.
        erase_prob: Share of the photos that lose a rectangle, in [0, 1].
        mix_prob: Share of the batches whose photos lose a rectangle to one another, in [0, 1].
    """

    crop_scale_min: float
    color_jitter: float
    rotation_deg: float
    erase_prob: float
    mix_prob: float = 0.0

    def __post_init__(self) -> None:
        is_sound = 0 < self.crop_scale_min <= 1 and 0 <= self.color_jitter < 1
        are_shares = 0 <= self.erase_prob <= 1 and 0 <= self.mix_prob <= 1
        if not (is_sound and are_shares and 0 <= self.rotation_deg <= 180):
            raise BadInput(
                f"{self}: wanted crop_scale_min in (0, 1], color_jitter in [0, 1), rotation_deg in [0, 180], "
                "erase_prob and mix_prob in [0, 1]."
            )


class Batches:
    """Augmented batches, the next one made while the last one is learned from.

    Args:
        cache: The decoded photos.
        schedule: Which go where.
        augmentation: How they vary.
        mean: RGB, 0 to 255: subtracted, and the color of what rotation and erasing leave blank.
        std: RGB, in units of 0 to 255: divided by.
    """

    def __init__(
        self,
        cache: PhotoCache,
        schedule: Schedule,
        augmentation: Augmentation,
        *,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
    ) -> None:
        self._cache = cache
        self._schedule = schedule
        self._augmentation = augmentation
        self._mean, self._std = channel_values(mean), channel_values(std)
        self._blank = (round(mean[0]), round(mean[1]), round(mean[2]))

    def from_step(self, first: int) -> Iterator[Batch]:
        """The batch of each step from `first` on."""
        return one_ahead(self._make, first, self._schedule.n_steps)

    def _make(self, number: int) -> Batch:
        rows, side = self._schedule.step(number)
        rng = np.random.default_rng((self._schedule.seed, 1, number))
        pieces = [self._piece(self._cache.photo(row), side, rng) for row in rows.tolist()]
        pixels = torch.from_numpy(np.stack(pieces)).permute(0, 3, 1, 2).to(torch.float32)
        pixels = (recolored(pixels, self._augmentation.color_jitter, rng) - self._mean) / self._std
        _erase(pixels, self._augmentation.erase_prob, rng)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        if rng.random() >= self._augmentation.mix_prob:
            return Batch(rows, None, 1.0, pixels)
        order, kept_frac = _mix(pixels, rng)
        return Batch(rows, rows[order], kept_frac, pixels)

    def _piece(self, photo: UInt8Array, side: int, rng: np.random.Generator) -> UInt8Array:
        """A random crop, resized: uint8 (side, side, 3)."""
        picture = PillowImage.fromarray(photo)
        angle = self._augmentation.rotation_deg * rng.uniform(-1, 1)
        if angle and rng.random() < 0.5:
            picture = picture.rotate(angle, PillowImage.Resampling.BILINEAR, fillcolor=self._blank)
        box = _random_box(picture.width, picture.height, self._augmentation.crop_scale_min, rng)
        return np.asarray(picture.resize((side, side), PillowImage.Resampling.BILINEAR, box, 2.0), np.uint8)


def one_ahead(make: Callable[[int], Made], first: int, end: int) -> Iterator[Made]:
    """What `make` gives for each number from `first` to before `end`; the next is made while the last is used."""
    if first >= end:
        return
    with ThreadPoolExecutor(1) as worker:
        ahead = worker.submit(make, first)
        for later in range(first + 1, end):
            ready, ahead = ahead, worker.submit(make, later)
            yield ready.result()
        yield ahead.result()


def plain_batches(
    cache: PhotoCache, rows: Sequence[int], preparation: Preparation, batch_size: int
) -> Iterator[Tensor]:
    """float32 (n, 3, S, S) normalized batches of the rows in order, prepared as the runtime prepares them."""
    mean, std = channel_values(preparation.mean), channel_values(preparation.std)
    for start in range(0, len(rows), batch_size):
        pieces = [prepare(cache.photo(row), preparation) for row in rows[start : start + batch_size]]
        pixels = (torch.from_numpy(np.stack(pieces)).to(torch.float32) - mean) / std
        yield pixels.contiguous(memory_format=torch.channels_last)


def channel_values(values: tuple[float, float, float]) -> Tensor:
    """Three numbers in a shape that meets (N, 3, H, W): float32 (1, 3, 1, 1)."""
    return torch.tensor(values, dtype=torch.float32).view(1, 3, 1, 1)


def _random_box(
    width: int, height: int, scale_min: float, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """A box inside the picture (Szegedy et al., "Going Deeper with Convolutions", 2014); the middle where none fits."""
    for _ in range(_TRIES):
        area = width * height * rng.uniform(scale_min, 1.0)
        aspect = math.exp(rng.uniform(-math.log(_ASPECT), math.log(_ASPECT)))
        box_width, box_height = math.sqrt(area * aspect), math.sqrt(area / aspect)
        if box_width <= width and box_height <= height:
            left, top = rng.uniform(0, width - box_width), rng.uniform(0, height - box_height)
            return left, top, left + box_width, top + box_height
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def recolored(pixels: Tensor, jitter: float, rng: np.random.Generator) -> Tensor:
    """float32 (N, 3, S, S), 0 to 255, with saturation, contrast and brightness changed, each photo its own way."""
    factors = rng.uniform(1 - jitter, 1 + jitter, (3, len(pixels), 1, 1, 1)).astype(np.float32)
    saturation, contrast, brightness = torch.from_numpy(factors)
    gray = (pixels * channel_values(_LUMA)).sum(1, keepdim=True)
    varied: Tensor = gray + (pixels - gray) * saturation
    middle = gray.mean((2, 3), keepdim=True)
    varied = (middle + (varied - middle) * contrast) * brightness
    return varied.clamp_(0, 255)


def _erase(pixels: Tensor, prob: float, rng: np.random.Generator) -> None:
    """Set a rectangle of some photos to the mean (Zhong et al., "Random Erasing Data Augmentation", 2017), in place."""
    side = pixels.shape[-1]
    for photo in pixels:
        is_erased = rng.random() < prob
        height, width = (max(1, int(side * rng.uniform(*_ERASED_SIDE))) for _ in range(2))
        top, left = int(rng.integers(0, side - height + 1)), int(rng.integers(0, side - width + 1))
        if is_erased:
            photo[:, top : top + height, left : left + width] = 0


def _mix(pixels: Tensor, rng: np.random.Generator) -> tuple[IntArray, float]:
    """Each photo gets a rectangle of another, in place (Yun et al., "CutMix", 2019); whose, and the share it keeps."""
    side = pixels.shape[-1]
    order = rng.permutation(len(pixels))
    cut = int(side * math.sqrt(rng.uniform()))
    top, left = (int(start) for start in rng.integers(0, side - cut + 1, 2))
    rectangle = (..., slice(top, top + cut), slice(left, left + cut))
    pixels[rectangle] = pixels[torch.from_numpy(order)][rectangle]
    return order, 1 - (cut / side) ** 2
