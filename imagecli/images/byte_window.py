"""Bytes to walk through, whether they lie in memory or in a file that is read a window at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Final, TypeAlias, overload

WINDOW_BYTES: Final = 256 * 1024
_PIECE_BYTES: Final = 128 * 1024


class FileWindow:
    """A file as a memoryview is: its length, its bytes by index and slice. Holds one window of it, *size* bytes."""

    def __init__(self, file: IO[bytes], size: int = WINDOW_BYTES) -> None:
        self._file, self._size = file, size
        self._length = file.seek(0, 2)
        self._start = 0
        self._window = b""

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, key: int) -> int: ...
    @overload
    def __getitem__(self, key: slice) -> bytes: ...
    def __getitem__(self, key: int | slice) -> int | bytes:
        if isinstance(key, int):
            window, start = self.window(key)
            return window[key - start]
        first, stop, _ = key.indices(self._length)
        if first >= stop:
            return b""
        if stop - first > self._size // 2:
            self._file.seek(first)
            return self._file.read(stop - first)
        window, start = self.window(first)
        if stop > start + len(window):
            window, start = self.read_window(first)
        return window[first - start : stop - start]

    def window(self, at: int) -> tuple[bytes, int]:
        """Bytes around *at*, which is inside the file, and where they begin."""
        if self._start <= at < self._start + len(self._window):
            return self._window, self._start
        return self.read_window(at)

    def read_window(self, at: int) -> tuple[bytes, int]:
        """The bytes from *at* on, and *at*."""
        self._file.seek(at)
        self._window, self._start = self._file.read(self._size), at
        return self._window, at


ByteWindow: TypeAlias = memoryview | FileWindow


def bytes_around(data: ByteWindow, at: int) -> tuple[memoryview | bytes, int]:
    """As many bytes as are at hand around *at*, and where they begin."""
    return (data, 0) if isinstance(data, memoryview) else data.window(at)


def iter_bytes(data: ByteWindow, start: int, stop: int) -> Iterator[memoryview | bytes]:
    """The bytes from *start* to *stop*, none of the pieces large."""
    for at in range(start, stop, _PIECE_BYTES):
        yield data[at : min(at + _PIECE_BYTES, stop)]


def find_pair(data: ByteWindow, pair: re.Pattern[bytes], start: int) -> int | None:
    """Where *pair*, a pattern of two bytes, is first found from *start* on."""
    near, begin = bytes_around(data, start) if start < len(data) else (b"", start)
    while not (found := pair.search(near, start - begin)):
        # Its first byte may be the last of this window.
        start = begin + len(near) - 1
        if isinstance(data, memoryview) or start + 2 > len(data):
            return None
        near, begin = data.read_window(start)
    return begin + found.start()
