"""Places: where stock is. A site (a shop), then as fine as wanted: "store-12/aisle-3/bay-2".

A site has a time zone and a currency. Outside, times are those of its clock on the wall; inside they are aware UTC.
"""

from __future__ import annotations

import functools
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Protocol

from facings.apps.money import check_currency
from facings.errors import BadInput

MAX_PLACE_LENGTH = 200


@functools.lru_cache(maxsize=4096)
def check_place(place: str) -> str:
    """The place, if it is one: parts between slashes, none empty, none with outer spaces.

    Raises:
        BadInput: It is none.
    """
    parts = place.split("/")
    if not all(part and part == part.strip() and part.isprintable() for part in parts):
        raise BadInput(f"Place {place!r}: wanted parts between single slashes, such as store-12/aisle-3/bay-2.")
    if len(place) > MAX_PLACE_LENGTH:
        raise BadInput(f"Place {place[:24]!r}…: got {len(place)} characters, wanted at most {MAX_PLACE_LENGTH}.")
    return place


def site_of(place: str) -> str:
    """The shop a place is in.

    >>> site_of("store-12/aisle-3/bay-2")
    'store-12'
    """
    return place.split("/", 1)[0]


def is_within(place: str, outer: str) -> bool:
    """Whether a place is another or lies inside it; everything lies inside ""."""
    return not outer or place == outer or place.startswith(outer + "/")


@dataclass(frozen=True)
class Site:
    """A shop.

    Args:
        name: The first part of its places.
        zone: IANA name of its time zone.
        currency: ISO 4217 code, "" when not said.
    """

    name: str
    zone: str = "UTC"
    currency: str = ""

    def __post_init__(self) -> None:
        if check_place(self.name) != site_of(self.name):
            raise BadInput(f"Site {self.name!r}: wanted the first part of a place alone, such as store-12.")
        load_zone(self.zone)
        if self.currency:
            check_currency(self.currency)

    def to_utc(self, wall: datetime) -> datetime:
        """A time on the wall of this site as aware UTC; of an hour that the clock shows twice, the first.

        Raises:
            BadInput: The clock never showed it: it lies in the hour that summer time leaves out.
        """
        utc = wall.replace(tzinfo=load_zone(self.zone), fold=0).astimezone(UTC)
        if utc.astimezone(load_zone(self.zone)).replace(tzinfo=None) != wall.replace(fold=0):
            raise BadInput(f"Time {wall.isoformat(' ')}: never was in {self.zone} (the clock was put forward).")
        return utc

    def to_wall(self, moment: datetime) -> datetime:
        """An aware time as the site's clock shows it."""
        return moment.astimezone(load_zone(self.zone))


class SiteStore(Protocol):
    """Where sites are kept."""

    def sites(self) -> dict[str, Site]:
        """Those that were set, by name."""
        ...

    def put_site(self, site: Site) -> None:
        """Insert or replace."""
        ...


@functools.lru_cache(maxsize=256)
def load_zone(name: str) -> zoneinfo.ZoneInfo:
    """The time zone of an IANA name.

    Raises:
        BadInput: There is none of this name.
    """
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInput(f"Time zone {name!r}: not known; wanted an IANA name such as Europe/Berlin.") from error


def read_moment(text: str, site: Site, at_date: time) -> datetime:
    """A time of a file as aware UTC.

    Args:
        text: ISO 8601: "2026-03-01T17:05:00+01:00", or without an offset on the site's clock, or a date alone.
        site: Whose clock it is.
        at_date: What time of the site's clock a date alone means.

    Raises:
        BadInput: It is no such time, or one that never was.
    """
    try:
        moment = (
            datetime.combine(date.fromisoformat(text), at_date) if len(text) == 10 else datetime.fromisoformat(text)
        )
        return moment.astimezone(UTC) if moment.utcoffset() is not None else site.to_utc(moment)
    except (ValueError, OverflowError) as error:
        raise BadInput(f"Time {text!r}: wanted ISO 8601, such as 2026-03-01 17:05 or 2026-03-01.") from error
