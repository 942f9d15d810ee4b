"""The catalog: reading CSV files as people and spreadsheets write them, and writing them out again."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facings.adapters.sql_store import SqlStore
from facings.catalog import (
    COLUMNS,
    MAX_SKU_LENGTH,
    CatalogImport,
    Product,
    export_catalog,
    import_catalog,
)
from facings.errors import BadInput
from facings.gtin import check_digit

GTIN = "4006381333931"
GTIN_12 = "036000291452"


class MemoryCatalog:
    """A catalog in memory."""

    def __init__(self, *products: Product) -> None:
        self.kept = {p.sku: p for p in products}
        self.n_writes = 0

    def products(self) -> dict[str, Product]:
        """All products by SKU."""
        return dict(sorted(self.kept.items()))

    def put_products(self, products: Iterable[Product]) -> None:
        """Insert or replace."""
        for product in products:
            self.kept[product.sku] = product
            self.n_writes += 1


def import_text(
    text: str | bytes, folder: Path, *known: Product, is_strict: bool = False
) -> tuple[CatalogImport, dict[str, Product]]:
    """What an import of this text did, and the catalog afterwards."""
    path = folder / "catalog.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    catalog = MemoryCatalog(*known)
    return import_catalog(catalog, path, is_strict=is_strict), catalog.products()


FULL = Product("milk-1", GTIN, "Oat drink", "Oatly", "Milk", "1 l", Decimal("0.10"), "EUR")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            f"sku,gtin,name,brand,category,size,price,currency\nmilk-1,{GTIN},Oat drink,Oatly,Milk,1 l,0.10,EUR\n",
            id="all columns",
        ),
        pytest.param(
            f"currency,price,size,category,brand,name,gtin,sku\nEUR,0.10,1 l,Milk,Oatly,Oat drink,{GTIN},milk-1\n",
            id="another order",
        ),
        pytest.param(
            f"sku;gtin;name;brand;category;size;price;currency\nmilk-1;{GTIN};Oat drink;Oatly;Milk;1 l;0.10;EUR\n",
            id="semicolons",
        ),
        pytest.param(
            f"sku\tgtin\tname\tbrand\tcategory\tsize\tprice\tcurrency\n"
            f"milk-1\t{GTIN}\tOat drink\tOatly\tMilk\t1 l\t0.10\tEUR\n",
            id="tabs",
        ),
        pytest.param(
            f"\ufeffsku,gtin,name,brand,category,size,price,currency\r\n"
            f"milk-1,{GTIN},Oat drink,Oatly,Milk,1 l,0.10,EUR\r\n",
            id="byte order mark and CRLF",
        ),
        pytest.param(
            ' SKU ,Gtin,NAME,brand,category,size,price,currency\n"milk-1", 4006381-333931 ,"Oat drink",'
            "Oatly,Milk,1 l, 0.10 ,EUR",
            id="capitals, outer spaces, quotes, hyphen, no last line end",
        ),
        pytest.param(
            f"\nsku,gtin,name,brand,category,size,price,currency\n\n"
            f"milk-1,{GTIN},Oat drink,Oatly,Milk,1 l,0.10,EUR\n\n",
            id="empty lines",
        ),
    ],
)
def test_the_same_product_in_every_form_of_file(text: str, tmp_path: Path) -> None:
    done, products = import_text(text, tmp_path)

    assert done == CatalogImport(1, 0, 0, ())
    assert products == {"milk-1": FULL}
    assert str(products["milk-1"].price) == "0.10"  # the amount as written, not 0.1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"", "got columns none", id="empty file"),
        pytest.param(b"name,brand\na,b\n", "wanted sku", id="no sku column"),
        pytest.param(b"sku,name,colour\na,b,c\n", "colour", id="unknown column"),
        pytest.param(b"sku,name,sku\na,b,c\n", "got columns sku,name,sku, wanted sku and any of", id="a column twice"),
        pytest.param(
            b"sku,name,Name\na,b,c\n",
            "got columns sku,name,name, wanted sku and any of",
            id="a column twice in another case",
        ),
        pytest.param(b"sku,name\nm\xfcsli,b\n", "byte 10 is not UTF-8", id="Latin-1"),
        pytest.param("sku,name\na,b\n".encode("utf-16"), "byte 0 is not UTF-8", id="UTF-16"),
        pytest.param(b"sku,name\na,\x00b\n", "zero bytes", id="NUL"),
        pytest.param(b'sku,name\na,b\nc,"d\ne,f\n', ":3: broken CSV", id="quote never closed, from line 3"),
        pytest.param(b'"sku,name\na,b\n', ":1: broken CSV", id="quote never closed in the header"),
        pytest.param(b"sku,name\na," + b"x" * 200_000, ":2: broken CSV", id="field without end"),
    ],
)
def test_a_file_that_is_no_catalog_is_refused_whole(data: bytes, words: str, tmp_path: Path) -> None:
    catalog = MemoryCatalog()
    path = tmp_path / "catalog.csv"
    path.write_bytes(data)

    with pytest.raises(BadInput) as caught:
        import_catalog(catalog, path)

    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert catalog.n_writes == 0


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"missing\.csv: cannot be read \(No such file"):
        import_catalog(MemoryCatalog(), tmp_path / "missing.csv")


def test_a_header_alone_imports_nothing(tmp_path: Path) -> None:
    assert import_text("sku,name\n", tmp_path) == (CatalogImport(0, 0, 0, ()), {})


@pytest.mark.parametrize(
    ("row", "words"),
    [
        pytest.param(",,a,,", "SKU ''", id="no SKU"),
        pytest.param('"a\nb",,a,,', "unprintable", id="SKU with a line break"),
        pytest.param("a\u200bb,,a,,", "unprintable", id="SKU with an invisible character"),
        pytest.param("x" * (MAX_SKU_LENGTH + 1) + ",,a,,", "129 characters", id="SKU too long"),
        pytest.param("a,4006381333932,a,,", "check digit is 2, wanted 1", id="GTIN with a wrong check digit"),
        pytest.param("a,36000291452,a,,", "leading zeros", id="GTIN that lost its zero"),
        pytest.param("a,4.00638E+12,a,,", "other characters than digits", id="GTIN as a spreadsheet shows it"),
        pytest.param('a,,a,"2,49",', "Price '2,49': wanted a number with a point", id="price with a comma"),
        pytest.param("a,,a,-1,", "Price -1: wanted an amount of zero or more", id="price below zero"),
        pytest.param("a,,a,NaN,", "Price NaN", id="price NaN"),
        pytest.param("a,,a,Infinity,", "Price Infinity", id="price without end"),
        pytest.param("a,,a,€2,", "Price '€2'", id="price with a sign"),
        pytest.param("a,,a,1,Euro", "Currency 'Euro'", id="currency of four letters"),
        pytest.param("a,,a,1,eur", "Currency 'eur'", id="currency in small letters"),
        pytest.param("a,,a,1", "a row of 4 fields, wanted 5", id="row too short"),
        pytest.param("a,,a,1,EUR,x", "a row of 6 fields, wanted 5", id="row too long"),
    ],
)
def test_a_bad_row_is_reported_with_line_and_reason_and_the_others_come_in(
    row: str, words: str, tmp_path: Path
) -> None:
    text = f"sku,gtin,name,price,currency\nfirst,,First,,\n{row}\nlast,,Last,,\n"

    done, products = import_text(text, tmp_path)

    assert list(products) == ["first", "last"]
    assert (done.n_new, len(done.problems)) == (2, 1)
    assert done.problems[0].where == f"{tmp_path / 'catalog.csv'}:3"
    assert done.problems[0].code == "bad_input"
    assert words in done.problems[0].message
    with pytest.raises(BadInput, match="1 bad rows in all; nothing was imported"):
        import_text(text, tmp_path, is_strict=True)


def test_strict_imports_none_at_all(tmp_path: Path) -> None:
    path = tmp_path / "catalog.csv"
    path.write_text("sku,gtin\na,\nb,123\nc,1\n")
    catalog = MemoryCatalog()

    with pytest.raises(BadInput, match=r"catalog\.csv:3: .*2 bad rows in all"):
        import_catalog(catalog, path, is_strict=True)

    assert catalog.n_writes == 0
    path.write_text("sku,gtin\na,\nc,\n")
    assert import_catalog(catalog, path, is_strict=True).n_new == 2


def test_lines_are_counted_through_quoted_line_breaks(tmp_path: Path) -> None:
    text = 'sku,name,gtin\na,"one\ntwo\r\nthree",\n\nb,"x\ny",99\nc,,98\n'  # a: 2-4, blank: 5, b: 6-7, c: 8

    done, products = import_text(text, tmp_path)

    assert [p.where.rsplit(":", 1)[1] for p in done.problems] == ["6", "8"]
    assert products["a"].name == "one\ntwo\r\nthree"


@pytest.mark.parametrize("sku", ["Oat drink 1 l", "Müsli/500 g", "牛奶-1", "a,b", 'say "a"', "x" * MAX_SKU_LENGTH, "0"])
def test_unusual_skus_are_kept_as_they_are(sku: str, tmp_path: Path) -> None:
    quoted = '"' + sku.replace('"', '""') + '"'

    assert list(import_text(f"sku,name\n{quoted},n\n", tmp_path)[1]) == [sku]


def test_a_sku_twice_in_a_file_keeps_the_first(tmp_path: Path) -> None:
    done, products = import_text("sku,name\na,first\na,second\n", tmp_path)

    assert products["a"].name == "first"
    assert (done.n_new, done.n_changed, done.n_same) == (1, 0, 0)
    assert done.problems[0].where.endswith(":3")
    assert "stands twice" in done.problems[0].message


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        pytest.param(GTIN, GTIN, id="equal"),
        pytest.param("0" + GTIN_12, GTIN_12, id="12 digits against 13 with a leading zero"),
        pytest.param("0" + GTIN, GTIN, id="13 digits against 14"),
    ],
)
def test_one_gtin_is_one_product(mine: str, theirs: str, tmp_path: Path) -> None:
    in_catalog, products = import_text(f"sku,gtin\nmine,{mine}\n", tmp_path, Product("theirs", theirs))
    in_file, _ = import_text(f"sku,gtin\ntheirs,{theirs}\nmine,{mine}\n", tmp_path)

    assert list(products) == ["theirs"]
    assert [(p.where.rsplit(":", 1)[1], "belongs to SKU 'theirs'" in p.message) for p in in_catalog.problems] == [
        ("2", True)
    ]
    assert [(p.where.rsplit(":", 1)[1], "belongs to SKU 'theirs'" in p.message) for p in in_file.problems] == [
        ("3", True)
    ]


def test_a_product_may_be_given_its_own_gtin_again_in_another_length(tmp_path: Path) -> None:
    done, products = import_text(f"sku,gtin\na,0{GTIN_12}\n", tmp_path, Product("a", GTIN_12))

    assert (done.problems, done.n_changed) == ((), 1)
    assert products["a"].gtin == "0" + GTIN_12


def test_columns_that_the_file_lacks_stay_as_they_were(tmp_path: Path) -> None:
    done, products = import_text("sku,price\nmilk-1,0.20\nnew,\n", tmp_path, FULL)

    assert (done.n_new, done.n_changed, done.n_same) == (1, 1, 0)
    assert products["milk-1"] == Product("milk-1", GTIN, "Oat drink", "Oatly", "Milk", "1 l", Decimal("0.20"), "EUR")
    assert products["new"] == Product("new")


def test_an_empty_field_empties_what_the_catalog_holds(tmp_path: Path) -> None:
    _, products = import_text("sku,gtin,brand,price\nmilk-1,,,\n", tmp_path, FULL)

    assert (products["milk-1"].gtin, products["milk-1"].brand, products["milk-1"].price) == (None, "", None)
    assert products["milk-1"].name == "Oat drink"


def test_importing_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "catalog.csv"
    path.write_text(f"sku,gtin,name,price\na,{GTIN},A,1.00\nb,,B,\n")
    catalog = MemoryCatalog()

    first, second = import_catalog(catalog, path), import_catalog(catalog, path)

    assert first == CatalogImport(2, 0, 0, ())
    assert second == CatalogImport(0, 0, 2, ())
    assert catalog.n_writes == 2


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param({"sku": " a"}, "outer spaces", id="SKU with an outer space"),
        pytest.param({"sku": "a", "gtin": "4006381-333931"}, "separators", id="GTIN with a hyphen"),
        pytest.param({"sku": "a", "name": "x\x00"}, "zero bytes", id="name with a zero byte"),
        pytest.param({"sku": "a", "category": "caf\udce9"}, "broken characters", id="category that is no Unicode"),
        pytest.param({"sku": "a", "price": Decimal("sNaN")}, "Price", id="price signaling NaN"),
        pytest.param({"sku": "a", "currency": "ÄÖÜ"}, "Currency", id="currency outside ASCII"),
        pytest.param({"sku": "a", "width_mm": 0.5}, "Width 0.5: wanted 1 to 10000 mm", id="width in other units"),
        pytest.param({"sku": "a", "height_mm": float("nan")}, "Height nan", id="height NaN"),
    ],
)
def test_a_product_is_checked_when_built(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Product(**fields)


def _text(alphabet: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.text(alphabet, max_size=20).map(str.strip)


printable = st.characters(exclude_categories=["C", "Zl", "Zp", "Zs"]) | st.sampled_from(' ,;\t"')
with_line_breaks = printable | st.sampled_from("\r\n\u2028\x85")
gtins = st.builds(lambda n: f"{n:012d}" + check_digit(f"{n:012d}"), st.integers(1, 10**12 - 1))
prices = st.decimals(0, 10**9, allow_nan=False, allow_infinity=False, places=2) | st.just(Decimal("1E+3"))


@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(
    st.lists(
        st.builds(
            Product,
            sku=_text(printable.filter(str.isprintable)).filter(bool),
            gtin=st.none() | gtins,
            name=_text(with_line_breaks),
            brand=_text(with_line_breaks),
            category=_text(printable),
            size=_text(printable),
            price=st.none() | prices,
            currency=st.sampled_from(["", "EUR", "JPY"]),
            width_mm=st.none() | st.floats(1, 10_000),
            height_mm=st.none() | st.integers(1, 10_000).map(float),
        ),
        max_size=5,
        unique_by=(lambda p: p.sku, lambda p: p.gtin or p.sku),
    )
)
def test_what_is_exported_comes_in_again_unchanged(
    tmp_path_factory: pytest.TempPathFactory, products: list[Product]
) -> None:
    source, target = MemoryCatalog(*products), MemoryCatalog()
    path = tmp_path_factory.getbasetemp() / "export.csv"
    path.write_bytes(export_catalog(source).encode())

    done = import_catalog(target, path)

    assert done == CatalogImport(len(products), 0, 0, ())
    assert target.products() == source.products()
    assert [str(p.price) for p in target.products().values()] == [str(p.price) for p in source.products().values()]


def test_an_empty_catalog_exports_its_header_alone() -> None:
    assert export_catalog(MemoryCatalog()) == ",".join(COLUMNS) + "\n"


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        pytest.param("a,\nb,4006381333931\n", {"a": None, "b": "4006381333931"}, id="moved"),
        pytest.param("a,96385074\nb,4006381333931\n", {"a": "96385074", "b": "4006381333931"}, id="swapped"),
    ],
)
def test_a_gtin_may_move_within_one_file(
    store: SqlStore, tmp_path: Path, rows: str, wanted: dict[str, str | None]
) -> None:
    store.put_products([Product("a", gtin="4006381333931"), Product("b", gtin="96385074")])
    path = tmp_path / "products.csv"
    path.write_text(f"sku,gtin\n{rows}")
    assert import_catalog(store, path).problems == ()
    assert {sku: product.gtin for sku, product in store.products().items()} == wanted


def test_rows_of_empty_fields_are_passed_over(store: SqlStore, tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    path.write_text("sku;name;brand\nmilk;Milk;\n;;\n ; ;\n")
    done = import_catalog(store, path)
    assert (done.n_new, done.problems) == (1, ())


def test_dimensions_come_in_and_a_bad_one_is_refused_with_its_line(store: SqlStore, tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    path.write_text("sku,width_mm,height_mm\ncan,66,168.5\nbare,,\nwide,66 mm,1\nhuge,1,20000\n")
    done = import_catalog(store, path)
    assert [(p.where.rsplit(":", 1)[1], p.message) for p in done.problems] == [
        ("4", "width_mm '66 mm': wanted millimeters with a point, such as 66.5."),
        ("5", "Height 20000.0: wanted 1 to 10000 mm."),
    ]
    found = store.products()
    assert (found["can"].width_mm, found["can"].height_mm) == (66, 168.5)
    assert (found["bare"].width_mm, found["bare"].height_mm) == (None, None)
    assert "can,,,,,,,,,,66,168.5\n" in export_catalog(store)
