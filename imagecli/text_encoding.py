"""Whether bytes are UTF-8 text, for every text that imagecli reads: prompts, manifests, settings."""

from __future__ import annotations

from typing import Final, NamedTuple

_UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_AS_UTF_8: Final = "save it as UTF-8, or iconv -f UTF-16 -t UTF-8"


class TextProblem(NamedTuple):
    """Why bytes are not UTF-8 text."""

    position: int
    """Of the byte, from 0."""
    message: str
    hint: str


def find_text_problem(data: bytes) -> TextProblem | None:
    """The first reason why *data* is not UTF-8 text, with or without a byte order mark; None if it is."""
    if data.startswith(_UTF_16_MARKS):
        return TextProblem(0, "it is UTF-16, expected UTF-8", _AS_UTF_8)
    if (position := data.find(b"\0")) >= 0:
        return TextProblem(position, "a NUL byte: not text, or UTF-16", _AS_UTF_8)
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return TextProblem(error.start, f"byte 0x{data[error.start]:02x} is not UTF-8 text", "save it as UTF-8")
    return None
