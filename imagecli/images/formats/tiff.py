"""The structure of a TIFF: directories of tags, one for each page, with further ones below them. Uses no Pillow.

Sources: Adobe, TIFF 6.0 and its supplement 1 (SubIFDs); DNG 1.7; the raw formats of libtiff's and LibRaw's tag lists.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

from imagecli.domain import Size

MAX_PAGES: Final = 1_000
"""No more directories are read: a chain of them may be a circle."""
_ORDERS: Final = {b"II*\0": "<", b"MM\0*": ">"}
_TYPES: Final = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4), 13: ("I", 4)}
"""Type of a value → its code for `struct`, and its length in bytes: BYTE, SHORT, LONG, IFD."""
_MAX_VALUES: Final = 64
_SUBFILE, _WIDTH, _HEIGHT, _COMPRESSION, _PHOTOMETRIC, _SUB_IFDS, _DNG_VERSION = 254, 256, 257, 259, 262, 330, 50706
_REDUCED, _MASK = 1, 4
"""Bits of the subfile type: a thumbnail, a transparency mask."""
_SENSOR_PIXELS: Final = frozenset({32803, 34892})
"""Photometric interpretations of raw files: color filter array, linear raw."""
_RAW_COMPRESSIONS: Final = frozenset({32767, 32769, 32770, 34713, 65000, 65535})
"""Those of Sony, Epson, Samsung, Nikon, Kodak and Pentax."""
_CR2: Final = b"CR"
"""At byte 8 of Canon's raw files."""


class TiffPage(NamedTuple):
    """One directory with an image."""

    offset: int
    size: Size
    is_full: bool
    """It is neither a thumbnail nor a mask of another page."""
    is_raw: bool
    """It contains raw sensor data, or its tags say so."""


def tiff_pages(data: bytes) -> list[TiffPage]:
    """The images in *data*, those of the chain of pages and those below them, in the order of the file's directories.

    Directories that can't be read are skipped; of bytes that are no TIFF the list is empty.
    """
    order = _ORDERS.get(data[:4])
    if order is None or len(data) < 8:
        return []
    pages: list[TiffPage] = []
    seen: set[int] = set()
    waiting = list(struct.unpack_from(order + "I", data, 4))
    while waiting and len(seen) < MAX_PAGES:
        offset = waiting.pop(0)
        if not offset or offset in seen or offset + 2 > len(data):
            continue
        seen.add(offset)
        tags, following = _read_directory(data, order, offset)
        waiting += [*tags.get(_SUB_IFDS, ()), following]
        if page := _to_page(offset, tags):
            pages.append(page)
    return pages


def is_camera_raw(data: bytes, pages: Sequence[TiffPage]) -> bool:
    """Whether *data* is a camera's raw file: DNG, CR2, NEF, ARW, PEF and the like. Its other *pages* are previews."""
    return (data[:4] in _ORDERS and data[8:10] == _CR2) or any(page.is_raw for page in pages)


def largest_page_first(data: bytes, pages: Sequence[TiffPage]) -> bytes:
    """*data* so that decoders read the largest of *pages*, no thumbnail or mask if there is another."""
    if not pages:
        return data
    largest = max(pages, key=attrgetter("is_full", "size.pixels"))
    return data[:4] + struct.pack(_ORDERS[data[:4]] + "I", largest.offset) + data[8:]


def _read_directory(data: bytes, order: str, offset: int) -> tuple[dict[int, tuple[int, ...]], int]:
    """The tags of one directory that have whole numbers, and the offset of the next directory, or 0."""
    (count,) = struct.unpack_from(order + "H", data, offset)
    tags = dict(_read_tags(data, order, offset + 2, count))
    end = offset + 2 + count * 12
    return tags, struct.unpack_from(order + "I", data, end)[0] if end + 4 <= len(data) else 0


def _read_tags(data: bytes, order: str, start: int, count: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    for at in range(start, min(start + count * 12, len(data) - 11), 12):
        tag, kind, length = struct.unpack_from(order + "HHI", data, at)
        if kind not in _TYPES:
            continue
        code, size = _TYPES[kind]
        length = min(length, _MAX_VALUES)
        place = at + 8 if length * size <= 4 else struct.unpack_from(order + "I", data, at + 8)[0]
        if place + length * size <= len(data):
            values: tuple[Any, ...] = struct.unpack_from(f"{order}{length}{code}", data, place)
            yield tag, values


def _to_page(offset: int, tags: dict[int, tuple[int, ...]]) -> TiffPage | None:
    def first(tag: int) -> int:
        return next(iter(tags.get(tag, ())), 0)

    size = Size(first(_WIDTH), first(_HEIGHT))
    is_raw = _DNG_VERSION in tags or first(_PHOTOMETRIC) in _SENSOR_PIXELS or first(_COMPRESSION) in _RAW_COMPRESSIONS
    if not size.pixels and not is_raw:
        return None
    is_full = not first(_SUBFILE) & (_REDUCED | _MASK)
    return TiffPage(offset=offset, size=size, is_full=is_full, is_raw=is_raw)
