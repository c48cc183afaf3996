"""The files of the sandbox, in memory: at most 512 MB, beyond which the oldest are dropped, each until it expires."""

from __future__ import annotations

import secrets
import string
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from imagecli.sandbox.clock import SandboxClock
from imagecli.sandbox.errors import ApiError

MAX_BYTES: Final = 512 * 1024 * 1024
"""Bytes."""
MONTH: Final = 30 * 24 * 3600.0
"""Seconds until batch files expire. Source: OpenAI API reference, files, read 2026-11-22."""

_ALPHABET: Final = string.ascii_letters + string.digits


class FileContent(Protocol):
    """The content of a file: its bytes, or a way to create them."""

    @property
    def weight(self) -> int:
        """Bytes of memory that it takes while it is stored."""

    def size(self) -> int:
        """Length in bytes."""

    def parts(self) -> Iterator[bytes]:
        """The bytes, in pieces."""


@dataclass(frozen=True, slots=True)
class StoredBytes:
    """Uploaded bytes."""

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
    expiry: float
    """The moment of the clock at which it expires."""

    def to_json(self) -> dict[str, Any]:
        """The `OpenAIFile` of the API's schema."""
        expires_at = {} if self.expires_at is None else {"expires_at": self.expires_at}
        return {
            "object": "file",
            "id": self.id,
            "purpose": self.purpose,
            "filename": self.filename,
            "bytes": self.content.size(),
            "created_at": self.created_at,
            **expires_at,
            "status": "processed",
        }


class FileStore:
    """Stores files by id. Thread-safe."""

    def __init__(self, clock: SandboxClock, capacity: int = MAX_BYTES) -> None:
        self._clock = clock
        self._capacity = capacity
        self._files: OrderedDict[str, StoredFile] = OrderedDict()
        self._weight = 0
        self._lock = threading.Lock()

    def add(self, filename: str, purpose: str, content: FileContent, *, lifetime: float | None) -> StoredFile:
        """Stores a file under a new id for *lifetime* seconds of the clock; None for no expiry."""
        now = self._clock.now()
        expiry = float("inf") if lifetime is None else now + lifetime
        file = StoredFile(
            id=new_file_id(),
            filename=filename,
            purpose=purpose,
            content=content,
            created_at=int(self._clock.unix_seconds(now)),
            expires_at=None if lifetime is None else int(self._clock.unix_seconds(expiry)),
            expiry=expiry,
        )
        with self._lock:
            self._files[file.id] = file
            self._weight += content.weight
            while self._weight > self._capacity and len(self._files) > 1:
                self._weight -= self._files.popitem(last=False)[1].content.weight
        return file

    def get(self, id: str) -> StoredFile | None:
        """The file; None if there is none, or if it has expired."""
        with self._lock:
            file = self._files.get(id)
        if file and file.expiry <= self._clock.now():
            self.delete(id)
            return None
        return file

    def delete(self, id: str) -> None:
        """Deletes the file, if it exists."""
        with self._lock:
            file = self._files.pop(id, None)
            self._weight -= file.content.weight if file else 0

    def all(self) -> list[StoredFile]:
        """The files that have not expired, the oldest first."""
        with self._lock:
            ids = list(self._files)
        return [file for file in map(self.get, ids) if file]


def read_image_file(file: StoredFile | None, id: str, param: str) -> bytes:
    """The bytes of the *file* with that id. Raises ApiError if there is none, or if it has another purpose."""
    if file is None:
        raise ApiError(f"No such File object: {id}", param=f"{param}.file_id", code="invalid_value")
    if file.purpose != "vision":
        message = f"Invalid file purpose for '{param}': expected 'vision', but got '{file.purpose}' instead."
        raise ApiError(message, param=f"{param}.file_id", code="invalid_value")
    return b"".join(file.content.parts())


def new_file_id() -> str:
    """In the real format: `file-` and 22 letters or digits."""
    return "file-" + "".join(secrets.choice(_ALPHABET) for _ in range(22))
