"""What the inbox keeps: crops that the gallery did not know, and what people said about them.

What *is* in the inbox is written down nowhere. It follows from three things whenever somebody looks: the record (a crop
is unknown while the last reading of its photo says so), the gallery (what it knows by now leaves), and the inbox's own
events (what was named or dismissed). Events are appended and never changed; `standings` folds them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol

from facings.catalog import Product
from facings.embed import Embedder
from facings.errors import BadInput
from facings.gallery import Added, Box, NewReference
from facings.types import FloatArray

SAME_BOX_IOU = 0.5

Action = Literal["named", "dismissed", "restored", "proposed"]
Status = Literal["open", "named", "dismissed"]


@dataclass(frozen=True)
class UnknownBox:
    """A box that the last reading of a photo at a place calls unknown, after comparing it with the gallery.

    Args:
        photo_id: SHA-256 of the photo.
        box: x1, y1, x2, y2 in pixels of the upright photo.
        source: Path or name the photo came from.
        place: Where it was taken, "" when not said.
        seen_at: When, aware UTC.
    """

    photo_id: str
    box: Box
    source: str
    place: str
    seen_at: datetime


@dataclass(frozen=True)
class KeptCrop:
    """A crop that has a number: one box of one photo.

    Args:
        crop_id: Its number, in order of arrival, never given twice.
        photo_id: SHA-256 of the photo.
        box: x1, y1, x2, y2 in pixels of the upright photo.
        source: Path or name the photo came from.
    """

    crop_id: int
    photo_id: str
    box: Box
    source: str


@dataclass(frozen=True, eq=False)
class CropRow:
    """What the network says of a crop: its embedding, float32 (D,), length 1; and its perceptual hash."""

    crop_id: int
    look: int
    row: FloatArray


@dataclass(frozen=True)
class Event:
    """What somebody said about crops.

    Args:
        action: "named" (they show this product, and are enrolled), "dismissed" (no product to know), "restored" (that
            was a mistake), or "proposed" (a barcode says that they show this product).
        crop_ids: Which crops.
        author: Who says so: a person, or what read the barcode.
        sku: The product, "" for dismissed and restored.
        note: Why, in the author's words; for a proposal the evidence.
        enrolled: For "named": those that became references. The others stand behind them.
        event_id: Its number; None before it is written.
        recorded_at: When it was written, aware UTC; None before it is.
    """

    action: Action
    crop_ids: tuple[int, ...]
    author: str
    sku: str = ""
    note: str = ""
    enrolled: tuple[int, ...] = ()
    event_id: int | None = None
    recorded_at: datetime | None = None

    def __post_init__(self) -> None:
        if not self.crop_ids or not self.author.strip():
            raise BadInput(f"Inbox: got {len(self.crop_ids)} crops by {self.author!r}, wanted one at least, and who.")
        if bool(self.sku) != (self.action in {"named", "proposed"}):
            raise BadInput(f"Inbox: got {self.action} with SKU {self.sku!r}.")
        if not set(self.enrolled) <= set(self.crop_ids):
            raise BadInput(f"Inbox: got {self.enrolled} enrolled of {self.crop_ids}, wanted some of them.")
        if not all(text.isprintable() for text in (self.author, self.note)):
            raise BadInput("Inbox: got an author or a note with line breaks or unprintable characters.")


@dataclass(frozen=True)
class Proposal:
    """A product that a crop shows, as its barcode says; nobody confirmed it yet."""

    sku: str
    evidence: str
    proposed_at: datetime | None


@dataclass(frozen=True)
class Standing:
    """Where a crop stands after all that was said about it.

    Args:
        status: "open", "named" or "dismissed".
        event_id: The event that made it so; None when nothing was said.
        sku: The product of a named crop.
        author: Who named or dismissed it.
        proposal: What its barcode says, while it is open.
    """

    status: Status = "open"
    event_id: int | None = None
    sku: str = ""
    author: str = ""
    proposal: Proposal | None = None


class InboxStore(Protocol):
    """Where crops and events are kept, in the database of the record and the gallery."""

    def unknown_boxes(self) -> list[UnknownBox]:
        """What the record calls unknown now, in order of time seen."""
        ...

    def crops(self, *, photo_id: str = "") -> list[KeptCrop]:
        """Crops that have a number, in its order; of one photo, or all."""
        ...

    def keep(self, boxes: Sequence[UnknownBox]) -> None:
        """Give each box a number, in their order; one that has a number is left alone."""
        ...

    def rows(self, crop_ids: Iterable[int], space_id: str) -> list[CropRow]:
        """Rows of these crops in one space, by number; crops without one there are missing."""
        ...

    def put_rows(self, rows: Sequence[CropRow], space_id: str) -> None:
        """Keep rows of one space instead of what was kept for these crops, in one transaction."""
        ...

    def events(self) -> list[Event]:
        """All events, in order of arrival."""
        ...

    def standings(self, crop_ids: Collection[int] | None = None) -> dict[int, Standing]:
        """Where crops stand that something was said about, of these or all, from one consistent view."""
        ...

    def append(self, event: Event) -> None:
        """Write an event that enrolls nothing.

        Raises:
            BadInput: A crop does not exist, or does not stand where such an event may follow (`refuse_step`).
        """
        ...

    def name(
        self, event: Event, references: Sequence[NewReference], *, products: Sequence[Product], embedder: Embedder,
        model: str,
    ) -> Added:  # fmt: skip
        """Write a "named" event and its references, with the product they need, in one transaction: all or nothing.

        Raises:
            BadInput: As `append`.
            GalleryInvalid: A box is enrolled for another product.
        """
        ...


def standings(events: Iterable[Event], live: Set[tuple[int, str]]) -> dict[int, Standing]:
    """What the events come to.

    A crop is named as long as its reference is in the gallery, or, if it stands behind others, as long as one of
    theirs is. So taking a product out of the gallery undoes its naming, and the crops come back.

    Args:
        events: In order of arrival.
        live: (crop id, SKU) of every crop whose box is a live reference of this product.
    """
    found: dict[int, Standing] = {}
    for event in events:
        enrolled = {crop_id for crop_id in event.enrolled if (crop_id, event.sku) in live}
        for crop_id in event.crop_ids:
            is_alive = crop_id in enrolled if crop_id in event.enrolled else bool(enrolled)
            found[crop_id] = _after(found.get(crop_id, Standing()), event, is_alive=is_alive)
    return found


def _after(before: Standing, event: Event, *, is_alive: bool) -> Standing:
    if event.action == "proposed":
        return replace(before, proposal=Proposal(event.sku, event.note, event.recorded_at))
    if event.action == "named" and is_alive:
        return Standing("named", event.event_id, event.sku, event.author)
    if event.action == "dismissed":
        return Standing("dismissed", event.event_id, author=event.author)
    return Standing()


def refuse_step(event: Event, found: Mapping[int, Standing]) -> None:
    """Do nothing if the event may follow: of two people who settle one crop, the first counts.

    Raises:
        BadInput: Some of its crops stand elsewhere.
    """
    wanted: Status = "dismissed" if event.action == "restored" else "open"
    for crop_id in event.crop_ids:
        now = found.get(crop_id, Standing())
        if now.status != wanted:
            what = f"named {now.sku!r} by {now.author}" if now.status == "named" else f"dismissed by {now.author}"
            state = f"was {what}" if now.status != "open" else "was not dismissed"
            raise BadInput(f"Crop {crop_id} {state}; nothing was changed.", "Look again: facings inbox list.")


def same_crop(box: Box, others: Sequence[KeptCrop]) -> KeptCrop | None:
    """The crop of the same photo that shows the same thing: its very box, else the one with the largest IoU.

    Detectors move their boxes by some pixels, and a crop must not come back for that.

    Args:
        box: x1, y1, x2, y2 in pixels.
        others: Crops of the same photo.

    Returns:
        None if none overlaps by an IoU of `SAME_BOX_IOU` or more.
    """
    for other in others:
        if other.box == box:
            return other
    best = max(others, key=lambda other: iou(box, other.box), default=None)
    return best if best and iou(box, best.box) >= SAME_BOX_IOU else None


def iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes, in [0, 1]."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0.0) * max(height, 0.0)
    union = sum((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (first, second)) - shared
    return shared / union if union > 0 else 0.0
