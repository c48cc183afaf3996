"""What bytes are, from their own structure and never from a name. Standard library only; decodes no pixels.

`identify` reads headers, `judge` walks to the end. Both raise on no bytes whatever, take linear time and copy nothing
but a head of fixed length.
"""

from __future__ import annotations

from collections.abc import Callable
from mmap import mmap
from typing import IO, NamedTuple, TypeAlias

from imagecli.domain import Identity, Size
from imagecli.pictures import foreign, gif, jpeg, png, svg, webp
from imagecli.pictures.view import FileView, View

Data: TypeAlias = bytes | bytearray | memoryview | mmap


class _Format(NamedTuple):
    is_here: Callable[[View], bool]
    size: Callable[[View], Size | None]
    problem: Callable[[View], str | None]


_FORMATS = {
    "png": _Format(lambda data: bytes(data[:8]) == png.SIGNATURE, png.size, png.problem),
    "jpeg": _Format(lambda data: bytes(data[:3]) == jpeg.SIGNATURE, jpeg.size, jpeg.problem),
    "webp": _Format(webp.is_webp, webp.size, webp.problem),
    "gif": _Format(lambda data: bytes(data[:6]) in gif.SIGNATURES, gif.size, gif.problem),
    "svg": _Format(lambda data: svg.root(data) is not None, svg.size, svg.problem),
}
LABELS = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP", "gif": "GIF", "svg": "SVG"}
"""Format → how people write it."""
_VECTORS = frozenset({"svg"})
"""Formats that may say no size and are whole all the same."""


def identify(data: Data) -> Identity:
    """Format and size read from the headers; *whole* is False only when the headers themselves are broken."""
    with memoryview(data) as view:
        return _identify(view)


def judge(data: Data) -> Identity:
    """As `identify`, and the structure walked to its end: *whole* and *problem* tell of cuts and damage.

    Bytes behind the end are tolerated: cameras and servers append to pictures.
    """
    with memoryview(data) as view:
        return _judge(view)


def judge_file(file: IO[bytes]) -> Identity:
    """As `judge`, of a file that is read a window at a time and never whole."""
    return _judge(FileView(file))


def _judge(data: View) -> Identity:
    identity = _identify(data)
    if identity.format is None or not identity.whole:
        return identity
    problem = _FORMATS[identity.format].problem(data)
    return Identity(format=identity.format, size=identity.size, whole=problem is None, problem=problem)


def _identify(data: View) -> Identity:
    name = next((name for name, known in _FORMATS.items() if known.is_here(data)), None)
    if name is None:
        return Identity(format=None, whole=False, problem=foreign.describe(data))
    size = _FORMATS[name].size(data)
    if size is None and name not in _VECTORS:
        return Identity(format=name, whole=False, problem=f"{LABELS[name]} ends in its headers")
    if size is not None and not size.pixels:
        return Identity(format=name, whole=False, problem=f"{LABELS[name]} says it is {size} pixels")
    return Identity(format=name, size=size)
