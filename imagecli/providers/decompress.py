"""A body that came compressed → what it says, in pieces. Its own first bytes tell what it is: headers lie, and are gone
when an answer is recovered.

gzip (RFC 1952), several members and several layers of it, zlib (RFC 1950), and the bare deflate (RFC 1951) that some
servers send under that name; read 2026-11-23.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from imagecli.errors import UnsavedError

Compression: TypeAlias = Literal["plain", "gzip", "zlib", "deflate"]

MAX_LAYERS: Final = 3
_MAGIC: Final = b"\x1f\x8b"
_ZLIB: Final = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_WINDOW: Final[dict[Compression, int]] = {"gzip": 31, "zlib": 15, "deflate": -15}
"""zlib's numbers for what surrounds the data."""
_KNOWN: Final = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:[{\["<]|data:|event:|\x89PNG|\xff\xd8\xff|RIFF|GIF8)')
"""How JSON, events, pages and pictures begin."""
_TEXT: Final = re.compile(rb"[\t\r\n\x20-\x7e]*")
"""What deflate makes never looks like."""
_TELLING_BYTES: Final = 64
"""So many tell of every kind."""
_SLICE_BYTES: Final = 2048
"""Unpacked at once: deflate makes at most about a thousand times as much of it."""


def detect_compression(head: bytes) -> Compression:
    """How a body that begins with *head* is packed."""
    if _KNOWN.match(head) or _TEXT.fullmatch(head[:_TELLING_BYTES]):
        return "plain"
    if head.startswith(_MAGIC):
        return "gzip"
    if head.startswith(_ZLIB):
        return "zlib"
    try:
        begun = zlib.decompressobj(_WINDOW["deflate"]).decompress(head, _TELLING_BYTES)
    except zlib.error:
        return "plain"
    return "deflate" if _KNOWN.match(begun) else "plain"


class Decompressor:
    """Takes a body in pieces of any length. What is not packed, or only seems to be, passes through it."""

    def __init__(self, limit: int, layers: int = MAX_LAYERS) -> None:
        """More than *limit* bytes are no answer."""
        self._limit, self._layers = limit, layers
        self._kind: Compression | None = None
        """None until enough came to tell."""
        self._held = b""
        """What came and nothing was made of yet."""
        self._tail = b""
        """What came behind a member, and is too short to tell."""
        self._inflate = zlib.decompressobj()
        self._inner: Decompressor | None = None
        self._came = 0
        self._broken = False
        self._passes = False
        """It was no packed body after all."""

    @property
    def is_damaged(self) -> bool:
        """Something of it could not be unpacked."""
        return self._broken or bool(self._inner and self._inner.is_damaged)

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """What *piece* adds. Raises UnsavedError past the limit."""
        if self._kind is None:
            self._held += piece
            if len(self._held) >= _TELLING_BYTES or _KNOWN.match(self._held):
                yield from self._begin()
        else:
            yield from self._feed_more(piece)

    def end(self) -> Iterator[bytes]:
        """The body has ended: what was held back until it could be told."""
        if self._kind is None:
            yield from self._begin()
        if self._inner:
            if not self._inflate.eof and not self._broken:
                for part in self._pass_through():
                    yield from self._inner.feed(part)
            yield from self._inner.end()

    def _begin(self) -> Iterator[bytes]:
        self._kind = detect_compression(self._held) if self._layers else "plain"
        piece, self._held = self._held, b""
        if self._kind != "plain":
            self._inflate = zlib.decompressobj(_WINDOW[self._kind])
            self._inner = Decompressor(self._limit, self._layers - 1)
        yield from self._feed_more(piece)

    def _feed_more(self, piece: bytes) -> Iterator[bytes]:
        if self._kind == "plain":
            self._came += len(piece)
            if self._came > self._limit:
                raise UnsavedError(
                    f"the answer has more than {self._limit // 2**20} MB, unpacked; the rest was not read",
                    hint="no pictures are as large; look at the provider's usage page",
                    code="answer_too_large",
                )
            yield piece
            return
        assert self._inner
        for start in range(0, len(piece), _SLICE_BYTES):
            part = piece[start : start + _SLICE_BYTES]
            for unpacked in (part,) if self._passes else self._decompress(part):
                yield from self._inner.feed(unpacked)

    def _decompress(self, data: bytes) -> Iterator[bytes]:
        if self._inflate.eof:
            data = self._next_member(data)
        while data and not self._broken:
            if not self._came:
                self._held += data
            before = self._inflate.copy()
            try:
                made = self._inflate.decompress(data)
            except zlib.error:
                yield from self._until_damage(before, data)
                return
            yield from self._feed_next_layer(made)
            data = self._next_member(self._inflate.unused_data) if self._inflate.eof else b""

    def _next_member(self, data: bytes) -> bytes:
        """Behind a member's end *data* begins another one, or says nothing."""
        data, self._tail = self._tail + data, b""
        if self._kind != "gzip" or not data.startswith(_MAGIC):
            self._tail = data if data == _MAGIC[:1] else b""
            return b""
        self._inflate = zlib.decompressobj(_WINDOW["gzip"])
        return data

    def _until_damage(self, before: zlib._Decompress, data: bytes) -> Iterator[bytes]:
        """All that *data* makes before it can't be unpacked any more."""
        self._broken = True
        try:
            for k in range(len(data)):
                yield from self._feed_next_layer(before.decompress(data[k : k + 1]))
        except zlib.error:
            yield from self._pass_through()

    def _feed_next_layer(self, data: bytes) -> Iterator[bytes]:
        if data:
            self._held = b""
            self._came += len(data)
            yield data

    def _pass_through(self) -> Iterator[bytes]:
        """It ends here. Where nothing at all was made of it, it may be no packed body: it passes as it came."""
        self._broken = True
        if not self._came:
            self._passes = True
            yield self._held
