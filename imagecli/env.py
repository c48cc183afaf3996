"""The outside world as one value: streams, variables, clock, and the listener for events.

Nothing below `cli` touches `sys` or `os.environ`; tests hand in their own Env.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from imagecli.events import Event


def silent(event: Event) -> None:
    """The listener that hears nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Env:
    """What a command may see of the machine it runs on."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    environ: Mapping[str, str]
    now: Callable[[], datetime]
    """Local wall-clock time with its zone: for names only, never for waiting."""
    announce: Callable[[Event], None] = silent

    @classmethod
    def real(cls) -> Env:
        """This process. An empty variable is a missing one."""
        return cls(
            stdin=sys.stdin,
            stdout=sys.stdout,
            stderr=sys.stderr,
            environ={name: value for name, value in os.environ.items() if value},
            now=lambda: datetime.now().astimezone(),
        )
