"""What the till of a shop tells beside units: since when and until when it speaks, and for how much things sell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from facings.apps.ledger import Event
from facings.apps.money import check_currency, from_minor
from facings.apps.places import Site
from facings.catalog import Product

_TILL_GAP = 5  # a till is believed silent, not idle, after so many times its usual pause


def told_time(events: Sequence[Event], end: datetime) -> tuple[datetime, datetime] | None:
    """From when until when the till of a shop tells of sales: its silence at the end may be a file not yet imported.

    Args:
        events: Of the shop, in order of time.
        end: Of the time asked for, aware.

    Returns:
        Both, aware; None where nothing was ever sold.
    """
    sold = [event.at for event in events if event.kind == "sold"]
    if not sold:
        return None
    pause = (sold[-1] - sold[0]) / max(1, len(sold) - 1)
    is_idle = end - sold[-1] <= _TILL_GAP * pause
    return sold[0], end if is_idle else sold[-1]


def price_of(product: Product, sales: Sequence[Event], clock: Site) -> tuple[Decimal | None, str]:
    """The catalog's price, or else what it last sold for, with its currency; one in another than the shop's is none."""
    sold = [event for event in sales if event.unit_price is not None]
    if product.price is not None and product.currency and product.currency == (clock.currency or product.currency):
        return product.price, check_currency(product.currency)
    if sold and sold[-1].currency == (clock.currency or sold[-1].currency):
        return from_minor(sold[-1].unit_price or 0, sold[-1].currency), sold[-1].currency
    return None, clock.currency
