"""The documents say what the program does: tables, names and JSON are compared, commands are run."""

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
from pathlib import Path
from typing import Any

import pytest
import typer
from PIL import Image

from imagecli import cli, commands, errors
from imagecli.catalog import catalog
from imagecli.commands import help_page
from tests import repaint
from tests.conftest import Run, photo
from tests.documents import ACTION, CHINESE, DOCUMENTS, README, ROOT, TOPICS, Block, block, blocks, cells
from tests.regenerate import HELP_TEXTS, MAN_PAGES, generated_files, regenerated

TEXT = README.read_text("utf-8")
PLAIN_INSTALL = """\
python3 -m venv .venv && .venv/bin/pip install . && \
.venv/bin/imagecli generate "a white siamese cat" --provider sandbox"""
TEST_INSTALL = "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest"


# --- generated and typed tables --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_generated_blocks_match_the_program(path: Path) -> None:
    text = path.read_text("utf-8")
    assert regenerated(text) == text, "run: python -m tests.regenerate"


def test_readme_can_be_read_to_its_end() -> None:
    assert TEXT.count("\n") <= 350
    assert "Usage:" not in TEXT
    assert TEXT.count("python3 -m venv") == 2


def test_readme_links_every_topic() -> None:
    assert sorted(
        re.findall(r"\[[a-z-]+\]\(imagecli/topics/([a-z-]+)\.md\)[,| ]", TEXT.split("## Manual")[1])
    ) == sorted(path.stem for path in TOPICS.glob("*.md"))


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
    assert {int(row[0]) for row in cells(TOPICS / "exit-codes.md", "exit codes")} == {
        kind.exit_code for kind in kinds
    } | special
    assert set(errors.SEVERITY) <= {kind.exit_code for kind in kinds}


def test_the_cost_limit_error_has_the_documented_code() -> None:
    (words,) = [
        row[1] for row in cells(TOPICS / "exit-codes.md", "exit codes") if int(row[0]) == errors.LimitError.exit_code
    ]
    assert "cost limit" in words


def test_a_key_variable_names_every_provider_that_reads_it() -> None:
    about = {row[0].strip("` "): row[1] for row in cells(TOPICS / "settings.md", "environment")}
    for provider in catalog.load_shipped_catalog().providers.values():
        for key in provider.keys:
            assert provider.name in about[key.env].split(), (provider.name, key.env)


@pytest.mark.parametrize("bound", ["pillow>=13.0", "urllib3>=2.7", "pi-heif>=1.4"])
def test_a_version_bound_names_the_vulnerability_it_excludes(bound: str) -> None:
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    place = lines.index(f'    "{bound}",')
    assert bound.partition(">=")[2] in lines[place - 1]
    assert re.search(r"\bCVE-2026-\d+\b", lines[place - 1])


def test_the_documented_models_toml_prices_a_model(imagecli: Run, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "models.toml").write_text(block("toml", "# models.toml"), "utf-8")
    plan = imagecli("generate", "a cat", "-m", "my-model", "--dry-run", "--json").json
    assert plan["cost"]["estimated_max_usd"] > plan["cost"]["estimated_usd"] > 0
    row = imagecli("models", "my-model").stdout
    assert "draft" in row
    assert "768x512" in row
    assert not {"low", "medium", "high", "1024x1024"} & set(row.split("Approximate")[1].split())


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


def parsed(line: str) -> bool:
    """Whether a shell line holds calls of imagecli that Typer accepts. Raises Typer's errors."""
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
    photo(folder / "cup.jpg")
    rows = cells(TOPICS / "names.md", "names")
    assert len(rows) > 8
    before = ""
    for typed, saved in rows:
        before = before if typed == "the same again" else typed.strip("`")
        result = imagecli(*shlex.split(before)[1:], "--provider", "sandbox")
        assert result.stdout.split() == saved.replace("`", "").split(), (typed, result.stderr)
        assert all((folder / path).is_file() for path in result.stdout.split())


def test_json_has_the_keys_that_the_topic_shows(imagecli: Run, folder: Path) -> None:
    command = ["generate", "a white siamese cat", "-o", "cat.png", "--json", "--provider", "sandbox"]
    for name, code in (("json ok", 0), ("json failed", 2)):
        text = (TOPICS / "json.md").read_text("utf-8")
        example = json.loads(text.partition(f"<!-- {name} -->\n```json\n")[2].partition("```")[0])
        result = imagecli(*command)
        assert result.exit_code == example["exit_code"] == code
        assert shape(result.json) == shape(example)
        assert [error["message"] for error in result.json["errors"]] == [
            error["message"] for error in example["errors"]
        ]


def shape(value: Any) -> Any:
    """Keys and types, to compare documented JSON with printed JSON; the content of `usage` belongs to the API."""
    if isinstance(value, dict):
        return {key: "…" if key == "usage" else shape(item) for key, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else type(value).__name__


# --- commands, run in the order shown --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [README, CHINESE], ids=lambda path: path.name)
def test_the_commands_of_a_fresh_clone_are_in_readme(path: Path) -> None:
    commands = [block.text.splitlines()[0] for block in blocks(path) if block.kind == "sh install"]
    assert PLAIN_INSTALL in commands
    assert (TEST_INSTALL in commands) == (path == README)


def test_ci_runs_the_commands_of_readme_and_the_tests_last() -> None:
    lines = (ROOT / ".ci" / "run").read_text("utf-8").rstrip().splitlines()
    assert PLAIN_INSTALL in lines
    assert lines[-1] == TEST_INSTALL
    for step in ("ruff check", "ruff format --check", "mypy"):
        assert f".venv/bin/{step}" in lines


NEEDS_MORE = re.compile(r"^imagecli login|localhost:8080|--provider mine|--cancel|--paint|mask photo\.jpg$")
"""Commands that are only parsed: they prompt at a terminal or in a browser, or need a server or a pending batch."""


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path != ACTION], ids=lambda path: path.name)
def test_commands_print_what_the_document_shows(path: Path, tmp_path: Path, fast_sandbox: str) -> None:
    make_example_files(tmp_path)
    if "batch --init" not in path.read_text("utf-8"):
        (tmp_path / "assets.toml").write_text(block("toml", "# assets.toml"), "utf-8")
    with Shell(tmp_path, fast_sandbox) as shell:
        for example in blocks(path):
            if example.kind in ("sh", "sh key"):
                for command, lines in shown_commands(example):
                    if NEEDS_MORE.search(command):
                        assert parsed(command), command
                    else:
                        printed = shell.run(command).splitlines()
                        assert printed == lines or (not lines and example.kind != "sh"), command
            elif example.kind == "python":
                shell.python(example.text)


def make_example_files(folder: Path) -> None:
    """The files that examples name."""
    shutil.copytree(ROOT / ".images", folder / ".images")
    photo(folder / "photo.jpg")
    with Image.open(folder / "photo.jpg") as image:
        half_transparent(image.size).save(folder / "mask.png")
        half_transparent(image.size).save(folder / "cutout.png")
    half_transparent((300, 200)).convert("RGB").save(folder / "product.png")
    half_transparent((512, 512)).convert("RGB").save(folder / "square.png")
    half_transparent((512, 512)).save(folder / "square-mask.png")


def half_transparent(size: tuple[int, int]) -> Image.Image:
    image = Image.new("RGBA", size, (0, 0, 0, 255))
    image.paste((255, 255, 255, 0), (0, 0, size[0] // 2, size[1]))
    return image


def shown_commands(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Each command of a block that can be run here, with the lines that the document says it prints."""
    lines = [line.split("&& .venv/bin/")[-1] for line in block.text.splitlines()]
    for index, line in enumerate(lines):
        if line.startswith(("imagecli ", "echo ", "cat ", "curl ")):
            printed = []
            for follower in lines[index + 1 :]:
                if not follower.startswith("# "):
                    break
                printed.append(follower.removeprefix("# "))
            yield line, printed


@pytest.fixture
def fast_sandbox() -> Iterator[str]:
    """The base URL of a sandbox whose batches end immediately, for commands that use a real key."""
    words = [sys.executable, "-m", "imagecli", "sandbox", "--port", "0", "--speed", "100000"]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout
    yield server.stdout.readline().strip()
    server.terminate()
    server.communicate(timeout=20)


class Shell:
    """A folder, the commands of this environment, and a key for *base_url*; a sandbox runs in the background."""

    def __init__(self, folder: Path, base_url: str) -> None:
        self._folder = folder
        tools = str(Path(sys.executable).parent)
        self._environ = {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder), "LC_ALL": "C.UTF-8"}
        self._environ |= {"OPENAI_API_KEY": "any", "OPENAI_BASE_URL": base_url}
        self._sandbox: subprocess.Popen[str] | None = None
        self._address = "127.0.0.1:8787"

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *args: object) -> None:
        if self._sandbox:
            self._sandbox.terminate()
            self._sandbox.communicate(timeout=20)

    def run(self, command: str) -> str:
        """What *command* prints on stdout. It must succeed; `--check` and `--batch-api` may find images missing."""
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
        # A price is that of the provider, not of a server that may bill otherwise.
        environ = {**self._environ, "OPENAI_BASE_URL": ""} if "--dry-run" in command[-1] else self._environ
        done = subprocess.run(command, cwd=self._folder, env=environ, capture_output=True, text=True, timeout=120)
        missing = 10 if re.search("--check|--batch-api", command[-1]) else 0
        assert done.returncode in (0, missing), (command, done.stdout, done.stderr)
        return done.stdout


# --- images and links ------------------------------------------------------------------------------------------------


def test_the_images_are_created_by_the_documented_commands() -> None:
    for command in repaint.COMMANDS.splitlines():
        assert f"{command}\n" in TEXT or f"{command} --provider sandbox\n" in TEXT


@pytest.mark.parametrize("path", re.findall(r'src="([^"]+)"', TEXT))
def test_every_image_exists_and_is_small(path: str) -> None:
    assert path.startswith(".images/")
    assert 1_000 < (ROOT / path).stat().st_size < 150_000


@pytest.mark.parametrize(
    "path", [*DOCUMENTS, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text("utf-8")
    anchors = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-") for line in re.findall(r"^#+(.*)$", text, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors
        elif not target.startswith("https://"):
            file, _, anchor = target.partition("#")
            assert (path.parent / file).exists(), target
            assert not anchor or f"## {anchor}" in (path.parent / file).read_text("utf-8").lower()


def test_files_named_in_the_table_of_changes_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    paths = re.findall(r"`((?:imagecli|tests|completions|\.github|\.ci)/[^`<>*… ]*)`", text)
    assert len(paths) > 40
    for path in paths:
        assert (ROOT / path.partition("::")[0]).exists(), path


def test_every_folder_of_the_package_is_in_the_table_of_changes() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    folders = [path.parent.name for path in (ROOT / "imagecli").glob("*/__init__.py")]
    assert not [name for name in folders if f"`imagecli/{name}/" not in text]


def test_functions_named_on_the_way_of_a_command_exist() -> None:
    """Each is named with the file, or the folder, that defines it."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## How one command travels through the code\n")[2]
    named = re.findall(r"`(\w+)\(\)` in \[`[^`]+`\]\(([^)]+)\)", text)
    assert len(named) == len(re.findall(r"\(\)`", text)) > 10
    for function, path in named:
        files = sorted((ROOT / path).glob("*.py")) if (ROOT / path).is_dir() else [ROOT / path]
        assert any(re.search(rf"^ *def {function}\(", file.read_text("utf-8"), re.M) for file in files), function


def test_a_link_text_is_its_path() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## How one command travels through the code\n")[2]
    links = re.findall(r"\[`([^`]+)`\]\(imagecli/([^)]+)\)", text)
    assert links
    assert all(link_text == path for link_text, path in links), links
