"""Step 6 of the path: candidates in, one of three answers out: accepted, ambiguous or unknown.

One setting says what share of false accepts one is ready to pay. *Accepted*: photos of products that are not enrolled
look as much like the best product in at most that share of cases. *Ambiguous*: the products in question, a set that
holds the right one, if it is enrolled, with the probability that is stated. *Unknown*: no enrolled product is in
question. How like is like enough follows from the gallery itself (`calibrate`); docs/decisions/0012 says why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facings.calibrate import COVERAGE, Calibration
from facings.conformal import Figures
from facings.errors import ConfigInvalid
from facings.likeness import best_two, likeness
from facings.types import Candidate, Decision, FloatArray, Verdict

N_COMPARED = 20  # products, the most similar ones, whose likeness is looked at
MOSTLY = 0.5
NOTHING_ENROLLED = "the gallery has no product to compare with"


@dataclass(frozen=True)
class Promise:
    """What is asked of decisions.

    Args:
        max_false_accept: The largest share of photos of products that are not enrolled that may be accepted, in (0, 1].
    """

    max_false_accept: float

    def __post_init__(self) -> None:
        if not 0 < self.max_false_accept <= 1:
            raise ConfigInvalid(f"max_false_accept: got {self.max_false_accept}, wanted a share in (0, 1].")

    @property
    def n_products(self) -> int:
        """How many products a gallery holds at least, before its own photos can vouch for so little.

        The smallest n with n / (n − 1) / (n + 1) ≤ `max_false_accept`, see `conformal.product_sample`.

        Examples:
            >>> Promise(0.05).n_products, Promise(0.01).n_products
            (21, 101)
        """
        times = 1 / self.max_false_accept
        return max(2, math.ceil((times + math.sqrt(times**2 + 4)) / 2))


@dataclass(frozen=True, eq=False)
class Ranked:
    """The candidates of one crop by likeness.

    Args:
        candidates: The likest first.
        likeness: float64 (C,), of each.
        floors: float64 (C,), what each has to have to be in question.
    """

    candidates: tuple[Candidate, ...]
    likeness: Figures
    floors: Figures


def decide(
    rows: FloatArray, candidates: Sequence[Sequence[Candidate]], calibration: Calibration, promise: Promise
) -> list[Decision]:
    """The answer for each crop.

    Args:
        rows: float32 (Q, D), the crops' embeddings.
        candidates: For each crop the most similar products, `N_COMPARED` of them or more, at most one entry each.
        calibration: What likeness is worth in this gallery.
        promise: What is asked.

    Returns:
        Accepted with its SKU, ambiguous, or unknown; with reasons in words. An ambiguous one has the products in
        question as candidates, the others all that were compared, the likest first.
    """
    ranked = [rank(row, several, calibration) for row, several in zip(rows, candidates, strict=True)]
    return [answer(one, calibration, promise) for one in ranked]


def rank(row: FloatArray, candidates: Sequence[Candidate], calibration: Calibration) -> Ranked:
    """Candidates by likeness; those that the calibration does not know were removed a moment ago and are left out.

    Args:
        row: float32 (D,).
        candidates: At most one entry a product.
        calibration: Gives the likeness.
    """
    there = [c for c in candidates if c.sku in calibration.code_of]
    codes = np.array([calibration.code_of[c.sku] for c in there], np.int64)
    if not there:
        return Ranked((), np.zeros(0), np.zeros(0))
    similarities = calibration.space(row[None]) @ calibration.means[codes].T
    best, second = best_two(similarities)
    found = similarities[0].astype(np.float64)
    others = np.full(len(found), best[0])
    others[np.argmax(found)] = second[0]
    figures = likeness(found, others)
    order = np.argsort(-figures, kind="stable")
    return Ranked(tuple(there[i] for i in order), figures[order], calibration.floors[codes][order])


def answer(ranked: Ranked, calibration: Calibration, promise: Promise) -> Decision:
    """What is said of one crop whose candidates are ranked; see `decide`."""
    if not ranked.candidates:
        return Decision("unknown", None, (), (NOTHING_ENROLLED,))
    share = float(calibration.strangers_above(ranked.likeness[:1])[0])
    seen = _seen(ranked)
    strangers = f"{share:.1%} of photos of other products look as much like one of the gallery"
    if share <= promise.max_false_accept:
        reason = f"at most {strangers}, {promise.max_false_accept:.1%} were allowed"
        return Decision("accepted", ranked.candidates[0].sku, ranked.candidates, (seen, reason))
    why_not = _why_not(strangers, calibration, promise)
    if not calibration.can_exclude:
        verdict: Verdict = "unknown" if share > MOSTLY else "ambiguous"
        thin = "no probability is stated: too few products have several photos that differ"
        return Decision(verdict, None, ranked.candidates, (seen, why_not, thin))
    in_question = tuple(
        c for c, figure, floor in zip(ranked.candidates, ranked.likeness, ranked.floors, strict=True) if figure >= floor
    )
    if not in_question:
        reason = f"{COVERAGE:.0%} of photos of enrolled products look more like theirs"
        return Decision("unknown", None, ranked.candidates, (seen, reason))
    if len(in_question) == len(ranked.candidates) >= N_COMPARED:
        reason = f"no probability is stated: {len(in_question)} products and more are in question"
        return Decision("ambiguous", None, in_question, (seen, why_not, reason))
    names = "one product is" if len(in_question) == 1 else f"{len(in_question)} products are"
    reason = f"{names} in question; if the product is enrolled, it is among them with probability {COVERAGE:.0%}"
    return Decision("ambiguous", None, in_question, (seen, why_not, reason), COVERAGE)


def _seen(ranked: Ranked) -> str:
    """Similarity, margin and likeness in words."""
    best = ranked.candidates[0]
    said = f"likeness {ranked.likeness[0]:.3f} to {best.sku}, similarity {best.similarity:.3f}"
    if len(ranked.candidates) < 2:
        return said
    runner_up = ranked.candidates[1]
    return f"{said}; next {runner_up.sku} with {ranked.likeness[1]:.3f} and {runner_up.similarity:.3f}"


def _why_not(strangers: str, calibration: Calibration, promise: Promise) -> str:
    """Why it was not accepted: it is not like enough, or there are too few products to promise so much."""
    sample = calibration.strictest
    if sample.least > promise.max_false_accept:
        return (
            f"{promise.max_false_accept:.1%} false accepts cannot be promised with {sample.n_products} products; "
            f"{sample.least:.1%} could be"
        )
    limit = calibration.limit(promise.max_false_accept)
    return f"not accepted: {strangers}, {promise.max_false_accept:.1%} were allowed (likeness above {limit:.3f})"
