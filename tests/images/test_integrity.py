"""What a decoder says: a JPEG that was cut and got an end again is told from a whole one, whatever encoder made it."""

from __future__ import annotations

import io
import random
import re
import time
from typing import Any

import pytest
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st
from PIL import Image

from imagecli.images.formats.jpeg_scans import FILLERS, JpegStructure, fill_scans
from imagecli.images.identify import inspect_image
from imagecli.images.integrity import find_decoding_damage
from tests.images.making import saved, scene, segment
from tests.images.test_identify import LARGE, RASTER

EOI = b"\xff\xd9"
LACKING = "JPEG lacks a part of its pixels"


def detailed(width: int, height: int) -> Image.Image:
    """Shapes and noise, no block like the one before."""
    noise = Image.effect_noise((width, height), 40)
    return Image.merge("RGB", (noise, Image.linear_gradient("L").resize((width, height)), noise.rotate(180)))


PHOTO = detailed(300, 200)
JPEGS = {
    "plain": saved(PHOTO, "JPEG", quality=90),
    "fine": saved(PHOTO, "JPEG", quality=95, subsampling=0, optimize=True),
    "coarse": saved(PHOTO, "JPEG", quality=30),
    "gray": saved(PHOTO.convert("L"), "JPEG"),
    "cmyk": saved(PHOTO.convert("CMYK"), "JPEG"),
    "restarts": saved(PHOTO, "JPEG", restart_marker_rows=1),
    "restarts-often": saved(PHOTO, "JPEG", restart_marker_blocks=3),
    "progressive": saved(PHOTO, "JPEG", progressive=True, quality=90),
    "progressive-gray": saved(PHOTO.convert("L"), "JPEG", progressive=True),
}


def opinion(data: bytes) -> str | None:
    """What is wrong with it, as its structure tells or else its pixels."""
    identity = inspect_image(data)
    return identity.problem or find_decoding_damage(data, identity)


def mended(data: bytes, end: int) -> bytes:
    """Cut there, with an end put to it."""
    return data[:end].rstrip(b"\xff") + EOI


def first_scan(data: bytes | bytearray) -> int:
    return JpegStructure.parse(memoryview(data)).scans[0].start


@pytest.mark.parametrize("name", [*RASTER, *LARGE])
def test_whole_pictures_are_whole(name: str) -> None:
    data = (RASTER | LARGE)[name]
    assert opinion(data) is None
    assert opinion(data + b"behind the end \xff\xd0 \xff\xda") is None


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([PHOTO, scene(300, 200), Image.new("RGB", (300, 200), "white"), Image.new("RGB", (300, 200))]),
    st.tuples(st.integers(1, 300), st.integers(1, 200)),
    st.sampled_from(["L", "RGB", "CMYK"]),
    st.fixed_dictionaries(
        {"quality": st.integers(1, 100), "progressive": st.booleans(), "subsampling": st.integers(0, 2)},
        optional={
            "optimize": st.just(True),
            "restart_marker_rows": st.integers(1, 3),
            "restart_marker_blocks": st.integers(1, 30),
        },
    ),
)
@example(PHOTO, (130, 194), "RGB", {"quality": 100, "progressive": True, "subsampling": 0})
def test_no_whole_jpeg_is_called_cut(
    picture: Image.Image, size: tuple[int, int], mode: str, options: dict[str, Any]
) -> None:
    try:
        data = saved(picture.crop((0, 0, *size)).convert(mode), "JPEG", **options)
    except OSError:
        # Pillow's buffer for a progressive JPEG is too small where noise is kept at the best quality.
        reject()
    assert opinion(data) is None
    assert opinion(data[:-2] + b"\xff\xff\xff" + EOI) is None


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_that_was_cut_and_got_an_end_is_seen(name: str) -> None:
    data, dice = JPEGS[name], random.Random(name)
    for _ in range(40):
        end = dice.randrange(first_scan(data) + 1, len(data) - 40)
        cut = mended(data, end)
        assert opinion(cut) == (LACKING if inspect_image(cut).whole else inspect_image(cut).problem), end


@pytest.mark.parametrize("name", ["progressive", "progressive-gray"])
def test_a_progressive_jpeg_lacks_no_bytes_of_its_last_scan(name: str) -> None:
    """But for the last few, which may hold nothing that is seen."""
    data = JPEGS[name]
    for missing in range(8, 40):
        assert opinion(mended(data, len(data) - 2 - missing)) == LACKING, missing


def test_a_progressive_jpeg_lacks_none_of_its_scans() -> None:
    data = JPEGS["progressive"]
    starts = [found.start() for found in re.finditer(rb"\xff[\xc4\xda]", data) if found.start() > first_scan(data)]
    assert len(starts) > 10
    for start in starts:
        assert opinion(data[:start] + EOI) == LACKING


def test_a_component_without_its_scan_is_missed() -> None:
    data = bytearray(saved(PHOTO.convert("L"), "JPEG"))
    frame = data.index(b"\xff\xc0")
    three = b"\3" + bytes(data[frame + 10 : frame + 13]) + b"\2\x11\0" + b"\3\x11\0"
    data[frame : frame + 13] = segment(0xC0, bytes(data[frame + 4 : frame + 9]) + three)
    assert opinion(bytes(data)) == LACKING


def pieces(data: bytes) -> list[bytes]:
    """A JPEG parted before its restarts."""
    return re.split(rb"(?=\xff[\xd0-\xd7])", data)


@pytest.mark.parametrize("lost", [slice(3, 4), slice(4, 12), slice(-9, -1), slice(1, -1)], ids=str)
@pytest.mark.parametrize("name", ["restarts", "restarts-often"])
def test_what_was_lost_between_restarts_is_missed(name: str, lost: slice) -> None:
    left = pieces(JPEGS[name])
    del left[lost]
    assert opinion(b"".join(left)) == LACKING


@pytest.mark.parametrize("name", ["restarts", "restarts-often"])
def test_what_a_piece_between_restarts_lacks_is_missed(name: str) -> None:
    left = pieces(JPEGS[name])
    middle = len(left) // 2
    left[middle] = left[middle][: len(left[middle]) // 2].rstrip(b"\xff")
    assert opinion(b"".join(left)) == LACKING


@pytest.mark.parametrize("name", JPEGS)
def test_what_fills_the_gaps_is_never_seen_in_a_whole_picture(name: str) -> None:
    data = JPEGS[name]
    view = memoryview(data)
    copies = [fill_scans(view, JpegStructure.parse(view), filler) for filler in FILLERS]
    assert len({data, *copies}) == 3
    assert {Image.open(io.BytesIO(copy)).tobytes() for copy in copies} == {Image.open(io.BytesIO(data)).tobytes()}


def test_a_sequential_scan_is_all_whatever_its_header_says() -> None:
    data = bytearray(JPEGS["plain"])
    data[first_scan(data) - 3 : first_scan(data)] = b"\1\0\1"
    assert opinion(bytes(data)) is None


def test_fill_bytes_before_a_restart_are_no_pixels() -> None:
    assert opinion(re.sub(rb"\xff[\xd0-\xd7]", lambda found: b"\xff\xff" + found[0], JPEGS["restarts"])) is None


def test_hostile_restarts_do_not_grow_without_bound() -> None:
    data = JPEGS["gray"][:-2] + b"\xff\xd0" * 1_000_000 + EOI
    assert len(fill_scans(memoryview(data), JpegStructure.parse(memoryview(data)), FILLERS[0])) < 20_000_000


def test_what_is_too_large_to_try_is_believed() -> None:
    """A progressive JPEG needs more memory for each pixel."""
    data = bytearray(JPEGS["progressive-gray"])
    at = data.index(b"\xff\xc2") + 5
    data[at : at + 4] = b"\x27\x10" * 2
    assert opinion(bytes(data)) is None


@pytest.mark.parametrize(
    "behind",
    [b"\xff\xd0" * 1_000_000, b"\xff" * 2_000_000, b"\xff\xda\0\x08\1\1\0\0\x3f\0" * 100_000],
    ids=["restarts", "fill", "scans"],
)
def test_hostile_scans_take_little_time(behind: bytes) -> None:
    started = time.process_time()
    find_decoding_damage(data := saved(scene(1, 1, "L"), "JPEG")[:-2] + behind + EOI, inspect_image(data))
    assert time.process_time() - started < 6
