"""Words that genuine photos agree on, and a photo that spells one otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from facings.apps.pack_checks import stretch
from facings.apps.pack_text import agreed_lines, most_misread, read_lines
from facings.apps.registration import Registration
from facings.evidence import Pixels, TextLine

CORNERS = np.array([[10, 10], [90, 10], [90, 90], [10, 90]], np.float64)


def fit(matrix: object) -> Registration:
    return Registration(np.array(matrix, np.float64), np.hstack([CORNERS, CORNERS]).astype(np.float32), 0.5)


STRAIGHT = fit(np.eye(3))
SHIFTED = fit([[1, 0, 100], [0, 1, 0], [0, 0, 1]])


def line(text: str, x: float = 20, y: float = 20) -> TextLine:
    return TextLine(text, (x, y, x + 40, y + 10), 0.95)


class Reads:
    """Reads the same lines everywhere."""

    def __init__(self, *lines: TextLine) -> None:
        self._lines = lines

    def read(self, crop: Pixels) -> tuple[TextLine, ...]:  # noqa: ARG002 (the port's signature)
        return self._lines


def test_lines_are_folded_and_doubtful_or_short_ones_left_out() -> None:
    reader = Reads(line("Crème BRÛLÉE"), line("2 %"), TextLine("Sunday", (0, 0, 9, 9), 0.5))
    assert [one.text for one in read_lines(np.zeros((9, 9, 3), np.uint8), reader)] == ["cremebrulee"]


def test_two_others_have_to_read_a_line_alike_in_its_place() -> None:
    mine = (line("tropicana"), line("pressed", y=60))
    others = {1: (line("tropicana", x=120),), 2: (line("tropicanal", x=22),), 3: (line("pressed", y=60),)}
    fits = {1: SHIFTED, 2: STRAIGHT, 3: STRAIGHT}
    assert agreed_lines(mine, others, fits) == mine[:1]
    assert agreed_lines(mine, {1: others[1]}, fits) == ()
    elsewhere = {1: others[1], 2: (line("tropicana", y=45),)}
    assert agreed_lines(mine, elsewhere, fits) == ()


def test_the_most_misspelled_line_counts_by_its_closest_genuine_reading() -> None:
    genuine = {1: (line("tropicana"), line("pressed", y=60)), 2: (line("tropicano"),)}
    fits = {1: STRAIGHT, 2: STRAIGHT}
    found = most_misread((line("tropicanx"), line("pressed", y=60)), genuine, fits)
    assert found is not None
    assert found.distance == pytest.approx(1 / 9)
    assert (found.line.text, found.genuine) == ("tropicanx", "tropicana")
    assert most_misread((line("pressed", y=60),), genuine, fits) is not None
    assert most_misread((line("tropicana", y=45),), genuine, fits) is None
    assert most_misread((), genuine, fits) is None


def test_stretch_by_hand() -> None:
    # Twice as wide, and turned by a right angle: the ratio stays 2. Twice as large is not stretched.
    assert stretch(fit([[2, 0, 5], [0, 1, 9], [0, 0, 1]])) == pytest.approx(np.log(2))
    assert stretch(fit([[0, -1, 90], [2, 0, 0], [0, 0, 1]])) == pytest.approx(np.log(2))
    assert stretch(fit([[2, 0, 5], [0, 2, 9], [0, 0, 1]])) == pytest.approx(0, abs=1e-9)
