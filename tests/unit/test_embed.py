"""Step 4: the one preparation, and rows that do not depend on how crops are batched."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as PillowImage

import facings.embed
import facings.enroll
import facings.gallery
import facings.images
import facings.pipeline
import facings.reembed
import facings.verify
from conftest import DIM, FakeEmbedder, make_pixels
from facings.embed import BATCH_SIZE, embed, prepare
from facings.model_card import Fit, Interpolation, Preparation
from facings.types import FloatArray, UInt8Array

SIDE = 32
MEAN = (123.4, 116.6, 104.0)


def preparation(fit: Fit, interpolation: Interpolation = "bilinear", resize_px: int = SIDE) -> Preparation:
    return Preparation(SIDE, resize_px, fit, interpolation, MEAN, (1.0, 1.0, 1.0))


def flat(height: int, width: int, color: tuple[int, int, int]) -> UInt8Array:
    return np.full((height, width, 3), color, np.uint8)


def colors(prepared: UInt8Array) -> set[tuple[int, ...]]:
    return set(map(tuple, prepared.reshape(3, -1).T.tolist()))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("fit", ["squash", "center-crop", "letterbox"])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 8), (32, 32), (200, 90), (9, 640), (640, 1)])
def test_any_crop_becomes_model_input(fit: Fit, interpolation: Interpolation, height: int, width: int) -> None:
    prepared = prepare(flat(height, width, (9, 80, 200)), preparation(fit, interpolation, resize_px=40))
    assert prepared.shape == (3, SIDE, SIDE)
    assert prepared.dtype == np.uint8
    assert prepared.flags["C_CONTIGUOUS"]
    assert colors(prepared) <= {(9, 80, 200), (123, 117, 104)}
    assert (9, 80, 200) in colors(prepared)


def test_channels_come_first_in_rgb_order() -> None:
    prepared = prepare(flat(20, 20, (1, 2, 3)), preparation("squash"))
    assert [channel.max() for channel in prepared] == [channel.min() for channel in prepared] == [1, 2, 3]


def test_crop_of_the_right_size_is_left_alone() -> None:
    pixels = make_pixels(4, width=SIDE, height=SIDE)
    for fit in ("squash", "letterbox", "center-crop"):
        assert (prepare(pixels, preparation(fit)) == pixels.transpose(2, 0, 1)).all()


def test_crop_is_not_edited() -> None:
    pixels = make_pixels(4)
    before = pixels.copy()
    for fit in ("squash", "letterbox", "center-crop"):
        prepare(pixels, preparation(fit))
    assert (pixels == before).all()


def test_squash_keeps_all_of_the_picture() -> None:
    pixels = flat(40, 320, (200, 0, 0))
    pixels[:, 160:] = (0, 0, 200)
    prepared = prepare(pixels, preparation("squash"))
    assert (prepared[0, :, :14] == 200).all()
    assert (prepared[2, :, 18:] == 200).all()


@pytest.mark.parametrize(("height", "width"), [(100, 300), (300, 100)])
def test_center_crop_takes_the_middle_square(height: int, width: int) -> None:
    pixels = flat(height, width, (255, 255, 255))
    top, left = (height - 100) // 2, (width - 100) // 2
    pixels[top : top + 100, left : left + 100] = (10, 120, 30)
    seen = prepare(pixels, preparation("center-crop"))
    # The filter reaches a little over the cut, as it does when the picture is resized before it is cut.
    assert colors(np.ascontiguousarray(seen[:, 1:-1, 1:-1])) == {(10, 120, 30)}
    assert seen.max() < 100 + 40


def test_center_crop_leaves_the_rim_of_the_resized_square_out() -> None:
    # Resized to 64 and cut to 32, the middle half of the picture is seen: pixels 50 to 150 of 200.
    pixels = flat(200, 200, (255, 255, 255))
    pixels[50:150, 50:150] = (10, 120, 30)
    seen = prepare(pixels, preparation("center-crop", resize_px=64))
    assert colors(np.ascontiguousarray(seen[:, 1:-1, 1:-1])) == {(10, 120, 30)}
    pixels[50:60] = (255, 0, 0)
    assert (255, 0, 0) in colors(prepare(pixels, preparation("center-crop", resize_px=64)))


@pytest.mark.parametrize(("height", "width"), [(96, 96), (150, 96), (96, 150)])
def test_center_crop_is_resize_then_cut(height: int, width: int) -> None:
    ramp = np.linspace(0, 255, width)[None, :] * np.linspace(0.2, 1, height)[:, None]
    pixels = np.stack([ramp, 255 - ramp, ramp / 2], axis=2).astype(np.uint8)
    scale = 40 / min(height, width)
    whole = PillowImage.fromarray(pixels).resize(
        (round(width * scale), round(height * scale)), PillowImage.Resampling.BILINEAR
    )
    left, top = (whole.width - SIDE) // 2, (whole.height - SIDE) // 2
    wanted = np.asarray(whole.crop((left, top, left + SIDE, top + SIDE))).transpose(2, 0, 1).astype(int)
    got = prepare(pixels, preparation("center-crop", resize_px=40)).astype(int)
    assert np.abs(got - wanted).max() <= 4


def test_letterbox_pads_a_wide_crop_above_and_below_with_the_mean() -> None:
    prepared = prepare(flat(100, 200, (9, 9, 9)), preparation("letterbox"))
    padding = np.array([123, 117, 104])[:, None, None]
    assert (prepared[:, :8] == padding).all()
    assert (prepared[:, 8:24] == 9).all()
    assert (prepared[:, 24:] == padding).all()


def test_letterbox_pads_a_tall_crop_left_and_right_with_the_mean() -> None:
    prepared = prepare(flat(200, 100, (9, 9, 9)), preparation("letterbox"))
    padding = np.array([123, 117, 104])[:, None, None]
    assert (prepared[:, :, :8] == padding).all()
    assert (prepared[:, :, 8:24] == 9).all()
    assert (prepared[:, :, 24:] == padding).all()


def test_shrinking_is_antialiased() -> None:
    stripes = np.zeros((640, 640, 3), np.uint8)
    stripes[:, ::2] = 255  # averages to mid-gray; picking single pixels would give stripes or black
    prepared = prepare(stripes, preparation("squash")).astype(int)
    assert np.abs(prepared - 127.5).max() < 8


class CountingEmbedder(FakeEmbedder):
    """Remembers how large its batches were."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def run(self, batch: UInt8Array) -> FloatArray:
        self.sizes.append(len(batch))
        return super().run(batch)


@pytest.mark.parametrize(("n_crops", "sizes"), [(0, []), (1, [1]), (8, [8]), (9, [8, 1]), (17, [8, 8, 1])])
def test_rows_do_not_depend_on_the_batch(n_crops: int, sizes: list[int]) -> None:
    assert BATCH_SIZE == 8
    crops = [make_pixels(seed, width=20 + 2 * seed, height=40) for seed in range(n_crops)]
    embedder = CountingEmbedder()
    together = embed(crops, embedder)
    assert embedder.sizes == sizes
    assert together.rows.shape == (n_crops, DIM)
    assert together.rows.dtype == np.float32
    assert together.space_id == "fake-space-00001"
    for row, piece in zip(together.rows, crops, strict=True):
        assert (embed([piece], embedder).rows[0] == row).all()


def test_rows_come_in_the_order_of_the_crops() -> None:
    crops = [make_pixels(seed) for seed in range(9)]
    forward = embed(crops, FakeEmbedder()).rows
    backward = embed(crops[::-1], FakeEmbedder()).rows
    assert (forward == backward[::-1]).all()
    assert len({row.tobytes() for row in forward}) == 9


def test_gallery_query_and_check_go_through_the_same_function() -> None:
    # Seen through the namespaces, since that is what each of them calls.
    decoding = (facings.enroll, facings.pipeline, facings.gallery)
    assert {id(vars(module)["decode"]) for module in decoding} == {id(facings.images.decode)}
    for module in (*decoding, facings.verify, facings.reembed):
        for name in ("embed", "embed_prepared", "prepare"):
            assert vars(module).get(name, getattr(facings.embed, name)) is getattr(facings.embed, name)
    crop = make_pixels(1)
    prepared = facings.embed.prepare(crop, FakeEmbedder().card.preparation)
    apart = facings.embed.embed_prepared([prepared], FakeEmbedder()).rows
    assert (apart == embed([crop], FakeEmbedder()).rows).all()
