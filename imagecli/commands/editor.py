"""Opens a file in the user's editor."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Final

from imagecli.config.find_program import find_program
from imagecli.env import Env
from imagecli.errors import UsageError, os_error_reason

_VARIABLES: Final = ("VISUAL", "EDITOR")
_FALLBACKS: Final = ("notepad",) if os.name == "nt" else ("nano", "vim", "vi")
"""Editors that are tried on a terminal if no variable names one."""
_STDERR: Final = 2


def edit_file(path: Path, env: Env) -> None:
    """Open *path* in the editor and wait until it is closed. Raises UsageError if there is none, or if it fails."""
    command = _find_editor(path, env)
    try:
        # stdout is for data: an editor that draws on it draws on stderr if stdout is not a terminal.
        stdout = None if env.stdout.isatty() else _STDERR
        code = subprocess.run([*command, str(path)], stdout=stdout, env=dict(env.environ)).returncode
    except OSError as error:
        raise UsageError(
            f"can't start the editor {command[0]}: {os_error_reason(error)}", hint="export EDITOR=nano"
        ) from error
    if code:
        raise UsageError(
            f"editor {command[0]} failed with exit code {code}", hint="choose another one: export EDITOR=nano"
        )


def _find_editor(path: Path, env: Env) -> list[str]:
    """The program and arguments of $VISUAL or $EDITOR. Raises UsageError."""
    for variable in _VARIABLES:
        if text := env.environ.get(variable, "").strip():
            return _parse_command(text, variable, env)
    if env.can_ask:
        for name in _FALLBACKS:
            if program := find_program(name, env):
                return [program]
    raise UsageError("no editor found", hint=f"set one with export EDITOR=nano, or edit the file yourself: {path}")


def _parse_command(text: str, variable: str, env: Env) -> list[str]:
    """`code --wait` as program and arguments; a path with blanks in it may be unquoted."""
    try:
        words = [text] if Path(text).is_file() else shlex.split(text, posix=os.name != "nt")
    except ValueError as error:
        raise UsageError(f"{variable} has an unclosed quote: {text}", hint=f"export {variable}=nano") from error
    program = find_program(words[0].strip('"'), env)
    if program is None:
        raise UsageError(f"editor {words[0]!r} (from {variable}) not found", hint=f"export {variable}=nano")
    return [program, *words[1:]]
