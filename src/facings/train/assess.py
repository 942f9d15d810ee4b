"""How good a trained recognizer is and where it fails: every figure of the training's report.

Two answers are looked at for each validation photo: the product that the
classifier names, and the product of the most similar training photo, which is how the gallery answers at runtime.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.nn import functional

from facings.errors import Problem
from facings.evaluate.calibration import Calibration, calibration
from facings.evaluate.few_shot import DEFAULT_SHOTS, FewShotPoint, few_shot_curve
from facings.evaluate.share import Share
from facings.page import thumbnail
from facings.train.closed_form import Finished
from facings.train.dataset import TrainingSet, few_of_each
from facings.train.embedding_map import MapPoint, map_points
from facings.types import FloatArray, IntArray

N_PICTURED = 12
THUMBNAIL_PX = 180
N_FEW_SHOT_PRODUCTS = 200
N_FEW_SHOT_PHOTOS = 50  # of each product

_SEED = 0
_CHUNK = 256  # validation photos compared with everything at a time


@dataclass(frozen=True)
class ProductFigures:
    """How well one product is recognized.

    Args:
        label: The product.
        category: "" without categories.
        n_train: Photos it was learned from.
        classifier: Share of its validation photos that the classifier names rightly.
        gallery: Share of them whose most similar training photo shows it.
        most_common_mistake: What the classifier names most often instead, the first by name of several; "" for nothing.
        n_mistaken: How often it names that.
    """

    label: str
    category: str
    n_train: int
    classifier: Share
    gallery: Share
    most_common_mistake: str
    n_mistaken: int

    def to_json(self) -> dict[str, Any]:
        """The figures by name."""
        return {**vars(self), "classifier": self.classifier.to_json(), "gallery": self.gallery.to_json()}


@dataclass(frozen=True)
class ConfusedPair:
    """One product that the classifier takes for another.

    Args:
        label: What the validation photos show.
        named: What they were taken for.
        n: How often.
        n_val: Of how many validation photos of `label`.
        confidence: Highest probability among these mistakes; the photo shown is the one that has it.
        photos: Paths: that validation photo, the training photo of `named` and the one of `label` most similar to it.
        pictures: Small JPEG of the three as `data:` URIs; empty for all but the most frequent pairs.
    """

    label: str
    named: str
    n: int
    n_val: int
    confidence: float
    photos: tuple[str, str, str]
    pictures: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The figures by name, without the pictures."""
        return {name: value for name, value in vars(self).items() if name != "pictures"}


@dataclass(frozen=True)
class Assessment:
    """All figures of the report.

    Args:
        n_products: Classes.
        n_train: Photos learned from.
        n_val: Photos checked with.
        classifier: Share of the validation photos named rightly by the head.
        gallery: Share whose most similar training photo shows the right product: recall@1.
        category: Share whose named product is of the right category; None without categories.
        n_categories: 0 without categories.
        products: Those with validation photos, worst first.
        pairs: Every pair that was confused, most frequent first.
        calibration: Of the classifier's probabilities on the validation photos.
        points: The embedding map: all photos, or a part that is drawn by chance where there are very many.
        few_shot: Recall with few reference photos a product.
        is_few_shot_capped: Whether products or photos were left out of it: `N_FEW_SHOT_PRODUCTS` products and
            `N_FEW_SHOT_PHOTOS` photos of each take part at most.
        problems: Photos that were left out of the training or the check, each with the reason.
    """

    n_products: int
    n_train: int
    n_val: int
    classifier: Share
    gallery: Share
    category: Share | None
    n_categories: int
    products: tuple[ProductFigures, ...]
    pairs: tuple[ConfusedPair, ...]
    calibration: Calibration
    points: tuple[MapPoint, ...]
    few_shot: tuple[FewShotPoint, ...]
    is_few_shot_capped: bool
    problems: tuple[Problem, ...]

    def to_json(self) -> dict[str, Any]:
        """All figures as they stand in `report.json`; pictures are in the page alone."""
        return {
            **vars(self),
            "classifier": self.classifier.to_json(),
            "gallery": self.gallery.to_json(),
            "category": self.category.to_json() if self.category else None,
            "products": [product.to_json() for product in self.products],
            "pairs": [pair.to_json() for pair in self.pairs],
            "calibration": self.calibration.to_json(),
            "points": [vars(point) for point in self.points],
            "few_shot": [point.to_json() for point in self.few_shot],
            "problems": [vars(problem) for problem in self.problems],
        }


@dataclass(frozen=True, eq=False)
class _Checked:
    """Embeddings and answers.

    Args:
        train: float32 (n_train, D), unit rows.
        val: float32 (n_val, D), unit rows.
        shown: int64 (n_val,), the right classes.
        named: int64 (n_val,), the classifier's.
        confidence: float32 (n_val,), its probability.
        found: int64 (n_val,), the class of the most similar training photo.
    """

    train: Tensor
    val: Tensor
    shown: IntArray
    named: IntArray
    confidence: FloatArray
    found: IntArray

    @property
    def is_right(self) -> NDArray[np.bool_]:
        return np.equal(self.named, self.shown)


def assess(finished: Finished, data: TrainingSet) -> Assessment:
    """Look a trained recognizer over.

    Args:
        finished: The model to report on, with its features.
        data: What it learned from and what it is checked with.
    """
    checked = _check(finished, data)
    with threadpool_limits(torch.get_num_threads()):  # one number of threads for every library
        few_shot, is_capped = _few_shot(checked, data)
        points = map_points(data, checked.train.numpy(), checked.val.numpy(), checked.named)
    category = None
    if data.labels.categories:
        category_of = np.array(data.labels.category_of)
        category = _share(category_of[checked.named] == category_of[checked.shown])
    return Assessment(
        n_products=len(data.labels.products),
        n_train=len(data.train_rows),
        n_val=len(data.val_rows),
        classifier=_share(checked.is_right),
        gallery=_share(checked.found == checked.shown),
        category=category,
        n_categories=len(data.labels.categories),
        products=_products(checked, data),
        pairs=_pairs(checked, data),
        calibration=calibration(checked.confidence, checked.is_right),
        points=points,
        few_shot=few_shot,
        is_few_shot_capped=is_capped,
        problems=data.problems,
    )


def _check(finished: Finished, data: TrainingSet) -> _Checked:
    train, val = (functional.normalize(features, dim=1) for features in (finished.train, finished.val))
    named, confidence, closest = [], [], []
    with torch.inference_mode():
        for rows in torch.split(val, _CHUNK):
            best = torch.softmax(finished.model.logits(rows), 1).max(1)
            named.append(best.indices)
            confidence.append(best.values)
            closest.append((rows @ train.T).argmax(1))
    return _Checked(
        train=train,
        val=val,
        shown=data.targets[data.val_rows],
        named=torch.cat(named).numpy(),
        confidence=torch.cat(confidence).numpy(),
        found=data.targets[data.train_rows][torch.cat(closest).numpy()],
    )


def _share(is_right: NDArray[np.bool_]) -> Share:
    return Share(int(is_right.sum()), len(is_right))


def _products(checked: _Checked, data: TrainingSet) -> tuple[ProductFigures, ...]:
    """Worst first: by the classifier's recall, then by the number of validation photos."""
    n_train = Counter(data.targets[data.train_rows].tolist())
    categories = data.labels.categories
    found = []
    for target in np.unique(checked.shown).tolist():
        own = checked.shown == target
        mistakes = Counter(checked.named[own & ~checked.is_right].tolist())
        mistake, n_mistaken = min(mistakes.items(), key=lambda item: (-item[1], item[0]), default=(None, 0))
        figures = ProductFigures(
            label=data.labels.products[target],
            category=categories[data.labels.category_of[target]] if categories else "",
            n_train=n_train[target],
            classifier=_share(checked.is_right[own]),
            gallery=_share(checked.found[own] == target),
            most_common_mistake="" if mistake is None else data.labels.products[mistake],
            n_mistaken=n_mistaken,
        )
        found.append(figures)
    return tuple(sorted(found, key=lambda p: (p.classifier.value, -p.classifier.n, p.label)))


def _pairs(checked: _Checked, data: TrainingSet) -> tuple[ConfusedPair, ...]:
    places_of: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place in np.flatnonzero(~checked.is_right).tolist():
        places_of[int(checked.shown[place]), int(checked.named[place])].append(place)
    ordered = sorted(places_of.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(
        _pair(checked, data, shown, named, places, is_pictured=number < N_PICTURED)
        for number, ((shown, named), places) in enumerate(ordered)
    )


def _pair(
    checked: _Checked, data: TrainingSet, shown: int, named: int, places: Sequence[int], *, is_pictured: bool
) -> ConfusedPair:
    worst = max(places, key=lambda place: (checked.confidence[place], -place))
    rows = (int(data.val_rows[worst]), *(_closest(checked, data, worst, target) for target in (named, shown)))
    photos = [str(data.cache.photos[row].path) for row in rows]
    return ConfusedPair(
        label=data.labels.products[shown],
        named=data.labels.products[named],
        n=len(places),
        n_val=int((checked.shown == shown).sum()),
        confidence=float(checked.confidence[worst]),
        photos=(photos[0], photos[1], photos[2]),
        pictures=tuple(thumbnail(data.cache.photo(row), THUMBNAIL_PX) for row in rows) if is_pictured else (),
    )


def _closest(checked: _Checked, data: TrainingSet, place: int, target: int) -> int:
    """Row of the training photo of a product that is most similar to a validation photo."""
    own = np.flatnonzero(data.targets[data.train_rows] == target)
    similarities = checked.train[torch.from_numpy(own)] @ checked.val[place]
    return int(data.train_rows[own[int(similarities.argmax())]])


def _few_shot(checked: _Checked, data: TrainingSet) -> tuple[tuple[FewShotPoint, ...], bool]:
    """The curve, and whether it leaves out products or photos."""
    targets = data.targets[data.train_rows]
    order = np.random.default_rng(_SEED).permutation(np.unique(targets))
    chosen = order[np.argsort(~np.isin(order, checked.shown), kind="stable")][:N_FEW_SHOT_PRODUCTS]
    own = np.flatnonzero(np.isin(targets, chosen))
    gallery = few_of_each(own, targets, N_FEW_SHOT_PHOTOS)
    queries = np.flatnonzero(np.isin(checked.shown, chosen))
    curve = few_shot_curve(
        checked.train[torch.from_numpy(gallery)].numpy(),
        [data.labels.products[target] for target in targets[gallery]],
        checked.val[torch.from_numpy(queries)].numpy(),
        [data.labels.products[target] for target in checked.shown[queries]],
        shots=[n for n in DEFAULT_SHOTS if n is None or n < np.bincount(targets[gallery]).max()],
    )
    return curve, len(chosen) < len(order) or len(gallery) < len(own)
