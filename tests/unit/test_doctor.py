"""What the doctor finds in a healthy installation and in damaged ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from conftest import save_photo
from facings import doctor, networks, parts
from facings.compose import Workspace, init_workspace, open_workspace
from facings.doctor import Check
from facings.errors import ModelMismatch
from facings.manifest import LabelledPhoto
from facings.networks import BUNDLED_MODEL
from facings.types import Detections, Image

WEIGHTS = Path(networks.__file__).parent / "weights" / BUNDLED_MODEL
Open = Callable[..., Workspace]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of whoever runs the tests."""
    for name in ("STORE", "PHOTOS", "MODEL", "DETECTOR", "DATA"):
        monkeypatch.delenv(f"FACINGS_{name}", raising=False)
    monkeypatch.setenv("FACINGS_THREADS", "1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    """A store with two products."""
    workspace = init_workspace(str(tmp_path / "shop"))
    photos = [LabelledPhoto(save_photo(tmp_path / f"{n}.jpg", n), f"product-{n}") for n in range(2)]
    workspace.enroll(photos)
    yield workspace
    workspace.store.close()


def examine(workspace: Workspace) -> dict[str, Check]:
    checks = list(doctor.doctor(workspace))
    found = {check.name: check for check in checks}
    assert len(found) == len(checks)
    return found


def wrong(checks: dict[str, Check]) -> list[str]:
    return [name for name, check in checks.items() if not check.is_ok]


def test_a_healthy_store(shop: Workspace) -> None:
    checks = examine(shop)
    assert list(checks) == ["versions", "threads", "model", "detector", "store", "gallery", "photos"]
    assert not wrong(checks)
    assert not any(check.remedy for check in checks.values())
    assert "numpy" in checks["versions"].found
    assert checks["model"].found.startswith(BUNDLED_MODEL)
    assert checks["detector"].found
    assert "2 products" in checks["store"].found
    assert "2 references of 2 products" in checks["gallery"].found
    assert "all 2" in checks["photos"].found


def test_without_a_store_the_bundled_model_is_still_examined(tmp_path: Path) -> None:
    checks = examine(open_workspace(str(tmp_path / "nowhere")))
    assert wrong(checks) == ["store"]
    assert "facings init" in checks["store"].remedy
    assert BUNDLED_MODEL in checks["model"].found
    assert checks["gallery"].found.startswith("skipped: no store")
    assert checks["photos"].found.startswith("skipped: no store")
    assert not (tmp_path / "nowhere").exists()


def test_a_damaged_database_is_one_fault(shop: Workspace, tmp_path: Path) -> None:
    shop.store.close()
    (tmp_path / "shop" / "facings.db").write_bytes(b"no database at all" * 100)
    checks = examine(open_workspace(str(tmp_path / "shop")))
    assert wrong(checks) == ["store"]
    assert "backup" in checks["store"].remedy


def test_a_lost_photo(shop: Workspace, tmp_path: Path) -> None:
    next((tmp_path / "shop" / "photos").rglob("*.jpg")).unlink()
    checks = examine(shop)
    assert wrong(checks) == ["photos"]
    assert checks["photos"].found.startswith("1 reference photos are gone")
    assert "backup" in checks["photos"].remedy


@pytest.mark.parametrize("lost", ["model.onnx", "weights.safetensors"])
def test_a_damaged_model_directory(shop: Workspace, tmp_path: Path, lost: str) -> None:
    shutil.copytree(WEIGHTS, tmp_path / "model")
    (tmp_path / "model" / lost).write_bytes(b"cut off")
    workspace = open_workspace(str(tmp_path / "shop"), model=str(tmp_path / "model"))
    checks = examine(workspace)
    workspace.store.close()
    assert wrong(checks) == ["model"]
    assert str(tmp_path / "model") in checks["model"].found
    assert checks["model"].remedy
    assert checks["gallery"].found.startswith("skipped: no model")
    assert "all 2" in checks["photos"].found


def test_a_given_model_is_examined_without_a_store(tmp_path: Path) -> None:
    checks = examine(open_workspace(str(tmp_path / "nowhere"), model=str(tmp_path / "no-model")))
    assert wrong(checks) == ["model", "store"]
    assert "no-model" in checks["model"].found


def test_a_detector_that_is_not_there_is_one_fault(shop: Workspace, tmp_path: Path) -> None:
    workspace = open_workspace(str(tmp_path / "shop"), detector="no-detector")
    checks = examine(workspace)
    workspace.store.close()
    assert wrong(checks) == ["detector"]
    assert "no-detector" in checks["detector"].found
    assert "whole-photo" in checks["detector"].remedy


def test_a_detector_that_cannot_look_is_found(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind:
        name = "blind"

        def detect(self, image: Image) -> Detections:  # noqa: ARG002
            raise ModelMismatch("The network fails.", "Export it again.")

    monkeypatch.setattr(networks, "load_detector", lambda *_, **__: Blind())
    checks = examine(shop)
    assert wrong(checks) == ["detector"]
    assert (checks["detector"].found, checks["detector"].remedy) == ("The network fails.", "Export it again.")


def test_an_unforeseen_failure_is_a_finding(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(_self: object) -> dict[str, str]:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(type(shop.store), "health", explode)
    checks = examine(shop)
    assert wrong(checks) == ["store"]
    assert checks["store"].found == "ZeroDivisionError: by nothing"


def test_more_threads_than_cores(shop: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    workspace = open_workspace(str(tmp_path / "shop"), threads=3)
    checks = examine(workspace)
    workspace.store.close()
    assert wrong(checks) == ["threads"]
    assert checks["threads"].found.startswith("3 of 2 cores")
    assert "FACINGS_THREADS=2" in checks["threads"].remedy


def test_a_pool_with_more_threads_than_wanted(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    pools = [{"internal_api": "openblas", "num_threads": 64}]
    monkeypatch.setattr(doctor, "threadpool_info", lambda: pools)
    checks = examine(shop)
    assert wrong(checks) == ["threads"]
    assert "openblas: 64" in checks["threads"].found
    assert "OMP_NUM_THREADS=1" in checks["threads"].remedy


def test_a_library_without_a_version(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "pillow":
            raise PackageNotFoundError(name)
        return "1.2.3"

    monkeypatch.setattr(doctor, "version", version)
    checks = examine(shop)
    assert not wrong(checks)
    assert "pillow of unknown version, onnxruntime 1.2.3" in checks["versions"].found


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://anna:hush-hush@db.example:5432/shop?sslmode=require&sslpassword=hush-hush",
        "postgresql://anna:hush-hush@db.example/shop",
        "postgresql+psycopg://db.example/shop?user=anna&password=hush-hush",
        "postgresql://anna:hush%2Dhush/hush-hush@db.example/shop",
        "postgresql://anna:hush-hush?a#b@db.example/shop",
        "postgresql://anna:hush hush-hush@db.example/shop",
        "postgresql://anna:hush-hush@[db.example/shop",
        "nosuchdatabase://anna:hush-hush@db.example/shop",
    ],
)
@pytest.mark.parametrize("has_photos", [True, False])
def test_no_password_is_shown(url: str, has_photos: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the line of the store nor in an error that repeats the URL."""
    monkeypatch.setattr(parts, "open_store", lambda location, _photos: _fail(f"Cannot parse {location!r}."))
    told = examine(open_workspace(url, photos=tmp_path if has_photos else None))
    monkeypatch.undo()
    assert wrong(told) == ["store"]
    assert "Cannot parse" in told["store"].found
    for check in told.values():
        assert "hush" not in check.found + check.remedy


def _fail(message: str) -> None:
    raise ValueError(message)


def test_the_store_of_a_url_is_shown_without_its_secrets(tmp_path: Path) -> None:
    url = "postgresql://anna:hush@127.0.0.1:1/shop?connect_timeout=2&sslpassword=hush"
    checks = examine(open_workspace(url))  # no folder for photos: refused before any connection
    assert wrong(checks) == ["store"]
    assert "postgresql://anna:***@127.0.0.1:1/shop" in checks["store"].found
    assert "hush" not in checks["store"].found + checks["store"].remedy


def test_a_sqlite_url_is_shown_whole(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shop.db"
    workspace = init_workspace(url, photos=tmp_path / "photos")
    found = examine(workspace)["store"]
    workspace.store.close()
    assert found.is_ok
    assert found.found.startswith(f"{url}: ")
