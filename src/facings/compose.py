"""What one does with a store, a model and a gallery: the verbs of the command line as methods."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from threadpoolctl import threadpool_limits

from facings import networks
from facings import report as report_step
from facings.adapters.calibration_file import save_queries
from facings.adapters.index_files import discard_indexes
from facings.adapters.sql_store import init_store, open_store
from facings.annotations import BoxFile
from facings.apps.places import check_place, is_within
from facings.apps.scan import ScanDone
from facings.catalog import CatalogImport, export_catalog, import_catalog
from facings.decide import Promise
from facings.detect import Detector, GivenBoxes
from facings.enroll import Enrollment, enroll
from facings.errors import BadInput
from facings.evaluate.calibration_check import CalibrationCheck, check_calibration
from facings.evaluate.gate import DEFAULT_TOLERANCE
from facings.gallery import Gallery, remove
from facings.gallery_copy import GalleryCopy, copy_gallery
from facings.images import decode, find_photos
from facings.kept_calibration import KeptCalibration
from facings.manifest import LabelledPhoto
from facings.parts import Parts
from facings.pipeline import Finder, Pipeline
from facings.progress import Track, untracked
from facings.reembed import Gate, Reembedding, reembed
from facings.reembed_gates import labelled_queries, leave_one_photo_out
from facings.replay import Replay, embed_gallery, replay
from facings.report import Report
from facings.settings import load_settings
from facings.types import Image, PhotoDetections, PhotoResult, Reading
from facings.verify import Verification, verify


class Workspace(Parts):
    """Working parts (`Parts`), and what one does with them.

    Args:
        settings: Where things are.
    """

    def import_catalog(self, path: Path, *, is_strict: bool = False) -> CatalogImport:
        """Products from a CSV file; see `catalog.import_catalog`."""
        return import_catalog(self.store, path, is_strict=is_strict)

    def export_catalog(self) -> str:
        """The catalog as CSV text."""
        return export_catalog(self.store)

    def enroll(self, photos: Sequence[LabelledPhoto], *, track: Track = untracked) -> Enrollment:
        """Reference photos into the gallery, recognized from now on; see `enroll.enroll`."""
        return enroll(
            self.store,
            photos,
            embedder=self.embedder,
            model=self.model,
            n_threads=self.settings.threads,
            max_megapixels=self.settings.max_megapixels,
            track=track,
        )

    def remove(self, label: str, photo: str | None = None) -> int:
        """Reference photos out of the gallery; see `gallery.remove`."""
        return remove(self.store, label, photo)

    def verify(self, *, track: Track = untracked) -> Verification:
        """Every reference photo embedded again and compared; see `verify.verify`."""
        limit = self.settings.max_megapixels
        return verify(self.store, embedder=self.embedder, max_megapixels=limit, track=track)

    def reembed(
        self,
        model: str,
        *,
        queries: Sequence[LabelledPhoto] = (),
        is_gated: bool = True,
        tolerance: float = DEFAULT_TOLERANCE,
        track: Track = untracked,
    ) -> Reembedding:
        """The gallery moved to another model; see `reembed.reembed`.

        Args:
            model: Bundled name or directory.
            queries: Labelled photos that the two are compared on; none: the gallery's own, one left out at a time.
            is_gated: Whether they are compared at all.
            tolerance: By how much the new model's recall@1 may be lower, 0 to 1.
            track: Shows progress.
        """
        s = self.settings
        gate: Gate = partial(leave_one_photo_out, tolerance=tolerance)
        if queries:
            gate = partial(
                labelled_queries,
                photos=queries,
                load_old=partial(networks.load_model, n_threads=s.threads),
                tolerance=tolerance,
                n_threads=s.threads,
                max_megapixels=s.max_megapixels,
                track=track,
            )
        return reembed(
            self.store,
            embedder=networks.load_model(networks.model_name(model), n_threads=s.threads),
            model=networks.model_name(model),
            gate=gate if is_gated else None,
            n_threads=s.threads,
            max_megapixels=s.max_megapixels,
            track=track,
        )

    def drop_other_models(self) -> int:
        """Rows of models that the gallery is not searched by gone for good, from store and indexes; how many."""
        dropped = self.store.spaces.drop_others()
        for space_id in dropped:
            discard_indexes(self._index_folder, space_id)
            if self.store.engine.dialect.name == "postgresql":
                from facings.adapters.pgvector_index import discard_rows

                discard_rows(self.store.engine, space_id)
        return sum(dropped.values())

    def check_calibration(self, photos: Sequence[LabelledPhoto], *, track: Track = untracked) -> CalibrationCheck:
        """What labelled photos say about decisions here; see `calibration_check.check_calibration`."""
        s = self.settings
        return check_calibration(
            self.store,
            photos,
            embedder=self.embedder,
            promise=Promise(s.max_false_accept),
            n_threads=s.threads,
            max_megapixels=s.max_megapixels,
            track=track,
        )

    def save_calibration(self, found: CalibrationCheck) -> Path:
        """The photos of a check kept: decisions are calibrated from them, from now on and in every process."""
        return save_queries(self._folder, self.embedder.space_id, found.queries)

    def detect(self, photos: Iterable[Path], *, track: Track = untracked) -> Iterator[PhotoDetections]:
        """Where products are in the photos, one answer each as it is done. Needs neither store nor gallery.

        Args:
            photos: Files, and folders of files.
            track: Shows progress.

        Raises:
            BadInput: There is no photo at all.
            ModelNotFound: The detector is not there or damaged.
        """
        paths = _photo_files(photos)
        return self._finder(self.detector).detect(track(paths, "Detecting", len(paths)))

    def recognize(
        self,
        photos: Iterable[Path],
        *,
        boxes: BoxFile | None = None,
        place: str = "",
        is_recording: bool = True,
        track: Track = untracked,
    ) -> Iterator[PhotoResult]:
        """What is in the photos, one result each as it is done, put on record.

        Args:
            photos: Files, and folders of files.
            boxes: Where the products are; without it the detector of the settings finds them.
            place: Where they were taken, for the record.
            is_recording: Whether readings are appended to the record.
            track: Shows progress.

        Raises:
            BadInput: There is no photo at all.
            GalleryInvalid: The gallery is empty.
            ModelMismatch: It was made by another model.
            ModelNotFound: A model is not there or damaged.
        """
        paths = _photo_files(photos)
        detector = GivenBoxes(boxes.boxes) if boxes else None
        pipeline = self.pipeline(place=place, detector=detector, is_recording=is_recording)
        found = pipeline.recognize(track(paths, "Recognizing", len(paths)))
        return map(self._propose, found) if is_recording else found

    def _propose(self, result: PhotoResult) -> PhotoResult:
        """The same; what its barcodes say that its picture does not goes into the inbox."""
        if any(recognition.evidence for recognition in result.recognitions):
            self.inbox.take(result)
        return result

    def report(self) -> Report:
        """What the record says; see `report.report`."""
        return report_step.report(self.store.readings(), self.store.products())

    def report_csv(self) -> str:
        """The record as CSV text, one line a box."""
        return report_step.to_csv(self.report(), self.store.products())

    def report_html(self, *, track: Track = untracked) -> str:
        """The record as one self-contained page with annotated pictures."""
        products = self.store.products()
        return report_step.to_html(self.report(), products, self.kept_photo, datetime.now(UTC), track=track)

    def replay(self, model: str, *, detector: str | None = None, place: str = "", track: Track = untracked) -> Replay:
        """What another model would say of the photos on record; nothing is written. See `replay.replay`.

        Args:
            model: Bundled name or directory.
            detector: Finds the products anew; None for the boxes on record.
            place: Only photos of this place and inside it; "" for all.
            track: Shows progress.

        Raises:
            GalleryInvalid: The gallery is empty.
            ModelNotFound: A model is not there or damaged.
        """
        s, where = self.settings, check_place(place) if place else ""
        embedder = networks.load_model(model, n_threads=s.threads)
        finds = (
            networks.load_detector(detector, n_threads=s.threads, min_confidence=s.min_confidence) if detector else None
        )
        readings = [reading for reading in self.store.readings() if is_within(reading.place, where)]
        look = self.second_look and replace(self.second_look, twins=None)  # learned from rows of the old model
        with (
            tempfile.TemporaryDirectory(prefix="facings-replay-") as folder,
            closing(init_store(folder)) as other,
        ):
            problems = embed_gallery(self.store, other, embedder, networks.model_name(model), s.max_megapixels, track)
            gallery, calibration = Gallery(other, embedder), KeptCalibration(other, embedder)

            def pipeline_of(found_by: Detector, place: str) -> Pipeline:
                finder = Finder(found_by, s.max_megapixels, zone=self._zone_at(place))
                return Pipeline(
                    finder, embedder, gallery, calibration, Promise(s.max_false_accept), None, place, s.top_k,
                    s.min_crop_px, look,
                )  # fmt: skip

            with gallery.current():
                pass  # an empty gallery is said once
            done = replay(readings, self.store.get_photo, pipeline_of, detector=finds, track=track)
        done.problems = [*problems, *done.problems]
        return done

    def scan(
        self,
        photos: Iterable[Path],
        *,
        place: str,
        depth: int | None = None,
        boxes: BoxFile | None = None,
        track: Track = untracked,
    ) -> tuple[list[PhotoResult], ScanDone]:
        """Photos of one place recognized, put on record and counted; see `StockRoom.count`.

        Args:
            photos: Files, and folders of files.
            place: What they show.
            depth: Units behind one another; None for what the catalog says, or people's counts show.
            boxes: Where the products are; without it the detector of the settings finds them.
            track: Shows progress.

        Raises:
            FacingsError: As `recognize`; a photo that fails gives a result that says why, and is not counted.
        """
        results = list(self.recognize(photos, boxes=boxes, place=check_place(place), track=track))
        read = [result.photo_id for result in results if not result.error]
        return results, self.stock_room.count(place, read, depth=depth)

    def last_reading(self, place: str) -> Reading:
        """What the record says of the photo taken last at a place.

        Raises:
            BadInput: There is none of this place.
        """
        found = [reading for reading in self.store.readings() if reading.place == check_place(place)]
        if not found:
            raise BadInput(f"Place {place!r}: no photo of it is on record.", "facings scan PHOTO --place PLACE")
        return found[-1]

    def kept_photo(self, reading: Reading) -> Image:
        """The photo of a reading, decoded.

        Raises:
            StoreFailed: It is not kept any more.
            BadImage: It is damaged.
        """
        data = self.store.get_photo(reading.photo_id)
        return decode(data, source=reading.photo, max_megapixels=self.settings.max_megapixels)


def open_workspace(store: str | None = None, **settings: object) -> Workspace:
    """A workspace on a store that is there.

    Args:
        store: Directory or database URL; else from the settings.
        settings: Any other of `Settings`, by its name.

    Raises:
        ConfigInvalid: A setting is unknown or out of range.
    """
    chosen = load_settings(store=store, **settings)
    threadpool_limits(chosen.threads)  # NumPy's libraries; ONNX Runtime gets the same number with the model
    return Workspace(chosen)


def init_workspace(store: str | None = None, **settings: object) -> Workspace:
    """The same, making the store first, or bringing one of an earlier version up to date."""
    workspace = open_workspace(store, **settings)
    init_store(workspace.settings.store, workspace.settings.photos).close()
    return workspace


def copy_between(
    source: str, target: str, *, source_photos: Path | None, target_photos: Path | None, track: Track = untracked
) -> GalleryCopy:
    """A gallery copied from one store to another, which is made if it is not there; see `gallery_copy.copy_gallery`.

    Args:
        source: Directory or database URL.
        target: The same.
        source_photos: Folder of its photos; needed with a URL.
        target_photos: The same.
        track: Shows progress.

    Raises:
        StoreFailed: The source is not there, or one of them cannot be used.
        ModelMismatch: The target holds references of another model.
    """
    with closing(open_store(source, source_photos)) as giving, closing(init_store(target, target_photos)) as taking:
        return copy_gallery(giving, taking, track=track)


def _photo_files(photos: Iterable[Path]) -> list[Path]:
    """The photos in files and folders, at least one."""
    given = list(photos)
    paths = list(find_photos(given))
    if not paths:
        raise BadInput(
            f"{', '.join(map(str, given[:3]))}: no photo was found there.", "Wanted photos, or folders of them."
        )
    return paths
