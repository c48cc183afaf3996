"""Server-sent events, parsed from bytes in pieces of any length, in linear time.

By the rules of the HTML standard, section 9.2.6 (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from imagecli.providers.decompress import too_large_error

MAX_EVENT_BYTES: Final = 200 * 1024 * 1024
"""Limit of one event. The largest image of any model has a quarter of this as base64."""

_BOM: Final = b"\xef\xbb\xbf"
_FIELD: Final = re.compile(rb"[\r\n]*(?:data|event|id|retry)?:")
_LATER_FIELD: Final = re.compile(rb"[\r\n](?:data|event):")
HEAD_BYTES: Final = 64 * 1024
"""The beginning of a body that is enough to recognize a stream."""
MAX_LINE_BYTES: Final = 64 * 1024 * 1024
"""A longer line is skimmed, whatever its event: no partial image is as large."""
MIN_LINE_BYTES: Final = 100
"""A shorter line counts as this many bytes: each takes time, and a server can send a hundred million in one event."""
END_BYTES: Final = 2000
"""What is kept of either end of a skimmed line."""


class SseEvent(NamedTuple):
    """One event; its name is `message` if it has none."""

    name: str
    data: bytes


def is_stream(body: bytes) -> bool:
    """Whether *body* is an event stream, by its beginning: headers can be wrong, and recovered responses have none."""
    head = body[:HEAD_BYTES].removeprefix(_BOM)
    return not looks_like_document(head) and bool(_FIELD.match(head) or _LATER_FIELD.search(head))


def looks_like_document(head: bytes) -> bool:
    """Whether a body that begins with *head* is JSON, HTML or XML."""
    return head.removeprefix(_BOM).lstrip()[:1] in (b"{", b"[", b'"', b"<")


Skims = Callable[[str, bytes], bool]
"""Whether the ends of an event's long lines are enough, given its name and the beginning of such a line."""


class SseReader:
    """Returns each event as soon as its blank line has arrived.

    Events that *skims* selects lose the middle of their long lines, so that memory does not grow with images. Without
    it, all are read completely.
    """

    def __init__(self, limit: int = MAX_EVENT_BYTES, skims: Skims | None = None) -> None:
        self._limit, self._skims = limit, skims
        self._skimming: bool | None = None
        """Whether the unfinished line is skimmed; None while it is short."""
        self._line: list[bytes] = []
        """Pieces of the unfinished line."""
        self._line_bytes = self._data_bytes = 0
        self._after_cr = False
        """The last piece ended with CR: a LF at the start of the next one belongs to it."""
        self._first = True
        self._name = ""
        self._data = bytearray()

    def feed(self, piece: bytes) -> list[SseEvent]:
        """The events that end in *piece*. Raises UnsavedError for an event larger than the limit."""
        if self._after_cr and piece:
            piece = piece.removeprefix(b"\n")
            self._after_cr = False
        self._after_cr = self._after_cr or piece.endswith(b"\r")
        events = []
        for line in piece.splitlines(keepends=True):
            content = line.rstrip(b"\r\n")
            self._add(content)
            if self._line_bytes + self._data_bytes > self._limit:
                raise too_large_error(f"an event of the stream is larger than {self._limit // 2**20} MB")
            if len(content) < len(line):
                events += self._end_of_line()
        return events

    def end(self) -> list[SseEvent]:
        """The event in which the stream broke off, as far as it arrived. The standard drops it; we don't: it may hold a
        complete image.
        """
        return [*self._end_of_line(), *self._end_of_event()] if self._line else self._end_of_event()

    def _add(self, content: bytes) -> None:
        self._line_bytes += len(content)
        if self._skimming:
            self._line[1] = (self._line[1] + content)[-END_BYTES:]
            return
        self._line.append(content)
        if self._skimming is None and self._line_bytes > HEAD_BYTES:
            line = b"".join(self._line)
            self._skimming = bool(self._skims and self._skims(self._name, line[:END_BYTES]))
            self._line = [line[:END_BYTES], line[-END_BYTES:]] if self._skimming else [line]
        elif self._skims and self._line_bytes > MAX_LINE_BYTES:
            self._skimming = True
            self._line = [self._line[0][:END_BYTES], b"".join(self._line[-2:])[-END_BYTES:]]

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
            self._data += b"\n" + value
            self._data_bytes += max(len(value), MIN_LINE_BYTES)
        elif name == b"event":
            self._name = value.decode("utf-8", "replace")
        return []

    def _end_of_event(self) -> list[SseEvent]:
        events = [SseEvent(self._name or "message", bytes(self._data[1:]))] if self._data else []
        self._name, self._data, self._data_bytes = "", bytearray(), 0
        return events
