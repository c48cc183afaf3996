"""The facts that `info` prints about an image, compared with how it was created."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from imagecli.domain import Size
from imagecli.errors import InputImageError, LargeImageError
from imagecli.images.describe_image import ImageDescription, describe_image
from tests.images.sample_images import png_of, saved, scene

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SIGNED = Path(__file__).parents[1] / "data" / "c2pa"


def describe(data: bytes) -> ImageDescription:
    return describe_image(data, "the image")


@pytest.mark.parametrize(
    ("image", "format", "color", "depth", "has_alpha"),
    [
        (scene(), "PNG", "RGB", 8, False),
        (scene(mode="RGBA"), "PNG", "RGB", 8, True),
        (scene(mode="L"), "PNG", "gray", 8, False),
        (scene(mode="LA"), "PNG", "gray", 8, True),
        (scene(mode="P"), "PNG", "palette", 8, False),
        (scene(mode="1"), "PNG", "black and white", 1, False),
        (Image.new("I;16", (8, 8), 60_000), "PNG", "gray", 16, False),
        (Image.new("I;16", (8, 8), 60_000), "TIFF", "gray", 16, False),
        (scene(mode="CMYK"), "JPEG", "CMYK", 8, False),
        (scene(mode="CMYK"), "TIFF", "CMYK", 8, False),
        (scene(mode="L"), "JPEG", "gray", 8, False),
        (Image.new("RGBA", (8, 8)), "WEBP", "RGB", 8, True),
        (scene(), "AVIF", "RGB", 8, False),
        (scene(), "GIF", "palette", 8, False),
        (scene(), "BMP", "RGB", 8, False),
    ],
)
def test_colors_and_depth_are_those_of_the_file(
    image: Image.Image, format: str, color: str, depth: int, has_alpha: bool
) -> None:
    data = saved(image, format)
    description = describe(data)
    assert (description.format, description.size, description.bytes) == (format.lower(), Size(*image.size), len(data))
    assert (description.color, description.bit_depth, description.has_alpha) == (color, depth, has_alpha)
    assert (description.problem, description.frames, description.orientation) == (None, 1, 1)
    assert description.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("format", "options", "name"),
    [
        ("PNG", {"icc_profile": PROFILE}, "sRGB built-in"),
        ("JPEG", {"icc_profile": PROFILE}, "sRGB built-in"),
        ("PNG", {"icc_profile": b"nonsense"}, "invalid"),
        ("PNG", {}, None),
    ],
)
def test_the_profile_is_named(format: str, options: dict[str, Any], name: str | None) -> None:
    assert describe(saved(scene(), format, **options)).color_profile == name


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_transparency_means_transparent_pixels_and_not_only_a_channel(format: str) -> None:
    image = scene(40, 40, "RGBA")
    assert describe(saved(image, format, lossless=True)).transparent_share == 0
    image.paste((0, 0, 0, 0), (0, 0, 20, 20))
    assert describe(saved(image, format, lossless=True)).transparent_share == 0.25


def test_transparency_of_a_palette_is_found() -> None:
    image = scene(40, 40).quantize(4)
    assert describe(saved(image, transparency=image.getpixel((1, 1)))).transparent_share == 0.25
    assert describe(saved(image)).transparent_share == 0


@pytest.mark.parametrize("format", ["PNG", "WEBP", "GIF"])
def test_an_animation_has_frames_and_a_duration(format: str) -> None:
    frames = [scene(), scene().rotate(90), scene().rotate(180)]
    description = describe(saved(frames[0], format, save_all=True, append_images=frames[1:], duration=[100, 200, 300]))
    assert (description.frames, description.duration_ms, description.problem) == (3, 600, None)


def test_pages_have_no_duration() -> None:
    description = describe(saved(scene(), "TIFF", save_all=True, append_images=[scene()]))
    assert (description.frames, description.duration_ms) == (2, None)


def camera_exif(**place: Any) -> Image.Exif:
    block = Image.Exif()
    block[0x0112], block[0x010F], block[0x0110], block[0x0131] = 6, "Canon", "Canon EOS R5", "GIMP\x1b[2J"
    block[0x8769] = {0x9003: "2026:05:01 10:11:12"}
    block[0x8825] = place.get("gps", {1: "N", 2: (47.0, 22.0, 0.0), 3: "E", 4: (8.0, 32.0, 0.0)})
    return block


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_photo_has_camera_place_and_rotation(format: str) -> None:
    description = describe(saved(scene(60, 40), format, exif=camera_exif()))
    assert (description.size, description.orientation) == (Size(40, 60), 6)
    assert (description.camera.camera, description.camera.has_location) == ("Canon EOS R5", True)
    assert description.camera.taken_at == "2026-05-01T10:11:12"
    assert description.camera.software == "GIMP\x1b[2J"


def test_a_gps_block_without_a_position_is_not_a_location() -> None:
    assert not describe(saved(scene(), "JPEG", exif=camera_exif(gps={0: b"\2\3\0\0"}))).camera.has_location


def test_a_damaged_exif_block_has_no_facts() -> None:
    data = saved(scene(), "JPEG", exif=camera_exif())
    broken = data.replace(b"Exif\0\0MM", b"Exif\0\0XX").replace(b"Exif\0\0II", b"Exif\0\0XX")
    assert broken != data
    assert describe(broken).camera == (False, None, None, None)


@pytest.mark.parametrize("format", ["png", "jpeg", "webp", "gif", "svg", "avif", "heic", "tiff"])
def test_a_signed_image_has_a_manifest(format: str) -> None:
    description = describe((SIGNED / f"signed.{format}").read_bytes())
    assert (description.has_c2pa, description.c2pa_source_types) == (True, ("trainedAlgorithmicMedia",))
    assert (description.format, description.problem, description.source_type) == (format, None, None)


@pytest.mark.parametrize(("format", "end"), [("PNG", -60), ("JPEG", -90), ("WEBP", -40), ("GIF", -60), ("BMP", -60)])
def test_a_truncated_image_is_described_with_its_problem(format: str, end: int) -> None:
    description = describe(saved(scene(), format)[:end])
    assert description.size == Size(60, 40)
    assert description.problem


def test_an_svg_has_a_size_and_what_browsers_would_run() -> None:
    description = describe(b'<svg width="80" height="60"><script>1</script></svg>')
    assert (description.format, description.size, description.active_parts) == ("svg", Size(80, 60), ("scripts",))
    assert (description.color, description.has_alpha, description.transparent_share) == (None, None, None)


def test_too_many_pixels_are_described_without_decoding() -> None:
    description = describe(png_of((90_000, 90_000, 8, 2, 0, 0, 0), b""))
    assert (description.format, description.size, description.color, description.has_alpha) == (
        "png",
        Size(90_000, 90_000),
        None,
        None,
    )
    with pytest.raises(LargeImageError):
        describe(saved(Image.new("1", (20_000, 20_000)), "TIFF", compression="group4"))


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "is empty"), (b"<html>", "an HTML page"), (b"%PDF-1.7", "a PDF"), (b"\0" * 99, "unknown data")],
)
def test_a_file_that_is_not_an_image_is_named(data: bytes, words: str) -> None:
    with pytest.raises(InputImageError, match=words):
        describe(data)
