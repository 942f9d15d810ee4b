"""Settings → working parts, and the verbs of the command line on them. The only home of the choice of adapters."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property, partial
from importlib.resources import as_file, files
from pathlib import Path

from threadpoolctl import threadpool_limits

from facings import report as report_step
from facings.adapters.barcode import ZxingReader
from facings.adapters.calibration_file import load_queries, save_queries
from facings.adapters.index_files import FileIndex, IndexKind, discard_indexes
from facings.adapters.onnx_cells import OnnxCells
from facings.adapters.onnx_detector import OnnxBoxNetwork
from facings.adapters.onnx_models import OnnxEmbedder
from facings.adapters.sql_store import SqlStore, init_store, open_store
from facings.adapters.text import RapidOcrReader, can_read_text
from facings.adapters.verifier_file import load_pairs, save_pairs
from facings.annotations import BoxFile
from facings.apps.places import Site, check_place, is_within, load_zone, site_of
from facings.apps.scan import ScanDone
from facings.apps.stock_room import StockRoom, StockRules
from facings.catalog import CatalogImport, export_catalog, import_catalog
from facings.decide import N_COMPARED, NOTHING_ENROLLED, Promise, decide
from facings.detect import Detector, GivenBoxes, NetworkDetector, WholePhoto
from facings.enroll import Enrollment, enroll
from facings.errors import BadInput, ModelNotFound
from facings.evaluate.calibration_check import CalibrationCheck, check_calibration
from facings.evaluate.gate import DEFAULT_TOLERANCE
from facings.gallery import Gallery, remove
from facings.gallery_copy import GalleryCopy, copy_gallery
from facings.images import decode, find_photos
from facings.inbox.desk import DeskRules, InboxDesk
from facings.kept_calibration import KeptCalibration
from facings.kept_index import KeptIndex
from facings.manifest import LabelledPhoto
from facings.match import ExactIndex, match
from facings.pipeline import Finder, Pipeline
from facings.progress import Track, untracked
from facings.reembed import Gate, Reembedding, reembed
from facings.reembed_gates import labelled_queries, leave_one_photo_out
from facings.replay import Replay, embed_gallery, replay
from facings.report import Report
from facings.second_look import SecondLook
from facings.settings import Settings, load_settings
from facings.twin_check import KnownPair, TwinCheck
from facings.twin_desk import TwinDesk
from facings.types import Decision, Embeddings, Image, PhotoDetections, PhotoResult, Reading
from facings.verify import Verification, verify

BUNDLED_MODEL = "product-embedder"
STARTER_MODEL = "starter"  # what it was trained from; also in the package
BUNDLED_DETECTOR = "product-detector"
_WEIGHTS = files("facings") / "weights"


class Workspace:
    """A store, a model and a gallery that belong together, and what one does with them.

    Parts are made when first needed, so that a verb pays only for what it uses.

    Args:
        settings: Where things are.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def store(self) -> SqlStore:
        """The store that the settings name.

        Raises:
            StoreFailed: It is not there or not usable.
        """
        return open_store(self.settings.store, self.settings.photos)

    @cached_property
    def model(self) -> str:
        """Name of the bundled model, or directory of another: from the settings, else what made the gallery."""
        given = self.settings.model
        if not given:
            live = self.store.live_space()
            return live.model if live else BUNDLED_MODEL
        return model_name(given)

    @cached_property
    def embedder(self) -> OnnxEmbedder:
        """The network.

        Raises:
            ModelNotFound: It is not there or damaged.
        """
        return load_model(self.model, n_threads=self.settings.threads)

    @cached_property
    def gallery(self) -> Gallery:
        """The gallery of this store in the space of this model; read at its first `refresh`."""
        return Gallery(self.store, self.embedder, self._open_index)

    def _open_index(self, space_id: str, dim: int) -> KeptIndex:
        """The index that the settings name."""
        s = self.settings
        if s.index == "pgvector":
            from facings.adapters.pgvector_index import PgVectorIndex

            return PgVectorIndex(self.store.engine, space_id, dim)
        return FileIndex(self._index_folder, _index_kind(s.index, s.threads), space_id, dim)

    @property
    def _folder(self) -> Path:
        """Files lie in the store's directory; with a URL, beside the photos."""
        return Path(self.settings.store) if self.settings.photos is None else self.settings.photos

    @property
    def _index_folder(self) -> Path:
        return self._folder / "index"

    @cached_property
    def calibration(self) -> KeptCalibration:
        """What decides in the gallery of this store: from queries that were saved for it, else from its own photos."""
        space_id, dim = self.embedder.space_id, self.embedder.card.embedding_dim
        return KeptCalibration(self.store, self.embedder, partial(load_queries, self._folder, space_id, dim))

    @cached_property
    def detector(self) -> Detector:
        """What finds products, as the settings name it.

        Raises:
            ModelNotFound: It is not there or damaged.
        """
        s = self.settings
        return load_detector(s.detector, n_threads=s.threads, min_confidence=s.min_confidence)

    @cached_property
    def second_look(self) -> SecondLook | None:
        """What looks for more evidence; None where the settings want none.

        Raises:
            DependencyMissing: Everything is to be read, and what reads text is not installed.
        """
        wish, threads = self.settings.evidence, self.settings.threads
        if wish == "never":
            return None
        texts = RapidOcrReader(n_threads=threads) if wish == "always" or can_read_text() else None
        return SecondLook(ZxingReader(), texts, self.store.products, is_always=wish == "always", twins=self._twin_check)

    @property
    def _twin_check(self) -> TwinCheck:
        """What was learned about look-alikes, read when first needed."""

        def pairs() -> list[KnownPair]:
            sku_of = {r.reference_id: r.sku for r in self.store.references()}
            return load_pairs(self._folder, self.embedder.space_id, sku_of)

        return TwinCheck(pairs, self._open_cells)

    def _open_cells(self) -> OnnxCells:
        return load_cells(self.model, n_threads=self.settings.threads)

    @cached_property
    def twins(self) -> TwinDesk:
        """The look-alikes of the gallery, and what one does about them."""
        return TwinDesk(
            self.store,
            self.embedder,
            self.gallery,
            open_network=self._open_cells,
            save=partial(save_pairs, self._folder, self.embedder.space_id),
            max_megapixels=self.settings.max_megapixels,
        )

    @property
    def has_uncut_gallery(self) -> bool:
        """Whether every reference photo was enrolled whole, none cut to its product by a box."""
        return all(reference.box is None for reference in self.store.references())

    def pipeline(self, *, place: str = "", detector: Detector | None = None, is_recording: bool = True) -> Pipeline:
        """The path, ready to run; for services that keep it. `recognize` is the short way.

        Args:
            place: Where the photos were taken, for the record.
            detector: Finds the products; without one that of the settings.
            is_recording: Whether readings are appended to the record.
        """
        s = self.settings
        return Pipeline(
            finder=self._finder(detector or self.detector, zone=self._zone_at(place)),
            embedder=self.embedder,
            gallery=self.gallery,
            calibration=self.calibration,
            promise=Promise(s.max_false_accept),
            store=self.store if is_recording else None,
            place=place,
            top_k=s.top_k,
            min_crop_px=s.min_crop_px,
            second_look=self.second_look,
        )

    def _finder(self, detector: Detector, zone: tzinfo = UTC) -> Finder:
        return Finder(detector, self.settings.max_megapixels, self.settings.refuse_bad_photos, zone)

    def _zone_at(self, place: str) -> tzinfo:
        """Whose clock cameras show there."""
        site = self.store.ledger.sites().get(site_of(place))
        return load_zone(site.zone if site else self.settings.zone)

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
                load_old=partial(load_model, n_threads=s.threads),
                tolerance=tolerance,
                n_threads=s.threads,
                max_megapixels=s.max_megapixels,
                track=track,
            )
        return reembed(
            self.store,
            embedder=load_model(model_name(model), n_threads=s.threads),
            model=model_name(model),
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
        """The photos of a check kept: decisions are calibrated from them, here and in each process that starts."""
        path = save_queries(self._folder, self.embedder.space_id, found.queries)
        vars(self).pop("calibration", None)  # what was made from other photos
        return path

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

    @cached_property
    def inbox(self) -> InboxDesk:
        """What the gallery did not know, and what one does with it."""
        s = self.settings
        rules = DeskRules(s.enroll_proposals, s.max_megapixels)
        return InboxDesk(self.store, embedder=self.embedder, model=self.model, recognize=self._decisions, rules=rules)

    def _decisions(self, queries: Embeddings) -> list[Decision]:
        """What the gallery says of rows now, as the path decides."""
        if self.store.live_space() is None:
            return [Decision("unknown", None, (), (NOTHING_ENROLLED,)) for _ in queries.rows]
        with self.gallery.current() as now:
            candidates = match(queries, now.index, now.sku_of, k=N_COMPARED)
        promise = Promise(self.settings.max_false_accept)
        return decide(queries.rows, candidates, self.calibration.at(now.version), promise)

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
        embedder = load_model(model, n_threads=s.threads)
        finds = load_detector(detector, n_threads=s.threads, min_confidence=s.min_confidence) if detector else None
        readings = [reading for reading in self.store.readings() if is_within(reading.place, where)]
        look = self.second_look and replace(self.second_look, twins=None)  # learned from rows of the old model
        with (
            tempfile.TemporaryDirectory(prefix="facings-replay-") as folder,
            closing(init_store(folder)) as other,
        ):
            problems = embed_gallery(self.store, other, embedder, model_name(model), s.max_megapixels, track)
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

    @cached_property
    def stock_room(self) -> StockRoom:
        """The stock of this store: its ledger, and what one does with it."""
        s = self.settings
        rules = StockRules(
            default_site=Site("default", s.zone, s.currency),
            scan_window=timedelta(seconds=s.scan_window_s),
            sales_days=s.sales_days,
            lead_time_days=s.lead_time_days,
            webhook_url=s.webhook_url,
            webhook_secret=s.webhook_secret,
        )
        return StockRoom(self.store, rules)

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
            depth: Units behind one another; None for what the catalog says.
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


def model_name(given: str) -> str:
    """How the store names a model, wherever it is used from: a bundled one by its name, another by its directory."""
    return given if given in (BUNDLED_MODEL, STARTER_MODEL) else str(Path(given).resolve())


def load_model(model: str = BUNDLED_MODEL, *, n_threads: int = 1) -> OnnxEmbedder:
    """The bundled model by its name, or one from a directory; NumPy's libraries get its number of threads too.

    Raises:
        ModelNotFound: Neither a bundled name nor a model directory.
    """
    threadpool_limits(n_threads)
    ways = f"Give a model directory, {BUNDLED_MODEL!r} or {STARTER_MODEL!r} (bundled)."
    with _directory(model, (BUNDLED_MODEL, STARTER_MODEL), ways) as directory:
        return OnnxEmbedder(directory, n_threads=n_threads)


def load_cells(model: str = BUNDLED_MODEL, *, n_threads: int = 1) -> OnnxCells:
    """The first stages of a bundled embedder by its name, or of one from a directory.

    Raises:
        ModelNotFound: Neither a bundled name nor a model directory, or a model without cells.
    """
    ways = f"Give a model directory, {BUNDLED_MODEL!r} or {STARTER_MODEL!r} (bundled)."
    with _directory(model, (BUNDLED_MODEL, STARTER_MODEL), ways) as directory:
        return OnnxCells(directory, n_threads=n_threads)


def load_detector(name_or_directory: str, *, n_threads: int, min_confidence: float | None = None) -> Detector:
    """A detector by its name, or one from a directory; NumPy's libraries get its number of threads too.

    Args:
        name_or_directory: "product-detector", which is bundled; "whole-photo", for photos of one product each; or a
            detector's directory.
        n_threads: Threads of every library.
        min_confidence: Less certain boxes are left out, 0 to 1; None for the detector's own limit.

    Raises:
        ModelNotFound: None of these, or a damaged directory.
        ModelMismatch: The directory holds an embedder.
    """
    name = name_or_directory
    if name == WholePhoto.name:
        return WholePhoto()
    threadpool_limits(n_threads)
    ways = f"Give a detector's directory, {BUNDLED_DETECTOR!r} (bundled), or {WholePhoto.name!r} (no detection)."
    with _directory(name, (BUNDLED_DETECTOR,), ways) as directory:
        return NetworkDetector(OnnxBoxNetwork(directory, n_threads=n_threads), min_confidence=min_confidence)


def _index_kind(name: str, n_threads: int) -> IndexKind:
    if name == "exact":
        return IndexKind(ExactIndex.kind, ExactIndex, ExactIndex.load)
    from facings.adapters.faiss_index import FaissIndex

    make, load = partial(FaissIndex, n_threads=n_threads), partial(FaissIndex.load, n_threads=n_threads)
    return IndexKind(FaissIndex.kind, make, load)


@contextmanager
def _directory(model: str, bundled: tuple[str, ...], ways: str) -> Iterator[Path]:
    """Where a model lies: a bundled one by its name, any other as a directory."""
    if model in bundled and (_WEIGHTS / model).is_dir():
        with as_file(_WEIGHTS / model) as directory:
            yield directory
    elif Path(model).is_dir():
        yield Path(model)
    else:
        raise ModelNotFound(f"Model {model!r}: there is no such directory.", ways)


def _photo_files(photos: Iterable[Path]) -> list[Path]:
    """The photos in files and folders, at least one."""
    given = list(photos)
    paths = list(find_photos(given))
    if not paths:
        raise BadInput(
            f"{', '.join(map(str, given[:3]))}: no photo was found there.", "Wanted photos, or folders of them."
        )
    return paths
