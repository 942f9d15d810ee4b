"""What a training learns from: which photos, which products, which photos are kept aside to check.

Validation photos that are in the training set already, by content or by look, tell nothing and are left out. Where no
validation photos are given, some are held out: whole groups of photos that look alike, product by product.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facings.errors import BadInput, Problem
from facings.evaluate.leakage import Fingerprint, find_leaks
from facings.manifest import LabelledPhoto
from facings.near_duplicates import near_pairs
from facings.progress import Track, untracked
from facings.train.photo_cache import PhotoCache, open_cache
from facings.types import IntArray

HELD_OUT_FRAC = 0.1

_MOST_HELD_OUT = 0.5


@dataclass(frozen=True)
class Labels:
    """The products of a training, and their categories.

    Args:
        products: Sorted; the position is the class.
        categories: Sorted; empty where not every product has one, or all have the same.
        category_of: The category of each product, by position; empty where there are no categories.
    """

    products: tuple[str, ...]
    categories: tuple[str, ...]
    category_of: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Photos, ready to train on.

    Args:
        cache: The decoded photos.
        labels: What they show.
        targets: int64 (N,), the class of each row of the cache; −1 for a product that is not trained.
        train_rows: int64, rows to learn from.
        val_rows: int64, rows to check with; disjoint from `train_rows`.
        problems: Photos that were left out, each with the reason.
    """

    cache: PhotoCache
    labels: Labels
    targets: IntArray
    train_rows: IntArray
    val_rows: IntArray
    problems: tuple[Problem, ...]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over contents and labels of the photos that are learned from; their order does not matter."""
        photos = self.cache.photos
        told = sorted(
            (self.cache.fingerprints[row].photo_id, photos[row].label, photos[row].box or ()) for row in self.train_rows
        )
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def build_training_set(
    train_photos: Sequence[LabelledPhoto],
    val_photos: Sequence[LabelledPhoto] | None,
    *,
    cache_root: Path,
    shorter_side_px: int,
    seed: int,
    held_out_frac: float = HELD_OUT_FRAC,
    track: Track = untracked,
) -> TrainingSet:
    """Decode, check and split.

    Args:
        train_photos: To learn from.
        val_photos: To check with; None holds out some of the training photos.
        cache_root: Folder of the decoded photos.
        shorter_side_px: Size they are stored in.
        seed: Chooses what is held out.
        held_out_frac: Share of each product's photos to hold out, in (0, 0.5]; at least one where there are two.
        track: Shows progress.

    Raises:
        BadInput: No usable photo, fewer than two products, two products whose names differ only in case, a product in
            two categories, or nothing left to check with.
        StoreFailed: The decoded photos cannot be written.
    """
    cache = open_cache([*train_photos, *(val_photos or ())], cache_root, shorter_side_px=shorter_side_px, track=track)
    n_train = sum(at < len(train_photos) for at in cache.positions)
    labels = read_labels([cache.photos[row] for row in range(n_train)])
    class_of = {product: position for position, product in enumerate(labels.products)}
    targets = np.array([class_of.get(photo.label, -1) for photo in cache.photos], np.int64)
    if val_photos is None:
        train_rows, val_rows = hold_out(targets, cache.fingerprints, seed, held_out_frac)
        problems: list[Problem] = []
        what = "No product has two photos that do not look alike"
    else:
        train_rows = np.arange(n_train)
        val_rows, problems = _checked(cache, targets, n_train)
        what = "None of the validation photos can be used"
    if not len(val_rows):
        why = f" First problem: {problems[0].where}: {problems[0].message}" if problems else ""
        raise BadInput(f"{what}: there is nothing to check the training with.{why}", "Give (other) validation photos.")
    return TrainingSet(cache, labels, targets, train_rows, val_rows, (*cache.problems, *problems))


def read_labels(photos: Sequence[LabelledPhoto]) -> Labels:
    """The products of the photos.

    Raises:
        BadInput: Fewer than two products, names that differ only in case, or a product in two categories.
    """
    category_of: dict[str, str] = {}
    spelled: dict[str, str] = {}
    for photo in photos:
        first = spelled.setdefault(photo.label.casefold(), photo.label)
        if first != photo.label:
            raise BadInput(
                f"Labels: got {first!r} and {photo.label!r}, which differ only in case.", "Spell them alike."
            )
        category = category_of.setdefault(photo.label, photo.category)
        if category != photo.category:
            raise BadInput(f"Labels: {photo.label!r} is in two categories, {category!r} and {photo.category!r}.")
    products = tuple(sorted(category_of))
    if len(products) < 2:
        raise BadInput(f"Labels: got photos of {len(products)} product, wanted two products or more.")
    categories = tuple(sorted(set(category_of.values())))
    if len(categories) < 2 or "" in categories:
        return Labels(products, (), ())
    return Labels(products, categories, tuple(categories.index(category_of[product]) for product in products))


def hold_out(
    targets: IntArray, fingerprints: Sequence[Fingerprint], seed: int, held_out_frac: float = HELD_OUT_FRAC
) -> tuple[IntArray, IntArray]:
    """Rows to learn from and rows to check with: some of each product, whole groups of look-alikes.

    A product whose photos all look alike, or that has only one, stays whole in the training rows.

    Args:
        targets: int64 (N,) classes.
        fingerprints: One a row.
        seed: Chooses.
        held_out_frac: Share of each product, in (0, 0.5].

    Raises:
        BadInput: The share is not in its range.
    """
    if not 0 < held_out_frac <= _MOST_HELD_OUT:
        raise BadInput(
            f"Held-out photos: got a share of {held_out_frac}, wanted more than 0 and at most {_MOST_HELD_OUT}."
        )
    groups = _look_alikes(fingerprints)
    groups_of: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    shared: dict[int, set[int]] = defaultdict(set)
    for row, (target, group) in enumerate(zip(targets.tolist(), groups, strict=True)):
        groups_of[target][group].append(row)
        shared[group].add(target)
    held: list[int] = []
    for target, members in sorted(groups_of.items()):
        own = [rows for group, rows in sorted(members.items()) if len(shared[group]) == 1]
        wanted = max(1, round(held_out_frac * sum(map(len, members.values()))))
        taken: list[int] = []
        for position in np.random.default_rng((seed, target)).permutation(len(own)).tolist():
            if len(taken) < wanted and len(taken) + len(own[position]) < sum(map(len, members.values())):
                taken += own[position]
        held += taken
    is_held = np.zeros(len(targets), np.bool_)
    is_held[held] = True
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def few_of_each(rows: IntArray, targets: IntArray, at_most: int) -> IntArray:
    """Up to `at_most` rows of each class, spread evenly over its rows."""
    chosen: list[Sequence[int]] = []
    for target in np.unique(targets[rows]):
        own = rows[targets[rows] == target]
        places = np.linspace(0, len(own) - 1, min(at_most, len(own))).round().astype(int)
        chosen.append(own[places].tolist())
    return np.array([row for group in chosen for row in group], np.int64)


def _look_alikes(fingerprints: Sequence[Fingerprint]) -> list[int]:
    """For each row the smallest row it is linked to by equal content or near-equal looks."""
    parent = list(range(len(fingerprints)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    first_of: dict[str, int] = {}
    same = [(row, first_of.setdefault(print_.photo_id, row)) for row, print_ in enumerate(fingerprints)]
    looks = [print_.look for print_ in fingerprints]
    for left, right in (*same, *near_pairs(looks, looks)):
        low, high = sorted((root(left), root(right)))
        parent[high] = low
    return [root(row) for row in range(len(fingerprints))]


def _checked(cache: PhotoCache, targets: IntArray, n_train: int) -> tuple[IntArray, list[Problem]]:
    """Rows of the given validation photos that tell something, and what is wrong with the others."""
    leaks = find_leaks(cache.fingerprints[:n_train], cache.fingerprints[n_train:])
    twin_of = {n_train + leak.query: leak.gallery for leak in leaks}
    rows: list[int] = []
    problems: list[Problem] = []
    for row in range(n_train, len(cache)):
        photo = cache.photos[row]
        if targets[row] < 0:
            message = f"{photo.label!r} has no training photo; left out of validation."
        elif row in twin_of:
            message = f"is or looks like the training photo {cache.photos[twin_of[row]].path}; left out of validation."
        else:
            rows.append(row)
            continue
        problems.append(Problem(str(photo.path), BadInput.code, message))
    return np.array(rows, np.int64), problems
