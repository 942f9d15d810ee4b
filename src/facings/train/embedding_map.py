"""Embeddings as a picture: photos that the model finds similar lie close together on a plane.

Source: van der Maaten and Hinton, "Visualizing Data using t-SNE", JMLR 9 (2008). Neighborhoods in the picture mean
something; distances between far groups and the sizes of groups do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from facings.errors import BadInput
from facings.train.dataset import TrainingSet
from facings.types import FloatArray, IntArray

MIN_POINTS = 4
MAX_POINTS = 1500  # what a browser draws, and t-SNE places, in seconds
_N_COMPONENTS = 50  # what is kept before t-SNE: faster, and what is left out is mostly noise
_PERPLEXITY = 30.0


@dataclass(frozen=True)
class MapPoint:
    """One photo on the map.

    Args:
        x: Place, without a unit.
        y: The same.
        label: The product it shows.
        category: "" without categories.
        file: Name of the photo's file.
        named: What the classifier names; "" for a training photo.
    """

    x: float
    y: float
    label: str
    category: str
    file: str
    named: str


def map_points(
    data: TrainingSet, train: FloatArray, val: FloatArray, named: IntArray, *, seed: int = 0
) -> tuple[MapPoint, ...]:
    """Training photos, then validation photos; a part drawn by chance where there are more than 1,500.

    Validation photos get half of the places at least. Fewer than four photos make no map: ().

    Args:
        data: Says what the rows show.
        train: float32 (n_train, D), unit rows of `data.train_rows`.
        val: float32 (n_val, D), unit rows of `data.val_rows`.
        named: int64 (n_val,), the classes that the classifier names.
        seed: Of the choice and the map.
    """
    if len(train) + len(val) < MIN_POINTS:
        return ()
    n_val = min(len(val), max(MAX_POINTS // 2, MAX_POINTS - len(train)))
    rng = np.random.default_rng(seed)
    of_val = np.sort(rng.permutation(len(val))[:n_val])
    of_train = np.sort(rng.permutation(len(train))[: MAX_POINTS - n_val])
    places = flatten(np.concatenate([train[of_train], val[of_val]]), seed=seed)
    rows = [*data.train_rows[of_train].tolist(), *data.val_rows[of_val].tolist()]
    answers = [""] * len(of_train) + [data.labels.products[target] for target in named[of_val]]
    return tuple(
        _point(data, row, answer, place) for row, answer, place in zip(rows, answers, places.tolist(), strict=True)
    )


def _point(data: TrainingSet, row: int, named: str, place: list[float]) -> MapPoint:
    photo, labels = data.cache.photos[row], data.labels
    category = labels.categories[labels.category_of[data.targets[row]]] if labels.categories else ""
    return MapPoint(round(place[0], 3), round(place[1], 3), photo.label, category, photo.path.name, named)


def flatten(embeddings: FloatArray, *, seed: int = 0) -> FloatArray:
    """A place on a plane for each embedding: float32 (N, 2), the same for the same seed and machine.

    Args:
        embeddings: float32 (N, D) of unit length, N ≥ 4, D ≥ 2.
        seed: Of the optimization.

    Raises:
        BadInput: Fewer than four embeddings, or of fewer than two numbers.
    """
    if embeddings.ndim != 2 or len(embeddings) < MIN_POINTS or embeddings.shape[1] < 2:
        raise BadInput(f"Embedding map: got shape {embeddings.shape}, wanted (4 or more, 2 or more).")
    if not np.ptp(embeddings, axis=0).any():  # all alike: they share one place, and t-SNE would divide by 0
        return np.zeros((len(embeddings), 2), np.float32)
    n_components = min(_N_COMPONENTS, *embeddings.shape)
    rows = PCA(n_components, random_state=seed).fit_transform(embeddings)
    perplexity = min(_PERPLEXITY, (len(rows) - 1) / 3)
    tsne = TSNE(2, perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed)
    with threadpool_limits(1):  # thousands of tiny steps: a second thread gains little, on a busy machine it costs much
        places = tsne.fit_transform(rows)
    return np.asarray(places, np.float32)
