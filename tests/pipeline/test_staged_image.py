"""A received image is checked and hashed while it is written: its file is not read again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from imagecli.pipeline.staged_image import ImageWriter, StagedImage
from imagecli.storage.atomic_write import open_staged
from tests.images.sample_images import large_png, saved, scene

PNG = large_png(300_000)


@contextmanager
def write_only(path: Path) -> Iterator[IO[bytes]]:
    with path.open("wb") as file:
        yield file


def write(file: IO[bytes], data: bytes) -> StagedImage:
    writer = ImageWriter(file)
    for at in range(0, len(data), 70_000):
        writer.write(memoryview(data)[at : at + 70_000])
    return writer.describe(writer.inspect())


def test_a_png_is_checked_and_hashed_without_reading_it(tmp_path: Path) -> None:
    with write_only(tmp_path / "cat.part") as file:
        staged = write(file, PNG)
    assert staged.identity.is_complete
    assert (staged.bytes, staged.sha256) == (len(PNG), hashlib.sha256(PNG).hexdigest())
    assert staged.path.read_bytes() == PNG


@pytest.mark.parametrize("at", [200_000, len(PNG) - 3])
def test_a_changed_byte_of_a_png_is_found_without_reading_it(tmp_path: Path, at: int) -> None:
    with write_only(tmp_path / "cat.part") as file:
        assert not write(file, PNG[:at] + bytes([PNG[at] ^ 1]) + PNG[at + 1 :]).identity.is_complete


def test_a_format_without_checksums_is_read_back_and_decoded(tmp_path: Path) -> None:
    jpeg = saved(scene(64, 64), "JPEG")
    with open_staged(tmp_path) as file:
        assert write(file, jpeg).identity.is_complete
    with open_staged(tmp_path) as file:
        assert not write(file, jpeg[: len(jpeg) // 2]).identity.is_complete


def test_a_rewritten_file_is_checked_from_its_start(tmp_path: Path) -> None:
    with open_staged(tmp_path) as file:
        writer = ImageWriter(file)
        writer.write(PNG[:200_000])
        assert not writer.inspect().is_complete
        writer.restart()
        writer.write(PNG)
        staged = writer.describe(writer.inspect())
    assert staged.identity.is_complete
    assert staged.sha256 == hashlib.sha256(PNG).hexdigest()
    assert staged.path.read_bytes() == PNG
