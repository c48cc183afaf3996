"""The step that runs `imagecli batch`: words and key from the environment, its JSON to a file, its exit code told.

Standard library only. What imagecli says of foreign text goes to the log, where GitHub would take a line of it for a
command; commands are off until it has ended.
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
"""A shell's exit code of a command that is not there."""
USAGE = 2


def words_of(environ: Mapping[str, str]) -> list[str]:
    """The command line. Raises ValueError for a quote in ARGS that is not closed."""
    flags = (("--provider", "PROVIDER"), ("--max-cost", "MAX_COST"), ("--shard", "SHARD"))
    said = [word for flag, name in flags if environ.get(name) for word in (flag, environ[name])]
    more = shlex.split(environ.get("ARGS", ""))
    return ["imagecli", "batch", "--json", *said, *more, "--", environ.get("MANIFEST", "")]


def program() -> str:
    """The path of imagecli. Folders of the PATH that depend on the current one, the workspace, are not searched."""
    for folder in map(Path, os.environ.get("PATH", os.defpath).split(os.pathsep)):
        if folder.is_absolute() and (found := shutil.which(str(folder / "imagecli"))):
            return found
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def key_variable(provider: str) -> str | None:
    """The variable in which *provider* looks for its key; None where it has none, or is not known."""
    asked = ["imagecli", "providers", "--json", "--", provider]
    try:
        told = subprocess.run(
            asked, executable=program(), capture_output=True, stdin=subprocess.DEVNULL, check=True
        ).stdout
        (row,) = json.loads(told)["providers"]
        return str(row["keys"][0]["env"])
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError):
        return None


def environ_of(environ: Mapping[str, str]) -> dict[str, str]:
    """What imagecli finds in its environment: the key under its provider's name, and under no other."""
    theirs = {name: value for name, value in environ.items() if name != "API_KEY"}
    key = environ.get("API_KEY")
    variable = key_variable(environ.get("PROVIDER", "")) if key else None
    return {**theirs, variable: key} if key and variable else theirs


def run(words: list[str], environ: dict[str, str], said: Path) -> int:
    """The exit code, as a shell has it. stdout goes to *said*, stderr to the log."""
    with said.open("wb") as file:
        process = subprocess.Popen(
            words, executable=program(), stdin=subprocess.DEVNULL, stdout=file, stderr=1, env=environ
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: _pass_on(process, number))
        code = process.wait()
    return 128 - code if code < 0 else code


def _pass_on(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(OSError):
        process.send_signal(number)


def main(environ: Mapping[str, str]) -> int:
    descriptor, name = tempfile.mkstemp(prefix="imagecli-", suffix=".jsonl", dir=environ.get("RUNNER_TEMP"))
    os.close(descriptor)
    token = secrets.token_hex(16)
    _say(f"::stop-commands::{token}")
    try:
        code = run(words_of(environ), environ_of(environ), Path(name))
    except ValueError as error:
        code = USAGE
        _say(f"args: {error}")
    except OSError as error:
        code = NOT_FOUND
        _say(f"imagecli can't be run: {error.strerror}")
    _say(f"\n::{token}::")
    with Path(environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
        file.write(f"exit-code={code}\nsaid={name}\n")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(os.environ))
