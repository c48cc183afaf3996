"""`--dry-run`: the plan and its price; nothing is sent, started or written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run, mask_for, photo

DRY = ("--dry-run",)
KEY = "sk-test-0123456789"


def test_the_plan_has_request_files_and_price_and_needs_no_key(imagecli: Run, folder: Path, state: Path) -> None:
    result = imagecli("generate", "a cat", "--size", "1024x1024", "--quality", "high", *DRY)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "POST           https://api.openai.com/v1/images/generations",
        "Authorization  Bearer [key]",
        "model          gpt-image-2",
        "prompt         a cat",
        "quality        high",
        "size           1024x1024",
        "saves          a-cat.png",
        "",
        "price          about $0.21 at high (low $0.006, medium $0.053)",
        "               gpt-image-2, high, 1024x1024; prices of 2026-11",
        "sent           nothing (dry run)",
    ]
    assert not list(folder.iterdir())
    assert not state.exists()


def test_json_has_the_plan_in_its_requests(imagecli: Run, folder: Path) -> None:
    result = imagecli(
        "generate", "a cat", "-n", 12, "-s", "1024x1024", "--quality", "low", "-o", "new/", "--json", *DRY
    )
    report = result.json
    assert (result.exit_code, report["status"], report["exit_code"]) == (0, "planned", 0)
    assert (report["images"], report["errors"]) == ([], [])
    assert [request["body"]["n"] for request in report["requests"]] == [10, 2]
    first, last = report["requests"]
    assert last == {
        "request_id": None,
        "provider": "openai",
        "model": "gpt-image-2",
        "status": None,
        "usage": None,
        "svg_usage": None,
        "method": "POST",
        "url": "https://api.openai.com/v1/images/generations",
        "headers": {"Authorization": "Bearer [key]"},
        "body": {"model": "gpt-image-2", "prompt": "a cat", "n": 2, "size": "1024x1024", "quality": "low"},
        "files": [],
        "inputs": [],
        "paths": [str(folder / "new" / f"a-cat-{n}.png") for n in (11, 12)],
        "cost": last["cost"],
    }
    assert report["cost"]["estimated_usd"] == pytest.approx(12 * 196 * 30e-6, abs=1e-4)
    assert report["cost"]["estimated_max_usd"] >= report["cost"]["estimated_usd"]
    assert report["cost"]["actual_usd"] is None
    for key in ("estimated_usd", "estimated_max_usd"):
        assert first["cost"][key] + last["cost"][key] == pytest.approx(report["cost"][key], abs=1e-5)
    assert not (folder / "new").exists()


AUDITED = """
import os, sys
def hook(event, args):
    if event == "socket.bind" and args[1] == ("::1", 0):
        return  # urllib3 asks the system whether it knows IPv6
    if event.startswith(("socket.connect", "socket.bind", "subprocess", "os.posix_spawn", "os.mkdir", "os.rename")):
        os.write(2, f"SEEN {event} {args}\\n".encode())
    if event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        os.write(2, f"SEEN {event} {args}\\n".encode())
sys.addaudithook(hook)
from imagecli.__main__ import run
run()
"""
"""The command, with every connection, process, folder and file it creates printed on stderr."""


@pytest.mark.parametrize("provider", ["openai", "sandbox"])
@pytest.mark.parametrize("extra", [[], ["--json"], ["-o", "new/cat.png"], ["-o", "-"]])
def test_it_uses_neither_network_nor_disk(tmp_path: Path, provider: str, extra: list[str]) -> None:
    photo(tmp_path / "photo.jpg")
    mask_for(tmp_path / "mask.png", 320, 200, (0, 0, 9, 9))
    before = sorted(tmp_path.rglob("*"))
    words = ["edit", "photo.jpg", "a cat", "--mask", "mask.png", "--provider", provider, "--dry-run", *extra]
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", AUDITED, *words], cwd=tmp_path, env=environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "SEEN" not in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_the_audit_hook_detects_network_and_disk(tmp_path: Path) -> None:
    words = ["generate", "a cat", "-m", "dall-e-2", "-s", "256x256", "--provider", "sandbox"]
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", AUDITED, *words], cwd=tmp_path, env=environ, capture_output=True, text=True
    )
    for event in ("SEEN socket.bind", "SEEN socket.connect", "SEEN open", "SEEN os.mkdir"):
        assert event in done.stderr


def test_images_are_printed_with_name_type_and_length_after_fitting(imagecli: Run, folder: Path) -> None:
    photo(folder / "photo.jpg")
    mask_for(folder / "mask.png", 320, 200, (0, 0, 99, 99))
    result = imagecli("edit", "photo.jpg", "a cat", "--mask", "mask.png", "--json", *DRY)
    (request,) = result.json["requests"]
    assert [(file["field"], file["filename"], file["media_type"]) for file in request["files"]] == [
        ("image", "image.jpg", "image/jpeg"),
        ("mask", "mask.png", "image/png"),
    ]
    assert all(file["bytes"] > 100 for file in request["files"])
    assert request["url"].endswith("/images/edits")
    assert "image  " in imagecli("edit", "photo.jpg", "a cat", *DRY).stdout


@pytest.mark.parametrize("image", ["photo.jpg", "photo.png"])
def test_images_inside_json_are_printed_as_their_length(imagecli: Run, folder: Path, image: str) -> None:
    photo(folder / image, 640, 480)
    result = imagecli("edit", image, "a cat", "--provider", "openrouter", "-m", "x/y", "--json", *DRY)
    (request,) = result.json["requests"]
    assert len(result.stdout) < 2000
    length = f"{(folder / image).stat().st_size:,}"[:-2]
    assert f"[image/{image[6:].replace('jpg', 'jpeg')}, {length}" in json.dumps(request["body"])


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["generate", "a cat", "--size", "10x10"], 2, "10 is not"),
        (["generate", "a cat", "-o", "there.png"], 2, "already exists"),
        (["generate", "a cat", "-o", "there.png/x.png"], 2, "is a file, not a folder"),
        (["edit", "there.png", "a cat"], 2, "there.png"),
        (["edit", "missing.png", "a cat"], 2, "missing.png"),
        (["generate", "a cat", "--max-cost", "0.001"], 5, "--max-cost 0.001"),
    ],
)
def test_every_check_before_a_paid_request_is_made(
    imagecli: Run, folder: Path, arguments: list[str], exit_code: int, message: str
) -> None:
    (folder / "there.png").write_text("no picture")
    result = imagecli(*arguments, *DRY)
    assert result.exit_code == exit_code
    assert message in result.stderr


def test_a_plan_over_the_cost_limit_is_printed_too(imagecli: Run) -> None:
    result = imagecli("generate", "a cat", "--quality", "high", "-n", "40", "--json", *DRY)
    report = result.json
    assert (result.exit_code, report["status"], len(report["requests"])) == (5, "failed", 4)
    assert [error["code"] for error in report["errors"]] == ["over_budget"]
    assert report["cost"]["estimated_max_usd"] > 5


def test_existing_images_are_skipped_and_cost_nothing(imagecli: Run, folder: Path) -> None:
    photo(folder / "cat.png")
    result = imagecli("generate", "a cat", "-o", "cat.png", "--if-exists", "skip", *DRY)
    assert result.stdout.splitlines() == [
        "exists  cat.png",
        "price   nothing; every image exists",
        "sent    nothing (dry run)",
    ]


def test_an_image_for_stdout_is_planned_too(imagecli: Run) -> None:
    result = imagecli("generate", "a cat", "-o", "-", *DRY)
    assert "saves          to stdout\n" in result.stdout


@pytest.mark.parametrize(
    ("provider", "env", "headers"),
    [
        ("openai", {"OPENAI_API_KEY": KEY}, {"Authorization": "Bearer [key]"}),
        (
            "openai",
            {"OPENAI_API_KEY": KEY, "OPENAI_ORG_ID": "org-7"},
            {"Authorization": "Bearer [key]", "OpenAI-Organization": "org-7"},
        ),
        ("sandbox", {"OPENAI_API_KEY": KEY}, {}),
    ],
)
def test_the_key_is_a_placeholder(imagecli: Run, provider: str, env: dict[str, str], headers: dict[str, Any]) -> None:
    result = imagecli("generate", "a cat", "--provider", provider, "--json", *DRY, env=env)
    assert result.json["requests"][0]["headers"] == headers
    assert KEY not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("arguments", "env", "header"),
    [
        ((), {}, "Authorization"),
        (("--base-url", "http://127.0.0.1:1/v1"), {}, None),
        (("--base-url", "http://127.0.0.1:1/v1"), {"OPENAI_API_KEY": KEY}, "Authorization"),
        (("--base-url", "https://example.com/v1"), {}, "Authorization"),
    ],
)
def test_a_placeholder_is_shown_where_a_key_would_be_sent(
    imagecli: Run, arguments: tuple[str, ...], env: dict[str, str], header: str | None
) -> None:
    result = imagecli("generate", "a cat", *arguments, "--json", *DRY, env=env)
    assert list(result.json["requests"][0]["headers"]) == ([header] if header else [])


def test_no_key_is_prompted_for(imagecli: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    command = [sys.executable, "-c", f"open({str(tmp_path / 'asked')!r}, 'w')"]
    (tmp_path / "config" / "config.toml").write_text(f"[providers.openai]\napi_key_command = {json.dumps(command)}\n")
    assert imagecli("generate", "a cat", *DRY).exit_code == 0
    assert not (tmp_path / "asked").exists()
    imagecli("generate", "a cat", "-n", "40", "--quality", "high")
    assert (tmp_path / "asked").exists()


def test_a_url_is_printed_without_its_secrets(imagecli: Run) -> None:
    result = imagecli("generate", "a cat", "--base-url", "https://me:hush@example.com/v1?key=hush", "--json", *DRY)
    assert result.json["requests"][0]["url"] == "https://example.com/v1/images/generations?key=[hidden]"
    assert "hush" not in result.stdout + result.stderr


def test_many_requests_are_counted_and_json_lists_them_all(imagecli: Run) -> None:
    many = [word for n in range(30) for word in ("--var", f"name=cat{n}")]
    command = ["generate", "a {name}", *many, "--quality", "low", "-s", "1024x1024", *DRY]
    result = imagecli(*command)
    assert "\n…              10 more requests; use --json to list all\n" in result.stdout
    assert result.stdout.count("POST") == 20
    assert len(imagecli(*command, "--json").json["requests"]) == 30


def test_equal_requests_are_shown_once(imagecli: Run) -> None:
    command = ["generate", "a fox", "--quality", "low", "-s", "1024x1024", *DRY]
    assert imagecli(*command, "-n", 30).stdout.splitlines() == [
        "30 images in 3 requests of 10",
        "POST           https://api.openai.com/v1/images/generations",
        "Authorization  Bearer [key]",
        "model          gpt-image-2",
        "prompt         a fox",
        "n              10",
        "quality        low",
        "size           1024x1024",
        "saves          a-fox-1.png",
        "               … 28 more …",
        "               a-fox-30.png",
        "",
        "price          about $0.18 at low for 30 images (medium $1.59, high $6.33)",
        "               gpt-image-2, low, 1024x1024; prices of 2026-11",
        "sent           nothing (dry run)",
    ]
    assert len(imagecli(*command, "-n", 30, "--json").json["requests"]) == 3
    titles = [line for line in imagecli(*command, "-n", 25).stdout.splitlines() if "request" in line]
    assert titles == ["requests 1 to 2 of 3: 20 images in 2 requests of 10", "request 3 of 3"]


def test_requests_that_differ_are_shown_one_by_one(imagecli: Run) -> None:
    result = imagecli("generate", "a {x}", "--var", "x=cat", "--var", "x=dog", *DRY)
    assert [line for line in result.stdout.splitlines() if "request" in line] == ["request 1 of 2", "request 2 of 2"]


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (
            ["-m", "gpt-image-2.5-flare", "--quality", "high", "-s", "3840x2160"],
            "about $0.10 at high (low $0.011, medium $0.026, xhigh $0.18, max $0.41)",
        ),
        (["--quality", "medium", "-s", "1536x1024"], "about $0.042 at medium (low $0.005, high $0.16)"),
        (
            ["-s", "1024x1024"],
            "about $0.006 to $0.21 (low $0.006, medium $0.053, high $0.21); the model chooses the quality",
        ),
        (["-m", "gpt-image-2.6-flare", "--output-format", "svg", "--quality", "high"], "about $0.041 or more at high"),
        (["-m", "flux"], "unknown: imagecli has no price for flux"),
        (
            ["--provider", "openrouter", "-m", "a/b"],
            "unknown: imagecli has no prices for openrouter; its responses report the cost",
        ),
        (["--provider", "sandbox"], "nothing: sandbox is free of charge"),
    ],
)
def test_the_price_of_the_other_qualities_is_printed(imagecli: Run, flags: list[str], line: str) -> None:
    lines = imagecli("generate", "a fox", *flags, *DRY).stdout.splitlines()
    assert [text.removeprefix("price").strip() for text in lines if text.startswith("price")] == [line]


@pytest.mark.parametrize(
    ("typed", "env", "size", "notes"),
    [
        (["--fit", "500x500"], {"IMAGECLI_SIZE": "1536x1024"}, "816x816", 1),
        (["--fit", "500x500", "-s", "1536x1024"], {}, "1536x1024", 1),
        (["-s", "1536x1024"], {"IMAGECLI_FIT": "500x500"}, "1536x1024", 1),
        ([], {"IMAGECLI_FIT": "500x500", "IMAGECLI_SIZE": "1536x1024"}, "1536x1024", 1),
        ([], {"IMAGECLI_SIZE": "1536x1024"}, "1536x1024", 0),
    ],
)
def test_a_typed_fit_overrides_a_size_from_settings_with_a_note(
    imagecli: Run, typed: list[str], env: dict[str, str], size: str, notes: int
) -> None:
    report = imagecli("generate", "a cat", *typed, *DRY, "--json", env=env).json
    assert report["requests"][0]["body"]["size"] == size
    warnings = [warning["message"] for warning in report["warnings"]]
    assert warnings == [f"--fit 500x500 is generated at {size}, then cropped and resized"] * notes


def test_a_prompt_cannot_control_the_terminal(imagecli: Run) -> None:
    for tty in ((), ("stdout",)):
        result = imagecli("generate", "a cat\x1b[2J", *DRY, tty=tty)
        assert "\x1b[2J" not in result.stdout
        assert "\\x1b[2J" in result.stdout


def test_on_a_terminal_long_values_are_wrapped_with_indentation(imagecli: Run) -> None:
    result = imagecli("generate", "a cat " * 40, *DRY, "--color", "never", tty=("stdout",))
    lines = result.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    start = next(index for index, line in enumerate(lines) if line.startswith("prompt"))
    assert lines[start + 1].startswith(" " * 15 + "a cat")


def test_the_title_of_several_requests_is_complete_and_does_not_widen_the_labels(imagecli: Run) -> None:
    command = ("generate", "a cat", "-n", "30", "--quality", "low", *DRY, "--color", "never")
    lines = imagecli(*command, tty=("stdout",), env={"COLUMNS": "40"}).stdout.splitlines()
    assert lines[0] == "30 images in 3 requests of 10"
    assert "n              10" in lines


def test_a_providers_own_size_value_is_set_by_param(imagecli: Run) -> None:
    result = imagecli("generate", "a cat", "--provider", "ark", "-m", "seedream", "--param", "size=2K", *DRY, "--json")
    assert (result.exit_code, result.json["requests"][0]["body"]["size"]) == (0, "2K")


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_a_folder_that_can_not_be_written_is_refused_by_the_plan_too(imagecli: Run) -> None:
    result = imagecli("generate", "a cat", "-o", "/proc/x/y.png", *DRY)
    assert (result.exit_code, "can't save to /proc/x" in result.stderr) == (2, True)


def test_an_ignored_model_setting_is_noted(imagecli: Run) -> None:
    result = imagecli("generate", "a cat", "--provider", "xai", *DRY, env={"IMAGECLI_MODEL": "gpt-image-1"})
    assert ["model", "grok-imagine-image"] in [line.split() for line in result.stdout.splitlines()]
    assert (
        "note: using grok-imagine-image: gpt-image-1 from IMAGECLI_MODEL is not for provider xai; choose another"
        in result.stderr
    )


@pytest.mark.parametrize(
    "command",
    [("generate", "a cat", "--dry-run"), ("batch", "m.txt", "--dry-run"), ("batch", "m.txt", "--check")],
    ids=["generate", "batch", "check"],
)
def test_a_dry_run_refuses_the_address_that_the_run_refuses(
    imagecli: Run, folder: Path, command: tuple[str, ...]
) -> None:
    (folder / "m.txt").write_text("a cat\n")
    without_key = {"OPENAI_API_KEY": ""}
    address = ("--base-url", "http://api.example/v1")
    refused = imagecli(*command, *address, env=without_key)
    assert refused.exit_code == 2
    assert "the API key would be sent over plain http:// to a public host" in refused.stderr
    allowed = imagecli(*command, *address, "--insecure-http", env=without_key)
    assert allowed.exit_code == (10 if "--check" in command else 0), allowed.stderr
    free = imagecli(*command, "--base-url", "http://10.0.0.7/v1", env=without_key)
    assert free.exit_code == allowed.exit_code
    # A server that needs no key has none to lose.
    local = imagecli(*command, "--provider", "local", "-m", "any", *address, env=without_key)
    assert local.exit_code == allowed.exit_code, local.stderr


def test_a_dry_run_refuses_batches_that_the_run_would_lose(imagecli: Run, folder: Path) -> None:
    (folder / "m.txt").write_text("a cat\n")
    command = ("batch", "m.txt", "--batch-api", "--provider", "sandbox")
    for options in ((), ("--dry-run",)):
        result = imagecli(*command, *options)
        assert (result.exit_code, "--batch-api needs --wait" in result.stderr) == (2, True)
    assert imagecli(*command, "--wait", "--dry-run").exit_code == 0
