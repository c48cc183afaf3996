"""Progress for pipes, files and CI: plain lines on stderr."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from imagecli.env import Env
from imagecli.events import Event, Heartbeat, NoteEvent, PartialImage, RetryWait, WarningEvent
from imagecli.output.display_options import DisplayOptions
from imagecli.output.safe_text import sanitize, write_line

if TYPE_CHECKING:
    from imagecli.output.log_handler import LogHandler


class PlainProgress:
    """Prints the events of a command, and keeps notes, warnings and partial images for its result."""

    def __init__(self, env: Env, style: DisplayOptions) -> None:
        self._env, self._style = env, style
        self.remarks: list[NoteEvent | WarningEvent] = []
        self.partials: list[PartialImage] = []
        """Those that were saved as files, without their bytes."""
        self._log_handler: LogHandler | None = None
        self._counts: Counter[NoteEvent | WarningEvent] = Counter()

    def __enter__(self) -> PlainProgress:
        if self._style.verbose and not self._style.quiet:
            from imagecli.output.log_handler import LogHandler

            self._log_handler = LogHandler(self.line, self._style)
            self._log_handler.install()
        return self

    def __exit__(self, *args: object) -> None:
        """Print how often the repeated notes and warnings occurred."""
        self._close_log()
        for event, times in self._counts.items():
            if times > 1 and (line := format_event(event, self._style)):
                self.line(self._style.redact(f"{line} ({times} times in all)"))
        self._counts.clear()

    def _close_log(self) -> None:
        if self._log_handler:
            self._log_handler.remove()

    def __call__(self, event: Event) -> None:
        if isinstance(event, PartialImage) and event.path:
            self.partials.append(event._replace(data=b""))
        if isinstance(event, (NoteEvent, WarningEvent)):
            self.remarks.append(event)
            self._counts[event] += 1
            if self._counts[event] > 1:
                return
        if line := format_event(event, self._style):
            self.line(self._style.redact(line))

    def line(self, text: str) -> None:
        """One line on stderr."""
        write_line(self._env.stderr, text)


def format_event(event: Event, style: DisplayOptions) -> str | None:
    """The line to print for *event*, or None. --quiet omits all but errors, --verbose adds requests."""
    if style.quiet:
        return None
    match event:
        case NoteEvent():
            return f"imagecli: note: {sanitize(event.message)}"
        case WarningEvent():
            return f"imagecli: warning: {sanitize(event.message)}"
        case RetryWait():
            return f"imagecli: waiting {event.seconds:.1f} s: {sanitize(event.why)}"
        case Heartbeat():
            return f"imagecli: still waiting after {event.elapsed:.0f} s"
        case PartialImage() if style.verbose:
            return f"imagecli: {format_partial(event)} of request {event.request + 1} came, {len(event.data):,} bytes"
    return None


def format_partial(event: PartialImage) -> str:
    """`partial 1/3`, counted from 1."""
    return f"partial {event.partial_image_index + 1}" + (f"/{event.requested}" if event.requested else "")
