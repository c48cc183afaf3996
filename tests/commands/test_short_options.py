"""The short options: each letter has the same meaning in all commands, and there are no others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from imagecli import __version__, cli, commands
from tests.conftest import Run

SHORT = {"-o", "-n", "-m", "-s", "-f", "-j", "-q", "-v", "-h", "-V"}


def leaves(command: Any) -> Iterator[Any]:
    """*command*, and the commands below it, the hidden ones too."""
    yield command
    names = commands.NAMES if isinstance(command, cli.LazyGroup) else getattr(command, "commands", ())
    for name in names:
        yield from leaves(command.get_command(None, name))


def test_there_are_ten_short_options_with_one_meaning_each() -> None:
    meanings: dict[str, set[str]] = {"-h": {"help"}}
    for command in leaves(typer.main.get_command(cli.app)):
        for parameter in command.params:
            for option in (*parameter.opts, *parameter.secondary_opts):
                if option.startswith("-") and not option.startswith("--"):
                    meanings.setdefault(option, set()).add(parameter.name)
    assert meanings.keys() == SHORT
    assert all(len(names) == 1 for names in meanings.values()), meanings


def test_q_prints_nothing_but_paths_and_errors(imagecli: Run) -> None:
    small = ("-m", "dall-e-2", "-s", "256x256", "--provider", "sandbox")
    result = imagecli("generate", "a cat", *small, "-q")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "a-cat.png\n", "")
    assert imagecli("generate", "a cat", *small, "-o", "{bad}", "-q").stderr.startswith("imagecli: error: ")


def test_capital_v_prints_the_version_and_small_v_does_not(imagecli: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert imagecli("-V").exit_code == imagecli("--version").exit_code == 0
    assert capsys.readouterr().out == f"imagecli {__version__}\n" * 2
    assert imagecli("-v").exit_code == 2
