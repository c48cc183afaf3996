"""README says what the program does: its help, tables, names and JSON are compared, its commands are run."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from imagecli import cli, commands, errors
from imagecli.catalog import catalog
from imagecli.commands import help_page
from tests import repaint
from tests.conftest import Run, photo
from tests.regenerate import HELP_TEXTS, MAN_PAGES, README, ROOT, generated_files, regenerated

TEXT = README.read_text("utf-8")
PLAIN_INSTALL = """\
python3 -m venv .venv && .venv/bin/pip install . && \
.venv/bin/imagecli generate "a white siamese cat" --provider sandbox"""
TEST_INSTALL = "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest"


@dataclass(frozen=True)
class Block:
    """One fenced block of README; *kind* is its info string, such as `sh` or `sh key`."""

    kind: str
    text: str


def blocks() -> list[Block]:
    return [Block(kind, text) for kind, text in re.findall(r"^```([a-z ]+)\n(.*?)^```$", TEXT, re.S | re.M)]


def between(name: str) -> str:
    """What stands in README between two comments."""
    return TEXT.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->")[0]


def cells(name: str) -> list[list[str]]:
    """The rows of the table between two comments, without its head."""
    rows = between(name).strip().splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


# --- generated and typed tables --------------------------------------------------------------------------------------


def test_generated_blocks_are_what_the_program_says() -> None:
    assert regenerated(TEXT) == TEXT, "run: python -m tests.regenerate"


@pytest.mark.slow
def test_generated_files_are_what_the_program_prints() -> None:
    files = generated_files()
    assert {path.name for folder in (HELP_TEXTS, MAN_PAGES) for path in folder.iterdir()} <= {p.name for p in files}
    for path, text in files.items():
        assert path.read_text("utf-8") == text, "run: python -m tests.regenerate"


def test_exit_codes_are_those_of_the_errors() -> None:
    kinds = [errors.ImagecliError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    special = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert {int(row[0]) for row in cells("exit codes")} == {kind.exit_code for kind in kinds} | special
    assert set(errors.SEVERITY) <= {kind.exit_code for kind in kinds}


def test_the_code_of_a_refusal_by_the_cap_says_budget() -> None:
    (words,) = [row[1] for row in cells("exit codes") if int(row[0]) == errors.LimitError.exit_code]
    assert "budget" in words


def test_a_key_is_told_of_every_provider_that_reads_it() -> None:
    about = {row[0].strip("` "): row[1] for row in cells("environment")}
    for provider in catalog.load_shipped_catalog().providers.values():
        for key in provider.keys:
            assert provider.name in about[key.env].split(), (provider.name, key.env)


@pytest.mark.parametrize("bound", ["pillow>=13.0", "urllib3>=2.7", "pi-heif>=1.4"])
def test_a_bound_against_a_known_fault_names_it(bound: str) -> None:
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    place = lines.index(f'    "{bound}",')
    assert bound.partition(">=")[2] in lines[place - 1]
    assert re.search(r"\bCVE-2026-\d+\b", lines[place - 1])


def test_the_models_toml_that_is_shown_gives_a_model_its_price(imagecli: Run, tmp_path: Path) -> None:
    (block,) = [block.text for block in blocks() if block.text.startswith("# models.toml")]
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "models.toml").write_text(block, "utf-8")
    said = imagecli("generate", "a cat", "-m", "my-model", "--dry-run", "--json").json
    assert said["cost"]["estimated_max_usd"] > said["cost"]["estimated_usd"] > 0
    row = imagecli("models", "my-model").stdout
    assert "draft" in row
    assert "768x512" in row
    assert not {"low", "medium", "high", "1024x1024"} & set(row.split("About")[1].split())


# --- help ------------------------------------------------------------------------------------------------------------


def examples(command: str) -> list[str]:
    """The lines of a command's help that can be pasted."""
    function = getattr(importlib.import_module(f"imagecli.commands.{command}"), command)
    return [line.partition("  #")[0] for line in help_page.read_docstring(function.__doc__)[2]]


@pytest.mark.parametrize("command", commands.NAMES)
def test_help_has_examples_that_parse(command: str) -> None:
    lines = [line for line in examples(command) if "imagecli" in line]
    assert len(lines) >= 2
    for line in lines:
        assert parsed(line), line


def test_pasted_options_that_do_not_exist_do_not_parse() -> None:
    with pytest.raises(typer.TyperException):
        parsed('imagecli generate "a cat" --bogus')


@pytest.mark.parametrize("block", [block for block in blocks() if block.kind == "sh key"], ids=lambda block: block.text)
def test_commands_of_readme_that_need_a_key_parse(block: Block) -> None:
    for line in block.text.splitlines():
        assert line.startswith("export ") or parsed(line)


def parsed(line: str) -> bool:
    """Whether a shell line holds calls of imagecli, all of which Typer takes. Raises what Typer raises."""
    words = shlex.shlex(line, posix=True, punctuation_chars="|>;&")
    words.whitespace_split = True
    calls: list[list[str]] = [[]]
    for word in words:
        if set(word) <= set("|;&>"):
            calls.append([])
        else:
            calls[-1].append(word)
    ours = [call[call.index("imagecli") + 1 :] for call in calls if "imagecli" in call]
    group = typer.main.get_command(cli.app)
    for name, *rest in ours:
        command = group.get_command(None, name)  # type: ignore[attr-defined]
        command.make_context(name, rest)
    return bool(ours)


# --- names and JSON --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_names_are_those_of_the_table(imagecli: Run, folder: Path) -> None:
    photo(folder / "photo.jpg")
    rows = cells("names")
    assert len(rows) > 8
    before = ""
    for typed, saved in rows:
        before = before if typed == "the same again" else typed.strip("`")
        result = imagecli(*shlex.split(before)[1:], "--provider", "sandbox")
        assert result.stdout.split() == saved.replace("`", "").split(), (typed, result.stderr)
        assert all((folder / path).is_file() for path in result.stdout.split())


def test_json_has_the_keys_that_readme_shows(imagecli: Run, folder: Path) -> None:
    command = ["generate", "a white siamese cat", "-o", "cat.png", "--json", "--provider", "sandbox"]
    for name, code in (("json ok", 0), ("json failed", 2)):
        shown = json.loads(TEXT.partition(f"<!-- {name} -->\n```json\n")[2].partition("```")[0])
        result = imagecli(*command)
        assert result.exit_code == shown["exit_code"] == code
        assert shape(result.json) == shape(shown)
        assert [error["message"] for error in result.json["errors"]] == [error["message"] for error in shown["errors"]]


def shape(value: Any) -> Any:
    """Keys and types, for comparing what is shown with what is said; what the API says of usage is its own affair."""
    if isinstance(value, dict):
        return {key: "…" if key == "usage" else shape(item) for key, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else type(value).__name__


# --- commands, run in the order shown --------------------------------------------------------------------------------


def test_the_two_commands_of_a_fresh_clone_are_in_readme() -> None:
    shown = [block.text.splitlines()[0] for block in blocks() if block.kind == "sh install"]
    assert shown[:2] == [PLAIN_INSTALL, TEST_INSTALL]


def test_ci_runs_what_readme_tells_and_the_tests_last() -> None:
    lines = (ROOT / ".ci" / "run").read_text("utf-8").rstrip().splitlines()
    assert PLAIN_INSTALL in lines
    assert lines[-1] == TEST_INSTALL
    for step in ("ruff check", "ruff format --check", "mypy"):
        assert f".venv/bin/{step}" in lines


@pytest.mark.slow
def test_commands_of_readme_do_what_it_says(tmp_path: Path) -> None:
    shutil.copytree(ROOT / ".pictures", tmp_path / ".pictures")
    with Shell(tmp_path) as shell:
        ran = 0
        for block in blocks():
            if block.kind in ("sh", "sh install"):
                for command, said in told(block):
                    assert shell.run(command).splitlines() == said, command
                    ran += 1
            elif block.kind == "python":
                shell.python(block.text)
                ran += 1
    assert ran >= 10
    assert (tmp_path / "steel.png").read_bytes().startswith(b"\x89PNG")


def told(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Each command of a block that can be run here, with the lines that README says it prints."""
    lines = [line.split("&& .venv/bin/")[-1] for line in block.text.splitlines()]
    for index, line in enumerate(lines):
        if line.startswith(("imagecli ", "echo ", "cat ", "curl ")):
            said = []
            for follower in lines[index + 1 :]:
                if not follower.startswith("# "):
                    break
                said.append(follower.removeprefix("# "))
            yield line, said


class Shell:
    """A folder, the commands of this environment, and no variables; `imagecli sandbox` goes on in the background."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        tools = str(Path(sys.executable).parent)
        self._environ = {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder), "LC_ALL": "C.UTF-8"}
        self._sandbox: subprocess.Popen[str] | None = None
        self._address = "127.0.0.1:8787"

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *args: object) -> None:
        if self._sandbox:
            self._sandbox.terminate()
            self._sandbox.communicate(timeout=20)

    def run(self, command: str) -> str:
        """What *command* prints on stdout; it must succeed."""
        if command.startswith("imagecli sandbox"):
            return self._start(command)
        if command.startswith("curl "):
            if not shutil.which("curl"):
                return ""
            command = command.replace("curl -s ", "curl -sS --fail-with-body --noproxy '*' ")
        return self._done(["bash", "-euo", "pipefail", "-c", self._here(command)])

    def python(self, program: str) -> str:
        return self._done([sys.executable, "-c", self._here(program)])

    def _start(self, command: str) -> str:
        """The server of README on a free port, so that two runs of the tests do not meet."""
        words = [*shlex.split(command.replace("8787", "0"))]
        self._sandbox = subprocess.Popen(
            words, cwd=self._folder, env=self._environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._sandbox.stdout
        self._address = self._sandbox.stdout.readline().split("/")[2]
        return ""

    def _here(self, text: str) -> str:
        return text.replace("127.0.0.1:8787", self._address)

    def _done(self, command: list[str]) -> str:
        done = subprocess.run(command, cwd=self._folder, env=self._environ, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout


# --- pictures and links ----------------------------------------------------------------------------------------------


def test_the_pictures_are_made_by_the_commands_that_are_shown() -> None:
    for command in repaint.COMMANDS.splitlines():
        assert f"{command} --provider sandbox\n" in TEXT


@pytest.mark.parametrize("path", re.findall(r'src="([^"]+)"', TEXT))
def test_a_picture_is_there_and_small(path: str) -> None:
    assert path.startswith(".pictures/")
    assert 1_000 < (ROOT / path).stat().st_size < 150_000


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    anchors = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-") for line in re.findall(r"^#+(.*)$", text, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors
        elif not target.startswith("https://"):
            target = target.partition("#")[0]
            assert (ROOT / target).exists(), target


def test_files_named_in_the_table_of_changes_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    paths = re.findall(r"`((?:imagecli|tests|completions|\.github|\.ci)/[^`<>*… ]*)`", text)
    assert len(paths) > 40
    for path in paths:
        assert (ROOT / path).exists(), path


def test_every_folder_of_the_package_is_in_the_table_of_changes() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    folders = [path.parent.name for path in (ROOT / "imagecli").glob("*/__init__.py")]
    assert not [name for name in folders if f"`imagecli/{name}/" not in text]


def test_functions_named_on_the_way_of_a_command_exist() -> None:
    """Each is named with the file, or the folder, that defines it."""
    text = (ROOT / "README.md").read_text("utf-8").partition("## How one command travels through the code\n")[2]
    named = re.findall(r"`(\w+)\(\)` in \[`[^`]+`\]\(([^)]+)\)", text)
    assert len(named) == len(re.findall(r"\(\)`", text)) > 10
    for function, path in named:
        files = sorted((ROOT / path).glob("*.py")) if (ROOT / path).is_dir() else [ROOT / path]
        assert any(re.search(rf"^ *def {function}\(", file.read_text("utf-8"), re.M) for file in files), function


def test_a_link_says_the_path_it_leads_to() -> None:
    text = (ROOT / "README.md").read_text("utf-8").partition("## How one command travels through the code\n")[2]
    links = re.findall(r"\[`([^`]+)`\]\(imagecli/([^)]+)\)", text)
    assert links
    assert all(shown == path for shown, path in links), links
