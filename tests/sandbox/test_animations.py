"""GIFs: as many frames as requested, all different, with the requested duration, in an endless loop."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from imagecli.catalog import catalog
from imagecli.sandbox.image_job import UploadedFile
from imagecli.sandbox.painter import paint_image
from imagecli.sandbox.painter.scene import TERRAINS, paint_scene
from imagecli.sandbox.request_body import ParsedForm
from imagecli.sandbox.request_validation import build_image_job
from imagecli.sandbox.sandbox import Sandbox
from imagecli.sizes import Size
from tests.sandbox.requests_and_images import encoded, photo, post

GIF = {"model": "gpt-image-2.6-flare", "prompt": "a small boat", "output_format": "gif", "size": "1024x656"}


def gif(data: bytes) -> Image.Image:
    assert data[:6] == b"GIF89a"
    return Image.open(io.BytesIO(data))


def frames(image: Image.Image) -> list[Image.Image]:
    images = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        images.append(image.convert("RGB"))
    return images


def painted(index: int = 0, **fields: Any) -> bytes:
    """By the painter itself, and small: an image of any index without those before it."""
    job = build_image_job(ParsedForm(values={**GIF, **fields}), "generations", catalog.load_shipped_catalog())
    return paint_image(replace(job, size=Size(320, 240)), index).data


def test_response_is_a_gif_with_the_default_frames(sandbox: Sandbox) -> None:
    body = post(sandbox, "generations", GIF).json()
    image = gif(base64.b64decode(body["data"][0]["b64_json"]))
    assert (body["output_format"], image.size, image.info["duration"]) == ("gif", (1024, 656), 200)
    assert image.info["loop"] == 0
    assert len(frames(image)) == 9


@pytest.mark.parametrize(("requested", "actual"), [(20, 20), (24, 20), (26, 30), (500, 500), (655_350, 655_350)])
def test_frame_duration_is_the_requested_one_in_tens(requested: int, actual: int) -> None:
    image = gif(painted(frame_count=2, frame_duration_ms=requested))
    for number in (0, 1):
        image.seek(number)
        assert image.info["duration"] == actual


@pytest.mark.parametrize("index", range(len(TERRAINS)))
@pytest.mark.parametrize("count", [2, 5, 8, 16])
def test_no_frame_of_any_scene_is_like_the_one_before(index: int, count: int) -> None:
    images = frames(gif(painted(index, frame_count=count)))
    assert len(images) == count
    for before, after in zip(images, [*images[1:], images[0]], strict=True):
        assert ImageChops.difference(before, after).getbbox()


@pytest.mark.parametrize("index", range(len(TERRAINS)))
def test_scene_moves_in_a_loop_without_a_jump(index: int) -> None:
    size = Size(400, 300)
    still, start, end = (paint_scene("a boat", index, size, *moment) for moment in ((), (0.0,), (1.0,)))
    assert still.tobytes() == start.tobytes()
    assert max(ImageStat.Stat(ImageChops.difference(start, end)).mean) < 0.1
    assert max(ImageStat.Stat(ImageChops.difference(start, paint_scene("a boat", index, size, 0.5))).mean) > 0.1


def test_caption_and_label_do_not_move() -> None:
    images = frames(gif(painted(2, frame_count=4)))
    first = Image.new("L", images[0].size, 255)
    for result in images[1:]:
        apart = ImageChops.difference(images[0], result).convert("L").point(lambda value: 255 * (value > 24))
        first = ImageChops.subtract(first, apart)
    light = images[0].convert("L").point(lambda value: 255 * (value > 225))
    assert ImageChops.multiply(first, light).histogram()[255] > 60


def test_same_prompt_gives_the_same_bytes() -> None:
    assert painted(3) == painted(3)
    assert painted(3) != painted(4)


def test_edited_image_moves_too() -> None:
    image = UploadedFile(name="image", data=encoded(photo(320, 240)))
    values = {**GIF, "frame_count": 3, "size": "auto"}
    images = frames(
        gif(
            paint_image(
                build_image_job(ParsedForm(values=values, images=(image,)), "edits", catalog.load_shipped_catalog()), 0
            ).data
        )
    )
    assert [result.size for result in images] == [(320, 240)] * 3
    assert ImageChops.difference(images[0], images[1]).getbbox()
