"""The same prompt and seed give the same pixels, at any time and by any endpoint; the next image has the next seed."""

from __future__ import annotations

import pytest
from PIL import Image

from imagecli.sandbox.sandbox import Sandbox
from tests.sandbox.requests_and_images import GPT, post, read_images


def draw(sandbox: Sandbox, **fields: object) -> list[Image.Image]:
    return read_images(post(sandbox, "generations", {**GPT, "prompt": "a cat", "size": "1024x1024", **fields}))


def test_a_seed_gives_the_same_image_again_and_another_seed_another(sandbox: Sandbox) -> None:
    assert draw(sandbox, seed=7) == draw(sandbox, seed=7)
    assert draw(sandbox, seed=7) != draw(sandbox, seed=8)
    assert draw(sandbox) != draw(sandbox)


def test_further_images_have_the_next_seeds(sandbox: Sandbox) -> None:
    assert draw(sandbox, seed=7, n=3) == [*draw(sandbox, seed=7), *draw(sandbox, seed=8), *draw(sandbox, seed=9)]


@pytest.mark.parametrize("seed", ["7", 1.5, True, 2**63])
def test_a_seed_is_a_whole_number(sandbox: Sandbox, seed: object) -> None:
    response = post(sandbox, "generations", {**GPT, "prompt": "a cat", "seed": seed})
    assert (response.status_code, response.json()["error"]["param"]) == (400, "seed")
