"""The step that runs `imagecli batch`: arguments and key from the environment, JSON to a file, exit code to an output.

Standard library only. The log contains untrusted text, in which GitHub could find workflow commands, so these are
stopped until imagecli has ended.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

NOT_FOUND = 127
"""A shell's exit code for a command that does not exist."""
USAGE = 2


def build_command(environ: Mapping[str, str]) -> list[str]:
    """The command line. Raises ValueError for a quote in ARGS that is not closed."""
    flags = (("--provider", "PROVIDER"), ("--max-cost", "MAX_COST"), ("--shard", "SHARD"), ("--gallery", "GALLERY"))
    options = [word for flag, name in flags if environ.get(name) for word in (flag, environ[name])]
    more = shlex.split(environ.get("ARGS", ""))
    return ["imagecli", "batch", "--json", *options, *more, "--", environ.get("MANIFEST", "")]


def program() -> str:
    """The path of imagecli. Folders of the PATH that depend on the current one, the workspace, are not searched."""
    for folder in map(Path, os.environ.get("PATH", os.defpath).split(os.pathsep)):
        if folder.is_absolute() and (path := shutil.which(str(folder / "imagecli"))):
            return path
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def key_variable(provider: str) -> str | None:
    """The variable for the key of *provider*; None if it has none, or is unknown."""
    command = ["imagecli", "providers", "--json", "--", provider]
    try:
        output = subprocess.run(
            command, executable=program(), capture_output=True, stdin=subprocess.DEVNULL, check=True
        ).stdout
        (row,) = json.loads(output)["providers"]
        return str(row["keys"][0]["env"])
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError):
        return None


def build_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of imagecli, with the key in its provider's variable only."""
    others = {name: value for name, value in environ.items() if name != "API_KEY"}
    key = environ.get("API_KEY")
    variable = key_variable(environ.get("PROVIDER", "")) if key else None
    return {**others, variable: key} if key and variable else others


def run(command: list[str], environ: dict[str, str], output: Path) -> int:
    """Run imagecli, and return its exit code as a shell has it. stdout goes to *output*, stderr to the log."""
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, executable=program(), stdin=subprocess.DEVNULL, stdout=file, stderr=1, env=environ
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: _forward_signal(process, number))
        code = process.wait()
    return 128 - code if code < 0 else code


def _forward_signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(OSError):
        process.send_signal(number)


def main(environ: Mapping[str, str]) -> int:
    descriptor, name = tempfile.mkstemp(prefix="imagecli-", suffix=".jsonl", dir=environ.get("RUNNER_TEMP"))
    os.close(descriptor)
    token = secrets.token_hex(16)
    _print_line(f"::stop-commands::{token}")
    try:
        code = run(build_command(environ), build_environment(environ), Path(name))
    except ValueError as error:
        code = USAGE
        _print_line(f"invalid args: {error}")
    except OSError as error:
        code = NOT_FOUND
        _print_line(f"can't run imagecli: {error.strerror}")
    _print_line(f"\n::{token}::")
    with Path(environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
        file.write(f"exit-code={code}\noutput={name}\n")
    return 0


def _print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(os.environ))
