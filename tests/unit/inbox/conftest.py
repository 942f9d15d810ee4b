"""What tests of the inbox share."""

from __future__ import annotations

from pathlib import Path

import pytest

from facings.adapters.sql_store import SqlStore
from unknown_shop import MILK, TEA, Shop


@pytest.fixture
def shop(store: SqlStore, tmp_path: Path) -> Shop:
    """A shop that knows milk and tea."""
    opened = Shop(store, tmp_path)
    opened.enroll(milk=MILK, tea=TEA)
    return opened
