"""The learning curves of a training's report."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Protocol

from facings.train.charts import ACCENT, INK, SOFT, WRONG, Chart, empty_figure, line, percents

_MAX_MARKS = 8  # changes that are written into the chart; more would cover each other, and stand in the table
_NEAR_FRAC = 0.24  # of the width: a mark this close to the one before is written on the other line


class Epoch(Protocol):
    """What the curves need of `facings.train.fit.EpochResult`, where each is explained."""

    @property
    def epoch(self) -> int: ...
    @property
    def size_px(self) -> int: ...
    @property
    def loss(self) -> float: ...
    @property
    def train_accuracy(self) -> float: ...
    @property
    def val_accuracy(self) -> float: ...
    @property
    def val_category_accuracy(self) -> float | None: ...
    @property
    def seconds(self) -> float: ...
    @property
    def lr(self) -> float: ...
    @property
    def n_frozen_stages(self) -> int: ...


def best_epoch(epochs: Sequence[Epoch]) -> Epoch:
    """The epoch whose weights are kept: the last of those with the highest validation accuracy."""
    return max(epochs, key=lambda epoch: (epoch.val_accuracy, epoch.epoch))


def curves_chart(epochs: Sequence[Epoch]) -> Chart:
    """Accuracy, loss and learning rate over minutes of training.

    Args:
        epochs: In order, one or more.
    """
    best = best_epoch(epochs)
    figure = empty_figure(660, (0.52, 0.24, 0.24))
    _add_accuracies(figure, epochs, best)
    _add(figure, epochs, 2, "Loss", [epoch.loss for epoch in epochs], line(INK, 1.5), showlegend=False)
    _add(figure, epochs, 3, "Learning rate", [epoch.lr for epoch in epochs], line(INK, 1.5), showlegend=False)
    _mark_changes(figure, epochs)
    figure.update_layout(margin_t=84)
    figure.update_xaxes(range=[0, 1.03 * epochs[-1].seconds / 60])
    figure.update_xaxes(title_text="Training time, minutes (each dot ends an epoch)", row=3)
    figure.update_yaxes(title_text="Accuracy", ticksuffix="%", row=1)
    figure.update_yaxes(title_text="Loss", rangemode="tozero", nticks=5, row=2)
    figure.update_yaxes(title_text="Learning rate", rangemode="tozero", exponentformat="power", nticks=3, row=3)
    return Chart(
        name="curves",
        title=_title(epochs, best),
        note="Dotted lines mark where the picture size or the number of frozen stages changes. Training photos are "
        "augmented and scored while the model learns, so their accuracy may lie below that of the validation photos. "
        "The learning rate is that of the trunk's last stage at the end of an epoch. The curves tell of the head that "
        "learns along; the figures at the top tell of the finished model, whose embedding and classifier are computed "
        "from the photos after the last epoch.",
        figure=figure.to_dict(),
        heads=("Epoch", "Minutes", "Picture", "Frozen stages", "Learning rate", "Loss", "Training", "Validation"),
        rows=tuple(_row(epoch) for epoch in epochs),
    )


def _add_accuracies(figure: Any, epochs: Sequence[Epoch], best: Epoch) -> None:
    train = percents(epoch.train_accuracy for epoch in epochs)
    categories = [e.val_category_accuracy for e in epochs if e.val_category_accuracy is not None]
    _add(figure, epochs, 1, "Validation", percents(e.val_accuracy for e in epochs), line(ACCENT, 2.5))
    if len(categories) == len(epochs):
        _add(figure, epochs, 1, "Validation, category", percents(categories), line(ACCENT, 1.5, "dot"))
    _add(figure, epochs, 1, "Training", train, line(WRONG, 1.5))
    figure.add_scatter(
        x=[best.seconds / 60],
        y=[100 * best.val_accuracy],
        mode="markers",
        name=f"Kept: epoch {best.epoch}",
        marker={"symbol": "circle-open", "size": 15, "color": ACCENT, "line": {"width": 2}},
        hoverinfo="skip",
        row=1,
        col=1,
    )


def _add(
    figure: Any,
    epochs: Sequence[Epoch],
    row: int,
    name: str,
    values: Sequence[float],
    look: dict[str, Any],
    *,
    showlegend: bool = True,
) -> None:
    unit = "%" if row == 1 else ""
    figure.add_scatter(
        x=[epoch.seconds / 60 for epoch in epochs],
        y=values,
        mode="lines+markers",
        name=name,
        line=look,
        text=[f"{name}, epoch {e.epoch}: {value:.4g}{unit}" for e, value in zip(epochs, values, strict=True)],
        hovertemplate="%{text}<br>%{x:.1f} minutes<extra></extra>",
        showlegend=showlegend,
        row=row,
        col=1,
    )


def _mark_changes(figure: Any, epochs: Sequence[Epoch]) -> None:
    """A line where picture size or frozen stages change, with what they change to."""
    marks = [(0.0, f"{epochs[0].size_px} px, {frozen_in_words(epochs[0].n_frozen_stages)}")]
    for before, epoch in pairwise(epochs):
        changed = [f"{epoch.size_px} px"] if epoch.size_px != before.size_px else []
        changed += [frozen_in_words(epoch.n_frozen_stages)] if epoch.n_frozen_stages != before.n_frozen_stages else []
        if changed:
            marks.append((before.seconds / 60, ", ".join(changed)))
    near = _NEAR_FRAC * epochs[-1].seconds / 60
    level, last = 0, -near
    for minute, text in marks:
        level, last = (1 - level if minute - last < near else 0), minute
        if minute:
            figure.add_vline(minute, line=line(SOFT, 1, "dot"))
        if len(marks) <= _MAX_MARKS:
            place = {"x": minute, "y": 1, "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
            figure.add_annotation(text=text, showarrow=False, yshift=2 + 16 * level, font={"size": 12}, **place)


def frozen_in_words(number: int) -> str:
    """How many stages are frozen."""
    return f"{number} {'stage' if number == 1 else 'stages'} frozen" if number else "all stages learn"


def _title(epochs: Sequence[Epoch], best: Epoch) -> str:
    if len(epochs) == 1:
        return f"Validation accuracy after the only epoch: {100 * best.val_accuracy:.1f}%"
    first = f"{100 * epochs[0].val_accuracy:.1f}% after the first epoch"
    return f"Validation accuracy: {first}, {100 * best.val_accuracy:.1f}% after epoch {best.epoch}, which is kept"


def _row(epoch: Epoch) -> tuple[str, ...]:
    return (
        str(epoch.epoch),
        f"{epoch.seconds / 60:.1f}",
        f"{epoch.size_px} px",
        str(epoch.n_frozen_stages),
        f"{epoch.lr:.2g}",
        f"{epoch.loss:.3f}",
        f"{100 * epoch.train_accuracy:.1f}%",
        f"{100 * epoch.val_accuracy:.1f}%",
    )
