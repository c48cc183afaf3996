"""identify_image and inspect_image: the format of bytes, and whether they are complete, by their own structure."""

from __future__ import annotations

import io
import math
import mmap
import random
import time
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imagecli.domain import ImageInfo, Size
from imagecli.images.formats.png import MAX_INFLATED_BYTES
from imagecli.images.identify import identify_image
from imagecli.images.integrity import inspect_image, inspect_image_file
from tests.images.sample_images import chunk, large_png, lying_png, png_of, saved, scene, with_chunk, with_segment

SVG = b"""<?xml version="1.0"?>
<!-- made by hand --><svg xmlns="http://www.w3.org/2000/svg" width="60" height="40px"></svg>
"""


def animated(format: str) -> bytes:
    frames = [scene(), scene().rotate(180), scene().transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    return saved(frames[0], format, save_all=True, append_images=frames[1:], duration=80)


COMPLETE = {
    "png": saved(scene()),
    "png-16": saved(Image.new("I;16", (60, 40))),
    "png-palette": saved(scene().quantize(8)),
    "png-bits": saved(scene(mode="1")),
    "png-alpha": saved(scene(mode="RGBA")),
    "apng": animated("PNG"),
    "jpeg": saved(scene(), "JPEG"),
    "jpeg-progressive": saved(scene(), "JPEG", progressive=True, quality=95),
    "jpeg-restarts": saved(scene(600, 400), "JPEG", restart_marker_blocks=2),
    "jpeg-cmyk": saved(scene(mode="CMYK"), "JPEG"),
    "webp": saved(scene(), "WEBP"),
    "webp-lossless": saved(scene(), "WEBP", lossless=True),
    "webp-alpha": saved(scene(mode="RGBA"), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"),
    "webp-animated": animated("WEBP"),
    "gif": saved(scene(), "GIF"),
    "gif-animated": animated("GIF"),
    "svg": SVG,
}
LYING_WEBP = saved(scene(), "WEBP", xmp=b"<x>" * 4).replace(b"XMP \x0c\0", b"XMP \xff\0")
"""Its pixels can be decoded, but its metadata says that it is longer than it is."""
RASTER = {name: data for name, data in COMPLETE.items() if name != "svg"}


@pytest.mark.parametrize("name", COMPLETE)
def test_a_complete_image_is_identified_with_its_format_and_size(name: str) -> None:
    size = Size(600, 400) if name == "jpeg-restarts" else Size(60, 40)
    expected = ImageInfo(format=name.split("-")[0].removeprefix("a"), size=size)
    assert inspect_image(COMPLETE[name]) == expected
    assert identify_image(COMPLETE[name]) == expected


DECODED = {
    "avif": saved(scene(), "AVIF"),
    "tiff": saved(scene(), "TIFF"),
    "tiff-lzw": saved(scene(), "TIFF", compression="tiff_lzw"),
    "heic": (Path(__file__).parents[1] / "data" / "pictures" / "turned.heic").read_bytes(),
}
"""In formats that only a decoder checks."""


@pytest.mark.parametrize("name", DECODED)
def test_a_decoder_finds_the_size_of_other_formats(name: str) -> None:
    expected = ImageInfo(format=name.split("-")[0])
    size = Size(96, 64) if name == "heic" else Size(60, 40)
    assert identify_image(DECODED[name]) == expected
    assert inspect_image(DECODED[name]) == expected._replace(size=size)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("name", DECODED)
def test_a_decoder_finds_every_cut_of_other_formats(name: str) -> None:
    data = DECODED[name]
    for end in [*range(16, len(data) - 1, len(data) // 60 + 1), len(data) - 1]:
        info = inspect_image(data[:end])
        assert not info.is_complete and info.problem, (end, info)


@pytest.mark.parametrize("name", COMPLETE)
def test_bytes_after_the_end_are_tolerated(name: str) -> None:
    tail = b"\n\n" if name == "svg" else b"trailing \xff\xd9 bytes" * 9
    assert inspect_image(COMPLETE[name] + tail).is_complete


@pytest.mark.parametrize("name", RASTER)
def test_every_truncation_is_detected(name: str) -> None:
    data = COMPLETE[name]
    # The padding of a WebP and the end marker of a JPEG may be missing.
    last = len(data) - {"webp": 2, "jpeg": 3}.get(name.split("-")[0], 1)
    for end in [*range(min(400, last)), *range(400, last, 37), last]:
        info = inspect_image(data[:end])
        assert not info.is_complete and info.problem, (end, info)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (COMPLETE["png"][:60], "PNG ends in the middle of its IDAT chunk"),
        (COMPLETE["png"][:-12], "PNG ends before its IEND chunk"),
        (COMPLETE["png"][:50] + b"\0\0\0" + COMPLETE["png"][53:], "PNG has a bad CRC in its IDAT chunk"),
        (COMPLETE["png"][:20], "PNG ends in the middle of its headers"),
        (COMPLETE["png"][:33] + chunk(b"IEND", b""), "PNG has no pixels"),
        (COMPLETE["png"][:33] + b"\0" * 40, "PNG is damaged: no chunk at byte 33"),
        (COMPLETE["jpeg"][:-20], "JPEG ends in the middle of its pixels"),
        (COMPLETE["jpeg"][:100], "JPEG ends in the middle of its headers"),
        (COMPLETE["jpeg"][:300], "JPEG ends in the middle of its headers"),
        (b"\xff\xd8\xff\xd9", "JPEG ends in the middle of its headers"),
        (COMPLETE["webp"][:90], "WebP ends in the middle of its VP8 chunk"),
        (b"RIFF\x04\0\0\0WEBP", "WebP ends in the middle of its headers"),
        (LYING_WEBP, "WebP ends in the middle of its XMP chunk"),
        (COMPLETE["gif"][:-1], "GIF ends in the middle of an image"),
        (COMPLETE["gif"][:13], "GIF ends before its pixels"),
        (b"GIF89a\0\0\0\0\0\0\0;", "GIF has an invalid size, 0x0"),
        (SVG[:-9], "SVG ends before its closing tag"),
    ],
)
def test_the_problem_is_a_readable_message(data: bytes, problem: str) -> None:
    info = inspect_image(data)
    assert not info.is_complete
    assert info.problem == problem


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>Log in to Hotel WLAN", "an HTML page"),
        (b"\xef\xbb\xbf \n<html>", "an HTML page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "XML"),
        (b'{"error": {"message": "no"}}', "JSON"),
        ("ein Bild, später mehr".encode(), "text"),
        ("ü".encode() * 600, "text"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12", "a Git LFS pointer"),
        (b"/annex/objects/SHA256E-s123--abc.png\n", "a git-annex pointer"),
        (b"\x89PNG\n\x1a\n\0\0\0\rIHDR", "a PNG with converted line endings"),
        (b"BM" + b"\0" * 40, "a BMP image"),
        (b"\0\0\0\x1cftypisom", "a video or an unknown image"),
        (bytes(range(256)), "unknown data"),
    ],
)
def test_a_file_that_is_not_an_image_is_named(data: bytes, problem: str) -> None:
    assert inspect_image(data) == identify_image(data) == ImageInfo(format=None, problem=problem)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ('<svg width="120" height="80"/>', Size(120, 80)),
        ("<svg width='120.4px' height = '80' ></svg>", Size(120, 80)),
        ('<svg viewBox="0 0 300 150"></svg>', Size(300, 150)),
        ('<svg width="100%" height="100%" viewBox="-5,-5, 300.2,150"></svg>', Size(300, 150)),
        ('<svg xmlns="http://www.w3.org/2000/svg"></svg>', None),
        ('<s:svg xmlns:s="http://www.w3.org/2000/svg" width="1" height="2"></s:svg>', Size(1, 2)),
        (
            '\ufeff<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "<b>">]> <!-- <x> --> <svg width="7" height="9"/>',
            Size(7, 9),
        ),
    ],
)
def test_an_svg_is_found_behind_its_prologue(text: str, size: Size | None) -> None:
    assert inspect_image(text.encode()) == ImageInfo(format="svg", size=size)


def test_an_svg_inside_a_page_is_a_page() -> None:
    assert inspect_image(b'<!doctype html><html><svg width="1" height="1"></svg></html>').problem == "an HTML page"


def test_a_view_and_a_mapped_file_are_identified_like_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(COMPLETE["jpeg"])
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        views = (mapped, memoryview(COMPLETE["jpeg"]), bytearray(COMPLETE["jpeg"]))
        assert [identify_image(view) for view in views] == [identify_image(COMPLETE["jpeg"])] * 3


LARGE = ("large-png", "large-jpeg", "large-webp", "large-gif")
"""Files of several windows each."""


@cache
def sample(name: str) -> bytes:
    """The file of that name in COMPLETE or LARGE."""
    if name in COMPLETE:
        return COMPLETE[name]
    noise = Image.effect_noise((700, 500), 90).convert("RGB")
    match name:
        case "large-jpeg":
            return saved(noise, "JPEG", quality=95)
        case "large-webp":
            return saved(noise, "WEBP", lossless=True)
        case "large-gif":
            return saved(noise.quantize(256), "GIF")
    return saved(noise)


@pytest.mark.parametrize("name", [*COMPLETE, *LARGE])
@pytest.mark.parametrize("end", [None, -1, -3, -70_000, 100])
def test_a_file_gives_the_same_result_as_its_bytes(name: str, end: int | None) -> None:
    data = sample(name)[:end]
    assert inspect_image_file(io.BytesIO(data)) == inspect_image(data)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(LARGE), st.integers(0, 10**7), st.binary(min_size=1, max_size=4))
def test_a_damaged_file_gives_the_same_result_as_its_bytes(name: str, at: int, junk: bytes) -> None:
    data = sample(name)
    changed = bytearray(data)
    changed[at % len(data) : at % len(data) + len(junk)] = junk
    assert inspect_image_file(io.BytesIO(changed)) == inspect_image(bytes(changed))


@cache
def bomb() -> bytes:
    return zlib.compress(bytes(100_000_000), 9)


@pytest.mark.parametrize(
    "create",
    [
        lambda: large_png(40_000_000),
        lambda: png_of((100_000, 999, 8, 0, 0, 0, 0), bomb()),
        lambda: sample("large-png"),
    ],
    ids=["large", "bomb", "noise"],
)
def test_a_large_file_is_checked_in_little_memory(tmp_path: Path, create: Callable[[], bytes]) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(create())
    tracemalloc.start()
    with path.open("rb") as file:
        info = inspect_image_file(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert info.is_complete
    assert peak < 1_000_000


def zeros(size: int) -> bytes:
    """*size* zero bytes, compressed as tightly as possible."""
    squeeze = zlib.compressobj(1)
    return (
        b"".join(squeeze.compress(bytes(min(size - at, 1 << 20))) for at in range(0, size, 1 << 20)) + squeeze.flush()
    )


@pytest.mark.parametrize("promised", [10_000, 30_000])
def test_of_a_pixel_bomb_no_more_is_decompressed_than_its_header_claims(promised: int) -> None:
    data = png_of((promised, 1, 8, 0, 0, 0, 0), bomb())
    started = time.process_time()
    assert inspect_image(data) == ImageInfo(format="png", size=Size(promised, 1))
    assert time.process_time() - started < 0.1


@pytest.mark.slow
def test_of_a_huge_image_only_a_part_is_decompressed() -> None:
    header = (MAX_INFLATED_BYTES // 1_000, 1_100, 8, 0, 0, 0, 0)
    packed = zeros(header[0] * 1_100 + 1_100)
    assert inspect_image(png_of(header, packed[:-1] + b"x")).is_complete
    assert inspect_image(png_of(header, packed[: len(packed) // 2])).problem == "PNG has too few pixels"
    assert inspect_image(lying_png(100_000, 100_000)).problem == "PNG has too few pixels"


@pytest.mark.parametrize(
    "create",
    [
        lambda: b"\xff\xd8\xff" + b"\xff" * 4_000_000 + b"\0",
        lambda: COMPLETE["jpeg"][:-2] + b"\xff\0" * 2_000_000,
        lambda: COMPLETE["jpeg"][:20] + b"\xff\xe1\0\0" * 300_000,
        lambda: COMPLETE["png"][:33] + chunk(b"IDAT", b"") * 200_000,
        lambda: b"GIF89a\1\0\1\0\0\0\0!\xfe" + b"\1\1" * 1_000_000,
        lambda: b"<!---->" * 600_000,
        lambda: b"<!DOCTYPE [" * 400_000,
        lambda: b"<svg " + b" viewBox='0 0 1" * 300_000,
        lambda: b" " * 4_000_000,
    ],
    ids=["fill", "stuffed", "no-length", "chunks", "pieces", "comments", "doctypes", "attributes", "spaces"],
)
def test_hostile_bytes_take_linear_time(create: Callable[[], bytes]) -> None:
    data = create()
    started = time.process_time()
    assert inspect_image(data) == inspect_image_file(io.BytesIO(data))
    assert time.process_time() - started < 6


HEADS = [b"", *{data[:length] for data in COMPLETE.values() for length in (12, 30, 64, 200)}]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(HEADS), st.binary(max_size=400))
def test_no_bytes_raise_an_exception(head: bytes, tail: bytes) -> None:
    info = inspect_image(head + tail)
    assert info.is_complete == (info.problem is None)
    assert identify_image(head + tail).format == info.format


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(RASTER.values())), st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_byte_raises_no_exception(data: bytes, at: int, byte: int) -> None:
    changed = bytearray(data)
    changed[at % len(data)] = byte
    inspect_image(bytes(changed))


def test_a_thumbnail_inside_the_headers_does_not_end_the_image() -> None:
    inner = COMPLETE["jpeg"]
    data = with_segment(inner, 0xE1, b"Exif\0\0" + inner)
    assert inspect_image(data).is_complete
    assert not inspect_image(data[:-20]).is_complete


def test_a_bad_crc_outside_the_pixels_is_detected_too() -> None:
    data = bytearray(with_chunk(COMPLETE["png"], b"tEXt", b"Title\0a cat"))
    data[45] ^= 1
    assert inspect_image(bytes(data)).problem == "PNG has a bad CRC in its tEXt chunk"


ADAM7 = ("16462646", "77777777", "56565656", "77777777", "36463646", "77777777", "56565656", "77777777")
"""In which pass a pixel of an interlaced PNG comes; W3C PNG Specification, third edition, 8.1."""
KINDS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 4: (8, 16), 6: (8, 16)}
SAMPLES = {0: 1, 2: 3, 4: 2, 6: 4}


def unpacked_size(width: int, height: int, bits: int, interlaced: int) -> int:
    """Bytes of all rows, each with its filter's, counted pixel by pixel."""
    rows = Counter((ADAM7[y % 8][x % 8] if interlaced else "", y) for y in range(height) for x in range(width))
    return sum(1 + math.ceil(pixels * bits / 8) for pixels in rows.values())


@pytest.mark.parametrize("interlaced", [0, 1], ids=["straight", "interlaced"])
@pytest.mark.parametrize(("color", "depth"), [(color, depth) for color, depths in KINDS.items() for depth in depths])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (17, 29), (5, 1), (1, 9)], ids=str)
def test_one_missing_byte_is_detected(size: tuple[int, int], color: int, depth: int, interlaced: int) -> None:
    header = (*size, depth, color, 0, 0, interlaced)
    expected_size = unpacked_size(*size, depth * SAMPLES[color], interlaced)
    assert inspect_image(png_of(header, zlib.compress(bytes(expected_size)))).is_complete
    assert inspect_image(png_of(header, zlib.compress(bytes(expected_size - 1)))).problem == "PNG has too few pixels"


GRAY = (10, 10, 8, 0, 0, 0, 0)
PACKED = zlib.compress(bytes(110))
UNPACKABLE = "PNG has pixels that can't be decompressed"
SENSELESS = "PNG has an invalid header"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (png_of(GRAY, PACKED), None),
        (png_of(GRAY, zlib.compress(bytes(99))), "PNG has too few pixels"),
        (png_of(GRAY, PACKED[:4]), "PNG has too few pixels"),
        (png_of(GRAY, b""), "PNG has too few pixels"),
        (png_of(GRAY, b"not packed at all"), UNPACKABLE),
        (png_of(GRAY, zlib.compress(random.Random(1).randbytes(110))[:-20] + bytes(20)), UNPACKABLE),
        (png_of(GRAY, PACKED[:-1] + b"x"), UNPACKABLE),
        (png_of(GRAY, PACKED[:-4]), None),
        (png_of(GRAY, zlib.compress(bytes(500_000))), None),
        (png_of(GRAY, PACKED + b"more"), None),
        (png_of(GRAY, zlib.compress(bytes(99) + b"\5" + bytes(10))), "PNG has a row with an unknown filter type"),
        (png_of(GRAY, zlib.compress(bytes(99) + b"\4" + b"\5" * 10)), None),
        (png_of((10, 10, 3, 0, 0, 0, 0), PACKED), SENSELESS),
        (png_of((10, 10, 4, 2, 0, 0, 0), PACKED), SENSELESS),
        (png_of((10, 10, 8, 1, 0, 0, 0), PACKED), SENSELESS),
        (png_of((10, 10, 8, 0, 1, 0, 0), PACKED), SENSELESS),
        (png_of((10, 10, 8, 0, 0, 1, 0), PACKED), SENSELESS),
        (png_of((10, 10, 8, 0, 0, 0, 2), PACKED), SENSELESS),
        (png_of((10, 10, 8, 3, 0, 0, 0), PACKED), "PNG has no palette for its pixels"),
        (png_of((10, 10, 8, 3, 0, 0, 0), PACKED, chunk(b"PLTE", bytes(6))), None),
    ],
)
def test_valid_checksums_do_not_make_a_png_complete(data: bytes, problem: str | None) -> None:
    assert (
        inspect_image(data)
        == inspect_image_file(io.BytesIO(data))
        == ImageInfo(format="png", size=Size(10, 10), problem=problem)
    )


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(0, 400), max_size=5), st.sampled_from([PACKED, zlib.compress(bytes(99)), PACKED[:-1] + b"x"])
)
def test_it_does_not_matter_how_pixels_are_cut_into_chunks(cuts: list[int], packed: bytes) -> None:
    ends = [0, *sorted(cut % len(packed) for cut in cuts), len(packed)]
    *before, last = (packed[start:end] for start, end in pairwise(ends))
    parted = png_of(GRAY, last, *(chunk(b"IDAT", piece) for piece in before))
    assert inspect_image(parted) == inspect_image(png_of(GRAY, packed))
