"""Writes the bytes of one image, from its base64 or its URL, into a staged file. Memory does not grow with them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from imagecli.client.download import ResultDownloader
from imagecli.domain import ImageInfo
from imagecli.errors import DiskError, ImagecliError, UnsavedError
from imagecli.events import DownloadProgress, EventHandler
from imagecli.http_message import ReturnedImage
from imagecli.images.integrity import inspect_image_file
from imagecli.prepared import PreparedCall
from imagecli.providers.large_json import CondensedBody, decode_base64
from imagecli.safe_open import make_private_folder
from imagecli.storage.atomic import translate_disk_errors
from imagecli.storage.boundary import check_still_below
from imagecli.storage.staging import discard_staged, open_staged

FileFiller = Callable[[IO[bytes]], ImageInfo | None]
"""Writes an image's bytes into a file and returns what they are, if that is known; may be called again."""


class StagedImage(NamedTuple):
    """An image on the disk, under a temporary name."""

    path: Path
    bytes: int
    sha256: str
    identity: ImageInfo
    disk_error: DiskError | None = None
    """Why it is not in the folder where it should be."""


class ImageFetcher(NamedTuple):
    """Fetches the images of one response. Threads may fetch at the same time."""

    prepared: PreparedCall
    condensed: CondensedBody
    downloader: ResultDownloader
    rescue_folder: Path
    """For images whose own folder can't be written to, and for those that wait for stdout."""
    on_event: EventHandler
    decode_lock: AbstractContextManager[object]
    """Held while base64 is decoded."""
    peer: str | None = None
    """The address that the request was sent to."""

    def fetch(self, numbered: tuple[int, ReturnedImage]) -> StagedImage:
        """An image by its index, from its base64; from its URL if it has none, or if it is damaged.

        Raises UnsavedError if neither gives bytes, DiskError if they can't be written.
        """
        index, image = numbered
        folder = self.rescue_folder if self.prepared.stdout and not index else self.prepared.name(index).folder
        failures: list[ImagecliError] = []
        damaged: list[StagedImage] = []
        for fill, lock in self._ways_to_fill(image):
            try:
                with lock:
                    staged = self._stage(folder, fill)
            except ImagecliError as error:
                failures.append(error)
                continue
            if staged.identity.whole:
                for other in damaged:
                    discard_staged(other.path)
                return staged
            damaged.append(staged)
        for other in damaged[1:]:
            discard_staged(other.path)
        if damaged:
            return damaged[0]
        raise _choose_failure(failures, image)

    def _ways_to_fill(self, image: ReturnedImage) -> Iterator[tuple[FileFiller, AbstractContextManager[object]]]:
        """How to get the bytes, and what to hold meanwhile."""
        if image.b64_json:
            yield partial(_decode_base64, self.condensed, image.b64_json), self.decode_lock
        if image.url:
            yield partial(self._download, image.url), nullcontext()

    def _download(self, url: str, into: IO[bytes]) -> ImageInfo | None:
        """What was downloaded, if it is complete: the last attempt is not inspected."""
        seen: list[ImageInfo] = []

        def is_whole(file: IO[bytes]) -> bool:
            seen.append(inspect_image_file(file))
            return seen[-1].whole

        self.downloader.fetch(
            url,
            into,
            lambda done, total: self.on_event(
                DownloadProgress(request=self.prepared.request, received=done, total=total)
            ),
            is_whole,
            base_url=self.prepared.base_url,
            peer=self.peer,
        )
        return seen[-1] if seen and seen[-1].whole else None

    def _stage(self, folder: Path, fill: FileFiller) -> StagedImage:
        """In *folder*; or in the rescue folder, readable only by the user, if that fails."""
        if folder != self.rescue_folder:
            try:
                check_still_below(folder, self.prepared.root)
                with translate_disk_errors(folder):
                    return self._fill_staged(folder, fill, 0o666, None)
            except DiskError as error:
                problem = error
        else:
            problem = None
        with translate_disk_errors(self.rescue_folder):
            make_private_folder(self.rescue_folder)
            return self._fill_staged(self.rescue_folder, fill, 0o600, problem)

    def _fill_staged(self, folder: Path, fill: FileFiller, mode: int, problem: DiskError | None) -> StagedImage:
        with open_staged(folder, label=self.prepared.id, mode=mode) as file:
            identity = fill(file)
            return inspect_staged(file, problem, identity)


def inspect_staged(file: IO[bytes], problem: DiskError | None = None, identity: ImageInfo | None = None) -> StagedImage:
    """The hash of a staged file, and its structure, inspected to the end if *identity* is not known."""
    length = file.seek(0, 2)
    file.seek(0)
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    identity = identity or inspect_image_file(file)
    return StagedImage(path=Path(file.name), bytes=length, sha256=sha256, identity=identity, disk_error=problem)


def _choose_failure(failures: list[ImagecliError], image: ReturnedImage) -> ImagecliError:
    """Why there is no image, with the hint for a URL that does not answer."""
    if not failures:
        empty = UnsavedError("the answer has a place for a picture, and none in it", code="empty_item")
        return image.error or empty
    if image.hint and failures[-1].code == "result_url":
        return failures[-1].with_facts(hint=image.hint)
    return failures[-1]


def _decode_base64(condensed: CondensedBody, b64_json: str, into: IO[bytes]) -> None:
    try:
        for piece in decode_base64(condensed.iter_text(b64_json)):
            into.write(piece)
    except ValueError as error:
        raise UnsavedError("a picture of the answer is not base64", code="not_base64") from error
