"""The check of a shelf against its plan as a page for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from facings.apps.planogram_picture import COLORS, draw_differences
from facings.apps.planogram_share import Share, shares
from facings.apps.planogram_todo import tasks
from facings.apps.planogram_verdicts import Compliance
from facings.catalog import Product
from facings.page import render, thumbnail
from facings.types import UInt8Array

PICTURE_SIDE_PX = 1600
N_SHARES = 12  # lines of a table of shares


def planogram_page(
    compliance: Compliance, products: Mapping[str, Product], pixels: UInt8Array | None, made_at: datetime
) -> str:
    """One HTML file that needs nothing else.

    Args:
        compliance: What came of the check.
        products: The catalog by SKU.
        pixels: uint8 (H, W, 3) RGB, the photo; None when there is none to show.
        made_at: When the page was made, aware UTC.
    """
    by_brand = shares(compliance, products, lambda product: product.brand)
    by_category = shares(compliance, products, lambda product: product.category)
    return render(
        "planogram.html.j2",
        compliance=compliance,
        tasks=tasks(compliance),
        names={sku: product.name for sku, product in products.items() if product.name},
        picture="" if pixels is None else thumbnail(draw_differences(pixels, compliance), PICTURE_SIDE_PX),
        colors={kind: "#{:02x}{:02x}{:02x}".format(*color) for kind, color in COLORS.items()},
        shares=[("Brand", _shown(by_brand)), ("Category", _shown(by_category))],
        n_hidden=max(0, len(by_brand) - N_SHARES) + max(0, len(by_category) - N_SHARES),
        made_at=made_at,
    )


def _shown(several: tuple[Share, ...]) -> tuple[Share, ...]:
    return several[:N_SHARES]
