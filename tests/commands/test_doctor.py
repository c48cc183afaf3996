"""`imagecli doctor`: its findings, its exit code, and that it makes no paid request and prints no key."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.client import server_models
from tests.client.raw import RawResponse, http, raw_server, reset, silence
from tests.conftest import NOW, Result, Run

KEY = "sk-test-0123456789abcdef"
MODELS = json.dumps({"data": [{"id": "gpt-image-2"}, {"id": "whisper-1"}]}).encode()


def listing(*names: str) -> bytes:
    return http("200 OK", json.dumps({"data": [{"id": name} for name in names]}).encode())


def refusal(status: str, message: str, **more: str) -> bytes:
    return http(status, json.dumps({"error": {"message": message, **more}}).encode())


def findings(result: Result, topic: str) -> list[dict[str, Any]]:
    """The findings on *topic* of a run with --json."""
    return [finding for finding in result.json["findings"] if finding["topic"] == topic]


def test_the_sandbox_has_no_findings(imagecli: Run) -> None:
    result = imagecli("doctor", "--provider", "sandbox")
    assert result.exit_code == 0, result.stdout
    assert "FAIL" not in result.stdout
    assert "server: the sandbox starts and responds" in result.stdout
    assert "gpt-image-2" in result.stdout


def test_a_server_gets_one_request_for_its_models(imagecli: Run) -> None:
    with raw_server(http("200 OK", MODELS)) as server:
        result = imagecli("doctor", "--base-url", server.base_url, "--json", env={"OPENAI_API_KEY": KEY})
    assert (result.exit_code, result.json["status"], result.json["errors"]) == (0, "ok", [])
    assert result.json["models"] == ["gpt-image-2", "whisper-1"]
    assert findings(result, "models")[0]["message"] == "2 listed; known to imagecli: gpt-image-2"
    assert findings(result, "key")[0]["message"] == f"set, {len(KEY)} characters, from OPENAI_API_KEY"
    assert [request.split(b"\r\n")[0] for request in server.requests] == [b"GET /v1/models HTTP/1.1"]
    assert f"Authorization: Bearer {KEY}".encode() in server.requests[0]
    assert KEY not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("response", "exit_code", "words"),
    [
        (http("200 OK", b'{"models": [{"name": "m"}]}'), 0, "1 listed, none known to imagecli: m"),
        (http("200 OK", b'["m", {"model": "n"}, 5, null]'), 0, "2 listed, none known to imagecli: m, n"),
        (http("200 OK", b'{"data": []}'), 0, "the server lists none"),
        (http("200 OK", b'{"object": "ok"}'), 0, "does not list its models"),
        (http("200 OK", b"<html>hello</html>"), 4, "did not return the API's JSON"),
        (http("200 OK", b"[" * 100_000), 4, "did not return the API's JSON"),
        (refusal("404 Not Found", "no such route"), 0, "does not list its models"),
        (http("404 Not Found", b"<html><title>nginx</title></html>"), 4, "no Images API at this URL"),
        (http("302 Found", b"", "Location: http://127.0.0.1:1/"), 6, "redirects to http://127.0.0.1:1/ (HTTP 302)"),
        (refusal("401 Unauthorized", f"Incorrect API key provided: {KEY}"), 3, "the key comes from OPENAI_API_KEY"),
        (refusal("401 Unauthorized", "Missing scopes: api.model.read"), 0, "does not list its models"),
        (refusal("403 Forbidden", "not for this key"), 0, "does not list its models"),
        (refusal("429 Too Many", "no credit", code="insufficient_quota"), 5, "out of credit"),
        (http("503 Service Unavailable", b"loading"), 6, "the server failed (HTTP 503)"),
        (reset, 6, "was lost"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", 6, ""),
    ],
)
def test_each_response_is_one_finding_with_the_exit_code_of_a_command(
    imagecli: Run, response: RawResponse, exit_code: int, words: str
) -> None:
    with raw_server(response) as server:
        result = imagecli("doctor", "--base-url", server.base_url, env={"OPENAI_API_KEY": KEY})
    assert result.exit_code == exit_code, result.stdout
    assert words in result.stdout
    assert ("FAIL  server: " in result.stdout) is (exit_code != 0)
    assert KEY not in result.stdout + result.stderr
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("command", "environ", "ways"),
    [
        (("doctor",), {}, "imagecli login openai, or export OPENAI_API_KEY=…"),
        (("generate", "a cat"), {}, "imagecli login openai, or export OPENAI_API_KEY=…"),
        (("batch", "m.txt"), {}, "imagecli login openai, or export OPENAI_API_KEY=…"),
        (("batch", "m.txt", "--batch-api"), {}, "imagecli login openai, or export OPENAI_API_KEY=…"),
        (("generate", "a cat", "--provider", "xai"), {"OPENAI_API_KEY": KEY}, "imagecli login xai"),
        (("doctor", "--provider", "local"), {"OPENAI_API_KEY": KEY}, "imagecli login local"),
    ],
)
@pytest.mark.parametrize(
    ("status", "reason"), [("401 Unauthorized", "who are you?"), ("403 Forbidden", "Not authenticated")]
)
def test_a_missing_key_is_not_reported_as_refused(
    imagecli: Run,
    folder: Path,
    command: tuple[str, ...],
    environ: dict[str, str],
    ways: str,
    status: str,
    reason: str,
) -> None:
    (folder / "m.txt").write_text("a cat\n")
    with raw_server(refusal(status, reason)) as server:
        result = imagecli(*command, "--base-url", server.base_url, env=environ)
    assert result.exit_code == 3
    output = result.stdout + result.stderr
    assert f"the server requires an API key, but none was sent: {reason}" in output
    assert ways in output
    assert "refused" not in output


@pytest.mark.parametrize(
    ("response", "hint"),
    [
        (refusal("429 Too Many", "slow down"), "wait a minute, then run imagecli doctor again"),
        (refusal("500 Oops", "oops"), "run imagecli doctor again later"),
        (http("504 Gateway Timeout"), "run imagecli doctor again later"),
    ],
)
def test_hints_are_for_free_requests(imagecli: Run, response: RawResponse, hint: str) -> None:
    with raw_server(response) as server:
        result = imagecli("doctor", "--base-url", server.base_url, env={"OPENAI_API_KEY": KEY})
    (server_line,) = [line for line in result.stdout.partition("FAIL  server")[2].splitlines() if "fix:" in line]
    assert hint in server_line
    assert not any(word in result.stdout for word in ("batch", "billed", "bought", "generated"))


@pytest.mark.parametrize(
    ("provider", "path"),
    [
        ("azure", b"GET /openai/v1/models?api-version=preview"),
        ("azure-classic", b"GET /openai/models?api-version=2025-04-01-preview"),
    ],
)
def test_an_azure_resource_is_checked_at_the_url_of_paid_requests(imagecli: Run, provider: str, path: bytes) -> None:
    with raw_server(http("404 Not Found", b"")) as server:
        base_url = server.base_url.removesuffix("/v1")
        result = imagecli(
            "doctor", "--provider", provider, "--base-url", base_url, env={"AZURE_OPENAI_API_KEY": "azure-key"}
        )
    assert [request.split(b" HTTP")[0] for request in server.requests] == [path]
    assert result.exit_code == 4
    assert "FAIL  server: no Images API at this URL (HTTP 404)" in result.stdout


@pytest.mark.parametrize(
    "path", ["/openai", "/openai/deployments/img", "/openai/deployments/img/", "/openai/deployments/img/images/edits"]
)
def test_the_models_of_an_azure_resource_are_not_its_deployments(imagecli: Run, path: str) -> None:
    with raw_server(http("200 OK", b'{"data": [{"id": "img"}]}')) as server:
        base_url = server.base_url.removesuffix("/v1") + path
        variables = {"AZURE_OPENAI_API_KEY": "azure-key", "AZURE_OPENAI_ENDPOINT": base_url}
        result = imagecli("doctor", "--provider", "azure-classic", env=variables)
    assert [request.split(b"?")[0] for request in server.requests] == [b"GET /openai/models"]
    assert result.exit_code == 0


def test_checks_that_would_cost_money_are_reported_as_untested(imagecli: Run) -> None:
    with raw_server(http("404 Not Found", b"")) as server:
        result = imagecli(
            "doctor", "--provider", "ark", "--base-url", server.base_url, "--json", env={"ARK_API_KEY": "ark-key"}
        )
    assert result.exit_code == 0
    (finding,) = findings(result, "server")
    assert finding["level"] == "note"
    assert finding["message"].endswith("the base URL and key can't be verified without a paid request")


@pytest.mark.parametrize(
    ("environ", "arguments", "exit_code", "topic", "hint"),
    [
        ({"OPENAI_BASE_URL": "http://192.0.2.1.invalid/v1"}, (), 3, "key", "run `imagecli login`"),
        ({}, ("--base-url", "http://127.0.0.1:1/v1"), 6, "server", "check the network"),
        ({"OPENAI_API_KEY": "“sk-1”"}, ("--base-url", "http://127.0.0.1:1/v1"), 3, "key", "copy the key again"),
        ({}, ("--provider", "opnai"), 2, "settings", "did you mean openai?"),
        ({"IMAGECLI_TIMEOUT": "soon"}, (), 2, "settings", "timeout"),
        ({}, ("--base-url", "ftp://x/v1"), 2, "settings", "http://localhost"),
        ({"REQUESTS_CA_BUNDLE": "/nowhere"}, ("--provider", "sandbox"), 0, "certificates", "unset"),
    ],
)
def test_a_missing_dependency_is_named_with_its_fix(
    imagecli: Run, environ: dict[str, str], arguments: tuple[str, ...], exit_code: int, topic: str, hint: str
) -> None:
    result = imagecli("doctor", *arguments, "--json", env=environ)
    assert result.exit_code == result.json["exit_code"] == exit_code
    wrong = [finding for finding in findings(result, topic) if finding["level"] in ("error", "warning")]
    assert any(hint in finding["hint"] for finding in wrong)
    assert bool(result.json["errors"]) is (exit_code != 0)


def test_a_silent_server_does_not_block_it(imagecli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_models, "PATIENCE", server_models.PATIENCE._replace(silence=0.5))
    begin = time.monotonic()
    with raw_server(silence(30)) as server:
        result = imagecli("doctor", "--base-url", server.base_url)
    assert result.exit_code == 6
    assert time.monotonic() - begin < 10


def test_models_that_retire_soon_are_named_at_their_provider(imagecli: Run, tmp_path: Path) -> None:
    days = timedelta(days=60)
    rows = [
        row
        for row in load_shipped_catalog().models.values()
        if row.shutdown and NOW.date() <= row.shutdown <= NOW.date() + days
    ]
    assert rows, "the catalog has a model that ends within 60 days of NOW"
    (tmp_path / "config").mkdir()
    with raw_server(listing(*load_shipped_catalog().models)) as server:
        (tmp_path / "config" / "config.toml").write_text(
            f'[providers.home]\nbase_url = "{server.base_url}"\nretires = true'
        )
        at_home = imagecli("doctor", "--provider", "home", "--json")
        elsewhere = imagecli("doctor", "--base-url", server.base_url, "--json")
    output = [finding["message"] for finding in findings(at_home, "models") if finding["level"] == "warning"]
    assert len(output) == len(rows)
    assert all(str(row.shutdown) in message for row, message in zip(rows, output, strict=True))
    assert not [one for one in findings(elsewhere, "models") if one["level"] == "warning"]


def test_unusable_folders_are_reported(imagecli: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config").chmod(0o777)
    (tmp_path / "state").write_text("a file")
    result = imagecli("doctor", "--provider", "sandbox")
    assert result.exit_code == 0
    assert result.stdout.count(f"chmod o-w {tmp_path / 'config'}") == 1
    assert "IMAGECLI_STATE_DIR=FOLDER" in result.stdout


def test_a_variable_that_sets_nothing_is_reported(imagecli: Run) -> None:
    result = imagecli("doctor", "--provider", "sandbox", env={"IMAGECLI_MODLE": "x"})
    assert "warn  settings: unknown variable IMAGECLI_MODLE; did you mean IMAGECLI_MODEL?" in result.stdout


def test_secrets_of_proxies_are_hidden(imagecli: Run) -> None:
    environ = {"HTTPS_PROXY": "http://me:hunter2@proxy.example:8080", "http_proxy": "me:hunter2@proxy.example"}
    result = imagecli("doctor", "--provider", "sandbox", env=environ)
    assert "HTTPS_PROXY is http://[hidden]@proxy.example:8080" in result.stdout
    assert "http_proxy is http://[hidden]@proxy.example" in result.stdout
    assert "hunter2" not in result.stdout


def test_an_env_file_is_reported_as_not_read(imagecli: Run, folder: Path) -> None:
    (folder / ".env").write_text(f"OPENAI_API_KEY={KEY}")
    assert (
        "this folder has a .env file, which imagecli does not read"
        in imagecli("doctor", "--provider", "sandbox").stdout
    )


def test_untrusted_text_does_not_control_the_terminal(imagecli: Run) -> None:
    with raw_server(listing("evil\x1b[31m\u202e")) as server:
        result = imagecli("doctor", "--base-url", server.base_url)
    assert "evil\\x1b[31m" in result.stdout
    assert "\x1b" not in result.stdout and "\u202e" not in result.stdout


def test_doctor_creates_nothing(imagecli: Run, folder: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert imagecli("doctor", "--provider", "sandbox").exit_code == 0
    assert sorted(tmp_path.rglob("*")) == before
