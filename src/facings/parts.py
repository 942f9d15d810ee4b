"""Settings → working parts. The only home of the choice of adapters, but for networks."""

from __future__ import annotations

from datetime import UTC, timedelta, tzinfo
from functools import cached_property, partial
from pathlib import Path

from facings import networks
from facings.adapters.barcode import ZxingReader
from facings.adapters.calibration_file import load_queries, queries_mark
from facings.adapters.genuine_file import GenuineFiles
from facings.adapters.index_files import FileIndex, IndexKind
from facings.adapters.onnx_cells import OnnxCells
from facings.adapters.onnx_models import OnnxEmbedder
from facings.adapters.sql_store import SqlStore, open_store
from facings.adapters.text import RapidOcrReader, can_read_text
from facings.adapters.verifier_file import load_pairs, save_pairs
from facings.apps.authenticity import Readers
from facings.apps.authenticity_desk import AuthenticityDesk, DeskParts
from facings.apps.places import Site, load_zone, site_of
from facings.apps.stock_room import StockRoom, StockRules
from facings.decide import N_COMPARED, NOTHING_ENROLLED, Promise, decide
from facings.detect import Detector
from facings.evaluate.machine import library_versions
from facings.gallery import Gallery
from facings.inbox.desk import DeskRules, InboxDesk
from facings.kept_calibration import KeptCalibration
from facings.kept_index import KeptIndex
from facings.match import ExactIndex, match
from facings.pipeline import Finder, Pipeline
from facings.second_look import SecondLook
from facings.settings import Settings
from facings.twin_check import KnownPair, TwinCheck
from facings.twin_desk import TwinDesk
from facings.types import Decision, Embeddings


class Parts:
    """A store, a model and a gallery that belong together, and what works on them.

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
            return live.model if live else networks.BUNDLED_MODEL
        return networks.model_name(given)

    @cached_property
    def embedder(self) -> OnnxEmbedder:
        """The network.

        Raises:
            ModelNotFound: It is not there or damaged.
        """
        return networks.load_model(self.model, n_threads=self.settings.threads)

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
        saved = partial(load_queries, self._folder, space_id, dim)
        return KeptCalibration(self.store, self.embedder, saved, partial(queries_mark, self._folder, space_id))

    @cached_property
    def detector(self) -> Detector:
        """What finds products, as the settings name it.

        Raises:
            ModelNotFound: It is not there or damaged.
        """
        s = self.settings
        return networks.load_detector(s.detector, n_threads=s.threads, min_confidence=s.min_confidence)

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
        return networks.load_cells(self.model, n_threads=self.settings.threads)

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

    @cached_property
    def authenticity(self) -> AuthenticityDesk:
        """What holds photos against the gallery's genuine ones.

        Raises:
            DependencyMissing: The extra `authenticity` is not installed.
        """
        from facings.adapters.opencv_registration import OpenCvRegistrar

        s = self.settings
        registrar, comparator = OpenCvRegistrar(n_threads=s.threads), networks.load_comparator(n_threads=s.threads)
        versions = library_versions() | {
            "opencv": registrar.version, "comparator": comparator.network_id, "detector": self.detector.name
        }  # fmt: skip
        files = GenuineFiles(self._folder / "genuine")
        readers = Readers(ZxingReader(), RapidOcrReader(n_threads=s.threads) if can_read_text() else None)
        parts = DeskParts(registrar, comparator, self.detector, files, readers, versions, s.max_megapixels)
        return AuthenticityDesk(self.store, self.store.verdicts, parts)

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


def _index_kind(name: str, n_threads: int) -> IndexKind:
    if name == "exact":
        return IndexKind(ExactIndex.kind, ExactIndex, ExactIndex.load)
    from facings.adapters.faiss_index import FaissIndex

    make, load = partial(FaissIndex, n_threads=n_threads), partial(FaissIndex.load, n_threads=n_threads)
    return IndexKind(FaissIndex.kind, make, load)
