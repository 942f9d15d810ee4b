"""What writers share: the names they give photos, and the account of what their format could not hold."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from facings.annotations.values import AnnotatedPhoto, LabelledBox
from facings.errors import BadInput, Problem


class Losses:
    """Counts of what was left out, by kind."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, kind: str) -> None:
        """One more box lost this ("attribute truncated")."""
        self._counts[kind] += 1

    def problems(self, where: str, format_name: str) -> tuple[Problem, ...]:
        """One problem a kind, saying of how many boxes it was lost."""
        return tuple(
            Problem(where, BadInput.code, f"{kind} was left out ({n} boxes): {format_name} cannot hold it.")
            for kind, n in self._counts.items()
        )


def plain_boxes(photo: AnnotatedPhoto, losses: Losses) -> list[LabelledBox]:
    """The boxes for a format that knows neither ignore flags nor attributes.

    Ignored boxes are left out: as ordinary ones they would be taught and asked for. Darknet's converter from VOC does
    the same with difficult ones (scripts/voc_label.py).
    """
    for box in photo.boxes:
        if box.is_ignored:
            losses.add("the ignored box itself")
        else:
            for name in box.attributes:
                losses.add(f"attribute {name}")
    return [box for box in photo.boxes if not box.is_ignored]


def name_from(folder: Path, photo: Path) -> str:
    """The path of a photo seen from a folder, with forward slashes."""
    return Path(os.path.relpath(photo.parent.resolve() / photo.name, folder.resolve())).as_posix()


def label_paths(photos: Sequence[AnnotatedPhoto], folder: Path, suffix: str) -> list[Path]:
    """For formats of one file a photo: the file of each, laid out below the folder as the photos are below theirs.

    Raises:
        BadInput: The folder holds something already, or two photos would share a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder}: holds files already, and old ones would be read with the new; wanted a new folder.")
    real = [photo.path.parent.resolve() / photo.path.name for photo in photos]
    root = os.path.commonpath([path.parent for path in real])
    paths = [(folder / path.relative_to(root)).with_suffix(suffix) for path in real]
    double = [path for path, n in Counter(paths).items() if n > 1]
    if double:
        raise BadInput(f"{double[0]}: two photos of one name but for their suffix would share it; rename one.")
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    return paths
