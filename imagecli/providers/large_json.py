"""An answer's body, made small: every long string in it becomes its beginning and a mark that says where it lies.

A picture of 20 MB is one string of 27 MB. What is left is parsed like any answer, and `CondensedBody.full_text`
gives what a mark stands for, in pieces, from the file. Works on JSON and on event streams, whose lines hold JSON: a raw
line end is never inside a JSON string, so it ends one.

Base64 text in pieces → a picture's bytes in pieces: of either alphabet, with or without padding and line breaks.
"""

from __future__ import annotations

import binascii
import json
import re
import secrets
import threading
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Final

from imagecli.errors import UnsavedError

PIECE_BYTES: Final = 256 * 1024
LONG_BYTES: Final = 16 * 1024
"""A longer string is cut. Prompts are shorter, and pictures longer, in all but toys."""
MAX_REST_BYTES: Final = 4 * 1024 * 1024
"""More than this besides long strings is no answer: what comes behind is left out, so that memory stays bounded."""

_HEAD: Final = re.compile(
    rb"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|[\xc2-\xdf].|[\xe0-\xef]..|[\xf0-\xf4]...|.)"
    rb"{0,512}",
    re.S,
)
"""The beginning that stays: whole characters and whole escapes, a pair of surrogates together."""
_INSIDE: Final = re.compile(rb'(?:[^"\\\r\n]++|\\[^\r\n])*+')
_WHOLE_ESCAPES: Final = re.compile(
    r"(?:[^\\]++|\\[^u]|\\u(?![dD][89abAB])....|"
    r"\\u[dD][89abAB]..(?:\\u[dD][c-fC-F]..|(?=[^\\]|\\[^u]|\\u(?![dD][c-fC-F])....)))*+",
    re.S,
)
"""As far as no escape, and no pair of surrogates, is cut."""


@dataclass(frozen=True, slots=True)
class CutString:
    """Bytes of a string that were left out: where they lie in the file, as JSON spells them."""

    offset: int
    length: int
    escaped: bool
    """There are backslashes in it."""


class CondensedBody:
    """*body* is what is left, to be parsed. Threads may ask for texts at the same time."""

    def __init__(self, body: bytes, cuts: tuple[CutString, ...], token: str, file: IO[bytes]) -> None:
        self.body = body
        self._cuts = cuts
        self._token = token
        self._file, self._lock = file, threading.Lock()

    def full_text(self, text: str) -> str:
        """A parsed string with what its marks stand for. Raises ValueError where JSON would."""
        return b"".join(bytes(piece) for piece in self.iter_text(text)).decode("utf-8", "surrogatepass")

    def iter_text(self, text: str) -> Iterator[bytes | memoryview]:
        """The same in pieces, as UTF-8; each is to be used before the next is asked for. Raises ValueError."""
        at = 0
        for begin, end, number in _find_marks(text, f"~{self._token}."):
            yield text[at:begin].encode("utf-8", "surrogatepass")
            cut = self._cuts[number]
            yield from _unescape(self._read(cut)) if cut.escaped else self._read(cut)
            at = end
        yield text[at:].encode("utf-8", "surrogatepass")

    def _read(self, cut: CutString) -> Iterator[memoryview]:
        """The bytes of *cut*, always in the same memory."""
        at, end = cut.offset, cut.offset + cut.length
        buffer = memoryview(bytearray(min(cut.length, PIECE_BYTES)))
        while at < end:
            with self._lock:
                self._file.seek(at)
                count = self._file.readinto(buffer[: end - at])  # type: ignore[attr-defined]
            if not count:
                raise ValueError("the file is shorter than it was")
            at += count
            yield buffer[:count]


def _find_marks(text: str, opening: str) -> Iterator[tuple[int, int, int]]:
    """Where marks begin and end, and their numbers. Without an expression: its token is another for every body."""
    begin = text.find(opening)
    while begin >= 0:
        end = text.find("~", begin + len(opening))
        number = text[begin + len(opening) : end]
        if end >= 0 and number.isascii() and number.isdecimal():
            yield begin, end + 1, int(number)
        begin = text.find(opening, begin + len(opening))


def condense_body(file: IO[bytes]) -> CondensedBody:
    """What *file*, which can be sought in, holds from its start, without its long strings. Memory stays bounded."""
    token = secrets.token_hex(12)
    cutter = _StringCutter(token.encode())
    file.seek(0)
    piece = file.read(PIECE_BYTES)
    if b"\0" in piece[:4] or piece[:2] in (b"\xff\xfe", b"\xfe\xff"):
        # UTF-16 or UTF-32: a quote is more than a byte there.
        return CondensedBody(piece + file.read(MAX_REST_BYTES), (), token, file)
    while piece and len(cutter.rest) <= MAX_REST_BYTES:
        cutter.feed(piece)
        piece = file.read(PIECE_BYTES)
    return CondensedBody(cutter.end(), tuple(cutter.cuts), token, file)


class _StringCutter:
    """Reads a body piece by piece and knows whether it is inside a string."""

    def __init__(self, token: bytes) -> None:
        self.rest = bytearray()
        self.cuts: list[CutString] = []
        self._token = token
        self._at = 0
        """Where the piece begins that is fed next."""
        self._string: bytearray | None = None
        """What came of the string we are in, as long as it is not a long one."""
        self._cut: CutString | None = None
        """The string we are in is a long one; its length is not known yet."""
        self._odd = False
        """The last piece ended behind a backslash."""

    def feed(self, piece: bytes) -> None:
        position = 0
        while position < len(piece):
            if self._string is None and self._cut is None:
                quote = piece.find(b'"', position)
                stop = len(piece) if quote < 0 else quote + 1
                self.rest += piece[position:stop]
                if quote >= 0:
                    self._string = bytearray()
            else:
                stop = self._string_end(piece, position)
                self._add(piece, position, stop)
                if stop < len(piece):
                    self._close_string(self._at + stop)
                    self.rest += piece[stop : stop + 1]
                    stop += 1
            position = stop
        self._at += len(piece)

    def end(self) -> bytes:
        """All that is left; a string that the file ends in stays open."""
        self._close_string(self._at)
        return bytes(self.rest)

    def _string_end(self, piece: bytes, position: int) -> int:
        """Where the string's quote or the line's end is, or the piece's end."""
        if self._odd:
            self._odd = False
            if piece[position] in b"\r\n":
                return position
            position += 1
        quote = piece.find(b'"', position)
        stop = len(piece) if quote < 0 else quote
        for line_end in (b"\n", b"\r"):
            line = piece.find(line_end, position, stop)
            stop = stop if line < 0 else line
        if piece[stop : stop + 1] != b'"' and stop < len(piece):
            return stop
        if piece[max(stop - 1, position) : stop] == b"\\":
            run = piece[position:stop]
            if (len(run) - len(run.rstrip(b"\\"))) % 2:
                return self._end_after_escapes(piece, position)
        return stop

    def _end_after_escapes(self, piece: bytes, position: int) -> int:
        """As `_string_end`, by a walk over every escape: a quote that is one does not end the string."""
        found = _INSIDE.match(piece, position)
        assert found
        end = found.end()
        if piece[end : end + 1] != b"\\":
            return end
        self._odd = end + 1 == len(piece)
        return end + 1

    def _add(self, piece: bytes, start: int, stop: int) -> None:
        if self._cut is not None:
            if not self._cut.escaped and piece.find(b"\\", start, stop) >= 0:
                self._cut = CutString(self._cut.offset, 0, True)
            return
        assert self._string is not None
        self._string += piece[start:stop]
        if len(self._string) > LONG_BYTES:
            found = _HEAD.match(self._string)
            assert found
            head = found[0]
            self.rest += head + b"~%s.%d~" % (self._token, len(self.cuts))
            begun = self._at + stop - len(self._string)
            self._cut = CutString(begun + len(head), 0, b"\\" in self._string)
            self._string = None

    def _close_string(self, at: int) -> None:
        """The string ends at *at*."""
        if self._cut is not None:
            self.cuts.append(CutString(self._cut.offset, at - self._cut.offset, self._cut.escaped))
        self.rest += self._string or b""
        self._string = self._cut = None


def _unescape(pieces: Iterator[memoryview]) -> Iterator[bytes]:
    """What JSON says by the characters of a string. Raises ValueError where it says nothing."""
    decoder = getincrementaldecoder("utf-8")("surrogatepass")  # as json.loads reads bytes
    text = ""
    for piece in pieces:
        text += decoder.decode(piece)
        whole = _WHOLE_ESCAPES.match(text)
        ready = whole.end() if whole else 0
        yield _to_utf8(text[:ready])
        text = text[ready:]
    yield _to_utf8(text + decoder.decode(b"", final=True))


def _to_utf8(text: str) -> bytes:
    said: str = json.loads(f'"{text}"', strict=False)
    return said.encode("utf-8", "surrogatepass")


_PLAIN: Final = bytes.maketrans(b"-_", b"+/")
_BLANKS: Final = b" \t\r\n\v\f"


def decode_base64(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """The bytes of a base64 text. Raises UnsavedError where it is none, perhaps behind its first pieces."""
    left, ended = b"", False
    for piece in pieces:
        if ended and _clean_text(piece).strip(b"="):
            raise _not_base64_error()
        head = left + bytes(piece[: -len(left) % 4])
        body = piece[-len(left) % 4 :]
        ready = len(body) - len(body) % 4
        first, rest = _decode_groups(head), _decode_groups(body[:ready])
        if first is not None and rest is not None:
            yield first
            yield rest
            left = bytes(body[ready:])
            continue
        text = _clean_text(left + bytes(piece))
        bare = text.rstrip(b"=")
        ended = ended or bare != text
        ready = len(bare) - len(bare) % 4
        done = _decode_groups(bare[:ready])
        if done is None:
            raise _not_base64_error()
        yield done
        left = bare[ready:]
    yield _decode_last_group(_clean_text(left).rstrip(b"="))


def _clean_text(text: bytes | memoryview) -> bytes:
    return bytes(text).translate(_PLAIN, _BLANKS)


def _decode_groups(text: bytes | memoryview) -> bytes | None:
    """The bytes of whole groups of four; None where another character stands between them, which binascii skips."""
    try:
        found = binascii.a2b_base64(text)
    except ValueError:
        return None
    return found if len(found) * 4 == len(text) * 3 else None


def _decode_last_group(text: bytes) -> bytes:
    """The bytes of a group that may be short."""
    try:
        found = binascii.a2b_base64(text + b"=" * (-len(text) % 4))
    except ValueError as error:
        raise _not_base64_error() from error
    if len(text) % 4 == 1 or len(found) != len(text) * 3 // 4:
        raise _not_base64_error()
    return found


def _not_base64_error() -> UnsavedError:
    return UnsavedError("a picture of the answer is not base64", code="not_base64")
