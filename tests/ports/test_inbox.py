"""What every inbox must do, whatever database keeps it: one suite, run on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from conftest import FakeEmbedder
from facings.adapters import sql_inbox, sql_schema
from facings.adapters.sql_inbox import SqlInbox
from facings.adapters.sql_migrate import migrate
from facings.adapters.sql_store import SqlStore
from facings.catalog import Product
from facings.errors import BadInput, FacingsError, GalleryInvalid, ModelMismatch, StoreFailed
from facings.gallery import Box, NewReference
from facings.inbox.crops import Action, CropRow, Event, KeptCrop, Standing, UnknownBox
from facings.types import Candidate, Decision, Reading, Recognition, Verdict
from ports.test_store import SPACE, Place, as_written, make_row, place, store

__all__ = ["place", "store"]  # fixtures

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
A, B = "a" * 64, "b" * 64
BOX: Box = (0.1, 2.0, 30.25, 40.5)
_numbers = itertools.count(1)


@pytest.fixture
def inbox(store: SqlStore) -> SqlInbox:
    """Its inbox."""
    return store.inbox


def see(
    store: SqlStore, photo_id: str, *boxes: tuple[Box, Verdict | Literal["small"]], place: str = "bay", hour: float = 0
) -> None:
    """Put a reading on record whose boxes have these verdicts; "small" is a box that was compared with nothing."""
    best = Candidate("tea", 0.5, 1)
    recognitions = tuple(
        Recognition(
            box, 0.9, Decision("unknown", None, ()) if verdict == "small"
            else Decision(verdict, "tea" if verdict == "accepted" else None, (best,)),
        )
        for box, verdict in boxes
    )  # fmt: skip
    moment = NOON + timedelta(hours=hour)
    reading = Reading(photo_id, f"{photo_id[0]}.jpg", 640, 480, moment, place, "d", SPACE, 1, recognitions)
    assert store.append_reading(reading, str(next(_numbers)))


def unknown(photo_id: str = A, box: Box = BOX, *, place: str = "bay", hour: float = 0) -> UnknownBox:
    return UnknownBox(photo_id, box, f"{photo_id[0]}.jpg", place, NOON + timedelta(hours=hour))


def shift(box: Box, by: float) -> Box:
    return box[0] + by, box[1], box[2] + by, box[3]


def keep(inbox: SqlInbox, n: int) -> list[KeptCrop]:
    """So many crops of one photo, side by side."""
    inbox.keep([unknown(box=shift(BOX, 50.0 * i)) for i in range(n)])
    return inbox.crops()


def make_row_of(crop_id: int) -> CropRow:
    return CropRow(crop_id, 2**64 - crop_id, make_row(crop_id))


def reference(crop: KeptCrop, sku: str = "milk") -> NewReference:
    return NewReference(sku, crop.photo_id, crop.box, crop.source, crop.crop_id, make_row(crop.crop_id))


def name(
    store: SqlStore, crops: list[KeptCrop], sku: str = "milk", *, n_enrolled: int = 99, author: str = "ann"
) -> int:
    """Name crops, of which the first ones become references; the gallery's version."""
    enrolled = crops[:n_enrolled]
    event = Event("named", tuple(c.crop_id for c in crops), author, sku, enrolled=tuple(c.crop_id for c in enrolled))
    references = [reference(crop, sku) for crop in enrolled]
    return store.inbox.name(
        event, references, products=[Product(sku, name=sku.title())], embedder=FakeEmbedder(), model="fake"
    ).version


def status(inbox: SqlInbox) -> dict[int, str]:
    return {crop_id: now.status for crop_id, now in inbox.standings().items()}


# What the record calls unknown


def test_unknown_boxes_are_those_of_the_last_reading_of_each_photo_and_place(store: SqlStore, inbox: SqlInbox) -> None:
    other = shift(BOX, 50)
    see(store, A, (BOX, "unknown"), (other, "unknown"), hour=2)
    see(store, A, (BOX, "accepted"), (other, "unknown"), hour=2)
    see(store, A, (BOX, "unknown"), place="till", hour=3)
    see(store, B, (BOX, "ambiguous"), (other, "small"), (shift(BOX, 99), "unknown"), hour=1)
    assert inbox.unknown_boxes() == [
        unknown(B, shift(BOX, 99), hour=1),
        unknown(A, other, hour=2),
        unknown(A, BOX, place="till", hour=3),
    ]


def test_nothing_is_unknown_in_an_empty_store(inbox: SqlInbox) -> None:
    assert (inbox.unknown_boxes(), inbox.crops(), inbox.events(), inbox.standings()) == ([], [], [], {})
    inbox.keep([])
    inbox.put_rows([], SPACE)
    assert inbox.rows([], SPACE) == []


# Crops


def test_boxes_get_numbers_once_in_their_order(inbox: SqlInbox, place: Place) -> None:
    inbox.keep([unknown(B), unknown(A), unknown(B)])
    inbox.keep([unknown(A, hour=5), unknown(A, shift(BOX, 1))])
    assert inbox.crops() == [
        KeptCrop(1, B, BOX, "b.jpg"),
        KeptCrop(2, A, BOX, "a.jpg"),
        KeptCrop(3, A, shift(BOX, 1), "a.jpg"),
    ]
    assert inbox.crops(photo_id=B) == [KeptCrop(1, B, BOX, "b.jpg")]
    other = place.open()
    other.inbox.keep([unknown(A)])
    assert len(other.inbox.crops()) == 3
    other.close()


def test_rows_come_back_bit_for_bit_and_only_in_their_space(inbox: SqlInbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_inbox, "CHUNK_SIZE", 2)
    ids = [crop.crop_id for crop in keep(inbox, 5)]
    inbox.put_rows([make_row_of(i) for i in ids[:4]], SPACE)
    inbox.put_rows([CropRow(1, 7, make_row(99))], "another-space")
    found = inbox.rows(reversed(ids), SPACE)
    assert [(r.crop_id, r.look) for r in found] == [(i, 2**64 - i) for i in (2, 3, 4)]
    assert all(r.row.tobytes() == make_row(r.crop_id).tobytes() for r in found)
    (moved,) = inbox.rows([1, 5], "another-space")
    assert (moved.crop_id, moved.look) == (1, 7)
    assert np.array_equal(moved.row, make_row(99))
    assert inbox.rows([3], "third-space") == []


# Events


def test_events_come_back_as_they_went_in(store: SqlStore, inbox: SqlInbox) -> None:
    crops = keep(inbox, 4)
    told = [
        Event("proposed", (4,), "barcode", "4006381333931", "EAN-13 4006381333931, read on the crop"),
        Event("dismissed", (2, 3), "Jörg", note="Hände; '--"),
        Event("restored", (2, 3), "ann"),
    ]
    for event in told:
        inbox.append(event)
    name(store, crops[:2], n_enrolled=1)
    found = inbox.events()
    assert [replace(e, event_id=None, recorded_at=None) for e in found[:3]] == told
    assert found[3].enrolled == (1,)
    assert [e.event_id for e in found] == [1, 2, 3, 4]
    assert all(e.recorded_at and e.recorded_at.utcoffset() == timedelta(0) for e in found)
    proposal = inbox.standings([4])[4].proposal
    assert proposal
    assert (proposal.sku, proposal.evidence) == ("4006381333931", told[0].note)


@pytest.mark.parametrize("table", ["inbox_event", "inbox_event_crop"])
@pytest.mark.parametrize("change", ["UPDATE {} SET event_id = 9", "DELETE FROM {}"])
def test_the_database_itself_refuses_to_change_what_was_said(
    table: str, change: str, inbox: SqlInbox, place: Place
) -> None:
    keep(inbox, 1)
    inbox.append(Event("dismissed", (1,), "ann"))
    with place.raw() as connection, pytest.raises(DBAPIError, match="the record is append-only"):
        connection.execute(text(change.format(table)))
    assert status(inbox) == {1: "dismissed"}


def test_naming_enrolls_and_says_who_did_it(store: SqlStore, inbox: SqlInbox) -> None:
    crops = keep(inbox, 3)
    assert name(store, crops, n_enrolled=2) == 1
    assert [(r.sku, r.photo_id, r.box) for r in store.references()] == [("milk", A, c.box) for c in crops[:2]]
    assert store.products() == {"milk": Product("milk", name="Milk")}
    assert inbox.standings() == {i: Standing("named", 1, "milk", "ann") for i in (1, 2, 3)}


def test_removing_from_the_gallery_undoes_a_naming(store: SqlStore, inbox: SqlInbox) -> None:
    crops = keep(inbox, 3)
    name(store, crops, n_enrolled=2)
    first, second = (r.reference_id for r in store.references())
    store.remove_references([first])
    assert status(inbox) == {1: "open", 2: "named", 3: "named"}  # the third stands behind the second
    store.remove_references([second])
    assert status(inbox) == {1: "open", 2: "open", 3: "open"}
    name(store, crops[1:], "tea", author="bob")
    assert {i: now.sku for i, now in inbox.standings().items()} == {1: "", 2: "tea", 3: "tea"}
    assert [r.sku for r in store.references()] == ["tea", "tea"]


def test_a_reference_of_another_product_in_the_same_box_does_not_keep_a_naming_alive(
    store: SqlStore, inbox: SqlInbox
) -> None:
    crops = keep(inbox, 2)
    name(store, crops, n_enrolled=1)
    store.remove_references([r.reference_id for r in store.references()])
    store.add_references([reference(crops[0], "tea")], embedder=FakeEmbedder(), model="fake", products=[Product("tea")])
    assert status(inbox) == {1: "open", 2: "open"}


@pytest.mark.parametrize(
    ("first", "then", "message"),
    [
        pytest.param("named", "named", r"Crop 2 was named 'milk' by ann; nothing was changed", id="named twice"),
        pytest.param("named", "dismissed", "was named 'milk' by ann", id="dismissed after naming"),
        pytest.param("named", "proposed", "was named", id="proposed after naming"),
        pytest.param("dismissed", "named", "Crop 2 was dismissed by ann", id="named after dismissing"),
        pytest.param("dismissed", "dismissed", "was dismissed", id="dismissed twice"),
        pytest.param("named", "restored", "was named", id="a named one restored"),
        pytest.param(None, "restored", "Crop 2 was not dismissed", id="an open one restored"),
    ],
)
def test_of_two_who_settle_a_crop_the_first_counts(
    first: Action | None, then: Action, message: str, store: SqlStore, inbox: SqlInbox
) -> None:
    crops = keep(inbox, 3)

    def do(action: Action, chosen: list[KeptCrop], author: str) -> None:
        if action == "named":
            name(store, chosen, "milk" if author == "ann" else "tea", author=author)
        else:
            ids = tuple(crop.crop_id for crop in chosen)
            sku = "tea" if action == "proposed" else ""
            inbox.append(Event(action, ids, author, sku))

    if first:
        do(first, crops[:2], "ann")
    before = (inbox.events(), store.references(), store.products(), store.gallery_version())
    with pytest.raises(BadInput, match=message):
        do(then, crops[1:], "bob")
    assert (inbox.events(), store.references(), store.products(), store.gallery_version()) == before


def test_what_cannot_be_named_changes_nothing(store: SqlStore, inbox: SqlInbox) -> None:
    crops = keep(inbox, 2)
    store.add_references([reference(crops[1], "tea")], embedder=FakeEmbedder(), model="fake", products=[Product("tea")])
    before = (inbox.events(), store.references(), store.products(), store.gallery_version())

    def refused(error: type[FacingsError], match: str, act: Callable[[], object]) -> None:
        with pytest.raises(error, match=match):
            act()
        assert (inbox.events(), store.references(), store.products(), store.gallery_version()) == before

    refused(GalleryInvalid, "this box is enrolled for 'tea', so it cannot show 'milk'", lambda: name(store, crops))
    refused(BadInput, "The inbox has no crop 7", lambda: inbox.append(Event("dismissed", (1, 7), "ann")))
    event = Event("named", (1,), "ann", "nobody", enrolled=(1,))
    new = [reference(crops[0], "nobody")]
    refused(
        StoreFailed, "store failed",  # no such product, and none is made
        lambda: inbox.name(event, new, products=[], embedder=FakeEmbedder(), model="fake"),
    )  # fmt: skip
    refused(
        ModelMismatch, "was made by model 'fake'",
        lambda: inbox.name(event, new, products=[], embedder=FakeEmbedder("other-space-0001"), model="other"),
    )  # fmt: skip
    name(store, crops, "tea")  # the same product: that reference is left as it is
    assert [r.box for r in store.references()] == [crops[1].box, crops[0].box]


def test_two_people_name_the_same_crops_at_once(place: Place) -> None:
    stores = [place.init(), place.open()]
    crops = keep(stores[0].inbox, 6)
    at_once = threading.Barrier(2)
    said: dict[str, str] = {}

    def settle(store: SqlStore, author: str) -> None:
        at_once.wait(60)
        try:
            name(store, crops, f"product-{author}", author=author)
            said[author] = "done"
        except BadInput as error:
            said[author] = error.message

    people = [threading.Thread(target=settle, args=pair) for pair in zip(stores, ("ann", "bob"), strict=True)]
    for person in people:
        person.start()
    for person in people:
        person.join(120)
    (winner,) = (author for author, words in said.items() if words == "done")
    (told,) = (words for words in said.values() if words != "done")
    assert told == f"Crop 1 was named 'product-{winner}' by {winner}; nothing was changed."
    assert {(r.sku, r.box) for r in stores[0].references()} == {(f"product-{winner}", crop.box) for crop in crops}
    assert len(stores[0].references()) == len(crops)
    assert list(stores[1].products()) == [f"product-{winner}"]
    for one in stores:
        one.close()


# Migration


def test_a_store_of_the_third_version_gets_an_inbox_of_what_it_saw_and_keeps_the_rest(place: Place) -> None:
    store = place.init()
    see(store, A, (BOX, "unknown"))
    crops = keep(store.inbox, 2)
    name(store, crops[:1])
    store.inbox.append(Event("dismissed", (2,), "ann"))
    store.inbox.put_rows([make_row_of(2)], SPACE)
    kept = [as_written(reading) for reading in store.readings()]
    store.close()
    engine = create_engine(place.url)
    with engine.begin() as connection:
        migrate(connection, "0003")
        assert not {"inbox_crop", "inbox_event", "inbox_event_crop"} & set(inspect(connection).get_table_names())
    engine.dispose()
    with pytest.raises(StoreFailed, match=rf"version 0003, wanted version {sql_schema.REVISION}\. Run: facings init"):
        place.open()

    again = place.init()

    assert [as_written(reading) for reading in again.readings()] == kept
    assert [r.sku for r in again.references()] == ["milk"]  # what was named stays in the gallery
    assert (again.inbox.crops(), again.inbox.events()) == ([], [])
    assert again.inbox.unknown_boxes() == [unknown()]
    again.inbox.keep(again.inbox.unknown_boxes())
    again.inbox.append(Event("dismissed", (1,), "ann"))
    assert status(again.inbox) == {1: "dismissed"}
    again.close()
