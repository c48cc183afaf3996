"""A name's extension requests a format: if the model can't create it, a warning comes first and the response is
converted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.client.raw import http, images_body, png, raw_server
from tests.conftest import Run, read_image

FLARE = "-m gpt-image-2.6-flare supports"
NO_GIF = f"can't return gif; imagecli converts the image to a single frame; {FLARE} gif"
CLASSIC = ["-m", "dall-e-2", "--provider", "sandbox"]
AZURE = ["--provider", "azure", "--base-url", "https://a.example", "-m"]


@pytest.mark.parametrize(
    ("name", "arguments", "sent", "words"),
    [
        ("x.gif", [], None, f"gpt-image-2 {NO_GIF}"),
        ("{slug}.gif", ["-m", "gpt-image-1.5"], None, f"gpt-image-1.5 {NO_GIF}"),
        ("x.gif", ["-m", "gpt-image-2.6-flare"], "gif", None),
        ("x.gif", ["-m", "flux"], None, None),
        ("x.jpg", ["-m", "flux"], None, None),
        ("x.jpg", ["-m", "flux", "--output-compression", "50"], "jpeg", None),
        ("x.webp", ["-m", "flux", "--output-compression", "50"], "webp", None),
        ("x.webp", [], "webp", None),
        ("x.webp", CLASSIC, None, f"dall-e-2 can't return webp; imagecli converts the image; {FLARE} webp"),
        ("x.png", CLASSIC, None, None),
        ("x.webp", [*AZURE, "mine"], None, "azure can't return webp; imagecli converts the image"),
        ("x.webp", [*AZURE, "gpt-image-2"], None, "azure can't return webp; imagecli converts the image"),
        ("x.jpg", [*AZURE, "gpt-image-2"], "jpeg", None),
        ("x.webp", ["--base-url", "http://127.0.0.1:1/v1"], "webp", None),
    ],
)
def test_an_extension_of_an_unsupported_format_is_warned_of_before_paying(
    imagecli: Run, name: str, arguments: list[str], sent: str | None, words: str | None
) -> None:
    report = imagecli("generate", "a cat", "-o", name, *arguments, "--dry-run", "--json").json
    assert (report["exit_code"], report["requests"][0]["body"].get("output_format")) == (0, sent)
    messages = [warning["message"] for warning in report["warnings"] if warning["code"] == "other_format"]
    assert messages == ([words] if words else [])


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ([], "use -m gpt-image-2.6-flare for svg, or -o x.png"),
        (["-m", "dall-e-3", "--provider", "sandbox"], "use -m gpt-image-2.6-flare for svg, or -o x.png"),
        ([*AZURE, "mine"], "use -o x.png"),
    ],
)
def test_a_name_for_an_svg_is_refused_if_the_model_creates_none(imagecli: Run, arguments: list[str], hint: str) -> None:
    (error,) = imagecli("generate", "a cat", "-o", "x.svg", *arguments, "--dry-run", "--json").json["errors"]
    assert (error["code"], error["hint"]) == ("output", hint)


def test_a_typed_format_is_sent_to_a_model_with_undocumented_support(imagecli: Run) -> None:
    for format_ in ("gif", "svg"):
        words = ["generate", "a cat", "-o", f"x.{format_}", "--output-format", format_, "--dry-run", "--json"]
        report = imagecli(*words).json
        assert (report["exit_code"], report["requests"][0]["body"]["output_format"]) == (0, format_)
        assert [warning["code"] for warning in report["warnings"]] == ["unstated"]


REFUSAL = {
    "message": "Unknown parameter: 'output_format'.",
    "type": "invalid_request_error",
    "param": "output_format",
    "code": "unknown_parameter",
}
UNKNOWN = http("400 Bad Request", json.dumps({"error": REFUSAL}).encode())


def test_a_format_requested_by_the_name_alone_is_omitted_if_the_server_rejects_it(imagecli: Run, folder: Path) -> None:
    with raw_server(UNKNOWN, http("200 OK", images_body(png(1024, 1024)))) as server:
        result = imagecli("generate", "a cat", "-o", "u.jpg", "--base-url", server.base_url)
        has_format = [b"output_format" in request for request in server.requests]
    assert (result.exit_code, has_format) == (0, [True, False])
    assert read_image("u.jpg").format == "JPEG"
    assert "rejected output_format" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["-o", "u.png", "--output-format", "png"],
        ["-o", "u.gif", "-m", "gpt-image-2.6-flare"],
        ["-o", "u.svg", "-m", "gpt-image-2.6-flare"],
    ],
    ids=["typed", "no still picture", "no pixels"],
)
def test_a_format_that_can_not_be_replaced_is_not_omitted(imagecli: Run, folder: Path, arguments: list[str]) -> None:
    with raw_server(UNKNOWN, http("200 OK", images_body(png(1024, 1024)))) as server:
        result = imagecli("generate", "a cat", *arguments, "--base-url", server.base_url)
        assert (result.exit_code, len(server.requests)) == (4, 1)
    assert not list(folder.iterdir())
