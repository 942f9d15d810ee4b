"""Who may import whom: from values and errors inward to the command line outward, and torch only in training."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "facings"

# Each ring may import itself and the rings before it.
RINGS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "progress", "whole_file"}),
    frozenset({"types", "quality", "evidence", "gtin", "model_card"}),
    frozenset(
        {
            "images",
            "tiles",
            "merge_boxes",
            "looks",
            "detect",
            "crop",
            "embed",
            "far_view",
            "match",
            "decide",
            "calibrate",
            "conformal",
            "likeness",
            "catalog",
            "csv_table",
            "net_content",
            "printed_words",
            "near_duplicates",
            "catalog_doubles",
            "cells",
            "twin_verifier",
        }
    ),
    frozenset(
        {
            "manifest",
            "annotations",
            "coach",
            "kept_index",
            "kept_calibration",
            "gallery",
            "record",
            "annotate",
            "page",
        }
    ),
    frozenset(
        {
            "enroll",
            "verify",
            "reembed",
            "reembed_gates",
            "gallery_copy",
            "replay",
            "report",
            "pipeline",
            "shelf_rows",
            "scale",
            "weigh",
            "twins",
            "twin_check",
            "twin_desk",
            "twin_page",
            "second_look",
            "evaluate",
            "simulate",
            "train",
            "public_data",
            "apps",
            "inbox",
        }
    ),
    frozenset({"adapters", "settings", "terminal"}),
    frozenset({"networks", "parts", "compose"}),
    frozenset({"doctor", "demo"}),
    frozenset({"cli"}),
)
OUTSIDE_LIBRARIES = {
    "torch": {"train"},
    "torchvision": {"train"},
    "onnx": {"train"},
    "onnxscript": {"train"},
    "safetensors": {"train"},
    "timm": {"train"},
    "accelerate": {"train"},
    "huggingface_hub": {"train"},
    "plotly": {"train"},
    "sklearn": {"train"},
    "pytorch_metric_learning": {"train"},
    "onnxruntime": {"adapters", "train"},
    "faster_coco_eval": {"evaluate"},
    "sqlalchemy": {"adapters"},
    "alembic": {"adapters"},
    "faiss": {"adapters"},
    "typer": {"cli"},
    "rich": {"terminal"},
    "jinja2": {"page"},
    "pydantic": {"settings"},
    "pydantic_settings": {"settings"},
    "pyarrow": {"adapters"},
    "statsforecast": {"adapters"},
    "zxingcpp": {"adapters"},
    "rapidocr": {"adapters"},
    "cv2": {"adapters"},
    "rapidfuzz": {"printed_words", "apps"},
}
MODULES = sorted(path for path in SOURCE.rglob("*.py"))


def ring_of(part: str) -> int:
    """Number of the ring that a module or package belongs to."""
    return next(number for number, ring in enumerate(RINGS) if part in ring)


def imports_of(path: Path) -> set[str]:
    """Full dotted names of everything a file imports, also inside functions; not what only type checkers see."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unseen = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            found |= {f"{module}.{name.name}" for name in node.names} if module == "facings" else {module}
    return found


def part_of(path: Path) -> str:
    """The top-level module or package of a file."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_inward(path: Path) -> None:
    part = part_of(path)
    if part == "__init__":
        return
    for name in imports_of(path):
        pieces = name.split(".")
        if pieces[0] == "facings" and len(pieces) > 1 and pieces[1] not in {part, "__version__"}:
            assert ring_of(pieces[1]) <= ring_of(part), f"{part} imports {pieces[1]}, which lies further out"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_outside_libraries_stay_in_their_place(path: Path) -> None:
    for name in imports_of(path):
        places = OUTSIDE_LIBRARIES.get(name.split(".")[0])
        assert places is None or part_of(path) in places, f"{path.name} imports {name}"


def test_adapters_are_known_only_at_the_edge() -> None:
    knowing = {part_of(path) for path in MODULES for name in imports_of(path) if name.startswith("facings.adapters")}
    assert knowing <= {"adapters", "networks", "parts", "compose", "cli"}


def test_no_cycles() -> None:
    graph: dict[str, set[str]] = {}
    for path in MODULES:
        module = "facings." + ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        graph[module] = {name for name in imports_of(path) if name.startswith("facings.")}
    visited: set[str] = set()

    def walk(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " → ".join((*trail, module))
        if module not in visited:
            for other in graph.get(module, ()):
                walk(other, (*trail, module))
            visited.add(module)

    for module in graph:
        walk(module, ())


def test_there_is_no_drawer_for_leftovers() -> None:
    assert not {path.stem for path in MODULES} & {"utils", "util", "common", "helpers", "misc", "tools"}


def test_runtime_never_imports_torch() -> None:
    script = (
        "import sys;"
        "absent = ('torch', 'torchvision', 'onnx', 'safetensors', 'timm', 'sklearn', 'plotly', 'accelerate');"
        "sys.modules.update(dict.fromkeys(absent));"
        "import facings.cli, facings.compose, facings.doctor, facings.demo, facings.evaluate.run"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_nothing_unpickles() -> None:
    for path in MODULES:
        assert not imports_of(path) & {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal"}, path
