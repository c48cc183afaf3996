"""convert: the API's bytes in the format of the requested extension."""

from __future__ import annotations

import pytest
from PIL import Image, ImageCms

from imagecli.domain import Size
from imagecli.errors import ImagecliError
from imagecli.images.convert_output import convert_image
from imagecli.images.integrity import inspect_image
from tests.images.sample_images import CORNERS, alike, corners, opened, saved, scene

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SOURCES = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")
TARGETS = ("png", "jpeg", "webp", "gif")


def convert(data: bytes, format: str, fit: Size | None = None) -> bytes:
    return convert_image(data, format, "trainedAlgorithmicMedia", fit)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
def test_bytes_are_converted_to_the_format_of_the_extension(source: str, target: str) -> None:
    data = convert(saved(scene(64, 48), source), target)
    info = inspect_image(data)
    assert (info.format, info.size, info.is_complete) == (target, Size(64, 48), True)
    assert alike(corners(opened(data)), CORNERS, 40)


def test_transparent_pixels_become_white_in_a_jpeg() -> None:
    image = scene(64, 64, "RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 32, 32))
    flat = opened(convert(saved(image), "jpeg"))
    assert flat.mode == "RGB"
    assert alike(corners(flat)[:2], ((255, 255, 255), CORNERS[1]))


@pytest.mark.parametrize("target", ["png", "webp", "gif"])
def test_transparency_is_kept_where_the_format_has_it(target: str) -> None:
    image = scene(64, 64, "RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 32, 32))
    alpha = opened(convert(saved(image), target)).convert("RGBA").getchannel("A")
    assert alpha.getpixel((4, 4)) == 0 and alpha.getpixel((60, 60)) == 255


@pytest.mark.parametrize("target", ["png", "jpeg", "webp"])
def test_the_color_profile_is_kept(target: str) -> None:
    data = convert(saved(scene(), "JPEG", icc_profile=PROFILE), target)
    assert opened(data).info["icc_profile"] == PROFILE


def test_a_cmyk_profile_is_removed_with_its_colors() -> None:
    data = saved(scene(mode="CMYK"), "JPEG", icc_profile=PROFILE)
    assert "icc_profile" not in opened(convert(data, "png")).info


@pytest.mark.parametrize(("source", "target"), [("GIF", "webp"), ("WEBP", "gif"), ("GIF", "png"), ("PNG", "webp")])
def test_an_animation_stays_animated(source: str, target: str) -> None:
    frames = [scene(64, 64), scene(64, 64).rotate(90), scene(64, 64).rotate(180)]
    data = convert(saved(frames[0], source, save_all=True, append_images=frames[1:], duration=120), target)
    image = opened(data)
    assert getattr(image, "n_frames", 1) == 3 and image.info["duration"] == 120


def test_a_jpeg_takes_the_first_frame_of_an_animation() -> None:
    frames = [scene(64, 64), scene(64, 64).rotate(180)]
    data = convert(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]), "jpeg")
    assert alike(corners(opened(data)), CORNERS, 40)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
@pytest.mark.parametrize("target", TARGETS)
def test_every_mode_can_be_converted(mode: str, target: str) -> None:
    image = Image.new(mode, (20, 10))
    data = saved(image, "TIFF" if mode == "CMYK" else "PNG")
    assert inspect_image(convert(data, target)).is_complete


@pytest.mark.parametrize(
    ("data", "target"),
    [
        (b"", "png"),
        (b"<svg width='9' height='9'/>", "png"),
        (b"<html>", "jpeg"),
        (saved(scene())[:70], "jpeg"),
        (saved(scene()), "svg"),
        (saved(scene()), "bmp"),
        (saved(Image.new("L", (20_000, 9)), "PNG"), "webp"),
    ],
)
def test_an_image_that_can_not_be_converted_is_refused(data: bytes, target: str) -> None:
    with pytest.raises(ImagecliError):
        convert(data, target)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("fit", [Size(30, 40), Size(90, 40), Size(60, 38), Size(128, 96), Size(1, 1), Size(7, 200)])
def test_an_image_is_resized_to_exactly_the_size(format: str, fit: Size) -> None:
    converted = convert(saved(scene(64, 48), format), format.lower(), fit)
    info = inspect_image(converted)
    assert (info.format, info.size, info.is_complete) == (format.lower(), fit, True)


def test_the_middle_stays_and_nothing_is_stretched() -> None:
    tall = opened(convert(saved(scene(64, 48)), "png", Size(48, 48)))
    assert tall.tobytes() == scene(64, 48).crop((8, 0, 56, 48)).tobytes()
    wide = opened(convert(saved(scene(64, 48)), "png", Size(64, 40)))
    assert wide.tobytes() == scene(64, 48).crop((0, 4, 64, 44)).tobytes()
    small = opened(convert(saved(scene(64, 48)), "png", Size(24, 24)))
    assert alike(corners(small), CORNERS, 8)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
@pytest.mark.parametrize("target", TARGETS)
def test_every_mode_can_be_fitted(mode: str, target: str) -> None:
    data = saved(Image.new(mode, (20, 10)), "TIFF" if mode == "CMYK" else "PNG")
    assert inspect_image(convert(data, target, Size(7, 9))).size == Size(7, 9)


def test_transparent_areas_keep_clean_edges() -> None:
    image = scene(64, 64, "RGBA")
    image.paste((0, 255, 0, 0), (0, 0, 32, 64))
    small = opened(convert(saved(image), "png", Size(16, 16)))
    edge = [small.getpixel((x, 4)) for x in range(16)]
    assert all(pixel[1] < 220 for pixel in edge if isinstance(pixel, tuple) and pixel[3] > 40)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_every_frame_of_an_animation_is_fitted(format: str) -> None:
    frames = [scene(64, 48), scene(64, 48).rotate(90), scene(64, 48).rotate(180)]
    source = saved(frames[0], format, save_all=True, append_images=frames[1:], duration=[40, 80, 120], loop=3)
    converted = opened(convert(source, format.lower(), Size(32, 32)))
    assert (getattr(converted, "n_frames", 1), converted.size, converted.info["loop"]) == (3, (32, 32), 3)
    times = []
    for number in range(3):
        converted.seek(number)
        converted.load()
        times.append(converted.info["duration"])
        want = frames[number].crop((8, 0, 56, 48)).resize((32, 32))
        assert alike(corners(converted.convert("RGB")), corners(want), 60)
    assert times == [40, 80, 120]


def test_more_frames_than_memory_holds_are_refused() -> None:
    frames = [Image.new("L", (2, 2), k) for k in range(40)]
    source = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    with pytest.raises(ImagecliError, match="40 frames of 2048x2048"):
        convert(source, "gif", Size(2048, 2048))


def test_a_fitted_image_keeps_its_profile() -> None:
    info = opened(convert(saved(scene(), "PNG", icc_profile=PROFILE), "png", Size(9, 9))).info
    assert info["icc_profile"] == PROFILE


@pytest.mark.parametrize(("size", "level"), [((64, 64), b"\x78\x9c"), ((2600, 1600), b"\x78\x5e")])
def test_a_large_png_is_compressed_faster(size: tuple[int, int], level: bytes) -> None:
    """The first bytes of zlib's data name its level: default, or fast."""
    data = convert(saved(Image.linear_gradient("L").resize(size), "BMP"), "png")
    assert data[data.index(b"IDAT") + 4 :].startswith(level)
