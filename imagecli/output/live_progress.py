"""Progress for a terminal: one live line with the current step, the elapsed time and the bytes sent and received."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, TextIO, cast

from rich.console import Console
from rich.filesize import decimal
from rich.live import Live
from rich.text import Text

from imagecli.env import Env
from imagecli.errors import InputImageError
from imagecli.events import (
    DownloadProgress,
    Event,
    GalleryProgress,
    ImageSaved,
    PartialImage,
    RetryWait,
    RunStarted,
    UploadProgress,
)
from imagecli.output.plain_progress import PlainProgress, format_partial
from imagecli.output.terminal import DisplayOptions

SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
REDRAWS_PER_SECOND: Final = 10
OTHER_COLUMNS: Final = 14
"""Columns that the step leaves free: for the spinner, the time and the echo of Ctrl-C at the right edge."""


def open_console(env: Env, display: DisplayOptions) -> Console:
    """A rich console on stderr that ignores a closed terminal."""
    file = cast(TextIO, _NonFailingStream(env.stderr))
    return _CursorConsole(file=file, force_terminal=True, no_color=not display.color, highlight=False)


class _CursorConsole(Console):
    """A console that leaves the cursor visible: nothing would show it again after Ctrl-Z or SIGKILL."""

    def show_cursor(self, show: bool = True) -> bool:
        return False


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
    """As `PlainProgress`, with a live line below the printed lines that is removed at the end."""

    def __init__(self, env: Env, display: DisplayOptions) -> None:
        super().__init__(env, display)
        self._console = open_console(env, display)
        self._started = time.monotonic()
        self._step = "preparing"
        self._partial = ""
        self._images = self._saved = 0
        self._sent: dict[int, int] = {}
        self._received: dict[int, int] = {}
        self._live = Live(self, console=self._console, transient=True, refresh_per_second=REDRAWS_PER_SECOND)

    def __enter__(self) -> LiveProgress:
        self._live.start(refresh=True)
        super().__enter__()
        return self

    def __exit__(self, *args: object) -> None:
        self._live.stop()
        super().__exit__(*args)

    def __call__(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._images = event.images
                self.print_price(event)
            case UploadProgress():
                self._sent[event.request] = event.sent
                self._step = "waiting for the image" if event.sent >= event.total else "sending"
            case DownloadProgress():
                self._received[event.request] = event.received
                self._step = "receiving"
            case RetryWait():
                self._step = f"retrying in {event.seconds:.0f} s"
            case GalleryProgress():
                self._step = f"gallery: {event.done:,} of {event.total:,} thumbnails"
            case PartialImage():
                self._partial = format_partial(event)
                if self._display.preview != "none":
                    self._draw_partial(event)
            case ImageSaved():
                self._saved += 1
                self._partial = ""
        super().__call__(event)

    def line(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)

    def _draw_partial(self, event: PartialImage) -> None:
        """Show a partial image above the live line."""
        # Imported here, because few streams have partial images.
        from imagecli.output.preview import draw_partial, open_screen, write_drawing

        screen = open_screen(self._display.preview, self._env.stderr, self._env, color=self._display.color)
        if screen is None:
            return
        with suppress(InputImageError):  # a damaged one has a warning
            drawing = draw_partial(event.data, screen)
            self._live.stop()
            write_drawing(drawing, self._env.stderr)
            self.line(self._partial)
            self._live.start(refresh=True)

    def __rich__(self) -> Text:
        """The live line."""
        seconds = time.monotonic() - self._started
        frame = SPINNER[int(seconds * REDRAWS_PER_SECOND) % len(SPINNER)]
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(frame, "green").append(f" {timedelta(seconds=int(seconds))} ", "yellow").append(self._describe())
        return line

    def _describe(self) -> str:
        """The step, the number of images and the traffic; short of the right edge, where a Ctrl-C is echoed."""
        # Copies, because this runs in rich's thread.
        sent, received = sum(self._sent.copy().values()), sum(self._received.copy().values())
        parts = [
            self._partial,
            f"{self._saved}/{self._images}" if self._images > 1 else "",
            f"↑{decimal(sent)}" if sent else "",
            f"↓{decimal(received)}" if received else "",
        ]
        room = max(self._console.width - OTHER_COLUMNS, 1)
        text = self._step[:room]
        for part in filter(None, parts):
            if len(text) + 1 + len(part) <= room:  # a number is not cut
                text += f" {part}"
        return text
