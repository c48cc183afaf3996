"""The largest page of a TIFF is used, and a camera raw file is refused."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image, TiffImagePlugin

from imagecli.domain import Size
from imagecli.errors import InputImageError
from imagecli.images.header import read_header
from tests.images.sample_images import fitted, opened

RED, BLUE, GREEN = (200, 0, 0), (0, 0, 200), (0, 200, 0)
Page = tuple[tuple[int, int], tuple[int, int, int], int]
"""Size, color, subfile type."""


def tiff(*pages: Page, order: str = "<") -> bytes:
    """Uncompressed RGB pages in one chain."""
    parts = [{"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)]
    at = 8
    for index, (size, color, kind) in enumerate(pages):
        pixels = bytes(color) * (size[0] * size[1])
        directory = at + 2 + 12 * 10 + 4
        following = directory + 8 + len(pixels)
        entries = [
            (254, 4, 1, kind),
            (256, 4, 1, size[0]),
            (257, 4, 1, size[1]),
            (258, 3, 1, 8),
            (259, 3, 1, 1),
            (262, 3, 1, 2),
            (273, 4, 1, directory + 8),
            (277, 3, 1, 3),
            (278, 4, 1, size[1]),
            (279, 4, 1, len(pixels)),
        ]
        block = struct.pack(order + "H", len(entries))
        for tag, type_, count, value in entries:
            packed = struct.pack(order + "HH", value, 0) if type_ == 3 else struct.pack(order + "I", value)
            block += struct.pack(order + "HHI", tag, type_, count) + packed
        block += struct.pack(order + "I", following if index + 1 < len(pages) else 0)
        parts.append(block + bytes(8) + pixels)
        at = following
    return b"".join(parts)


def with_tags(**tags: object) -> bytes:
    """A small TIFF with further tags, `t330` and the like."""
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for name, value in tags.items():
        info[int(name[1:])] = value
    buffer = io.BytesIO()
    Image.new("RGB", (16, 12), RED).save(buffer, "TIFF", tiffinfo=info)
    return buffer.getvalue()


def patched(data: bytes, tag: int, value: int) -> bytes:
    """A little-endian TIFF with another value of a SHORT tag."""
    at = data.index(struct.pack("<HHI", tag, 3, 1))
    return data[: at + 8] + struct.pack("<HH", value, 0) + data[at + 12 :]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("pages", "size", "color", "note"),
    [
        ([((16, 12), RED, 1), ((64, 48), BLUE, 0)], Size(64, 48), BLUE, None),
        ([((64, 48), BLUE, 0), ((16, 12), RED, 1)], Size(64, 48), BLUE, None),
        ([((16, 12), RED, 0), ((64, 48), BLUE, 0), ((32, 24), GREEN, 0)], Size(64, 48), BLUE, "largest of 3 pages"),
        ([((64, 48), RED, 0), ((64, 48), BLUE, 0)], Size(64, 48), RED, "largest of 2 pages"),
        ([((32, 24), BLUE, 0), ((64, 48), RED, 4)], Size(32, 24), BLUE, None),
        ([((16, 12), RED, 1), ((64, 48), BLUE, 1)], Size(64, 48), BLUE, None),
        ([((16, 12), RED, 0)], Size(16, 12), RED, None),
    ],
)
def test_the_largest_page_is_used(
    pages: list[Page], size: Size, color: tuple[int, int, int], note: str | None, order: str
) -> None:
    result = fitted(tiff(*pages, order=order))
    assert result.image.size == size
    assert opened(result.image.data).convert("RGB").getpixel((3, 3)) == color
    assert any("pages" in change for change in result.changes) == bool(note)
    assert note is None or any(change.startswith(note) for change in result.changes)


def test_a_page_below_a_thumbnail_is_found() -> None:
    chain = bytearray(tiff(((16, 12), RED, 1), ((64, 48), BLUE, 0)))
    second = struct.unpack_from("<I", chain, 8 + 2 + 120)[0]
    # The second page leaves the chain and becomes a SubIFD of the first, in place of the tag that is least needed.
    struct.pack_into("<I", chain, 8 + 2 + 120, 0)
    struct.pack_into("<HHII", chain, 8 + 2 + 12 * 9, 330, 4, 1, second)
    result = fitted(bytes(chain))
    assert (result.image.size, opened(result.image.data).convert("RGB").getpixel((3, 3))) == (Size(64, 48), BLUE)


def test_directories_in_a_circle_are_read_once() -> None:
    chain = bytearray(tiff(((16, 12), RED, 0)))
    struct.pack_into("<I", chain, 8 + 2 + 120, 8)
    with pytest.raises(InputImageError):
        read_header(bytes(chain[:60]), "photo.tif")
    assert read_header(bytes(chain), "photo.tif").size == Size(16, 12)


RAW = {
    "dng": with_tags(t50706=b"\1\4\0\0"),
    "cr2": b"II*\0\x10\0\0\0CR\2\0" + bytes(40),
    "nef": patched(tiff(((16, 12), RED, 1), ((64, 48), BLUE, 0)), 259, 34713),
    "arw": patched(tiff(((64, 48), BLUE, 0)), 259, 32767),
    "pef": patched(tiff(((64, 48), BLUE, 0)), 262, 32803),
    "linear": patched(tiff(((64, 48), BLUE, 0)), 262, 34892),
    "raf": b"FUJIFILMCCD-RAW 0201" + bytes(80),
    "rw2": b"IIU\0\x18\0\0\0" + bytes(80),
    "orf": b"IIRO\x08\0\0\0" + bytes(80),
    "cr3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(80),
}


@pytest.mark.parametrize("name", RAW)
def test_a_raw_file_of_a_camera_is_refused(name: str) -> None:
    with pytest.raises(InputImageError, match="is a camera raw file"):
        fitted(RAW[name])
