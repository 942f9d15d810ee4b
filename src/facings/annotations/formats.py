"""Annotation files by their content: Pascal VOC, COCO, YOLO or SKU-110K."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args

from facings.annotations.coco import read_coco, write_coco
from facings.annotations.losses import Losses
from facings.annotations.photo_finder import PhotoFinder
from facings.annotations.sku110k import COLUMNS, read_sku110k, write_sku110k
from facings.annotations.values import AnnotatedPhoto, Annotations, is_plain_text
from facings.annotations.voc import read_voc, write_voc
from facings.annotations.yolo import LABELS, class_file, read_yolo, write_yolo
from facings.errors import BadInput, Problem

Format = Literal["voc", "coco", "yolo", "sku110k"]

_NAMING: dict[Format, Callable[[Sequence[AnnotatedPhoto], Path, Losses], None]] = {
    "voc": write_voc,
    "sku110k": write_sku110k,
}
_NUMBERING: dict[Format, Callable[[Sequence[AnnotatedPhoto], Path, Losses, Sequence[str] | None], None]] = {
    "coco": write_coco,
    "yolo": write_yolo,
}
_WANTED = (
    "Wanted a folder of Pascal VOC XML files, a folder of YOLO labels with classes.txt, a COCO JSON file, "
    f"or an SKU-110K CSV file ({','.join(COLUMNS)})."
)


def read_annotations(path: Path, *, photos: Path | None = None) -> Annotations:
    """Annotated photos from a file or folder in any of the four formats, told apart by what is in it.

    Bad entries, clipped boxes, and photos that are missing, of another size than said or annotated twice are problems;
    the rest is read. A broken JSON file is an error as a whole.

    Args:
        path: An XML, JSON or CSV file, or a folder.
        photos: The folder that photos are named from; None for the usual places in and beside the annotations.

    Raises:
        BadInput: It does not exist, is of none of the formats, or names no photo at all.
    """
    problems: list[Problem] = []
    reader = _folder_reader if path.is_dir() else _file_reader
    found = tuple(reader(path, photos, problems))
    if not found and not problems:
        raise BadInput(f"{path}: names no photo, wanted at least one.")
    return Annotations(found, tuple(problems))


def write_annotations(
    photos: Sequence[AnnotatedPhoto],
    path: Path,
    format: Format,  # noqa: A002
    *,
    labels: Sequence[str] | None = None,
) -> tuple[Problem, ...]:
    """Write annotated photos; the answer says what the format could not hold, kind by kind.

    Args:
        photos: At least one, each once.
        path: The file to write, or for "voc" and "yolo" the folder; an older file is replaced. In these two, files are
            laid out as the photos are below the folder that holds them all: read them back with that folder as
            `photos`, unless it is one of the usual places.
        format: "voc", "coco", "yolo" or "sku110k".
        labels: All classes in the order of their numbers, which COCO and YOLO have: give the same ones for training
            and validation photos. None numbers the classes of these photos by the order of their names.

    Raises:
        BadInput: No photos, one twice, an unknown format, a class that is not among the labels, a label twice, or the
            place cannot be written or holds labels already.
    """
    if format not in get_args(Format):
        raise BadInput(f"got format {format!r}, wanted one of {', '.join(get_args(Format))}.")
    real = {os.path.realpath(photo.path) for photo in photos}
    if not photos or len(real) < len(photos):
        raise BadInput(f"{path}: got {len(photos)} photos, {len(real)} different ones; wanted at least one, each once.")
    for photo in photos:
        if not all(map(is_plain_text, photo.path.parts)):
            raise BadInput(f"{str(photo.path)!r}: no file format can hold this name; wanted one line of UTF-8 text.")
    if labels is not None:
        _check_labels(labels, photos, path)
    losses = Losses()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if format in _NUMBERING:
            _NUMBERING[format](photos, path, losses, labels)
        else:
            _NAMING[format](photos, path, losses)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror or error}).") from error
    return losses.problems(str(path), format)


def _check_labels(labels: Sequence[str], photos: Sequence[AnnotatedPhoto], path: Path) -> None:
    if len(set(labels)) < len(labels) or not all(map(is_plain_text, labels)):
        raise BadInput(f"{path}: got labels {list(labels)}, wanted each once, one line of text.")
    missing = sorted({box.label for photo in photos for box in photo.boxes} - set(labels))
    if missing:
        raise BadInput(f"{path}: got boxes of class {missing[0]!r}, wanted one of the {len(labels)} labels.")


def _folder_reader(folder: Path, photos: Path | None, problems: list[Problem]) -> Iterator[AnnotatedPhoto]:
    xml_files = _files_below(folder, ".xml")
    if xml_files:
        return read_voc(xml_files, folder, PhotoFinder(folder, photos), problems)
    names = class_file(folder)
    labels = folder / LABELS if (folder / LABELS).is_dir() else folder
    paths = [path for path in _files_below(labels, ".txt") if path != names]
    if names is None or not paths:
        raise BadInput(f"{folder}: holds no annotations.", _WANTED)
    return read_yolo(paths, labels, names, PhotoFinder(labels, photos), problems)


def _file_reader(path: Path, photos: Path | None, problems: list[Problem]) -> Iterator[AnnotatedPhoto]:
    finder = PhotoFinder(path.parent, photos)
    begin = _begin_of(path)
    if begin.startswith("<"):
        return read_voc([path], path.parent, finder, problems)
    if begin.startswith(("{", "[")):
        return read_coco(path, finder, problems)
    if len(next(csv.reader(begin.splitlines()), [])) == len(COLUMNS):
        return read_sku110k(path, finder, problems)
    raise BadInput(f"{path}: none of the four formats.", _WANTED)


def _begin_of(path: Path) -> str:
    """The first characters of a file; what is not UTF-8 stays for the reader to refuse, or is XML of its own kind."""
    try:
        with path.open("rb") as file:
            data = file.read(4096)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or error}).") from error
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    return data.decode(encoding, errors="replace").lstrip()


def _files_below(folder: Path, suffix: str) -> list[Path]:
    """Files of this kind in and below a folder, sorted; hidden ones and hidden folders are left out."""
    found = []
    for directory, below, names in os.walk(folder, followlinks=False):
        below[:] = [name for name in below if not name.startswith(".")]
        found += [Path(directory, name) for name in names if name.lower().endswith(suffix) and name[0] != "."]
    return sorted(found)
