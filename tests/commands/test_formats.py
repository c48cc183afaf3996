"""A name's ending asks for a format: where that is not made it is said before paying, and what comes is converted."""

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
def test_an_ending_whose_format_is_not_made_is_warned_of_before_paying(
    imagecli: Run, name: str, arguments: list[str], sent: str | None, words: str | None
) -> None:
    said = imagecli("generate", "a cat", "-o", name, *arguments, "--dry-run", "--json").json
    assert (said["exit_code"], said["requests"][0]["body"].get("output_format")) == (0, sent)
    messages = [warning["message"] for warning in said["warnings"] if warning["code"] == "other_format"]
    assert messages == ([words] if words else [])


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ([], "use -m gpt-image-2.6-flare for svg, or -o x.png"),
        (["-m", "dall-e-3", "--provider", "sandbox"], "use -m gpt-image-2.6-flare for svg, or -o x.png"),
        ([*AZURE, "mine"], "use -o x.png"),
    ],
)
def test_a_name_for_an_svg_is_refused_where_none_is_made(imagecli: Run, arguments: list[str], hint: str) -> None:
    (error,) = imagecli("generate", "a cat", "-o", "x.svg", *arguments, "--dry-run", "--json").json["errors"]
    assert (error["code"], error["hint"]) == ("output", hint)


def test_what_was_typed_goes_where_no_document_says_that_it_is_made(imagecli: Run) -> None:
    for made in ("gif", "svg"):
        words = ["generate", "a cat", "-o", f"x.{made}", "--output-format", made, "--dry-run", "--json"]
        said = imagecli(*words).json
        assert (said["exit_code"], said["requests"][0]["body"]["output_format"]) == (0, made)
        assert [warning["code"] for warning in said["warnings"]] == ["unstated"]


REFUSAL = {
    "message": "Unknown parameter: 'output_format'.",
    "type": "invalid_request_error",
    "param": "output_format",
    "code": "unknown_parameter",
}
UNKNOWN = http("400 Bad Request", json.dumps({"error": REFUSAL}).encode())


def test_a_format_that_only_the_name_asks_for_is_left_out_where_the_server_does_not_know_it(
    imagecli: Run, folder: Path
) -> None:
    with raw_server(UNKNOWN, http("200 OK", images_body(png(1024, 1024)))) as server:
        result = imagecli("generate", "a cat", "-o", "u.jpg", "--base-url", server.base_url)
        asked = [b"output_format" in request for request in server.requests]
    assert (result.exit_code, asked) == (0, [True, False])
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
def test_a_format_that_nothing_else_can_stand_for_is_not(imagecli: Run, folder: Path, arguments: list[str]) -> None:
    with raw_server(UNKNOWN, http("200 OK", images_body(png(1024, 1024)))) as server:
        result = imagecli("generate", "a cat", *arguments, "--base-url", server.base_url)
        assert (result.exit_code, len(server.requests)) == (4, 1)
    assert not list(folder.iterdir())
