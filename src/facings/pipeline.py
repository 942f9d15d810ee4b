"""The whole path on one screen: a photo becomes lines of the record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from facings.crop import crop
from facings.decide import Limits, decide
from facings.detect import Detector
from facings.embed import Embedder, embed
from facings.errors import FacingsError
from facings.gallery import Gallery, GalleryStore
from facings.images import decode, read_bytes
from facings.match import match
from facings.record import ReadingStore, record
from facings.types import Crops, Decision, Detections, PhotoError, PhotoResult, Recognition


class RecordStore(GalleryStore, ReadingStore, Protocol):
    """Where photos are kept and readings appended."""


@dataclass(frozen=True)
class Pipeline:
    """The parts of the path, put together by `compose`.

    Args:
        detector: Step 2.
        embedder: Step 4.
        gallery: What step 5 searches.
        limits: What step 6 accepts.
        store: Where step 7 writes; None to look without recording.
        place: Where the photos were taken, for the record.
        top_k: Candidates a crop.
        min_crop_px: The shortest side of a crop that is recognized.
        max_megapixels: Larger photos are refused.
    """

    detector: Detector
    embedder: Embedder
    gallery: Gallery
    limits: Limits
    store: RecordStore | None
    place: str
    top_k: int
    min_crop_px: int
    max_megapixels: float

    def recognize_photo(self, path: Path) -> PhotoResult:
        """Photo in, recognitions out, in the order of the path.

        Raises:
            FacingsError: The photo cannot be used, the gallery is empty or of another model, or the store failed.
        """
        data = read_bytes(path)
        image = decode(data, source=str(path), max_megapixels=self.max_megapixels)
        detections = self.detector.detect(image)
        crops = crop(image, detections, min_side_px=self.min_crop_px)
        queries = embed(crops.pixels, self.embedder)
        with self.gallery.current() as gallery:
            candidates = match(queries, gallery.index, gallery.sku_of, k=max(2, self.top_k))
        decisions = [decide(several, self.limits) for several in candidates]
        result = PhotoResult(
            photo=str(path),
            width=image.width,
            height=image.height,
            recognitions=self._recognitions(detections, crops, decisions),
            photo_id=image.photo_id,
            taken_at=image.taken_at,
            notes=image.notes + self._notes(detections, crops),
        )
        if self.store is not None:
            self.store.put_photo(image.photo_id, data)
            record(
                self.store,
                result,
                place=self.place,
                detector=self.detector.name,
                space_id=queries.space_id,
                gallery_version=gallery.version,
            )
        return result

    def recognize(self, paths: Iterable[Path]) -> Iterator[PhotoResult]:
        """One result a photo, as each is done. A photo that fails gives a result that says why; the rest goes on.

        Raises:
            GalleryInvalid: The gallery is empty, so no photo could be recognized.
            ModelMismatch: The gallery was made by another model.
        """
        with self.gallery.current():
            pass  # an empty gallery is said once, not for each photo
        for path in paths:
            try:
                yield self.recognize_photo(path)
            except FacingsError as error:
                yield PhotoResult(str(path), 0, 0, (), PhotoError(error.code, str(error)))

    def _recognitions(self, detections: Detections, crops: Crops, decisions: list[Decision]) -> tuple[Recognition, ...]:
        """One a box, in the order of the boxes; a box too small to crop is unknown and says so."""
        decided = dict(zip(crops.detection_index.tolist(), decisions, strict=True))
        too_small = Decision("unknown", None, (), (f"too small: a side under {self.min_crop_px} px",))
        return tuple(
            Recognition((x1, y1, x2, y2), confidence, self._shown(decided.get(row, too_small)))
            for row, ((x1, y1, x2, y2), confidence) in enumerate(
                zip(detections.xyxy.tolist(), detections.confidence.tolist(), strict=True)
            )
        )

    def _shown(self, decision: Decision) -> Decision:
        """The decision with `top_k` candidates; it was made on two at least."""
        return replace(decision, candidates=decision.candidates[: self.top_k])

    def _notes(self, detections: Detections, crops: Crops) -> tuple[str, ...]:
        notes = []
        if detections.is_capped:
            notes.append(f"the detector reached its ceiling of {len(detections)} products; there may be more")
        if len(crops) < crops.n_detections:
            notes.append(f"boxes too small to be recognized: {crops.n_detections - len(crops)}")
        return tuple(notes)
