"""Completion scripts: they are what the program generates, and real shells complete with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

from imagecli import commands
from imagecli.cli import main
from imagecli.env import Env
from tests.documents import ROOT
from tests.regenerate import SHELLS, completion, run_command

# pexpect forks a process that has threads (xdist's); the child only calls exec.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

SCRIPTS = ROOT / "completions"
TYPED = [
    ("imagecli gen", "imagecli generate "),
    ("imagecli generate --output-f", "imagecli generate --output-format "),
    ("imagecli edit --input-s", "imagecli edit --input-size "),
    ("imagecli vary --crop cen", "imagecli vary --crop center "),
    ("imagecli edit phot", "imagecli edit photo.jpg "),
    ("imagecli edit a.jpg phot", "imagecli edit a.jpg photo.jpg "),
]
"""What is typed before the TAB, and the line after it: commands, options, their values, and files."""

ZSH_LOADS = "fpath=({scripts} $fpath); autoload -Uz compinit; compinit -u -D"
ZSH_SOURCES = "autoload -Uz compinit; compinit -u -D; source {scripts}/_imagecli"


@pytest.mark.parametrize("shell", SHELLS)
def test_script_is_what_the_program_generates(shell: str) -> None:
    assert (SCRIPTS / SHELLS[shell]).read_text("utf-8") == completion(shell), "run: python -m tests.regenerate"


def test_zsh_finds_its_marker_on_the_first_line() -> None:
    assert (SCRIPTS / "_imagecli").read_text("utf-8").startswith("#compdef imagecli\n")


@dataclass
class Completion:
    """Completes a command line in this process, as bash's script requests it."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def words(self, line: str) -> list[str]:
        """The completions of the last word of *line*."""
        variables = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
        for name, value in {**variables, "_IMAGECLI_COMPLETE": "complete_bash"}.items():
            self.monkeypatch.setenv(name, value)
        assert main([], Env.real(has_stdout=True)) == 0
        return self.capsys.readouterr().out.split()


@pytest.fixture
def completion_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Completion:
    monkeypatch.setenv("IMAGECLI_CONFIG_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return Completion(monkeypatch, capsys)


def test_all_commands_are_offered_in_the_order_of_help() -> None:
    offered = run_command(_IMAGECLI_COMPLETE="complete_bash", COMP_WORDS="imagecli ", COMP_CWORD="1")
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
        ("config get max_c", "max_cost"),
        ("config unset max_c", "max_cost"),
        ("config l", "list"),
        ("config s", "set"),
        ("edit -m gpt-image-1.5 --input-fidelity ", "high low"),
        ("vary @la", "@last"),
    ],
)
def test_values_are_those_of_the_model_and_provider_to_the_left(
    completion_here: Completion, typed: str, offered: str
) -> None:
    assert completion_here.words(f"imagecli {typed}") == offered.split()


def test_models_and_providers_of_the_user_are_offered(completion_here: Completion, tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_text('[models.mine]\nlike = "gpt-image-2"\nwords.quality = ["draft", "final"]\n')
    (tmp_path / "config.toml").write_text('[providers.attic]\nbase_url = "http://10.0.0.7:8080/v1"\n')
    assert completion_here.words("imagecli generate --model min") == ["mine"]
    assert completion_here.words("imagecli generate --model mine --quality ") == ["draft", "final"]
    assert completion_here.words("imagecli generate --provider att") == ["attic"]


def test_presets_of_the_user_and_the_project_are_offered(completion_here: Completion, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[presets.icon]\nquality = "low"\n')
    (tmp_path / "imagecli.toml").write_text('[presets.ice]\nquality = "low"\n')
    assert completion_here.words("imagecli edit a.jpg --preset ic") == ["icon", "ice"]
    (tmp_path / "imagecli.toml").write_text('[presets.ice]\noutput = "x"\n')
    assert completion_here.words("imagecli edit a.jpg --preset ic") == []


def test_bash_completes(tmp_path: Path) -> None:
    with shell("bash", "--norc", "--noprofile", "-i", folder=tmp_path) as bash:
        bash.sendline(f"bind 'set bell-style none'; source {SCRIPTS}/imagecli.bash; PS1='READY''> '")
        check_completion(bash, times=1)


@pytest.mark.parametrize("setup", [ZSH_LOADS, ZSH_SOURCES], ids=["compinit", "sourced"])
def test_zsh_completes_at_the_first_tab_and_at_the_second(tmp_path: Path, setup: str) -> None:
    with shell("zsh", "-f", "-i", folder=tmp_path) as zsh:
        zsh.sendline(f"unsetopt beep prompt_cr prompt_sp; {setup.format(scripts=SCRIPTS)}; PS1='READY''> '")
        check_completion(zsh, times=2)


def test_zsh_shows_descriptions_with_their_quotes(tmp_path: Path) -> None:
    with shell("zsh", "-f", "-i", folder=tmp_path) as zsh:
        zsh.sendline(f"unsetopt beep prompt_cr prompt_sp; {ZSH_LOADS.format(scripts=SCRIPTS)}; PS1='READY''> '")
        zsh.expect_exact("READY> ")
        zsh.send("imagecli log\t")
        zsh.expect_exact("-- Store a provider's API key.")
        zsh.expect_exact("-- Remove a provider's stored API key.")


def check_completion(shell: pexpect.spawn[str], *, times: int) -> None:
    """Types all lines of TYPED into a shell that is about to show its prompt."""
    shell.expect_exact("READY> ")
    for typed, completed in TYPED:
        for _ in range(times):
            shell.send(f"{typed}\t")
            shell.expect_exact(completed)
            # The line is emptied and sent, so that the next TAB comes on a new one.
            shell.send("\x15\r")
            shell.expect_exact("READY> ")


def test_fish_completes(tmp_path: Path) -> None:
    place(tmp_path)
    asks = "; ".join(f"complete -C {typed!r}; echo END" for typed, _ in TYPED)
    done = subprocess.run(
        [find_shell("fish"), "--no-config", "-c", f"source {SCRIPTS}/imagecli.fish; {asks}"],
        capture_output=True,
        text=True,
        env=environ(tmp_path),
        cwd=tmp_path,
    )
    offered = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert offered == [word for _, completed in TYPED for word in (completed.split()[-1], "END")], done.stderr


@contextmanager
def shell(name: str, *arguments: str, folder: Path) -> Iterator[pexpect.spawn[str]]:
    """An interactive shell on a terminal of its own, in a *folder* with one image."""
    place(folder)
    child = pexpect.spawn(
        find_shell(name),
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


def find_shell(name: str) -> str:
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
