"""Lines out of pieces as they arrive: each as a file of its own, as one may be hundreds of megabytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Final

from imagecli.errors import DiskError
from imagecli.store.files import reason

IN_MEMORY: Final = 1 << 20
"""Bytes of a line that are held without the disk."""
BLANK: Final = (b"", b"\r")
"""What stands on a line that is none."""


class Lines:
    """Takes pieces; calls *line* with every line that is not blank, at its beginning. Closed by its `with` block."""

    def __init__(self, line: Callable[[IO[bytes]], None], folder: Path | None = None) -> None:
        """Long lines lie in *folder* meanwhile, under no name."""
        self._line = line
        self._folder = folder
        self._file = self._new()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """A last line that nothing ends is a line too, unless the pieces broke off."""
        try:
            if error is None:
                self._end()
        finally:
            self._file.close()

    def take(self, piece: bytes) -> None:
        """Raises DiskError, and whatever *line* raises."""
        first, *others = piece.split(b"\n")
        self._add(first)
        for other in others:
            self._end()
            self._add(other)

    def _add(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise DiskError(
                f"can't keep a line of a batch while it is saved: {reason(error)}",
                hint="free some space: the provider has it still, and the same command fetches it again",
            ) from error

    def _end(self) -> None:
        if not self._is_blank():
            self._file.seek(0)
            self._line(self._file)
        if self._file.tell():
            self._file.close()
            self._file = self._new()

    def _is_blank(self) -> bool:
        if self._file.tell() > max(map(len, BLANK)):
            return False
        self._file.seek(0)
        return self._file.read() in BLANK

    def _new(self) -> IO[bytes]:
        return SpooledTemporaryFile(IN_MEMORY, dir=str(self._folder) if self._folder else None)
