"""Parameters that a response reports differently than they were requested are one warning."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pytest_httpserver import HTTPServer

from tests.conftest import Run
from tests.images.making import saved

IMAGE = saved(Image.new("RGB", (64, 64), "navy"))
B64 = base64.b64encode(IMAGE).decode()
KEY = {"OPENAI_API_KEY": "sk-test-0123456789"}


def serve(httpserver: HTTPServer, **fields: Any) -> str:
    document = {"created": 1, "data": [{"b64_json": B64}], **fields}
    httpserver.expect_request("/v1/images/generations", method="POST").respond_with_json(document)
    return httpserver.url_for("/v1")


def generate(imagecli: Run, base_url: str, *more: object) -> Any:
    return imagecli("generate", "a cat", "--base-url", base_url, "--json", *more, env=KEY)


def not_applied(document: Any) -> list[str]:
    return [one["message"] for one in document["warnings"] if one["code"] == "not_applied"]


@pytest.mark.parametrize(
    ("flags", "reported", "warned"),
    [
        (["--quality", "high"], {"quality": "low"}, ["the server reports quality low instead of high"]),
        (["--quality", "high"], {"quality": "high"}, []),
        (["--quality", "high"], {}, []),
        (["--quality", "high"], {"quality": None}, []),
        (["--quality", "auto"], {"quality": "low"}, []),
        ([], {"quality": "low", "background": "opaque"}, []),
        (
            ["--quality", "high", "--background", "transparent"],
            {"quality": "medium", "background": "opaque"},
            ["the server reports quality medium instead of high and background opaque instead of transparent"],
        ),
    ],
)
def test_another_value_than_requested_is_a_warning(
    imagecli: Run, httpserver: HTTPServer, flags: list[str], reported: dict[str, Any], warned: list[str]
) -> None:
    result = generate(imagecli, serve(httpserver, **reported), *flags)
    assert (result.exit_code, not_applied(result.json)) == (0, warned)


def test_a_stream_reports_what_was_applied_with_its_image(imagecli: Run, httpserver: HTTPServer) -> None:
    event = {"type": "image_generation.completed", "b64_json": B64, "quality": "low", "background": "opaque"}
    body = f"event: image_generation.completed\ndata: {json.dumps(event)}\n\n"
    httpserver.expect_request("/v1/images/generations").respond_with_data(body, content_type="text/event-stream")
    result = generate(imagecli, httpserver.url_for("/v1"), "--stream", "--quality", "high")
    assert not_applied(result.json) == ["the server reports quality low instead of high"]


def test_many_requests_are_one_warning(imagecli: Run, folder: Path, httpserver: HTTPServer) -> None:
    base_url = serve(httpserver, quality="low")
    pets = [word for pet in ("cat", "dog", "fox") for word in ("--var", f"pet={pet}")]
    result = imagecli("generate", "a {pet}", *pets, "--quality", "high", "--base-url", base_url, env=KEY)
    assert (result.exit_code, result.stderr.count("quality low instead of high")) == (0, 1)
    rows = [{"prompt": f"cat {number}", "output": f"{number}.png", "quality": "high"} for number in (1, 2, 3)]
    (folder / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = imagecli("batch", "m.jsonl", "--base-url", base_url, "--json", env=KEY)
    assert not_applied(json.loads(done.stdout.splitlines()[-1])) == ["the server reports quality low instead of high"]


def test_pixels_that_a_server_chooses_for_a_ratio_are_no_other_size(imagecli: Run, httpserver: HTTPServer) -> None:
    words = ("generate", "a cat", "--provider", "xai", "--base-url", serve(httpserver), "-s", "1024x1024", "--json")
    result = imagecli(*words, env={"XAI_API_KEY": "xai-0123456789"})
    assert (result.exit_code, [one["code"] for one in result.json["warnings"]]) == (0, [])
