"""The comparator's training: crops of pairs, a loss of places and a loss of crops, one cycle of learning rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, binary_cross_entropy_with_logits, pad

from facings.apps.pack_maps import PLACE_PX
from facings.progress import Track, untracked
from facings.train.comparator_network import ComparatorNetwork
from facings.train.comparator_pairs import FORGED, NOT_ASKED, Pair

N_EPOCHS = 5
CROP_PLACES, BATCH_SIZE = 48, 8
LEARNING_RATE, WEIGHT_DECAY, WARM_UP_FRAC, MOST_GRADIENT = 2e-3, 1e-4, 0.1, 1.0

_SHOWN = (2, 4)  # genuine photos a crop, least and most
_GENUINE_WEIGHT = 2.0  # how much more often an untouched photo is drawn than an edited one
_AT_EDIT_FRAC = 0.8  # of the crops of a forged photo that show the forgery
_LEAST_FORGED = 6  # places, for a crop to count as forged
_LEAST_SEEING = 2  # genuine photos that reach a place, for it to count
_PLACES_WEIGHT, _CROPS_WEIGHT = 4.0, 0.5
_SHARPNESS = 2.0  # of the soft maximum over a crop's places
_NOWHERE = -10.0  # logit of a place that does not count

Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def train_comparator(
    pairs: Sequence[Pair], *, seed: int, n_threads: int, n_epochs: float = N_EPOCHS, track: Track = untracked
) -> ComparatorNetwork:
    """A network that learned to tell the forgeries of these pairs, in `eval()`.

    Args:
        pairs: What it learns from.
        seed: Of weights, crops and order.
        n_threads: Of torch.
        n_epochs: How often as many crops as there are pairs are seen.
        track: Shows progress.
    """
    torch.set_num_threads(n_threads)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = ComparatorNetwork()
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    n_steps = max(round(2 / WARM_UP_FRAC), round(n_epochs * len(pairs) / BATCH_SIZE))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=n_steps, pct_start=WARM_UP_FRAC
    )
    weights = np.array([1.0 if (pair.truth != 0).any() else _GENUINE_WEIGHT for pair in pairs])
    for _ in track(range(n_steps), "Learning to compare", n_steps):
        rows = rng.choice(len(pairs), BATCH_SIZE, p=weights / weights.sum())
        loss = _loss(network, _stacked([_crop(pairs[row], rng) for row in rows]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), MOST_GRADIENT)
        optimizer.step()
        schedule.step()
    return network.eval()


def _loss(network: ComparatorNetwork, batch: Batch) -> Tensor:
    *shown, truth = batch
    logits = network(*shown)
    is_known = shown[3].sum(1) >= _LEAST_SEEING
    is_asked = is_known & (truth != NOT_ASKED)
    is_forged = truth == FORGED
    of_places = binary_cross_entropy_with_logits(logits[is_asked], is_forged[is_asked].to(logits.dtype))
    smooth = avg_pool2d(torch.where(is_known, logits, _NOWHERE)[:, None], 3, 1, 1).flatten(1)
    most = torch.logsumexp(_SHARPNESS * smooth, 1) / _SHARPNESS - 1
    is_crop_forged = is_forged.flatten(1).sum(1) >= _LEAST_FORGED
    of_crops = binary_cross_entropy_with_logits(most, is_crop_forged.to(most.dtype))
    return _PLACES_WEIGHT * of_places + _CROPS_WEIGHT * of_crops


def _crop(pair: Pair, rng: np.random.Generator) -> Batch:
    """A square of a pair, with some of its photos, turned and lit at random: all of it alike, as nothing else is."""
    shown = pair.beside
    n_shown = min(len(shown.laid), int(rng.integers(_SHOWN[0], _SHOWN[1] + 1)))
    chosen = rng.permutation(len(shown.laid))[:n_shown]
    rows, columns = _square(pair.truth, rng)
    pixel_rows, pixel_columns = (slice(PLACE_PX * s.start, PLACE_PX * s.stop) for s in (rows, columns))
    gain, shift = torch.from_numpy(rng.uniform(0.8, 1.2, (3, 1, 1)).astype(np.float32)), float(rng.uniform(-0.15, 0.15))
    part = _signed(shown.part[pixel_rows, pixel_columns]).permute(2, 0, 1) * gain + shift
    laid = _signed(shown.laid[chosen, pixel_rows, pixel_columns]).permute(0, 3, 1, 2) * gain + shift
    looks = torch.from_numpy(shown.looks[chosen][..., rows, columns].astype(np.float32))
    is_seen = torch.from_numpy(shown.is_seen[chosen, rows, columns])
    truth = torch.from_numpy(pair.truth[rows, columns].astype(np.int64))
    return _turned(_padded((part, laid, looks, is_seen, truth), _SHOWN[1] - n_shown), rng)


def _square(truth: NDArray[np.int8], rng: np.random.Generator) -> tuple[slice, slice]:
    """Rows and columns of a crop, most often around a forged place."""
    height, width = truth.shape
    forged = np.argwhere(truth == FORGED)
    at = rng.integers(0, (max(1, height - CROP_PLACES + 1), max(1, width - CROP_PLACES + 1)))
    if len(forged) and rng.random() < _AT_EDIT_FRAC:
        at = forged[rng.integers(len(forged))] - rng.integers(4, CROP_PLACES - 4, 2)
    top, left = (int(max(0, min(a, n - CROP_PLACES))) for a, n in zip(at, truth.shape, strict=True))
    return slice(top, min(height, top + CROP_PLACES)), slice(left, min(width, left + CROP_PLACES))


def _padded(crop: Batch, n_missing: int) -> Batch:
    """The crop, filled up to its full size with places and photos that do not count."""
    part, laid, looks, is_seen, truth = crop
    down, right = (CROP_PLACES - side for side in truth.shape)
    pixels, places = (0, PLACE_PX * right, 0, PLACE_PX * down), (0, right, 0, down)
    photos = (0, 0, 0, n_missing)
    return (
        pad(part, pixels), pad(laid, (*pixels, *photos)), pad(looks, (*places, *photos)),
        pad(is_seen, (*places, 0, n_missing)), pad(truth, places, value=NOT_ASKED),
    )  # fmt: skip


def _turned(crop: Batch, rng: np.random.Generator) -> Batch:
    """Mirrored and transposed by chance: both sides of a pair alike, so what is printed may stand on its head."""
    for turn in (lambda one: one.flip(-1), lambda one: one.flip(-2), lambda one: one.transpose(-1, -2)):
        if rng.random() < 0.5:
            crop = _batch(map(turn, crop))
    return crop


def _stacked(crops: Sequence[Batch]) -> Batch:
    return _batch(torch.stack(several) for several in zip(*crops, strict=True))


def _batch(parts: Iterable[Tensor]) -> Batch:
    part, laid, looks, is_seen, truth = parts
    return part, laid, looks, is_seen, truth


def _signed(pixels: NDArray[np.uint8]) -> Tensor:
    """-1 to 1."""
    return torch.from_numpy(pixels.astype(np.float32) / 128 - 1)
