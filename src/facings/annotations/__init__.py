"""Boxes that others drew, as files hold them: to recognize in (`read_boxes`), to train and measure detectors on.

`read_annotations` and `write_annotations` know four formats; each has its module, which says what its numbers mean
and what it cannot hold. Inside there is one convention: pixels of the upright photo, right and bottom exclusive.
"""

from facings.annotations.formats import Format, read_annotations, write_annotations
from facings.annotations.given_boxes import BoxFile, read_boxes
from facings.annotations.values import AnnotatedPhoto, Annotations, LabelledBox

__all__ = [
    "AnnotatedPhoto",
    "Annotations",
    "BoxFile",
    "Format",
    "LabelledBox",
    "read_annotations",
    "read_boxes",
    "write_annotations",
]
