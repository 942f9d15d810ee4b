"""Printed words of a pack against those that genuine photos agree on: a misspelled one is no accident of light.

Text is never read without errors, and what a blurred photo leaves out says nothing. So only words count that genuine
photos read alike in the same place, and only where the photo has something to read there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facings.apps.registration import Registration, moved
from facings.evidence import TextLine, TextReader
from facings.printed_words import words_in
from facings.types import UInt8Array

MIN_AGREEING = 2  # other genuine photos that must read the same
_MIN_LETTERS = 4
_LEAST_CONFIDENCE = 0.8
_ALIKE = 0.1  # share of letters that may differ between two readings of one line
_NEAR = 0.75  # of a line's height: how far from its place a line may lie


@dataclass(frozen=True)
class Misread:
    """The line that differs most.

    Args:
        distance: Share of its letters that would have to change, 0 to 1 (Levenshtein, 1966).
        line: As it was read in the photo.
        genuine: As genuine photos read it.
    """

    distance: float
    line: TextLine
    genuine: str


def read_lines(pixels: UInt8Array, reader: TextReader) -> tuple[TextLine, ...]:
    """Lines that were read with some certainty, their words in one case and without spaces.

    Args:
        pixels: uint8 (h, w, 3) RGB.
        reader: Reads text.
    """
    lines = [TextLine("".join(words_in(one.text)), one.box, one.confidence) for one in reader.read(pixels)]
    return tuple(one for one in lines if len(one.text) >= _MIN_LETTERS and one.confidence >= _LEAST_CONFIDENCE)


def agreed_lines(
    lines: Sequence[TextLine], others: Mapping[int, Sequence[TextLine]], fits: Mapping[int, Registration]
) -> tuple[TextLine, ...]:
    """Lines of a genuine photo that enough others read alike, in the same place.

    Args:
        lines: Of the photo.
        others: Lines of other genuine photos, by number.
        fits: How the photo lies over each of them.
    """
    return tuple(line for line in lines if _n_alike(line, others, fits) >= MIN_AGREEING)


def _n_alike(line: TextLine, others: Mapping[int, Sequence[TextLine]], fits: Mapping[int, Registration]) -> int:
    return sum(
        any(_distance(line.text, there.text) <= _ALIKE for there in _lines_at(line, lines, fits[k]))
        for k, lines in others.items()
    )


def most_misread(
    lines: Sequence[TextLine], genuine: Mapping[int, Sequence[TextLine]], fits: Mapping[int, Registration]
) -> Misread | None:
    """The line of a photo that differs most from what genuine photos say in its place.

    Args:
        lines: Of the photo.
        genuine: Lines that genuine photos agree on, by number.
        fits: How the photo lies over each of them.

    Returns:
        None where nothing was read in a place of genuine words.
    """
    found = []
    for line in lines:
        there = {one.text for k, several in genuine.items() for one in _lines_at(line, several, fits[k])}
        if there:
            closest = min(sorted(there), key=lambda text: _distance(line.text, text))
            found.append(Misread(_distance(line.text, closest), line, closest))
    return max(found, key=lambda one: one.distance, default=None)


def _lines_at(line: TextLine, others: Sequence[TextLine], fit: Registration) -> list[TextLine]:
    """Lines of another photo whose middle lies in the line, laid there, or hardly beside it."""
    x1, y1, x2, y2 = line.box
    near = _NEAR * min(x2 - x1, y2 - y1)
    corners = np.array([[x1 - near, y1 - near], [x2 + near, y1 - near], [x2 + near, y2 + near], [x1 - near, y2 + near]])
    quad = moved(corners, fit.to_reference)
    return [one for one in others if _is_inside(_middle(one), quad)]


def _middle(line: TextLine) -> np.ndarray:
    x1, y1, x2, y2 = line.box
    return np.array([(x1 + x2) / 2, (y1 + y2) / 2])


def _is_inside(point: np.ndarray, quad: np.ndarray) -> bool:
    sides, away = np.roll(quad, -1, axis=0) - quad, point - quad
    return bool((sides[:, 0] * away[:, 1] >= sides[:, 1] * away[:, 0]).all())


def _distance(one: str, other: str) -> float:
    from rapidfuzz.distance import Levenshtein

    return float(Levenshtein.normalized_distance(one, other))
