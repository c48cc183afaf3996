"""Thumbnails of the images of a gallery: in the page itself, or files in its folder that the next run reuses.

Several images are decoded at the same time. An image that can't be shown gets a sentence that says why.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from imagecli.domain import MAX_PICTURE_BYTES
from imagecli.errors import InputImageError
from imagecli.storage.atomic_write import discard_all_staged, save_file
from imagecli.storage.read import read_bounded
from imagecli.web.gallery_target import COPIES, THUMBNAILS
from imagecli.worker_pool import run_unordered

GRID_EDGE: Final = 480
"""Pixels of the longer edge: tiles are at most 350 wide, on screens with up to two pixels for each."""
LARGE_EDGE: Final = 1200
"""Of images whose files are not beside the page."""
MAX_THREADS: Final = 8
_MEDIA_TYPES: Final = {"webp": "image/webp", "svg": "image/svg+xml"}
_LABEL: Final = "gallery"
"""In the names of files that an interrupted run leaves behind."""
_OWN_FILE: Final = re.compile(r"[0-9a-f]{64}(-\d+)?\.[a-z0-9]{1,5}")
"""The names of the files that a gallery writes to its own folders."""


class ThumbnailSource(NamedTuple):
    """A file to make a thumbnail of."""

    file: Path
    edge: int
    sha256: str | None = None
    """Of the recorded image; None if it is unknown."""
    bytes: int | None = None
    """Its recorded length; None if it is unknown."""
    copied: bool = False
    """The file itself is copied to the gallery's folder too."""


class GalleryThumbnail(NamedTuple):
    """What a page shows of a file."""

    url: str | None = None
    """Of the small copy; None if there is none."""
    copy: str | None = None
    """The URL of the copied file."""
    exists: bool = True
    problem: str | None = None
    """Why the image itself, or a thumbnail, is missing."""


def make_thumbnails(
    sources: Sequence[ThumbnailSource], folder: Path | None
) -> Iterator[tuple[ThumbnailSource, GalleryThumbnail]]:
    """Yields the thumbnail of each of *sources*, in order of completion: in *folder*, or without one as a data URL.

    Raises DiskError if one can't be written.
    """
    work = [_ThumbnailTask(source, folder) for source in sources]
    if folder:
        for name in (THUMBNAILS, COPIES):
            if name == THUMBNAILS or any(task.source.copied for task in work):
                (folder / name).mkdir(exist_ok=True)
    yield from run_unordered(_ThumbnailTask.run, work, jobs=min(MAX_THREADS, os.cpu_count() or 1))


def remove_unused_files(folder: Path, urls: Iterable[str]) -> None:
    """Removes the thumbnails and copies in *folder* that are not among *urls*, and what an interrupted run has left.

    *urls* are relative to the folder.
    """
    used = set(urls)
    for name in (THUMBNAILS, COPIES):
        discard_all_staged(folder / name, _LABEL)
        with contextlib.suppress(OSError):
            for path in (folder / name).iterdir():
                if _OWN_FILE.fullmatch(path.name) and f"{name}/{path.name}" not in used:
                    path.unlink()


class _ThumbnailTask(NamedTuple):
    source: ThumbnailSource
    folder: Path | None

    def run(self) -> tuple[ThumbnailSource, GalleryThumbnail]:
        try:
            status = self.source.file.stat()
        except (OSError, ValueError):
            cached = self._find_cached(self.source.sha256)
            return self.source, GalleryThumbnail(
                url=cached, exists=False, problem="file not found: moved or deleted since"
            )
        is_changed = self.source.bytes not in (None, status.st_size)
        sha256 = None if is_changed else self.source.sha256
        problem = "the file was changed since" if is_changed else None
        cached = self._find_cached(sha256)
        if cached and not self.source.copied:
            return self.source, GalleryThumbnail(url=cached)
        try:
            data = read_bounded(self.source.file, MAX_PICTURE_BYTES)
            sha256 = sha256 or hashlib.sha256(data).hexdigest()
            url = cached or self._find_cached(sha256) or self._write_thumbnail(data, sha256)
        except InputImageError as error:
            return self.source, GalleryThumbnail(problem=error.message)
        return self.source, GalleryThumbnail(url=url, copy=self._copy_file(data, sha256), problem=problem)

    def _find_cached(self, sha256: str | None) -> str | None:
        """The URL of a thumbnail that exists."""
        if self.folder and sha256:
            for thumbnail_format in _MEDIA_TYPES:
                url = self._thumbnail_url(sha256, thumbnail_format)
                if (self.folder / url).is_file():
                    return url
        return None

    def _thumbnail_url(self, sha256: str, thumbnail_format: str) -> str:
        return f"{THUMBNAILS}/{sha256}-{self.source.edge}.{thumbnail_format}"

    def _write_thumbnail(self, data: bytes, sha256: str) -> str:
        # Imported here, because a batch without a gallery needs no Pillow.
        from imagecli.images.thumbnail import make_web_thumbnail

        thumbnail = make_web_thumbnail(data, self.source.edge, self.source.file.name)
        if not self.folder:
            return f"data:{_MEDIA_TYPES[thumbnail.format]};base64,{base64.b64encode(thumbnail.data).decode('ascii')}"
        path = self.folder / self._thumbnail_url(sha256, thumbnail.format)
        return f"{THUMBNAILS}/{save_file(thumbnail.data, path, overwrite=True, label=_LABEL).name}"

    def _copy_file(self, data: bytes, sha256: str) -> str | None:
        if not (self.folder and self.source.copied):
            return None
        url = f"{COPIES}/{sha256}{self.source.file.suffix.lower()}"
        path = self.folder / url
        if not (path.is_file() and path.stat().st_size == len(data)):
            save_file(data, path, overwrite=True, label=_LABEL)
        return url
