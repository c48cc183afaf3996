"""What a command sees of its process: standard streams, environment variables and the clock, as one value.

Nothing below `cli` uses `sys` or `os.environ`; tests pass their own Env.
"""

import os
import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from pathlib import Path
from typing import NamedTuple, Self, TextIO


def begins_at_home(path: str) -> bool:
    """Whether *path* begins with `~/`, which stands for the home folder, or is `~`."""
    return path.startswith("~") and re.match(r"~([/\\]|$)" if os.name == "nt" else "~(/|$)", path) is not None


def format_time(time: datetime, zone: tzinfo | None = None) -> str:
    """`2026-11-30 05:33:36 CET`, for people; in the system's zone without *zone*. Data for programs has UTC."""
    return f"{time.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


class Env(NamedTuple):
    """The part of the machine that a command may see."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    environ: Mapping[str, str]
    now: Callable[[], datetime]
    """Local time with its zone: for names and dates, never for measuring a wait."""
    has_stdout: bool = True
    """False if the process was started with stdout closed, so that output is lost."""
    argv: tuple[str, ...] = ()
    """The words of the command line, for commands to paste."""

    @property
    def in_ci(self) -> bool:
        """Whether this is a job of continuous integration: all CI services set CI."""
        return self.environ.get("CI", "").lower() not in ("", "0", "false")

    @property
    def can_ask(self) -> bool:
        """Whether there is a user to ask: stdin and stderr are terminals."""
        return self.stdin.isatty() and self.stderr.isatty()

    def expand_home(self, path: str) -> str:
        """*path*, which the user gave, with the home folder in place of a leading `~/`.

        No shell expands it in `--output=~/x`, in variables and in settings files.
        """
        if not begins_at_home(path):
            return path
        home = self.environ.get("USERPROFILE" if os.name == "nt" else "HOME") or str(Path.home())
        return home.rstrip("/\\") + path[1:] or home

    @classmethod
    def real(cls, *, has_stdout: bool) -> Self:
        """The environment of this process. An empty variable counts as missing."""
        return cls(
            stdin=sys.stdin,
            stdout=sys.stdout,
            stderr=sys.stderr,
            environ={name: value for name, value in os.environ.items() if value},
            now=local_time,
            has_stdout=has_stdout,
        )


def local_time() -> datetime:
    """The wall clock, for names and messages; waits use the monotonic clock."""
    return datetime.now().astimezone()
