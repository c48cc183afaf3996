"""The output of the encoders, decoded back to pixels."""

from __future__ import annotations

import base64

import pytest
from PIL import Image, ImageChops

from imagecli.choices import ImageProtocol
from imagecli.domain import Size
from imagecli.images.header import read_header
from imagecli.images.pillow_io import encode_with_pillow
from imagecli.images.thumbnail import render_thumbnail
from imagecli.preview.blocks import encode_blocks
from imagecli.preview.screen import Screen, encode_row, make_thumbnail
from imagecli.preview.sixel import encode_sixel
from imagecli.preview.window import Cells, Window
from tests.preview.decoding import decode_blocks, decode_iterm, decode_kitty, decode_sixel

WINDOW = Window(80, 24, 10, 20)
RED, GREEN, BLUE, CLEAR = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), (0, 0, 0, 0)


def scene(width: int = 300, height: int = 200) -> Image.Image:
    """Gradients, so that a flip, a shift or a wrong byte shows."""
    across = Image.linear_gradient("L").rotate(90).resize((width, height))
    down = Image.linear_gradient("L").resize((width, height))
    return Image.merge("RGB", (across, down, ImageChops.invert(across)))


def noise(width: int, height: int) -> Image.Image:
    return Image.merge("RGB", [Image.effect_noise((width, height), 90) for _ in range(3)])


def thumbnail_of(image: Image.Image, protocol: ImageProtocol, *, true_color: bool = True) -> tuple[Image.Image, str]:
    """The thumbnail, and its encoding."""
    screen = Screen(protocol, WINDOW, true_color)
    header = read_header(encode_with_pillow(image, "png"), "x.png")
    thumbnail = make_thumbnail(header, screen, Cells(40, 12))
    return thumbnail, encode_row([thumbnail], 0, screen)


def largest_difference(displayed: Image.Image, thumbnail: Image.Image) -> int:
    """The *displayed* image may be larger, up to the end of a cell, and is transparent there."""
    assert displayed.getchannel("A").getbbox() == (0, 0, *thumbnail.size)
    difference = ImageChops.difference(displayed.convert("RGB").crop((0, 0, *thumbnail.size)), thumbnail)
    return max(int(high) for _, high in difference.getextrema())  # type: ignore[misc]


@pytest.mark.parametrize("image", [scene(), noise(600, 400)], ids=["gradients", "noise"])
def test_kitty_gets_the_pixels_as_png_in_pieces(image: Image.Image) -> None:
    thumbnail, text = thumbnail_of(image, "kitty")
    decoded, options = decode_kitty(text)
    assert largest_difference(decoded, thumbnail) == 0
    assert options == {
        "a": "T",
        "f": "100",
        "q": "2",
        "c": str(-(-thumbnail.width // 10)),
        "r": str(-(-thumbnail.height // 20)),
    }


def test_iterm_gets_the_pixels_as_png_at_twice_the_size() -> None:
    thumbnail, text = thumbnail_of(scene(900, 600), "iterm")
    decoded, options = decode_iterm(text)
    assert largest_difference(decoded, thumbnail) == 0
    assert options == {"inline": "1", "width": "36", "height": "12", "preserveAspectRatio": "0"}
    assert decoded.size == (36 * 20, 12 * 40)


def test_few_colors_are_exact_in_sixels() -> None:
    image = Image.new("RGBA", (17, 13), CLEAR)
    for number, color in enumerate((RED, GREEN, BLUE)):
        image.paste(color, (number * 5, number * 4, number * 5 + 4, number * 4 + 5))
    decoded = decode_sixel(encode_sixel(image))
    assert decoded.tobytes() == image.tobytes()


@pytest.mark.parametrize(("image", "error"), [(scene(), 24), (noise(64, 40), 110)], ids=["gradients", "noise"])
def test_many_colors_are_close_in_sixels(image: Image.Image, error: int) -> None:
    thumbnail, text = thumbnail_of(image, "sixel")
    assert largest_difference(decode_sixel(text), thumbnail) <= error


def test_blocks_show_two_pixels_in_each_cell() -> None:
    thumbnail, text = thumbnail_of(scene(), "blocks")
    columns, rows = thumbnail.width, -(-thumbnail.height // 2)
    assert largest_difference(decode_blocks(text, columns, rows), thumbnail) == 0
    assert text.count("\n") == rows
    assert all(line.endswith("\x1b[0m") for line in text.splitlines())


def test_blocks_keep_the_terminals_background_in_transparent_cells() -> None:
    image = Image.new("RGBA", (4, 2), CLEAR)
    for place, color in (((0, 0), RED), ((1, 1), GREEN), ((3, 0), BLUE), ((3, 1), RED)):
        image.putpixel(place, color)
    text = encode_blocks(image, true_color=True)
    assert decode_blocks(text, 4, 1).tobytes() == image.tobytes()


def test_256_colors_are_the_nearest_of_the_cube_and_the_grays() -> None:
    image = Image.new("RGBA", (3, 2), (255, 0, 0, 255))
    image.paste((129, 127, 128, 255), (1, 0, 2, 2))
    image.paste((100, 130, 180, 255), (2, 0, 3, 2))
    text = encode_blocks(image, true_color=False)
    decoded = decode_blocks(text, 3, 1)
    assert [decoded.getpixel((left, 1)) for left in range(3)] == [RED, (128, 128, 128, 255), (95, 135, 175, 255)]
    assert "38;2;" not in text


def test_images_side_by_side_have_empty_cells_between_them() -> None:
    screen = Screen("blocks", WINDOW, true_color=True)
    tiles = [Image.new("RGB", (3, 4), color) for color in ("#ff0000", "#0000ff")]
    displayed = decode_blocks(encode_row(tiles, 5, screen), 8, 2)
    assert [displayed.getpixel((left, 3)) for left in range(8)] == [RED] * 3 + [CLEAR] * 2 + [BLUE] * 3


def test_transparency_is_a_checkerboard() -> None:
    image = Image.new("RGBA", (200, 200), CLEAR)
    image.paste((255, 0, 0, 255), (0, 0, 100, 200))
    header = read_header(encode_with_pillow(image, "png"), "x.png")
    small = render_thumbnail(header, Size(64, 64))
    assert small.mode == "RGB"
    assert small.getpixel((10, 10)) == (255, 0, 0)
    assert {small.getpixel((left, 10)) for left in range(40, 64)} == {(204, 204, 204), (153, 153, 153)}


def test_an_animation_shows_its_first_frame_and_a_photo_is_upright() -> None:
    frames = [Image.new("RGB", (60, 40), color) for color in ("#ff0000", "#0000ff")]
    gif = encode_with_pillow(frames[0], "gif", save_all=True, append_images=frames[1:])
    assert render_thumbnail(read_header(gif, "x.gif"), Size(6, 4)).getpixel((3, 2)) == (255, 0, 0)
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = Image.new("RGB", (80, 40), "#0000ff")
    photo.paste("#ff0000", (0, 0, 40, 40))
    header = read_header(encode_with_pillow(photo, "jpeg", exif=exif), "x.jpg")
    assert header.size == Size(40, 80)
    assert make_thumbnail(header, Screen("kitty", WINDOW, True), Cells(40, 12)).size == (40, 80)
    small = render_thumbnail(header, Size(20, 40))
    top, bottom = small.getpixel((10, 5)), small.getpixel((10, 35))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[0] > 200 > 50 > bottom[0]


def test_every_sequence_is_ascii_and_carries_nothing_but_the_image() -> None:
    protocols: tuple[ImageProtocol, ...] = ("kitty", "iterm", "sixel")
    for protocol in protocols:
        _, text = thumbnail_of(scene(), protocol)
        assert text.isascii()
        assert text.count("\n") == 1
    assert base64.b64encode(b"\x89PNG").decode()[:4] in thumbnail_of(scene(), "kitty")[1][:60]
