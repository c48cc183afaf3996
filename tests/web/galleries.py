"""Galleries of small images, written without requests."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image

from imagecli.domain import Size
from imagecli.events import ignore_event
from imagecli.web.gallery import Gallery, GalleryImage, WrittenGallery, write_gallery
from imagecli.web.gallery_target import check_gallery_target, parse_gallery_target

FIRST = datetime(2026, 11, 23, 14, 22, tzinfo=UTC)
SIZES = (Size(96, 96), Size(144, 96), Size(96, 144))
ANIMALS = ("cat", "owl", "fox", "elk", "bee", "yak", "ant")
PLACES = ("harbour", "forest", "desert", "city", "cave")


def image_file(path: Path, color: tuple[int, int, int] = (40, 90, 160), size: Size = SIZES[0]) -> Path:
    """A PNG of one color."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size.width, size.height), color).save(path)
    return path


def make_images(folder: Path, count: int) -> list[GalleryImage]:
    """*count* images of different colors; each tenth is of another model and of unknown cost."""
    return [make_image(folder, number) for number in range(count)]


def make_image(folder: Path, number: int) -> GalleryImage:
    size = SIZES[number % len(SIZES)]
    color = (number % 256, number // 256 % 256, 128)
    file = image_file(folder / f"{number:04}.png", color, size)
    data = file.read_bytes()
    return GalleryImage(
        id=f"image-{number}",
        file=file,
        prompt=f"{ANIMALS[number % 7]} number {number} in a {PLACES[number % 5]}",
        model="gpt-image-1-mini" if number % 10 == 0 else "gpt-image-2",
        provider="openai",
        created=FIRST + timedelta(minutes=number),
        cost_usd=None if number % 10 == 0 else 0.05 + number % 3 / 100,
        size=size,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        command=f'imagecli generate "{ANIMALS[number % 7]} number {number}"',
    )


def write(images: Sequence[GalleryImage], target: Path | str, *, portable: bool = False) -> WrittenGallery:
    """Writes a gallery titled "Animals" to *target*: FILE.html or FOLDER/."""
    gallery = Gallery(title="Animals", images=tuple(images), portable=portable)
    parsed = parse_gallery_target(str(target), "-o")
    check_gallery_target(parsed)
    return write_gallery(gallery, parsed, ignore_event)
