"""Step 6 of the path: candidates in, one of three answers out: accepted, ambiguous or unknown.

The rule is the plainest one that can say "unknown": the closest product must be similar enough, and clearly
closer than the runner-up. Both limits are settings; docs/results.md shows what the defaults give on real photos.
They state no error rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facings.errors import ConfigInvalid
from facings.types import Candidate, Decision


@dataclass(frozen=True)
class Limits:
    """When a product is accepted.

    Args:
        min_similarity: Below this cosine nothing in the gallery is said to be in the picture.
        min_margin: How much closer than the runner-up the best product must be, in cosine.
    """

    min_similarity: float
    min_margin: float

    def __post_init__(self) -> None:
        if not -1 <= self.min_similarity <= 1:
            raise ConfigInvalid(f"min_similarity: got {self.min_similarity}, wanted a cosine in [-1, 1].")
        if not 0 <= self.min_margin <= 2:
            raise ConfigInvalid(f"min_margin: got {self.min_margin}, wanted a difference of cosines in [0, 2].")


def decide(candidates: Sequence[Candidate], limits: Limits) -> Decision:
    """The answer for one crop.

    Args:
        candidates: Products, most similar first, at most one entry each.
        limits: When to accept.

    Returns:
        Accepted with its SKU; ambiguous when the runner-up is too close; else unknown. With reasons in words.
    """
    if not candidates:
        return Decision("unknown", None, (), ("the gallery has no product to compare with",))
    best = candidates[0]
    if best.similarity < limits.min_similarity:
        reason = f"closest product has similarity {best.similarity:.3f}, wanted {limits.min_similarity:.3f}"
        return Decision("unknown", None, tuple(candidates), (reason,))
    margin = best.similarity - candidates[1].similarity if len(candidates) > 1 else 2.0
    if margin < limits.min_margin:
        reason = f"{candidates[1].sku} is only {margin:.3f} behind, wanted {limits.min_margin:.3f}"
        return Decision("ambiguous", None, tuple(candidates), (reason,))
    return Decision("accepted", best.sku, tuple(candidates), (f"similarity {best.similarity:.3f}",))
