"""The files that the sandbox holds: 512 MB in all, of which the oldest go first, each until its time is over."""

from __future__ import annotations

import secrets
import string
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.rate_limit import Clock

MAX_HELD: Final = 512 * 1024 * 1024
"""Bytes."""
MONTH: Final = 30 * 24 * 3600.0
"""Seconds that batch files live. Source: OpenAI API reference, files, read 2026-11-22."""

_ALPHABET: Final = string.ascii_letters + string.digits


class FileContent(Protocol):
    """What a file holds, or how it comes to be."""

    @property
    def weight(self) -> int:
        """Bytes of memory that it takes as long as it is held."""

    def size(self) -> int:
        """Bytes."""

    def parts(self) -> Iterator[bytes]:
        """The bytes in their order."""


@dataclass(frozen=True, slots=True)
class StoredBytes:
    """Bytes that were sent."""

    data: bytes = field(repr=False)

    @property
    def weight(self) -> int:
        return len(self.data)

    def size(self) -> int:
        return len(self.data)

    def parts(self) -> Iterator[bytes]:
        yield self.data


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file; dates are Unix seconds."""

    id: str
    filename: str
    purpose: str
    content: FileContent = field(repr=False)
    created_at: int
    expires_at: int | None
    until: float
    """The clock's moment at which it is gone."""

    def to_json(self) -> dict[str, Any]:
        """The `OpenAIFile` of the API's schema."""
        expiry = {} if self.expires_at is None else {"expires_at": self.expires_at}
        return {
            "object": "file",
            "id": self.id,
            "purpose": self.purpose,
            "filename": self.filename,
            "bytes": self.content.size(),
            "created_at": self.created_at,
            **expiry,
            "status": "processed",
        }


class FileStore:
    """Safe between threads."""

    def __init__(self, clock: Clock, capacity: int = MAX_HELD) -> None:
        self._clock = clock
        self._capacity = capacity
        self._held: OrderedDict[str, StoredFile] = OrderedDict()
        self._weight = 0
        self._lock = threading.Lock()

    def add(self, filename: str, purpose: str, content: FileContent, *, lifetime: float | None) -> StoredFile:
        """Holds it for *lifetime* seconds of the clock, None for ever, under a new id."""
        now = self._clock.now()
        until = float("inf") if lifetime is None else now + lifetime
        file = StoredFile(
            id=new_file_id(),
            filename=filename,
            purpose=purpose,
            content=content,
            created_at=int(self._clock.unix_seconds(now)),
            expires_at=None if lifetime is None else int(self._clock.unix_seconds(until)),
            until=until,
        )
        with self._lock:
            self._held[file.id] = file
            self._weight += content.weight
            while self._weight > self._capacity and len(self._held) > 1:
                self._weight -= self._held.popitem(last=False)[1].content.weight
        return file

    def find(self, id: str) -> StoredFile | None:
        """The file, unless it is gone."""
        with self._lock:
            file = self._held.get(id)
        if file and file.until <= self._clock.now():
            self.delete(id)
            return None
        return file

    def delete(self, id: str) -> None:
        """Lets go of it, if it is there."""
        with self._lock:
            file = self._held.pop(id, None)
            self._weight -= file.content.weight if file else 0

    def all(self) -> list[StoredFile]:
        """Those that are there, the oldest first."""
        with self._lock:
            held = list(self._held)
        return [file for one in held if (file := self.find(one))]

    def picture(self, id: str, param: str) -> bytes:
        """What was uploaded to be edited. Raises ApiError."""
        return picture_bytes_of(self.find(id), id, param)


def picture_bytes_of(file: StoredFile | None, id: str, param: str) -> bytes:
    """The bytes of the *file* with that id. Raises ApiError if there is none, or if it is for something else."""
    if file is None:
        raise ApiError(f"No such File object: {id}", param=f"{param}.file_id", code="invalid_value")
    if file.purpose != "vision":
        said = f"Invalid file purpose for '{param}': expected 'vision', but got '{file.purpose}' instead."
        raise ApiError(said, param=f"{param}.file_id", code="invalid_value")
    return b"".join(file.content.parts())


def new_file_id() -> str:
    """As the real ones look: `file-` and 22 letters or digits."""
    return "file-" + "".join(secrets.choice(_ALPHABET) for _ in range(22))
