"""Tells two look-alike products apart by the cells of their reference photos, and shows where they differ.

The cells of a photo are averaged and brought to length 1; a ridge regression on +1 for one product and −1 for the other
finds what differs between them (Hoerl and Kennard, 1970). It has a closed form, and so have the answers it would have
given to each of its own photos had it not seen them (leave-one-out; Allen, 1974, "PRESS"): they choose the
regularization, say whether the verifier is better than the embedding, and how sure an answer is. Since the regression
is linear in the cells, its answer is a sum over the places of the picture, which is the picture of where they differ.

An answer is sure when only few photos of the other product answer so strongly, and not so few of its own so weakly;
these are conformal p-values (Vovk et al., "Algorithmic Learning in a Random World", 2005), which hold as far as queries
are photographed as references are. With few photos no answer can be sure: one in ten needs nine of each product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facings.errors import BadInput
from facings.types import FloatArray

MIN_PHOTOS = 3  # of each product; with fewer, nothing can be said of how their photos vary
MAX_CHANCE = 0.1  # share of photos of the other product that may answer as strongly as a sure answer

_TINY = 1e-12
_RIDGES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # of the mean squared length of a photo's centered average


@dataclass(frozen=True, eq=False)
class PairPhotos:
    """The reference photos of two products, the first product's first.

    Args:
        means: float32 (N, C), from `average`.
        rows: float32 (N, D), their embeddings.
        n_first: How many of them show the first product.
    """

    means: FloatArray
    rows: FloatArray
    n_first: int

    def __post_init__(self) -> None:
        if self.means.ndim != 2 or self.rows.ndim != 2 or len(self.means) != len(self.rows):
            raise BadInput(f"Pair: got cells {self.means.shape} and embeddings {self.rows.shape} of as many photos.")
        if min(self.n_first, len(self.means) - self.n_first) < MIN_PHOTOS:
            raise BadInput(
                f"Pair: got {self.n_first} and {len(self.means) - self.n_first} photos, "
                f"wanted {MIN_PHOTOS} or more of each product."
            )

    @property
    def signs(self) -> NDArray[np.float64]:
        """float64 (N,): +1 for the first product, −1 for the second."""
        return np.where(np.arange(len(self.means)) < self.n_first, 1.0, -1.0)


@dataclass(frozen=True, eq=False)
class TwinVerifier:
    """What tells two products apart.

    Args:
        weight: float64 (C,).
        bias: Added to the weighted average.
        left_out: float64 (N,), its answers to its own photos, each as if it had not seen that one.
        signs: float64 (N,), the right ones: +1 for the first product, −1 for the second.
        n_wrong: Photos that it names wrongly when left out.
        n_wrong_embedding: The same of the embedding, by the closest other photo.
    """

    weight: NDArray[np.float64]
    bias: float
    left_out: NDArray[np.float64]
    signs: NDArray[np.float64]
    n_wrong: int
    n_wrong_embedding: int

    @property
    def is_used(self) -> bool:
        """Whether it is better than the embedding on the photos of both; else it would only add errors of its own."""
        return self.n_wrong < self.n_wrong_embedding

    def answer(self, mean: FloatArray) -> float:
        """Above 0 for the first product, below for the second, near ±1 for a typical photo.

        Args:
            mean: float32 (C,), from `average`.
        """
        return float(mean @ self.weight) + self.bias

    def chances(self, answer: float) -> tuple[float, float]:
        """Share of the photos of the product answered that speak as weakly for it, and of the other's as strongly.

        The photo that is asked about counts as one of them.
        """
        side = 1.0 if answer > 0 else -1.0
        own, others = (side * self.left_out[self.signs == sign] for sign in (side, -side))
        weaker, stronger = own <= side * answer, others >= side * answer
        return float(1 + weaker.sum()) / (1 + len(own)), float(1 + stronger.sum()) / (1 + len(others))

    def is_sure(self, answer: float) -> bool:
        """Whether it is clear which of the two it is: like the one, and unlike the other."""
        like, unlike = self.chances(answer)
        return unlike <= MAX_CHANCE < like

    def where(self, cells: FloatArray) -> NDArray[np.float64]:
        """What each place adds to the answer, bias shared out: float64 (h, w), the sum is the answer.

        Args:
            cells: float32 (h, w, C) of one photo.
        """
        height, width, n_channels = cells.shape
        n_cells = height * width
        length = max(float(np.linalg.norm(cells.reshape(n_cells, n_channels).mean(axis=0))), _TINY)
        spoken: NDArray[np.float64] = (cells @ self.weight) / (n_cells * length) + self.bias / n_cells
        return spoken


def average(cells: FloatArray) -> FloatArray:
    """What the verifier sees of photos: float32 (N, C), the mean of each photo's cells, of length 1.

    Args:
        cells: float32 (N, h, w, C).
    """
    means = cells.mean(axis=(1, 2))
    unit: FloatArray = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), _TINY)
    return unit


def fit_verifier(photos: PairPhotos) -> TwinVerifier:
    """The verifier of two products, from their reference photos; takes milliseconds.

    Args:
        photos: At least `MIN_PHOTOS` of each product.
    """
    signs = photos.signs
    means = photos.means.astype(np.float64)
    center = means.mean(axis=0)
    centered = means - center
    spectrum, directions = np.linalg.eigh(centered @ centered.T)
    spectrum = np.maximum(spectrum, 0.0)  # rounding
    scale = max(float(spectrum.mean()), _TINY)
    share = 0.5 / np.where(signs > 0, (signs > 0).sum(), (signs < 0).sum())  # both products count the same
    tried = [(_left_out(spectrum, directions, signs, ridge * scale), ridge * scale) for ridge in _RIDGES]
    left_out, ridge = min(tried, key=lambda each: float(share @ (each[0] - signs) ** 2))
    dual = (directions / (spectrum + ridge)) @ (directions.T @ (signs - signs.mean()))
    weight = centered.T @ dual
    return TwinVerifier(
        weight=weight,
        bias=float(signs.mean() - center @ weight),
        left_out=left_out,
        signs=signs,
        n_wrong=int((left_out * signs <= 0).sum()),
        n_wrong_embedding=_n_wrong(photos.rows, signs),
    )


def _left_out(
    spectrum: NDArray[np.float64], directions: NDArray[np.float64], signs: NDArray[np.float64], ridge: float
) -> NDArray[np.float64]:
    """The answer to each photo of the regression on all others, from the hat matrix of the one on all."""
    hat = (directions * (spectrum / (spectrum + ridge))) @ directions.T + 1 / len(signs)
    own = np.diag(hat)
    answers: NDArray[np.float64] = (hat @ signs - own * signs) / np.maximum(1 - own, _TINY)
    return answers


def _n_wrong(rows: FloatArray, signs: NDArray[np.float64]) -> int:
    """Photos whose closest other photo shows the other product."""
    similarity = rows @ rows.T
    np.fill_diagonal(similarity, -np.inf)
    return int((signs[similarity.argmax(axis=1)] != signs).sum())
