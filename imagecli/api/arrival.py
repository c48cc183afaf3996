"""An answer whose headers have come: its body on its way into a file, or the beginning of an error's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import requests
from urllib3.exceptions import HTTPError

from imagecli.api.failures import shown, too_slow
from imagecli.api.terms import Into, Terms
from imagecli.errors import DiskError, ImagecliError, UnsavedError
from imagecli.providers.packing import Unpacker

PIECE_BYTES = 256 * 1024
MAX_ERROR_BYTES = 1024 * 1024
"""So much of an error's body is read."""

Progress = Callable[[int, int | None], None]
"""Called with the bytes done so far and the total, where it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """Status, headers with lower-case names, and the body where it is an error's (else it went to the file)."""

    status: int
    headers: dict[str, str]
    error_body: bytes = b""


def taken(response: requests.Response, terms: Terms, into: Into, received: Progress) -> HttpAnswer:
    """The answer whose headers have come, its body *into* the file where it is 2xx. Closes the response.

    Unpacked where it is compressed, unless the terms say that it stays as it comes.
    What breaks when enough has come breaks nothing.
    """
    with response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        if 200 <= response.status_code < 300:
            try:
                _copy(response, terms, into, received)
            except (HTTPError, OSError, UnsavedError):
                if terms.enough() is None:
                    raise
            return HttpAnswer(status=response.status_code, headers=headers)
        terms.deadline = min(terms.deadline, time.monotonic() + terms.error_seconds)
        return HttpAnswer(status=response.status_code, headers=headers, error_body=_beginning(response, terms))


def _copy(response: requests.Response, terms: Terms, into: Into, received: Progress) -> None:
    total = _length(response)
    unpacker = None if terms.packed else Unpacker(terms.max_bytes)
    done = 0
    try:
        for piece in _pieces(response, terms):
            done += len(piece)
            if done > terms.max_bytes:
                raise UnsavedError(
                    f"the answer of {shown(response.url)} is larger than {terms.max_bytes // 2**20} MB; "
                    "the rest was not read",
                    hint="no pictures are as large; look at the provider's usage page",
                    code="answer_too_large",
                )
            for part in unpacker.feed(piece) if unpacker else (piece,):
                _write(part, into)
            received(done, total)
            terms.hurry()
    finally:
        for part in unpacker.end() if unpacker else ():
            _write(part, into)


def _length(response: requests.Response) -> int | None:
    """Bytes that will come, where the answer says so in a number worth believing."""
    length = response.headers.get("Content-Length", "")
    plain = length.isascii() and length.isdigit() and len(length) < 15
    return int(length) if plain else None


def _pieces(response: requests.Response, terms: Terms) -> Iterator[bytes]:
    """The body as it arrives. Raises UnsavedError past the deadline, however steadily it comes."""
    while piece := response.raw.read1(PIECE_BYTES, decode_content=False):
        yield piece
        if terms.is_over:
            raise too_slow(response.url, is_over=True)


def _write(piece: bytes, into: Into) -> None:
    """To the file at once, so that a killed process leaves what had come."""
    try:
        into.write(piece)
        into.flush()
    except OSError as error:
        raise DiskError(
            f"the answer came and can't be kept: {error.strerror}",
            hint="it may have been billed; free some space, or set IMAGECLI_STATE_DIR to a folder that has some",
        ) from error


def _beginning(response: requests.Response, terms: Terms) -> bytes:
    """The first of an error's body; what breaks while it is read does not matter, the status is known."""
    pieces, size = [], 0
    unpacker = Unpacker(MAX_ERROR_BYTES)
    with suppress(HTTPError, OSError, ImagecliError):
        for piece in _pieces(response, terms):
            for part in unpacker.feed(piece):
                pieces.append(part)
                size += len(part)
            if size >= MAX_ERROR_BYTES:
                break
    with suppress(UnsavedError):
        pieces += unpacker.end()
    return b"".join(pieces)
