"""How the charts of a training's report look: Plotly figures that take their colors from the page.

A color is written as a CSS variable (`var(--accent)`); the page's script puts its value in, so that one figure is right
in light, in dark and on paper. Plotly reads text as markup: names that come from users are escaped before they get in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

INK, SOFT, LINE, PAPER = "var(--ink)", "var(--soft)", "var(--line)", "var(--paper)"
ACCENT, WRONG = "var(--accent)", "var(--wrong)"

_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'


@dataclass(frozen=True)
class Chart:
    """One chart of the page.

    Args:
        name: Its id in the page.
        title: What it shows, with the figure that matters.
        note: How to read it.
        figure: For Plotly: `data` and `layout`, colors as CSS variables.
        heads: Of the table with the same figures; () for no table.
        rows: Its cells, as they are read.
    """

    name: str
    title: str
    note: str
    figure: dict[str, Any]
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def empty_figure(height_px: int, row_heights: tuple[float, ...] = (1.0,)) -> Any:
    """A figure without data: panels above each other that share their horizontal axis.

    Args:
        height_px: Of the whole figure; the width is that of the page.
        row_heights: Share of each panel, the topmost first.
    """
    figure = make_subplots(
        rows=len(row_heights), row_heights=list(row_heights), shared_xaxes=True, vertical_spacing=0.05
    )
    figure.update_layout(
        template=go.layout.Template(),
        height=height_px,
        margin={"l": 68, "r": 24, "t": 56, "b": 52},
        paper_bgcolor=PAPER,
        plot_bgcolor=PAPER,
        font={"family": _FONT, "size": 13, "color": SOFT},
        hoverlabel={"bgcolor": PAPER, "bordercolor": LINE, "font": {"color": INK, "size": 13}, "namelength": -1},
        legend={"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top", "font": {"color": INK}},
        hovermode="closest",
        dragmode=False,
    )
    axis = {"gridcolor": LINE, "linecolor": LINE, "zerolinecolor": LINE, "fixedrange": True, "automargin": True}
    figure.update_xaxes(title={"standoff": 8, "font": {"size": 13}}, **axis)
    figure.update_yaxes(title={"standoff": 10, "font": {"size": 13}}, **axis)
    return figure


def line(color: str, width_px: float, dash: str = "solid") -> dict[str, Any]:
    """A line's look."""
    return {"color": color, "width": width_px, "dash": dash}


def percents(shares: Iterable[float]) -> list[float]:
    """Shares in [0, 1] as numbers of percent."""
    return [100 * share for share in shares]
