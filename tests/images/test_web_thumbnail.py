"""Small copies of images: upright, in sRGB, no larger than requested."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from imagecli.errors import InputImageError, LargeImageError
from imagecli.images.thumbnail import MAX_SVG_BYTES, make_web_thumbnail
from tests.conftest import photo


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize(
    ("size", "expected"), [((800, 400), (200, 100)), ((100, 300), (67, 200)), ((90, 60), (90, 60))]
)
def test_the_longer_edge_is_limited_and_nothing_is_enlarged(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    thumbnail = make_web_thumbnail(photo(tmp_path / "a.png", *size).read_bytes(), 200, "a.png")
    assert thumbnail.format == "webp"
    assert opened(thumbnail.data).size == expected


def test_a_photo_is_rotated_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = photo(tmp_path / "a.jpg", 400, 200, exif=exif).read_bytes()
    assert opened(make_web_thumbnail(data, 100, "a.jpg").data).size == (50, 100)


def test_transparency_stays(tmp_path: Path) -> None:
    Image.new("RGBA", (300, 300), (255, 0, 0, 0)).save(tmp_path / "a.png")
    image = opened(make_web_thumbnail((tmp_path / "a.png").read_bytes(), 100, "a.png").data)
    assert image.mode == "RGBA"
    assert image.getchannel("A").getextrema() == (0, 0)


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (60, 60), color) for color in ((255, 0, 0), (0, 0, 255))]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    image = opened(make_web_thumbnail((tmp_path / "a.gif").read_bytes(), 100, "a.gif").data)
    assert getattr(image, "n_frames", 1) == 1
    assert image.convert("RGB").getpixel((30, 30)) > (200, 0, 0)  # type: ignore[operator]


def test_an_svg_is_its_own_thumbnail() -> None:
    data = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"></svg>'
    assert make_web_thumbnail(data, 10, "a.svg") == (data, "svg")
    with pytest.raises(LargeImageError, match="SVG"):
        make_web_thumbnail(data + b" " * MAX_SVG_BYTES, 10, "a.svg")


@pytest.mark.parametrize("data", [b"", b"text", b"\x89PNG\r\n\x1a\n"])
def test_what_is_not_an_image_is_an_error(data: bytes) -> None:
    with pytest.raises(InputImageError, match=r"a\.png"):
        make_web_thumbnail(data, 10, "a.png")
