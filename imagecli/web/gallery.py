"""Writes a gallery: a page that shows images with their prompts, models, prices, lineage and commands.

One HTML file holds everything and suits a few hundred images. A folder with a page and thumbnails suits thousands, and
its thumbnails are reused. Both open from the disk without a server, and load nothing from the network.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import quote_from_bytes

from imagecli.domain import Json, Size
from imagecli.events import EventHandler, GalleryProgress
from imagecli.safe_open import real_path
from imagecli.storage.atomic_write import save_file, translate_disk_errors
from imagecli.web.gallery_page import build_page
from imagecli.web.gallery_target import GalleryTarget, large_page_error
from imagecli.web.gallery_thumbnails import (
    GRID_EDGE,
    LARGE_EDGE,
    GalleryThumbnail,
    ThumbnailSource,
    make_thumbnails,
    remove_unused_files,
)

MAX_PAGE_BYTES: Final = 400_000_000
"""Chromium fails above half a gigabyte, the longest string of its JavaScript."""
HEARTBEAT_SECONDS: Final = 30.0
_UNSAFE_TO_OPEN: Final = (".svg", ".html", ".htm")
"""Opened in a window of its own, a file of these types could run scripts; inside `<img>` it can't."""


class GalleryInput(NamedTuple):
    """An image that another one was made from."""

    name: str
    file: Path | None = None
    sha256: str | None = None
    id: str | None = None
    """Of the image in the same gallery, if it is one."""


class GalleryImage(NamedTuple):
    """One image with what is known about it. Empty texts and None are not shown."""

    id: str
    file: Path | None
    """None if nothing was saved."""
    prompt: str = ""
    revised_prompt: str | None = None
    model: str = ""
    provider: str = ""
    created: datetime | None = None
    cost_usd: float | None = None
    """None if it is unknown."""
    size: Size | None = None
    bytes: int | None = None
    """As recorded, to notice that the file was changed."""
    sha256: str | None = None
    command: str = ""
    """Creates such an image again, quoted for a shell."""
    inputs: tuple[GalleryInput, ...] = ()
    """The first one is shown as the image before the edit."""
    state: str = ""
    """What is special about it, in one or two words."""


class Gallery(NamedTuple):
    """The images of a page, in their order."""

    title: str
    images: tuple[GalleryImage, ...]
    order: Literal["listed", "newest"] = "newest"
    """The first order of the page."""
    empty: str = "There are no images yet."
    """Shown if there are none."""
    portable: bool = False
    """The gallery contains all that it shows, for another machine; else it links to files elsewhere on this one."""
    has_ids: bool = False
    """The ids mean something to the user."""


class WrittenGallery(NamedTuple):
    """A gallery on the disk."""

    page: Path
    images: int
    bytes: int
    """Of the page."""
    is_one_file: bool
    """The page contains its images."""


def write_gallery(gallery: Gallery, target: GalleryTarget, on_event: EventHandler) -> WrittenGallery:
    """Writes *gallery* to a *target* that was checked, and replaces an earlier gallery there. Raises DiskError."""
    folder = real_path(target.page.parent)
    sources = {
        key: source for image in gallery.images for key, source in _thumbnail_sources(image, gallery, target, folder)
    }
    distinct = list(dict.fromkeys(sources.values()))
    with translate_disk_errors(target.page):
        thumbnails = _make_thumbnails(distinct, target.folder, on_event)
    thumbnails_by_key = {key: thumbnails[source] for key, source in sources.items()}
    page = build_page(_build_document(gallery, thumbnails_by_key, folder))
    if len(page) > MAX_PAGE_BYTES:
        raise large_page_error(target, len(page))
    save_file(page, target.page, overwrite=True)
    if target.folder:
        remove_unused_files(
            target.folder, (url for thumbnail in thumbnails.values() for url in (thumbnail.url, thumbnail.copy) if url)
        )
    return WrittenGallery(page=target.page, images=len(gallery.images), bytes=len(page), is_one_file=not target.folder)


def _make_thumbnails(
    sources: Sequence[ThumbnailSource], folder: Path | None, on_event: EventHandler
) -> dict[ThumbnailSource, GalleryThumbnail]:
    """The thumbnail of each of *sources*; reports progress."""
    thumbnails: dict[ThumbnailSource, GalleryThumbnail] = {}
    start = last_heartbeat = time.monotonic()
    for source, thumbnail in make_thumbnails(sources, folder):
        thumbnails[source] = thumbnail
        now = time.monotonic()
        is_heartbeat = now - last_heartbeat >= HEARTBEAT_SECONDS
        if is_heartbeat:
            last_heartbeat = now
        on_event(GalleryProgress(done=len(thumbnails), total=len(sources), elapsed=now - start, heartbeat=is_heartbeat))
    return thumbnails


_Key = tuple[str, int]
"""Image id, and 0 for the image itself or the number of its input."""


def _thumbnail_sources(
    image: GalleryImage, gallery: Gallery, target: GalleryTarget, folder: Path
) -> Iterator[tuple[_Key, ThumbnailSource]]:
    """The files of *image* that the page in *folder* shows."""
    if image.file:
        is_copied = bool(gallery.portable and target.folder and not real_path(image.file).is_relative_to(folder))
        edge = LARGE_EDGE if gallery.portable and not target.folder else GRID_EDGE
        yield (
            (image.id, 0),
            ThumbnailSource(file=image.file, edge=edge, sha256=image.sha256, bytes=image.bytes, copied=is_copied),
        )
    for number, item in enumerate(image.inputs, 1):
        if item.file and not item.id:
            yield (image.id, number), ThumbnailSource(file=item.file, edge=LARGE_EDGE, sha256=item.sha256)


def _file_url(file: Path, folder: Path, *, portable: bool) -> str | None:
    """The URL of *file* for a page in *folder*, resolved; None if it is elsewhere and the gallery is *portable*.

    Relative for a file below the folder, so that both can be moved together.
    """
    path = real_path(file)
    if path.is_relative_to(folder):
        return "./" + quote_from_bytes(os.fsencode(path.relative_to(folder).as_posix()))
    return None if portable else path.as_uri()


def _build_document(gallery: Gallery, thumbnails: Mapping[_Key, GalleryThumbnail], folder: Path) -> dict[str, Json]:
    return {
        "title": gallery.title,
        "order": gallery.order,
        "empty": gallery.empty,
        "ids": gallery.has_ids,
        "images": [_describe_image(image, gallery, thumbnails, folder) for image in gallery.images],
    }


def _describe_image(
    image: GalleryImage, gallery: Gallery, thumbnails: Mapping[_Key, GalleryThumbnail], folder: Path
) -> dict[str, Json]:
    thumbnail = thumbnails.get((image.id, 0), GalleryThumbnail(exists=False))
    file = thumbnail.copy
    if image.file and thumbnail.exists and not file:
        file = _file_url(image.file, folder, portable=gallery.portable)
    can_open = file and Path(file).suffix.lower() not in _UNSAFE_TO_OPEN
    return {
        "id": image.id,
        "name": image.file.name if image.file else image.id,
        "path": str(image.file) if image.file else None,
        "thumb": thumbnail.url,
        "file": file,
        "can_open": bool(can_open),
        "note": thumbnail.problem,
        "prompt": image.prompt,
        "revised": image.revised_prompt,
        "model": image.model,
        "provider": image.provider,
        "created": image.created.astimezone(UTC).isoformat(timespec="seconds") if image.created else None,
        "cost": image.cost_usd,
        "width": image.size.width if image.size else None,
        "height": image.size.height if image.size else None,
        "bytes": image.bytes,
        "command": image.command,
        "state": image.state,
        "inputs": [
            {"name": item.name, "id": item.id, "thumb": thumbnails.get((image.id, number), GalleryThumbnail()).url}
            for number, item in enumerate(image.inputs, 1)
        ],
    }
