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
from tests.images.sample_images import saved

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
    return [warning["message"] for warning in document["warnings"] if warning["code"] == "not_applied"]


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
            ["the server reports quality medium instead of high"],
        ),
        (
            ["--quality", "high", "--background", "opaque"],
            {"quality": "medium", "background": "transparent"},
            ["the server reports quality medium instead of high and background transparent instead of opaque"],
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


def test_pixels_that_a_server_chooses_for_a_ratio_are_not_reported(imagecli: Run, httpserver: HTTPServer) -> None:
    words = ("generate", "a cat", "--provider", "xai", "--base-url", serve(httpserver), "-s", "1024x1024", "--json")
    result = imagecli(*words, env={"XAI_API_KEY": "xai-0123456789"})
    assert (result.exit_code, [warning["code"] for warning in result.json["warnings"]]) == (0, [])


OPAQUE = "requested a transparent background, received an opaque image"


def warnings_in(document: Any) -> list[str]:
    return [warning["message"] for warning in document["warnings"] if warning["level"] == "warning"]


@pytest.mark.parametrize(
    ("image", "warned"),
    [
        (saved(Image.new("RGB", (64, 64))), [OPAQUE]),
        (saved(Image.new("RGBA", (64, 64), (0, 0, 0, 255))), [OPAQUE]),
        (saved(Image.new("RGBA", (64, 64), (0, 0, 0, 254))), []),
        (saved(Image.new("LA", (64, 64))), []),
        (saved(Image.new("P", (64, 64)), transparency=0), []),
        (saved(Image.new("RGBA", (64, 64)), "WEBP"), ["requested png, received webp"]),
        (saved(Image.new("RGB", (64, 64)), "JPEG"), ["requested png, received jpeg", OPAQUE]),
    ],
    ids=["rgb", "opaque alpha", "one step", "gray alpha", "palette", "webp", "jpeg"],
)
@pytest.mark.parametrize("output", ["./", "x.png", "-"])
def test_a_missing_transparency_is_a_warning(
    imagecli: Run, httpserver: HTTPServer, image: bytes, warned: list[str], output: str
) -> None:
    base_url = serve(httpserver, data=[{"b64_json": base64.b64encode(image).decode()}], background="opaque")
    flags = ("--background", "transparent", "--output-format", "png", "-o", output)
    argv = ("generate", "a cat", "-m", "gpt-image-1", "--base-url", base_url, *flags)
    result = imagecli(*argv, env=KEY)
    assert result.exit_code == 0, result.stderr
    warnings = [line for line in result.stderr.splitlines() if line.startswith("imagecli: warning: ")]
    # A typed name is converted instead, which a note says.
    expected = [warning for warning in warned if output != "x.png" or warning == OPAQUE]
    assert warnings == [f"imagecli: warning: {warning}" for warning in expected]


def test_transparency_is_not_checked_unless_it_was_requested(imagecli: Run, httpserver: HTTPServer) -> None:
    assert warnings_in(generate(imagecli, serve(httpserver)).json) == []
    assert warnings_in(generate(imagecli, serve(httpserver), "--background", "auto").json) == []


def test_rows_without_the_requested_transparency_are_one_warning(
    imagecli: Run, folder: Path, httpserver: HTTPServer
) -> None:
    row = {"prompt": "a cat", "model": "gpt-image-1", "background": "transparent"}
    rows = [row | {"output": f"{number}.png"} for number in (1, 2, 3)]
    (folder / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = imagecli("batch", "m.jsonl", "--base-url", serve(httpserver), env=KEY)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count(OPAQUE) == 1


def test_a_transparent_image_of_the_sandbox_is_not_warned_of(imagecli: Run) -> None:
    flags = ("--background", "transparent", "-m", "gpt-image-1", "--provider", "sandbox", "--json", "-s", "1024x1024")
    assert warnings_in(imagecli("generate", "a cat", *flags).json) == []
