"""Pascal VOC: one XML file a photo (http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf).

The first pixel has the coordinates 1, 1, and `xmax`, `ymax` are the last pixels that belong to the box: 1 to 224 is
all of a photo 224 px wide. So left = xmin − 1 and right = xmax (Detectron2 reads it so too, data/datasets/
pascal_voc.py). Fractions are kept.

Ignored are `difficult` objects, which VOC's evaluation neither rewards nor punishes. Every other plain element of an
object (`truncated`, `pose`, …) is an attribute, whose value is text when it comes back: XML has no numbers. Not kept
in reading: elements with elements inside (`part`, `actions`). Not held in writing: attributes whose name is no XML
name or whose value is neither a number nor one line of text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn
from xml.etree import ElementTree

from facings.annotations.corners import clip, number_text, read_boxes_of_photo, to_corners
from facings.annotations.losses import Losses, label_paths
from facings.annotations.photo_finder import FoundPhoto, PhotoFinder, said_size
from facings.annotations.values import AnnotatedPhoto, LabelledBox, is_plain_text
from facings.errors import BadInput, Problem

_OWN_ELEMENTS = frozenset({"name", "difficult", "bndbox"})
_ELEMENT_NAME = re.compile(r"(?!xml)[A-Za-z_][A-Za-z0-9_.-]*", re.IGNORECASE)
_SIDES = ("xmin", "ymin", "xmax", "ymax")


def read_voc(
    paths: Sequence[Path], folder: Path, finder: PhotoFinder, problems: list[Problem]
) -> Iterator[AnnotatedPhoto]:
    """The photos of VOC files, each with its boxes; a file that is broken or without its photo is a problem.

    Args:
        paths: The XML files.
        folder: What they lie below; photos may be laid out in the same way.
        finder: Finds them.
        problems: Gets what was wrong.
    """
    for path in paths:
        try:
            root = _parse(path)
            size = said_size(root.findtext("size/width"), root.findtext("size/height"))
            photo = finder.find(_names(root, path.relative_to(folder)), size)
        except BadInput as error:
            problems.append(Problem(str(path), error.code, str(error)))
            continue
        entries = ((f"{path}: object {n}", entry) for n, entry in enumerate(root.findall("object"), start=1))
        boxes = read_boxes_of_photo(entries, partial(_box, photo=photo), problems)
        yield AnnotatedPhoto(photo.path, photo.width, photo.height, boxes)


def write_voc(photos: Sequence[AnnotatedPhoto], folder: Path, losses: Losses) -> None:
    """One XML file a photo in a new folder.

    Raises:
        BadInput: The folder is not empty, or two photos differ by their suffix alone.
    """
    for photo, path in zip(photos, label_paths(photos, folder, ".xml"), strict=True):
        root = ElementTree.Element("annotation")
        _add(root, "folder", photo.path.parent.name)
        _add(root, "filename", photo.path.name)
        size = ElementTree.SubElement(root, "size")
        for name, value in (("width", photo.width), ("height", photo.height), ("depth", 3)):
            _add(size, name, str(value))
        for box in photo.boxes:
            _add_object(root, box, losses)
        ElementTree.indent(root)
        ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


class _NoDoctype(ElementTree.TreeBuilder):
    """Entities can only be declared in a document type, which annotations never need: without one, none expands."""

    def doctype(self, *_: str | None) -> NoReturn:
        raise BadInput("got XML with a document type (DOCTYPE), which may hide entities; wanted plain elements.")


def _parse(path: Path) -> ElementTree.Element:
    try:
        root = ElementTree.fromstring(path.read_bytes(), ElementTree.XMLParser(target=_NoDoctype()))
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror or error}).") from error
    except ElementTree.ParseError as error:
        raise BadInput(f"broken XML in line {error.position[0]} ({error}).") from error
    except (ValueError, LookupError) as error:  # an encoding that the parser does not know
        raise BadInput(f"cannot be read as XML ({error}).") from error
    if root.tag != "annotation":
        raise BadInput(f"got XML of {root.tag!r}, wanted 'annotation' as Pascal VOC has it.")
    return root


def _names(root: ElementTree.Element, below: Path) -> list[str]:
    """What the photo may be called: as the file says it, in a folder laid out alike or of its own; else as the file."""
    stem = (below.parent / below.stem).as_posix()
    said = (root.findtext("filename") or "").strip()
    if not said:
        return [stem, below.stem]
    folder = (root.findtext("folder") or "").strip()
    return [*dict.fromkeys([(below.parent / said).as_posix(), f"{folder}/{said}" if folder else said, said, stem])]


def _box(entry: ElementTree.Element, *, photo: FoundPhoto) -> tuple[LabelledBox, str]:
    said = [(entry.findtext(f"bndbox/{side}") or "").strip() for side in _SIDES]
    try:
        x_min, y_min, x_max, y_max = map(float, said)
    except ValueError as error:
        raise BadInput(f"got bndbox {said}, wanted the numbers xmin, ymin, xmax, ymax.") from error
    xyxy, remark = clip(to_corners([x_min - 1, y_min - 1, x_max, y_max]), photo.width, photo.height)
    flag = (entry.findtext("difficult") or "0").strip()
    if flag not in {"0", "1"}:
        raise BadInput(f"got difficult {flag!r}, wanted 0 or 1.")
    plain = [child for child in entry if child.tag not in _OWN_ELEMENTS and len(child) == 0]
    attributes = {child.tag: (child.text or "").strip() for child in plain}
    label = (entry.findtext("name") or "").strip()
    return LabelledBox(xyxy, label, flag == "1", attributes), remark and f"{remark} VOC counts pixels from 1."


def _add_object(root: ElementTree.Element, box: LabelledBox, losses: Losses) -> None:
    entry = ElementTree.SubElement(root, "object")
    _add(entry, "name", box.label)
    for name, value in box.attributes.items():
        text = _text(value)
        if text is None or name in _OWN_ELEMENTS or not _ELEMENT_NAME.fullmatch(name):
            losses.add(f"attribute {name}")
        else:
            _add(entry, name, text)
    _add(entry, "difficult", str(int(box.is_ignored)))
    sides = ElementTree.SubElement(entry, "bndbox")
    x1, y1, x2, y2 = box.xyxy
    for side, value in zip(_SIDES, (x1 + 1, y1 + 1, x2, y2), strict=True):
        _add(sides, side, number_text(value))


def _text(value: Any) -> str | None:
    """An attribute's value as an element holds it; None where none can."""
    if isinstance(value, str):
        return value if value == "" or is_plain_text(value) else None
    if isinstance(value, bool | int):
        return str(int(value))
    return number_text(value) if isinstance(value, float) and math.isfinite(value) else None


def _add(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = text
