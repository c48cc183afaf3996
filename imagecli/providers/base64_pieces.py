"""Base64 text in pieces → a picture's bytes in pieces: of either alphabet, with or without padding and line breaks."""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator
from typing import Final

from imagecli.errors import UnsavedError

_PLAIN: Final = bytes.maketrans(b"-_", b"+/")
_BLANKS: Final = b" \t\r\n\v\f"


def decoded(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """The bytes of a base64 text. Raises UnsavedError where it is none, perhaps behind its first pieces."""
    left, ended = b"", False
    for piece in pieces:
        if ended and _cleaned(piece).strip(b"="):
            raise _not_base64()
        head = left + bytes(piece[: -len(left) % 4])
        body = piece[-len(left) % 4 :]
        ready = len(body) - len(body) % 4
        first, rest = _all_of(head), _all_of(body[:ready])
        if first is not None and rest is not None:
            yield first
            yield rest
            left = bytes(body[ready:])
            continue
        text = _cleaned(left + bytes(piece))
        bare = text.rstrip(b"=")
        ended = ended or bare != text
        ready = len(bare) - len(bare) % 4
        done = _all_of(bare[:ready])
        if done is None:
            raise _not_base64()
        yield done
        left = bare[ready:]
    yield _last(_cleaned(left).rstrip(b"="))


def _cleaned(text: bytes | memoryview) -> bytes:
    return bytes(text).translate(_PLAIN, _BLANKS)


def _all_of(text: bytes | memoryview) -> bytes | None:
    """The bytes of whole groups of four; None where another character stands between them, which binascii skips."""
    try:
        found = binascii.a2b_base64(text)
    except ValueError:
        return None
    return found if len(found) * 4 == len(text) * 3 else None


def _last(text: bytes) -> bytes:
    """The bytes of a group that may be short."""
    try:
        found = binascii.a2b_base64(text + b"=" * (-len(text) % 4))
    except ValueError as error:
        raise _not_base64() from error
    if len(text) % 4 == 1 or len(found) != len(text) * 3 // 4:
        raise _not_base64()
    return found


def _not_base64() -> UnsavedError:
    return UnsavedError("a picture of the answer is not base64", code="not_base64")
