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


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("generate --model gpt-image-2.6", "gpt-image-2.6-flare gpt-image-2.6-sunburst"),
        ("generate --model dall", ""),
        ("generate --provider sandbox --model dall", "dall-e-2 dall-e-3"),
        ("generate --provider xai --model ", "grok-imagine-image"),
        ("generate --model dall-e-2 --size ", "256x256 512x512 1024x1024 square landscape portrait"),
        ("generate -m gpt-image-1.5 -s 1", "1024x1024 1536x1024 1024x1536"),
        ("generate --quality ", "low medium high auto"),
        ("generate -m gpt-image-2.5-flare --quality x", "xhigh"),
        ("generate --provider azure --output-format ", "png jpeg"),
        ("edit --output-format ", "png jpeg webp gif svg"),
        ("generate --provider sil", "siliconflow"),
        ("models gpt-image-1", "gpt-image-1.5 gpt-image-1.5-2025-12-16 gpt-image-1-mini gpt-image-1"),
        ("providers x", "xai xinference"),
        ("generate --provider zhipu --quality ", "hd standard"),
        ("generate --provider xai --size 9:", "9:16 9:19.5 9:20"),
        ("generate --provider zhipu --size a", ""),
        ("doctor --provider sil", "siliconflow"),
        ("config login sil", "siliconflow"),
        ("config set output_", "output_format output_compression"),
        ("config set providers.sil", "providers.siliconflow."),
        ("config unset max_c", "max_cost"),
        ("edit -m gpt-image-1.5 --input-fidelity ", "high low"),
    ],
)
def test_values_are_those_of_the_model_and_provider_to_the_left(typed: str, offered: str) -> None:
    words = f"imagecli {typed}"
    count = str(len(words.split(" ")) - 1)
    said = spoken(_IMAGECLI_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=count)
    assert said.split() == offered.split()


def test_a_model_and_a_provider_of_ones_own_are_offered(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_text('[models.mine]\nlike = "gpt-image-2"\nwords.quality = ["draft", "final"]\n')
    (tmp_path / "config.toml").write_text('[providers.attic]\nbase_url = "http://10.0.0.7:8080/v1"\n')

    def said(words: str) -> str:
        typed = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
        return spoken(_IMAGECLI_COMPLETE="complete_bash", IMAGECLI_CONFIG_DIR=str(tmp_path), **typed).strip()

    assert said("imagecli generate --model min") == "mine"
    assert said("imagecli generate --model mine --quality ") == "draft\nfinal"
    assert said("imagecli generate --provider att") == "attic"


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
