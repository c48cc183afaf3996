"""The IPTC term in converted images, read by exiftool, and by decoders that must ignore it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from shutil import which
from typing import get_args

import pytest

from imagecli.domain import DigitalSourceType, Size
from imagecli.images.convert_output import convert_image
from imagecli.images.formats.gif import add_gif_xmp, read_gif_xmp
from imagecli.images.integrity import inspect_image
from imagecli.images.provenance import build_xmp
from tests.images.sample_images import opened, saved, scene

VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TERMS: tuple[DigitalSourceType, ...] = get_args(DigitalSourceType)


@pytest.fixture(scope="session")
def exiftool() -> str:
    program = which("exiftool")
    if not program:
        pytest.skip("exiftool is not installed (apt install libimage-exiftool-perl)")
    return program


@pytest.mark.parametrize("source_type", TERMS)
@pytest.mark.parametrize("format", ["png", "jpeg", "webp", "gif"])
def test_exiftool_reads_the_term_of_a_converted_image(
    format: str, source_type: DigitalSourceType, exiftool: str, tmp_path: Path
) -> None:
    path = tmp_path / f"image.{format}"
    path.write_bytes(convert_image(saved(scene(64, 48)), format, source_type, Size(32, 32)))
    lines = subprocess.run([exiftool, "-s3", "-n", "-Warning", "-XMP:DigitalSourceType", path], capture_output=True)
    assert lines.stdout.decode().split() == [VOCABULARY + source_type]


@pytest.mark.slow
@pytest.mark.parametrize("format", ["gif", "webp", "png"])
def test_exiftool_reads_the_term_of_an_animation_that_still_plays(format: str, exiftool: str, tmp_path: Path) -> None:
    frames = [scene(64, 48), scene(64, 48).rotate(90), scene(64, 48).rotate(180)]
    source = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=120, loop=3)
    path = tmp_path / f"image.{format}"
    path.write_bytes(convert_image(source, format, "trainedAlgorithmicMedia", Size(32, 32)))
    lines = subprocess.run([exiftool, "-s3", "-n", "-Warning", "-XMP:DigitalSourceType", path], capture_output=True)
    assert lines.stdout.decode().split() == [f"{VOCABULARY}trainedAlgorithmicMedia"]
    image = opened(path.read_bytes())
    assert (getattr(image, "n_frames", 1), image.info["duration"], image.info["loop"]) == (3, 120, 3)


def test_a_gif_has_the_same_pixels_with_a_packet() -> None:
    gif, packet = saved(scene(64, 48), "GIF"), build_xmp("trainedAlgorithmicMedia")
    marked = add_gif_xmp(gif, packet)
    assert inspect_image(marked) == inspect_image(gif)
    assert opened(marked).convert("RGB").tobytes() == opened(gif).convert("RGB").tobytes()
    assert marked[:6] == b"GIF89a" and marked[-1:] == b";"
    assert read_gif_xmp(memoryview(marked)) == packet
    assert read_gif_xmp(memoryview(gif)) is None


def test_a_packet_in_a_gif_is_read_over_its_characters() -> None:
    """A reader of blocks takes the packet's characters for lengths, and has to find the end from any of them."""
    gif = saved(scene(), "GIF")
    for packet in (b"a", b"<x/>", b"\xff" * 700, b"\x01" * 3, "é".encode() * 200):
        assert read_gif_xmp(memoryview(add_gif_xmp(gif, packet))) == packet
