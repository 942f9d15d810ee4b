"""The charts of what a trained recognizer can do: embedding map, few reference photos, reliability."""

from __future__ import annotations

import html
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any

from facings.evaluate.calibration import Calibration, CalibrationBin
from facings.evaluate.few_shot import FewShotPoint
from facings.train.charts import ACCENT, INK, PAPER, SOFT, WRONG, Chart, empty_figure, line, percents
from facings.train.embedding_map import MapPoint

N_COLORS = 8  # `--series-1` to `--series-8` of the page; more could not be told apart

_MAP_PX = (960, 540)  # about what the page gives the map: names are placed for it
_N_NAMES, _NAME_LENGTH, _NAME_PX, _LETTER_PX = 40, 28, 11, 6.2
_CROWD = 600  # more photos are drawn smaller
_CLEAR = "rgba(0,0,0,0)"


def map_chart(points: Sequence[MapPoint], n_photos: int) -> Chart:
    """Photos by similarity, names of products beside their photos where there is room.

    Up to eight products have a color each. With more, categories have one, or products where there are no categories:
    the seven with the most photos, the others are gray.

    Args:
        points: One or more.
        n_photos: Of how many they are a part.
    """
    n_products = len({point.label for point in points})
    by_category = n_products > N_COLORS and any(point.category for point in points)
    groups = [point.category if by_category else point.label for point in points]
    ranked = _most_frequent(groups)
    colored = ranked if len(ranked) <= N_COLORS else ranked[: N_COLORS - 1]
    figure = empty_figure(660)
    scale = 1.0 if len(points) <= _CROWD else 0.65
    kind = "categories" if by_category else "products"
    if len(colored) < len(ranked):  # first, so that they lie below the colors
        others = [point for point, group in zip(points, groups, strict=True) if group not in set(colored)]
        _add_group(figure, others, f"{len(ranked) - len(colored):,} other {kind}", SOFT, scale)
    for number, name in enumerate(colored, start=1):
        own = [point for point, group in zip(points, groups, strict=True) if group == name]
        _add_group(figure, own, html.escape(name), f"var(--series-{number})", scale)
    _write_names(figure, points)
    bare = {"showticklabels": False, "showgrid": False, "zeroline": False, "showline": False}
    figure.update_xaxes(title_text="t-SNE, first axis (no unit)", **bare)
    figure.update_yaxes(title_text="t-SNE, second axis (no unit)", **bare)
    shown = f"{len(points):,} of {n_photos:,} photos" if len(points) < n_photos else f"All {n_photos:,} photos"
    most = f"; the {len(colored)} with the most photos in color" if len(colored) < len(ranked) else ""
    return Chart(
        name="map",
        title=f"{shown} by similarity, colored by {'category' if by_category else 'product'}{most}",
        note="Photos with similar embeddings lie close together (t-SNE, seed 0). Neighbors mean something; the "
        "distance between far groups and the size of a group do not. A product's name stands below its photos where "
        "there is room. A click on a name in the key hides its photos.",
        figure=figure.to_dict(),
    )


def _most_frequent(names: Sequence[str]) -> list[str]:
    return [name for name, _ in sorted(Counter(names).items(), key=lambda item: (-item[1], item[0]))]


def _write_names(figure: Any, points: Sequence[MapPoint]) -> None:
    """Names of products below the middle of their photos, those with the most photos first, none over another."""
    x_unit = (max(p.x for p in points) - min(p.x for p in points)) / _MAP_PX[0] or 1.0
    y_unit = (max(p.y for p in points) - min(p.y for p in points)) / _MAP_PX[1] or 1.0
    written: list[tuple[float, float, float]] = []  # middle and half width, px
    for label in _most_frequent([point.label for point in points]):
        if len(written) == _N_NAMES:
            break
        own = [point for point in points if point.label == label]
        name = label if len(label) <= _NAME_LENGTH else label[: _NAME_LENGTH - 1] + "…"
        x, y = statistics.median(p.x for p in own), statistics.median_low(sorted(p.y for p in own)[: len(own) // 4 + 1])
        place = x / x_unit, y / y_unit, len(name) * _LETTER_PX / 2
        if all(_is_apart(place, other) for other in written):
            written.append(place)
            box = {
                "xanchor": "center",
                "yanchor": "top",
                "yshift": -6,
                "bgcolor": PAPER,
                "opacity": 0.8,
                "borderpad": 0,
            }
            font = {"size": _NAME_PX, "color": INK}
            figure.add_annotation(x=x, y=y, text=html.escape(name), showarrow=False, font=font, name="product", **box)


def _is_apart(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    return abs(one[0] - other[0]) > one[2] + other[2] or abs(one[1] - other[1]) > 1.4 * _NAME_PX


def _add_group(figure: Any, points: Sequence[MapPoint], name: str, color: str, scale: float) -> None:
    """One color: training photos small and pale, validation photos as diamonds, with a dark rim if named wrongly."""
    train = [point for point in points if not point.named]
    right = [point for point in points if point.named == point.label]
    wrong = [point for point in points if point.named not in {"", point.label}]
    _add_points(figure, train, color, {"symbol": "circle", "size": 5 * scale, "opacity": 0.55})
    _add_points(figure, right, color, {"symbol": "diamond", "size": 9 * scale, "line": _rim(PAPER, 1)})
    _add_points(figure, wrong, color, {"symbol": "diamond", "size": 11 * scale, "line": _rim(INK, 2 * scale)})
    key = {"color": color, "size": 10}  # a point that is nowhere: the key shows a plain dot
    rank = 1 + (color == SOFT)  # the others come last in the key
    figure.add_scatter(x=[None], y=[None], mode="markers", marker=key, name=name, legendgroup=color, legendrank=rank)


def _add_points(figure: Any, points: Sequence[MapPoint], color: str, look: dict[str, Any]) -> None:
    if points:
        figure.add_scatter(
            x=[point.x for point in points],
            y=[point.y for point in points],
            mode="markers",
            marker={"color": color, **look},
            text=[_told(point) for point in points],
            hovertemplate="%{text}<extra></extra>",
            legendgroup=color,
            showlegend=False,
        )


def _rim(color: str, width_px: float) -> dict[str, Any]:
    return {"color": color, "width": width_px}


def _told(point: MapPoint) -> str:
    what = f"<b>{html.escape(point.label)}</b><br>{html.escape(point.file)}"
    if not point.named:
        return f"{what}<br>training photo"
    named = "named rightly" if point.named == point.label else f"taken for {html.escape(point.named)}"
    return f"{what}<br>validation photo, {named}"


def few_shot_chart(points: Sequence[FewShotPoint], limits: str = "") -> Chart:
    """Recall over the number of reference photos a product, mean and spread of the draws.

    Args:
        points: One or more.
        limits: A sentence on what was left out, with a blank after it; "" for nothing.
    """
    shots = ["all" if point.n_photos is None else str(point.n_photos) for point in points]
    figure = empty_figure(420)
    gallery = [(point.gallery_mean, point.gallery_spread) for point in points]
    classifier = [(point.classifier_mean, point.classifier_spread) for point in points]
    _add_recall(figure, shots, gallery, "Gallery: most similar photo", ACCENT)
    _add_recall(figure, shots, classifier, "Linear classifier", WRONG)
    figure.update_xaxes(title_text="Reference photos a product (number)", type="category")
    figure.update_yaxes(title_text="Recall@1", ticksuffix="%")
    first, last = points[0], points[-1]
    return Chart(
        name="few-shot",
        title=_few_shot_title(first, last),
        note=f"{last.n_products:,} products, {last.n_queries:,} validation photos. {limits}Reference photos are drawn "
        f"from the training photos {len(first.gallery)} times; a bar is one standard deviation of the draws to "
        "either side. A product with fewer photos enters with all it has. The model has learned these very products "
        "and photos: products that it has never seen do less well.",
        figure=figure.to_dict(),
        heads=("Photos a product", "Gallery", "Spread", "Classifier", "Spread"),
        rows=tuple((s, *map(_percent, (*g, *c))) for s, g, c in zip(shots, gallery, classifier, strict=True)),
    )


def _add_recall(
    figure: Any, shots: Sequence[str], values: Sequence[tuple[float, float]], name: str, color: str
) -> None:
    spreads = percents(spread for _, spread in values)
    figure.add_scatter(
        x=shots,
        y=percents(mean for mean, _ in values),
        error_y={"type": "data", "array": spreads, "color": color, "thickness": 1.5, "width": 5},
        mode="lines+markers",
        name=name,
        line=line(color, 2),
        hovertemplate=name + "<br>%{x} a product: %{y:.1f}% ± %{error_y.array:.1f}<extra></extra>",
    )


def _few_shot_title(first: FewShotPoint, last: FewShotPoint) -> str:
    told = f"{_photos(first)} a product: {_percent(first.gallery_mean)} recognized by the gallery"
    return told if first is last else f"{told}; {_photos(last).lower()}: {_percent(last.gallery_mean)}"


def _photos(point: FewShotPoint) -> str:
    if point.n_photos is None:
        return "All photos"
    return "One photo" if point.n_photos == 1 else f"{point.n_photos} photos"


def reliability_chart(found: Calibration) -> Chart:
    """Accuracy of each bin of confidence beside the confidence itself, and how many photos the bin holds."""
    figure = empty_figure(540, (0.72, 0.28))
    _add_reliability(figure, [bin_ for bin_ in found.bins if bin_.n])
    _add_counts(figure, found.bins)
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(range=[0, 100], dtick=20, ticksuffix="%")
    figure.update_xaxes(title_text="Confidence of the classifier", row=2)
    figure.update_yaxes(title_text="Accuracy", range=[0, 100], ticksuffix="%", row=1)
    lead = 100 * (found.confidence - found.accuracy)
    return Chart(
        name="reliability",
        title=f"Confidence lies {abs(lead):.1f} points {'above' if lead > 0 else 'below'} accuracy on average; "
        f"expected calibration error {100 * found.ece:.1f} points",
        note=f"{len(found.bins)} bins of equal width (Guo et al., 2017), the number of validation photos in each "
        "below; bins with few photos say little. Training with label smoothing leaves a model less sure than it "
        "could be.",
        figure=figure.to_dict(),
        heads=("Confidence", "Photos", "Accuracy", "Mean confidence"),
        rows=tuple(
            (f"{100 * b.low:.1f} to {_percent(b.high)}", f"{b.n:,}", _percent(b.accuracy), _percent(b.confidence))
            for b in found.bins
        ),
    )


def _add_reliability(figure: Any, bins: Sequence[CalibrationBin]) -> None:
    accuracies = percents(bin_.accuracy or 0.0 for bin_ in bins)
    confidences = percents(bin_.confidence or 0.0 for bin_ in bins)
    place = {"x": [_middle(bin_) for bin_ in bins], "width": [_width(bin_) for bin_ in bins], "row": 1, "col": 1}
    told = [
        f"{accuracy:.1f}% right at {confidence:.1f}% confidence, {bin_.n:,} photos"
        for accuracy, confidence, bin_ in zip(accuracies, confidences, bins, strict=True)
    ]
    hover = "%{customdata}<extra></extra>"
    figure.add_bar(
        y=accuracies,
        customdata=told,
        hovertemplate=hover,
        name="Accuracy",
        marker={"color": ACCENT, "opacity": 0.45},
        **place,
    )
    figure.add_bar(
        y=[confidence - accuracy for accuracy, confidence in zip(accuracies, confidences, strict=True)],
        base=accuracies,
        name="Gap to the mean confidence",
        marker={
            "color": _CLEAR,
            "line": {"color": WRONG, "width": 1.5},
            "pattern": {"shape": "/", "fgcolor": WRONG, "bgcolor": _CLEAR, "size": 6, "solidity": 0.25},
        },
        hoverinfo="skip",
        **place,
    )
    figure.add_scatter(
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        line=line(INK, 1.5, "dash"),
        name="Confidence equals accuracy",
        hoverinfo="skip",
        row=1,
        col=1,
    )


def _add_counts(figure: Any, bins: Sequence[CalibrationBin]) -> None:
    figure.add_bar(
        x=[_middle(bin_) for bin_ in bins],
        y=[bin_.n for bin_ in bins],
        width=[_width(bin_) for bin_ in bins],
        text=[f"{bin_.n:,}" if bin_.n else "" for bin_ in bins],
        textposition="outside",
        cliponaxis=False,
        marker={"color": SOFT},
        hovertemplate="%{y:,} photos<extra></extra>",
        showlegend=False,
        row=2,
        col=1,
    )
    figure.update_yaxes(title_text="Photos", range=[0, 1.3 * max(bin_.n for bin_ in bins)], nticks=3, row=2)


def _middle(bin_: CalibrationBin) -> float:
    return 50 * (bin_.low + bin_.high)


def _width(bin_: CalibrationBin) -> float:
    return 94 * (bin_.high - bin_.low)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}%"
