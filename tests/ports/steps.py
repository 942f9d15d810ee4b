"""How many random steps a suite takes: few each time, ten thousand with `THOROUGH=1 pytest tests/ports`."""

from __future__ import annotations

import os

from hypothesis import settings

N_THOROUGH = 10_000


def steps(n_examples: int, n_steps: int) -> settings:
    """Settings for so many runs of so many steps, or for ten thousand steps in all."""
    if os.environ.get("THOROUGH"):
        n_examples = -(-N_THOROUGH // n_steps)
    return settings(
        max_examples=n_examples, stateful_step_count=n_steps, deadline=None, derandomize=True, database=None
    )
