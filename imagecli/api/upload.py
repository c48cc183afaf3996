"""A form with one file in it, read from the disk while it is sent: memory does not grow with the file."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from urllib3.filepost import encode_multipart_formdata

from imagecli.api.arrival import Progress
from imagecli.errors import UsageError


class Upload:
    """What goes up, once: fields before the file, and *progress* hears of every piece."""

    def __init__(
        self,
        file: IO[bytes],
        size: int,
        *,
        fields: Mapping[str, str],
        filename: str,
        media_type: str,
        progress: Progress = lambda sent, total: None,
    ) -> None:
        """*size*: so many bytes of *file* are sent, however it grows."""
        boundary = secrets.token_hex(16)
        form, self.content_type = encode_multipart_formdata(
            {**fields, "file": (filename, b"", media_type)}, boundary=boundary
        )
        end = len(form) - len(f"\r\n--{boundary}--\r\n")
        self._left = [(io.BytesIO(form[:end]), end), (file, size), (io.BytesIO(form[end:]), len(form) - end)]
        self.length = len(form) + size
        self._sent, self._progress = 0, progress
        said = ", ".join(f"{name} {value}" for name, value in fields.items())
        self.about = f"{said}, file: {media_type}, {size:,} bytes"

    def tell(self) -> int:
        return self._sent

    def read(self, size: int = -1, /) -> bytes:
        """The next of it, nothing at its end. Raises UsageError where the file has become shorter."""
        while self._left:
            stream, left = self._left.pop(0)
            if not left:
                continue
            piece = stream.read(left if size < 0 else min(size, left))
            if not piece:
                raise UsageError("a file became shorter while it was sent", hint="run the same command again")
            self._left.insert(0, (stream, left - len(piece)))
            self._sent += len(piece)
            self._progress(self._sent, self.length)
            return piece
        return b""


@contextmanager
def opened(source: Path | bytes) -> Iterator[tuple[IO[bytes], int]]:
    """*source* from its start, and how long it is. Raises UsageError where it can't be read."""
    if isinstance(source, bytes):
        yield io.BytesIO(source), len(source)
        return
    try:
        file = source.open("rb")
    except OSError as error:
        raise UsageError(f"{source.name} can't be read: {error.strerror}; nothing was handed in") from error
    with file:
        yield file, os.fstat(file.fileno()).st_size
