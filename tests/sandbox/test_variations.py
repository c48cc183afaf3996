"""Variations: similar to the source, different from it, and different from each other."""

from __future__ import annotations

import colorsys

import pytest
from PIL import Image, ImageChops, ImageOps, ImageStat

from imagecli.sandbox.sandbox import Sandbox
from tests.sandbox.requests_and_images import encoded, photo, post, read_images

FIELDS = {"n": 4, "response_format": "b64_json", "size": "512x512"}


def apart(first: Image.Image, second: Image.Image) -> float:
    """Mean difference of grey, 0 to 255, at small size."""
    small = [one.convert("L").resize((24, 24)) for one in (first, second)]
    return ImageStat.Stat(ImageChops.difference(*small)).mean[0]


def test_variation_resembles_its_source_and_differs(sandbox: Sandbox) -> None:
    source = photo(512, 512)
    other = ImageOps.invert(source)
    for result in read_images(post(sandbox, "variations", FIELDS, image=encoded(source))):
        near = min(apart(result, source), apart(result, ImageOps.mirror(source)))
        far = min(apart(result, other), apart(result, ImageOps.mirror(other)))
        assert near < far / 1.5
        assert result.tobytes() != source.tobytes()


def test_variations_differ_from_each_other(sandbox: Sandbox) -> None:
    response = post(sandbox, "variations", {**FIELDS, "n": 10}, image=encoded(photo(512, 512)))
    assert len({result.resize((4, 4)).tobytes() for result in read_images(response)}) == 10


def test_variations_have_different_hues(sandbox: Sandbox) -> None:
    response = post(
        sandbox, "variations", {**FIELDS, "n": 10}, image=encoded(Image.new("RGB", (512, 512), (200, 60, 60)))
    )
    turns = [(hue(result) + 180) % 360 - 180 for result in read_images(response)]
    assert turns == pytest.approx([0, 20, -24, 42, -46, 10, 62, -64, 31, -12], abs=12)


def hue(result: Image.Image) -> float:
    """Degrees, of the middle, where no lettering is; red is 0."""
    middle = result.resize((3, 3), Image.Resampling.BOX).getpixel((1, 1))
    assert isinstance(middle, tuple)
    return 360 * colorsys.rgb_to_hsv(*middle[:3])[0]


def test_same_image_gives_the_same_variations_from_another_server(sandbox: Sandbox) -> None:
    first = post(sandbox, "variations", FIELDS, image=encoded(photo())).json()["data"]
    with Sandbox() as other:
        assert post(other, "variations", FIELDS, image=encoded(photo())).json()["data"] == first


@pytest.mark.parametrize(("side", "size"), [(256, 256), (512, 512), (1024, 1024), (300, 1024)])
def test_size_is_that_of_the_image_if_legal(sandbox: Sandbox, side: int, size: int) -> None:
    response = post(sandbox, "variations", {"response_format": "b64_json"}, image=encoded(photo(side, side)))
    assert [result.size for result in read_images(response)] == [(size, size)]
