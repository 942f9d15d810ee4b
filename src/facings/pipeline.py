"""The whole path on one screen: a photo becomes lines of the record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Protocol

from facings.coach import judge, judge_facings
from facings.crop import crop
from facings.decide import N_COMPARED, Promise, decide
from facings.detect import Detector, GivenBoxes, WholePhoto
from facings.embed import Embedder, embed
from facings.errors import FacingsError, PhotoRefused
from facings.gallery import Gallery, GalleryStore
from facings.images import decode, read_bytes
from facings.kept_calibration import KeptCalibration
from facings.match import match
from facings.quality import PhotoQuality
from facings.record import ReadingStore, record
from facings.second_look import SecondLook
from facings.types import Crops, Decision, Detections, Image, PhotoDetections, PhotoError, PhotoResult, Recognition


class RecordStore(GalleryStore, ReadingStore, Protocol):
    """Where photos are kept and readings appended."""


@dataclass(frozen=True, eq=False)
class Found:
    """What the first two steps made of a photo."""

    image: Image
    quality: PhotoQuality
    detections: Detections
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Finder:
    """Steps 1 and 2, with the photo coach between and after them; all that detection without recognition needs.

    Args:
        detector: Step 2.
        max_megapixels: Larger photos are refused.
        refuses_bad_photos: Whether a photo that the coach finds fault with is refused.
        zone: Whose clock the camera shows where it does not say.
    """

    detector: Detector
    max_megapixels: float
    refuses_bad_photos: bool = False
    zone: tzinfo = UTC

    def find(self, data: bytes, source: str) -> Found:
        """The bytes of a photo in, boxes of its products out.

        Raises:
            BadImage: The photo cannot be decoded.
            PhotoRefused: It is too poor, and such photos are refused.
            BadInput: The detector cannot say anything about it.
        """
        image = decode(data, source=source, max_megapixels=self.max_megapixels, zone=self.zone)
        quality = self._checked(judge(image), source)
        detections = self.detector.detect(image)
        if not isinstance(self.detector, WholePhoto):  # whose box is no facing
            quality = self._checked(judge_facings(quality, detections.xyxy), source)
        return Found(image, quality, detections, image.notes + detections.notes + self._notes(detections))

    def detect(self, paths: Iterable[Path]) -> Iterator[PhotoDetections]:
        """One answer a photo, as each is done. A photo that fails gives one that says why; the rest goes on."""
        for path in paths:
            try:
                found = self.find(read_bytes(path), str(path))
            except FacingsError as error:
                yield PhotoDetections(str(path), 0, 0, error=PhotoError(error.code, str(error)))
            else:
                yield PhotoDetections(
                    photo=str(path),
                    width=found.image.width,
                    height=found.image.height,
                    detections=found.detections,
                    photo_id=found.image.photo_id,
                    notes=found.notes,
                    quality=found.quality,
                )

    def _checked(self, quality: PhotoQuality, source: str) -> PhotoQuality:
        """The same, if it is good enough."""
        if self.refuses_bad_photos and quality.advice:
            measured = "; ".join(advice.measured for advice in quality.advice)
            words = " ".join(advice.words for advice in quality.advice)
            raise PhotoRefused(f"{source}: too poor a photo: {measured}.", f"{words} Then take it again.")
        return quality

    def _notes(self, detections: Detections) -> tuple[str, ...]:
        if detections.is_capped:
            return (f"the detector reached its ceiling of {len(detections)} products; there may be more",)
        if len(detections) or isinstance(self.detector, GivenBoxes):  # somebody looked, and said that there is nothing
            return ()
        return (f"no product was found; for photos of one product each: --detector {WholePhoto.name}",)


@dataclass(frozen=True)
class Pipeline:
    """The parts of the path, put together by `compose`.

    Args:
        finder: Steps 1 and 2.
        embedder: Step 4.
        gallery: What step 5 searches.
        calibration: What step 6 knows of that gallery.
        promise: What step 6 is asked for.
        store: Where step 7 writes; None to look without recording.
        place: Where the photos were taken, for the record.
        top_k: Candidates a crop.
        min_crop_px: The shortest side of a crop that is recognized.
        second_look: What looks for more evidence where the picture does not decide; None for the picture alone.
    """

    finder: Finder
    embedder: Embedder
    gallery: Gallery
    calibration: KeptCalibration
    promise: Promise
    store: RecordStore | None
    place: str
    top_k: int
    min_crop_px: int
    second_look: SecondLook | None = None

    def recognize_photo(self, path: Path) -> PhotoResult:
        """Photo in, recognitions out, in the order of the path.

        Raises:
            FacingsError: The photo cannot be used, the gallery is empty or of another model, or the store failed.
        """
        data = read_bytes(path)
        found = self.finder.find(data, str(path))
        crops = crop(found.image, found.detections, min_side_px=self.min_crop_px)
        queries = embed(crops.pixels, self.embedder)
        with self.gallery.current() as gallery:
            candidates = match(queries, gallery.index, gallery.sku_of, k=max(N_COMPARED, self.top_k))
        calibration = self.calibration.at(gallery.version)
        decisions = decide(queries.rows, candidates, calibration, self.promise)
        recognitions = self._recognitions(found.detections, crops, decisions)
        if self.second_look is not None:
            recognitions = self.second_look.look(found.image, recognitions)
        result = PhotoResult(
            photo=str(path),
            width=found.image.width,
            height=found.image.height,
            recognitions=tuple(self._shown(r) for r in recognitions),
            photo_id=found.image.photo_id,
            taken_at=found.image.taken_at,
            notes=found.notes + _too_small(crops),
            quality=found.quality,
        )
        if self.store is not None:
            self.store.put_photo(result.photo_id, data)
            record(
                self.store,
                result,
                place=self.place,
                detector=self.finder.detector.name,
                space_id=queries.space_id,
                gallery_version=gallery.version,
                max_false_accept=self.promise.max_false_accept,
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
            Recognition((x1, y1, x2, y2), confidence, decided.get(row, too_small))
            for row, ((x1, y1, x2, y2), confidence) in enumerate(
                zip(detections.xyxy.tolist(), detections.confidence.tolist(), strict=True)
            )
        )

    def _shown(self, recognition: Recognition) -> Recognition:
        """With `top_k` candidates, and the accepted one; it was decided on more."""
        decision = recognition.decision
        shown = tuple(c for n, c in enumerate(decision.candidates) if n < self.top_k or c.sku == decision.sku)
        if decision.verdict == "ambiguous" and len(shown) < len(decision.candidates):
            cut = f"{len(shown)} of them are shown, with no probability stated; more with top_k"
            decision = replace(decision, reasons=(*decision.reasons, cut), probability=None)
        return replace(recognition, decision=replace(decision, candidates=shown))


def _too_small(crops: Crops) -> tuple[str, ...]:
    n_too_small = crops.n_detections - len(crops)
    return (f"boxes too small to be recognized: {n_too_small}",) if n_too_small else ()
