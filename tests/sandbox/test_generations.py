"""Text to image: bodies, sizes, formats, and that the same request gives the same pixels."""

from __future__ import annotations

import base64
import re

import pytest
import requests

from imagecli.sandbox.sandbox import Sandbox
from tests.sandbox.requests_and_images import CLASSIC, GPT, decoded, post, read_images


def test_classic_response_has_created_and_urls(sandbox: Sandbox) -> None:
    response = post(sandbox, "generations", {"prompt": "a white siamese cat", "n": 2, "size": "256x256"})
    body = response.json()
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert list(body) == ["created", "data"]
    assert isinstance(body["created"], int)
    assert [list(one) for one in body["data"]] == [["url"], ["url"]]


def test_gpt_response_reports_the_used_values(sandbox: Sandbox) -> None:
    body = post(sandbox, "generations", {**GPT, "prompt": "a cat"}).json()
    assert isinstance(body.pop("created"), int)
    (image,) = body.pop("data")
    assert list(image) == ["b64_json"]
    usage = body.pop("usage")
    assert body == {"background": "opaque", "output_format": "png", "quality": "medium", "size": "1024x1024"}
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert sum(usage["input_tokens_details"].values()) == usage["input_tokens"]


def test_model_that_rewords_gives_the_revised_prompt(sandbox: Sandbox) -> None:
    body = post(sandbox, "generations", {"model": "dall-e-3", "prompt": "a cat"}).json()
    assert body["data"][0]["revised_prompt"] == "a cat"


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({**CLASSIC, "size": "256x256"}, (256, 256)),
        ({**CLASSIC, "size": "512x512"}, (512, 512)),
        (CLASSIC, (1024, 1024)),
        ({**GPT, "size": "auto"}, (1024, 1024)),
        ({**GPT, "size": "1536x1024"}, (1536, 1024)),
        ({**GPT, "size": "1456x496"}, (1456, 496)),
        ({**GPT, "size": "496x1456"}, (496, 1456)),
        ({**GPT, "size": "3840x2160"}, (3840, 2160)),
        ({"model": "dall-e-3", "response_format": "b64_json", "size": "1792x1024"}, (1792, 1024)),
    ],
)
def test_image_has_the_requested_size(sandbox: Sandbox, fields: dict[str, str], size: tuple[int, int]) -> None:
    (image,) = read_images(post(sandbox, "generations", {**fields, "prompt": "a harbour"}))
    assert image.size == size


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_image_has_the_requested_format(sandbox: Sandbox, output_format: str) -> None:
    body = post(sandbox, "generations", {**GPT, "prompt": "x", "output_format": output_format}).json()
    start = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff", "webp": b"RIFF"}[output_format]
    assert base64.b64decode(body["data"][0]["b64_json"]).startswith(start)
    assert body["output_format"] == output_format


@pytest.mark.parametrize("output_format", ["jpeg", "webp"])
def test_stronger_compression_is_smaller(sandbox: Sandbox, output_format: str) -> None:
    lengths = []
    for compression in (100, 20):
        fields = {**GPT, "prompt": "x", "output_format": output_format, "output_compression": compression}
        lengths.append(len(post(sandbox, "generations", fields).json()["data"][0]["b64_json"]))
    assert lengths[1] < lengths[0]


@pytest.mark.parametrize("output_format", ["png", "webp"])
def test_transparent_background_has_alpha_0_and_255(sandbox: Sandbox, output_format: str) -> None:
    fields = {**GPT, "prompt": "a badge", "background": "transparent", "output_format": output_format}
    response = post(sandbox, "generations", fields)
    (image,) = read_images(response)
    assert image.mode == "RGBA"
    assert image.getchannel("A").getextrema() == (0, 255)
    assert response.json()["background"] == "transparent"


def test_same_request_gives_the_same_bytes_from_another_server(sandbox: Sandbox) -> None:
    fields = {**CLASSIC, "prompt": "黑猫, a black cat", "n": 3, "size": "512x512"}
    first = post(sandbox, "generations", fields).json()["data"]
    with Sandbox() as other:
        assert post(other, "generations", fields).json()["data"] == first


def test_all_ten_images_differ(sandbox: Sandbox) -> None:
    fields = {**CLASSIC, "prompt": "a cat", "n": 10, "size": "256x256"}
    coarse = {image.resize((4, 4)).tobytes() for image in read_images(post(sandbox, "generations", fields))}
    assert len(coarse) == 10


def test_every_response_has_the_api_headers(sandbox: Sandbox) -> None:
    good = post(sandbox, "generations", {**CLASSIC, "prompt": "x", "size": "256x256"})
    bad = post(sandbox, "generations", {})
    for response in (good, bad, requests.get(f"{sandbox.base_url}/models", timeout=9)):
        assert re.fullmatch("req_[0-9a-f]{32}", response.headers["x-request-id"])
        assert response.headers["openai-version"] == "2020-10-01"
        assert response.headers["openai-processing-ms"].isdigit()


def test_models_are_listed_and_described(sandbox: Sandbox) -> None:
    listed = requests.get(f"{sandbox.base_url}/models", timeout=9).json()
    assert listed["object"] == "list"
    names = [model["id"] for model in listed["data"]]
    assert {"dall-e-2", "gpt-image-2"} <= set(names)
    for model in listed["data"]:
        assert requests.get(f"{sandbox.base_url}/models/{model['id']}", timeout=9).json() == model
        assert list(model) == ["id", "object", "created", "owned_by", "shutdown_date"]


def test_routes_work_without_v1_too(sandbox: Sandbox) -> None:
    root = sandbox.base_url.removesuffix("/v1")
    response = requests.post(
        f"{root}/images/generations", json={**CLASSIC, "prompt": "x", "size": "256x256"}, timeout=9
    )
    assert decoded(base64.b64decode(response.json()["data"][0]["b64_json"])).size == (256, 256)
