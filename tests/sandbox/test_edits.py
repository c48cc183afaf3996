"""Edits: what is outside the mask stays to the pixel, what is inside is new."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import requests
from PIL import Image, ImageChops, ImageOps, ImageStat

from imagecli.sandbox.sandbox import Sandbox
from tests.sandbox.requests_and_images import CLASSIC, GPT, encoded, hole, photo, post, read_images


def differing(first: Image.Image, second: Image.Image, where: Image.Image) -> int:
    """How many pixels of *where* (255) differ in red, green or blue."""
    red, green, blue = ImageChops.difference(first.convert("RGB"), second.convert("RGB")).split()
    apart = ImageChops.lighter(ImageChops.lighter(red, green), blue).point(lambda value: 255 * (value > 0))
    return ImageChops.multiply(apart, where).histogram()[255]


def only(alpha: Image.Image, value: int) -> Image.Image:
    return alpha.getchannel("A").point(lambda alpha_value: 255 * (alpha_value == value))


@pytest.mark.parametrize(
    ("fields", "side"),
    [(CLASSIC, 256), (CLASSIC, 512), (CLASSIC, 1024), ({**CLASSIC, "size": "256x256"}, 256), (GPT, 256), (GPT, 1024)],
)
def test_pixels_outside_the_mask_are_equal_and_inside_are_new(
    sandbox: Sandbox, fields: dict[str, Any], side: int
) -> None:
    image, mask = photo(side, side), hole(side, side)
    response = post(sandbox, "edits", {**fields, "prompt": "a pool"}, image=encoded(image), mask=encoded(mask))
    (result,) = read_images(response)
    assert result.size == image.size
    assert differing(image, result, only(mask, 255)) == 0
    edited = only(mask, 0)
    assert differing(image, result, edited) > edited.histogram()[255] * 0.99


def test_half_transparent_mask_blends(sandbox: Sandbox) -> None:
    image, mask, clear = photo(), hole(), hole()
    clear.putalpha(clear.getchannel("A").point(lambda value: 255 * (value == 255)))
    fields = {**CLASSIC, "prompt": "a pool"}
    (blended,) = read_images(post(sandbox, "edits", fields, image=encoded(image), mask=encoded(mask)))
    (hard,) = read_images(post(sandbox, "edits", fields, image=encoded(image), mask=encoded(clear)))
    expected = Image.blend(hard.convert("RGB"), image, 128 / 255)
    strip = ImageChops.difference(blended.convert("RGB"), expected).crop((64, 70, 68, 180))
    assert max(high for _, high in strip.getextrema()) <= 2  # type: ignore[misc]


def test_classic_image_without_mask_is_its_own_mask(sandbox: Sandbox) -> None:
    image = photo()
    image.putalpha(hole().getchannel("A"))
    (result,) = read_images(post(sandbox, "edits", {**CLASSIC, "prompt": "a pool"}, image=encoded(image)))
    assert differing(image, result, only(image, 255)) == 0
    assert differing(image, result, only(image, 0)) > 0


def test_transparency_outside_the_mask_is_kept(sandbox: Sandbox) -> None:
    image = photo()
    image.putalpha(Image.linear_gradient("L"))
    fields = {**GPT, "prompt": "a pool"}
    (result,) = read_images(post(sandbox, "edits", fields, image=encoded(image), mask=encoded(hole())))
    outside = only(hole(), 255)
    apart = ImageChops.difference(result.getchannel("A"), image.getchannel("A"))
    assert ImageChops.multiply(apart, outside).getbbox() is None
    assert ImageStat.Stat(result.getchannel("A"), only(hole(), 0)).extrema == [(255, 255)]


def test_mask_that_changes_nothing_returns_the_image(sandbox: Sandbox) -> None:
    image, mask = photo(), Image.new("RGBA", (256, 256), (0, 0, 0, 255))
    (result,) = read_images(
        post(sandbox, "edits", {**CLASSIC, "prompt": "x"}, image=encoded(image), mask=encoded(mask))
    )
    assert result.tobytes() == image.tobytes()


def test_edit_without_mask_resembles_its_source(sandbox: Sandbox) -> None:
    source = photo(400, 300)
    other = source.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    (result,) = read_images(post(sandbox, "edits", {**GPT, "prompt": "a print"}, image=encoded(source)))
    assert result.size == source.size
    assert greys_apart(result, source) < greys_apart(result, other) / 1.5


def greys_apart(first: Image.Image, second: Image.Image) -> float:
    """Mean difference at small size, of equalized grey."""
    small = [ImageOps.equalize(one.convert("L").resize((16, 12))) for one in (first, second)]
    return ImageStat.Stat(ImageChops.difference(*small)).mean[0]


def test_exif_orientation_of_an_input_is_applied(sandbox: Sandbox) -> None:
    turned = photo(400, 300)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(turned, "JPEG", exif=exif)
    (result,) = read_images(post(sandbox, "edits", {**GPT, "prompt": "x"}, image=data))
    assert result.size == (300, 400)


def test_sixteen_images_in_image_brackets_are_accepted(sandbox: Sandbox) -> None:
    parts = [("image[]", ("a.png", encoded(photo(64, 64)), "image/png"))] * 16
    response = requests.post(f"{sandbox.base_url}/images/edits", data={**GPT, "prompt": "all"}, files=parts, timeout=60)
    assert [result.size for result in read_images(response)] == [(64, 64)]


def test_row_of_three_sizes_uses_the_one_of_the_images_shape(sandbox: Sandbox) -> None:
    fields = {"model": "gpt-image-1.5", "prompt": "x"}
    (result,) = read_images(post(sandbox, "edits", fields, image=encoded(photo(300, 200))))
    assert result.size == (1536, 1024)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "RGBA"])
def test_every_png_mode_is_read(sandbox: Sandbox, mode: str) -> None:
    image = photo(64, 64).convert("L").convert("I").point(lambda value: value * 257).convert("I;16")
    data = encoded(image if mode == "I;16" else photo(64, 64).convert(mode))
    (result,) = read_images(post(sandbox, "edits", {**GPT, "prompt": "x"}, image=data, mask=encoded(hole(64, 64))))
    corners = [result.convert("RGB").getpixel(place) for place in ((1, 1), (62, 62))]
    assert corners[0] != corners[1]


def test_json_form_with_data_urls_is_accepted(sandbox: Sandbox) -> None:
    image, mask = (
        {"image_url": "data:image/png;base64," + base64.b64encode(encoded(one)).decode()} for one in (photo(), hole())
    )
    body = {**GPT, "prompt": "a pool", "images": [image], "mask": mask}
    response = requests.post(f"{sandbox.base_url}/images/edits", json=body, timeout=60)
    (result,) = read_images(response)
    assert differing(photo(), result, only(hole(), 255)) == 0
