"""A file is replaced whole or not at all, and nothing half-written is left beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from facings.whole_file import replaced_file


def test_it_takes_its_place_at_the_end_of_the_block(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.bin"
    with replaced_file(path) as file:
        file.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_an_error_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"before")
    with pytest.raises(error), replaced_file(path) as file:
        file.write(b"half")
        raise error
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_although_the_bytes_were_buffered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"), replaced_file(tmp_path / "a.bin") as file:
        file.write(b"half")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_its_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.bin" / "inner").mkdir(parents=True)
    with pytest.raises(OSError, match=r"a\.bin"), replaced_file(tmp_path / "a.bin") as file:
        file.write(b"x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]
