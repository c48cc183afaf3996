"""XMP, EXIF and C2PA blocks, found in real files of each format; signed.* were signed by c2pa-python."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.images.convert_output import convert_image
from imagecli.images.embedded_metadata import (
    find_source_type,
    has_xmp_location,
    manifest_source_types,
    read_embedded_metadata,
)
from imagecli.images.formats.gif import add_gif_xmp
from imagecli.images.provenance import VOCABULARY, build_xmp
from tests.images.sample_images import exif, saved, scene, with_chunk, with_segment

SIGNED = Path(__file__).parents[1] / "data" / "c2pa"
FORMATS = ("png", "jpeg", "webp", "gif", "svg", "avif", "heic", "tiff")
PACKET = build_xmp("trainedAlgorithmicMedia")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><metadata>%b</metadata></svg>'


@pytest.mark.parametrize("format", FORMATS)
def test_a_real_manifest_is_found_with_the_term_in_it(format: str) -> None:
    c2pa = read_embedded_metadata((SIGNED / f"signed.{format}").read_bytes(), format).c2pa
    assert c2pa is not None
    assert manifest_source_types(c2pa) == ("trainedAlgorithmicMedia",)


@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("png", saved(scene())),
        ("png", with_chunk(saved(scene()), b"caBX", b"no manifest")),
        ("jpeg", saved(scene(), "JPEG")),
        ("jpeg", with_segment(saved(scene(), "JPEG"), 0xEB, b"JP\0\1\0\0\0\1\0\0\0\x20jumb of another kind")),
        ("webp", saved(scene(), "WEBP")),
        ("gif", saved(scene(), "GIF")),
        ("svg", SVG % b"<c2pa:manifest>bm8gbWFuaWZlc3Q=</c2pa:manifest>"),
        ("svg", SVG % b"<c2pa:manifest>=</c2pa:manifest>"),
        ("avif", saved(scene(), "AVIF")),
        ("tiff", saved(scene(), "TIFF")),
    ],
)
def test_an_image_without_a_manifest_has_none(format: str, data: bytes) -> None:
    assert read_embedded_metadata(data, format).c2pa is None


@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("png", convert_image(saved(scene()), "png", "trainedAlgorithmicMedia")),
        ("png", with_chunk(saved(scene()), b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(PACKET))),
        ("jpeg", saved(scene(), "JPEG", xmp=PACKET)),
        ("webp", saved(scene(), "WEBP", xmp=PACKET)),
        ("gif", add_gif_xmp(saved(scene(), "GIF"), PACKET)),
        ("svg", SVG % PACKET),
    ],
)
def test_the_term_is_found_in_the_packet_of_each_format(format: str, data: bytes) -> None:
    xmp = read_embedded_metadata(data, format).xmp
    assert xmp is not None
    assert find_source_type(xmp) == "trainedAlgorithmicMedia"


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ('<x Iptc4xmpExt:DigitalSourceType="{}digitalCapture"/>', "digitalCapture"),
        ("<x Iptc4xmpExt:DigitalSourceType = '{}digitalCapture'/>", "digitalCapture"),
        ("<Iptc4xmpExt:DigitalSourceType>\n {}negativeFilm\n</Iptc4xmpExt:DigitalSourceType>", "negativeFilm"),
        ('<Iptc4xmpExt:DigitalSourceType rdf:resource="{}print"/>', "print"),
        ('<x Iptc4xmpExt:DigitalSourceType="something else"/>', None),
        ("<x/>", None),
    ],
)
def test_the_term_is_read_in_every_form_of_rdf(text: str, term: str | None) -> None:
    assert find_source_type(text.format(VOCABULARY).encode()) == term


def test_a_place_in_xmp_is_found() -> None:
    assert has_xmp_location(b'<x exif:GPSLatitude="47,22.2N"/>')
    assert has_xmp_location(b"<exif:GPSLatitude>47,22.2N</exif:GPSLatitude>")
    assert not has_xmp_location(PACKET)


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_the_exif_block_is_found(format: str) -> None:
    block = read_embedded_metadata(saved(scene(), format.upper(), exif=exif(place=True)), format).exif
    assert block is not None and block[:2] in (b"II", b"MM")


@pytest.mark.parametrize("format", FORMATS)
def test_a_truncated_file_raises_nothing(format: str) -> None:
    data = (SIGNED / f"signed.{format}").read_bytes()
    for end in range(13, len(data), 29):
        read_embedded_metadata(data[:end], format)


@given(st.sampled_from(FORMATS), st.binary(min_size=13, max_size=400))
def test_any_bytes_raise_nothing(format: str, data: bytes) -> None:
    read_embedded_metadata(data, format)
