"""The inbox for other programs and for people: JSON, CSV, and one page with pictures."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from facings.catalog import Product
from facings.errors import FacingsError
from facings.inbox.contents import Cluster, Inbox, InboxCrop, ProposedProduct
from facings.inbox.crops import KeptCrop
from facings.page import render, thumbnail
from facings.progress import Track, untracked
from facings.report import csv_text
from facings.types import UInt8Array

MAX_CLUSTERS_SHOWN, MAX_PICTURES, PICTURE_SIDE_PX = 60, 6, 200
_CSV_COLUMNS = (
    "cluster", "crop", "photo", "photo_id", "x1", "y1", "x2", "y2", "place", "seen_at", "closest", "similarity",
    "barcode",
)  # fmt: skip

OpenCrop = Callable[[KeptCrop], UInt8Array]
"""The pixels of a crop, uint8 (h, w, 3); raises a `FacingsError` if its photo cannot be used any more."""


def to_json(inbox: Inbox, proposals: Sequence[ProposedProduct]) -> dict[str, Any]:
    """The inbox as JSON values: clusters in their order, proposals, and what is not shown."""
    return {
        "clusters": [cluster_json(cluster) for cluster in inbox.clusters],
        "proposals": [proposal_json(product) for product in proposals],
        "n_known": inbox.n_known,
        "n_dismissed": inbox.n_dismissed,
        "n_left_out": inbox.n_left_out,
    }


def cluster_json(cluster: Cluster) -> dict[str, Any]:
    """A cluster as JSON values, with its crops."""
    return {
        "cluster": cluster.cluster_id,
        "n_crops": len(cluster.crops),
        "n_looks": len(cluster.looks),
        "n_photos": cluster.n_photos,
        "places": list(cluster.places),
        "first_seen": _iso(cluster.first_seen),
        "last_seen": _iso(cluster.last_seen),
        "closest": cluster.closest and _closest(cluster.closest.sku, cluster.closest.similarity),
        "barcodes": list(cluster.proposals),
        "crops": [_crop_json(crop) for crop in cluster.crops],
    }


def proposal_json(product: ProposedProduct) -> dict[str, Any]:
    """What barcodes say of one product, as JSON values."""
    return {
        "sku": product.sku,
        "is_in_catalog": product.is_in_catalog,
        "crops": [
            {**_kept_json(crop), "evidence": said.evidence, "proposed_at": said.proposed_at and _iso(said.proposed_at)}
            for crop, said in product.crops
        ],
    }


def to_csv(inbox: Inbox) -> str:
    """The inbox as CSV text, one line for each crop and place, in the order of the clusters."""
    return csv_text(_CSV_COLUMNS, _csv_rows(inbox))


def _csv_rows(inbox: Inbox) -> Iterator[Sequence[object]]:
    for cluster in inbox.clusters:
        for crop in cluster.crops:
            best = crop.closest
            known = [best.sku, round(best.similarity, 4)] if best else ["", ""]
            for seen in crop.boxes:
                yield [
                    cluster.cluster_id, crop.crop_id, crop.kept.source, crop.kept.photo_id,
                    *(round(corner, 2) for corner in crop.kept.box), seen.place, _iso(seen.seen_at), *known,
                    crop.proposal,
                ]  # fmt: skip


@dataclass(frozen=True)
class _Card:
    """One entry of the page: pictures as `data:` URIs, "" for one that cannot be shown, and how many more there are."""

    entry: Cluster | ProposedProduct
    pictures: tuple[str, ...]
    n_more: int
    command: str


def to_html(
    inbox: Inbox,
    proposals: Sequence[ProposedProduct],
    products: Mapping[str, Product],
    open_crop: OpenCrop,
    made_at: datetime,
    *,
    track: Track = untracked,
) -> str:
    """The inbox as one self-contained page: a card for each cluster and proposal, with the command that settles it.

    Args:
        inbox: The clusters.
        proposals: What barcodes say.
        products: The catalog by SKU, for names.
        open_crop: Gives the pixels of a crop.
        made_at: When the page was made.
        track: Shows progress.
    """
    shown = inbox.clusters[:MAX_CLUSTERS_SHOWN]
    cards = [_cluster_card(cluster, products, open_crop) for cluster in track(shown, "Drawing", len(shown))]
    return render(
        "inbox.html.j2",
        inbox=inbox,
        cards=cards,
        proposals=[_proposal_card(product, open_crop) for product in proposals[:MAX_CLUSTERS_SHOWN]],
        n_proposals=len(proposals),
        names={sku: product.name for sku, product in products.items()},
        made_at=made_at,
    )


def _cluster_card(cluster: Cluster, products: Mapping[str, Product], open_crop: OpenCrop) -> _Card:
    known = cluster.proposals[0] if len(cluster.proposals) == 1 else ""
    what = _named(known, is_in_catalog=known in products) if known else "SKU"
    command = f"facings inbox name {cluster.cluster_id} {what} --author YOU"
    return _card(cluster, [crop.kept for crop in cluster.looks], open_crop, command)


def _proposal_card(product: ProposedProduct, open_crop: OpenCrop) -> _Card:
    command = f"facings inbox confirm {_named(product.sku, is_in_catalog=product.is_in_catalog)} --author YOU"
    return _card(product, [crop for crop, _ in product.crops], open_crop, command)


def _named(sku: str, *, is_in_catalog: bool) -> str:
    """A product as one types it."""
    return shlex.quote(sku) + ("" if is_in_catalog else ' --name "NAME"')


def _card(entry: Cluster | ProposedProduct, crops: Sequence[KeptCrop], open_crop: OpenCrop, command: str) -> _Card:
    pictures = tuple(_picture(crop, open_crop) for crop in crops[:MAX_PICTURES])
    return _Card(entry, pictures, len(crops) - len(pictures), command)


def _picture(crop: KeptCrop, open_crop: OpenCrop) -> str:
    try:
        return thumbnail(open_crop(crop), PICTURE_SIDE_PX)
    except FacingsError:
        return ""


def _crop_json(crop: InboxCrop) -> dict[str, Any]:
    return {
        **_kept_json(crop.kept),
        "seen": [{"place": box.place, "seen_at": _iso(box.seen_at)} for box in crop.boxes],
        "closest": crop.closest and _closest(crop.closest.sku, crop.closest.similarity),
        "barcode": crop.proposal,
    }


def _kept_json(crop: KeptCrop) -> dict[str, Any]:
    return {
        "crop": crop.crop_id,
        "photo": crop.source,
        "photo_id": crop.photo_id,
        "box": [round(corner, 2) for corner in crop.box],
    }


def _closest(sku: str, similarity: float) -> dict[str, Any]:
    return {"sku": sku, "similarity": round(similarity, 4)}


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
