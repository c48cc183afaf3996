"""Reads large JSON responses, and decodes the base64 in them, in little memory: 20 MB of image are 27 MB of string.

`condense_body` replaces each long string by its beginning and a mark that refers to the rest in the file. The result
is parsed like any response, and `CondensedBody.iter_text` reads the full string in pieces from the file, for
`decode_base64`. Works on JSON and on event streams, whose lines hold JSON: a raw line break is never part of a JSON
string, so it ends one.

`parse_json_joining_lists` parses what was condensed, and JSON in which an object repeats a list's name, as some servers
send it.
"""

from __future__ import annotations

import binascii
import json
import re
import secrets
import threading
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from typing import IO, Any, Final, NamedTuple

from imagecli.errors import UnsavedError
from imagecli.providers.decompress import MAX_RESPONSE_BYTES
from imagecli.providers.undocumented_images import is_image, match_base64_body

PIECE_BYTES: Final = 256 * 1024
LONG_BYTES: Final = 16 * 1024
"""Longer strings are cut. Prompts are shorter, and real images longer."""
MAX_REST_BYTES: Final = 4 * 1024 * 1024
"""Limit of everything but long strings. The rest is ignored, so that memory stays bounded: no response is so large."""

_HEAD: Final = re.compile(
    rb"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|[\xc2-\xdf].|[\xe0-\xef]..|[\xf0-\xf4]...|.)"
    rb"{0,512}",
    re.S,
)
"""The beginning that is kept: complete characters and escapes, surrogate pairs undivided."""
_BLANK_RUN: Final = re.compile(rb"[ \t\r\n]{64,}")
"""Blanks that a server sends before or in its JSON, to keep the connection open."""
_INSIDE: Final = re.compile(rb'(?:[^"\\\r\n]++|\\[^\r\n])*+')
_WHOLE_ESCAPES: Final = (
    r"(?s)(?:[^\\]++|\\[^u]|\\u(?![dD][89abAB])....|"
    r"\\u[dD][89abAB]..(?:\\u[dD][c-fC-F]..|(?=[^\\]|\\[^u]|\\u(?![dD][c-fC-F])....)))*+"
)
"""The longest beginning that ends in no incomplete escape or surrogate pair; compiled if a string has escapes."""


class CutString(NamedTuple):
    """The bytes of a string that were cut out: where they are in the file, in JSON spelling."""

    offset: int
    length: int
    escaped: bool
    """Whether it contains backslashes."""


class CondensedBody:
    """*body* is the JSON without its long strings. Threads may read texts at the same time."""

    def __init__(
        self, body: bytes, cuts: tuple[CutString, ...], token: str, file: IO[bytes], *, is_too_large: bool = False
    ) -> None:
        self.body = body
        self.is_too_large = is_too_large
        """The response is larger than any with images is."""
        self._cuts = cuts
        self._token = token
        self._file, self._lock = file, threading.Lock()

    def full_text(self, text: str) -> str:
        """A parsed string with its cut parts restored. Raises ValueError where a JSON parser would."""
        return b"".join(bytes(piece) for piece in self.iter_text(text)).decode("utf-8", "surrogatepass")

    def iter_text(self, text: str) -> Iterator[bytes | memoryview]:
        """The same in pieces, as UTF-8. Use each before you take the next: they share memory. Raises ValueError."""
        at = 0
        for begin, end, number in _find_marks(text, f"~{self._token}."):
            yield text[at:begin].encode("utf-8", "surrogatepass")
            cut = self._cuts[number]
            yield from _unescape(self._read(cut)) if cut.escaped else self._read(cut)
            at = end
        if rest := text[at:]:
            yield rest.encode("utf-8", "surrogatepass")

    def iter_file(self) -> Iterator[memoryview]:
        """The complete file in pieces. Use each before you take the next: they share memory."""
        return self._read(CutString(0, self._file.seek(0, 2), False))

    def _read(self, cut: CutString) -> Iterator[memoryview]:
        """The bytes of *cut*, always in the same memory."""
        at, end = cut.offset, cut.offset + cut.length
        buffer = memoryview(bytearray(min(cut.length, PIECE_BYTES)))
        while at < end:
            with self._lock:
                self._file.seek(at)
                count = self._file.readinto(buffer[: end - at])  # type: ignore[attr-defined]
            if not count:
                raise ValueError("the file was truncated while it was read")
            at += count
            yield buffer[:count]


def _find_marks(text: str, opening: str) -> Iterator[tuple[int, int, int]]:
    """The start, end and number of each mark. Not a regular expression: the token differs for every body."""
    begin = text.find(opening)
    while begin >= 0:
        end = text.find("~", begin + len(opening))
        number = text[begin + len(opening) : end]
        if end >= 0 and number.isascii() and number.isdecimal():
            yield begin, end + 1, int(number)
        begin = text.find(opening, begin + len(opening))


def condense_body(file: IO[bytes]) -> CondensedBody:
    """Reads *file*, which must be seekable, from its start, and cuts its long strings. Memory stays bounded."""
    token = secrets.token_hex(12)
    cutter = _StringCutter(token.encode())
    file.seek(0)
    piece = file.read(PIECE_BYTES)
    if is_image(piece):
        return CondensedBody(piece, (), token, file)
    if match := match_base64_body(piece):
        # Base64 without JSON around it is read as one JSON string.
        cut = CutString(match.end(), file.seek(0, 2) - match.end(), False)
        return CondensedBody(b'"%s~%s.0~"' % (match[0].strip(), token.encode()), (cut,), token, file)
    if b"\0" in piece[:4] or piece[:2] in (b"\xff\xfe", b"\xfe\xff"):
        # UTF-16 or UTF-32: a quote is more than a byte there.
        return CondensedBody(piece + file.read(MAX_REST_BYTES), (), token, file)
    is_text = b"\0" not in piece
    while piece and len(cutter.rest) <= MAX_REST_BYTES:
        cutter.feed(piece)
        piece = file.read(PIECE_BYTES)
    # Bytes that are not text may be an image in a format that is not known yet.
    is_too_large = is_text and (cutter.rest_bytes > MAX_REST_BYTES or file.seek(0, 2) >= MAX_RESPONSE_BYTES)
    return CondensedBody(cutter.end(), tuple(cutter.cuts), token, file, is_too_large=is_too_large)


class _StringCutter:
    """Scans a body piece by piece and cuts the long strings out."""

    def __init__(self, token: bytes) -> None:
        self.rest = bytearray()
        self.cuts: list[CutString] = []
        self.rest_bytes = 0
        """The length of the rest before the blanks in it were shortened."""
        self._token = token
        self._at = 0
        """Offset of the next piece."""
        self._string: bytearray | None = None
        """The beginning of the current string, until it is a long one; None outside strings."""
        self._cut: CutString | None = None
        """The current string if it is a long one; its length is not known yet."""
        self._odd = False
        """Whether the last piece ended in an incomplete escape."""

    def feed(self, piece: bytes) -> None:
        position = 0
        while position < len(piece):
            if self._string is None and self._cut is None:
                quote = piece.find(b'"', position)
                stop = len(piece) if quote < 0 else quote + 1
                self.rest += _BLANK_RUN.sub(_shorten_blanks, piece[position:stop])
                self.rest_bytes += stop - position
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
        """The condensed body; a string in which the file ends stays open."""
        self._close_string(self._at)
        return bytes(self.rest)

    def _string_end(self, piece: bytes, position: int) -> int:
        """Position of the closing quote or the line break in *piece*, or its length."""
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
        """As `_string_end`, escape by escape: an escaped quote does not end the string."""
        match = _INSIDE.match(piece, position)
        assert match
        end = match.end()
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
            match = _HEAD.match(self._string)
            assert match
            head = match[0]
            self.rest += head + b"~%s.%d~" % (self._token, len(self.cuts))
            start_of_string = self._at + stop - len(self._string)
            self._cut = CutString(start_of_string + len(head), 0, b"\\" in self._string)
            self._string = None

    def _close_string(self, at: int) -> None:
        """Ends the current string at offset *at*."""
        if self._cut is not None:
            self.cuts.append(CutString(self._cut.offset, at - self._cut.offset, self._cut.escaped))
        self.rest += self._string or b""
        self._string = self._cut = None


def _shorten_blanks(run: re.Match[bytes]) -> bytes:
    """The same in a few bytes: an empty line, which ends an event of a stream, stays one."""
    blanks = run[0]
    has_empty_line = b"\n\n" in blanks or b"\r\n\r\n" in blanks
    return blanks[:2] + b"\n\n" * has_empty_line + blanks[-2:]


def _unescape(pieces: Iterator[memoryview]) -> Iterator[bytes]:
    """The text of a JSON string without its escapes, in pieces. Raises ValueError for an invalid escape."""
    decoder = getincrementaldecoder("utf-8")("surrogatepass")  # as json.loads reads bytes
    text = ""
    for piece in pieces:
        text += decoder.decode(piece)
        match = re.match(_WHOLE_ESCAPES, text)
        ready = match.end() if match else 0
        yield _to_utf8(text[:ready])
        text = text[ready:]
    yield _to_utf8(text + decoder.decode(b"", final=True))


def _to_utf8(text: str) -> bytes:
    value: str = json.loads(f'"{text}"', strict=False)
    return value.encode("utf-8", "surrogatepass")


_PLAIN: Final = bytes.maketrans(b"-_", b"+/")
_BLANKS: Final = b" \t\r\n\v\f"
_PADDING: Final = ord("=")


def decode_base64(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """The bytes of a base64 text in either alphabet, with or without padding and line breaks, in pieces.

    Raises UnsavedError for anything else, perhaps only after the first pieces.
    """
    # The last characters, fewer than four; and whether padding has been read.
    incomplete, has_ended = b"", False
    for piece in pieces:
        if has_ended and _clean_text(piece).strip(b"="):
            raise _not_base64_error()
        unpadded = piece[: _count_without_padding(piece)]
        head = incomplete + bytes(unpadded[: -len(incomplete) % 4])
        body = unpadded[-len(incomplete) % 4 :]
        ready = len(body) - len(body) % 4
        first, rest = _decode_groups(head), _decode_groups(body[:ready])
        if first is not None and rest is not None:
            yield from filter(None, (first, rest))
            incomplete = bytes(body[ready:])
            has_ended = has_ended or len(unpadded) < len(piece)
            continue
        # Another alphabet or white space: clean the text first.
        text = _clean_text(incomplete + bytes(piece))
        bare = text.rstrip(b"=")
        has_ended = has_ended or bare != text
        ready = len(bare) - len(bare) % 4
        decoded = _decode_groups(bare[:ready])
        if decoded is None:
            raise _not_base64_error()
        yield decoded
        incomplete = bare[ready:]
    yield _decode_last_group(_clean_text(incomplete).rstrip(b"="))


def _count_without_padding(text: bytes | memoryview) -> int:
    """The length of *text* without the padding at its end."""
    length = len(text)
    while length and text[length - 1] == _PADDING:
        length -= 1
    return length


def _clean_text(text: bytes | memoryview) -> bytes:
    return bytes(text).translate(_PLAIN, _BLANKS)


def _decode_groups(text: bytes | memoryview) -> bytes | None:
    """The bytes of complete groups of four; None if there is another character in them, which binascii would skip."""
    try:
        decoded = binascii.a2b_base64(text)
    except ValueError:
        return None
    return decoded if len(decoded) * 4 == len(text) * 3 else None


def _decode_last_group(text: bytes) -> bytes:
    """The bytes of the last group, which may be short."""
    try:
        decoded = binascii.a2b_base64(text + b"=" * (-len(text) % 4))
    except ValueError as error:
        raise _not_base64_error() from error
    if len(text) % 4 == 1 or len(decoded) != len(text) * 3 // 4:
        raise _not_base64_error()
    return decoded


def _not_base64_error() -> UnsavedError:
    return UnsavedError("an image in the response is not valid base64", code="not_base64")


def parse_json_joining_lists(body: bytes | str, *, strict: bool = True) -> Any:
    """*body* as JSON; lists under the same name in one object become one list, so that no image in them is lost.

    Of other repeated values the last one that is not empty counts. Raises ValueError, RecursionError.
    """
    return json.loads(body, strict=strict, object_pairs_hook=_join_lists)


def _join_lists(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    joined = dict(pairs)
    if len(joined) == len(pairs):
        return joined
    joined = {}
    for name, value in pairs:
        earlier = joined.get(name)
        if isinstance(earlier, list) and isinstance(value, list):
            joined[name] = earlier + value
        elif value or not earlier:
            joined[name] = value
    return joined
