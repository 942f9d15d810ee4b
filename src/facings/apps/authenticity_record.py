"""Verdicts on record, and what people found out about the packs later: what drift and fakes are learned from.

A verdict is kept as it was answered, with the time; asked again with the same outcome it is not written twice. The
photo is kept too, so that whoever doubts a verdict makes it again and compares the bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class Ruling:
    """What a person found out about a pack, by opening it or asking its maker.

    Args:
        verdict_id: The verdict on its photo.
        is_genuine: What it is.
        author: Who says so.
        note: Why.
    """

    verdict_id: int
    is_genuine: bool
    author: str
    note: str = ""


@dataclass(frozen=True)
class KeptVerdict:
    """A verdict on record.

    Args:
        verdict_id: Its number.
        recorded_at: When, aware UTC.
        answer: `Authenticity.to_json()`.
        ruling: The last that was said about the pack; None for nothing.
    """

    verdict_id: int
    recorded_at: datetime
    answer: Mapping[str, Any]
    ruling: Ruling | None = None

    @property
    def is_known_genuine(self) -> bool:
        """Whether a person says that the pack is genuine."""
        return self.ruling is not None and self.ruling.is_genuine

    @property
    def is_known_fake(self) -> bool:
        """Whether a person says that the pack is a fake."""
        return self.ruling is not None and not self.ruling.is_genuine

    @property
    def p_values(self) -> dict[str, float]:
        """Of the checks that have one, by name."""
        return {one["name"]: one["p_value"] for one in self.answer["checks"] if one["p_value"] is not None}

    def to_json(self) -> dict[str, Any]:
        """One line of `facings verdicts list --json`."""
        said = self.ruling and {
            "is_genuine": self.ruling.is_genuine, "author": self.ruling.author, "note": self.ruling.note,
        }  # fmt: skip
        return {
            "verdict_id": self.verdict_id,
            "recorded_at": self.recorded_at.isoformat(),
            "ruling": said,
            "answer": dict(self.answer),
        }


class VerdictStore(Protocol):
    """Where verdicts are kept. There is no way to change or delete one; a new ruling stands beside the old ones."""

    def append(self, answer: Mapping[str, Any]) -> int:
        """Keep an answer as its JSON; the number of its line, the one it has if the last of its photo was the same."""
        ...

    def rule(self, ruling: Ruling) -> None:
        """Keep what was found out.

        Raises:
            BadInput: There is no such verdict.
        """
        ...

    def verdicts(self, sku: str = "") -> Sequence[KeptVerdict]:
        """All verdicts, or those on one product, in order of their numbers."""
        ...
