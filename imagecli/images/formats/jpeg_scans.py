"""Whether a JPEG's scans hold all that its headers promise. It has no checksums, and decoders fill gaps in silence.

No decoder reads the bytes behind a whole scan; where a scan was cut and an end put to it, they are taken for pixels.
So a picture `fill_scans` once with these bytes and once with those decodes to different pixels where some were missing.
Source: ITU-T T.81, annexes B, F and G.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from imagecli.images.byte_window import ByteWindow
from imagecli.images.formats.jpeg import SOF, SOS, jpeg_segments

FILLERS: Final = (b"\x2a\x51\x39\xc4\x5b\x8e\x17\xa3" * 16, b"\xd5\xae\xc6\x3b\xa4\x71\xe8\x5c" * 16)
"""What is put behind scans: no byte begins a marker, and what is a 1 in one is a 0 in the other. Sixteen bytes fill no
more than a block's detail, which is not looked at; these fill several blocks.
"""
PROGRESSIVE: Final = 0xC2
HUFFMAN: Final = frozenset({0xC0, 0xC1, PROGRESSIVE})
"""Frames that this is true of: arithmetic coding may leave out bytes at the end of a scan."""
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_RESTARTS = b"".join(bytes((0xFF, 0xD0 + number)) for number in range(8))
_BANDS = 64
_MOST_RESTARTS = 100_000
"""So many pieces of a scan are filled, so that hostile bytes do not grow without bound."""


class Scan(NamedTuple):
    """One scan: its header, and where its entropy-coded data lies."""

    header: bytes
    start: int
    end: int


class JpegStructure(NamedTuple):
    """What the frame header announces, and the scans that came."""

    frame: int
    """Its marker."""
    components: bytes
    scans: list[Scan]

    @classmethod
    def parse(cls, data: ByteWindow) -> JpegStructure:
        """Of a JPEG that is whole as `jpeg.find_jpeg_problem` sees it."""
        frame, components, scans = 0, b"", []
        for segment, following in pairwise(jpeg_segments(data)):
            body = bytes(data[segment.start + 4 : segment.end])
            if segment.marker in SOF:
                frame, components = segment.marker, body[6::3]
            elif segment.marker == SOS:
                scans.append(Scan(body, segment.end, following.start))
        return cls(frame, components, scans)


def is_unfinished(data: ByteWindow, structure: JpegStructure) -> bool:
    """Whether headers and markers tell already: a scan that should follow did not, restarts are out of their order."""
    precision = {component: [_BANDS] * _BANDS for component in structure.components}
    for scan in structure.scans:
        for component, bands, left in _refined_bands(scan.header, structure.frame):
            if component in precision:
                precision[component][bands] = [left] * len(precision[component][bands])
    if any(bands[0] or any(0 < left < _BANDS for left in bands) for bands in precision.values()):
        return True
    return any(not _is_in_order(_entropy_data(data, scan)) for scan in structure.scans)


def fill_scans(data: ByteWindow, structure: JpegStructure, filler: bytes) -> bytes:
    """*data* with *filler* behind each piece of entropy-coded data, and behind a restart more than there are."""
    parts: list[bytes] = []
    done = 0
    for scan in structure.scans:
        coded = _entropy_data(data, scan)
        further = bytes((0xFF, 0xD0 + len(_RESTART.findall(coded)) % 8))
        coded = _RESTART.sub(lambda found: filler + found[0], coded, count=_MOST_RESTARTS)
        parts += [bytes(data[done : scan.start]), coded, filler, further, filler]
        done = scan.end
    return b"".join((*parts, bytes(data[done:])))


def _refined_bands(header: bytes, frame: int) -> Iterator[tuple[int, slice, int]]:
    """A scan's components, each with the bands of coefficients that it brings and the bits that they lack still.

    Outside of progressive frames decoders believe no header that says less than all.
    """
    count = header[0] if header else 0
    if len(header) < 4 + 2 * count:
        return
    first, last, bits = header[1 + 2 * count : 4 + 2 * count] if frame == PROGRESSIVE else (0, _BANDS, 0)
    for component in header[1 : 1 + 2 * count : 2]:
        yield component, slice(first, last + 1), bits & 0x0F


def _entropy_data(data: ByteWindow, scan: Scan) -> bytes:
    """A scan's data without fill bytes: a filler between them and their marker would make another of it."""
    coded = bytes(data[scan.start : scan.end]).rstrip(b"\xff")
    while b"\xff\xff" in coded:
        coded = coded.replace(b"\xff\xff", b"\xff")
    return coded


def _is_in_order(coded: bytes) -> bool:
    found = b"".join(_RESTART.findall(coded))
    return found == (_RESTARTS * (len(found) // len(_RESTARTS) + 1))[: len(found)]
