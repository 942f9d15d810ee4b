"""The fold, with numbers worked by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from facings.apps.ledger import Balance, Event, Kind, fold, fold_all, make_key, undoing
from facings.errors import BadInput

DAY = datetime(2026, 3, 1, tzinfo=UTC)
_ids = count(1)


def at(hour: float) -> datetime:
    return DAY + timedelta(hours=hour)


def event(kind: Kind, quantity: int, hour: float, place: str = "s", **fields: Any) -> Event:
    number = next(_ids)
    return Event(kind, "milk", place, quantity, at(hour), "ann", "", str(number), event_id=number, **fields)


def stock(*events: Event) -> dict[str, int]:
    return {place: balance.on_hand for (place, _), balance in fold_all(events).items()}


def test_a_day_in_the_life_of_a_product() -> None:
    # 24 come, 5 go, 2 expire: 17. Counted 15: two are missing. Adjusted by +1: 16. 20 go: 4 more than was there.
    # 12 come: 8.
    events = [
        event("received", 24, 8, unit_price=70, currency="EUR"),
        event("sold", 5, 9),
        event("expired", 2, 10),
        event("counted", 15, 11, uncertainty=2),
        event("adjusted", 1, 12),
        event("sold", 20, 13),
        event("received", 12, 14),
    ]
    steps = [fold_all(events[:n])["s", "milk"] for n in range(1, 8)]

    assert [b.on_hand for b in steps] == [24, 19, 17, 15, 16, -4, 8]
    assert [b.short_since for b in steps] == [None] * 5 + [at(13), None]
    assert [b.uncertainty for b in steps] == [0, 0, 0, 2, 2, 2, 2]
    assert steps[-1] == Balance(
        "s", "milk", 8, 2, 7, last_at=at(14), counted_at=at(11), opened_at=at(8), first_sold_at=at(9), unit_cost=70,
        cost_currency="EUR",
    )  # fmt: skip


def test_nothing_is_an_empty_account() -> None:
    assert fold([], Balance("s", "milk")) == Balance("s", "milk")
    assert fold_all([]) == {}


def test_times_decide_and_arrival_at_equal_times() -> None:
    late_count = [event("received", 10, 1), event("sold", 4, 5), event("counted", 9, 3)]  # 9 at 3, then 4 go
    assert stock(*late_count) == {"s": 5}
    same_time = [event("counted", 7, 2), event("counted", 9, 2)]
    assert stock(*same_time) == {"s": 9}


def test_what_sells_before_it_came_is_told() -> None:
    early = fold_all([event("sold", 3, 1), event("received", 10, 2)])["s", "milk"]
    assert (early.on_hand, early.sold_before_stock_since, early.short_since) == (7, at(1), None)
    never = fold_all([event("sold", 3, 1), event("sold", 1, 2)])["s", "milk"]
    assert (never.on_hand, never.sold_before_stock_since, never.short_since, never.empty_since) == (
        -4, at(1), at(1), at(1)
    )  # fmt: skip
    right = fold_all([event("received", 10, 1), event("sold", 3, 1)])["s", "milk"]
    assert right.sold_before_stock_since is None


def test_empty_since_the_last_unit_went() -> None:
    events = [event("counted", 2, 1), event("sold", 2, 2), event("counted", 0, 3), event("sold", 1, 4)]
    balance = fold_all(events)["s", "milk"]
    assert (balance.empty_since, balance.short_since) == (at(2), at(4))
    assert fold_all([*events, event("received", 2, 5)])["s", "milk"].empty_since is None


def test_a_move_has_two_legs_and_one_id() -> None:
    assert stock(event("received", 10, 1), event("moved", 4, 2, to_place="t")) == {"s": 6, "t": 4}
    inside = [event("received", 10, 1), event("moved", 4, 2, to_place="s/a/b")]
    assert stock(*inside) == {"s": 10, "s/a/b": 4}  # the shop has as many as before
    between = [event("counted", 5, 1, "s/a"), event("moved", 2, 2, "s/a", to_place="t/b")]
    assert stock(*between) == {"s": -2, "s/a": 3, "t": 2, "t/b": 2}


def test_shelves_are_a_part_of_their_site() -> None:
    events = [event("received", 24, 1), event("counted", 10, 2, "s/a"), event("expired", 3, 3, "s/a")]
    assert stock(*events) == {"s": 21, "s/a": 7}  # the count says nothing of the site, what expired is gone from both
    assert fold_all([event("received", 5, 1, "s/a")])["s", "milk"].opened_at is None


def test_undone_events_never_were() -> None:
    first, second, moved = event("received", 10, 1), event("sold", 3, 2), event("moved", 2, 3, to_place="t")
    undo = undoing(second, author="bob", at=at(9))
    assert stock(first, second, moved, undo) == {"s": 8, "t": 2}
    assert stock(first, moved, undoing(moved, author="bob", at=at(9))) == {"s": 10, "t": 0}
    assert undo.author == "bob"
    assert undo.source == f"event {second.event_id}"
    with pytest.raises(BadInput, match="is an undoing itself"):
        undoing(undo, author="bob", at=at(9))


def test_going_on_from_a_balance_is_the_same_as_all_at_once() -> None:
    events = [event("received", 5, 1), event("sold", 9, 2), event("counted", 0, 3), event("adjusted", 2, 4)]
    whole = fold(events, Balance("s", "milk"))
    for n in range(5):
        assert fold(events[n:], fold(events[:n], Balance("s", "milk"))) == whole


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "stolen"}, "wanted one of received"),
        ({"quantity": 0}, "wanted above 0"),
        ({"quantity": -1}, "Book what came back as received"),
        ({"quantity": 10**10}, "wanted above 0"),
        ({"kind": "counted", "quantity": -1}, "wanted 0 or more"),
        ({"kind": "adjusted", "quantity": 0}, "a number with its sign"),
        ({"uncertainty": 1}, "of counts only"),
        ({"at": datetime(2026, 3, 1)}, "without zone"),
        ({"sku": ""}, "wanted a SKU"),
        ({"author": " "}, "an author"),
        ({"key": ""}, "a key"),
        ({"place": "a//b"}, "Place"),
        ({"to_place": "t"}, "for no other kind"),
        ({"kind": "moved"}, "another place to go to"),
        ({"kind": "moved", "to_place": "s"}, "another place to go to"),
        ({"undoes": 1}, "for no other kind"),
        ({"kind": "undone", "quantity": 0}, "the event it undoes"),
        ({"unit_price": 5}, "ISO 4217"),
    ],
)
def test_what_is_no_event(fields: dict[str, Any], words: str) -> None:
    plain: dict[str, Any] = {"kind": "sold", "sku": "milk", "place": "s", "quantity": 1, "at": DAY}
    with pytest.raises(BadInput, match=words):
        Event(**{**plain, "author": "ann", "source": "", "key": "k", **fields})


def test_keys_tell_parts_apart() -> None:
    assert make_key("ab", "c") != make_key("a", "bc")
    assert make_key("a", 1) == make_key("a", "1")
