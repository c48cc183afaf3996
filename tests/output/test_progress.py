"""The output on stderr: how much each flag prints, and that none of it can control the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer

from imagecli.env import Env
from imagecli.events import DownloadProgress, UploadProgress
from imagecli.output.live_progress import LiveProgress
from imagecli.output.terminal import DisplayOptions
from imagecli.quoting import MAX_CHARACTERS, sanitize
from tests.conftest import NOW, Run, Stream, photo

KEY = "sk-canary-0123456789"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""A whole PNG of one pixel."""
REFUSAL = {
    "error": {"message": "no\x1b[2J \u202eevil [red]x[/red]\r\nline", "type": "invalid_request_error", "code": None}
}


@pytest.mark.parametrize(
    ("flags", "notes", "requests", "fields"),
    [
        ([], True, False, False),
        (["--quiet"], False, False, False),
        (["-v"], True, True, False),
        (["--debug"], True, True, True),
    ],
)
def test_each_flag_prints_its_amount_of_detail(
    imagecli: Run, folder: Path, sandbox: str, flags: list[str], notes: bool, requests: bool, fields: bool
) -> None:
    photo(folder / "in.jpg", 300, 200)
    result = imagecli(
        *("edit", "in.jpg", "a secret garden", "-m", "dall-e-2", "--mask", "in.jpg", "--base-url", sandbox, *flags)
    )
    assert result.exit_code == 2  # a mask without alpha: refused before anything is sent
    result = imagecli("vary", "in.jpg", "-m", "dall-e-2", "--base-url", sandbox, *flags, env={"OPENAI_API_KEY": KEY})
    assert result.exit_code == 0
    assert ("imagecli: note: in.jpg: cropped to the center" in result.stderr) is notes
    assert ("POST /v1/images/variations: HTTP 200, request req_" in result.stderr) is requests
    assert ('POST /v1/images/variations {"model": "dall-e-2"}, image: image/png' in result.stderr) is fields
    assert KEY not in result.stderr


def test_a_servers_text_can_not_control_the_terminal(imagecli: Run, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/images/generations").respond_with_json(REFUSAL, status=400)
    result = imagecli("generate", "x", "--base-url", httpserver.url_for("/v1"))
    assert result.exit_code == 4
    assert "\\x1b[2J \\u202eevil [red]x[/red] line" in result.stderr
    assert not any(ord(character) < 32 and character != "\n" for character in result.stderr)


def test_json_keeps_a_servers_text_unchanged(imagecli: Run, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/images/generations").respond_with_json(REFUSAL, status=400)
    result = imagecli("generate", "x", "--base-url", httpserver.url_for("/v1"), "--json")
    error = result.json["errors"][0]
    assert "no\x1b[2J \u202eevil [red]x[/red]" in error["message"]
    assert (error["status"], result.json["status"], result.json["exit_code"]) == (400, "failed", 4)


@given(st.text())
def test_no_text_keeps_a_control_character(text: str) -> None:
    sanitized = sanitize(text)
    assert "\n" not in sanitized
    assert all(character.isprintable() or character.isspace() or ord(character) > 0x7F for character in sanitized)
    sanitized.encode()


def test_long_text_is_cut() -> None:
    assert len(sanitize("x" * 100_000)) == MAX_CHARACTERS + 1


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (401, {"error": {"message": f"Incorrect API key provided: {KEY}", "code": "invalid_api_key"}}, {}),
        (401, {"error": {"message": "no", "code": KEY}}, {"x-request-id": KEY}),
        (200, {"error": {"message": f"wrong key {KEY}"}}, {"x-echo": KEY}),
        (200, {"data": [{"b64_json": PIXEL, "revised_prompt": f"a cat named {KEY}"}]}, {"x-request-id": KEY}),
    ],
)
@pytest.mark.parametrize("flags", [[], ["--json"], ["--debug"]])
def test_a_key_that_a_server_repeats_is_never_printed(
    imagecli: Run,
    httpserver: HTTPServer,
    status: int,
    body: dict[str, object],
    headers: dict[str, str],
    flags: list[str],
) -> None:
    httpserver.expect_request("/v1/images/generations").respond_with_json(body, status=status, headers=headers)
    result = imagecli("generate", "x", "--base-url", httpserver.url_for("/v1"), *flags, env={"OPENAI_API_KEY": KEY})
    assert KEY not in result.stderr + result.stdout
    assert ("[key]" if flags or "error" in body else "x.png") in result.stderr + result.stdout


def test_json_on_a_terminal_is_ascii(imagecli: Run, httpserver: HTTPServer) -> None:
    body = {"data": [{"b64_json": PIXEL, "revised_prompt": "\u202e\x9b2J猫"}]}
    httpserver.expect_request("/v1/images/generations").respond_with_json(body)
    for tty in ((), ("stdout",)):
        result = imagecli("generate", "x", "--base-url", httpserver.url_for("/v1"), "--json", tty=tty)
        assert result.json["images"][0]["revised_prompt"] == "\u202e\x9b2J猫"
        assert result.stdout.isascii() is bool(tty)


def test_equal_errors_are_counted_and_every_kept_response_is_named(imagecli: Run, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/images/generations").respond_with_data("{ half", content_type="application/json")
    result = imagecli("generate", "x", "-m", "dall-e-3", "-n", 3, "--base-url", httpserver.url_for("/v1"))
    kept_lines = [line.removeprefix("kept: ") for line in result.stderr.splitlines() if line.startswith("kept: ")]
    assert result.exit_code == 7
    assert result.stderr.count("not valid JSON") == 1
    assert "repeated 2 more times" in result.stderr
    assert len({Path(path).read_bytes() + path.encode() for path in kept_lines}) == 3


@pytest.mark.parametrize("tty", [(), ("stderr",)])
def test_equal_notes_are_printed_once_with_a_count_and_json_has_each(
    imagecli: Run, httpserver: HTTPServer, tty: tuple[str, ...]
) -> None:
    httpserver.expect_request("/v1/images/generations").respond_with_json({"data": [{"b64_json": PIXEL}]})
    result = imagecli(
        *("generate", "x", "-m", "dall-e-3", "-s", "1024x1024", "-n", 3, "--json"),
        *("--base-url", httpserver.url_for("/v1")),
        tty=tty,
    )
    message = "imagecli: warning: requested 1024x1024, received 1x1"
    lines = [line for line in result.stderr.splitlines() if message in line]
    assert len(lines) == 2
    assert lines[1].endswith(f"{message} (3 times in total)")
    assert [remark["code"] for remark in result.json["warnings"]].count("other_size") == 3


def test_json_separates_notes_from_warnings(imagecli: Run, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/images/generations").respond_with_json({"data": [{"b64_json": PIXEL}]})
    result = imagecli("generate", "x", "-s", "landscape", "--json", "--base-url", httpserver.url_for("/v1"))
    levels = {remark["code"]: remark["level"] for remark in result.json["warnings"]}
    assert (levels["size"], levels["other_size"]) == ("note", "warning")
    assert "imagecli: note: landscape" in result.stderr


@pytest.mark.parametrize(
    ("columns", "line"), [(40, "receiving ↑123.5 kB"), (80, "receiving ↑123.5 kB ↓12.3 MB"), (20, "receiv")]
)
def test_a_number_is_not_cut_at_the_edge_of_the_terminal(columns: int, line: str) -> None:
    env = Env(stdin=Stream(), stdout=Stream(), stderr=Stream(), environ={}, now=lambda: NOW)
    progress = LiveProgress(env, DisplayOptions(live=True))
    progress._console.width = columns
    progress(UploadProgress(request=0, sent=123_456, total=123_456))
    progress(DownloadProgress(request=0, received=12_345_678, total=None))
    assert progress._describe() == line
