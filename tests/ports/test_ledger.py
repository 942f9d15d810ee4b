"""What every ledger must do, whatever database keeps it: one suite, run on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from facings.adapters import sql_ledger, sql_schema
from facings.adapters.sql_ledger import SqlLedger
from facings.adapters.sql_migrate import migrate
from facings.adapters.sql_store import SqlStore
from facings.apps.ledger import Event, Kind, correct, make_key, undo, undoing
from facings.apps.places import Site
from facings.catalog import Product
from facings.errors import BadInput, StoreFailed
from ports.steps import steps
from ports.test_store import Place, place, store

__all__ = ["place", "store"]  # fixtures

DAY = datetime(2026, 3, 1, tzinfo=UTC)
_numbers = itertools.count(1)


@pytest.fixture
def ledger(store: SqlStore) -> SqlLedger:
    """Its ledger."""
    return store.ledger


def event(kind: Kind, quantity: int, hour: float, **fields: Any) -> Event:
    """An event like no other."""
    plain = {"sku": "milk", "place": "s", "author": "ann", "source": "f:1", "key": make_key(next(_numbers))}
    return Event(kind=kind, quantity=quantity, at=DAY + timedelta(hours=hour), **{**plain, **fields})


def on_hand(ledger: SqlLedger) -> dict[tuple[str, str], int]:
    """Stock of every account, held against the fold over all events."""
    kept = ledger.balances()
    assert sorted(ledger.folded(), key=lambda b: (b.place, b.sku)) == kept
    return {(b.place, b.sku): b.on_hand for b in kept}


# Sites


def test_sites_come_back_and_are_replaced(ledger: SqlLedger) -> None:
    ledger.put_site(Site("b", "Europe/Berlin", "EUR"))
    ledger.put_site(Site("a"))
    ledger.put_site(Site("b", "Asia/Tokyo", "JPY"))
    assert ledger.sites() == {"a": Site("a"), "b": Site("b", "Asia/Tokyo", "JPY")}
    assert list(ledger.sites()) == ["a", "b"]


# Events


def test_events_come_back_as_they_went_in(ledger: SqlLedger) -> None:
    told = [
        event("received", 24, 1, unit_price=10**12, currency="EUR", note="Grüße\n'; --", source="x.csv@ab:2"),
        event("counted", 7, 2, uncertainty=3, place="s/a/b"),
        event("moved", 2, 3, to_place="t/c"),
        event("adjusted", -1, 4, sku="Größe, 1 l"),
    ]
    assert ledger.append(told).n_new == 4
    found = list(ledger.events())
    assert found == told
    assert [e.event_id for e in found] == [1, 2, 3, 4]
    assert all(e.recorded_at and e.recorded_at.utcoffset() == timedelta(0) for e in found)
    assert ledger.event(3) == told[2]
    assert ledger.event(99) is None


def test_events_are_asked_for_by_place_product_kind_and_time(ledger: SqlLedger) -> None:
    told = [
        event("received", 9, 5, place="s"),
        event("sold", 1, 4, place="s/a"),
        event("sold", 1, 3, place="s/ab"),
        event("moved", 1, 2, place="t/x", to_place="s/a/b"),
        event("sold", 1, 1, place="sx", sku="tea"),
    ]
    ledger.append(told)
    reverse = told[::-1]  # as their times go
    assert list(ledger.events()) == reverse
    assert list(ledger.events(place="s")) == reverse[1:]
    assert list(ledger.events(place="s/a")) == [told[3], told[1]]
    assert list(ledger.events(place="s/a/b")) == [told[3]]
    assert list(ledger.events(sku="tea")) == [told[4]]
    assert list(ledger.events(kinds=["moved", "received"])) == [told[3], told[0]]
    assert list(ledger.events(since=DAY + timedelta(hours=4))) == [told[1], told[0]]


def test_places_are_no_patterns(ledger: SqlLedger) -> None:
    ledger.append(
        [event("sold", 1, 1, place="s/a_b"), event("sold", 1, 2, place="s/axb/c"), event("sold", 1, 3, place="s/%")]
    )
    assert [e.place for e in ledger.events(place="s/a_b")] == ["s/a_b"]
    assert [b.place for b in ledger.balances(place="s/%")] == ["s/%"]


def test_told_again_changes_nothing(ledger: SqlLedger) -> None:
    told = [event("received", 5, 1), event("sold", 2, 2)]
    assert (ledger.append(told).n_new, ledger.append(told).n_known) == (2, 2)
    assert ledger.append([]).n_new == 0
    both = ledger.append([told[0], event("sold", 1, 3), told[1]])
    assert (both.n_new, both.n_known, both.clashes) == (1, 2, ())
    assert on_hand(ledger) == {("s", "milk"): 2}


def test_one_key_for_two_things_is_a_clash_and_the_first_stays(ledger: SqlLedger) -> None:
    first = event("sold", 2, 1, key="k")
    ledger.append([first])
    other = event("sold", 3, 1, key="k")
    done = ledger.append([other])
    assert (done.n_new, done.n_known, done.clashes) == (0, 1, ((other, first),))
    twice = [event("sold", 1, 2, key="j"), event("sold", 9, 2, key="j")]
    assert ledger.append(twice).clashes == ((twice[1], twice[0]),)
    assert on_hand(ledger) == {("s", "milk"): -3}


def test_all_events_or_none(ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_ledger, "CHUNK_SIZE", 2)
    ledger.append([event("received", 5, 0)])

    def broken() -> Iterator[Event]:
        yield from (event("sold", 1, hour) for hour in range(5))
        raise BadInput("the file is broken.")

    with pytest.raises(BadInput, match="broken"):
        ledger.append(broken())

    assert on_hand(ledger) == {("s", "milk"): 5}
    assert len(list(ledger.events())) == 1


@pytest.mark.parametrize("change", ["UPDATE stock_event SET quantity = 9", "DELETE FROM stock_event"])
def test_the_database_itself_refuses_to_change_the_ledger(change: str, ledger: SqlLedger, place: Place) -> None:
    ledger.append([event("received", 5, 0)])
    with place.raw() as connection, pytest.raises(DBAPIError, match="the record is append-only"):
        connection.execute(text(change))
    assert on_hand(ledger) == {("s", "milk"): 5}


# Balances


def test_out_of_order_events_fold_in_at_their_time(ledger: SqlLedger) -> None:
    for told in (event("received", 10, 1), event("sold", 3, 9), event("counted", 6, 5), event("sold", 1, 7)):
        ledger.append([told])
    assert on_hand(ledger) == {("s", "milk"): 2}  # 6 at 5, less 1 at 7, less 3 at 9


def test_out_of_order_within_one_append_and_over_chunks(ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_ledger, "CHUNK_SIZE", 2)
    ledger.append(
        [
            event("sold", 3, 9),
            event("received", 10, 1),
            event("counted", 6, 5),
            event("sold", 1, 7),
            event("sold", 1, 2),
        ]
    )
    assert on_hand(ledger) == {("s", "milk"): 2}


def test_balances_are_asked_for_by_place_and_product(ledger: SqlLedger) -> None:
    ledger.append(
        [event("counted", 1, 1, place=p, sku=s) for p in ("s", "s/a/1", "s/a/2", "t") for s in ("milk", "tea")]
    )
    assert [(b.place, b.sku) for b in ledger.balances(place="s/a")] == [
        ("s/a/1", "milk"), ("s/a/1", "tea"), ("s/a/2", "milk"), ("s/a/2", "tea"),
    ]  # fmt: skip
    assert [b.place for b in ledger.balances(sku="tea", place="s")] == ["s", "s/a/1", "s/a/2"]
    assert len(ledger.balances()) == 8


def test_undo_takes_an_event_out_and_stays_itself(ledger: SqlLedger) -> None:
    ledger.append([event("received", 10, 1), event("moved", 4, 2, to_place="t/a"), event("counted", 3, 3, place="s/b")])
    assert undo(ledger, 2, author="bob", note="wrong shop").kind == "moved"
    assert on_hand(ledger) == {("s", "milk"): 10, ("t", "milk"): 0, ("t/a", "milk"): 0, ("s/b", "milk"): 3}
    with pytest.raises(BadInput, match="Event 2 was undone already"):
        undo(ledger, 2, author="eve")
    with pytest.raises(BadInput, match="Event 4 is an undoing itself"):
        undo(ledger, 4, author="eve")
    with pytest.raises(BadInput, match="Event 77: the ledger has none"):
        undo(ledger, 77, author="eve")
    undo(ledger, 3, author="bob")
    assert on_hand(ledger)["s/b", "milk"] == 0
    assert [e.kind for e in ledger.events(is_live=True)] == ["received"]
    assert len(list(ledger.events())) == 5
    ledger.append([event("sold", 1, 9)])
    assert on_hand(ledger)["s", "milk"] == 9


def test_nothing_that_is_not_there_can_be_undone(ledger: SqlLedger) -> None:
    ledger.append([event("received", 10, 1)])
    (held,) = ledger.events()
    missing = Event("undone", "milk", "s", 0, DAY, "bob", "", "k", undoes=55)
    with pytest.raises(BadInput, match="Event 55: there is none"):
        ledger.append([missing])
    undo(ledger, 1, author="bob")
    (_, undone) = sorted(ledger.events(), key=lambda e: e.event_id or 0)
    again = Event("undone", "milk", "s", 0, DAY, "bob", "", "k", undoes=undone.event_id)
    with pytest.raises(BadInput, match="Event 2: there is none"):
        ledger.append([again])
    with pytest.raises(StoreFailed):  # under another key the database itself refuses it
        ledger.append([Event("undone", "milk", "s", 0, DAY, "bob", "", "k2", undoes=1)])
    assert ledger.append([undoing(held, author="eve", at=DAY)]).n_known == 1


def test_two_who_correct_the_same_count_do_not_add_up(ledger: SqlLedger) -> None:
    ledger.append([event("received", 10, 1)])
    noon = DAY + timedelta(hours=12)
    for author, n in (("ann", 7), ("bob", 9)):
        correct(ledger, "milk", "s", n, author=author, at=noon)
    assert on_hand(ledger) == {("s", "milk"): 9}  # both stay, the later by arrival counts
    assert [(e.author, e.quantity) for e in ledger.events(kinds=["counted"])] == [("ann", 7), ("bob", 9)]


def test_balances_that_were_tampered_with_are_found_and_rebuilt(ledger: SqlLedger, place: Place) -> None:
    ledger.append([event("received", n + 1, 1, sku=f"p{n}") for n in range(5)])
    with place.raw() as connection:
        connection.execute(text("UPDATE stock_balance SET on_hand = 99 WHERE sku = 'p3'"))
    kept = ledger.balances()
    assert [b.sku for b, f in zip(kept, ledger.folded(), strict=True) if b != f] == ["p3"]
    ledger.rebuild()
    assert on_hand(ledger) == {("s", f"p{n}"): n + 1 for n in range(5)}


def test_two_writers_lose_nothing(place: Place) -> None:
    stores = [place.init(), place.open()]
    written = [[event("sold", 1, hour % 7) for hour in range(30)] for _ in stores]

    def write(store: SqlStore, events: list[Event]) -> None:
        for told in events:
            store.ledger.append([told])

    writers = [threading.Thread(target=write, args=pair) for pair in zip(stores, written, strict=True)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert on_hand(stores[0].ledger) == {("s", "milk"): -60}
    for one in stores:
        one.close()


# What inventory asks


def test_sales_since(ledger: SqlLedger) -> None:
    ledger.append(
        [event("sold", 1, 1), event("sold", 2, 5, place="s/a"), event("sold", 4, 9), event("received", 50, 9)]
    )
    undo(ledger, 3, author="bob")
    since = DAY + timedelta(hours=2)
    assert ledger.units_sold(since) == {("s", "milk"): (2, DAY + timedelta(hours=5))}


def test_what_a_site_sold_since_its_shelves_were_counted(ledger: SqlLedger) -> None:
    ledger.append([
        event("counted", 9, 1, place="s/a"), event("counted", 4, 3, place="s/b"),
        event("sold", 1, 2), event("sold", 2, 4), event("adjusted", -3, 5),
        event("counted", 9, 1, sku="tea", place="s/a"), event("received", 5, 1, sku="tea"),
        event("sold", 5, 2, sku="tea"),
    ])  # fmt: skip
    assert ledger.site_changes_since_counts() == {("s", "milk"): -5}  # tea has books of its own


# Migration


def test_a_store_of_the_second_version_gets_a_ledger_and_keeps_the_rest(place: Place) -> None:
    store = place.init()
    store.put_products([Product("milk", depth=4, reorder_point=6)])
    store.ledger.append([event("received", 5, 1)])
    store.close()
    engine = create_engine(place.url)
    with engine.begin() as connection:
        migrate(connection, "0002")
        assert not {"stock_event", "stock_balance", "site"} & set(inspect(connection).get_table_names())
    engine.dispose()
    with pytest.raises(StoreFailed, match=rf"version 0002, wanted version {sql_schema.REVISION}\. Run: facings init"):
        place.open()

    again = place.init()

    assert again.products() == {"milk": Product("milk")}
    assert again.ledger.balances() == []
    again.ledger.append([event("received", 7, 1)])
    assert on_hand(again.ledger) == {("s", "milk"): 7}
    again.close()


# Against a plain model

PLACES = ("s", "s/a", "s/a/1", "t", "t/b")


def test_any_history_agrees_with_a_plain_model(ledger: SqlLedger) -> None:
    class Machine(RuleBasedStateMachine):
        """Events of every kind at any time, told again, undone; the model is lists and loops."""

        def __init__(self) -> None:
            super().__init__()
            self.site = f"x{next(_numbers)}"
            self.told: list[Event] = []
            self.undone: set[int] = set()

        def real(self, where: str) -> str:
            return self.site + where

        @rule(
            what=st.lists(
                st.tuples(
                    st.sampled_from(["received", "sold", "counted", "adjusted", "moved", "expired"]),
                    st.sampled_from(PLACES),
                    st.sampled_from(PLACES),
                    st.sampled_from(["milk", "tea"]),
                    st.integers(1, 9),
                    st.integers(0, 5),
                ),
                min_size=1,
                max_size=5,
            )
        )
        def tell(self, what: list[tuple[Kind, str, str, str, int, int]]) -> None:
            new = [
                event(
                    kind, n, hour, place=self.real(here), sku=sku, to_place=self.real(there) if kind == "moved" else ""
                )
                for kind, here, there, sku, n, hour in what
                if kind != "moved" or here != there
            ]
            assert ledger.append(new).n_new == len(new)
            self.told += new

        @rule(which=st.integers(0, 50))
        def tell_again(self, which: int) -> None:
            if self.told:
                assert ledger.append([self.told[which % len(self.told)]]).n_known == 1

        @rule(which=st.integers(0, 50))
        def undo_one(self, which: int) -> None:
            if not self.told:
                return
            number = which % len(self.told)
            (event_id,) = [
                e.event_id for e in ledger.events(sku=self.told[number].sku) if e.key == self.told[number].key
            ]
            assert event_id is not None
            if number in self.undone:
                with pytest.raises(BadInput, match="undone already"):
                    undo(ledger, event_id, author="bob")
            else:
                undo(ledger, event_id, author="bob")
                self.undone.add(number)

        def model(self, where: str, sku: str) -> int | None:
            """Stock at a place by going over everything told, None where nothing ever was."""
            lives = [(e.at, n, e) for n, e in enumerate(self.told) if e.sku == sku]
            on_hand, is_known = 0, False
            for _, number, e in sorted(lives, key=lambda item: item[:2]):
                here = e.place == where or ("/" not in where and e.place.startswith(where + "/"))
                there = bool(e.to_place) and (
                    e.to_place == where or ("/" not in where and e.to_place.startswith(where + "/"))
                )
                if not (here or there) or (e.kind == "counted" and e.place != where):
                    continue
                is_known = True
                if number in self.undone:
                    continue
                if e.kind == "counted":
                    on_hand = e.quantity
                elif e.kind in {"received", "adjusted"}:
                    on_hand += e.quantity
                elif e.kind in {"sold", "expired"}:
                    on_hand -= e.quantity
                else:
                    on_hand += e.quantity * there - e.quantity * here
            return on_hand if is_known else None

        @invariant()
        def agrees(self) -> None:
            kept = on_hand(ledger)
            for where in PLACES:
                for sku in ("milk", "tea"):
                    assert kept.get((self.real(where), sku)) == self.model(self.real(where), sku)

    run_state_machine_as_test(Machine, settings=steps(8, 8))
