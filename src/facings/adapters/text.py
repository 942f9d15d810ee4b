"""Printed text by RapidOCR (Apache-2.0, models of PaddleOCR in its wheel), an optional dependency.

The bundled model knows Latin letters with accents, Greek without, Chinese and Japanese; it has no Cyrillic letter, and
reads those that look Latin as such. Another model reads others; what cannot be read is only missing, never wrong.
"""

from __future__ import annotations

import threading
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as PillowImage

from facings.errors import DependencyMissing
from facings.evidence import Corners, Pixels, TextLine

if TYPE_CHECKING:
    from rapidocr import RapidOCR

_SIDE_PX = 640  # what the longer side is brought to: small print needs the pixels, more only cost time
_MOST_ZOOM = 4.0
_NEEDED = ("rapidocr", "rapidfuzz")


def can_read_text() -> bool:
    """Whether the packages that reading text needs are installed."""
    return all(find_spec(name) is not None for name in _NEEDED)


class RapidOcrReader:
    """Reads text, see `evidence.TextReader`. Threads may share one; they read in turn.

    The models are loaded with the first crop.

    Args:
        n_threads: Threads of the networks.

    Raises:
        DependencyMissing: The extra `text` is not installed.
    """

    def __init__(self, *, n_threads: int = 1) -> None:
        if not can_read_text():
            raise DependencyMissing("Reading text needs RapidOCR.", "pip install 'facings[text]'")
        self._n_threads = n_threads
        self._lock = threading.Lock()

    def read(self, crop: Pixels) -> tuple[TextLine, ...]:
        """See `evidence.TextReader`."""
        height, width = crop.shape[:2]
        zoom = min(_SIDE_PX / max(height, width), _MOST_ZOOM)
        size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
        picture = PillowImage.fromarray(np.ascontiguousarray(crop)).resize(size, PillowImage.Resampling.BICUBIC)
        with self._lock:
            found: Any = self._engine(np.ascontiguousarray(np.asarray(picture)[:, :, ::-1]))  # it takes BGR
        if found.boxes is None or found.txts is None or found.scores is None:
            return ()
        lines = zip(found.boxes, found.txts, found.scores, strict=True)
        read = [TextLine(text, _box(corners / zoom), min(1.0, float(score))) for corners, text, score in lines]
        return tuple(sorted(read, key=lambda line: (line.box[1], line.box[0])))

    @cached_property
    def _engine(self) -> RapidOCR:
        import cv2
        from rapidocr import RapidOCR

        cv2.setNumThreads(self._n_threads)
        return RapidOCR(
            params={
                "Global.log_level": "critical",
                "EngineConfig.onnxruntime.intra_op_num_threads": self._n_threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                "Det.limit_type": "max",
                "Det.limit_side_len": _SIDE_PX,
            }
        )


def _box(corners: np.ndarray) -> Corners:
    (x1, y1), (x2, y2) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return (x1, y1, x2, y2)
