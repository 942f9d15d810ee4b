"""Photos of one product: the box is where the pack is, to the pixel."""

from __future__ import annotations

import numpy as np
import pytest

from facings.errors import BadInput
from facings.simulate.backdrops import BACKDROPS
from facings.simulate.camera import Camera
from facings.simulate.packs import Pack, make_packs
from facings.simulate.scenes import pose_pack, product_photo

PACKS = make_packs(120, 5)
ONE_OF_EACH_FORM = tuple({pack.form: pack for pack in PACKS}.values())


@pytest.mark.parametrize("pack", ONE_OF_EACH_FORM, ids=lambda pack: pack.form)
@pytest.mark.parametrize("seed", range(4))
def test_box_is_the_extent_of_the_silhouette(pack: Pack, seed: int) -> None:
    layer, box = pose_pack(pack, np.random.default_rng(seed), (300, 380))
    ys, xs = np.nonzero(np.asarray(layer.getchannel("A")) >= 128)
    seen = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    np.testing.assert_allclose(box, seen, atol=1.0)
    assert box.dtype == np.float32
    assert (box >= 0).all()
    assert (box <= (300, 380, 300, 380)).all()


@pytest.mark.parametrize("backdrop", sorted(BACKDROPS))
def test_the_pack_stands_unchanged_in_front_of_its_backdrop(backdrop: str) -> None:
    pack = ONE_OF_EACH_FORM[0]
    layer, box = pose_pack(pack, np.random.default_rng(2), (200, 240))
    pixels, seen = product_photo(pack, np.random.default_rng(2), (200, 240), camera=Camera(), backdrop=backdrop)
    posed = np.asarray(layer)
    opaque = posed[:, :, 3] == 255
    assert pixels.shape == (240, 200, 3)
    np.testing.assert_array_equal(seen, box)
    np.testing.assert_array_equal(pixels[opaque], posed[opaque, :3])
    assert pixels[posed[:, :, 3] == 0].std() > 3


def test_the_photo_repeats_with_its_seed_and_only_then() -> None:
    photos = [product_photo(PACKS[3], np.random.default_rng(seed), (160, 200)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(photos[0][0], photos[1][0])
    np.testing.assert_array_equal(photos[0][1], photos[1][1])
    assert (photos[0][0] != photos[2][0]).any()


@pytest.mark.parametrize("size_px", [(63, 100), (100, 0), (5000, 100)])
def test_sizes_out_of_range_are_refused(size_px: tuple[int, int]) -> None:
    with pytest.raises(BadInput, match="size_px"):
        product_photo(PACKS[0], np.random.default_rng(0), size_px)


def test_an_unknown_backdrop_is_refused_with_the_choices() -> None:
    with pytest.raises(BadInput, match="got 'moon', wanted one of clutter, hand, shelf, table"):
        product_photo(PACKS[0], np.random.default_rng(0), backdrop="moon")
