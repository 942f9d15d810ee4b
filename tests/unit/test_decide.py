"""Step 6: accepted, ambiguous or unknown, with reasons."""

from __future__ import annotations

import pytest

from facings.decide import Limits, decide
from facings.errors import ConfigInvalid
from facings.types import Candidate, Verdict

LIMITS = Limits(0.75, 0.25)  # exact in binary, so that "equal to the limit" means it


def candidates(*similarities: float) -> tuple[Candidate, ...]:
    return tuple(Candidate(f"sku-{i}", similarity, i) for i, similarity in enumerate(similarities))


@pytest.mark.parametrize(
    ("similarities", "verdict", "said"),
    [
        pytest.param((0.95, 0.5), "accepted", "similarity 0.950", id="similar and clearly ahead"),
        pytest.param((0.75, 0.5), "accepted", "similarity 0.750", id="equal to both limits"),
        pytest.param((1.0, 0.75), "accepted", "similarity 1.000", id="lead equal to the limit"),
        pytest.param((0.75,), "accepted", "similarity 0.750", id="one candidate, equal to the limit"),
        pytest.param((0.9, 0.8), "ambiguous", "sku-1 is only 0.100 behind, wanted 0.250", id="runner-up too close"),
        pytest.param((0.75, 0.75), "ambiguous", "sku-1 is only 0.000 behind", id="tie"),
        pytest.param((0.9, 0.8, -1.0), "ambiguous", "sku-1", id="the third does not matter"),
        pytest.param((0.7499, -1.0), "unknown", "similarity 0.750, wanted 0.750", id="just below"),
        pytest.param((0.5, 0.5), "unknown", "similarity 0.500, wanted 0.750", id="too far is unknown, not ambiguous"),
        pytest.param((-1.0,), "unknown", "similarity -1.000", id="one candidate, opposite"),
        pytest.param((), "unknown", "no product to compare with", id="no candidate"),
    ],
)
def test_verdict(similarities: tuple[float, ...], verdict: Verdict, said: str) -> None:
    few = candidates(*similarities)
    decision = decide(few, LIMITS)
    assert decision.verdict == verdict
    assert decision.sku == ("sku-0" if verdict == "accepted" else None)
    assert decision.candidates == few
    assert len(decision.reasons) == 1
    assert said in decision.reasons[0]


def test_limits_at_their_ends_accept_anything_or_nothing_but_identity() -> None:
    assert decide(candidates(-1.0, -1.0), Limits(-1, 0)).verdict == "accepted"
    assert decide(candidates(1.0, -1.0), Limits(1, 2)).verdict == "accepted"
    assert decide(candidates(1.0, -0.99), Limits(1, 2)).verdict == "ambiguous"
    assert decide(candidates(1.0), Limits(1, 2)).verdict == "accepted"


@pytest.mark.parametrize(
    ("min_similarity", "min_margin", "name"),
    [
        (-1.01, 0, "min_similarity"),
        (1.01, 0, "min_similarity"),
        (float("nan"), 0, "min_similarity"),
        (70, 0, "min_similarity"),
        (0.5, -0.01, "min_margin"),
        (0.5, 2.01, "min_margin"),
        (0.5, float("nan"), "min_margin"),
    ],
)
def test_limits_out_of_range_are_refused(min_similarity: float, min_margin: float, name: str) -> None:
    with pytest.raises(ConfigInvalid, match=f"{name}: got"):
        Limits(min_similarity, min_margin)
