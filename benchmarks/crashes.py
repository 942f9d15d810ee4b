"""Real commands killed at any moment (SIGKILL): is the ledger sound, and is anything half counted?

python benchmarks/crashes.py [N_KILLS]     (100 of `facings scan` and 100 of `facings inventory import` by default)

Each time a fresh copy of one store, a process of its own, and a signal at a moment drawn from its usual run time. Then
the ledger is folded again and compared, the counts must be all there or none, and the same command once more must end
as if nothing had happened. It ends with 1 if a single one does not.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from facings.adapters.sql_store import open_store
from facings.apps.ledger import verify_ledger
from facings.compose import init_workspace
from facings.manifest import read_manifest
from results_page import machine, markdown_table, write_section

N_KILLS, N_PHOTOS, N_ROWS, SEED = 100, 6, 3000, 20260301
PLACE = "store-1/bay-1"
Facts = Counter[tuple[str, str, int]]


def main(n_kills: int, *, is_reporting: bool) -> int:
    """Kill both commands so many times; gives how often something was wrong."""
    rows, n_bad = [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _prepare(folder)
        photos = [str(path) for path in sorted((folder / "shelf").iterdir())]
        commands = {
            "facings scan": ["scan", *photos, "--place", PLACE],
            "facings inventory import": ["inventory", "import", str(folder / "sales.csv")],
        }
        for command, arguments in commands.items():
            outcomes = _kill(folder, arguments, n_kills)
            print(command, dict(outcomes), flush=True)
            n_bad += sum(n for what, n in outcomes.items() if what.startswith("WRONG"))
            wrong = sum(n for what, n in outcomes.items() if what.startswith("WRONG"))
            rows.append((command, n_kills, outcomes["nothing"], outcomes["all"], outcomes["ended before"], wrong))
    columns = ("command", "killed", "nothing written", "all written", "of these ended before the signal", "wrong")
    if is_reporting:
        text = (
            f"`python benchmarks/crashes.py` on {machine()}, seed {SEED}. Killed by SIGKILL at a moment drawn from the "
            f"usual run time: {N_PHOTOS} photos scanned, {N_ROWS:,} sales imported. Wrong would be a ledger that does "
            "not fold to its balances, a scan or file that is there in part, or a second run that ends otherwise than "
            "an undisturbed one."
        )
        write_section("crashes", "\n\n".join(["## Killed commands", text, markdown_table(columns, rows)]))
    return n_bad


def _kill(folder: Path, arguments: list[str], n_kills: int) -> Counter[str]:
    """What was there after each kill: "nothing", "all", or "WRONG: …"."""
    began = time.perf_counter()
    expected = _undisturbed(folder, arguments)
    usual_s = time.perf_counter() - began
    chance = random.Random(SEED)
    outcomes: Counter[str] = Counter()
    for number in range(n_kills):
        store = folder / f"trial-{number}"
        shutil.copytree(folder / "store", store)
        with _start(store, arguments) as process:
            time.sleep(usual_s * chance.uniform(0.3, 1.1))
            outcomes["ended before"] += process.poll() is not None
            process.kill()
        outcomes[_judged(store, arguments, expected)] += 1
        shutil.rmtree(store)
    return outcomes


def _undisturbed(folder: Path, arguments: list[str]) -> Facts:
    store = folder / "undisturbed"
    shutil.copytree(folder / "store", store)
    _finish(store, arguments)
    facts = _facts(store)
    shutil.rmtree(store)
    if not facts:
        raise SystemExit(f"{arguments}: an undisturbed run wrote nothing.")
    return facts


def _judged(store: Path, arguments: list[str], expected: Facts) -> str:
    """What a killed command left, and whether the next run makes it good."""
    found = _facts(store)
    if found not in (Facts(), expected):
        return f"WRONG: {found.total()} of {expected.total()} events"
    _finish(store, arguments)
    if _facts(store) != expected:
        return "WRONG: the second run ended otherwise"
    return "all" if found else "nothing"


def _facts(location: Path) -> Facts:
    """What the ledger of a store tells, after it was found sound."""
    store = open_store(str(location))
    store.health()
    if problems := verify_ledger(store.ledger).problems:
        raise SystemExit(f"WRONG: {problems[0]}")
    facts = Facts((event.kind, event.sku, event.quantity) for event in store.ledger.events(is_live=True))
    store.close()
    return facts


def _start(store: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    settings = {"FACINGS_STORE": str(store), "FACINGS_DETECTOR": "whole-photo", "FACINGS_THREADS": "1"}
    settings["FACINGS_MAX_FALSE_ACCEPT"] = "0.5"  # three products promise no less
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, "-m", "facings.cli", *arguments], env={**os.environ, **settings}, stdout=quiet, stderr=quiet
    )


def _finish(store: Path, arguments: list[str]) -> None:
    with _start(store, arguments) as process:
        if process.wait() != 0:
            raise SystemExit(f"WRONG: {arguments} ended with {process.returncode}.")


def _prepare(folder: Path) -> None:
    """A store with three products, photos of a shelf, and a file of sales."""
    for number in range(3):
        _photo(folder / "references" / f"product-{number}" / "front.jpg", number, 0)
    for number in range(N_PHOTOS):
        _photo(folder / "shelf" / f"{number}.jpg", number % 3, number + 1)
    workspace = init_workspace(str(folder / "store"), threads=1)
    workspace.enroll(read_manifest(folder / "references").photos)
    workspace.store.close()
    sales = (f"2026-03-02 10:{n // 60 % 60:02d}:{n % 60:02d},product-{n % 3},1,store-1,sold" for n in range(N_ROWS))
    (folder / "sales.csv").write_text("\n".join(["at,sku,quantity,place,kind", *sales, ""]), encoding="utf-8")


def _photo(path: Path, product: int, noise: int) -> None:
    """Four flat quarters of a product's colors, and a little noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    quarters = np.random.default_rng(product).integers(0, 256, (2, 2, 3)).repeat(80, axis=0).repeat(96, axis=1)
    pixels = quarters + np.random.default_rng((product, noise)).integers(-6, 7, quarters.shape)
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, quality=95)


if __name__ == "__main__":
    n = int(sys.argv[1]) if len(sys.argv) > 1 else N_KILLS
    sys.exit(1 if main(n, is_reporting=n >= N_KILLS) else 0)
