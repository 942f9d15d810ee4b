"""What the photo coach says, in words that name the figure and its limit."""

from __future__ import annotations

from typing import get_args

import pytest

from facings.quality import Advice, AdviceCode

WORDS = {
    "blurred": (0.1234, 0.2, "sharpness 0.123, wanted 0.2 or more"),
    "dark": (0.3, 0.49, "brightness 0.3, wanted 0.49 or more"),
    "glare": (0.05, 0.033, "glare 5.00% of the photo, wanted 3.30% at most"),
    "tilted": (8.26, 6.0, "tilt 8.26°, wanted 6° at most"),
    "far": (42.0, 80.0, "facings 42 px, wanted 80"),
}


def test_every_fault_has_its_words() -> None:
    assert set(WORDS) == set(get_args(AdviceCode))


@pytest.mark.parametrize("code", WORDS)
def test_advice_says_what_to_do_what_was_measured_and_what_was_wanted(code: AdviceCode) -> None:
    figure, limit, measured = WORDS[code]
    advice = Advice(code, "Do this.", figure, limit)
    assert advice.measured == measured
    assert str(advice) == f"Do this. ({measured})"
