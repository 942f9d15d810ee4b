"""The report of a training as a page for people: how it went, what the model confuses, how far it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from plotly.offline import get_plotlyjs

from facings.page import render
from facings.train.assess import N_FEW_SHOT_PHOTOS, N_FEW_SHOT_PRODUCTS, Assessment, ConfusedPair
from facings.train.assessment_charts import few_shot_chart, map_chart, reliability_chart
from facings.train.charts import Chart
from facings.train.curves_chart import Epoch, best_epoch, curves_chart

N_PROBLEMS = 10
N_PRODUCTS = 50  # with the pictures' own limit (`assess.N_PICTURED`) this keeps the page readable with any number


def training_page(assessment: Assessment, epochs: Sequence[Epoch], facts: Mapping[str, str]) -> str:
    """One HTML file that needs nothing else: figures, charts with Plotly inside, mistakes with their pictures.

    The 12 most confused pairs and the 50 worst products are shown; `Assessment.to_json` has all.

    Args:
        assessment: From `assess`.
        epochs: In order; none where nothing was trained by gradients.
        facts: Name → value of what else is worth knowing, in the order to show: machine, settings, versions.
    """
    charts = _charts(assessment, epochs)
    return render(
        "training.html.j2",
        a=assessment,
        best=best_epoch(epochs) if epochs else None,
        n_epochs=len(epochs),
        minutes=epochs[-1].seconds / 60 if epochs else 0.0,
        facts=facts,
        charts={chart.name: chart for chart in charts},
        figures={chart.name: chart.figure for chart in charts},
        pairs=[(pair, _pictures(pair)) for pair in assessment.pairs if pair.pictures],
        products=assessment.products[:N_PRODUCTS],
        problems=assessment.problems[:N_PROBLEMS],
        mean_recall=sum(product.classifier.value for product in assessment.products) / len(assessment.products),
        plotly_js=get_plotlyjs(),
    )


def _charts(assessment: Assessment, epochs: Sequence[Epoch]) -> list[Chart]:
    n_photos = assessment.n_train + assessment.n_val
    most = f"At most {N_FEW_SHOT_PRODUCTS} products and {N_FEW_SHOT_PHOTOS} photos of each take part. "
    charts = [
        *([curves_chart(epochs)] if epochs else []),
        few_shot_chart(assessment.few_shot, most if assessment.is_few_shot_capped else ""),
        reliability_chart(assessment.calibration),
    ]
    return [*charts, map_chart(assessment.points, n_photos)] if assessment.points else charts


def _pictures(pair: ConfusedPair) -> list[tuple[str, str, str, str, str]]:
    """Data URI, role, product, CSS class and file name of each picture of a pair."""
    roles = ("Validation", pair.label, ""), ("Taken for", pair.named, "is-wrong"), ("Right", pair.label, "is-right")
    return [
        (uri, role, label, kind, PurePath(path).name)
        for uri, (role, label, kind), path in zip(pair.pictures, roles, pair.photos, strict=True)
    ]
