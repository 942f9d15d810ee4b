"""Step 1 of the path: the bytes of a file in, an upright RGB photo out, or one clear reason why not.

Every photo of Facings, gallery or query, is decoded here and nowhere else. Formats are an allow-list, so that
no exotic parser is reachable from an upload. Orientation follows the EXIF tag (CIPA DC-008), color is taken to
sRGB by the embedded ICC profile.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import struct
import warnings
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import partial
from pathlib import Path

import numpy as np
from PIL import ExifTags, ImageCms, UnidentifiedImageError
from PIL import Image as PillowImage

from facings.errors import BadImage
from facings.types import Image, UInt8Array

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF")
SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".mpo", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
MAX_MEGAPIXELS = 120.0
MAX_FILE_MEGABYTES = 256.0

_SRGB = ImageCms.createProfile("sRGB")
_WHITE = (255, 255, 255, 255)
OPENED_AS = tuple(name for name in FORMATS if name != "MPO")  # Pillow opens an MPO as the JPEG that it begins with
_SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N")
_COLOR_MODELS = ("RGB", "CMYK", "L", "LAB")  # that a profile can describe; the others become RGB first
_BLOCK_PIXELS = 1_000_000  # how many are converted at a time
_TURNS = {  # EXIF orientation → what makes it upright
    2: PillowImage.Transpose.FLIP_LEFT_RIGHT,
    3: PillowImage.Transpose.ROTATE_180,
    4: PillowImage.Transpose.FLIP_TOP_BOTTOM,
    5: PillowImage.Transpose.TRANSPOSE,
    6: PillowImage.Transpose.ROTATE_270,
    7: PillowImage.Transpose.TRANSVERSE,
    8: PillowImage.Transpose.ROTATE_90,
}
# What Pillow's parsers raise on damaged files; anything else is a fault of ours and must surface.
DAMAGED = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    MemoryError,
    struct.error,
)
# Pillow warns of odd EXIF and of size. One filter for its modules, set once: `catch_warnings` in every call would swap
# a list that all threads share, and silence the code of others meanwhile.
warnings.filterwarnings("ignore", module=r"PIL(\.|$)")


def find_photos(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as they are; folders give the photos below them, sorted, by suffix. Hidden ones are left out.

    A path that does not exist and a folder that cannot be read are passed on, so that reading them reports them.
    """
    for path in paths:
        if path.is_dir():
            errors: list[OSError] = []
            below = [photo for _, photos in walk_photos(path, errors.append) for photo in photos]
            yield from sorted([*below, *(Path(error.filename) for error in errors)])
        else:
            yield path


def walk_photos(root: Path, on_error: Callable[[OSError], object]) -> Iterator[tuple[Path, list[Path]]]:
    """Every folder at and below a root with the photos that lie in it, both sorted; hidden ones are left out.

    Links to folders are followed, each folder once.

    Args:
        root: A folder.
        on_error: Is told of every folder that cannot be read.
    """
    seen: set[str] = set()
    for directory, below, names in os.walk(root, onerror=on_error, followlinks=True):
        real = os.path.realpath(directory)
        if real in seen:  # a link back to where the walk has been
            below.clear()
            continue
        seen.add(real)
        below[:] = sorted(name for name in below if not name.startswith("."))
        paths = (Path(directory, name) for name in sorted(names) if not name.startswith("."))
        yield Path(directory), [path for path in paths if path.suffix.lower() in SUFFIXES and path.is_file()]


def read_bytes(path: Path) -> bytes:
    """The bytes of a photo file.

    Raises:
        BadImage: It cannot be read, or is larger than `MAX_FILE_MEGABYTES`.
    """
    try:
        if path.is_dir():
            raise BadImage(f"{path}: this is a folder that cannot be read; wanted a photo.", "Check its permissions.")
        size = path.stat().st_size
        if size > MAX_FILE_MEGABYTES * 1e6:
            raise BadImage(f"{path}: the file has {size / 1e6:.0f} MB, the limit is {MAX_FILE_MEGABYTES:.0f} MB.")
        return path.read_bytes()
    except OSError as error:
        raise BadImage(f"{path}: cannot be read ({error.strerror or error}).") from error
    except ValueError as error:  # a zero byte in the name
        raise BadImage(f"{str(path)!r}: cannot be read ({error}).") from error


def decode(data: bytes, *, source: str, max_megapixels: float = MAX_MEGAPIXELS, zone: tzinfo = UTC) -> Image:
    """Decode a photo safely.

    Gray of more than 8 bits is scaled to 8, transparency is laid on white, of several frames the first is used, CMYK
    and wide-gamut color are converted by their ICC profile. EXIF or a profile that cannot be read is left aside.

    Args:
        data: The file's bytes.
        source: Name for messages.
        max_megapixels: Refuse larger pictures before any pixel is decoded (decompression bombs).
        zone: Whose clock the camera shows where it does not say.

    Returns:
        The upright photo, uint8 (H, W, 3) RGB.

    Raises:
        BadImage: Empty, truncated, not an image, of a format not read here, or too large.
    """
    if not data:
        raise BadImage(f"{source}: the file is empty; wanted a photo.")
    _lift_ceiling(max_megapixels)
    try:
        with PillowImage.open(io.BytesIO(data), formats=OPENED_AS) as opened:
            _check_size(opened, source, max_megapixels)
            return _upright_rgb(opened, data, source, zone)
    except UnidentifiedImageError as error:
        raise BadImage(f"{source}: {_describe_unread(data)}; wanted one of {', '.join(FORMATS)}.") from error
    except PillowImage.DecompressionBombError as error:
        raise BadImage(f"{source}: the picture is too large ({error}).") from error
    except DAMAGED as error:
        raise BadImage(
            f"{source}: the picture is damaged or cut short ({error}).", "Take or export it again."
        ) from error


def _lift_ceiling(max_megapixels: float) -> None:
    """Pillow refuses pictures of more than twice its own limit; raised where ours is larger, never lowered.

    Never taken away: it is what keeps a GIF from filling frames beyond any limit while it is being opened.
    """
    ceiling = PillowImage.MAX_IMAGE_PIXELS
    if ceiling is not None and 2 * ceiling < max_megapixels * 1e6:
        PillowImage.MAX_IMAGE_PIXELS = math.ceil(max_megapixels * 1e6 / 2)


def _check_size(opened: PillowImage.Image, source: str, max_megapixels: float) -> None:
    width, height = opened.size
    if width * height > max_megapixels * 1e6:
        raise BadImage(
            f"{source}: {width}×{height} px are {width * height / 1e6:.0f} megapixels, "
            f"the limit is {max_megapixels:g}.",
            "Scale the photo down, or raise max_megapixels.",
        )


def _upright_rgb(opened: PillowImage.Image, data: bytes, source: str, zone: tzinfo) -> Image:
    notes = []
    n_frames = getattr(opened, "n_frames", 1)
    if n_frames > 1 and opened.format != "MPO":  # the further frames of an MPO are previews of the same shot
        notes.append(f"{n_frames} frames or pages: the first one was used")
    opened.load()
    taken_at = _taken_at(opened, zone)
    pixels, conversion = _to_srgb(_turned(opened))
    if conversion:
        notes.append(conversion)
    return Image(
        pixels=pixels,
        photo_id=hashlib.sha256(data).hexdigest(),
        source=source,
        taken_at=taken_at,
        notes=tuple(notes),
    )


def _turned(picture: PillowImage.Image) -> PillowImage.Image:
    """The picture upright by its EXIF orientation; one that cannot be read is none."""
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    except DAMAGED:
        return picture
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return picture if turn is None else picture.transpose(turn)


def _to_srgb(picture: PillowImage.Image) -> tuple[UInt8Array, str]:
    """The pixels in sRGB, and what was done to them in words ("" for nothing worth saying).

    Block by block: whole pictures as intermediate steps would take several times the memory of the result.
    """
    pixels = np.empty((picture.height, picture.width, 3), np.uint8)
    deep = picture.mode in _SIXTEEN_BIT_MODES or picture.mode in {"I", "F"}
    convert = partial(_deep_gray, white=_white(picture)) if deep else partial(_color, by_profile=_by_profile(picture))
    note = ""
    for left, top, right, bottom in _boxes(picture):
        pixels[top:bottom, left:right], done = convert(picture.crop((left, top, right, bottom)))
        note = note or done
    pixels.setflags(write=False)
    return pixels, note


def _boxes(picture: PillowImage.Image) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, right and bottom of blocks of at most `_BLOCK_PIXELS` that cover the picture: rows where these fit."""
    wide = min(picture.width, _BLOCK_PIXELS)
    tall = _BLOCK_PIXELS // wide
    for top in range(0, picture.height, tall):
        for left in range(0, picture.width, wide):
            yield left, top, min(left + wide, picture.width), min(top + tall, picture.height)


def _color(block: PillowImage.Image, by_profile: ImageCms.ImageCmsTransform | None) -> tuple[UInt8Array, str]:
    note = ""
    if _may_be_transparent(block):
        overlay = block.convert("RGBA")
        if overlay.getchannel("A").getextrema() != (255, 255):
            note = "transparent parts were laid on white"
        background = PillowImage.new("RGBA", block.size, _WHITE)
        block = PillowImage.alpha_composite(background, overlay).convert("RGB")
    elif block.mode not in _COLOR_MODELS:
        block = block.convert("RGB")
    return np.asarray(by_profile.apply(block) if by_profile else block.convert("RGB")), note


def _may_be_transparent(picture: PillowImage.Image) -> bool:
    return picture.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in picture.info


def _deep_gray(block: PillowImage.Image, white: float) -> tuple[UInt8Array, str]:
    values = np.asarray(block, dtype=np.float64)[..., None]
    gray = np.clip(np.round(values * (255 / white)), 0, 255)
    return gray.astype(np.uint8), "gray of more than 8 bits was scaled to 8"


def _white(picture: PillowImage.Image) -> float:
    """16 bits have a known white, 65535; whole numbers and floats have none, so the brightest pixel tells it."""
    if picture.mode in _SIXTEEN_BIT_MODES:
        return 65535.0
    largest = -math.inf
    for box in _boxes(picture):
        values = np.asarray(picture.crop(box))
        if not np.isfinite(values).all():
            raise ValueError("gray values that are not finite")
        largest = max(largest, float(values.max()))
    if picture.mode == "F" and largest <= 1:
        return 1.0
    return 255.0 if largest <= 255 else max(65535.0, largest)


def _by_profile(picture: PillowImage.Image) -> ImageCms.ImageCmsTransform | None:
    """From the ICC profile to sRGB; None where there is none, it is sRGB already, broken or of another color model."""
    profile = picture.info.get("icc_profile")
    if not profile:
        return None
    mode = picture.mode if picture.mode in _COLOR_MODELS and not _may_be_transparent(picture) else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return None
        return ImageCms.buildTransform(source, _SRGB, mode, "RGB")
    except (ImageCms.PyCMSError, *DAMAGED):
        return None


def _taken_at(picture: PillowImage.Image, zone: tzinfo) -> datetime | None:
    """EXIF DateTimeOriginal as aware time; the offset tag where there is one, else the value is read in the zone.

    Of an hour that the zone's clock shows twice, it is the first; in one that it leaves out, the camera's clock was not
    put forward yet.
    """
    try:
        tags = picture.getexif().get_ifd(ExifTags.IFD.Exif)
        text = str(tags.get(ExifTags.Base.DateTimeOriginal, ""))
        offset = str(tags.get(ExifTags.Base.OffsetTimeOriginal, ""))
        naive = datetime.strptime(text.strip("\x00 "), "%Y:%m:%d %H:%M:%S")
        own = _offset(offset.strip("\x00 "))
        utc = naive.replace(tzinfo=own or zone).astimezone(UTC)  # a moment that UTC cannot express is none
    except DAMAGED:
        return None
    return utc.astimezone(own) if own else utc


def _offset(offset: str) -> timezone | None:
    """ "+05:30" or "Z" as a zone; None for anything else."""
    if offset == "Z":
        return UTC
    sign, hours, minutes = offset[:1], offset[1:3], offset[4:6]
    if len(offset) == 6 and sign in "+-" and hours.isdecimal() and minutes.isdecimal() and int(hours) < 24:
        ahead = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(ahead if sign == "+" else -ahead)
    return None


def _describe_unread(data: bytes) -> str:
    """What an unread file seems to be, for the message."""
    if data[4:12] in {b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1"}:
        return "this is a HEIC photo, which is not read here (set the phone to 'most compatible', or export as JPEG)"
    if data[4:12] == b"ftypavif":
        return "this is an AVIF picture, which is not read here"
    if data[:4] == b"%PDF":
        return "this is a PDF"
    if data[:2] == b"PK":
        return "this is a ZIP archive or an office document"
    if data.lstrip()[:1] == b"<":
        return "this is text (HTML, XML or SVG)"
    return f"not a picture (it starts with {data[:8]!r})"
