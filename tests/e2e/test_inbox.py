"""The inbox as a user types it; and killed while it names, all of a naming is there or nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from command_line import Run
from conftest import save_photo
from facings import errors
from facings.adapters.sql_store import init_store, open_store
from facings.compose import open_workspace
from unknown_shop import MILK, SOAP, Shop

pytestmark = pytest.mark.usefixtures("one_product_a_photo")

STRANGE = 10  # like none of the shop's three products
TESTS = Path(__file__).parents[1]
N_CLUSTERS, N_CROPS = 12, 3


@pytest.fixture
def seen(shop: Run, tmp_path: Path) -> Run:
    """A shop that saw three photos of a product that it does not know, at two places."""
    for shot in range(3):
        query = save_photo(tmp_path / "new" / f"{shot}.jpg", STRANGE, width=144 + 16 * shot, height=120)
        assert shop("recognize", query, "--place", f"store-1/bay-{shot % 2}").code == 0
    return shop


def listed(run: Run, *flags: str) -> dict[str, Any]:
    done = run("inbox", "list", "--json", *flags)
    assert done.code == 0
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_seen_named_and_known(seen: Run, tmp_path: Path) -> None:
    (cluster,) = listed(seen)["clusters"]
    assert (cluster["cluster"], cluster["n_photos"]) == (1, 3)
    assert cluster["places"] == ["store-1/bay-0", "store-1/bay-1"]
    table = seen("inbox", "list")
    assert "store-1/bay-0, store-1/bay-1" in table.out
    assert "Groups: 1, of 3 crops." in table.err
    assert json.loads(seen("inbox", "show", "1", "--json").out) == cluster
    assert "2.jpg" in seen("inbox", "show", "1").out

    typo = seen("inbox", "name", "1", "dates", "--author", "ann")
    assert typo.code == 1
    assert "not in the catalog" in typo.err
    named = seen("inbox", "name", "1", "dates", "--author", "ann", "--name", "Dates, 200 g")
    assert named.code == 0
    assert "dates (new in the catalog): 3 crops named" in named.err
    assert listed(seen)["clusters"] == []
    assert "Dates, 200 g" in seen("catalog", "export").out
    again = save_photo(tmp_path / "later.jpg", STRANGE, width=200, height=120)
    (box,) = json.loads(seen("recognize", again, "--json").out)["recognitions"]
    assert box["candidates"][0]["sku"] == "dates"

    assert seen("gallery", "remove", "dates").code == 0
    assert [c["cluster"] for c in listed(seen)["clusters"]] == [1]


def test_dismissed_and_back(seen: Run) -> None:
    assert "3 crops dismissed" in seen("inbox", "dismiss", "1", "--author", "bob", "--note", "price tag").err
    found = listed(seen)
    assert (found["clusters"], found["n_dismissed"]) == ([], 3)
    assert [c["cluster"] for c in listed(seen, "--dismissed")["clusters"]] == [1]
    gone = seen("inbox", "dismiss", "1", "--author", "bob")
    assert gone.code == 1
    assert "no cluster 1" in gone.err
    assert "3 crops back" in seen("inbox", "dismiss", "2", "--undo", "--author", "ann").err
    assert "1 crop dismissed" in seen("inbox", "dismiss", "1", "--crop", "3", "--author", "ann").err


def test_export_and_misuse(seen: Run, tmp_path: Path) -> None:
    assert seen("inbox", "export", "--out", tmp_path / "inbox.html").code == 0
    page = (tmp_path / "inbox.html").read_text()
    assert "1 unknown product" in page
    assert "data:image/jpeg;base64," in page
    assert seen("inbox", "export", "--format", "csv").out.count("\n") == 4
    assert len(json.loads(seen("inbox", "export", "--format", "json").out)["clusters"]) == 1
    assert seen("inbox", "export").code == 2
    assert seen("inbox", "name", "1", "dates").code == 2  # who says so?
    nothing = seen("inbox", "confirm", "dates", "--author", "ann")
    assert nothing.code == 1
    assert "No barcode says 'dates'" in nothing.err


def test_a_barcode_waits_for_a_person(seen: Run) -> None:
    crop = listed(seen)["clusters"][0]["crops"][0]
    open_workspace().inbox.propose("4006381333931", crop["photo_id"], tuple(crop["box"]), evidence="EAN-13 was read")
    (proposal,) = listed(seen)["proposals"]
    assert (proposal["sku"], proposal["is_in_catalog"]) == ("4006381333931", False)
    assert "EAN-13 was read" in seen("inbox", "list").out
    done = seen("inbox", "confirm", "4006381333931", "--name", "Dates", "--author", "ann")
    assert "4006381333931 (new in the catalog): 1 crop named, 1 of them" in done.err
    assert listed(seen)["proposals"] == []


# Killed


@pytest.fixture(scope="module")
def unnamed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with many unknown products."""
    folder = tmp_path_factory.mktemp("unnamed")
    shop = Shop(init_store(str(folder / "store")), folder)
    shop.enroll(milk=MILK)
    for _ in range(N_CROPS):
        shop.see(*(SOAP + i for i in range(N_CLUSTERS)))
    shop.look()  # embeds them
    shop.store.close()
    return folder


@pytest.mark.parametrize(("n_lines", "then_s"), [(0, 0.0), (3, 0.0), (5, 0.004)])
def test_killed_while_naming_all_or_nothing(n_lines: int, then_s: float, unnamed: Path, tmp_path: Path) -> None:
    for name in ("facings.db", "facings.db-wal"):
        source = unnamed / "store" / name
        if source.exists():
            (tmp_path / name).write_bytes(source.read_bytes())
    (tmp_path / "photos").symlink_to(unnamed / "store" / "photos")
    paths = [str(Path(errors.__file__).parents[1]), str(TESTS)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "e2e.name_slowly", str(tmp_path), str(tmp_path)]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        said = [worker.stdout.readline().strip() for _ in range(1 + n_lines)]
        time.sleep(then_s)
        worker.send_signal(signal.SIGKILL)
        said += [line.strip() for line in worker.stdout]
    assert said[0] == "ready"

    store = open_store(str(tmp_path))
    store.health()
    events = store.inbox.events()
    references = [r for r in store.references() if r.sku != "milk"]
    assert [e.sku for e in events[: len(said) - 1]] == [f"new-{number}" for number in said[1:]]
    assert len(events) in {len(said) - 1, len(said)}  # one may have been committed and not said
    assert sorted(r.sku for r in references) == sorted(e.sku for e in events for _ in e.enrolled)
    assert set(store.products()) == {"milk", *(e.sku for e in events)}
    named = {crop_id for crop_id, now in store.inbox.standings().items() if now.status == "named"}
    assert named == {crop_id for e in events for crop_id in e.crop_ids}
    shown = [crop.crop_id for cluster in Shop(store, tmp_path).look().clusters for crop in cluster.crops]
    assert not named & set(shown)
    store.close()
