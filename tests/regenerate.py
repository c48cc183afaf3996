"""Writes what the program can say better than a person: completion scripts, README's help and variables.

Run by hand after a change of commands or options: `python -m tests.regenerate`. Tests compare, and never write.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from imagecli.catalog import catalog
from imagecli.config.schema import FOLDER_VARIABLES, SETTINGS, environment_variable

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

BLOCK = re.compile(r"(?P<start><!-- (?P<words>help|help [a-z ]+|environment) -->\n).*?(?P<end><!-- /[a-z]+ -->)", re.S)
"""What is generated in README, between two comments: `<!-- help NAME -->` and `<!-- /help -->`."""

PROVIDER_VARIABLES = {
    "base_url_env": "its base URL, where no flag or setting gives one",
    "organization_env": "its organization",
    "project_env": "its project",
}
"""Field of a provider's row that names a variable → what the variable is."""


def spoken(*argv: str, **variables: str) -> str:
    """What the command prints on stdout in a pipe, at 80 columns. Raises CalledProcessError."""
    environ = {"PATH": os.environ["PATH"], "COLUMNS": "80", **variables}
    command = [sys.executable, "-m", "imagecli", *argv]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8", env=environ, cwd=ROOT).stdout


def completion(shell: str) -> str:
    """The completion script of a shell, without blank lines around it (zsh wants `#compdef` on the first)."""
    script = spoken(_IMAGECLI_COMPLETE=f"source_{shell}").strip("\n") + "\n"
    return script.replace(ZSH_REGISTERS, ZSH_REGISTERS_OR_RUNS) if shell == "zsh" else script


def environment() -> str:
    """Every variable that imagecli reads for itself, as a table."""
    providers = catalog.load_shipped_catalog().providers.values()
    rows = {environment_variable(name): setting.about for name, setting in SETTINGS.items()} | FOLDER_VARIABLES
    for provider in providers:
        for key in provider.keys:
            named = [other.name for other in providers if key.env in (one.env for one in other.keys)]
            rows[key.env] = f"the key of {'providers' if len(named) > 1 else 'provider'} {' and '.join(named)}"
        for field, about in PROVIDER_VARIABLES.items():
            if name := getattr(provider, field):
                rows[name] = about.format(provider.name)
    return "| variable | what it says |\n| --- | --- |\n" + "".join(
        f"| `{name}` | {about} |\n" for name, about in rows.items()
    )


def regenerated(text: str) -> str:
    """*text*, README's, with every generated block made anew."""

    def block(match: re.Match[str]) -> str:
        word, _, command = match["words"].partition(" ")
        if word == "environment":
            return match["start"] + environment() + match["end"]
        said = spoken(*command.split(), "--help")
        return f"{match['start']}\n```text\n{said}```\n\n{match['end']}"

    return BLOCK.sub(block, text)


def main() -> None:
    for shell, name in SHELLS.items():
        (ROOT / "completions" / name).write_text(completion(shell), "utf-8")
    README.write_text(regenerated(README.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
