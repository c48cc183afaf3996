"""The thumbnails in the table of `imagecli history`: two lines of half blocks beside each row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from imagecli.domain import MAX_IMAGE_BYTES
from imagecli.errors import ImagecliError
from imagecli.images.header import read_header
from imagecli.preview.blocks import encode_centered
from imagecli.preview.screen import Screen, make_thumbnail
from imagecli.preview.window import Cells
from imagecli.storage.read import read_bounded

if TYPE_CHECKING:
    from imagecli.history.query import HistoryImage

ROOM: Final = Cells(6, 2)
"""Of one thumbnail."""
_THREADS: Final = 4
"""Pillow decodes outside of Python's lock."""


def draw_thumbnails(images: Sequence[HistoryImage], screen: Screen) -> Iterator[list[str]]:
    """The lines that show each of *images*, in their order; empty if its file is missing, changed or damaged."""
    pool = ThreadPoolExecutor(_THREADS)
    try:
        drawings = [pool.submit(_draw_thumbnail, image, screen._replace(protocol="blocks")) for image in images]
        for drawing in drawings:
            yield drawing.result()
    finally:
        # After Ctrl-C, or if the reader is gone, the remaining files are not read.
        pool.shutdown(cancel_futures=True)


def _draw_thumbnail(image: HistoryImage, screen: Screen) -> list[str]:
    try:
        data = read_bounded(image.path, MAX_IMAGE_BYTES) if image.path else b""
        if hashlib.sha256(data).hexdigest() != image.sha256:
            return [" " * ROOM.columns] * ROOM.rows
        thumbnail = make_thumbnail(read_header(data, str(image.path)), screen, ROOM)
    except ImagecliError:
        return [" " * ROOM.columns] * ROOM.rows
    return encode_centered(thumbnail, ROOM, true_color=screen.true_color).splitlines()
