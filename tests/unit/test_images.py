"""Step 1: every kind of file gives an upright RGB photo or one clear reason; nothing else ever comes out."""

from __future__ import annotations

import hashlib
import io
import os
import random
import struct
import subprocess
import sys
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage
from PIL import ImageCms

from conftest import make_pixels, save_photo
from facings import images
from facings.errors import BadImage
from facings.images import MAX_FILE_MEGABYTES, decode, find_photos, read_bytes
from facings.types import Image, UInt8Array

ORIENTATION, DATE, OFFSET, EXIF_IFD = 0x0112, 0x9003, 0x9011, 0x8769


def picture(seed: int = 1, width: int = 64, height: int = 48) -> PillowImage.Image:
    return PillowImage.fromarray(make_pixels(seed, width=width, height=height))


def saved(source: PillowImage.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    source.save(out, kind, **options)
    return out.getvalue()


def decoded(data: bytes, **options: Any) -> Image:
    return decode(data, source="shelf.jpg", **options)


def exif_bytes(tags: dict[int, Any], inner: dict[int, Any] | None = None) -> bytes:
    exif = PillowImage.Exif()
    exif.update(tags)
    if inner:
        exif[EXIF_IFD] = inner
    return exif.tobytes()


def differs(first: UInt8Array, second: UInt8Array) -> int:
    """The largest difference of two pictures of one size."""
    assert first.shape == second.shape
    return int(np.abs(first.astype(int) - second.astype(int)).max())


def mean_difference(first: UInt8Array, second: UInt8Array) -> float:
    assert first.shape == second.shape
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


def png(width: int, height: int, bits: int, color_type: int, packed: bytes) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def flat_png(width: int, height: int, bits: int, color_type: int, row: bytes) -> bytes:
    """Rows that are all the same, all of them there; made without ever holding the picture."""
    press = zlib.compressobj(1)
    rows = (press.compress((b"\x00" + row) * 100) for _ in range(height // 100))
    return png(width, height, bits, color_type, b"".join(rows) + press.flush())


def one_bit_png(side: int) -> bytes:
    """A black square."""
    return flat_png(side, side, 1, 0, bytes((side + 7) // 8))


def wide_gamut_profile() -> bytes:
    """An ICC profile with the primaries of Display P3 (ICC registry, D50-adapted) and gamma 2.2."""

    def s15f16(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    name = b"Test P3\x00"
    gamma = b"curv" + bytes(4) + struct.pack(">IH", 1, round(2.2 * 256)) + bytes(2)
    bodies = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(name)) + name + bytes(78),
        b"cprt": b"text" + bytes(4) + b"CC0\x00",
        b"wtpt": b"XYZ " + bytes(4) + s15f16(0.9642, 1.0, 0.8249),
        b"rXYZ": b"XYZ " + bytes(4) + s15f16(0.51512, 0.2412, -0.00105),
        b"gXYZ": b"XYZ " + bytes(4) + s15f16(0.29198, 0.69225, 0.04189),
        b"bXYZ": b"XYZ " + bytes(4) + s15f16(0.1571, 0.06657, 0.78407),
        b"rTRC": gamma,
        b"gTRC": gamma,
        b"bTRC": gamma,
    }
    table, data, offset = b"", b"", 128 + 4 + 12 * len(bodies)
    for tag, body in bodies.items():
        padded = body + bytes(-len(body) % 4)
        table += tag + struct.pack(">II", offset + len(data), len(body))
        data += padded
    size = offset + len(data)
    header = struct.pack(">I4sI", size, bytes(4), 0x02400000) + b"mntrRGB XYZ " + bytes(12) + b"acsp"
    header += bytes(28) + s15f16(0.9642, 1.0, 0.8249)
    return header.ljust(128, b"\x00") + struct.pack(">I", len(bodies)) + table + data


# What a photo is


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        pytest.param("JPEG", {"quality": 95}, 6, id="jpeg"),
        pytest.param("JPEG", {"quality": 95, "progressive": True}, 6, id="progressive jpeg"),
        pytest.param("MPO", {"quality": 95, "save_all": True, "append_images": [picture(2)]}, 6, id="mpo of a phone"),
        pytest.param("PNG", {}, 0, id="png"),
        pytest.param("WEBP", {"lossless": True}, 0, id="webp"),
        pytest.param("BMP", {}, 0, id="bmp"),
        pytest.param("TIFF", {}, 0, id="tiff"),
        pytest.param("TIFF", {"compression": "tiff_lzw"}, 0, id="tiff lzw"),
        pytest.param("TIFF", {"compression": "tiff_adobe_deflate"}, 0, id="tiff deflate"),
    ],
)
def test_each_format_gives_the_picture(kind: str, options: dict[str, Any], tolerance: int) -> None:
    data = saved(picture(), kind, **options)
    image = decoded(data)
    assert image.photo_id == hashlib.sha256(data).hexdigest()
    assert (image.width, image.height, image.source) == (64, 48, "shelf.jpg")
    assert image.notes == ()
    assert image.taken_at is None
    assert image.pixels.dtype == np.uint8
    assert image.pixels.flags["C_CONTIGUOUS"]
    assert mean_difference(image.pixels, make_pixels(1)) <= tolerance


def test_gif_of_few_colors_is_exact() -> None:
    exact = picture().quantize(16)
    image = decoded(saved(exact, "GIF"))
    assert image.notes == ()
    assert differs(image.pixels, np.asarray(exact.convert("RGB"))) == 0


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK"])
def test_other_color_models_are_taken_to_rgb(mode: str) -> None:
    source = picture().convert(mode)
    image = decoded(saved(source, "TIFF"))
    assert differs(image.pixels, np.asarray(source.convert("RGB"))) == 0


@pytest.mark.parametrize(
    ("width", "height"),
    [pytest.param(1, 1, id="one pixel"), pytest.param(20_000, 1, id="wide"), pytest.param(1, 20_000, id="tall")],
)
def test_extreme_shapes_are_photos(width: int, height: int) -> None:
    image = decoded(saved(PillowImage.new("RGB", (width, height), (10, 20, 30)), "PNG"))
    assert image.pixels.shape == (height, width, 3)
    assert (image.pixels == (10, 20, 30)).all()


# What is no photo


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"", "empty", id="empty file"),
        pytest.param(b"hello, this is a text", "not a picture", id="text"),
        pytest.param(b"<!DOCTYPE html><html></html>", "HTML", id="html"),
        pytest.param(b'\n  <svg xmlns="http://www.w3.org/2000/svg"/>', "SVG", id="svg"),
        pytest.param(b"%PDF-1.7\n%\xe2\xe3", "PDF", id="pdf"),
        pytest.param(b"PK\x03\x04" + bytes(40), "ZIP", id="zip"),
        pytest.param(b"\x00\x00\x00\x18ftypheic" + bytes(40), "HEIC", id="heic"),
        pytest.param(b"\x00\x00\x00\x18ftypmif1" + bytes(40), "HEIC", id="heif"),
        pytest.param(b"\x00\x00\x00\x18ftypavif" + bytes(40), "AVIF", id="avif"),
        pytest.param(b"\x89PNG\r\n\x1a\n", "not a picture|damaged", id="png signature alone"),
        pytest.param(b"\xff\xd8\xff", "not a picture|damaged", id="jpeg signature alone"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a picture", id="eps, which Pillow could open"),
        pytest.param(saved(PillowImage.new("RGB", (9, 9)), "PPM"), "not a picture", id="ppm, not on the list"),
        pytest.param(saved(PillowImage.new("RGB", (9, 9)), "ICO"), "not a picture", id="ico, not on the list"),
    ],
)
def test_what_is_no_photo_is_refused_and_named(data: bytes, said: str) -> None:
    with pytest.raises(BadImage, match=said) as caught:
        decoded(data)
    assert caught.value.message.startswith("shelf.jpg: ")


CUT_KINDS: list[Any] = [
    pytest.param("JPEG", {"quality": 80}, id="jpeg"),
    pytest.param("JPEG", {"quality": 80, "progressive": True}, id="progressive jpeg"),
    pytest.param("PNG", {}, id="png"),
    pytest.param("WEBP", {"quality": 80}, id="webp"),
    pytest.param("WEBP", {"lossless": True}, id="lossless webp"),
    pytest.param("GIF", {}, id="gif"),
    pytest.param("BMP", {}, id="bmp"),
    pytest.param("TIFF", {}, id="tiff"),
    pytest.param("TIFF", {"compression": "tiff_lzw"}, id="lzw tiff"),
]


@pytest.mark.parametrize(("kind", "options"), CUT_KINDS)
def test_cut_file_is_refused_or_whole_never_half_gray(kind: str, options: dict[str, Any]) -> None:
    data = saved(picture(width=160, height=120), kind, **options)
    whole = decoded(data).pixels
    cuts = sorted({*range(1, len(data), max(1, len(data) // 60)), *range(len(data) - 12, len(data))})
    refused = 0
    for cut_at in cuts:
        try:
            pixels = decoded(data[:cut_at]).pixels
        except BadImage:
            refused += 1
        else:  # only bytes without pixels were missing
            assert differs(pixels, whole) == 0, f"cut at {cut_at} of {len(data)}"
    assert refused >= 0.8 * len(cuts)


def test_large_jpeg_cut_in_the_middle_says_so() -> None:
    data = saved(PillowImage.effect_noise((900, 700), 60), "JPEG")
    for share in (0.2, 0.5, 0.8, 0.95):
        with pytest.raises(BadImage, match=r"shelf\.jpg: the picture is damaged or cut short.*Take or export"):
            decoded(data[: int(share * len(data))])


# Size


def test_tiny_file_that_claims_a_huge_picture_is_refused() -> None:
    data = png(60_000, 60_000, 8, 2, zlib.compress(bytes(100)))
    assert len(data) < 100
    with pytest.raises(BadImage, match=r"too large|megapixels"):
        decoded(data)


def test_real_bomb_is_refused_without_its_memory() -> None:
    assert decoded(one_bit_png(200)).pixels.shape == (200, 200, 3)  # such files are sound
    data = one_bit_png(30_000)
    tracemalloc.start()
    try:
        with pytest.raises(BadImage, match=r"too large|megapixels"):
            decoded(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20e6


def test_limit_is_checked_before_any_pixel_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import PngImagePlugin

    def never(self: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", never)
    with pytest.raises(BadImage, match=r"1000×1001 px are 1 megapixels, the limit is 1\.|raise max_megapixels"):
        decoded(saved(PillowImage.new("L", (1000, 1001)), "PNG"), max_megapixels=1.0)


def test_picture_exactly_at_the_limit_is_read() -> None:
    assert decoded(saved(PillowImage.new("L", (100, 100)), "PNG"), max_megapixels=0.01).width == 100


def test_pillows_own_ceiling_does_not_undercut_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PillowImage, "MAX_IMAGE_PIXELS", 1000)
    data = saved(PillowImage.new("L", (100, 100)), "PNG")
    assert decoded(data, max_megapixels=0.01).width == 100
    with pytest.raises(BadImage, match="megapixels"):
        decoded(data, max_megapixels=0.009)


@pytest.mark.parametrize("ceiling", [None, 10**9])
def test_pillows_ceiling_is_never_lowered(monkeypatch: pytest.MonkeyPatch, ceiling: int | None) -> None:
    monkeypatch.setattr(PillowImage, "MAX_IMAGE_PIXELS", ceiling)
    decoded(saved(picture(), "PNG"))
    assert ceiling == PillowImage.MAX_IMAGE_PIXELS


def test_gif_whose_frame_is_a_bomb_is_refused_without_its_memory(tmp_path: Path) -> None:
    """Pillow fills such a frame with the background while it opens the file, before there is a size to check."""
    header = b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0, 0, 0)
    to_background = b"!\xf9\x04\x08\x00\x00\x00\x00"
    frame = b"," + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0)
    said, peak = decoded_elsewhere(tmp_path, header + to_background + frame + b"\x02\x01\x00\x00;")
    assert "too large" in said
    assert peak < INTERPRETER


# Memory

INTERPRETER = 150e6  # bytes at most for Python, NumPy, Pillow, the file and one block of the picture

DECODE_ELSEWHERE = """
import sys
from pathlib import Path
from facings.errors import BadImage
from facings.images import decode
try:
    image = decode(Path(sys.argv[1]).read_bytes(), source="shelf.jpg")
    print(image.width, image.height, image.pixels.min((0, 1)).tolist(), image.pixels.max((0, 1)).tolist(), *image.notes)
except BadImage as error:
    print(error.message)
# The peak of this program alone: getrusage() would count the tests' own memory, from which it was forked.
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


def decoded_elsewhere(folder: Path, data: bytes) -> tuple[str, float]:
    """What decoding gave in a process of its own, and the most memory, in bytes, that the whole process ever held."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak of a process is read from /proc")
    path = folder / "shelf.jpg"
    path.write_bytes(data)
    said = elsewhere(DECODE_ELSEWHERE, path)
    text, peak = said.strip().rsplit("\n", 1)
    return text, int(peak) * 1024.0


def elsewhere(code: str, *arguments: Path) -> str:
    """What a Python process prints in which every warning is an error."""
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    ("bits", "color_type", "pixel", "wanted"),
    [
        pytest.param(8, 6, b"\xc8\x00\x00\x80", "[227, 127, 127] [227, 127, 127] transparent", id="transparent"),
        pytest.param(16, 0, b"\x80\x80", "[128, 128, 128] [128, 128, 128] gray of more", id="16-bit gray"),
    ],
)
def test_large_picture_takes_little_more_than_itself(
    tmp_path: Path, bits: int, color_type: int, pixel: bytes, wanted: str
) -> None:
    """3 bytes of a pixel are the photo that comes out, up to 4 the picture as Pillow holds it."""
    said, peak = decoded_elsewhere(tmp_path, flat_png(6000, 10_000, bits, color_type, pixel * 6000))
    assert said.startswith(f"6000 10000 {wanted}")
    assert peak <= 60e6 * (3 + 5) + INTERPRETER


@pytest.mark.parametrize("mode", ["1", "P", "L", "LA", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_blocks_leave_no_seams(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    if mode in {"I;16", "I", "F"}:
        dtype = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        source = PillowImage.fromarray((make_pixels(1)[..., 0].astype(int) * 300).astype(dtype))
    else:
        source = picture().convert(mode)
    if mode == "RGBA":
        source.putalpha(picture(2).convert("L"))
    data = saved(source, "TIFF", icc_profile=wide_gamut_profile())
    whole = decoded(data)
    for size in (1000, 64, 7):  # some rows, one row, parts of rows
        monkeypatch.setattr(images, "_BLOCK_PIXELS", size)
        image = decoded(data)
        assert differs(image.pixels, whole.pixels) == 0
        assert image.notes == whole.notes


def test_transparency_in_one_block_alone_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    source = picture().convert("RGBA")
    source.putpixel((0, 20), (1, 2, 3, 0))
    monkeypatch.setattr(images, "_BLOCK_PIXELS", 100)
    image = decoded(saved(source, "PNG"))
    assert image.notes == ("transparent parts were laid on white",)
    assert image.pixels[20, 0].tolist() == [255] * 3


# Depth


def test_sixteen_bit_gray_png_maps_by_its_own_white() -> None:
    values = np.array([[65535, 257, 32896, 0, 40000]], np.uint16)
    image = decoded(saved(PillowImage.fromarray(values), "PNG"))
    wanted = np.round(values / 257)[..., None].repeat(3, axis=2)  # 255, 1, 128, 0, 156
    assert np.abs(image.pixels - wanted).max() <= 1
    assert image.notes == ("gray of more than 8 bits was scaled to 8",)


def test_dark_sixteen_bit_gray_stays_dark() -> None:
    values = np.array([[200, 257, 0]], np.uint16)
    assert decoded(saved(PillowImage.fromarray(values), "PNG")).pixels[0, :, 0].tolist() == [1, 1, 0]
    assert decoded(saved(PillowImage.fromarray(values[:, :1]), "PNG")).pixels[0, 0].tolist() == [1, 1, 1]


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bit_tiff_in_either_byte_order(order: str) -> None:
    values = np.array([[65535, 257], [32896, 0]], np.uint16)
    body = values.astype(order + "u2").tobytes()
    tags = [(256, 2), (257, 2), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (278, 2), (279, len(body))]
    magic = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8 + len(body))
    # A SHORT sits in the first two bytes of its field; padding it right makes that so in both orders.
    lines = b"".join(struct.pack(order + "HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    data = magic + body + struct.pack(order + "H", len(tags)) + lines + bytes(4)
    assert decoded(data).pixels[..., 1].tolist() == [[255, 1], [128, 0]]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        pytest.param(np.array([[0, 100, 255]], np.int32), [0, 100, 255], id="whole numbers up to 255 as they are"),
        pytest.param(np.array([[0, 257, 65535]], np.int32), [0, 1, 255], id="16 bits in 32"),
        pytest.param(np.array([[0, 10**6, 2 * 10**6]], np.int32), [0, 128, 255], id="brightest is white"),
        pytest.param(np.array([[-5, 0, 200]], np.int32), [0, 0, 200], id="below black is black"),
        pytest.param(np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255], id="floats from 0 to 1"),
        pytest.param(np.array([[0.0, 99.6, 255.0]], np.float32), [0, 100, 255], id="floats up to 255"),
        pytest.param(np.array([[0.0, 0.0, 0.0]], np.float32), [0, 0, 0], id="black"),
    ],
)
def test_deep_gray_tiff_keeps_order_and_brightness(values: Any, wanted: list[int]) -> None:
    image = decoded(saved(PillowImage.fromarray(values), "TIFF"))
    assert np.abs(image.pixels[0, :, 0].astype(int) - wanted).max() <= 1
    assert "8 bits" in image.notes[0]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_gray_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(BadImage, match="not finite"):
        decoded(saved(PillowImage.fromarray(np.array([[1.0, value]], np.float32)), "TIFF"))


def test_gray_of_signaling_nan_is_refused_without_a_warning() -> None:
    values = np.array([[0x3F800000, 0x7FA00000]], np.uint32).view(np.float32)
    with pytest.raises(BadImage, match="not finite"):
        decoded(saved(PillowImage.fromarray(values), "TIFF"))


# Transparency


def test_transparency_is_laid_on_white() -> None:
    source = PillowImage.new("RGBA", (4, 1))
    source.putdata([(200, 0, 0, 255), (200, 0, 0, 0), (0, 0, 0, 128), (9, 9, 9, 0)])
    image = decoded(saved(source, "PNG"))
    assert differs(image.pixels, np.array([[[200, 0, 0], [255] * 3, [127] * 3, [255] * 3]], np.uint8)) <= 1
    assert image.notes == ("transparent parts were laid on white",)


def test_opaque_alpha_is_not_worth_a_note() -> None:
    image = decoded(saved(picture().convert("RGBA"), "PNG"))
    assert differs(image.pixels, make_pixels(1)) == 0
    assert image.notes == ()


def test_gray_with_transparency_is_laid_on_white() -> None:
    source = PillowImage.new("LA", (2, 1))
    source.putdata([(40, 255), (40, 0)])
    assert decoded(saved(source, "PNG")).pixels[0].tolist() == [[40] * 3, [255] * 3]


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_palette_with_a_transparent_color_is_laid_on_white(kind: str) -> None:
    source = PillowImage.new("P", (3, 1))
    source.putpalette([200, 10, 10, 10, 200, 10, 10, 10, 200])
    source.putdata([0, 1, 2])
    image = decoded(saved(source, kind, transparency=1))
    assert image.pixels[0].tolist() == [[200, 10, 10], [255, 255, 255], [10, 10, 200]]
    assert image.notes == ("transparent parts were laid on white",)


def test_palette_with_graded_transparency_is_laid_on_white() -> None:
    source = PillowImage.new("P", (2, 1))
    source.putpalette([0, 0, 0, 0, 0, 0])
    source.putdata([0, 1])
    image = decoded(saved(source, "PNG", transparency=bytes([255, 128])))
    assert differs(image.pixels, np.array([[[0] * 3, [127] * 3]], np.uint8)) <= 1


@pytest.mark.parametrize(
    ("mode", "color", "mark"),
    [pytest.param("RGB", (7, 8, 9), (7, 8, 9), id="rgb"), pytest.param("L", 7, 7, id="gray")],
)
def test_one_transparent_color_without_palette_is_laid_on_white(mode: str, color: Any, mark: Any) -> None:
    source = PillowImage.new(mode, (2, 1), color)
    source.putpixel((1, 0), (50, 50, 50) if mode == "RGB" else 50)
    assert decoded(saved(source, "PNG", transparency=mark)).pixels[0].tolist() == [[255] * 3, [50] * 3]


# Frames


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_of_several_frames_the_first_is_used_and_said(kind: str) -> None:
    frames = [PillowImage.new("RGB", (32, 24), color) for color in ("#c01010", "#10c010", "#1010c0")]
    options = {"lossless": True} if kind == "WEBP" else {}
    image = decoded(saved(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    assert image.notes == ("3 frames or pages: the first one was used",)
    assert differs(image.pixels, np.asarray(frames[0])) == 0


# Orientation and time

TURNED: dict[int, Callable[[UInt8Array], UInt8Array]] = {  # from upright to how the sensor stored it (EXIF 2.3, 4.6.4)
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a.transpose(1, 0, 2), 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", TURNED)
def test_all_orientations_give_the_same_upright_picture(orientation: int, kind: str) -> None:
    upright = make_pixels(3)
    stored = PillowImage.fromarray(np.ascontiguousarray(TURNED[orientation](upright)))
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
    image = decoded(saved(stored, kind, exif=exif_bytes({ORIENTATION: orientation}), **options))
    assert (image.width, image.height) == (64, 48)
    assert mean_difference(image.pixels, upright) <= (6 if kind == "JPEG" else 0)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientation_that_does_not_exist_is_none(orientation: int) -> None:
    image = decoded(saved(picture(), "PNG", exif=exif_bytes({ORIENTATION: orientation})))
    assert differs(image.pixels, make_pixels(1)) == 0


def test_turned_sixteen_bit_gray_is_upright() -> None:
    values = np.array([[65535, 257, 32896]], np.uint16)
    image = decoded(saved(PillowImage.fromarray(values), "PNG", exif=exif_bytes({ORIENTATION: 6})))
    assert image.pixels[:, 0, 0].tolist() == [255, 1, 128]


@pytest.mark.parametrize(
    ("inner", "wanted"),
    [
        pytest.param({DATE: "2024:05:06 07:08:09"}, datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC), id="no offset"),
        pytest.param(
            {DATE: "2024:05:06 07:08:09", OFFSET: "+05:30"}, datetime(2024, 5, 6, 1, 38, 9, tzinfo=UTC), id="ahead"
        ),
        pytest.param({DATE: "2024:05:06 22:00:00", OFFSET: "-03:00"}, datetime(2024, 5, 7, 1, tzinfo=UTC), id="behind"),
        pytest.param(
            {DATE: "2024:05:06 07:08:09", OFFSET: "?"}, datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC), id="odd offset"
        ),
        pytest.param(
            {DATE: "2024:05:06 07:08:09", OFFSET: "+99:99"},
            datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC),
            id="offset beyond a day",
        ),
        pytest.param({DATE: "0000:00:00 00:00:00"}, None, id="clock never set"),
        pytest.param({DATE: "    :  :     :  :  "}, None, id="blank as the standard writes unknown"),
        pytest.param({DATE: "06.05.2024"}, None, id="another way to write it"),
        pytest.param({DATE: "0001:01:01 00:00:00", OFFSET: "+14:00"}, None, id="before the first moment of UTC"),
        pytest.param({OFFSET: "+05:30"}, None, id="offset alone"),
    ],
)
def test_camera_time(inner: dict[int, str], wanted: datetime | None) -> None:
    image = decoded(saved(picture(), "JPEG", exif=exif_bytes({}, inner)))
    assert image.taken_at == wanted


@pytest.mark.parametrize(
    ("wall", "offset", "wanted"),
    [
        pytest.param("2025:01:15 09:30:00", "", datetime(2025, 1, 15, 8, 30, tzinfo=UTC), id="winter"),
        pytest.param("2025:07:15 09:30:00", "", datetime(2025, 7, 15, 7, 30, tzinfo=UTC), id="summer"),
        pytest.param("2025:07:15 09:30:00", "-03:00", datetime(2025, 7, 15, 12, 30, tzinfo=UTC), id="its own offset"),
        pytest.param("2025:07:15 09:30:00", "Z", datetime(2025, 7, 15, 9, 30, tzinfo=UTC), id="says UTC"),
        pytest.param("2025:10:26 02:30:00", "", datetime(2025, 10, 26, 0, 30, tzinfo=UTC), id="hour that comes twice"),
        pytest.param("2025:03:30 02:30:00", "", datetime(2025, 3, 30, 1, 30, tzinfo=UTC), id="hour that never was"),
    ],
)
def test_a_camera_without_offset_shows_the_clock_of_the_shop(wall: str, offset: str, wanted: datetime) -> None:
    data = saved(picture(), "JPEG", exif=exif_bytes({}, {DATE: wall} | ({OFFSET: offset} if offset else {})))
    assert decode(data, source="a.jpg", zone=ZoneInfo("Europe/Berlin")).taken_at == wanted


def test_camera_time_keeps_its_zone() -> None:
    inner = {DATE: "2024:05:06 07:08:09", OFFSET: "+05:30"}
    taken_at = decoded(saved(picture(), "JPEG", exif=exif_bytes({}, inner))).taken_at
    assert taken_at is not None
    assert taken_at.utcoffset() == timedelta(hours=5, minutes=30)


@pytest.mark.parametrize(
    "exif",
    [
        pytest.param(b"Exif\x00\x00", id="empty"),
        pytest.param(b"Exif\x00\x00II*\x00\xff\xff\xff\xff", id="directory beyond the end"),
        pytest.param(b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x02\x01\x12", id="directory cut short"),
        pytest.param(b"Exif\x00\x00garbage, garbage", id="no TIFF at all"),
        pytest.param(
            b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x69\x87\x04\x00\x01\x00\x00\x00\xf0\xff\xff\x7f\x00\x00\x00\x00",
            id="inner directory beyond the end",
        ),
        pytest.param(exif_bytes({ORIENTATION: 6})[:-6], id="own bytes cut"),
    ],
)
def test_broken_exif_does_not_cost_the_photo(exif: bytes) -> None:
    image = decoded(saved(picture(), "JPEG", quality=95, exif=exif))
    assert {image.width, image.height} == {64, 48}
    assert image.taken_at is None


@pytest.mark.parametrize("error", [struct.error, KeyError, ZeroDivisionError, OverflowError, SyntaxError, OSError])
def test_whatever_the_exif_parser_raises_costs_the_exif_alone(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def broken(self: object) -> None:
        raise error("odd EXIF")

    data = saved(picture(), "PNG")
    monkeypatch.setattr(PillowImage.Image, "getexif", broken)
    image = decoded(data)
    assert differs(image.pixels, make_pixels(1)) == 0
    assert image.taken_at is None


# Color


def test_wide_gamut_profile_changes_colors_to_srgb() -> None:
    source = PillowImage.new("RGB", (8, 8), (200, 60, 60))
    pixel = decoded(saved(source, "PNG", icc_profile=wide_gamut_profile())).pixels[0, 0].astype(int)
    # P3 red is redder than the same numbers in sRGB: more red, less green.
    assert pixel[0] >= 205
    assert pixel[1] <= 52


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_profile_counts_also_with_transparency_and_palette(mode: str) -> None:
    profile = wide_gamut_profile()
    source = PillowImage.new("RGB", (8, 8), (200, 60, 60))
    plain = decoded(saved(source, "PNG", icc_profile=profile)).pixels
    other = source.quantize(2) if mode == "P" else source.convert(mode)
    same = decoded(saved(other, "PNG", icc_profile=profile)).pixels
    assert differs(plain, same) <= 1
    assert differs(same, np.asarray(source)) > 5


def test_profile_leaves_white_and_black_alone() -> None:
    source = PillowImage.new("RGB", (2, 1))
    source.putdata([(255, 255, 255), (0, 0, 0)])
    pixels = decoded(saved(source, "PNG", icc_profile=wide_gamut_profile())).pixels
    assert differs(pixels, np.asarray(source)) <= 1


def test_srgb_profile_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert differs(decoded(saved(picture(), "PNG", icc_profile=profile)).pixels, make_pixels(1)) == 0


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(b"no profile at all", id="garbage"),
        pytest.param(wide_gamut_profile()[:200], id="cut short"),
        pytest.param(wide_gamut_profile().replace(b"RGB XYZ", b"CMYKXYZ"), id="of another color model"),
        pytest.param(b"\x00" * 128, id="zeros"),
    ],
)
def test_broken_profile_is_left_aside(profile: bytes) -> None:
    assert differs(decoded(saved(picture(), "PNG", icc_profile=profile)).pixels, make_pixels(1)) == 0


@pytest.mark.parametrize(
    "profile", [pytest.param(None, id="no profile"), pytest.param(wide_gamut_profile(), id="profile of another model")]
)
def test_cmyk_jpeg_has_its_colors_the_right_way_round(profile: bytes | None) -> None:
    source = PillowImage.new("CMYK", (16, 16), (0, 255, 255, 0))  # full magenta and yellow: red
    pixel = decoded(saved(source, "JPEG", quality=95, icc_profile=profile)).pixels[8, 8]
    assert pixel[0] > 230
    assert max(pixel[1], pixel[2]) < 25


def test_gray_with_gray_profile_is_gray() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    image = decoded(saved(PillowImage.new("L", (4, 4), 90), "PNG", icc_profile=lab))
    assert (image.pixels == 90).all()


# Damage of any kind

_SEEDS = (
    saved(picture(width=32, height=24), "JPEG", exif=exif_bytes({ORIENTATION: 6}, {DATE: "2024:05:06 07:08:09"})),
    saved(picture(width=32, height=24), "JPEG", progressive=True, icc_profile=wide_gamut_profile()),
    saved(picture(width=32, height=24), "PNG", exif=exif_bytes({ORIENTATION: 8})),
    saved(picture(width=32, height=24).quantize(8), "PNG", transparency=3),
    saved(PillowImage.fromarray(np.arange(768, dtype=np.uint16).reshape(24, 32) * 80), "PNG"),
    saved(picture(width=32, height=24), "WEBP"),
    saved(picture(width=32, height=24), "TIFF", exif=exif_bytes({ORIENTATION: 5})),
    saved(picture(width=32, height=24), "TIFF", save_all=True, append_images=[picture(2, 32, 24)]),
    saved(picture(width=32, height=24).quantize(8), "GIF", save_all=True, append_images=[picture(2, 32, 24)]),
    saved(picture(width=32, height=24), "BMP"),
)


def damage(data: bytes, seed: int) -> bytes:
    """One to six random bytes changed, taken out or put in, or the end cut off; half of it in the headers."""
    rng, out = random.Random(seed), bytearray(data)
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(min(len(out), 200) if rng.random() < 0.5 else len(out))
        how = rng.choice(["change", "change", "change", "extreme", "drop", "insert", "cut"])
        if how == "change":
            out[place] = rng.randrange(256)
        elif how == "extreme":
            out[place] = rng.choice([0, 1, 127, 128, 255])
        elif how == "drop":
            del out[place : place + rng.randint(1, 16)]
        elif how == "insert":
            out[place:place] = rng.randbytes(rng.randint(1, 8))
        else:
            del out[place:]
        if not out:
            break
    return bytes(out)


def photo_or_reason(data: bytes) -> Image | None:
    try:
        return decoded(data, max_megapixels=1.0)
    except BadImage as error:
        assert error.message.startswith("shelf.jpg: ")
        return None


@given(st.sampled_from(_SEEDS), st.integers(0, 2**32))
@settings(max_examples=2000, deadline=None, derandomize=True, database=None)
def test_damaged_file_is_a_photo_or_a_reason_never_anything_else(data: bytes, seed: int) -> None:
    data = damage(data, seed)
    image = photo_or_reason(data)
    if image is not None:
        assert image.width * image.height <= 1e6
        assert image.photo_id == hashlib.sha256(data).hexdigest()


@given(st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\x00", b"BM"]), st.binary())
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_random_bytes_are_no_photo(magic: bytes, noise: bytes) -> None:
    image = photo_or_reason(magic + noise)
    assert image is None or image.width * image.height <= 1e6


@pytest.mark.parametrize("error", [struct.error, KeyError, IndexError, OverflowError, EOFError, MemoryError])
def test_whatever_a_parser_raises_is_a_reason(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    from PIL import PngImagePlugin

    def broken(self: object) -> None:
        raise error("odd")

    data = saved(picture(), "PNG")
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", broken)
    with pytest.raises(BadImage, match="damaged or cut short"):
        decoded(data)


def test_fault_of_ours_surfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(picture: object) -> None:
        raise AttributeError("a slip of the pen")

    data = saved(picture(), "PNG")
    monkeypatch.setattr(images, "_to_srgb", broken)
    with pytest.raises(AttributeError, match="slip"):
        decoded(data)


# Warnings


DECODE_IN_THREADS = """
import sys, threading, warnings
from pathlib import Path
from facings.images import decode
before = list(warnings.filters)
start = threading.Barrier(len(sys.argv) - 1)
heard = []

def work(path):
    start.wait()
    for _ in range(50):
        image = decode(Path(path).read_bytes(), source=path)
        assert image.width == 64
        try:
            warnings.warn("not of Pillow")
        except UserWarning as warning:  # an error, as this process asked for
            heard.append(warning)

threads = [threading.Thread(target=work, args=(path,)) for path in sys.argv[1:]]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert list(warnings.filters) == before
print(len(heard))
"""


def test_odd_files_in_threads_do_not_warn_and_silence_nobody_else(tmp_path: Path) -> None:
    cut = exif_bytes({ORIENTATION: 6})[:-6]
    paths = [tmp_path / f"{kind}-{turn}" for kind in ("JPEG", "PNG") for turn in "ab"]
    for path in paths:
        path.write_bytes(saved(picture(), path.name.split("-")[0], exif=cut))
        with pytest.warns(UserWarning, match="Corrupt EXIF"), PillowImage.open(path) as opened:
            opened.getexif().get(ORIENTATION)
    assert elsewhere(DECODE_IN_THREADS, *paths) == "200\n"


def test_photo_that_fails_leaves_the_warnings_as_they_were() -> None:
    before = list(warnings.filters)
    with pytest.raises(BadImage):
        decoded(b"text")
    assert list(warnings.filters) == before


# Files


def test_bytes_of_a_file_with_a_name_in_another_script(tmp_path: Path) -> None:
    path = save_photo(tmp_path / "Молоко 牛奶 Käse.jpg", 1)
    data = read_bytes(path)
    assert data == path.read_bytes()
    assert decode(data, source=str(path)).source == str(path)


def test_missing_file_directory_and_impossible_name_say_why(tmp_path: Path) -> None:
    with pytest.raises(BadImage, match=r"gone\.jpg: cannot be read \(No such file"):
        read_bytes(tmp_path / "gone.jpg")
    with pytest.raises(BadImage, match="cannot be read"):
        read_bytes(tmp_path)
    with pytest.raises(BadImage, match="cannot be read"):
        read_bytes(tmp_path / ("x" * 5000))
    with pytest.raises(BadImage, match="cannot be read"):
        read_bytes(tmp_path / "a\x00b.jpg")


def test_unreadable_file_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_photo(tmp_path / "a.jpg", 1)
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser reads everything

        def refuse(self: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(BadImage, match=r"a\.jpg: cannot be read \(Permission denied\)"):
        read_bytes(path)


def test_file_over_the_limit_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "big.tif"
    with path.open("wb") as file:
        file.truncate(int(MAX_FILE_MEGABYTES * 1e6) + 1)  # sparse: takes no disk

    def never(self: Path) -> bytes:
        raise AssertionError("read")

    monkeypatch.setattr(Path, "read_bytes", never)
    with pytest.raises(BadImage, match="256 MB, the limit is 256 MB"):
        read_bytes(path)


def test_folder_gives_its_photos_sorted_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b/2.JPG", "b/1.jpeg", "a.png", "c/d/e.webp", ".hidden.jpg", "._a.jpg", ".trash/x.jpg", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "folder.jpg").mkdir()
    names = [path.relative_to(tmp_path).as_posix() for path in find_photos([tmp_path])]
    assert names == ["a.png", "b/1.jpeg", "b/2.JPG", "c/d/e.webp"]


def test_folder_below_a_hidden_one_is_searched_when_it_is_named(tmp_path: Path) -> None:
    path = save_photo(tmp_path / ".cache" / "photos" / "a.jpg", 1)
    assert list(find_photos([path.parent])) == [path]


def test_files_are_passed_on_in_order_also_missing_and_oddly_named_ones(tmp_path: Path) -> None:
    there = tmp_path / "photo.bin"
    there.write_bytes(b"")
    paths = [tmp_path / "missing.jpg", there, tmp_path / "missing.jpg"]
    assert list(find_photos(paths)) == paths


def test_empty_folder_and_no_paths_give_nothing(tmp_path: Path) -> None:
    assert list(find_photos([tmp_path])) == []
    assert list(find_photos([])) == []


def test_find_photos_passes_on_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "a.jpg").touch()
    (tmp_path / "shut").mkdir()
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)  # as root, no mode keeps a folder shut
    assert list(find_photos([tmp_path])) == [tmp_path / "open" / "a.jpg", tmp_path / "shut"]
    with pytest.raises(BadImage, match="shut: this is a folder that cannot be read"):
        read_bytes(tmp_path / "shut")


def test_linked_folders_are_followed_once_and_never_around_in_circles(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "a.jpg").touch()
    (tmp_path / "root" / "own").mkdir(parents=True)
    (tmp_path / "root" / "own" / "b.jpg").touch()
    (tmp_path / "root" / "linked").symlink_to(tmp_path / "far")
    (tmp_path / "root" / "own" / "back").symlink_to(tmp_path / "root")
    found = [path.relative_to(tmp_path).as_posix() for path in find_photos([tmp_path / "root"])]
    assert found == ["root/linked/a.jpg", "root/own/b.jpg"]
