"""Writes what the program can say better than a person: completion scripts and README's help blocks.

Run by hand after a change of commands or options: `python -m tests.regenerate`. Tests compare, and never write.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from imagecli import commands

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
SHELLS = {"bash": "imagecli.bash", "zsh": "_imagecli", "fish": "imagecli.fish", "powershell": "imagecli.ps1"}
"""Shell → the file under `completions/`, named as its shell looks for it."""

ZSH_REGISTERS = "compdef _imagecli_completion imagecli"
ZSH_REGISTERS_OR_RUNS = """\
# Found through fpath this file is the function that completes; sourced, it registers one.
if [[ $funcstack[1] == _imagecli ]]; then
  _imagecli_completion "$@"
else
  compdef _imagecli_completion imagecli
fi"""

HELP_BLOCK = re.compile(r"(<!-- help (?P<command>[a-z]*) ?-->\n).*?(<!-- /help -->)", re.S)


def spoken(*argv: str, **variables: str) -> str:
    """What the command prints on stdout in a pipe, at 80 columns. Raises CalledProcessError."""
    environ = {"PATH": os.environ["PATH"], "COLUMNS": "80", **variables}
    command = [sys.executable, "-m", "imagecli", *argv]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8", env=environ, cwd=ROOT).stdout


def completion(shell: str) -> str:
    """The completion script of a shell, without blank lines around it (zsh wants `#compdef` on the first)."""
    script = spoken(_IMAGECLI_COMPLETE=f"source_{shell}").strip("\n") + "\n"
    return script.replace(ZSH_REGISTERS, ZSH_REGISTERS_OR_RUNS) if shell == "zsh" else script


def with_help(text: str) -> str:
    """*text* with what stands between `<!-- help NAME -->` and `<!-- /help -->` said anew by the program."""

    def block(match: re.Match[str]) -> str:
        words = [match["command"]] if match["command"] else []
        return f"{match[1]}```text\n{spoken(*words, '--help')}```\n{match[3]}"

    return HELP_BLOCK.sub(block, text)


def helped(text: str) -> list[str]:
    """The commands whose help stands in *text*; the program's own is empty."""
    return [match["command"] for match in HELP_BLOCK.finditer(text)]


HELPED = ["", *commands.NAMES]
"""The help that README must show."""


def main() -> None:
    for shell, name in SHELLS.items():
        (ROOT / "completions" / name).write_text(completion(shell), "utf-8")
    README.write_text(with_help(README.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
