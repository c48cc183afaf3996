"""The Action's step that runs the command: its arguments, its key, its log, and its end."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from batch_run import build_command, build_environment, key_variable
from hypothesis import given
from hypothesis import strategies as st

from tests.batch.serving import refusal, serving
from tests.batch.test_batch import manifest
from tests.children import Children
from tests.github.commands import Log, read_log

ACTION = Path(__file__).parent.parent.parent / ".github" / "actions" / "batch"
STEP: list[str | Path] = [sys.executable, ACTION / "batch_run.py"]


@pytest.fixture
def world(tmp_path: Path, folder: Path) -> dict[str, str]:
    """The environment of a step in *folder*."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HOME": str(tmp_path),
        "GITHUB_ACTIONS": "true",
        "CI": "true",
        "RUNNER_TEMP": str(temporary),
        "GITHUB_OUTPUT": str(tmp_path / "outputs"),
        "MANIFEST": "assets.jsonl",
    }


@dataclass(frozen=True)
class StepOutcome:
    """The outcome of a step."""

    text: str
    outputs: dict[str, str]

    @property
    def log(self) -> Log:
        return read_log(self.text)

    @property
    def output(self) -> str:
        return Path(self.outputs["output"]).read_text("utf-8")


def ran(children: Children, environ: Mapping[str, str]) -> StepOutcome:
    """Runs the step to its end."""
    process = children.start(STEP, env=environ)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, b""), stderr
    return left(stdout, environ)


def left(stdout: bytes, environ: Mapping[str, str]) -> StepOutcome:
    pairs = (line.partition("=") for line in Path(environ["GITHUB_OUTPUT"]).read_text("utf-8").splitlines())
    return StepOutcome(stdout.decode(), {name: value for name, _, value in pairs})


# --- arguments and key -----------------------------------------------------------------------------------------------


@given(values=st.dictionaries(st.sampled_from(["MANIFEST", "PROVIDER", "MAX_COST", "SHARD"]), st.text(max_size=30)))
def test_any_input_is_one_word(values: dict[str, str]) -> None:
    words = build_command(values)
    flags = {"--provider": "PROVIDER", "--max-cost": "MAX_COST", "--shard": "SHARD"}
    arguments_ = [word for flag, name in flags.items() if values.get(name) for word in (flag, values[name])]
    assert words == ["imagecli", "batch", "--json", *arguments_, "--", values.get("MANIFEST", "")]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ("", []),
        ("--jobs 8 --rate 50", ["--jobs", "8", "--rate", "50"]),
        ("--only 'hero *'\n--check", ["--only", "hero *", "--check"]),
        ("$(touch x) `y` * ~ $HOME", ["$(touch", "x)", "`y`", "*", "~", "$HOME"]),
    ],
)
def test_args_are_quoted_as_in_a_shell_and_nothing_is_expanded(args: str, words: list[str]) -> None:
    assert build_command({"ARGS": args, "MANIFEST": "a.toml"}) == [
        "imagecli",
        "batch",
        "--json",
        *words,
        "--",
        "a.toml",
    ]


def test_each_input_is_an_option() -> None:
    environ = {"PROVIDER": "sandbox", "MAX_COST": "5", "SHARD": "1/3", "GALLERY": "my review/", "MANIFEST": "a.toml"}
    options = ["--provider", "sandbox", "--max-cost", "5", "--shard", "1/3", "--gallery", "my review/"]
    assert build_command(environ) == ["imagecli", "batch", "--json", *options, "--", "a.toml"]


@pytest.fixture
def on_path(monkeypatch: pytest.MonkeyPatch, world: dict[str, str]) -> None:
    for name in ("PATH", "PYTHONPATH", "HOME"):
        monkeypatch.setenv(name, world[name])


@pytest.mark.usefixtures("on_path")
@pytest.mark.parametrize(
    ("provider", "variable"),
    [("openai", "OPENAI_API_KEY"), ("xai", "XAI_API_KEY"), ("sandbox", None), ("nobody", None), ("--help", None)],
)
def test_a_key_is_in_its_providers_variable_and_in_no_other(provider: str, variable: str | None) -> None:
    assert key_variable(provider) == variable
    variables = build_environment({"API_KEY": "sk-test", "PROVIDER": provider, "OTHER": "1"})
    assert variables == {"PROVIDER": provider, "OTHER": "1", **({variable: "sk-test"} if variable else {})}


def test_without_a_key_no_variable_is_set() -> None:
    assert build_environment({"API_KEY": "", "PROVIDER": "openai"}) == {"PROVIDER": "openai"}


# --- runs ------------------------------------------------------------------------------------------------------------


def test_a_run_leaves_its_json_in_a_file_and_its_exit_code_in_the_outputs(
    children: Children, folder: Path, world: dict[str, str]
) -> None:
    manifest(folder, {"prompt": "cat", "output": "cat.png"})
    step = ran(children, {**world, "PROVIDER": "sandbox", "API_KEY": "sk-test-unused"})
    assert step.outputs["exit-code"] == "0"
    assert [json.loads(line).get("state") for line in step.output.splitlines()] == ["bought", None]
    assert (folder / "cat.png").exists()
    assert "1 created" in step.text
    assert "\x1b" not in step.text
    assert "sk-test-unused" not in step.text + step.output


@pytest.mark.parametrize(
    ("environ", "code", "words"),
    [
        ({"MANIFEST": "nothing.toml"}, "2", "nothing.toml does not exist"),
        ({"MANIFEST": "--help"}, "2", "does not exist"),
        ({"PROVIDER": "openai"}, "3", "no API key for openai"),
        ({"ARGS": "--check"}, "10", "1 of 1 missing or stale"),
        ({"ARGS": "--only 'x"}, "2", "args: No closing quotation"),
        ({"PATH": "/nowhere"}, "127", "can't run imagecli: No such file"),
    ],
)
def test_its_exit_code_is_kept(
    children: Children, folder: Path, world: dict[str, str], environ: dict[str, str], code: str, words: str
) -> None:
    manifest(folder, {"prompt": "cat", "output": "cat.png"})
    step = ran(children, world | environ)
    assert step.outputs["exit-code"] == code
    assert words in step.text
    assert (step.log.commands, step.log.token) == ([], None)


@pytest.mark.parametrize("entry", [".", "", "bin"])
def test_imagecli_is_not_imported_from_the_workspace(
    children: Children, folder: Path, world: dict[str, str], entry: str
) -> None:
    manifest(folder, {"prompt": "cat", "output": "cat.png"})
    (folder / "bin").mkdir()
    for place in (folder, folder / "bin"):
        (place / "imagecli").write_text("#!/bin/sh\ntouch hacked\n")
        (place / "imagecli").chmod(0o755)
    path = f"{entry}{os.pathsep}{world['PATH']}"
    step = ran(children, {**world, "PATH": path, "PROVIDER": "sandbox", "API_KEY": "sk-test-unused"})
    assert step.outputs["exit-code"] == "0"
    assert not (folder / "hacked").exists()


def test_a_servers_message_is_not_a_command_in_the_log(children: Children, folder: Path, world: dict[str, str]) -> None:
    message = "no ##[set-output name=exit-code]0 ::add-mask::a"
    manifest(folder, {"prompt": "cat", "output": "cat.png"})
    with serving(lambda fields: refusal("400 Bad Request", "x", message)) as server:
        step = ran(children, {**world, "ARGS": f"--base-url {server.base_url}", "API_KEY": "any"})
    assert message in step.text
    assert (step.log.commands, step.log.token, step.outputs["exit-code"]) == ([], None, "4")
    # It would be one if commands were not off.
    assert read_log(step.text.replace("::stop-commands::", "")).commands


@contextmanager
def cancelled(children: Children, folder: Path, world: dict[str, str], number: int) -> Iterator[StepOutcome]:
    """A step that got a signal when its second image was saved."""
    manifest(folder, *({"prompt": f"cat {one}", "output": f"{one}.png"} for one in range(8)))
    with serving(latency=0.5) as server:
        environ = {**world, "ARGS": f"-j 1 --base-url {server.base_url}", "API_KEY": "any"}
        process = children.start(STEP, env=environ)
        end = time.monotonic() + 30
        while len(list(folder.glob("*.png"))) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        process.send_signal(number)
        stdout, _ = process.communicate(timeout=10)
        assert process.returncode == 0
        yield left(stdout, environ)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, "130"), (signal.SIGTERM, "143")])
def test_a_cancelled_run_reports_its_saved_images(
    children: Children, folder: Path, world: dict[str, str], number: int, code: str
) -> None:
    with cancelled(children, folder, world, number) as step:
        assert step.outputs["exit-code"] == code
        assert re.search("interrupted: saved [1-7] of 8", step.text), step.text
        assert step.log.token is None
        assert json.loads(step.output.splitlines()[-1])["exit_code"] == int(code)
