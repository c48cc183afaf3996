"""The installed command as a process, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from imagecli.sandbox.sandbox import Options, Sandbox
from tests.children import Children

COMMAND = [sys.executable, "-m", "imagecli"]
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Only the variables that a process needs."""
    return {"PATH": os.defpath, "HOME": str(tmp_path / "home"), "OPENAI_API_KEY": "sk-test", "NO_PROXY": "*"}


@pytest.fixture
def start(children: Children, folder: Path, environ: dict[str, str]) -> Start:
    """Starts the command with the given arguments in *folder*; *extra* variables are set too."""

    def start(
        *arguments: str, extra: Mapping[str, str] | None = None, command: list[str] = COMMAND, **streams: Any
    ) -> subprocess.Popen[bytes]:
        return children.start([*command, *arguments], cwd=folder, env={**environ, **(extra or {})}, **streams)

    return start


@pytest.fixture
def slow() -> Iterator[str]:
    """The base URL of a sandbox with a long latency."""
    with Sandbox(Options(latency=20)) as server:
        yield server.base_url


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of the user's settings, as the fixture `imagecli` names it."""
    return tmp_path / "config"


def write_user_file(home: Path, text: str, name: str = "config.toml", mode: int = 0o600) -> Path:
    """Write a file of the user's settings, as private as it has to be."""
    home.mkdir(exist_ok=True)
    path = home / name
    path.write_text(text)
    path.chmod(mode)
    return path
