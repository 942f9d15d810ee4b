"""What the bundled comparator learned from takes no part in what it is measured on."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]


def names_in(file: str, name: str) -> set[str]:
    """The strings in the value that a script gives to a name."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    (value,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == [name]
    ]
    return {node.value for node in ast.walk(value) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_the_cartons_that_were_learned_are_those_that_are_not_measured() -> None:
    learned = names_in("scripts/build_weights.py", "CARTONS_LEARNED")
    assert len(learned) == 19
    assert learned == names_in("benchmarks/authenticity.py", "CHOSEN_ON")
