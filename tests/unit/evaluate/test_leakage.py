"""Queries that are in the gallery already are found: the same file, the same picture saved anew, the same look."""

from __future__ import annotations

import numpy as np

from facings.evaluate.leakage import Fingerprint, Leak, find_leaks
from facings.near_duplicates import MAX_BITS_APART, near_pairs

A, B = 0x0F0F_0F0F_0F0F_0F0F, 0xFFFF_0000_FFFF_0000


def flip(look: int, n_bits: int) -> int:
    """The hash with its lowest bits turned over."""
    return look ^ ((1 << n_bits) - 1)


def test_no_leak() -> None:
    assert find_leaks([Fingerprint("g", A)], [Fingerprint("q", B)]) == ()
    assert find_leaks([], [Fingerprint("q", B)]) == ()
    assert find_leaks([Fingerprint("g", A)], []) == ()


def test_same_file_and_near_duplicate() -> None:
    gallery = [Fingerprint("g0", A), Fingerprint("g1", B)]
    queries = [Fingerprint("new", 5), Fingerprint("g1", B), Fingerprint("saved-anew", flip(A, 2))]
    assert find_leaks(gallery, queries) == (Leak(1, 1, True, 0), Leak(2, 0, False, 2))


def test_limit_is_inclusive() -> None:
    queries = [Fingerprint("q0", flip(A, MAX_BITS_APART)), Fingerprint("q1", flip(A, MAX_BITS_APART + 1))]
    assert [leak.query for leak in find_leaks([Fingerprint("g", A)], queries)] == [0]


def test_each_query_once_with_its_closest_photo() -> None:
    gallery = [Fingerprint("g0", flip(A, 4)), Fingerprint("g1", flip(A, 1)), Fingerprint("g2", flip(A, 1))]
    assert find_leaks(gallery, [Fingerprint("q", A)]) == (Leak(0, 1, False, 1),)


def test_same_file_wins_over_a_closer_look() -> None:
    # Another box of the same photo looks different, and is the same file all the same.
    gallery = [Fingerprint("other", A), Fingerprint("photo", B)]
    assert find_leaks(gallery, [Fingerprint("photo", A)]) == (Leak(0, 1, True, (A ^ B).bit_count()),)


def test_near_pairs_of_many_photos_come_in_slices() -> None:
    looks = np.random.default_rng(0).integers(0, 2**63, 3000).tolist()
    assert list(near_pairs(looks, looks, max_bits=0)) == [(i, i) for i in range(3000)]
