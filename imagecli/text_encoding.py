"""Whether bytes are UTF-8 text, for every text that imagecli reads: prompts, manifests, settings."""

from __future__ import annotations

from typing import Final, NamedTuple

_MARKS: Final = {  # UTF-32's little-endian mark begins with UTF-16's
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
"""Byte order marks → the encoding."""
_AS_UTF_8: Final = "save it as UTF-8, or convert it with iconv -f {} -t UTF-8"


class TextProblem(NamedTuple):
    """Why bytes are not UTF-8 text."""

    position: int
    """Of the byte, from 0."""
    message: str
    hint: str


def find_text_problem(data: bytes) -> TextProblem | None:
    """The first reason why *data* is not UTF-8 text, with or without a byte order mark; None if it is."""
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            return TextProblem(0, f"it is {encoding}, expected UTF-8", _AS_UTF_8.format(encoding))
    if (position := data.find(b"\0")) >= 0:
        return TextProblem(position, "it contains a NUL byte, expected UTF-8 text", _AS_UTF_8.format("UTF-16"))
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return TextProblem(error.start, f"byte 0x{data[error.start]:02x} is not valid UTF-8", "save it as UTF-8")
    return None
