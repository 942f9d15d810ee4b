"""How long work reports that it moves on: whoever starts it hands in a `Track`, the work wraps its loop in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Track(Protocol):
    """Wraps a loop and shows how far it is."""

    def __call__(self, items: Iterable[T], label: str, total: int) -> Iterable[T]:
        """The items unchanged; `label` says what is being done, `total` how many there are."""
        ...


def untracked(items: Iterable[T], label: str, total: int) -> Iterable[T]:  # noqa: ARG001 (the shape of a Track)
    """Shows nothing."""
    return items
