"""What a measurement ran on: a number of seconds means nothing without it."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from facings.embed import Embedder

_LIBRARIES = ("facings", "numpy", "pillow", "onnxruntime")


@dataclass(frozen=True)
class RunFacts:
    """What the evaluation ran with.

    Args:
        model: Name on the model's card.
        space_id: Its embedding space.
        n_threads: Threads that decode.
        seconds: Wall time of all of it.
        photos_per_s: Photos read, decoded and embedded a second, both sides together.
        cpu: The processor.
        versions: Library → version.
        at: When it ended, aware UTC.
    """

    model: str
    space_id: str
    n_threads: int
    seconds: float
    photos_per_s: float
    cpu: str
    versions: dict[str, str]
    at: datetime

    def to_json(self) -> dict[str, Any]:
        """The facts by name."""
        return {
            **vars(self),
            "seconds": round(self.seconds, 2),
            "photos_per_s": round(self.photos_per_s, 1),
            "at": self.at.isoformat(timespec="seconds"),
        }


def run_facts(embedder: Embedder, *, n_threads: int, n_photos: int, started: float, embedded: float) -> RunFacts:
    """The facts of an evaluation that ends now.

    Args:
        embedder: The model.
        n_threads: Threads that decoded.
        n_photos: Photos embedded, both sides together.
        started: `time.perf_counter()` when it began.
        embedded: The same when the last photo was embedded.
    """
    return RunFacts(
        model=embedder.card.name,
        space_id=embedder.space_id,
        n_threads=n_threads,
        seconds=time.perf_counter() - started,
        photos_per_s=n_photos / (embedded - started),
        cpu=cpu_model(),
        versions=library_versions(),
        at=datetime.now(UTC),
    )


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


def code_commit() -> str:
    """The commit that this code is, with "+" if files were changed since; "" outside a git checkout."""
    told = []
    for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain", "--", "."]):
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=Path(__file__).parents[1],
                capture_output=True,
                text=True,
                check=True,
                timeout=10,
            )
        except (OSError, subprocess.SubprocessError):
            return ""
        told.append(done.stdout.strip())
    return told[0] + ("+" if told[1] else "")
