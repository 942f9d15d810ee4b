"""What stands a composed shelf apart from another before any product is on it: colors, panel, boards, light."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from facings.simulate.canvas import mix
from facings.simulate.vocabulary import Color


@dataclass(frozen=True)
class Fixture:
    """The look of a piece of shop furniture; lengths in centimeters.

    Args:
        kind: Its name in `FIXTURES`.
        back: Color of the panel behind the goods.
        panel: What the panel shows: "slats" (upright joints), "grooves" (level ones), "holes", or "plain".
        board: Color of the boards.
        rail: Color of their front edges.
        tag: Color of the price tags.
        ground: Color of the floor in front.
        rail_cm: Height of a board's front edge.
        lip_cm: How far it rises above the board; it hides the feet of the goods.
        depth_cm: From front edge to panel.
        shade: How dark it is under each board, 0 to 1; negative for a lamp there.
        post_cm: Width of the posts in front, 0 for none.
        bay_cm: From post to post.
    """

    kind: str
    back: Color
    panel: str
    board: Color
    rail: Color
    tag: Color
    ground: Color
    rail_cm: float
    lip_cm: float
    depth_cm: float
    shade: float
    post_cm: float = 0.0
    bay_cm: float = 100.0


_WHITE, _YELLOW = (250, 249, 242), (255, 226, 80)  # tags
# fmt: off
_ALL = (  # kind, back, panel, board, rail, tag, ground; rail, lip, depth; shade; post, bay
    Fixture("gondola", (206, 205, 200), "slats", (226, 226, 222), (236, 236, 233), _WHITE, (150, 146, 140),
            3.8, 0.0, 42, 0.5),
    Fixture("gondola", (120, 122, 126), "slats", (150, 152, 156), (172, 174, 178), _YELLOW, (176, 172, 166),
            4.2, 0.8, 46, 0.6),
    Fixture("gondola", (216, 210, 196), "plain", (222, 216, 204), (190, 30, 36), _WHITE, (120, 118, 116),
            4.4, 0.0, 40, 0.45),
    Fixture("cooler", (232, 236, 240), "plain", (214, 220, 226), (60, 62, 66), _WHITE, (70, 70, 74),
            3.4, 1.2, 52, -0.35, 2.4, 76),
    Fixture("cooler", (58, 62, 68), "plain", (120, 126, 132), (28, 29, 32), _WHITE, (60, 60, 62),
            3.0, 1.0, 50, -0.5, 3.0, 72),
    Fixture("pegboard", (222, 220, 212), "holes", (206, 206, 204), (228, 228, 226), _WHITE, (166, 160, 150),
            3.2, 0.0, 30, 0.4),
    Fixture("pegboard", (74, 76, 82), "holes", (96, 98, 104), (110, 112, 118), _YELLOW, (140, 136, 130),
            3.4, 0.6, 32, 0.5),
    Fixture("wood", (146, 108, 72), "grooves", (190, 150, 106), (176, 134, 92), _WHITE, (120, 104, 90),
            2.8, 0.0, 36, 0.55),
    Fixture("wood", (92, 68, 50), "slats", (126, 94, 66), (116, 84, 58), (60, 58, 54), (90, 84, 78),
            3.2, 1.0, 34, 0.65),
)
# fmt: on
FIXTURES: dict[str, tuple[Fixture, ...]] = {
    kind: tuple(look for look in _ALL if look.kind == kind) for kind in sorted({look.kind for look in _ALL})
}


def random_fixture(rng: np.random.Generator) -> Fixture:
    """One of `FIXTURES`, each kind as likely as another, its colors and lengths varied a little."""
    looks = FIXTURES[str(rng.choice(list(FIXTURES)))]
    look = looks[int(rng.integers(len(looks)))]
    gray = int(rng.integers(20, 235))
    share = float(rng.uniform(0, 0.25))
    return replace(
        look,
        back=mix(look.back, (gray, gray, gray), share),
        board=mix(look.board, (gray, gray, gray), share),
        rail_cm=look.rail_cm * float(rng.uniform(0.85, 1.2)),
        depth_cm=look.depth_cm * float(rng.uniform(0.85, 1.15)),
        shade=look.shade * float(rng.uniform(0.6, 1.2)),
        bay_cm=look.bay_cm * float(rng.uniform(0.9, 1.3)),
    )
