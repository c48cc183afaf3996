"""The JSON of every kind of command: no character in it controls a terminal or a log, and its values are unchanged."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.batch.serving import refusal, serving
from tests.batch.test_batch import manifest
from tests.conftest import Result, Run

HOSTILE = "a\x9b31m\x7f \u202egnp\u2066\u061c"


def texts(value: Any) -> list[str]:
    """Every text in a JSON value."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


def check(result: Result) -> None:
    """Each line is JSON, one of their values holds HOSTILE, and no line holds a character of it that controls."""
    lines = result.stdout.split("\n")
    assert lines.pop() == ""
    controls = {character for line in lines for character in line if unicodedata.category(character) in ("Cc", "Cf")}
    assert controls == set()
    assert any(HOSTILE in text for line in lines for text in texts(json.loads(line))), result.stdout


@pytest.mark.parametrize("tty", [(), ("stdout",)])
@pytest.mark.parametrize(
    "command",
    [
        ["generate", HOSTILE, "--dry-run", "--provider", "sandbox", "-o", "x.png"],
        ["config", "show"],
        ["config", "path"],
        ["batch", "assets.jsonl", "--dry-run", "--provider", "sandbox"],
    ],
    ids=["dry run", "settings", "paths", "dry run of a batch"],
)
def test_json_controls_nothing(
    imagecli: Run, folder: Path, tmp_path: Path, command: Sequence[str], tty: tuple[str, ...]
) -> None:
    manifest(folder, {"prompt": HOSTILE, "output": "x.png", "user": HOSTILE})
    environ = {"IMAGECLI_OUTPUT": HOSTILE, "IMAGECLI_CONFIG_DIR": str(tmp_path / HOSTILE)}
    check(imagecli(*command, "--json", env=environ, tty=tty))


def test_the_lines_of_a_batch_control_nothing(imagecli: Run, folder: Path) -> None:
    manifest(folder, {"prompt": "a cat", "output": "x.png"}, {"prompt": "a fox", "output": "y.png"})
    with serving(lambda fields: refusal("400 Bad Request", "x", HOSTILE) if "fox" in fields["prompt"] else None) as it:
        result = imagecli("batch", "assets.jsonl", "--base-url", it.base_url, "--json")
    assert len(result.stdout.splitlines()) == 3
    check(result)
