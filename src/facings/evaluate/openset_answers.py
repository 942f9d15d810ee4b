"""What was answered to queries of enrolled and of unknown products, beside what was promised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facings.evaluate.clustered_share import ClusteredShare, clustered_share
from facings.types import Decision


@dataclass(frozen=True, eq=False)
class Answers:
    """What was said of the queries under one promise, all draws together, an entry a query and draw.

    Args:
        products: What they show.
        is_known: bool (N,), whether that was enrolled.
        verdicts: What was answered.
        is_right: bool (N,), whether that product was accepted.
        is_among: bool (N,), whether it was accepted, or is one of those in question.
        n_in_question: int64 (N,), products in an ambiguous answer, else 0.
    """

    products: tuple[str, ...]
    is_known: NDArray[np.bool_]
    verdicts: NDArray[np.str_]
    is_right: NDArray[np.bool_]
    is_among: NDArray[np.bool_]
    n_in_question: NDArray[np.int64]


@dataclass(frozen=True)
class PromiseKept:
    """How a promise went.

    Args:
        max_false_accept: What was promised.
        false_accepts: Share of queries of unknown products that were accepted.
        accepted_right: Share of queries of enrolled products that were accepted as what they are.
        accepted_wrong: Share of them that were accepted as something else.
        covered: Share of them that were accepted rightly, or ambiguous with the right product in question.
        known_unknown: Share of them that were answered "unknown".
        unknown_unknown: Share of queries of unknown products that were answered "unknown".
        mean_set_size: Mean number of products in question in ambiguous answers; None where there was none.
    """

    max_false_accept: float
    false_accepts: ClusteredShare
    accepted_right: ClusteredShare
    accepted_wrong: ClusteredShare
    covered: ClusteredShare
    known_unknown: ClusteredShare
    unknown_unknown: ClusteredShare
    mean_set_size: float | None

    @property
    def is_broken(self) -> bool:
        """Whether false accepts are more than promised by more than chance explains."""
        return self.false_accepts.low > self.max_false_accept

    def to_json(self) -> dict[str, Any]:
        """The figures by name."""
        shares = {name: value.to_json() for name, value in vars(self).items() if isinstance(value, ClusteredShare)}
        size = None if self.mean_set_size is None else round(self.mean_set_size, 2)
        return {"max_false_accept": self.max_false_accept, **shares, "mean_set_size": size, "is_broken": self.is_broken}


def answers_of(decisions: Sequence[Decision], products: Sequence[str], is_known: NDArray[np.bool_]) -> Answers:
    """Decisions beside the truth."""
    pairs = list(zip(decisions, products, strict=True))
    in_question = [{c.sku for c in d.candidates} if d.verdict == "ambiguous" else set() for d in decisions]
    is_right = np.array([decision.sku == product for decision, product in pairs], np.bool_)
    among = np.array([product in several for several, product in zip(in_question, products, strict=True)], np.bool_)
    return Answers(
        products=tuple(products),
        is_known=is_known,
        verdicts=np.array([d.verdict for d in decisions]),
        is_right=is_right,
        is_among=is_right | among,
        n_in_question=np.array([len(several) for several in in_question], np.int64),
    )


def promise_kept(share: float, answers: Answers) -> PromiseKept:
    """How a promise went.

    Raises:
        BadInput: No query is of an enrolled product, or none of an unknown one.
    """
    known, unknown = answers.is_known, ~answers.is_known
    accepted, said_unknown = answers.verdicts == "accepted", answers.verdicts == "unknown"
    sizes = answers.n_in_question[answers.verdicts == "ambiguous"]

    def among(side: NDArray[np.bool_], is_hit: NDArray[np.bool_]) -> ClusteredShare:
        return clustered_share(is_hit[side], [answers.products[i] for i in np.flatnonzero(side)])

    return PromiseKept(
        max_false_accept=share,
        false_accepts=among(unknown, accepted),
        accepted_right=among(known, answers.is_right),
        accepted_wrong=among(known, accepted & ~answers.is_right),
        covered=among(known, answers.is_among),
        known_unknown=among(known, said_unknown),
        unknown_unknown=among(unknown, said_unknown),
        mean_set_size=float(sizes.mean()) if len(sizes) else None,
    )


def together(answers: Sequence[Answers]) -> Answers:
    """Several draws as one."""
    return Answers(
        products=tuple(product for one in answers for product in one.products),
        is_known=np.concatenate([one.is_known for one in answers]),
        verdicts=np.concatenate([one.verdicts for one in answers]),
        is_right=np.concatenate([one.is_right for one in answers]),
        is_among=np.concatenate([one.is_among for one in answers]),
        n_in_question=np.concatenate([one.n_in_question for one in answers]),
    )
