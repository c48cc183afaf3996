"""Writes what is generated: the catalog's tables, completion scripts, help texts, man pages, tables of documents.

Run by hand after a change of commands, options or rows of the catalog: `python -m tests.regenerate`. Tests compare, and
never write.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import typer

from imagecli import cli, commands
from imagecli.catalog import catalog
from imagecli.config.schema import FOLDER_VARIABLES, SETTINGS, environment_variable
from imagecli.domain import Size
from imagecli.money import format_usd
from tests.documents import DOCUMENTS, ROOT
from tests.man_pages import man_pages

HELP_TEXTS = ROOT / "tests" / "data" / "help"
MAN_PAGES = ROOT / "imagecli" / "man"
CATALOG = ROOT / "imagecli" / "catalog"
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

BLOCK = re.compile(r"(?P<start><!-- (?P<name>environment|prices) -->\n).*?(?P<end><!-- /(?P=name) -->)", re.S)
"""A table that is generated in a document, between two comments."""

PRICED_MODELS = ("gpt-image-2", "gpt-image-2.5-flare", "gpt-image-2.6-flare")
"""The models in README's price table: the default, the cheap one, the newest."""

PROVIDER_VARIABLES = {
    "base_url_env": "its base URL, unless a flag or setting sets one",
    "organization_env": "its organization",
    "project_env": "its project",
}
"""Field of a provider's row that names a variable → what the variable is."""


def run_command(*argv: str, **variables: str) -> str:
    """What the command prints on stdout in a pipe, at 80 columns. Raises CalledProcessError."""
    environ = {"PATH": os.environ["PATH"], "COLUMNS": "80", **variables}
    command = [sys.executable, "-m", "imagecli", *argv]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8", env=environ, cwd=ROOT).stdout


def completion(shell: str) -> str:
    """The completion script of a shell, without blank lines around it (zsh wants `#compdef` on the first)."""
    script = run_command(_IMAGECLI_COMPLETE=f"source_{shell}").strip("\n") + "\n"
    return script.replace(ZSH_REGISTERS, ZSH_REGISTERS_OR_RUNS) if shell == "zsh" else script


def environment() -> str:
    """Every variable that imagecli reads for itself, as a table."""
    providers = catalog.load_shipped_catalog().providers.values()
    rows = {environment_variable(name): setting.about for name, setting in SETTINGS.items()} | FOLDER_VARIABLES
    for provider in providers:
        for key in provider.keys:
            names = [row.name for row in providers if key.env in (row_key.env for row_key in row.keys)]
            rows[key.env] = f"the key of {'providers' if len(names) > 1 else 'provider'} {' and '.join(names)}"
        for field, about in PROVIDER_VARIABLES.items():
            if name := getattr(provider, field):
                rows[name] = about.format(provider.name)
    return "| variable | meaning |\n| --- | --- |\n" + "".join(
        f"| `{name}` | {about} |\n" for name, about in rows.items()
    )


def regenerated(text: str) -> str:
    """*text* of a document, with its generated blocks created again."""
    tables = {"environment": environment, "prices": prices}
    return BLOCK.sub(lambda match: match["start"] + tables[match["name"]]() + match["end"], text)


def prices() -> str:
    """What a square image costs, as a table."""
    lines = ["| 1024x1024 | low | medium | high |", "| --- | --- | --- | --- |"]
    for name in PRICED_MODELS:
        row = catalog.load_shipped_catalog().models[name]
        assert row.prices
        cells = (row.output_tokens()[quality][Size(1024, 1024)] for quality in ("low", "medium", "high"))
        lines.append(
            f"| `{name}` | {' | '.join(format_usd(tokens * row.prices.image_out / 1e6) for tokens in cells)} |"
        )
    return "\n".join(lines) + "\n"


def help_texts() -> dict[str, str]:
    """File name below `tests/data/help` → what `--help` prints at 80 columns, of every command and subcommand."""
    root = typer.main.get_command(cli.app)
    context = root.context_class(root, info_name="imagecli")
    texts = {"imagecli.txt": run_command("--help")}
    for name in commands.NAMES:
        texts[f"{name}.txt"] = run_command(name, "--help")
        group = root.get_command(context, name)  # type: ignore[attr-defined]
        for word, command in getattr(group, "commands", {}).items():
            if not command.hidden:
                texts[f"{name}-{word}.txt"] = run_command(name, word, "--help")
    return texts


TABLES = '''"""Generated by `python -m tests.regenerate` from `models.toml` and `providers.toml`: edit those."""

import datetime
from typing import Any, Final

MODELS: Final[dict[str, Any]] = {models}
PROVIDERS: Final[dict[str, Any]] = {providers}
'''


def catalog_tables() -> str:
    """`catalog/tables.py`: the tables of the catalog's TOML files as Python."""
    return TABLES.format(models=literal(toml_tables("models")), providers=literal(toml_tables("providers")))


def toml_tables(name: str) -> dict[str, Any]:
    return tomllib.loads((CATALOG / f"{name}.toml").read_text("utf-8"))


def literal(value: Any, levels: int = 2) -> str:
    """*value* as a Python literal; tables are split into lines down to *levels* levels."""
    if levels == 0 or not isinstance(value, dict):
        return repr(value)
    indent = "    " * (3 - levels)
    lines = [f"{indent}{name!r}: {literal(inner, levels - 1)},\n" for name, inner in value.items()]
    return "{\n" + "".join(lines) + indent[4:] + "}"


def generated_files() -> dict[Path, str]:
    """Every file that is generated as a whole → its content."""
    return {
        CATALOG / "tables.py": catalog_tables(),
        **{ROOT / "completions" / name: completion(shell) for shell, name in SHELLS.items()},
        **{HELP_TEXTS / name: text for name, text in help_texts().items()},
        **{MAN_PAGES / name: text for name, text in man_pages().items()},
    }


def main() -> None:
    # First, because the rest is made by programs that read it.
    (CATALOG / "tables.py").write_text(catalog_tables(), "utf-8")
    for path in DOCUMENTS:
        path.write_text(regenerated(path.read_text("utf-8")), "utf-8")
    for folder in (HELP_TEXTS, MAN_PAGES):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for path, text in generated_files().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
