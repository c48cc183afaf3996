"""The outside world as one value: streams, variables, clock.

Nothing below `cli` touches `sys` or `os.environ`; tests hand in their own Env.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Env:
    """What a command may see of the machine it runs on."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    environ: Mapping[str, str]
    now: Callable[[], datetime]
    """Local wall-clock time with its zone: for names only, never for waiting."""
    on_work_begun: Callable[[], None] = lambda: None
    """Called where all is loaded and work that may last begins: ends what the process put off until then."""
    has_stdout: bool = True
    """False where the process was started with stdout closed: what is written there reaches nobody."""

    @property
    def in_ci(self) -> bool:
        """Whether this is a job of continuous integration: all services set CI."""
        return self.environ.get("CI", "").lower() not in ("", "0", "false")

    @classmethod
    def real(cls, *, has_stdout: bool, begun: Callable[[], None] = lambda: None) -> Env:
        """This process. An empty variable is a missing one."""
        return cls(
            stdin=sys.stdin,
            stdout=sys.stdout,
            stderr=sys.stderr,
            environ={name: value for name, value in os.environ.items() if value},
            now=lambda: datetime.now().astimezone(),
            on_work_begun=begun,
            has_stdout=has_stdout,
        )
