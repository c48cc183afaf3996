"""Progress for pipes, files and CI: plain lines on stderr."""

from __future__ import annotations

import logging
from collections import Counter

from imagecli.env import Env
from imagecli.events import (
    BatchApiProgress,
    BatchProgress,
    Event,
    GalleryProgress,
    Heartbeat,
    NoteEvent,
    PartialImage,
    RetryWait,
    RunStarted,
    WarningEvent,
)
from imagecli.output.terminal import DisplayOptions, sanitize, write_line

_LOGGER = logging.getLogger("imagecli")


class LogHandler(logging.Handler):
    """Prints the records of imagecli's own loggers, from any thread."""

    def __init__(self, progress: PlainProgress, display: DisplayOptions) -> None:
        super().__init__(logging.DEBUG if display.debug else logging.INFO)
        self._progress, self._display = progress, display

    def emit(self, record: logging.LogRecord) -> None:
        self._progress.line(self._display.redact(f"imagecli: {sanitize(record.getMessage())}"))

    def install(self) -> None:
        _LOGGER.addHandler(self)
        _LOGGER.setLevel(self.level)

    def remove(self) -> None:
        """Stop logging, even if other threads are still running."""
        _LOGGER.removeHandler(self)
        _LOGGER.setLevel(logging.NOTSET)


class PlainProgress:
    """Prints the events of a command, and keeps notes, warnings and partial images for its result."""

    def __init__(self, env: Env, display: DisplayOptions) -> None:
        self._env, self._display = env, display
        self.remarks: list[NoteEvent | WarningEvent] = []
        self.partials: list[PartialImage] = []
        """Those that were saved as files, without their bytes."""
        self._log_handler: LogHandler | None = None
        self._counts: Counter[NoteEvent | WarningEvent] = Counter()

    def __enter__(self) -> PlainProgress:
        if self._display.verbose and not self._display.quiet:
            self._log_handler = LogHandler(self, self._display)
            self._log_handler.install()
        return self

    def __exit__(self, *args: object) -> None:
        """Print how often the repeated notes and warnings occurred."""
        self._close_log()
        for event, times in self._counts.items():
            if times > 1 and (line := format_event(event, self._display)):
                self.line(self._display.redact(f"{line} ({times} times in total)"))
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
        if line := format_event(event, self._display):
            self.line(self._display.redact(line))

    def print_price(self, event: RunStarted) -> None:
        """Print what the requests can cost, before the first one is sent. Only for a terminal."""
        if event.price:
            self.line(f"imagecli: price: {sanitize(event.price)}")

    def line(self, text: str) -> None:
        """One line on stderr."""
        write_line(self._env.stderr, text)


class BatchPlainProgress(PlainProgress):
    """As `PlainProgress`; the heartbeat reports how many rows are done."""

    def __init__(self, env: Env, display: DisplayOptions) -> None:
        super().__init__(env, display)
        self._progress: BatchProgress | None = None
        self._api_progress: BatchApiProgress | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, BatchProgress):
            self._progress = event
        elif isinstance(event, BatchApiProgress):
            self._api_progress = event
        elif isinstance(event, Heartbeat) and self._progress and not self._display.quiet:
            text = _format_progress(self._progress, self._api_progress)
            self.line(f"imagecli: {text} after {event.elapsed:.0f} s")
        else:
            super().__call__(event)


def _format_progress(progress: BatchProgress, api_progress: BatchApiProgress | None) -> str:
    """`3 of 20 saved, 1 failed, 8 of 16 completed by the Batch API`."""
    text = f"{progress.done:,} of {progress.total:,} saved"
    if progress.failed:
        text += f", {progress.failed:,} failed"
    if api_progress and api_progress.total:
        text += f", {api_progress.completed:,} of {api_progress.total:,} completed by the Batch API"
    return text


def format_event(event: Event, display: DisplayOptions) -> str | None:
    """The line to print for *event*, or None. --quiet omits all but errors, --verbose adds requests."""
    if display.quiet:
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
        case GalleryProgress(heartbeat=True):
            return f"imagecli: {event.done:,} of {event.total:,} gallery thumbnails after {event.elapsed:.0f} s"
        case PartialImage() if display.verbose:
            return (
                f"imagecli: received {format_partial(event)} of request {event.request + 1}, {len(event.data):,} bytes"
            )
    return None


def format_partial(event: PartialImage) -> str:
    """`partial 1/3`, counted from 1."""
    return f"partial {event.partial_image_index + 1}" + (f"/{event.requested}" if event.requested else "")
