"""What a measurement ran on: a number of seconds means nothing without it."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path

_LIBRARIES = ("facings", "numpy", "pillow", "onnxruntime")


def cpu_model() -> str:
    """The processor as it calls itself, else the kind of machine."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def library_versions() -> dict[str, str]:
    """Python and the libraries that make the numbers, those that are installed as packages."""
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # run from a source tree
            continue
    return versions
