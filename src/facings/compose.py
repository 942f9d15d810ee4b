"""Settings → working parts, and the verbs of the command line on them. The only home of the choice of adapters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from importlib.resources import as_file, files
from pathlib import Path

from threadpoolctl import threadpool_limits

from facings import report as report_step
from facings.adapters.index_files import FileIndex, IndexKind
from facings.adapters.onnx_detector import OnnxBoxNetwork
from facings.adapters.onnx_models import OnnxEmbedder
from facings.adapters.sql_store import SqlStore, init_store, open_store
from facings.annotations import BoxFile
from facings.apps import inventory, inventory_report, ledger_file
from facings.apps.inventory import StockLine
from facings.apps.inventory_report import InventoryReport
from facings.apps.ledger import Event, Kind, LedgerVerification, correct, undo, verify_ledger
from facings.apps.ledger_file import LedgerImport
from facings.apps.places import Site, check_place, site_of
from facings.apps.scan import ScanDone, record_scans
from facings.apps.webhooks import Delivery, send_alerts
from facings.catalog import CatalogImport, Names, export_catalog, import_catalog
from facings.decide import Limits
from facings.detect import Detector, GivenBoxes, NetworkDetector, WholePhoto
from facings.enroll import Enrollment, enroll
from facings.errors import BadInput, ModelNotFound
from facings.gallery import Gallery, remove
from facings.images import decode, find_photos
from facings.kept_index import KeptIndex
from facings.manifest import LabelledPhoto
from facings.match import ExactIndex
from facings.pipeline import Finder, Pipeline
from facings.progress import Track, untracked
from facings.report import Report
from facings.settings import Settings, load_settings
from facings.types import Image, PhotoDetections, PhotoResult, Reading
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
            return next(iter(self.store.spaces().values()), BUNDLED_MODEL)
        return given if given in (BUNDLED_MODEL, STARTER_MODEL) else str(Path(given).resolve())

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
        """The index that the settings name. Files lie in the store's directory; with a URL, beside the photos."""
        s = self.settings
        if s.index == "pgvector":
            from facings.adapters.pgvector_index import PgVectorIndex

            return PgVectorIndex(self.store.engine, space_id, dim)
        folder = Path(s.store) if s.photos is None else s.photos
        return FileIndex(folder / "index", _index_kind(s.index, s.threads), space_id, dim)

    @cached_property
    def detector(self) -> Detector:
        """What finds products, as the settings name it.

        Raises:
            ModelNotFound: It is not there or damaged.
        """
        s = self.settings
        return load_detector(s.detector, n_threads=s.threads, min_confidence=s.min_confidence)

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
            finder=self._finder(detector or self.detector),
            embedder=self.embedder,
            gallery=self.gallery,
            limits=Limits(s.min_similarity, s.min_margin),
            store=self.store if is_recording else None,
            place=place,
            top_k=s.top_k,
            min_crop_px=s.min_crop_px,
        )

    def _finder(self, detector: Detector) -> Finder:
        return Finder(detector, self.settings.max_megapixels, self.settings.refuse_bad_photos)

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
        return pipeline.recognize(track(paths, "Recognizing", len(paths)))

    def report(self) -> Report:
        """What the record says; see `report.report`."""
        return report_step.report(self.store.readings(), self.store.products())

    def report_csv(self) -> str:
        """The record as CSV text, one line a box."""
        return report_step.to_csv(self.report(), self.store.products())

    def report_html(self, *, track: Track = untracked) -> str:
        """The record as one self-contained page with annotated pictures."""
        products = self.store.products()
        return report_step.to_html(self.report(), products, self._kept_photo, datetime.now(UTC), track=track)

    @property
    def default_site(self) -> Site:
        """Zone and currency of sites that were never set."""
        return Site("default", self.settings.zone, self.settings.currency)

    def _sites(self) -> dict[str, Site]:
        """The shops that were set, by name, and those that have stock."""
        ledger = self.store.ledger
        return {name: replace(self.default_site, name=name) for name in ledger.site_names()} | ledger.sites()

    def import_ledger(
        self, path: Path, *, kind: Kind | None = None, place: str = "", is_strict: bool = False
    ) -> LedgerImport:
        """Receipts, sales, counts from a CSV file; see `ledger_file.import_ledger`."""
        return ledger_file.import_ledger(
            self.store.ledger,
            path,
            self.store.products(),
            kind=kind,
            place=place,
            default_site=self.default_site,
            is_strict=is_strict,
        )

    def scan(
        self,
        photos: Iterable[Path],
        *,
        place: str,
        depth: int | None = None,
        boxes: BoxFile | None = None,
        track: Track = untracked,
    ) -> tuple[list[PhotoResult], ScanDone]:
        """Photos of one place recognized, put on record and counted; see `scan.record_scans`.

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
        ledger, window = self.store.ledger, timedelta(seconds=self.settings.scan_window_s)
        read = [result.photo_id for result in results if not result.error]
        seen = ledger.sightings(place)
        return results, record_scans(ledger, place, seen, read, self.store.products(), window=window, depth=depth)

    def stock(self, *, place: str = "", sku: str = "", now: datetime | None = None) -> tuple[StockLine, ...]:
        """What is on hand by site and product; see `inventory.stock_lines`.

        Args:
            place: Only sites that this place lies in; "" for all.
            sku: Only this product: SKU, GTIN or unique name; "" for all.
            now: The time that average sales reach back from; None for now.
        """
        ledger, products, days = self.store.ledger, self.store.products(), self.settings.sales_days
        moment = now or datetime.now(UTC)
        site = site_of(check_place(place)) if place else ""
        only = Names(products).sku(sku) if sku else ""
        return inventory.stock_lines(
            ledger.balances(place=site, sku=only),
            products,
            self._sites(),
            site_changes=ledger.site_changes_since_counts(site=site, sku=only),
            sold=ledger.units_sold(moment - timedelta(days=days), site=site, sku=only),
            now=moment,
            sales_days=days,
        )

    def events(self, *, place: str = "", sku: str = "") -> Iterator[Event]:
        """The events of the ledger in order of their times, at a place and inside it, of one product or all."""
        where = check_place(place) if place else ""
        return self.store.ledger.events(place=where, sku=Names(self.store.products()).sku(sku) if sku else "")

    def inventory_report(self, *, now: datetime | None = None) -> InventoryReport:
        """What is on hand everywhere, and what to do first; see `inventory.alerts`.

        Args:
            now: The time of asking; None for now.
        """
        s, moment = self.settings, now or datetime.now(UTC)
        lines = self.stock(now=moment)
        since = moment - timedelta(days=s.sales_days)
        counts = self.store.ledger.events(kinds=["counted"], since=since, is_live=True)
        return InventoryReport(
            lines=lines,
            alerts=inventory.alerts(lines, lead_time_days=s.lead_time_days, now=moment),
            problems=inventory.early_sales(lines),
            conflicts=inventory.conflicts(counts, timedelta(seconds=s.scan_window_s)),
            made_at=moment,
        )

    def inventory_html(self, report: InventoryReport) -> str:
        """The inventory report as one self-contained page."""

        def events_of(line: StockLine) -> list[Event]:
            return list(self.store.ledger.events(place=line.site, sku=line.sku, is_live=True))

        return inventory_report.to_html(report, events_of)

    def notify(self) -> Delivery:
        """Alerts of now sent to the webhook of the settings; see `webhooks.send_alerts`."""
        s = self.settings
        return send_alerts(s.webhook_url, s.webhook_secret, self.inventory_report().alerts)

    def verify_ledger(self, *, is_rebuilding: bool = False) -> LedgerVerification:
        """Every balance folded again from its events and compared; see `ledger.verify_ledger`."""
        found = verify_ledger(self.store.ledger)
        if is_rebuilding and found.problems:
            self.store.ledger.rebuild()
        return found

    def adjust(self, label: str, place: str, quantity: int, *, author: str, note: str = "") -> Event:
        """A person's count of one product; see `ledger.correct`.

        Raises:
            BadInput: Neither catalog nor ledger knows the product.
        """
        sku = Names(self.store.products()).sku(label)
        if sku not in self.store.products() and not self.store.ledger.balances(sku=sku):
            raise BadInput(f"SKU {label!r}: neither the catalog nor the ledger knows it.", "Import the catalog first.")
        return correct(self.store.ledger, sku, check_place(place), quantity, author=author, note=note)

    def undo(self, event_id: int, *, author: str, note: str = "") -> Event:
        """Take an event of the ledger out of the fold; see `ledger.undo`."""
        return undo(self.store.ledger, event_id, author=author, note=note)

    def _kept_photo(self, reading: Reading) -> Image:
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


def load_model(model: str = BUNDLED_MODEL, *, n_threads: int = 1) -> OnnxEmbedder:
    """The bundled model by its name, or one from a directory; NumPy's libraries get its number of threads too.

    Raises:
        ModelNotFound: Neither a bundled name nor a model directory.
    """
    threadpool_limits(n_threads)
    ways = f"Give a model directory, {BUNDLED_MODEL!r} or {STARTER_MODEL!r} (bundled)."
    with _directory(model, (BUNDLED_MODEL, STARTER_MODEL), ways) as directory:
        return OnnxEmbedder(directory, n_threads=n_threads)


def load_detector(name_or_directory: str, *, n_threads: int, min_confidence: float | None = None) -> Detector:
    """A detector by its name, or one from a directory; NumPy's libraries get its number of threads too.

    Args:
        name_or_directory: "product-detector", which is bundled; "whole-photo", for photos of one product each; a
            detector's directory; or "auto", the bundled one if it ships with this package, else "whole-photo".
        n_threads: Threads of every library.
        min_confidence: Less certain boxes are left out, 0 to 1; None for the detector's own limit.

    Raises:
        ModelNotFound: None of these, or a damaged directory.
        ModelMismatch: The directory holds an embedder.
    """
    name = name_or_directory
    if name == "auto":
        name = BUNDLED_DETECTOR if (_WEIGHTS / BUNDLED_DETECTOR).is_dir() else WholePhoto.name
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
