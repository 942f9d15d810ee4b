"""After step 6: a crop that may show one of two look-alikes is asked which, by what was learned about that pair.

`TwinDesk` learns a verifier for each pair of twins (`twin_verifier.py`); here they are used, on crops whose candidates
hold both products of a pair. What they say is one piece of evidence among others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from facings.cells import CellNetwork, cells_of
from facings.evidence import Evidence
from facings.twin_verifier import TwinVerifier, average
from facings.types import Candidate, IntArray, UInt8Array


@dataclass(frozen=True, eq=False)
class KnownPair:
    """Two products and what tells them apart.

    Args:
        first: SKU that the verifier answers above 0 for.
        second: The other.
        reference_ids: int64 (N,), the photos it learned from, those of the first product first.
        verifier: What was learned.
    """

    first: str
    second: str
    reference_ids: IntArray
    verifier: TwinVerifier

    @property
    def record(self) -> str:
        """How the verifier did on its own photos, in words."""
        n = len(self.reference_ids)
        return f"{n - self.verifier.n_wrong} of {n} reference photos told apart when left out"


class TwinCheck:
    """Asks verifiers.

    Args:
        pairs: Gives the pairs that were learned; asked once, at the first crop.
        open_network: Gives the network; asked once, at the first crop that a pair is known for.
    """

    def __init__(self, pairs: Callable[[], Iterable[KnownPair]], open_network: Callable[[], CellNetwork]) -> None:
        self._give_pairs, self._open_network = pairs, open_network
        self._pairs: list[KnownPair] | None = None
        self._network: CellNetwork | None = None

    def look(self, crop: UInt8Array, candidates: Sequence[Candidate]) -> Evidence | None:
        """Which candidates the cells leave; None where no pair among them is known, or no verifier is sure.

        Args:
            crop: uint8 (h, w, 3) RGB, cut as for the embedder.
            candidates: The products in question.
        """
        if self._pairs is None:
            self._pairs = [pair for pair in self._give_pairs() if pair.verifier.is_used]
        skus = [candidate.sku for candidate in candidates]
        asked = [pair for pair in self._pairs if pair.first in skus and pair.second in skus]
        if not asked:
            return None
        if self._network is None:
            self._network = self._open_network()
        mean = average(cells_of([crop], self._network))[0]
        said = [(pair, pair.verifier.answer(mean)) for pair in asked]
        return _evidence([(pair, answer) for pair, answer in said if pair.verifier.is_sure(answer)], skus)


def _evidence(sure: Sequence[tuple[KnownPair, float]], skus: Sequence[str]) -> Evidence | None:
    losers = {pair.second if answer > 0 else pair.first for pair, answer in sure}
    left = tuple(sku for sku in skus if sku not in losers)
    if not losers or not left:  # of three, each may look unlike another
        return None
    told = []
    for pair, answer in sure:
        winner, loser = (pair.first, pair.second) if answer > 0 else (pair.second, pair.first)
        told.append(f"like {winner}, not {loser} ({pair.record})")
    return Evidence("cells", ", ".join(left), f"seen closely it is {'; '.join(told)}", left)
