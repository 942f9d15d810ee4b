"""How far apart two pictures may be and still count as the same picture again.

python benchmarks/near_duplicates.py     (about two minutes)

Grocery Store Dataset from FACINGS_DATA, else ../shared/data: train, val and test as published. Pairs across splits
should be none (the splits were taken at different times); pairs within a split are bursts. The last column shows how
many of 300 photos are found again after a change that a re-upload makes.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from facings.images import decode, read_bytes
from facings.manifest import LabelledPhoto, read_manifest
from facings.near_duplicates import MAX_BITS_APART, near_pairs, perceptual_hash
from results_page import machine, markdown_table, write_section

DATA = Path(os.environ.get("FACINGS_DATA", "../shared/data")) / "grocery-store"
SPLITS = ("train", "val", "test")
BITS = (0, 2, 4, 6, 8, 10, 12)
N_CHANGED = 300


def main() -> None:
    """Hash everything and rewrite the section of docs/results.md."""
    photos = {split: read_manifest(DATA / f"{split}.txt").photos for split in SPLITS}
    looks = {split: [_look(photo) for photo in several] for split, several in photos.items()}
    rows = []
    for bits in BITS:
        across = sum(
            len(list(near_pairs(looks[a], looks[b], max_bits=bits)))
            for a, b in (("train", "val"), ("train", "test"), ("val", "test"))
        )
        within = [_within(looks[split], photos[split], bits) for split in SPLITS]
        rows.append((f"**{bits}**" if bits == MAX_BITS_APART else bits, across, *within))
    chosen = [photos["train"][i * len(photos["train"]) // N_CHANGED] for i in range(N_CHANGED)]
    found = [(name, f"{_found_again(chosen, change):.1%}") for name, change in CHANGES.items()]
    sizes = ", ".join(f"{split} {len(photos[split]):,}" for split in SPLITS)
    conditions = (
        f"`python benchmarks/near_duplicates.py` on {machine()}. Grocery Store Dataset, {sizes} photos. Pairs of "
        "photos whose perceptual hashes differ in at most so many of 64 bits; in brackets those of two products. The "
        f"limit that Facings uses is {MAX_BITS_APART}."
    )
    write_section(
        "near-duplicates",
        "\n\n".join(
            [
                "## Near-duplicate photos",
                conditions,
                markdown_table(("bits", "across splits", *(f"within {split}" for split in SPLITS)), rows),
                f"Found again at {MAX_BITS_APART} bits, of {N_CHANGED} train photos:",
                markdown_table(("change", "found"), found),
            ]
        ),
    )


def _look(photo: LabelledPhoto) -> int:
    return perceptual_hash(decode(read_bytes(photo.path), source=str(photo.path)).pixels)


def _within(looks: list[int], photos: tuple[LabelledPhoto, ...], bits: int) -> str:
    pairs = [(i, j) for i, j in near_pairs(looks, looks, max_bits=bits) if i < j]
    return f"{len(pairs)} ({sum(photos[i].label != photos[j].label for i, j in pairs)})"


def _found_again(photos: list[LabelledPhoto], change: Callable[[Image.Image], Image.Image]) -> float:
    n_found = 0
    for photo in photos:
        pixels = decode(read_bytes(photo.path), source=str(photo.path)).pixels
        changed = np.asarray(change(Image.fromarray(pixels)), np.uint8)
        n_found += bool(list(near_pairs([perceptual_hash(pixels)], [perceptual_hash(changed)])))
    return n_found / len(photos)


def _recompressed(picture: Image.Image) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=30)
    return Image.open(file).convert("RGB")


def _trimmed(share: float) -> Callable[[Image.Image], Image.Image]:
    def trim(picture: Image.Image) -> Image.Image:
        width, height = picture.size
        return picture.crop(
            (int(width * share), int(height * share), int(width * (1 - share)), int(height * (1 - share)))
        )

    return trim


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half the size": lambda picture: picture.resize((picture.width // 2, picture.height // 2)),
    "JPEG quality 30": _recompressed,
    "brightness × 1.3": lambda picture: ImageEnhance.Brightness(picture).enhance(1.3),
    "1 % trimmed from each side": _trimmed(0.01),
    "4 % trimmed from each side": _trimmed(0.04),
    "turned by 1°": lambda picture: picture.rotate(1, Image.Resampling.BICUBIC),
}


if __name__ == "__main__":
    main()
