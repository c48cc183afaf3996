"""The terminal that rich draws on. It can be closed at any moment, and what it then does not show stops nothing."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, TextIO, cast

from rich.console import Console

from imagecli.env import Env
from imagecli.report.style import Style


def open_screen(env: Env, style: Style) -> Console:
    """On stderr."""
    file = cast(TextIO, _Closable(env.stderr))
    return Console(file=file, force_terminal=True, no_color=not style.color, highlight=False)


class _Closable:
    """A stream whose writing never fails."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
