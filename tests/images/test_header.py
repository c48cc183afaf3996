"""read_header and the errors of fit: every incomplete image is named, and no foreign exception escapes."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from imagecli.domain import InputFit, Size
from imagecli.errors import InputImageError, LargeImageError
from imagecli.images.fit_input import fit_input
from imagecli.images.header import read_header
from tests.images.sample_images import (
    CLASSIC,
    CORNERS,
    GPT,
    alike,
    chunk,
    corners,
    exif,
    fitted,
    lying_png,
    opened,
    saved,
    scene,
    with_chunk,
)

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "ICO", "AVIF")
SOME = {name: saved(scene(64, 64), name) for name in FORMATS}


@pytest.mark.parametrize("format", FORMATS)
def test_the_header_gives_format_size_and_mode(format: str) -> None:
    header = read_header(SOME[format], "x")
    assert (header.format, header.size, header.frames, header.orientation) == (format.lower(), Size(64, 64), 1, 1)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "x.png is empty (0 bytes)"),
        (b"<!doctype html><title>404", "x.png is an HTML page; expected an image"),
        (b"hello, world", "x.png is text; expected an image"),
        (b"%PDF-1.4 ...", "x.png is a PDF; expected an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "x.png is a PostScript file; expected an image"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "x.png is a Git LFS pointer; expected an image",
        ),
        (b"<svg width='1' height='1'/>", "x.png is an SVG drawing; expected a raster image"),
        (b"\0" * 500, "x.png is unknown data; expected an image"),
        (b"\0\0\0\x0cjP" + b"\0" * 90, "x.png is a JPEG 2000 image, which is not supported"),
        (b"8BPS" + b"\0" * 90, "x.png is a Photoshop file; expected an image"),
        (SOME["PNG"][:20], "x.png is damaged: PNG ends in the middle of its headers"),
        (SOME["JPEG"][:50], "x.png is damaged: JPEG ends in the middle of its headers"),
        (lying_png(50_000, 50_000), "x.png is 50000x50000, 2,500,000,000 pixels; the limit is 120,000,000"),
        (lying_png(0, 9), "x.png is damaged: PNG has an invalid size, 0x9"),
    ],
)
def test_a_file_that_is_not_an_image_is_refused_by_name(data: bytes, words: str) -> None:
    with pytest.raises(InputImageError) as caught:
        read_header(data, "x.png")
    assert caught.value.message.startswith(words)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (SOME["PNG"][:-30], "PNG ends in the middle of its IDAT chunk"),
        (SOME["PNG"][:60] + b"\0\0\0\0" + SOME["PNG"][64:], "PNG has a bad CRC in its IDAT chunk"),
        (SOME["JPEG"][:-30], "JPEG ends in the middle of its pixels"),
        (SOME["WEBP"][:-30], "WebP ends in the middle of its VP8 chunk"),
        (SOME["GIF"][:-30], "GIF ends in the middle of an image"),
    ],
)
@pytest.mark.parametrize("rule", [GPT, CLASSIC], ids=["gpt", "classic"])
def test_a_truncated_image_is_refused_before_it_is_sent(data: bytes, words: str, rule: object) -> None:
    with pytest.raises(InputImageError) as caught:
        fitted(data, rule)  # type: ignore[arg-type]
    assert caught.value.message == f"photo.jpg is damaged: {words}"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_half_an_image_of_any_format_is_refused(format: str, share: float) -> None:
    data = saved(Image.effect_noise((64, 64), 80).convert("RGB"), format)
    with pytest.raises(InputImageError):
        fitted(data[: int(len(data) * share)])


def test_pixels_that_are_too_few_for_the_header_are_refused() -> None:
    with pytest.raises(InputImageError, match=r"photo\.jpg is damaged: PNG has too few pixels"):
        fitted(lying_png(2_000, 2_000))


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_text_bomb_is_bounded(kind: bytes) -> None:
    body = {b"zTXt": b"a\0\0", b"iTXt": b"a\0\1\0\0\0", b"iCCP": b"a\0\0"}[kind] + zlib.compress(b"\0" * 80_000_000, 9)
    image = with_chunk(SOME["PNG"], kind, body)
    tracemalloc.start()
    assert fitted(image).image.data == image
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def bomb(format: str, width: int, height: int) -> bytes:
    """A small file whose header claims *width* × *height*."""
    data = bytearray(SOME[format])
    if format == "GIF":
        data[6:10] = struct.pack("<HH", width, height)
    elif format == "BMP":
        data[18:26] = struct.pack("<ii", width, height)
    else:
        at = data.find(b"\xff\xc0")
        data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize("format", ["GIF", "BMP", "JPEG"])
def test_a_pixel_bomb_is_refused_by_its_header(format: str) -> None:
    with pytest.raises(LargeImageError, match=r"the limit is (120,000,000|200,000,000|85,714,285)"):
        read_header(bomb(format, 60_000, 60_000), "x")


def test_a_tiff_bomb_and_a_webp_bomb_are_refused_by_their_headers() -> None:
    large = saved(Image.new("1", (11_000, 11_000)), "TIFF", compression="group4")
    with pytest.raises(InputImageError, match="11000x11000"):
        read_header(large, "x.tif")
    with pytest.raises(InputImageError, match="the limit is 37,500,000"):
        read_header(SOME["WEBP"][:12] + b"VP8X\x0a\0\0\0\0\0\0\0" + b"\xff\x3f\0" * 2 + SOME["WEBP"][12:], "x.webp")


def test_a_photograph_from_a_phone_is_read_upright() -> None:
    """Written by libheif with the orientation 6 in its boxes; a camera and a place in its EXIF."""
    data = (Path(__file__).parents[1] / "data" / "pictures" / "turned.heic").read_bytes()
    result = fitted(data, name="IMG_0001.HEIC")
    assert (read_header(data, "x").format, result.image.size, result.image.format) == ("heic", Size(96, 64), "jpeg")
    assert result.changes == ("converted to JPEG", "private metadata removed")
    assert alike(corners(opened(result.image.data)), CORNERS, 20)


def test_a_broken_heic_is_named() -> None:
    with pytest.raises(InputImageError, match="can't decode"):
        read_header(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 100, "IMG_1.HEIC")


def test_invalid_exif_is_ignored() -> None:
    data = saved(scene(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f garbage")
    assert read_header(data, "x").orientation == 1
    assert fitted(data).changes == ("private metadata removed",)


HEADS = [data[:length] for data in SOME.values() for length in (16, 40, 90, 300, len(data))]


def refused_or_done(data: bytes) -> None:
    for rule in (GPT, CLASSIC):
        try:
            fit_input(read_header(data, "x"), rule, InputFit())
        except InputImageError as error:
            assert error.message.startswith(("x ", "can't decode x: ", "can't encode the image", "not enough memory"))


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(HEADS), st.binary(max_size=300))
@pytest.mark.filterwarnings("ignore:::PIL")
def test_hostile_bytes_are_refused_and_no_foreign_exception_escapes(head: bytes, tail: bytes) -> None:
    refused_or_done(head + tail)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(sorted(SOME.values())), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4)
)
@pytest.mark.filterwarnings("ignore:::PIL")
def test_damaged_images_are_refused_or_read(data: bytes, changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(data)
    for at, byte in changes:
        damaged[at % len(data)] = byte
    refused_or_done(bytes(damaged))


def test_an_icon_with_a_png_of_a_false_size_is_refused() -> None:
    inner = lying_png(30_000, 30_000)
    entry = struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(inner), 22)
    with pytest.raises(InputImageError):
        fitted(struct.pack("<HHH", 0, 1, 1) + entry + inner, CLASSIC)


def test_reading_a_header_reads_no_pixels() -> None:
    header = lying_png(9_000, 9_000)[:200]
    assert read_header(header, "x").size == Size(9_000, 9_000)


def test_an_orientation_is_found_behind_megabytes_of_other_segments() -> None:
    buffer = io.BytesIO()
    scene().save(buffer, "JPEG", exif=exif(6), icc_profile=b"\0" * 200_000)
    assert read_header(buffer.getvalue(), "x").size == Size(40, 60)


def test_a_public_chunk_of_unknown_kind_is_left_alone() -> None:
    data = with_chunk(SOME["PNG"], b"aBCd", b"public")
    assert fitted(data).image.data == data
    assert chunk(b"aBCd", b"public") in fitted(data).image.data
