"""The layer that is painted on, and the painted area in the size of the image."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from imagecli.domain import Size
from imagecli.images.header import read_header
from imagecli.images.mask_area import feather_area
from imagecli.images.paint_layer import MAX_LAYER_PIXELS, enlarge_from_layer, layer_size, render_layer, shrink_to_layer
from tests.conftest import photo
from tests.images.sample_images import exif

LARGE = (4000, 2500)


def is_same(first: Image.Image, second: Image.Image) -> bool:
    return ImageChops.difference(first, second).getbbox() is None


@given(st.integers(1, 60_000), st.integers(1, 60_000))
def test_a_layer_is_small_and_has_the_ratio_of_its_image(width: int, height: int) -> None:
    layer = layer_size(Size(width, height))
    assert layer.pixels <= max(MAX_LAYER_PIXELS, width, height)
    assert layer.width <= width and layer.height <= height
    if width * height <= MAX_LAYER_PIXELS:
        assert layer == (width, height)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "CMYK", "L", "P"])
def test_a_browser_can_show_the_layer(tmp_path: Path, mode: str) -> None:
    suffix = "jpg" if mode == "CMYK" else "png"
    header = read_header(photo(tmp_path / f"in.{suffix}", mode=mode).read_bytes(), "in")
    data, media_type = render_layer(header)
    layer = read_header(data, "layer")
    assert (layer.size, layer.orientation) == ((320, 200), 1)
    assert media_type == ("image/png" if mode == "RGBA" else "image/jpeg")


def test_the_layer_of_a_turned_photo_is_upright(tmp_path: Path) -> None:
    path = photo(tmp_path / "in.jpg", *LARGE, exif=exif(6))  # its red corner is top left as stored
    data, _ = render_layer(read_header(path.read_bytes(), "in.jpg"))
    with Image.open(__import__("io").BytesIO(data)) as layer:
        assert layer.size == layer_size(Size(2500, 4000))
        right_of_top = layer.convert("RGB").getpixel((layer.width - 20, 20))
    assert isinstance(right_of_top, tuple) and right_of_top[0] > 150 > right_of_top[1]


@pytest.mark.parametrize("size", [(320, 200), LARGE])
def test_an_area_without_paint_is_unchanged(size: tuple[int, int]) -> None:
    area = Image.new("L", size)
    ImageDraw.Draw(area).ellipse((size[0] // 3, 20, size[0] // 2, 120), fill=255)
    area.putpixel((5, 5), 255)  # too small for the layer
    for original in (area, feather_area(area, 30)):
        assert is_same(enlarge_from_layer(shrink_to_layer(original).tobytes(), original), original)


def test_hard_edges_stay_hard_smooth_and_in_place() -> None:
    nothing = Image.new("L", LARGE)
    layer = shrink_to_layer(nothing)
    scale = LARGE[0] / layer.width
    ImageDraw.Draw(layer).ellipse((500, 300, 1299, 1099), fill=255)
    large = enlarge_from_layer(layer.tobytes(), nothing)
    assert set(large.tobytes()) == {0, 255}
    expected = Image.new("L", LARGE)
    ImageDraw.Draw(expected).ellipse([round(edge * scale) for edge in (500, 300, 1300, 1100)], fill=255)
    # A pixel's breadth along the edge, which is about 2,500 * scale pixels long.
    assert ImageChops.difference(large, expected).histogram()[255] < 2_500 * scale


def test_a_rectangle_on_the_layer_is_one_on_the_image() -> None:
    nothing = Image.new("L", LARGE)
    layer = shrink_to_layer(nothing)
    scale = LARGE[0] / layer.width
    layer.paste(255, (100, 200, 1000, 900))
    large = enlarge_from_layer(layer.tobytes(), nothing)
    left, top, right, bottom = large.getbbox() or (0, 0, 0, 0)
    for side, edge in ((left, 100), (top, 200), (right, 1000), (bottom, 900)):
        assert abs(side - edge * scale) <= 1
    filled = large.crop((left, top, right, bottom)).histogram()[255]
    assert (right - left) * (bottom - top) - filled <= 8  # corners


def test_soft_edges_stay_soft_beside_hard_ones() -> None:
    nothing = Image.new("L", LARGE)
    layer = shrink_to_layer(nothing)
    layer.paste(255, (1400, 200, 1500, 300))
    soft = Image.new("L", (600, 600))
    soft.paste(255, (200, 200, 400, 400))
    layer.paste(feather_area(soft, 90), (100, 100))
    large = enlarge_from_layer(layer.tobytes(), nothing)
    middle = large.width * 1000 // layer.width
    hard, faded = large.crop((middle, 0, *LARGE)), large.crop((0, 0, middle, LARGE[1]))
    assert set(hard.tobytes()) == {0, 255}
    assert len(set(faded.tobytes())) > 200


def test_only_what_was_painted_on_changes() -> None:
    original = Image.new("L", LARGE)
    original.paste(255, (3001, 1001, 3222, 1444))
    layer = shrink_to_layer(original)
    layer.paste(255, (100, 100, 400, 400))
    large = enlarge_from_layer(layer.tobytes(), original)
    half = LARGE[0] // 2
    assert is_same(large.crop((half, 0, *LARGE)), original.crop((half, 0, *LARGE)))
    assert large.crop((0, 0, half, LARGE[1])).getbbox() is not None
