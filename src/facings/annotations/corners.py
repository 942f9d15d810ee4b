"""Four numbers of a file → a box inside its photo, or the reason why not. One rule for every format.

Swapped corners are refused, not reordered: they may as well be columns in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from facings.annotations.values import Corners, LabelledBox
from facings.errors import BadInput, Problem

_FARTHEST_PX = 1e9  # far beyond any photo, well within float32
_ROUNDING_PX = 0.05  # what decimals cut off by others may shift an edge; beyond it, clipping is said

Entry = TypeVar("Entry")


def to_corners(values: Sequence[Any]) -> Corners:
    """Left, top, right, bottom as numbers.

    Raises:
        BadInput: Not four numbers, not finite, without area, or swapped.
    """
    try:
        x1, y1, x2, y2 = (float(value) for value in values)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadInput(f"got box {values}, wanted four numbers in pixels.") from error
    if not (-_FARTHEST_PX < x1 < x2 < _FARTHEST_PX and -_FARTHEST_PX < y1 < y2 < _FARTHEST_PX):
        raise BadInput(f"got box {values}, wanted x1 < x2 and y1 < y2: it has no area or its corners are swapped.")
    return x1, y1, x2, y2


def clip(corners: Corners, width: int, height: int) -> tuple[Corners, str]:
    """The part of a box that lies inside a photo of this size, and what was cut off in words ("" for nothing).

    Raises:
        BadInput: All of it lies outside.
    """
    x1, y1, x2, y2 = corners
    inside = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
    seen = f"got box x1={x1:g}, y1={y1:g}, x2={x2:g}, y2={y2:g} (pixels, from 0) in a photo of {width}×{height} px"
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        raise BadInput(f"{seen}: it lies outside.")
    is_cut = max(abs(a - b) for a, b in zip(corners, inside, strict=True)) > _ROUNDING_PX
    return inside, f"{seen}: it reaches outside and was clipped." if is_cut else ""


def read_boxes_of_photo(
    entries: Iterable[tuple[str, Entry]],
    parse: Callable[[Entry], tuple[LabelledBox, str]],
    problems: list[Problem],
) -> tuple[LabelledBox, ...]:
    """The boxes of one photo; each bad entry and each clipped box becomes a problem.

    Args:
        entries: Where each box stands in the file, and what stands there.
        parse: Makes the box, and a remark about it; raises BadInput.
        problems: Gets what was wrong.
    """
    boxes = []
    for where, entry in entries:
        try:
            box, remark = parse(entry)
        except BadInput as error:
            problems.append(Problem(where, error.code, error.message))
        else:
            boxes.append(box)
            if remark:
                problems.append(Problem(where, BadInput.code, remark))
    return tuple(boxes)


def number_text(value: float) -> str:
    """A number as a file should hold it: whole ones without a point, others with every digit they need."""
    return str(int(value)) if value == int(value) else repr(float(value))
