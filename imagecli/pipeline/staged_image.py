"""A received image under a temporary name, checked and hashed while it is being written: its file is not read again."""

import hashlib
from pathlib import Path
from typing import IO, NamedTuple

from imagecli.domain import ImageInfo
from imagecli.errors import DiskError
from imagecli.images.integrity import ImageChecker


class StagedImage(NamedTuple):
    """An image on the disk, under a temporary name."""

    path: Path
    bytes: int
    sha256: str
    identity: ImageInfo
    disk_error: DiskError | None = None
    """Why it is not in the folder where it should be."""


class ImageWriter:
    """Writes the bytes of one image to a staged file, from its start, and checks and hashes each piece on the way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._begin()

    def _begin(self) -> None:
        self._checker, self._sha256, self._count = ImageChecker(), hashlib.sha256(), 0

    def write(self, piece: bytes | memoryview, /) -> int:
        """Writes the next bytes of the image. Raises OSError."""
        self._file.write(piece)
        self._checker.feed(piece)
        self._sha256.update(piece)
        self._count += len(piece)
        return len(piece)

    def flush(self) -> None:
        """Hands what is buffered to the system. Raises OSError."""
        self._file.flush()

    def restart(self) -> None:
        """Discards what was written: the image is written once more. Raises OSError."""
        self._file.seek(0)
        self._file.truncate()
        self._begin()

    def inspect(self) -> ImageInfo:
        """What has been written, and whether it is complete. Reads the file only for formats without checksums."""
        return self._checker.finish(self._file)

    def describe(self, identity: ImageInfo, disk_error: DiskError | None = None) -> StagedImage:
        """The written image; *identity* is what `inspect` returned."""
        return StagedImage(
            path=Path(self._file.name),
            bytes=self._count,
            sha256=self._sha256.hexdigest(),
            identity=identity,
            disk_error=disk_error,
        )
