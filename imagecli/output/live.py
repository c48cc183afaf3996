"""The listener for a terminal: one moving line that tells what is waited for, how long, and how many bytes went.

The terminal that rich draws on. It can be closed at any moment, and what it then does not show stops nothing.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, TextIO, cast

from rich.console import Console
from rich.filesize import decimal
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from imagecli.env import Env
from imagecli.events import DownloadProgress, Event, ImageSaved, PartialImage, RetryWait, RunStarted, UploadProgress
from imagecli.output.display import DisplayOptions
from imagecli.output.progress import PlainProgress, format_partial


def open_console(env: Env, style: DisplayOptions) -> Console:
    """On stderr."""
    file = cast(TextIO, _NonFailingStream(env.stderr))
    return Console(file=file, force_terminal=True, no_color=not style.color, highlight=False)


class _NonFailingStream:
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


class LiveProgress(PlainProgress):
    """As `PlainProgress`, with a progress line under the lines; all of it on stderr, gone at the end."""

    def __init__(self, env: Env, style: DisplayOptions) -> None:
        super().__init__(env, style)
        self._progress = Progress(
            SpinnerColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=open_console(env, style),
            transient=True,
        )
        self._doing = "preparing"
        self._partial = ""
        self._task = self._progress.add_task(self._doing, total=None)
        self._pictures = self._saved = 0
        self._up: dict[int, int] = {}
        self._down: dict[int, int] = {}

    def __enter__(self) -> LiveProgress:
        self._progress.start()
        super().__enter__()
        return self

    def __exit__(self, *args: object) -> None:
        self._progress.stop()
        super().__exit__(*args)

    def __call__(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._pictures = event.pictures
            case UploadProgress():
                self._up[event.request] = event.sent
                self._doing = "waiting for the picture" if event.sent >= event.total else "sending"
            case DownloadProgress():
                self._down[event.request] = event.received
                self._doing = "receiving"
            case RetryWait():
                self._doing = f"waiting {event.seconds:.0f} s to send again"
            case PartialImage():
                self._partial = format_partial(event)
            case ImageSaved():
                self._saved += 1
                self._partial = ""
        super().__call__(event)
        self._progress.update(self._task, description=self._describe())

    def line(self, text: str) -> None:
        self._progress.console.print(Text(text), soft_wrap=True)

    def _describe(self) -> str:
        """What is waited for, how many are there, the traffic; short of the right edge, where a Ctrl-C is echoed."""
        up, down = sum(self._up.values()), sum(self._down.values())
        parts = [
            self._doing,
            self._partial,
            f"{self._saved}/{self._pictures}" if self._pictures > 1 else "",
            f"↑{decimal(up)}" if up else "",
            f"↓{decimal(down)}" if down else "",
        ]
        return " ".join(part for part in parts if part)[: max(self._progress.console.width - 14, 1)]
