"""The port `KeptIndex`: whatever fills it holds what the gallery holds, also after a crash, a restart or damage.

The gallery is a past that the test writes; the answer is a plain dictionary.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, create_engine, text

from facings.adapters import index_files
from facings.adapters.index_files import FileIndex, IndexKind
from facings.errors import ConfigInvalid, FacingsError, ModelMismatch, StoreFailed
from facings.kept_index import GalleryChanges, KeptIndex, MemoryIndex
from facings.match import ExactIndex, best_first
from facings.types import FloatArray
from ports.steps import steps

DIM = 6
N_EXACT = 12
_numbers = itertools.count(1)


def row_of(seed: int) -> FloatArray:
    """A unit row."""
    row = np.random.default_rng(seed).normal(size=DIM).astype(np.float32)
    unit: FloatArray = row / np.linalg.norm(row)
    return unit


@dataclass
class Past:
    """A gallery's history: what each version added and removed, and its mark."""

    steps: list[tuple[dict[int, FloatArray], set[int], str]] = field(default_factory=list)

    def at(self, version: int) -> dict[int, FloatArray]:
        """What the gallery held at a version."""
        live: dict[int, FloatArray] = {}
        for added, removed, _ in self.steps[:version]:
            live |= added
            live = {key: row for key, row in live.items() if key not in removed}
        return live

    def change(self, added: dict[int, FloatArray], removed: set[int]) -> None:
        """A next version."""
        self.steps.append((added, removed, f"mark {next(_numbers)}"))

    def fetch(self, version: int, mark: str) -> GalleryChanges:
        """As `GalleryStore.changes_since`."""
        is_ours = version == 0 or (version <= len(self.steps) and self.steps[version - 1][2] == mark)
        since = version if is_ours else 0
        before, now = self.at(since), self.at(len(self.steps))
        came = sorted(now.keys() - before.keys())
        return GalleryChanges(
            since=since,
            version=len(self.steps),
            mark=self.steps[-1][2] if self.steps else "",
            ids=np.array(came, np.int64),
            skus=tuple("a" for _ in came),
            rows=np.array([now[key] for key in came], np.float32).reshape(-1, DIM),
            removed=np.array(sorted(before.keys() - now.keys()), np.int64),
        )


@dataclass
class Home:
    """Where a kept index lives.

    Args:
        open: Opens it, as a process does that starts.
        folder: Its files; None where it has none.
    """

    open: Callable[[], KeptIndex]
    folder: Path | None = None


MakeHome = Callable[[], Home]


@pytest.fixture(params=["memory", "files", "files of FAISS", "pgvector"])
def make_home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeHome]:
    """Gives empty homes of one implementation."""
    if request.param == "memory":
        yield lambda: Home(lambda: MemoryIndex(lambda: ExactIndex(DIM)))
    elif request.param == "pgvector":
        module = pytest.importorskip("facings.adapters.pgvector_index")
        engine = create_engine(request.getfixturevalue("postgresql")())

        def make() -> Home:
            space = f"space-{next(_numbers)}"
            return Home(lambda: module.PgVectorIndex(engine, space, DIM, n_exact=N_EXACT))

        yield make
        engine.dispose()
    else:
        kind = IndexKind("exact", ExactIndex, ExactIndex.load)
        if request.param == "files of FAISS":
            faiss = pytest.importorskip("facings.adapters.faiss_index", reason="FAISS is not installed").FaissIndex
            kind = IndexKind(
                "faiss", lambda dim: faiss(dim, n_exact=N_EXACT), lambda *where: faiss.load(*where, n_exact=N_EXACT)
            )

        def make_folder() -> Home:
            folder = tmp_path / f"home-{next(_numbers)}"
            return Home(lambda: FileIndex(folder, kind, "space", DIM, least_rows=4, least_share=0.2), folder)

        yield make_folder


def files_of(home: Home) -> list[Path]:
    """Every file of the snapshots of a home."""
    return [] if home.folder is None else sorted(f for f in home.folder.glob("*/*") if f.is_file())


def check_holds(kept: KeptIndex, gallery: dict[int, FloatArray]) -> None:
    """Every id once, as similar as its row says, and nothing else."""
    assert len(kept.index) == len(gallery)
    query = row_of(0)[None]
    ids, cosines = kept.index.search(query, len(gallery) + 3)
    assert sorted(ids[0].tolist()) == sorted(gallery)
    true = np.array([[gallery[key] @ query[0] for key in ids[0].tolist()]], np.float32).reshape(1, -1)
    assert np.abs(cosines - true).max(initial=0) < 2e-3  # half precision
    assert (best_first(ids, cosines)[0] == ids).all()


share = st.floats(0, 1, exclude_max=True)


def machine(make_home: MakeHome) -> type[RuleBasedStateMachine]:
    class KeptIndexAgainstItsPast(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.home = make_home()
            self.past = Past()
            self.kept = self.home.open()

        @rule(n_new=st.integers(1, 9))
        def enroll(self, n_new: int) -> None:
            keys = [next(_numbers) for _ in range(n_new)]
            self.past.change({key: row_of(key) for key in keys}, set())

        @rule(data=st.data())
        def forget(self, data: st.DataObject) -> None:
            live = sorted(self.past.at(len(self.past.steps)))
            if live:
                self.past.change({}, set(data.draw(st.lists(st.sampled_from(live), min_size=1, max_size=20))))

        @rule()
        def restart(self) -> None:
            self.kept = self.home.open()

        @rule(n_new=st.integers(4, 9), n_files=st.integers(0, 4))
        def die_while_taking_over(self, n_new: int, n_files: int) -> None:
            """In the middle of writing files, or before what was fetched is in the database."""
            self.enroll(n_new)
            with pytest.raises(Died):
                die_after(self.kept, self.past, n_files)
            self.kept = self.home.open()

        @rule(share=st.floats(0, 1))
        def put_an_older_backup_back(self, share: float) -> None:
            del self.past.steps[int(share * len(self.past.steps)) :]

        @rule(which=share, where=share, how=st.sampled_from(["flip", "cut", "lose"]))
        def damage_a_file_and_restart(self, which: float, where: float, how: str) -> None:
            files = [file for file in files_of(self.home) if file.stat().st_size]
            if files:
                file = files[int(which * len(files))]
                hurt(file, int(where * file.stat().st_size), how)
                self.kept = self.home.open()

        @rule()
        def lose_all_files(self) -> None:
            if self.home.folder is not None:
                shutil.rmtree(self.home.folder, ignore_errors=True)

        @invariant()
        def holds_what_the_gallery_holds(self) -> None:
            assert self.kept.follow(self.past.fetch) == len(self.past.steps)
            check_holds(self.kept, self.past.at(len(self.past.steps)))

    return KeptIndexAgainstItsPast


class Died(BaseException):
    """The process is no more: nothing is caught, nothing is tidied up."""


def die_after(kept: KeptIndex, past: Past, n_files: int) -> None:
    """Follow the past and die: with so many files of a new snapshot on disk, or with new rows in the database."""

    def die(*_: object, **__: object) -> NoReturn:
        raise Died

    count = itertools.count()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_files, "_sync", lambda _file: die() if next(count) == n_files else None)
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # the dead leave everything where it is
        patch.setattr(Path, "rename", die)
        if not isinstance(kept, MemoryIndex):
            patch.setattr(type(kept), "_list", die, raising=False)  # pgvector's last step before it commits
            kept.follow(past.fetch)
    raise Died


def hurt(file: Path, at: int, how: str) -> None:
    """Flip a bit of a file, cut it short, or delete it."""
    data = bytearray(file.read_bytes())
    file.unlink()  # who has it mapped keeps it as it was
    if how == "flip":
        data[at] ^= 4
    if how != "lose":
        file.write_bytes(data if how == "flip" else data[:at])


def test_any_past_is_followed(make_home: MakeHome) -> None:
    run_state_machine_as_test(machine(make_home), settings=steps(10, 20))


def filled(n_rows: int) -> Past:
    """A past of one version."""
    past = Past()
    past.change({key: row_of(key) for key in range(1, n_rows + 1)}, set())
    return past


def test_a_removed_id_never_comes_back_after_a_restart(make_home: MakeHome) -> None:
    home, past = make_home(), filled(30)
    home.open().follow(past.fetch)
    past.change({}, {3, 4})
    home.open().follow(past.fetch)
    past.change({31: row_of(31)}, set())
    again = home.open()
    again.follow(past.fetch)
    check_holds(again, past.at(3))


def test_a_second_process_sees_what_the_first_took_over(make_home: MakeHome) -> None:
    home, past = make_home(), filled(30)
    first, second = home.open(), home.open()
    for kept in (first, second, second, first):
        past.change({past_key: row_of(past_key) for past_key in [1000 + len(past.steps)]}, {len(past.steps)})
        assert kept.follow(past.fetch) == len(past.steps)
        check_holds(kept, past.at(len(past.steps)))


def test_a_change_that_cannot_be_fetched_leaves_the_index_as_it_was(make_home: MakeHome) -> None:
    home, past = make_home(), filled(30)
    kept = home.open()
    kept.follow(past.fetch)

    def fail(_version: int, _mark: str) -> GalleryChanges:
        raise FacingsError("the store went away")

    with pytest.raises(FacingsError, match="went away"):
        kept.follow(fail)
    check_holds(kept, past.at(1))
    past.change({}, {1})
    assert kept.follow(past.fetch) == 2


@pytest.fixture
def shared(postgresql: Callable[[], str]) -> Iterator[tuple[Engine, KeptIndex]]:
    """An index in PostgreSQL and the way to its database."""
    module = pytest.importorskip("facings.adapters.pgvector_index")
    engine = create_engine(postgresql())
    yield engine, module.PgVectorIndex(engine, "space", DIM)
    engine.dispose()


def cut_connections(engine: Engine) -> None:
    """As when the server is restarted: every other connection is dead."""
    other = create_engine(engine.url, isolation_level="AUTOCOMMIT")
    with other.connect() as connection:
        here = "datname = current_database() AND pid <> pg_backend_pid()"
        connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {here}"))
    other.dispose()


def test_a_connection_lost_between_two_searches_is_made_again(shared: tuple[Engine, KeptIndex]) -> None:
    engine, kept = shared
    past = filled(10)
    kept.follow(past.fetch)
    cut_connections(engine)
    check_holds(kept, past.at(1))


def test_a_connection_lost_in_mid_write_loses_nothing_and_doubles_nothing(shared: tuple[Engine, KeptIndex]) -> None:
    engine, kept = shared
    past, n_asked = filled(10), itertools.count(1)

    def fetch_and_cut(version: int, mark: str) -> GalleryChanges:
        if next(n_asked) == 1:
            cut_connections(engine)
        return past.fetch(version, mark)

    assert kept.follow(fetch_and_cut) == 1
    check_holds(kept, past.at(1))


def test_a_database_that_stays_away_is_a_clear_error(shared: tuple[Engine, KeptIndex]) -> None:
    engine, kept = shared
    past = filled(10)

    def fetch_and_cut(version: int, mark: str) -> GalleryChanges:
        cut_connections(engine)
        return past.fetch(version, mark)

    with pytest.raises(StoreFailed, match=r"(?s)The index failed: .*Try again; nothing was lost"):
        kept.follow(fetch_and_cut)
    assert kept.follow(past.fetch) == 1
    check_holds(kept, past.at(1))


def test_rows_of_a_space_that_was_dropped_are_deleted_and_may_come_again(shared: tuple[Engine, KeptIndex]) -> None:
    module = pytest.importorskip("facings.adapters.pgvector_index")
    engine, kept = shared
    past = filled(10)
    kept.follow(past.fetch)
    module.discard_rows(engine, "no-such-space")
    module.discard_rows(engine, "space")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT to_regclass('index_rows_space')")).scalar() is None
    again = module.PgVectorIndex(engine, "space", DIM)
    assert again.follow(past.fetch) == 1
    check_holds(again, past.at(1))


def test_only_postgresql_has_pgvector() -> None:
    module = pytest.importorskip("facings.adapters.pgvector_index")
    with pytest.raises(ConfigInvalid, match="pgvector needs a store in PostgreSQL"):
        module.PgVectorIndex(create_engine("sqlite://"), "space", DIM)


def test_rows_of_another_length_are_refused(shared: tuple[Engine, KeptIndex]) -> None:
    module = pytest.importorskip("facings.adapters.pgvector_index")
    with pytest.raises(ModelMismatch, match=f"has {DIM} numbers a row, not {DIM + 1}"):
        module.PgVectorIndex(shared[0], "space", DIM + 1)
