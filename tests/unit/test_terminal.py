from __future__ import annotations

import io

import pytest
from rich.console import Console

from facings import terminal
from facings.errors import Problem

HOSTILE = "a\x1b[2Jb[red]c\x07.jpg"
SHOWN = "a\ufffd[2Jb[red]c\ufffd.jpg"


def test_names_of_files_cannot_write_to_the_screen_or_change_its_colors(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.say(HOSTILE)
    terminal.show_error(HOSTILE, HOSTILE)
    terminal.show_problems([Problem(HOSTILE, "bad_image", HOSTILE)])
    terminal.table("", ("photo",), [(HOSTILE,)])
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert "\x07" not in shown.out + shown.err
    assert shown.out.count(SHOWN) == 1
    assert shown.err.count(SHOWN) == 5


def test_title_is_one_line_however_narrow_the_table_is(capsys: pytest.CaptureFixture[str]) -> None:
    title = f"{HOSTILE}, counted on a day in November"
    terminal.table(title, ("sku", "n"), [("a", 1)], right=("n",))
    shown = capsys.readouterr().out
    assert [line.split() for line in shown.splitlines()[1:]] == [["sku", "n"], ["a", "1"]]
    assert shown.splitlines()[0] == title.replace(HOSTILE, SHOWN)


def test_table_without_rows_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.table("Seen", ("sku", "n"), iter([]))
    assert capsys.readouterr().out == "Seen\n(nothing)\n"


def test_progress_is_quiet_off_a_terminal_and_gives_every_item(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(terminal.track(iter("abc"), "Working", 3)) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal_says_what_and_how_far(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    log = Console(file=screen, force_terminal=True, width=100, _environ={"TERM": "xterm"})
    monkeypatch.setattr(terminal, "log", log)
    assert list(terminal.track(iter("abc"), "Working", 3)) == ["a", "b", "c"]
    assert "Working" in screen.getvalue()
    assert "3/3" in screen.getvalue()
