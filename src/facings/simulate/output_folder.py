"""A folder that a command fills as a whole: written beside its place, then put there; files of others stay safe."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facings.errors import BadInput


@contextmanager
def replaced_folder(target: Path, *, own_names: frozenset[str], mark: str, made_by: str) -> Iterator[Path]:
    """An empty folder to write into; when all went well it takes the target's place, else nothing is changed.

    Args:
        target: Made if missing; what was made here before is replaced as a whole.
        own_names: Every name at the top of such a folder.
        mark: The one of them that says who made it: JSON with `made_by`.
        made_by: What it must say.

    Raises:
        BadInput: The target is a file, or holds what was not made here; before anything is written.
    """
    _refuse_foreign_files(target, own_names, mark, made_by)
    partial = target.with_name(f".{target.name}.partial")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    try:
        yield partial
        _refuse_foreign_files(target, own_names, mark, made_by)  # minutes may have passed
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _refuse_foreign_files(target: Path, own_names: frozenset[str], mark: str, made_by: str) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise BadInput(f"{target}: got a file, wanted a directory to write into.")
    names = {entry.name for entry in target.iterdir()}
    if names and not (names <= own_names and _maker(target / mark) == made_by):
        raise BadInput(
            f"{target}: got a directory with other files, wanted an empty one or one made here before.",
            "Choose another directory.",
        )


def _maker(path: Path) -> object:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content.get("made_by") if isinstance(content, dict) else None
