"""The modules that a fresh interpreter loads: a command that a person waits for at the prompt loads nothing heavy."""

from __future__ import annotations

import base64
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from imagecli import commands
from imagecli.process import OBJECTS_UNTIL_COLLECTION, OBJECTS_UNTIL_FIRST_COLLECTION
from tests.images.sample_images import large_png

HEAVY = {"requests", "urllib3", "PIL", "pi_heif", "rich", "pydantic", "platformdirs", "tomlkit", "keyring"}
WORK = {"imagecli.domain", "imagecli.catalog.catalog", "imagecli.results", "imagecli.commands.image.context"}
"""Modules that only a command with work to do needs: dozens of dataclasses, as slow to create as Python to start."""

PROGRAM = """
import atexit, json, os, sys
report = os.dup(2)
atexit.register(lambda: os.write(report, json.dumps(sorted(sys.modules)).encode()))
from imagecli.__main__ import run
run()
"""
"""Runs the installed command's function and prints, last on stderr, which modules are loaded at the end."""


def loaded(*argv: str, code: int = 0, **variables: str) -> set[str]:
    """The modules that are loaded when the command ends, with exit code *code*."""
    environ = {"PATH": os.environ["PATH"], **variables}
    done = subprocess.run([sys.executable, "-c", PROGRAM, *argv], capture_output=True, text=True, env=environ)
    assert done.returncode == code, done.stderr
    return set(json.loads(done.stderr[done.stderr.rindex("[") :]))


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version_loads_nothing_but_the_standard_library(flag: str) -> None:
    names = loaded(flag)
    assert not names & (HEAVY | {"typer", "shellingham"})
    assert {name.partition(".")[0] for name in names} <= {"imagecli", "__main__", *sys.stdlib_module_names, *hooks()}


def hooks() -> set[str]:
    """What the interpreter loads by itself: hooks of editable installs and the like."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys; print(*{name.partition('.')[0] for name in sys.modules})"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["generate", "--help"],
        ["edit", "-h"],
        ["vary", "-h"],
        ["mask", "-h"],
        ["info", "-h"],
        ["sandbox", "-h"],
        ["config", "set", "-h"],
        ["doctor", "-h"],
    ],
)
def test_help_loads_nothing_heavy(argv: list[str]) -> None:
    assert not loaded(*argv) & (HEAVY | WORK)


def test_help_of_all_commands_loads_none_of_them() -> None:
    assert not loaded("--help") & {f"imagecli.commands.{name}" for name in commands.NAMES}


@pytest.mark.parametrize("name", commands.NAMES)
def test_a_summary_is_the_first_line_of_the_docstring(name: str) -> None:
    function = getattr(importlib.import_module(f"imagecli.commands.{name}"), name)
    assert commands.SUMMARIES[name] == function.__doc__.partition("\n")[0]


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["frobnicate"],
        ["a white cat"],
        ["generate"],
        ["generate", "a cat", "--bogus"],
        ["generate", "a cat", "--aspect", "1:1"],
        ["generate", "a cat", "-n", "zero"],
        ["generate", "a cat", "-n", "two", "--json"],
        ["generate", "photo.jpg"],
        ["edit"],
        ["vary", "--via", "bogus", "a.jpg"],
        ["sandbox", "--port", "x"],
    ],
    ids=" ".join,
)
def test_a_usage_error_loads_nothing_heavy(argv: list[str]) -> None:
    names = loaded(*argv, code=2)
    assert not names & HEAVY
    # Only Typer's own errors precede a command's work; --json needs its messages.
    assert not names & WORK or "--json" in argv or argv in (["generate"], ["generate", "photo.jpg"])


@pytest.mark.parametrize(
    "argv",
    [
        ["generate", "a cat", "--size", "10x10"],
        ["generate", "a cat", "--background", "transparent", "-o", "cat.jpg"],
        ["generate", "a cat", "--param", "model=x"],
    ],
    ids=" ".join,
)
def test_unsupported_options_are_rejected_before_the_client_is_loaded(argv: list[str], tmp_path: Path) -> None:
    modules = loaded(*argv, code=2, OPENAI_API_KEY="sk-test", HOME=str(tmp_path))
    assert not modules & (HEAVY - {"platformdirs"})


@pytest.mark.parametrize("typed", ["imagecli ", "imagecli generate --out", "imagecli edit --crop ", "imagecli config "])
def test_completion_loads_nothing_heavy(typed: str) -> None:
    word = str(len(typed.split(" ")) - 1)
    assert not loaded(_IMAGECLI_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=word) & (HEAVY | WORK)


UNUSED = {
    "PIL",
    "rich",
    "tomlkit",
    "html",
    "tomllib",
    "imagecli.images.formats.svg",
    "imagecli.images.pillow_io",
    "imagecli.providers.batch_response",
    "imagecli.providers.stream",
    "imagecli.sandbox",
    "imagecli.batch",
    "imagecli.preview",
}
"""What a `generate` whose response is a PNG as base64 in JSON has no use for."""
OWN_MODULES_AT_MOST = 112
HISTORY_MODULES = 6
"""They are imported when the image is saved."""

COUNTING = """
import atexit, dataclasses, json, os, sys
report = os.dup(2)
def tell():
    own = [module for name, module in sys.modules.items() if name.split(".")[0] == "imagecli"]
    kinds = {kind for module in own for kind in vars(module).values() if isinstance(kind, type)}
    names = [kind.__name__ for kind in kinds if dataclasses.is_dataclass(kind) and "imagecli" in kind.__module__]
    os.write(report, json.dumps([sorted(sys.modules), sorted(names)]).encode())
atexit.register(tell)
from imagecli.__main__ import run
run()
"""
"""Reports, last on stderr, the modules that are loaded at the end, and our dataclasses: each takes as long to define as
seven NamedTuples."""


def test_generate_loads_only_what_it_uses(tmp_path: Path, httpserver: HTTPServer) -> None:
    image = base64.b64encode(large_png(2_000)).decode()
    httpserver.expect_request("/v1/images/generations").respond_with_json({"data": [{"b64_json": image}]})
    argv = ["generate", "a cat", "--base-url", httpserver.url_for("/v1"), "-o", "x.png"]
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    command = [sys.executable, "-c", COUNTING, *argv]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    modules, dataclasses = json.loads(done.stderr[done.stderr.rindex("[[") :])
    assert not UNUSED & set(modules)
    own = [name for name in modules if name.partition(".")[0] == "imagecli"]
    history = [name for name in own if "history" in name or name == "imagecli.request_options"]
    assert len(history) <= HISTORY_MODULES
    assert len(own) - len(history) <= OWN_MODULES_AT_MOST
    assert not dataclasses


UNUSED_ON_A_TERMINAL = {"rich.progress", "rich.table", "rich.spinner", "PIL.ImageCms"}
"""What neither the live line nor the preview of an image without a color profile has a use for."""


def test_a_terminal_loads_only_what_it_uses() -> None:
    program = "import sys, imagecli.output.live_progress, imagecli.output.preview; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not UNUSED_ON_A_TERMINAL & set(done.stdout.split())


def test_a_request_is_sent_before_the_history_is_loaded(tmp_path: Path) -> None:
    """It fails, so that there is nothing to record."""
    words = ("generate", "a cat", "--base-url", "http://127.0.0.1:1/v1", "--max-retries", "0")
    names = loaded(*words, code=6, HOME=str(tmp_path))
    assert not [name for name in names if "sqlite3" in name or "history" in name]


COLLECTING = """
import atexit, gc, json, os, sys
report = os.dup(2)
def tell():
    first = gc.get_threshold()[0]
    gc.collect()
    os.write(report, json.dumps([first, gc.get_threshold()[0]]).encode())
atexit.register(tell)
class Deleted:
    def __del__(self, write=os.write):
        write(report, b"deleted")
deleted = Deleted()
from imagecli.__main__ import run
run()
"""
"""Reports, last on stderr, after how many objects garbage is looked for at first and from then on.

Reports too, after that, whether objects are deleted at exit.
"""


@pytest.mark.parametrize("argv", [["--help"], ["generate", "a cat", "--provider", "sandbox"]], ids=" ".join)
def test_a_short_command_looks_for_no_garbage_and_deletes_nothing_at_exit(argv: list[str], tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    command = [sys.executable, "-c", COLLECTING, *argv]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    thresholds = [OBJECTS_UNTIL_FIRST_COLLECTION, OBJECTS_UNTIL_COLLECTION]
    assert done.stderr.endswith(json.dumps(thresholds))
