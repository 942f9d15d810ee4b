"""Pages for people: one self-contained HTML file from a template in `facings/html`, without network or fonts.

A template extends `base.html.j2` and fills its blocks `title`, `kind` (what the page is, small, top right), `main`,
`foot` and `script`. The base inlines `style.css` and forbids by Content-Security-Policy whatever is not in the file.
"""

from __future__ import annotations

import base64
import functools
import io

import jinja2
from PIL import Image as PillowImage

from facings.types import UInt8Array

JPEG_QUALITY = 78


def render(template: str, **values: object) -> str:
    """The page as HTML text. Every value is escaped; a value the template needs and does not get is an error.

    Args:
        template: File name in `facings/html`.
        values: What the template names. Its filters are `percent` (0.5234 → "52.3%") and `count` (1265 → "1,265").

    Raises:
        jinja2.UndefinedError: The template names a value that was not given.
    """
    return _environment().get_template(template).render(**values)


def thumbnail(pixels: UInt8Array, side_px: int) -> str:
    """A small JPEG of a picture as a `data:` URI, for the `src` of an `img`.

    Args:
        pixels: uint8 (h, w, 3) RGB.
        side_px: Longest side of the thumbnail; a smaller picture stays as it is.
    """
    picture = PillowImage.fromarray(pixels)
    picture.thumbnail((side_px, side_px), PillowImage.Resampling.LANCZOS, reducing_gap=3.0)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("facings", "html"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = _percent
    environment.filters["count"] = _count
    return environment


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}%"


def _count(number: int) -> str:
    return f"{number:,}"
