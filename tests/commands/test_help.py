"""`-h`, `--help`, `imagecli help`, topics and man pages."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
import typer

from imagecli import cli, commands
from imagecli.commands.help_page import HelpEntry, HelpPage, build_help_page, format_help_page, format_short_help
from imagecli.env import Env
from imagecli.topics import TOPICS, list_topics, read_topic
from tests.conftest import Run
from tests.documents import ROOT
from tests.regenerate import MAN_PAGES, run_command

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def page_of(name: str) -> HelpPage:
    root = typer.main.get_command(cli.app)
    env = Env.real(has_stdout=True)._replace(stdout=io.StringIO())
    context = root.context_class(root, info_name="imagecli", obj=env)
    command = root.get_command(context, name)  # type: ignore[attr-defined]
    child = command.context_class(command, info_name=name, parent=context)
    return build_help_page(command, child, command.list_entries(child))


@pytest.mark.parametrize("name", commands.NAMES)
def test_short_help_has_at_most_forty_lines_and_names_the_long_one(name: str) -> None:
    page = page_of(name)
    short = format_short_help(page, 80, bold=False)
    assert short.count("\n") < 40
    if short != format_help_page(page, 80, bold=False):
        assert short.endswith(f"All options: imagecli {name} --help")
        assert short.count("imagecli") >= 3


@pytest.mark.parametrize("name", commands.NAMES)
@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_help_fits_the_width_without_breaking_a_word(name: str, width: int) -> None:
    page = page_of(name)
    text = format_help_page(page, width, bold=False)
    # A word that is longer than the line stays in one piece.
    too_long = [line for line in text.splitlines() if len(line) > width and " " in line.strip().rstrip("\\").strip()]
    assert not [line for line in too_long if not re.search(r"""["'(]|https?://|\S{25}""", line)]
    words = {word for _, entries in page.sections for entry in entries for word in entry.text.split()}
    assert words <= set(text.split())


def test_a_description_of_an_option_has_at_most_72_characters() -> None:
    long = {
        (name, entry.name): entry.text
        for name in commands.NAMES
        for heading, entries in page_of(name).sections
        for entry in entries
        if heading != "Commands" and len(re.sub(r"  \[.*\]", "", entry.text)) > 72
    }
    assert not long


def test_a_long_example_is_continued_by_a_backslash_and_can_be_pasted() -> None:
    line = 'imagecli generate "a lighthouse above the sea" -n 3 --size landscape  # three'
    page = HelpPage(usage="x", summary="s", description=(), examples=(line,), sections=())
    text = format_help_page(page, 40, bold=False).partition("Examples:\n")[2]
    assert text.startswith("  # three\n  imagecli generate \\\n")
    pasted = text.partition("\n")[2].replace("\\\n", " ")
    assert pasted.split() == line.partition("  #")[0].split()


def test_headings_are_bold_only_if_wanted() -> None:
    page = HelpPage("x", "s", (), (), (("Options", (HelpEntry("-x", "text"),)),))
    assert "\x1b[1mOptions:\x1b[0m" in format_help_page(page, 80, bold=True)
    assert "\x1b" not in format_help_page(page, 80, bold=False)


def test_help_lists_every_command_and_topic(imagecli: Run) -> None:
    output = imagecli("help").stdout
    assert all(re.search(rf"^  {name} ", output, re.M) for name in (*commands.NAMES, *TOPICS))
    assert output == run_command("--help")
    assert "exit-codes" not in run_command("-h")


def test_help_of_a_command_is_its_long_help(imagecli: Run) -> None:
    assert imagecli("help", "generate").stdout == run_command("generate", "--help")
    assert imagecli("help", "config", "set").stdout == run_command("config", "set", "--help")


def test_a_word_that_is_both_prints_the_options_and_the_topic(imagecli: Run) -> None:
    output = imagecli("help", "sandbox").stdout
    assert output.startswith(run_command("sandbox", "--help"))
    assert output.endswith(read_topic("sandbox"))


@pytest.mark.parametrize(
    ("words", "hint"),
    [(["modls"], "imagecli help models"), (["zzz"], "run imagecli help"), (["config", "xyz"], "imagecli help config")],
)
def test_an_unknown_word_is_a_usage_error(imagecli: Run, words: list[str], hint: str) -> None:
    result = imagecli("help", *words)
    assert result.exit_code == 2
    assert hint in result.stderr


@pytest.mark.parametrize("name", TOPICS)
def test_a_topic_is_its_markdown_in_a_pipe(imagecli: Run, name: str) -> None:
    text = imagecli("help", name).stdout
    assert text.endswith(read_topic(name))
    assert read_topic(name).startswith("# ")
    assert len(list_topics()[name]) <= 60


def test_topics_are_the_files_of_their_folder() -> None:
    assert {path.stem for path in (ROOT / "imagecli" / "topics").glob("*.md")} == set(TOPICS)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [40, 100])
def test_a_topic_is_rendered_and_paged_on_a_terminal(columns: int, tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm", "PAGER": "sed s/^/PAGED/"}
    child = pexpect.spawn(
        sys.executable, ["-m", "imagecli", "help", "settings"], env=environ, dimensions=(5, columns), encoding="utf-8"
    )
    output = child.read()
    child.wait()
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).removeprefix("PAGED") for line in output.splitlines()]
    assert "PAGED" in output
    assert "```" not in output
    assert max(map(len, lines)) <= columns


def test_less_shows_bold_headings_and_not_their_codes(tmp_path: Path) -> None:
    if not shutil.which("less"):
        pytest.skip("there is no less on this machine")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm"}
    child = pexpect.spawn(
        sys.executable, ["-m", "imagecli", "help", "batch"], env=environ, dimensions=(30, 80), encoding="utf-8"
    )
    child.expect("Usage:")
    assert "ESC" not in child.before
    child.close(force=True)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(MAN_PAGES.glob("*.1")), ids=lambda path: path.name)
def test_a_man_page_has_no_warnings(path: Path) -> None:
    if not shutil.which("groff"):
        pytest.skip("there is no groff on this machine")
    done = subprocess.run(
        ["groff", "-k", "-man", "-t", "-Tutf8", "-ww", "-rLL=78n", path], capture_output=True, text=True, check=True
    )
    assert not [line for line in done.stderr.splitlines() if "can't break line" not in line]
    assert "imagecli" in done.stdout
