"""What is in the inbox at one moment: clusters of unknown crops, the most seen first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from facings.errors import BadInput, Problem
from facings.inbox.crops import CropRow, KeptCrop, Proposal, UnknownBox
from facings.types import Candidate


@dataclass(frozen=True, eq=False)
class InboxCrop:
    """A crop in the inbox.

    Args:
        kept: Which one.
        made: Its row and perceptual hash.
        boxes: Where and when it was seen; several where one photo was recognized for several places.
        closest: The most similar product of the gallery, which was not similar enough; None for an empty gallery.
        proposal: SKU that its barcode says, "" for none.
    """

    kept: KeptCrop
    made: CropRow
    boxes: tuple[UnknownBox, ...]
    closest: Candidate | None = None
    proposal: str = ""

    @property
    def crop_id(self) -> int:
        """Its number."""
        return self.kept.crop_id


@dataclass(frozen=True)
class Cluster:
    """Crops that seem to show one product.

    Args:
        crops: By number, so the oldest is the first.
        looks: The first of each set of near-duplicates among them.
    """

    crops: tuple[InboxCrop, ...]
    looks: tuple[InboxCrop, ...]

    @property
    def cluster_id(self) -> int:
        """The number of its oldest crop: it stays while that crop is in the inbox."""
        return self.crops[0].crop_id

    @property
    def n_photos(self) -> int:
        """Photos it was seen in."""
        return len({crop.kept.photo_id for crop in self.crops})

    @property
    def places(self) -> tuple[str, ...]:
        """Where it was seen, "" for photos without a place."""
        return tuple(sorted({box.place for crop in self.crops for box in crop.boxes}))

    @property
    def first_seen(self) -> datetime:
        """When it was first seen."""
        return min(box.seen_at for crop in self.crops for box in crop.boxes)

    @property
    def last_seen(self) -> datetime:
        """When it was last seen."""
        return max(box.seen_at for crop in self.crops for box in crop.boxes)

    @property
    def closest(self) -> Candidate | None:
        """The most similar product of the gallery, None for an empty one."""
        known = [crop.closest for crop in self.crops if crop.closest]
        return max(known, key=lambda candidate: candidate.similarity, default=None)

    @property
    def proposals(self) -> tuple[str, ...]:
        """Products that barcodes on its crops say."""
        return tuple(sorted({crop.proposal for crop in self.crops} - {""}))


@dataclass(frozen=True)
class Inbox:
    """What there is to do.

    Args:
        clusters: Most photos first, then most places, then last seen.
        n_known: Crops that the gallery knows by now, though the record does not say so yet.
        n_dismissed: Crops that were dismissed, or look like those that were.
        n_left_out: Crops older than the newest `MAX_CROPS`.
        problems: Crops that cannot be shown any more, and why.
    """

    clusters: tuple[Cluster, ...]
    n_known: int = 0
    n_dismissed: int = 0
    n_left_out: int = 0
    problems: tuple[Problem, ...] = ()

    @property
    def n_crops(self) -> int:
        """Crops in all clusters."""
        return sum(len(cluster.crops) for cluster in self.clusters)

    def cluster(self, cluster_id: int) -> Cluster:
        """One cluster by its number.

        Raises:
            BadInput: There is none.
        """
        for found in self.clusters:
            if found.cluster_id == cluster_id:
                return found
            if any(crop.crop_id == cluster_id for crop in found.crops):
                raise BadInput(f"Crop {cluster_id} is in cluster {found.cluster_id}; wanted the number of a cluster.")
        raise BadInput(f"The inbox has no cluster {cluster_id}.", "Look again: facings inbox list.")


@dataclass(frozen=True)
class ProposedProduct:
    """A product that barcodes say crops show, waiting for a person.

    Args:
        sku: The product; a GTIN where the catalog does not know it.
        is_in_catalog: Whether the catalog knows it.
        crops: The crops, by number, each with what was read.
    """

    sku: str
    is_in_catalog: bool
    crops: tuple[tuple[KeptCrop, Proposal], ...]
