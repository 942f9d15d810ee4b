"""What one does with the inbox: look, name, dismiss, take a proposal or leave it.

Naming enrolls: the crops become references with their boxes, by the rows that the inbox holds of them, in one
transaction with the line that says who did it. `facings gallery remove` undoes it. Of two people who settle one crop
the first counts; the other is told so and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from facings.catalog import Names
from facings.crop import cut_product
from facings.embed import Embedder
from facings.errors import BadInput, GalleryInvalid
from facings.evidence import Evidence
from facings.gallery import Box
from facings.gtin import number_in, number_kind
from facings.images import MAX_MEGAPIXELS, decode
from facings.inbox.clusters import link_similarity
from facings.inbox.contents import Inbox, ProposedProduct
from facings.inbox.crops import CropRow, Event, KeptCrop, Proposal, Standing, UnknownBox, same_crop
from facings.inbox.listing import to_html
from facings.inbox.naming import DeskStore, Named, is_gtin, name_crops, new_product, product_of
from facings.inbox.rows import make_rows
from facings.inbox.survey import Recognize, survey
from facings.progress import Track, untracked
from facings.types import Decision, PhotoResult, UInt8Array

BARCODE = "barcode"


@dataclass(frozen=True)
class DeskRules:
    """How the inbox is kept.

    Args:
        enrolls_proposals: Whether what a barcode says is enrolled at once where the catalog knows the product.
        max_megapixels: As when the photos were recognized.
    """

    enrolls_proposals: bool = False
    max_megapixels: float = MAX_MEGAPIXELS


class InboxDesk:
    """The inbox of a store, for people.

    Args:
        store: Catalog, gallery, photos and inbox.
        embedder: The gallery's model.
        model: How settings name it.
        recognize: What the gallery says of rows.
        rules: How the inbox is kept.
    """

    def __init__(
        self, store: DeskStore, *, embedder: Embedder, model: str, recognize: Recognize, rules: DeskRules
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._model = model
        self._recognize = recognize
        self._rules = rules
        self._similarity: tuple[int, float] | None = None

    def look(self, *, of_dismissed: bool = False, track: Track = untracked) -> Inbox:
        """The inbox as it is now; see `survey.survey`.

        Raises:
            ModelMismatch: The gallery was made by another model.
        """
        return survey(
            self._store,
            self._store.inbox,
            embedder=self._embedder,
            recognize=self._recognize,
            min_similarity=self._link_similarity,
            of_dismissed=of_dismissed,
            max_megapixels=self._rules.max_megapixels,
            track=track,
        )

    def _link_similarity(self) -> float:
        """What makes crops one product, by all rows of the gallery; they are read once a version."""
        if self._similarity is None or self._similarity[0] != self._store.gallery_version():
            rows = self._store.changes_since(0, self._embedder.space_id, self._embedder.card.embedding_dim)
            self._similarity = rows.version, link_similarity(rows.rows, rows.skus)
        return self._similarity[1]

    def name(
        self, number: int, label: str, *, author: str, product_name: str = "", only: Sequence[int] = (), note: str = ""
    ) -> Named:
        """Say what a cluster shows; it is recognized from now on.

        Args:
            number: The cluster.
            label: SKU, GTIN or unique name of a product; or the SKU of a new one, which takes a name too.
            author: Who says so.
            product_name: What a product is called that the catalog lacks.
            only: Only these crops of it.
            note: Why.

        Raises:
            BadInput: There is no such cluster or crop, somebody was faster, or the product is neither known nor named.
            GalleryInvalid: One of the boxes is enrolled for another product.
            ModelMismatch: The gallery was made by another model.
        """
        cluster = self.look().cluster(number)
        crops = {crop.crop_id: crop for crop in cluster.crops}
        chosen = [crops[crop_id] for crop_id in _chosen(crops, only, number)]
        rows = {crop.crop_id: crop.made for crop in chosen}
        return self._name([crop.kept for crop in chosen], rows, label, product_name, author, note)

    def dismiss(self, number: int, *, author: str, only: Sequence[int] = (), note: str = "") -> int:
        """Say that a cluster shows nothing to know, so that neither it nor what looks like it comes back.

        Args:
            number: The cluster, or a crop with a proposal.
            author: Who says so.
            only: Only these crops of the cluster.
            note: Why.

        Returns:
            How many crops.

        Raises:
            BadInput: There is no such cluster, crop or proposal, or somebody was faster.
        """
        proposed = {crop.crop_id for product in self.proposals() for crop, _ in product.crops}
        if number in proposed and not only:
            crop_ids = [number]
        else:
            found = self.look()
            crop_ids = _chosen({crop.crop_id: crop for crop in found.cluster(number).crops}, only, number)
        self._store.inbox.append(Event("dismissed", tuple(crop_ids), author, note=note))
        return len(crop_ids)

    def restore(self, number: int, *, author: str, note: str = "") -> int:
        """Take a dismissal back.

        Args:
            number: Any crop that was dismissed; those that were dismissed with it come back too.
            author: Who says so.
            note: Why.

        Returns:
            How many crops.

        Raises:
            BadInput: It was not dismissed.
        """
        said = self._store.inbox.standings()
        dismissal = said.get(number, Standing()).event_id
        together = tuple(crop_id for crop_id, now in said.items() if now.event_id == dismissal is not None)
        crop_ids = together if said.get(number, Standing()).status == "dismissed" else (number,)
        self._store.inbox.append(Event("restored", crop_ids, author, note=note))
        return len(crop_ids)

    def page(self, contents: Inbox, *, track: Track = untracked) -> str:
        """The inbox as one self-contained page with pictures; see `listing.to_html`."""
        now, products = datetime.now(UTC), self._store.products()
        return to_html(contents, self.proposals(), products, self.pixels, now, track=track)

    def pixels(self, crop: KeptCrop) -> UInt8Array:
        """What a crop shows: uint8 (h, w, 3).

        Raises:
            FacingsError: Its photo cannot be used any more.
        """
        data = self._store.get_photo(crop.photo_id)
        return cut_product(decode(data, source=crop.source, max_megapixels=self._rules.max_megapixels), crop.box)

    # Proposals

    def propose(self, label: str, photo_id: str, box: Box, *, evidence: str, source: str = "") -> bool:
        """Keep that a barcode says what a crop shows, until a person confirms it.

        Where the rules say so and the catalog knows the product, the crop is enrolled at once.

        Args:
            label: The GTIN that was read, or the SKU that it stands for.
            photo_id: SHA-256 of the photo, which must be kept by then.
            box: x1, y1, x2, y2 in pixels of the upright photo.
            evidence: What was read, in words.
            source: Path or name the photo came from.

        Returns:
            False, and nothing written, if the crop is settled or this was proposed before.

        Raises:
            BadInput: The label can be no SKU.
        """
        inbox, products = self._store.inbox, self._store.products()
        sku = new_product(Names(products).sku(label)).sku
        crop = same_crop(box, inbox.crops(photo_id=photo_id))
        if crop is None:
            inbox.keep([UnknownBox(photo_id, box, source, "", datetime.now(UTC))])
            crop = next(kept for kept in inbox.crops(photo_id=photo_id) if kept.box == box)
        now = inbox.standings([crop.crop_id]).get(crop.crop_id, Standing())
        if now.status != "open" or (now.proposal and now.proposal.sku == sku):
            return False
        inbox.append(Event("proposed", (crop.crop_id,), BARCODE, sku, evidence))
        if self._rules.enrolls_proposals and sku in products:
            with suppress(BadInput, GalleryInvalid):  # then it waits for a person, who will be told why
                self.confirm(sku, author=BARCODE, only=(crop.crop_id,))
        return True

    def take(self, result: PhotoResult) -> int:
        """Propose what the barcodes in a photo say, that was put on record.

        Those count whose product the picture left open, and those of a product that the catalog lacks.

        Returns:
            How many proposals are new.
        """
        said = [
            (recognition.box, label, piece.words)
            for recognition in result.recognitions
            for piece in recognition.evidence
            if (label := _proposed(piece, recognition.decision))
        ]
        return sum(
            self.propose(label, result.photo_id, box, evidence=words, source=result.photo) for box, label, words in said
        )

    def proposals(self) -> tuple[ProposedProduct, ...]:
        """What barcodes say and nobody confirmed, by SKU."""
        kept = {crop.crop_id: crop for crop in self._store.inbox.crops()}
        products = self._store.products()
        found: dict[str, list[tuple[KeptCrop, Proposal]]] = {}
        for crop_id, now in sorted(self._store.inbox.standings().items()):
            if now.proposal:
                found.setdefault(now.proposal.sku, []).append((kept[crop_id], now.proposal))
        return tuple(ProposedProduct(sku, sku in products, tuple(found[sku])) for sku in sorted(found))

    def confirm(
        self, label: str, *, author: str, product_name: str = "", only: Sequence[int] = (), note: str = ""
    ) -> Named:
        """Enroll the crops whose barcodes say that they show a product.

        Args:
            label: The product, as `proposals` lists it or the catalog knows it.
            author: Who confirms.
            product_name: What a product is called that the catalog lacks.
            only: Only these crops.
            note: Why.

        Raises:
            FacingsError: As `name`; or a photo cannot be used any more.
        """
        sku = Names(self._store.products()).sku(label)
        waiting = {crop.crop_id: (crop, said) for product in self.proposals() if product.sku == sku
                   for crop, said in product.crops}  # fmt: skip
        if not waiting:
            raise BadInput(f"No barcode says {label!r}.", "See: facings inbox list.")
        chosen = [waiting[crop_id] for crop_id in _chosen(waiting, only, sku)]
        crops = [crop for crop, _ in chosen]
        rows, problems = make_rows(
            crops, self._store, self._store.inbox, embedder=self._embedder, max_megapixels=self._rules.max_megapixels
        )
        if problems:
            raise BadInput(f"{problems[0].message} Nothing was enrolled.", "Confirm the others alone: --crop.")
        evidence = note or "; ".join(dict.fromkeys(said.evidence for _, said in chosen))
        return self._name(crops, rows, sku, product_name, author, evidence)

    def _name(
        self,
        crops: Sequence[KeptCrop],
        rows: Mapping[int, CropRow],
        label: str,
        product_name: str,
        author: str,
        note: str,
    ) -> Named:
        product, is_new = product_of(label, self._store.products(), product_name)
        return name_crops(
            self._store, crops, rows, product,
            is_new=is_new, embedder=self._embedder, model=self._model, author=author, note=note,
        )  # fmt: skip


def _proposed(piece: Evidence, decision: Decision) -> str:
    """The product that a piece of evidence names and the picture did not; "" for none."""
    if piece.source != "barcode":
        return ""
    if piece.skus:
        return piece.skus[0] if len(piece.skus) == 1 and piece.effect in {"decides", "proposes"} else ""
    digits = number_in(piece.value) or ""
    is_new = decision.verdict != "accepted" and is_gtin(digits) and number_kind(digits) == "item"
    return digits if is_new else ""


def _chosen(there: Mapping[int, object], only: Sequence[int], where: int | str) -> list[int]:
    """Which crops are meant, by number: all that are there, or only some."""
    missing = [crop_id for crop_id in only if crop_id not in there]
    if missing:
        raise BadInput(f"Crop {missing[0]} is not among those of {where}.", f"These are: {', '.join(map(str, there))}.")
    return sorted(set(only) or there)
