"""Opens images in the desktop's viewer."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from imagecli.config.find_program import find_program
from imagecli.env import Env
from imagecli.errors import os_error_reason
from imagecli.output.terminal import plural

MAX_IMAGES: Final = 10
"""A viewer may open a window for each."""
_FAILS_WITHIN: Final = 1.0
"""Seconds. Some programs run until the viewer is closed, so they are not waited for."""


def open_in_viewer(paths: Sequence[Path], env: Env) -> str | None:
    """Open images, whose names must have the extension of an image; returns a note if not all were opened."""
    # Absolute, so that no name looks like an option.
    names = [str(path.absolute()) for path in paths[:MAX_IMAGES]]
    if sys.platform == "win32":
        try:
            for name in names:
                os.startfile(name)
        except OSError as error:
            return f"can't open the image: {os_error_reason(error)}"
    elif reason := _start_viewers(names, env):
        return f"can't open the image: {reason}"
    left = len(paths) - len(names)
    return f"opened {len(names)} images; {plural(left, 'more image')} not opened" if left else None


def _start_viewers(names: Sequence[str], env: Env) -> str | None:
    """Why the viewer could not be started; None if it was."""
    if sys.platform == "darwin":
        return _start(["/usr/bin/open", *names], env)
    if not ("DISPLAY" in env.environ or "WAYLAND_DISPLAY" in env.environ):
        return "this is not a desktop session (neither DISPLAY nor WAYLAND_DISPLAY is set)"
    program = find_program("xdg-open", env)
    if program is None:
        return "xdg-open is not installed"
    return next((reason for name in names if (reason := _start([program, name], env))), None)


def _start(command: list[str], env: Env) -> str | None:
    """Why *command* could not be started, or failed immediately; None if it is running or has succeeded."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(env.environ),
            start_new_session=True,  # closing the terminal must not close the viewer
        )
        code = process.wait(_FAILS_WITHIN)
    except subprocess.TimeoutExpired:
        return None
    except OSError as error:
        return f"can't start {command[0]}: {os_error_reason(error)}"
    return f"{command[0]} failed with exit code {code}" if code else None
