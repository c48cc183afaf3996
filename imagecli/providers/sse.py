"""Bytes of an event stream → its events, by the rules of the HTML standard, section 9.2.6 (read 2026-11-23).

Takes the bytes in pieces of any length and copies each of them a fixed number of times.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from imagecli.errors import UnsavedError

MAX_EVENT_BYTES: Final = 200 * 1024 * 1024
"""A larger event is no picture's: the largest that any model makes has a quarter of it as base64."""

_BOM: Final = b"\xef\xbb\xbf"
_FIELD: Final = re.compile(rb"[\r\n]*(?:data|event|id|retry)?:")
_LATER_FIELD: Final = re.compile(rb"[\r\n](?:data|event):")
HEAD_BYTES: Final = 64 * 1024
"""So much of a body tells what it is."""
END_BYTES: Final = 2000
"""So much is left at either end of a line that is skimmed."""


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event: `message` is the name of one that has none."""

    name: str
    data: bytes = field(repr=False)


def is_stream(body: bytes) -> bool:
    """Whether *body* is an event stream, by its beginning: headers lie, and are gone when an answer is recovered."""
    head = body[:HEAD_BYTES].removeprefix(_BOM)
    return not looks_like_document(head) and bool(_FIELD.match(head) or _LATER_FIELD.search(head))


def looks_like_document(head: bytes) -> bool:
    """Whether a body that begins like this is JSON or a page."""
    return head.removeprefix(_BOM).lstrip()[:1] in (b"{", b"[", b'"', b"<")


Skims = Callable[[str, bytes], bool]
"""Whether an event can be told by the ends of its long lines: asked with its name and the beginning of such a line."""


class SseReader:
    """Gives each event as soon as its blank line is there.

    What *skims* says so of is given without the middle of its long lines, so that memory does not grow with pictures.
    """

    def __init__(self, limit: int = MAX_EVENT_BYTES, skims: Skims = lambda name, head: False) -> None:
        self._limit, self._skims = limit, skims
        self._skimming: bool | None = None
        """Of the line that has not ended; None while it is short."""
        self._line: list[bytes] = []
        """Pieces of the line that has not ended."""
        self._line_bytes = self._data_bytes = 0
        self._after_cr = False
        """A LF that comes next belongs to the CR before it."""
        self._first = True
        self._name = ""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> list[SseEvent]:
        """The events that end in *piece*. Raises UnsavedError for one that is larger than the limit."""
        if self._after_cr and piece:
            piece = piece.removeprefix(b"\n")
            self._after_cr = False
        self._after_cr = self._after_cr or piece.endswith(b"\r")
        events = []
        for line in piece.splitlines(keepends=True):
            content = line.rstrip(b"\r\n")
            self._add(content)
            if self._line_bytes + self._data_bytes > self._limit:
                raise UnsavedError(
                    f"an event of the stream is larger than {self._limit // 2**20} MB; the rest was not read",
                    hint="no pictures are as large; look at the provider's usage page",
                    code="answer_too_large",
                )
            if len(content) < len(line):
                events += self._end_of_line()
        return events

    def end(self) -> list[SseEvent]:
        """The event that the stream broke off in, as far as it came. The rules drop it; it may hold a whole picture."""
        return [*self._end_of_line(), *self._end_of_event()] if self._line else self._end_of_event()

    def _add(self, content: bytes) -> None:
        self._line_bytes += len(content)
        if self._skimming:
            self._line[1] = (self._line[1] + content)[-END_BYTES:]
            return
        self._line.append(content)
        if self._skimming is None and self._line_bytes > HEAD_BYTES:
            line = b"".join(self._line)
            self._skimming = self._skims(self._name, line[:END_BYTES])
            self._line = [line[:END_BYTES], line[-END_BYTES:]] if self._skimming else [line]

    def _end_of_line(self) -> list[SseEvent]:
        line = b"".join(self._line)
        self._line, self._line_bytes, self._skimming = [], 0, None
        if self._first:
            line = line.removeprefix(_BOM)
            self._first = False
        if not line:
            return self._end_of_event()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._data_bytes += len(value) + 1
        elif name == b"event":
            self._name = value.decode("utf-8", "replace")
        return []

    def _end_of_event(self) -> list[SseEvent]:
        events = [SseEvent(self._name or "message", b"\n".join(self._data))] if self._data else []
        self._name, self._data, self._data_bytes = "", [], 0
        return events
