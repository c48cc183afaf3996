"""What a person reads on stderr: how much of it, and that none of it can steer the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer

from imagecli.report.text import MAX_CHARACTERS, harmless
from tests.conftest import Run, photo

KEY = "sk-canary-0123456789"
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
def test_each_flag_says_as_much_as_it_promises(
    imagecli: Run, folder: Path, sandbox: str, flags: list[str], notes: bool, requests: bool, fields: bool
) -> None:
    photo(folder / "in.jpg", 300, 200)
    result = imagecli(
        *("edit", "in.jpg", "a secret garden", "-m", "dall-e-2", "--mask", "in.jpg", "--base-url", sandbox, *flags)
    )
    assert result.exit_code == 2  # a mask without alpha: refused before anything is sent
    result = imagecli("vary", "in.jpg", "-m", "dall-e-2", "--base-url", sandbox, *flags, env={"OPENAI_API_KEY": KEY})
    assert result.exit_code == 0
    assert ("imagecli: note: in.jpg: centre square" in result.stderr) is notes
    assert ("POST /v1/images/variations: HTTP 200, request req_" in result.stderr) is requests
    assert ('POST /v1/images/variations {"model": "dall-e-2"}, image: image/png' in result.stderr) is fields
    assert KEY not in result.stderr


def test_a_servers_words_can_not_steer_the_terminal(imagecli: Run, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/images/generations").respond_with_json(REFUSAL, status=400)
    result = imagecli("generate", "x", "--base-url", httpserver.url_for("/v1"))
    assert result.exit_code == 4
    assert "\\x1b[2J \\u202eevil [red]x[/red] line" in result.stderr
    assert not any(ord(character) < 32 and character != "\n" for character in result.stderr)


def test_json_stays_faithful_to_a_servers_words(imagecli: Run, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/images/generations").respond_with_json(REFUSAL, status=400)
    result = imagecli("generate", "x", "--base-url", httpserver.url_for("/v1"), "--json")
    error = result.json["errors"][0]
    assert "no\x1b[2J \u202eevil [red]x[/red]" in error["message"]
    assert (error["status"], result.json["status"], result.json["exit_code"]) == (400, "failed", 4)


@given(st.text())
def test_no_text_keeps_a_character_that_steers(text: str) -> None:
    shown = harmless(text)
    assert "\n" not in shown
    assert all(character.isprintable() or character.isspace() or ord(character) > 0x7F for character in shown)
    shown.encode()


def test_long_text_is_cut() -> None:
    assert len(harmless("x" * 100_000)) == MAX_CHARACTERS + 1
