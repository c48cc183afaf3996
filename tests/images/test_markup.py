"""A markup drawing: sent unchanged if it fits its image, transformed with it, or refused with the reason."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from imagecli.domain import InputFit, InputRule, Size
from imagecli.errors import MaskError
from imagecli.images.fit_input import FittedImage, fit_input
from imagecli.images.fit_overlay import fit_markup
from imagecli.images.header import read_header

RULE = InputRule(formats=("png", "jpeg"), max_bytes=10_000_000)
RED, CLEAR = (255, 0, 0, 255), (0, 0, 0, 0)


def photo(width: int = 60, height: int = 40, orientation: int = 1) -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def drawing(width: int = 60, height: int = 40, format: str = "PNG", mode: str = "RGBA") -> bytes:
    """Its left half is red, the rest shows the image."""
    image = Image.new("RGBA", (width, height), CLEAR)
    image.paste(RED, (0, 0, width // 2, height))
    buffer = io.BytesIO()
    image.convert(mode).save(buffer, format, **({"lossless": True} if format == "WEBP" else {}))
    return buffer.getvalue()


def beside(data: bytes, image: bytes, framing: InputFit | None = None, rule: InputRule = RULE) -> FittedImage:
    framing = framing or InputFit()
    fitted = fit_input(read_header(image, "in.jpg"), rule, framing)
    return fit_markup(read_header(data, "arrows.png"), rule.max_bytes, fitted, framing)


def pixels(fitted: FittedImage) -> Image.Image:
    with Image.open(io.BytesIO(fitted.image.data)) as image:
        assert image.format == "PNG"
        return image.convert("RGBA")


def test_a_drawing_of_its_images_size_is_sent_byte_for_byte() -> None:
    data = drawing()
    fitted = beside(data, photo())
    assert (fitted.image.data, fitted.changes) == (data, ())


def test_it_has_the_size_of_the_upright_image() -> None:
    turned = photo(60, 40, orientation=6)
    assert beside(drawing(40, 60), turned).image.size == Size(40, 60)
    with pytest.raises(MaskError, match=r"arrows\.png is 60x40, in\.jpg is 40x60 after rotation; a drawing must have"):
        beside(drawing(60, 40), turned)


def test_it_is_shrunk_and_cropped_with_its_image() -> None:
    square = InputRule(formats=("png",), max_bytes=10_000_000, square=True)
    small = beside(drawing(), photo(), InputFit(input_size=Size(30, 30)))
    assert (small.image.size, small.changes) == (Size(30, 20), ("resized like its image",))
    assert (pixels(small).getpixel((2, 10)), pixels(small).getpixel((27, 10))) == (RED, CLEAR)
    cut = beside(drawing(), photo(), InputFit(crop="right"), square)
    assert (cut.image.size, cut.changes) == (Size(40, 40), ("cropped like its image",))
    assert (pixels(cut).getpixel((8, 5)), pixels(cut).getpixel((12, 5))) == (RED, CLEAR)


def test_colors_stay_and_another_format_becomes_png() -> None:
    fitted = beside(drawing(format="WEBP"), photo())
    assert fitted.changes == ("converted to PNG",)
    assert (pixels(fitted).getpixel((2, 2)), pixels(fitted).getpixel((50, 2))) == (RED, CLEAR)


@pytest.mark.parametrize(
    ("data", "rule", "words"),
    [
        (drawing(mode="RGB"), RULE, "no transparency; a drawing must be transparent where"),
        (drawing(30, 40), RULE, "a drawing must have the size of its image"),
        (drawing()[:-20], RULE, "is damaged"),
        (drawing(), InputRule(formats=("jpeg",), max_bytes=100), "the limit is 100"),
    ],
)
def test_a_drawing_that_does_not_fit_the_image_is_refused(data: bytes, rule: InputRule, words: str) -> None:
    image = fit_input(read_header(photo(), "in.jpg"), RULE, InputFit())
    with pytest.raises(MaskError, match=words):
        fit_markup(read_header(data, "arrows.png"), rule.max_bytes, image, InputFit())
