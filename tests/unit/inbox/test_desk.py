"""The inbox as people use it: seen, named, dismissed, proposed; with a stand-in network and a real store."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from conftest import FakeEmbedder
from facings import gallery
from facings.adapters.sql_store import open_store
from facings.catalog import Product
from facings.errors import BadInput, ModelMismatch, StoreFailed
from facings.evidence import Evidence
from facings.inbox import desk, naming, survey
from facings.inbox.clusters import link_similarity
from facings.inbox.desk import DeskRules
from facings.types import FloatArray, UInt8Array
from facings.verify import verify
from unknown_shop import FLOUR, MILK, RICE, SOAP, TAG, TEA, WIDTH, Shop, box_of, groups, skus

GTIN = "4006381333931"


# What is in it


def test_unknown_crops_are_grouped_and_the_most_seen_come_first(shop: Shop) -> None:
    shop.see(MILK, SOAP, TEA, RICE)
    shop.see(RICE, RICE)
    shop.see(RICE, SOAP, place="till")
    shop.see(FLOUR)
    found = shop.look()
    # Soap is 1 and 6, rice 2, 3, 4 and 5. In photos: rice 3, soap 2, flour 1.
    assert groups(found) == [[2, 3, 4, 5], [1, 6], [7]]
    rice, soap, flour = found.clusters
    assert (rice.cluster_id, rice.n_photos, rice.places) == (2, 3, ("bay", "till"))
    assert (soap.n_photos, soap.places, flour.places) == (2, ("bay", "till"), ("bay",))
    assert rice.first_seen < rice.last_seen
    assert rice.closest
    assert rice.closest.sku in {"milk", "tea"}
    assert (found.n_crops, found.n_known, found.n_dismissed, found.n_left_out, found.problems) == (7, 0, 0, 0, ())


def test_of_as_many_photos_the_more_places_come_first_then_the_last_seen(shop: Shop) -> None:
    shop.see(SOAP)
    shop.see(SOAP)
    shop.see(RICE)
    shop.see(RICE)
    shop.see(FLOUR, place="a")
    shop.see(FLOUR, place="b")
    assert groups(shop.look()) == [[5, 6], [3, 4], [1, 2]]


def test_the_same_photo_again_adds_nothing(shop: Shop) -> None:
    path = shop.shelf(MILK, SOAP)
    for shift in (0.0, 0.0, 3.0, -2.0):  # a detector moves its boxes by some pixels
        shop.recognize(path, 2, shift=shift)
        assert groups(shop.look()) == [[1]]
    assert len(shop.store.inbox.crops()) == 1
    shop.recognize(path, 2, place="till")
    (cluster,) = shop.look().clusters
    assert (len(cluster.crops), cluster.n_photos, cluster.places) == (1, 1, ("bay", "till"))


def test_two_products_in_one_photo_are_two_crops(shop: Shop) -> None:
    shop.see(SOAP, SOAP)
    assert groups(shop.look()) == [[1, 2]]


def test_ambiguous_crops_are_not_unknown(shop: Shop) -> None:
    shop.enroll(oat=MILK)  # looks like milk, so milk is ambiguous now
    result = shop.see(MILK)
    assert result.recognitions[0].decision.verdict == "ambiguous"
    assert groups(shop.look()) == []


def test_what_a_later_gallery_knows_leaves_before_the_photo_is_looked_at_again(shop: Shop) -> None:
    path = shop.shelf(SOAP, RICE)
    shop.recognize(path, 2)
    assert groups(shop.look()) == [[1], [2]]
    shop.enroll(soap=SOAP)
    found = shop.look()
    assert (groups(found), found.n_known) == ([[2]], 1)
    shop.recognize(path, 2)
    found = shop.look()
    assert (groups(found), found.n_known) == ([[2]], 0)
    gallery.remove(shop.store, "soap")
    shop.recognize(path, 2)
    assert groups(shop.look()) == [[1], [2]]


def test_near_duplicates_are_folded_and_enrolled_once(shop: Shop) -> None:
    first = shop.shelf(SOAP)
    burst = [first, *(shop.shelf(SOAP, like=0) for _ in range(3)), shop.shelf(SOAP)]
    for path in burst:
        shop.recognize(path, 1)
    (cluster,) = shop.look().clusters
    assert [crop.crop_id for crop in cluster.crops] == [1, 2, 3, 4, 5]
    assert [crop.crop_id for crop in cluster.looks] == [1, 5]
    done = shop.desk.name(1, "soap", author="ann", product_name="Soap")
    assert (done.n_crops, done.n_references) == (5, 2)
    assert groups(shop.look()) == []


def test_numbers_stay_from_one_look_to_the_next(shop: Shop) -> None:
    for seeds in ((SOAP, RICE), (RICE,), (FLOUR, SOAP), (SOAP,)):
        shop.see(*seeds)
        numbers = {min(group) for group in groups(shop.look())}
        assert {1, 2} <= numbers
    assert groups(shop.look()) == [[1, 5, 6], [2, 3], [4]]


def test_only_the_newest_are_shown_and_the_others_counted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in (SOAP, RICE, FLOUR):
        shop.see(seed)
    monkeypatch.setattr(survey, "MAX_CROPS", 2)
    found = shop.look()
    assert (sorted(groups(found)), found.n_left_out) == ([[2], [3]], 1)


def test_a_photo_that_is_gone_is_a_problem_and_the_rest_goes_on(shop: Shop) -> None:
    gone = shop.see(SOAP, SOAP)
    shop.see(RICE)
    for path in (shop.folder / "store" / "photos").rglob("*"):
        if path.is_file() and gone.photo_id in path.name:
            path.unlink()
    found = shop.look()
    assert groups(found) == [[3]]
    (problem,) = found.problems
    assert problem.where == gone.photo


def test_an_empty_gallery_knows_nothing(shop: Shop) -> None:
    shop.see(SOAP, MILK)
    for sku in ("milk", "tea"):
        gallery.remove(shop.store, sku)
    found = shop.look()
    assert groups(found) == [[1]]  # milk was recognized when it was seen
    assert found.clusters[0].closest is None


# Spaces


def test_rows_are_made_once_and_again_for_another_model(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    n_made: list[int] = []
    kind = type(shop.embedder)
    real = kind.run

    def counted(self: FakeEmbedder, batch: UInt8Array) -> FloatArray:
        n_made.append(len(batch))
        return real(self, batch)

    monkeypatch.setattr(kind, "run", counted)
    shop.see(SOAP, RICE)
    n_made.clear()
    shop.look()
    assert n_made == [2]
    shop.look()
    assert n_made == [2]
    for sku in ("milk", "tea"):
        gallery.remove(shop.store, sku)
    moved = replace(shop, embedder=kind("another-space-01"))
    assert groups(moved.look()) == [[1], [2]]
    assert n_made == [2, 2]
    assert [row.crop_id for row in shop.store.inbox.rows([1, 2], "another-space-01")] == [1, 2]
    assert shop.store.inbox.rows([1, 2], shop.embedder.space_id) == []


def test_another_model_than_that_of_the_gallery_is_an_error(shop: Shop) -> None:
    shop.see(SOAP)
    other = replace(shop, embedder=FakeEmbedder("another-space-01"))
    with pytest.raises(ModelMismatch):
        other.desk.name(1, "soap", author="ann", product_name="Soap")
    assert skus(shop.store) == ["milk", "tea"]


def test_a_damaged_row_is_made_again(shop: Shop) -> None:
    shop.see(SOAP)
    shop.look()
    (row,) = shop.store.inbox.rows([1], shop.embedder.space_id)
    for bad in (row.row[:5], row.row * np.nan, row.row * 2):
        shop.store.inbox.put_rows([replace(row, row=bad)], shop.embedder.space_id)
        assert groups(shop.look()) == [[1]]
        (again,) = shop.store.inbox.rows([1], shop.embedder.space_id)
        assert np.array_equal(again.row, row.row)


# Naming


def test_a_named_cluster_is_recognized_from_now_on(shop: Shop) -> None:
    shop.see(SOAP, RICE)
    shop.see(SOAP)
    done = shop.desk.name(1, "soap", author="ann", product_name="Green soap", note="asked the buyer")
    assert (done.n_crops, done.n_references, done.is_new, done.version) == (2, 2, True, 2)
    assert shop.store.products()["soap"] == Product("soap", name="Green soap")
    assert [(r.sku, r.box) for r in shop.store.references()[2:]] == [("soap", box_of(0)), ("soap", box_of(0))]
    (event,) = shop.store.inbox.events()
    assert (event.action, event.author, event.sku, event.note) == ("named", "ann", "soap", "asked the buyer")
    assert shop.see(SOAP).recognitions[0].decision.sku == "soap"
    assert groups(shop.look()) == [[2]]
    assert verify(shop.store, embedder=shop.embedder).problems == ()  # the rows are those that enrolling makes
    gallery.remove(shop.store, "soap")
    assert groups(shop.look()) == [[1, 3], [2]]  # undone; what was recognized meanwhile stays recognized


@pytest.mark.parametrize(
    ("label", "name", "sku"),
    [
        pytest.param("milk", "", "milk", id="by SKU"),
        pytest.param("milk", "Whole milk", "milk", id="by SKU, with its name"),
        pytest.param("Whole milk", "", "milk", id="by unique name"),
        pytest.param(GTIN, "", "milk", id="by GTIN"),
        pytest.param("0" + GTIN, "", "milk", id="by GTIN-14"),
        pytest.param("new", "New", "new", id="a new one"),
        pytest.param("96385074", "New", "96385074", id="a new one by its GTIN"),
    ],
)
def test_a_product_can_be_called_in_many_ways(label: str, name: str, sku: str, shop: Shop) -> None:
    shop.store.put_products([Product("milk", name="Whole milk", gtin=GTIN)])
    shop.see(SOAP)
    assert shop.desk.name(1, label, author="ann", product_name=name).product.sku == sku
    assert skus(shop.store)[2:] == [sku]
    assert shop.store.products()[sku].gtin == {"milk": GTIN, "96385074": "96385074"}.get(sku)


@pytest.mark.parametrize(
    ("number", "label", "name", "only", "message"),
    [
        pytest.param(1, "soup", "", (), r"SKU 'soup' is not in the catalog.*--name", id="a typo"),
        pytest.param(1, "milk", "Soap", (), r"'milk' is in the catalog as '', not 'Soap'", id="another name"),
        pytest.param(1, " x ", "X", (), "outer spaces", id="no SKU"),
        pytest.param(9, "milk", "", (), "The inbox has no cluster 9", id="no such cluster"),
        pytest.param(3, "milk", "", (), "Crop 3 is in cluster 1", id="a crop's number"),
        pytest.param(1, "milk", "", (2,), r"Crop 2 is not among those of 1.*1, 3", id="a crop of another cluster"),
    ],
)
def test_a_mistake_changes_nothing(
    number: int, label: str, name: str, only: tuple[int, ...], message: str, shop: Shop
) -> None:
    shop.see(SOAP, RICE)
    shop.see(SOAP)
    with pytest.raises(BadInput, match=message):
        shop.desk.name(number, label, author="ann", product_name=name, only=only)
    with pytest.raises(BadInput, match="and who"):
        shop.desk.name(1, "milk", author="")
    assert (skus(shop.store), list(shop.store.products()), shop.store.inbox.events()) == (
        ["milk", "tea"], ["milk", "tea"], [],
    )  # fmt: skip


def test_some_crops_of_a_cluster(shop: Shop) -> None:
    for _ in range(3):
        shop.see(SOAP)
    assert shop.desk.name(1, "soap", author="ann", product_name="Soap", only=(3, 2, 3)).n_crops == 2
    assert [event.crop_ids for event in shop.store.inbox.events()] == [(2, 3)]
    found = shop.look()
    assert (groups(found), found.n_known) == ([], 1)  # the gallery knows the first one now


def test_of_many_looks_the_references_go_from_typical_to_odd(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "MAX_REFERENCES", 3)
    for _ in range(7):
        shop.see(SOAP)
    (cluster,) = shop.look().clusters
    assert len(cluster.looks) == 7
    rows = np.stack([crop.made.row for crop in cluster.looks])
    by_typical = np.argsort(-(rows @ rows.mean(axis=0)), kind="stable") + 1
    done = shop.desk.name(1, "soap", author="ann", product_name="Soap")
    assert (done.n_crops, done.n_references) == (7, 3)
    (event,) = shop.store.inbox.events()
    assert set(event.enrolled) == {by_typical[0], by_typical[3], by_typical[6]}
    assert groups(shop.look()) == []


def test_the_second_of_two_people_is_told_and_changes_nothing(shop: Shop) -> None:
    shop.see(SOAP)
    slow = shop.desk
    seen = slow.look()
    shop.desk.name(1, "soap", author="ann", product_name="Soap")
    slow.look = lambda **_: seen  # type: ignore[method-assign]
    with pytest.raises(BadInput, match="Crop 1 was named 'soap' by ann; nothing was changed"):
        slow.name(1, "lard", author="bob", product_name="Lard")
    with pytest.raises(BadInput, match="Crop 1 was named 'soap' by ann; nothing was changed"):
        slow.dismiss(1, author="bob")
    assert skus(shop.store) == ["milk", "tea", "soap"]


# Dismissing


def test_what_was_dismissed_does_not_come_back_nor_what_looks_like_it(shop: Shop) -> None:
    path = shop.shelf(TAG, SOAP)
    shop.recognize(path, 2)
    shop.see(TAG)
    assert shop.desk.dismiss(1, author="ann", note="price tag") == 2
    shop.recognize(path, 2, shift=2.0)
    shop.see(TAG, place="till")
    found = shop.look()
    assert (groups(found), found.n_dismissed) == ([[2]], 3)
    assert groups(shop.desk.look(of_dismissed=True)) == [[1, 3, 4]]
    assert shop.desk.restore(3, author="bob") == 2
    assert groups(shop.look()) == [[1, 3, 4], [2]]
    with pytest.raises(BadInput, match="Crop 3 was not dismissed"):
        shop.desk.restore(3, author="bob")


def test_a_dismissal_holds_when_its_photos_are_recognized_otherwise_later(shop: Shop) -> None:
    path = shop.shelf(TAG)
    shop.recognize(path, 1)
    shop.desk.dismiss(1, author="ann")
    shop.recognize(path, 0)  # nothing is seen in that photo any more
    shop.see(TAG)
    found = shop.look()
    assert (groups(found), found.n_dismissed) == ([], 1)


def test_dismissed_crops_can_be_dismissed_one_by_one(shop: Shop) -> None:
    for seed in (TAG, TAG, SOAP):
        shop.see(seed)
    shop.desk.dismiss(1, author="ann", only=(2,))
    assert [event.crop_ids for event in shop.store.inbox.events()] == [(2,)]
    with pytest.raises(BadInput, match="The inbox has no cluster 99"):
        shop.desk.dismiss(99, author="ann")


# Proposals


def test_a_barcode_proposes_and_a_person_confirms(shop: Shop) -> None:
    shop.store.put_products([Product("soap", name="Soap", gtin=GTIN)])
    result = shop.see(SOAP, RICE)
    assert shop.desk.propose(GTIN, result.photo_id, box_of(0), evidence="EAN-13 read", source=result.photo)
    assert not shop.desk.propose("soap", result.photo_id, box_of(0), evidence="EAN-13 read")
    assert skus(shop.store) == ["milk", "tea"]
    (proposed,) = shop.desk.proposals()
    assert (proposed.sku, proposed.is_in_catalog) == ("soap", True)
    assert [(crop.crop_id, said.evidence) for crop, said in proposed.crops] == [(1, "EAN-13 read")]
    assert [cluster.proposals for cluster in shop.look().clusters] == [("soap",), ()]
    done = shop.desk.confirm(GTIN, author="ann")
    assert (done.product.sku, done.n_references, done.is_new) == ("soap", 1, False)
    last = shop.store.inbox.events()[-1]
    assert (last.action, last.author, last.note) == ("named", "ann", "EAN-13 read")
    assert shop.desk.proposals() == ()
    assert not shop.desk.propose(GTIN, result.photo_id, box_of(0), evidence="again")
    with pytest.raises(BadInput, match="No barcode says"):
        shop.desk.confirm(GTIN, author="ann")


def test_a_proposal_for_a_product_that_the_catalog_lacks(shop: Shop) -> None:
    result = shop.see(MILK)  # recognized as milk, whatever the barcode says
    assert shop.desk.propose(GTIN, result.photo_id, box_of(0), evidence="EAN-13", source="milk.png")
    assert groups(shop.look()) == []
    assert [p.is_in_catalog for p in shop.desk.proposals()] == [False]
    with pytest.raises(BadInput, match="not in the catalog"):
        shop.desk.confirm(GTIN, author="ann")
    done = shop.desk.confirm(GTIN, author="ann", product_name="Oat drink")
    assert (done.is_new, done.product.gtin) == (True, GTIN)
    assert skus(shop.store) == ["milk", "tea", GTIN]


def test_a_proposal_can_be_dismissed_or_named_otherwise(shop: Shop) -> None:
    first, second = shop.see(MILK), shop.see(SOAP)
    for result in (first, second):
        shop.desk.propose(GTIN, result.photo_id, box_of(0), evidence="EAN-13")
    assert shop.desk.dismiss(2, author="ann") == 1  # the crop of milk: the soap was numbered before it, or after
    assert [crop.crop_id for product in shop.desk.proposals() for crop, _ in product.crops] == [1]
    shop.desk.dismiss(1, author="ann")
    assert shop.desk.proposals() == ()


def test_nothing_is_enrolled_of_itself_unless_the_rules_say_so(shop: Shop) -> None:
    result = shop.see(SOAP, RICE)
    auto = replace(shop, rules=DeskRules(enrolls_proposals=True))
    assert auto.desk.propose(GTIN, result.photo_id, box_of(0), evidence="EAN-13")
    assert skus(shop.store) == ["milk", "tea"]  # the catalog lacks it, so a person must name it
    shop.store.put_products([Product("rice", gtin="96385074")])
    assert auto.desk.propose("96385074", result.photo_id, box_of(1), evidence="EAN-8")
    assert skus(shop.store) == ["milk", "tea", "rice"]
    assert shop.store.inbox.events()[-1].author == "barcode"


def test_barcodes_that_say_what_the_picture_does_not_are_taken(shop: Shop) -> None:
    shop.store.put_products([Product("soap", gtin=GTIN)])
    result = shop.see(SOAP, RICE, FLOUR, MILK, TAG)
    codes = [
        Evidence("barcode", GTIN, "is that of soap", ("soap",), "proposes"),
        Evidence("barcode", "96385074", "a trade item that the catalog does not know", ()),
        Evidence("words", "flour", "read", ("tea",), "proposes"),
        Evidence("barcode", "96385074", "not known; but the picture is sure", ()),
        Evidence("barcode", "2012345006751", "holds a price", None),
    ]
    seen = zip(result.recognitions, codes, strict=True)
    with_codes = replace(result, recognitions=tuple(replace(one, evidence=(code,)) for one, code in seen))
    assert shop.desk.take(with_codes) == 2
    assert shop.desk.take(with_codes) == 0
    proposals = shop.desk.proposals()
    assert [(p.sku, p.is_in_catalog, p.crops[0][1].evidence) for p in proposals] == [
        ("96385074", False, codes[1].words),
        ("soap", True, codes[0].words),
    ]
    assert [product.crops[0][0].box for product in proposals] == [box_of(1), box_of(0)]


def test_a_proposal_whose_photo_is_not_kept_cannot_be_confirmed(shop: Shop) -> None:
    shop.store.put_products([Product("soap", name="Soap")])
    shop.desk.propose("soap", "f" * 64, box_of(0), evidence="EAN-13", source="lost.png")
    with pytest.raises(BadInput, match="Nothing was enrolled"):
        shop.desk.confirm("soap", author="ann")
    with pytest.raises(StoreFailed):
        shop.desk.pixels(shop.store.inbox.crops()[0])
    assert skus(shop.store) == ["milk", "tea"]


def test_the_gallery_is_read_only_for_crops_and_once_a_version(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def count(rows: FloatArray, skus: Sequence[str]) -> float:
        read.append(len(rows))
        return link_similarity(rows, skus)

    monkeypatch.setattr(desk, "link_similarity", count)
    one = shop.desk
    assert one.look().clusters == ()
    assert read == []
    shop.see(SOAP)
    assert len(one.look().clusters) == len(one.look().clusters) == 1
    assert read == [2]
    shop.enroll(rice=RICE)
    one.look()
    assert read == [2, 3]


# In any order

STEPS = settings(max_examples=8, stateful_step_count=10, deadline=None, derandomize=True, database=None)


def test_in_any_order_nothing_settled_is_shown_and_nothing_enrolled_twice(
    tmp_path_factory: pytest.TempPathFactory, empty_store: Path
) -> None:
    class Machine(RuleBasedStateMachine):
        """Photos seen, seen again with shifted boxes, clusters named and dismissed."""

        def __init__(self) -> None:
            super().__init__()
            folder = tmp_path_factory.mktemp("shop")
            shutil.copytree(empty_store, folder / "store")
            self.shop = Shop(open_store(str(folder / "store")), folder)
            self.shop.enroll(milk=MILK)
            self.photos: list[tuple[object, int]] = []
            self.settled: set[tuple[str, int]] = set()  # photo and place in it
            self.dismissed: set[int] = set()

        def teardown(self) -> None:
            self.shop.store.close()

        @rule(seeds=st.lists(st.sampled_from([MILK, SOAP, RICE, TAG]), min_size=1, max_size=3))
        def see(self, seeds: list[int]) -> None:
            path = self.shop.shelf(*seeds)
            self.shop.recognize(path, len(seeds))
            self.photos.append((path, len(seeds)))

        @rule(which=st.integers(0, 9), shift=st.sampled_from([0.0, 4.0, -4.0]), place=st.sampled_from(["bay", "till"]))
        def see_again(self, which: int, shift: float, place: str) -> None:
            if self.photos:
                path, n = self.photos[which % len(self.photos)]
                self.shop.recognize(path, n, shift=shift, place=place)  # type: ignore[arg-type]

        @rule(which=st.integers(0, 9), is_name=st.booleans(), first_only=st.booleans())
        def settle(self, which: int, is_name: bool, first_only: bool) -> None:
            clusters = self.shop.look().clusters
            if not clusters:
                return
            cluster = clusters[which % len(clusters)]
            crops = cluster.crops[:1] if first_only else cluster.crops
            only = [crop.crop_id for crop in crops]
            if is_name:
                sku = f"sku-{cluster.cluster_id}"
                known = sku in self.shop.store.products()
                self.shop.desk.name(
                    cluster.cluster_id, sku, author="ann", product_name="" if known else "New", only=only
                )
            else:
                self.shop.desk.dismiss(cluster.cluster_id, author="bob", only=only)
            self.settled |= {(crop.kept.photo_id, round(crop.kept.box[0] / WIDTH)) for crop in crops}

        @invariant()
        def holds(self) -> None:
            shown = [crop for cluster in self.shop.look().clusters for crop in cluster.crops]
            spots = [(crop.kept.photo_id, round(crop.kept.box[0] / WIDTH)) for crop in shown]
            assert not self.settled & set(spots)
            assert len(set(spots)) == len(spots)
            enrolled = [(r.photo_id, round(r.box[0] / WIDTH)) for r in self.shop.store.references() if r.box]
            assert len(set(enrolled)) == len(enrolled)
            assert set(enrolled) <= self.settled

    run_state_machine_as_test(Machine, settings=STEPS)
