"""The command that adds a library fits the way imagecli was installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from imagecli.installation import command_to_add

IN_THE_WAY = """
import sys
sys.modules["{module}"] = None  # as if it were not installed
from imagecli.__main__ import run
run()
"""


@pytest.mark.parametrize(
    ("name", "files", "command"),
    [
        ("imagecli", ["pipx_metadata.json"], "pipx inject imagecli PyYAML"),
        ("imagecli-dev", ["pipx_metadata.json"], "pipx inject imagecli-dev PyYAML"),
        ("imagecli", ["uv-receipt.toml"], f"uv pip install --python {sys.executable} PyYAML"),
        (".venv", ["pyvenv.cfg"], f"{sys.executable} -m pip install PyYAML"),
    ],
)
def test_a_tool_installation_is_distinguished_from_a_virtual_environment(
    tmp_path: Path, name: str, files: list[str], command: str
) -> None:
    if not importlib.util.find_spec("pip"):
        pytest.skip("there is no pip in this environment")
    prefix = tmp_path / name
    prefix.mkdir()
    for file in files:
        (prefix / file).touch()
    assert command_to_add("PyYAML", prefix) == command


@pytest.mark.parametrize(
    ("module", "library", "argv"),
    [
        ("yaml", "PyYAML", ["batch", "m.yaml", "--dry-run", "--provider", "sandbox"]),
        ("keyring", "keyring", ["login", "openai", "-", "--keyring"]),
    ],
)
def test_a_missing_library_is_named_with_the_command_that_adds_it(
    tmp_path: Path, module: str, library: str, argv: list[str]
) -> None:
    (tmp_path / "m.yaml").write_text("- prompt: a cat\n")
    done = subprocess.run(
        [sys.executable, "-c", IN_THE_WAY.format(module=module), *argv],
        cwd=tmp_path,
        env={"HOME": str(tmp_path)},
        input="sk-test-0123456789",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert f"hint: {command_to_add(library)}; or " in done.stderr
