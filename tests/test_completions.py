"""Completion scripts: they are what the program generates, and real shells complete with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from imagecli import commands
from tests.regenerate import ROOT, SHELLS, completion, spoken

# pexpect forks a process that has threads (xdist's); the child only calls exec.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

SCRIPTS = ROOT / "completions"
TYPED = [
    ("imagecli gen", "imagecli generate "),
    ("imagecli generate --output-f", "imagecli generate --output-format "),
    ("imagecli edit --input-s", "imagecli edit --input-size "),
    ("imagecli vary --crop cen", "imagecli vary --crop center "),
    ("imagecli edit phot", "imagecli edit photo.jpg "),
]
"""What is typed before the TAB, and the line after it: commands, options, their values, and files."""

ZSH_LOADS = "fpath=({scripts} $fpath); autoload -Uz compinit; compinit -u -D"
ZSH_SOURCES = "autoload -Uz compinit; compinit -u -D; source {scripts}/_imagecli"


@pytest.mark.parametrize("shell", SHELLS)
def test_script_is_what_the_program_generates(shell: str) -> None:
    assert (SCRIPTS / SHELLS[shell]).read_text("utf-8") == completion(shell), "run: python -m tests.regenerate"


def test_zsh_finds_its_marker_on_the_first_line() -> None:
    assert (SCRIPTS / "_imagecli").read_text("utf-8").startswith("#compdef imagecli\n")


def test_all_commands_are_offered_in_the_order_of_help() -> None:
    offered = spoken(_IMAGECLI_COMPLETE="complete_bash", COMP_WORDS="imagecli ", COMP_CWORD="1")
    assert tuple(offered.split()) == commands.NAMES


@pytest.mark.parametrize(("typed", "completed"), TYPED)
def test_bash_completes(tmp_path: Path, typed: str, completed: str) -> None:
    with shell("bash", "--norc", "--noprofile", "-i", folder=tmp_path) as bash:
        bash.sendline(f"bind 'set bell-style none'; source {SCRIPTS}/imagecli.bash; PS1='READY''> '")
        bash.expect_exact("READY> ")
        bash.send(f"{typed}\t")
        bash.expect_exact(completed)


@pytest.mark.parametrize("setup", [ZSH_LOADS, ZSH_SOURCES], ids=["compinit", "sourced"])
@pytest.mark.parametrize(("typed", "completed"), TYPED)
def test_zsh_completes_at_the_first_tab_and_at_the_second(
    tmp_path: Path, setup: str, typed: str, completed: str
) -> None:
    with shell("zsh", "-f", "-i", folder=tmp_path) as zsh:
        zsh.sendline(f"unsetopt beep prompt_cr prompt_sp; {setup.format(scripts=SCRIPTS)}; PS1='READY''> '")
        zsh.expect_exact("READY> ")
        for _ in ("first", "second"):
            zsh.send(f"{typed}\t")
            zsh.expect_exact(completed)
            # The line is emptied and sent, so that the next TAB comes on a new one.
            zsh.send("\x15\r")
            zsh.expect_exact("READY> ")


@pytest.mark.parametrize(("typed", "completed"), TYPED)
def test_fish_completes(tmp_path: Path, typed: str, completed: str) -> None:
    place(tmp_path)
    script = f"source {SCRIPTS}/imagecli.fish; complete -C {typed!r}"
    done = subprocess.run(
        [found("fish"), "--no-config", "-c", script],
        capture_output=True,
        text=True,
        env=environ(tmp_path),
        cwd=tmp_path,
    )
    offered = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert offered == [completed.split()[-1]], done.stderr


@contextmanager
def shell(name: str, *arguments: str, folder: Path) -> Iterator[pexpect.spawn[str]]:
    """An interactive shell on a terminal of its own, in a *folder* with one picture."""
    place(folder)
    child = pexpect.spawn(
        found(name),
        list(arguments),
        env=environ(folder),
        cwd=str(folder),
        encoding="utf-8",
        dimensions=(40, 100),
        timeout=20,
    )
    try:
        yield child
    finally:
        child.close(force=True)


def place(folder: Path) -> None:
    (folder / "photo.jpg").touch()


def found(name: str) -> str:
    path = shutil.which(name)
    return path or pytest.skip(f"there is no {name} on this machine")


def environ(folder: Path) -> dict[str, str]:
    """Variables for a shell that finds the command of this environment, and nothing of the user's."""
    tools = str(Path(sys.executable).parent)
    return {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
    }
