"""Base64 text in pieces → a picture's bytes in pieces: of either alphabet, with or without padding and line breaks."""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator
from typing import Final

from imagecli.errors import UnsavedError

_PLAIN: Final = str.maketrans("-_", "+/")


def decoded(pieces: Iterable[str]) -> Iterator[bytes]:
    """The bytes of a base64 text. Raises UnsavedError where it is none, perhaps behind its first pieces."""
    left, ended = "", False
    for piece in pieces:
        if ended and _cleaned(piece).strip("="):
            raise _not_base64()
        text = left + piece
        ready = len(text) - len(text) % 4
        done = _all_of(text[:ready])
        if done is None:
            text = _cleaned(text)
            bare = text.rstrip("=")
            ended = ended or bare != text
            text = bare
            ready = len(text) - len(text) % 4
            done = _all_of(text[:ready])
        if done is None:
            raise _not_base64()
        yield done
        left = text[ready:]
    yield _last(_cleaned(left).rstrip("="))


def _cleaned(text: str) -> str:
    return "".join(text.split()).translate(_PLAIN)


def _all_of(text: str) -> bytes | None:
    """The bytes of whole groups of four; None where another character stands between them, which binascii skips."""
    try:
        found = binascii.a2b_base64(text)
    except ValueError:
        return None
    return found if len(found) * 4 == len(text) * 3 else None


def _last(text: str) -> bytes:
    """The bytes of a group that may be short."""
    try:
        found = binascii.a2b_base64(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise _not_base64() from error
    if len(text) % 4 == 1 or len(found) != len(text) * 3 // 4:
        raise _not_base64()
    return found


def _not_base64() -> UnsavedError:
    return UnsavedError("a picture of the answer is not base64", code="not_base64")
