"""Forged packs: only the marked places change, each kind changes them, stronger ones change more."""

from __future__ import annotations

import numpy as np
import pytest

from facings.errors import BadInput
from facings.simulate.forgeries import KINDS, STRENGTHS, forge
from facings.types import UInt8Array
from pack_photos import HEIGHT, WIDTH, front, photo

IS_PACK = np.zeros((HEIGHT, WIDTH), bool)
IS_PACK[50:230, 80:190] = True


@pytest.fixture(scope="module")
def genuine() -> UInt8Array:
    return photo(front(), 0)


@pytest.fixture(scope="module")
def donor() -> UInt8Array:
    return photo(front(5), 1)


@pytest.mark.parametrize("strength, width", [("slight", 311), ("medium", 331), ("strong", 360)])
def test_wrong_proportions_make_all_of_it_wider(
    strength: str, width: int, genuine: UInt8Array, donor: UInt8Array
) -> None:
    rng = np.random.default_rng(1)
    forged = forge(genuine, IS_PACK, "wrong proportions", strength, donor=donor, rng=rng)
    assert forged.pixels.shape == (288, width, 3)  # 1.08, 1.15, 1.25 of 288
    assert forged.is_edited.shape == (288, width)
    assert forged.is_edited.all()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "wrong proportions"])
@pytest.mark.parametrize("strength", STRENGTHS)
def test_only_the_marked_places_change(kind: str, strength: str, genuine: UInt8Array, donor: UInt8Array) -> None:
    before = genuine.copy()
    forged = forge(genuine, IS_PACK, kind, strength, donor=donor, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(genuine, before)
    is_changed = (forged.pixels != genuine).any(2)
    assert is_changed.any()
    assert not (is_changed & ~forged.is_edited).any()
    assert forged.is_edited[IS_PACK].sum() > 0.6 * forged.is_edited.sum()
    assert (forged.kind, forged.strength) == (kind, strength)


@pytest.mark.parametrize("kind", KINDS)
def test_stronger_is_larger(kind: str, genuine: UInt8Array, donor: UInt8Array) -> None:
    sizes = [
        forge(genuine, IS_PACK, kind, strength, donor=donor, rng=np.random.default_rng(1)).is_edited.sum()
        for strength in STRENGTHS
    ]
    assert sizes[0] < sizes[1] < sizes[2]


def test_the_same_seed_makes_the_same_forgery(genuine: UInt8Array, donor: UInt8Array) -> None:
    first, again = (
        forge(genuine, IS_PACK, "moved logo", "medium", donor=donor, rng=np.random.default_rng(3)).pixels
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    "kind, strength, is_pack",
    [
        ("wrong smell", "medium", IS_PACK),
        ("missing block", "mild", IS_PACK),
        ("missing block", "medium", np.zeros_like(IS_PACK)),
        ("missing block", "strong", np.indices((HEIGHT, WIDTH))[0] % 4 == 0),  # nowhere wide enough
    ],
)
def test_what_cannot_be_forged(
    kind: str, strength: str, is_pack: np.ndarray, genuine: UInt8Array, donor: UInt8Array
) -> None:
    with pytest.raises(BadInput, match="Forgery"):
        forge(genuine, is_pack, kind, strength, donor=donor, rng=np.random.default_rng(1))
