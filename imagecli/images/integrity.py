"""Whether an image is complete and undamaged: its structure, checksums where the format has them, else a decoder.

A PNG is checked while its bytes pass by, without Pillow; other formats are decoded once all bytes have arrived.
"""

from __future__ import annotations

import hashlib
from typing import IO, Final

from imagecli.domain import ImageInfo, Size
from imagecli.errors import InputImageError, LargeImageError
from imagecli.formats import RECEIVED_FORMATS
from imagecli.images.formats import gif, jpeg, png, webp
from imagecli.images.identify import LABELS, identify_image

MAX_DECODED_PIXELS: Final = 1_000_000_000
"""At most this many pixels are decoded, of all frames or scans together; the rest is trusted."""
_MIN_SCAN_PIXELS: Final = 1_000_000
"""A scan counts as this many pixels at least: each takes time, however small the image is."""
_STRIP_ROWS: Final = 64
_HEAD_BYTES: Final = 64 * 1024
_PIECE_BYTES: Final = 256 * 1024


class ImageChecker:
    """Checks an image while it is being written to a file: `feed` every piece in order, then call `finish`."""

    def __init__(self) -> None:
        self._head = b""
        """The beginning of the file, up to 64 KB."""
        self._png: png.PngChecker | None = None

    def feed(self, piece: bytes | memoryview) -> None:
        """Takes the next bytes of the file."""
        if self._png:
            self._png.feed(piece)
        if len(self._head) < _HEAD_BYTES:
            rest = piece[_HEAD_BYTES - len(self._head) :]
            self._head += piece[: _HEAD_BYTES - len(self._head)]
            if not self._png and self._head.startswith(png.SIGNATURE):
                self._png = png.PngChecker()
                self._png.feed(self._head)
                self._png.feed(rest)

    @property
    def needs_more(self) -> bool:
        """Whether `feed` has a use for further bytes: of any format but PNG it only reads the beginning."""
        return bool(self._png) or len(self._head) < _HEAD_BYTES

    def finish(self, file: IO[bytes]) -> ImageInfo:
        """What the fed bytes are. *file* holds them too: it is read only for formats that need it (not for PNG)."""
        identity = identify_image(self._head)
        if self._png:
            return identity._replace(problem=identity.problem or self._png.finish())
        if identity.format is None:
            return identity
        file.seek(0)
        return inspect_image(file.read())


def inspect_image_file(file: IO[bytes]) -> ImageInfo:
    """What *file* holds, read from its start, and whether it is complete and undamaged."""
    checker = ImageChecker()
    file.seek(0)
    while checker.needs_more and (piece := file.read(_PIECE_BYTES)):
        checker.feed(piece)
    return checker.finish(file)


def inspect_image(data: bytes) -> ImageInfo:
    """What *data* is, and whether it is complete and undamaged: *problem* says what is wrong.

    Bytes after the end of the image are allowed: cameras and servers append to images. Never raises.
    """
    identity = identify_image(data)
    if not identity.is_complete:
        return identity
    if identity.format in RECEIVED_FORMATS:
        return _inspect_by_decoding(data, identity.format)
    with memoryview(data) as view:
        problem = _find_structure_problem(view, identity)
    if identity.format in ("jpeg", "webp", "gif") and problem in (None, jpeg.CUT_IN_PIXELS):
        problem = _find_decoding_problem(data, identity, problem)
    return identity._replace(problem=problem)


def _inspect_by_decoding(data: bytes, format: str) -> ImageInfo:
    """What an image in one of the RECEIVED_FORMATS is; the structure of these is not read here."""
    from imagecli.images.pillow_io import open_image, translate_decoder_errors

    size, problem = None, None
    try:
        with translate_decoder_errors(format.upper()):
            size = Size(*open_image(data, format, format.upper()).size)
            _load_frames(data, format)
    except LargeImageError:
        pass  # too large to try: trusted, as other formats are
    except InputImageError as error:
        problem = None if size and isinstance(error.__cause__, MemoryError) else error.message
    return ImageInfo(format=format, size=size, problem=problem)


def _find_structure_problem(data: memoryview, identity: ImageInfo) -> str | None:
    match identity.format:
        case "png":
            checker = png.PngChecker()
            checker.feed(data)
            return checker.finish()
        case "jpeg":
            return jpeg.find_jpeg_problem(data)
        case "webp":
            return webp.find_webp_problem(data)
        case "gif":
            return gif.find_gif_problem(data)
    from imagecli.images.formats.svg import find_svg_problem

    return find_svg_problem(data)


def _find_decoding_problem(data: bytes, identity: ImageInfo, structure_problem: str | None) -> str | None:
    """Why the pixels can't be decoded to their end; None if they can, or are too many to try."""
    from imagecli.images.pillow_io import translate_decoder_errors

    label = LABELS[identity.format or ""]
    try:
        with translate_decoder_errors(label):
            if identity.format != "jpeg":
                _load_frames(data, identity.format or "")
            elif _count_scan_pixels(data, identity) > MAX_DECODED_PIXELS:
                return structure_problem
            elif structure_problem is None:
                _load_small(data)
            elif not _has_all_pixels(data):
                return structure_problem
    except LargeImageError:
        return structure_problem
    except InputImageError as error:
        is_too_large = isinstance(error.__cause__, MemoryError)
        return structure_problem or (None if is_too_large else error.message)
    return None


def _load_frames(data: bytes, format: str) -> None:
    from PIL import ImageSequence

    from imagecli.images.pillow_io import open_image

    pixels = 0
    for frame in ImageSequence.Iterator(open_image(data, format, LABELS.get(format, format.upper()))):
        frame.load()
        pixels += frame.width * frame.height
        if pixels > MAX_DECODED_PIXELS:
            return


def _load_small(data: bytes) -> None:
    """Decodes a JPEG at an eighth of its size, which reads every byte too, but faster and in less memory."""
    from imagecli.images.pillow_io import open_image

    image = open_image(data, "jpeg", LABELS["jpeg"])
    image.draft("RGB", (max(image.width // 8, 1), max(image.height // 8, 1)))
    image.load()


def _count_scan_pixels(data: bytes, identity: ImageInfo) -> int:
    """The work of decoding a JPEG: its pixels times its scans, of which hostile bytes can have any number."""
    with memoryview(data) as view:
        scans = sum(segment.marker == jpeg.SOS for segment in jpeg.jpeg_segments(view))
    return max(identity.size.pixels if identity.size else 0, _MIN_SCAN_PIXELS) * scans


def _has_all_pixels(data: bytes) -> bool:
    """Whether a JPEG without end marker lacks nothing else."""
    with memoryview(data) as view:
        if not jpeg.has_all_scans(view):
            return False
    return len({_hash_pixels(copy) for copy in jpeg.fill_end(data)}) == 1


def _hash_pixels(data: bytes) -> bytes:
    from imagecli.images.pillow_io import open_image

    image = open_image(data, "jpeg", LABELS["jpeg"])
    image.load()
    digest = hashlib.blake2b()
    for top in range(0, image.height, _STRIP_ROWS):
        digest.update(image.crop((0, top, image.width, min(top + _STRIP_ROWS, image.height))).tobytes())
    return digest.digest()
