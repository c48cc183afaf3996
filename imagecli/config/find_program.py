"""Finds a program that the user names: an absolute path, or a name on the PATH, never in the current folder."""

from __future__ import annotations

import os
from pathlib import Path

from imagecli.env import Env


def find_program(name: str, env: Env) -> str | None:
    """The absolute path of the program *name*; None if there is none on the PATH, or if it is a relative path.

    What a relative path names depends on the current folder, which may be an untrusted clone. On Windows, and with an
    empty entry in PATH, the system would look there for a bare name, too.
    """
    import shutil

    name = env.expand_home(name)
    if Path(name).is_absolute():
        return name
    if Path(name).name != name:
        return None
    for place in env.environ.get("PATH", os.defpath).split(os.pathsep):
        folder = Path(place)
        if folder.is_absolute() and not _is_current(folder) and (program := shutil.which(str(folder / name))):
            return program
    return None


def _is_current(folder: Path) -> bool:
    try:
        return folder.samefile(os.curdir)
    except OSError:
        return False
