"""How long the frames of an animated PNG, WebP or GIF are shown. Uses no Pillow, and decodes nothing.

Sources: W3C PNG Specification, third edition; RFC 9649 (WebP); CompuServe, GIF89a specification.
"""

from __future__ import annotations

from collections.abc import Iterator

from imagecli.images.formats import gif, png, webp

_CONTROL = 0xF9
"""The label of the GIF extension before a frame."""


def frame_durations(data: bytes, format: str) -> list[int]:
    """The duration of each frame in milliseconds; empty if the image is not animated, or is in another format."""
    with memoryview(data) as view:
        match format:
            case "png":
                return list(_png_durations(view))
            case "webp":
                frames = (chunk for chunk in webp.webp_chunks(view) if chunk.kind == b"ANMF")
                return [int.from_bytes(view[frame.start + 20 : frame.start + 23], "little") for frame in frames]
            case "gif":
                durations = list(_gif_durations(view))
                return durations if len(durations) > 1 else []
    return []


def _png_durations(data: memoryview) -> Iterator[int]:
    for chunk in png.png_chunks(data):
        if chunk.kind == b"fcTL":
            numerator = int.from_bytes(data[chunk.start + 28 : chunk.start + 30])
            denominator = int.from_bytes(data[chunk.start + 30 : chunk.start + 32]) or 100
            yield round(1000 * numerator / denominator)


def _gif_durations(data: memoryview) -> Iterator[int]:
    """A frame without an extension before it has no duration."""
    duration = 0
    for block in gif.gif_blocks(data):
        if block.label == _CONTROL:
            duration = 10 * int.from_bytes(data[block.start + 4 : block.start + 6], "little")
        elif block.kind == gif.IMAGE:
            yield duration
            duration = 0
