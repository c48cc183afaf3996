"""Complete images are distinguished from truncated and damaged ones, for every encoder and every way they arrive."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from imagecli.images.formats.jpeg import SOS, jpeg_segments
from imagecli.images.integrity import ImageChecker, inspect_image, inspect_image_file
from tests.images.sample_images import saved, scene
from tests.images.test_identify import COMPLETE, LARGE, RASTER, sample

EOI = b"\xff\xd9"
CUT = "JPEG ends in the middle of its pixels"


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


def problem_of(data: bytes) -> str | None:
    return inspect_image(data).problem


def first_scan(data: bytes) -> int:
    """Where the first scan's pixels begin."""
    return next(segment.end for segment in jpeg_segments(memoryview(data)) if segment.marker == SOS)


@pytest.mark.parametrize("name", [*RASTER, *LARGE])
def test_complete_images_are_complete(name: str) -> None:
    data = sample(name)
    assert problem_of(data) is None
    assert problem_of(data + b"behind the end \xff\xd0 \xff\xda") is None


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_that_lacks_only_its_end_marker_is_complete(name: str) -> None:
    assert JPEGS[name].endswith(EOI)
    for ending in (b"", b"\xff", b"\xff\xff\xff"):
        assert problem_of(JPEGS[name][:-2] + ending) is None


@pytest.mark.parametrize("name", JPEGS)
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_truncated_jpeg_is_detected(name: str, data: st.DataObject) -> None:
    jpeg = JPEGS[name]
    end = data.draw(st.integers(first_scan(jpeg) + 1, len(jpeg) - 16))
    assert problem_of(jpeg[:end]) in (CUT, "JPEG ends in the middle of its headers")


@pytest.mark.parametrize("name", ["restarts", "restarts-often"])
def test_a_jpeg_cut_between_two_restarts_is_detected(name: str) -> None:
    for match in list(re.finditer(rb"\xff[\xd0-\xd7]", JPEGS[name]))[::7]:
        assert problem_of(JPEGS[name][: match.start()]) == CUT
        assert problem_of(JPEGS[name][: match.end()]) == CUT


@pytest.mark.parametrize("name", ["progressive", "progressive-gray"])
def test_a_progressive_jpeg_lacks_none_of_its_scans(name: str) -> None:
    data = JPEGS[name]
    starts = [match.start() for match in re.finditer(rb"\xff[\xc4\xda]", data) if match.start() > first_scan(data)]
    assert len(starts) > 8
    for start in starts:
        assert problem_of(data[:start]) == CUT


def test_images_too_large_to_decode_are_trusted() -> None:
    """A progressive JPEG needs more memory for each pixel."""
    data = bytearray(JPEGS["progressive-gray"])
    at = data.index(b"\xff\xc2") + 5
    data[at : at + 4] = b"\x27\x10" * 2
    assert problem_of(bytes(data)) is None


@pytest.mark.parametrize(
    "behind",
    [b"\xff\xd0" * 1_000_000, b"\xff" * 2_000_000, b"\xff\xda\0\x08\1\1\0\0\x3f\0" * 100_000],
    ids=["restarts", "fill", "scans"],
)
@pytest.mark.parametrize("ending", [EOI, b""], ids=["end", "no end"])
def test_hostile_scans_take_little_time(behind: bytes, ending: bytes) -> None:
    started = time.process_time()
    inspect_image(saved(scene(1, 1, "L"), "JPEG")[:-2] + behind + ending)
    assert time.process_time() - started < 6


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([*COMPLETE, *LARGE]),
    st.integers(0, 400_000),
    st.lists(st.integers(1, 100_000), min_size=1, max_size=9),
    st.booleans(),
)
@example("png", 0, [1], True)
@example("large-png", 30, [1, 100_000], False)
def test_it_does_not_matter_in_which_pieces_bytes_arrive(
    name: str, missing: int, sizes: list[int], is_damaged: bool
) -> None:
    data = sample(name)
    received = bytearray(data[: len(data) - missing % len(data)])
    if is_damaged:
        received[len(received) // 2] ^= 0x55
    checker, at, turn = ImageChecker(), 0, 0
    while at < len(received):
        size = sizes[turn % len(sizes)] if len(received) < 5_000 else max(sizes)
        checker.feed(bytes(received[at : at + size]))
        at, turn = at + size, turn + 1
    file = io.BytesIO(received)
    assert checker.finish(file) == inspect_image(bytes(received)) == inspect_image_file(file)


def test_a_png_is_checked_without_reading_it_again_and_without_pillow(tmp_path: Path) -> None:
    path = tmp_path / "noise.png"
    path.write_bytes(sample("large-png"))
    program = f"""
import io, sys
from imagecli.images.integrity import ImageChecker
checker = ImageChecker()
with open({str(path)!r}, "rb") as file:
    while piece := file.read(7_000):
        checker.feed(piece)
print(checker.finish(io.BytesIO()).is_complete, "PIL" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
