"""Places and the clocks of sites: what a time on the wall is in UTC, on the days the clock changes too."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from facings.apps.places import Site, check_place, is_within, read_moment, site_of
from facings.errors import BadInput

BERLIN = Site("s", "Europe/Berlin", "EUR")
NOON = time(12)


@pytest.mark.parametrize("place", ["s", "store-12/aisle-3/bay-2", "Köln 1/Regal 3"])
def test_places(place: str) -> None:
    assert check_place(place) == place


@pytest.mark.parametrize("place", ["", "/", "a/", "/a", "a//b", " a", "a/ b", "a\n", "a" * 201])
def test_what_is_no_place(place: str) -> None:
    with pytest.raises(BadInput, match="Place"):
        check_place(place)


def test_inside() -> None:
    assert site_of("a/b/c") == "a"
    assert is_within("a/b", "a")
    assert is_within("a", "a")
    assert is_within("a", "")
    assert not is_within("ab", "a")
    assert not is_within("a", "a/b")


@pytest.mark.parametrize(
    ("site", "words"),
    [(("a/b",), "first part"), (("a", "Mars/Base"), "IANA"), (("a", "../etc"), "IANA"), (("a", "UTC", "euro"), "4217")],
)
def test_what_is_no_site(site: tuple[str, ...], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Site(*site)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-01 17:05", datetime(2026, 3, 1, 16, 5, tzinfo=UTC)),
        ("2026-07-01T17:05:06", datetime(2026, 7, 1, 15, 5, 6, tzinfo=UTC)),
        ("2026-03-01T17:05:00+09:00", datetime(2026, 3, 1, 8, 5, tzinfo=UTC)),
        ("2026-03-01T17:05:00Z", datetime(2026, 3, 1, 17, 5, tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 3, 1, 11, tzinfo=UTC)),
        ("2026-10-25 02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # shown twice: the first
    ],
)
def test_times_of_a_file(text: str, utc: datetime) -> None:
    found = read_moment(text, BERLIN, NOON)
    assert found == utc
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-03-29 02:30", "never was in Europe/Berlin"),
        ("01.03.2026", "ISO 8601"),
        ("2026-02-30", "ISO 8601"),
        ("", "ISO 8601"),
        ("yesterday", "ISO 8601"),
        ("0001-01-01T00:00:00+09:00", "ISO 8601"),
    ],
)
def test_what_is_no_time(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read_moment(text, BERLIN, NOON)


def test_the_wall_shows_it_again() -> None:
    assert BERLIN.to_wall(datetime(2026, 7, 1, 15, tzinfo=UTC)).isoformat() == "2026-07-01T17:00:00+02:00"
