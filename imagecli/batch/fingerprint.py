"""What a purchase is, as a hash: the same request on another machine and another day has the same.

It holds what the row says, the bytes of its inputs, the provider, the base URL and the model. It does not hold where
the pictures go: a file can be renamed without being bought again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from imagecli.catalog import ProviderRow
from imagecli.errors import InputImageError
from imagecli.sizes import Shape, Size

NOT_THE_PICTURE: Final = frozenset(
    ("model", "stream", "partial_images", "response_format", "user", "safety_identifier")
)
"""Fields that say how an answer travels and who asks: the picture is the same with another. `model` is hashed apart."""


def said_hash(fields: Mapping[str, object], inputs: Mapping[str, Sequence[str]]) -> str:
    """What a row says, in 64 hex digits: *fields* by their wire names, and *inputs*: field → sha256 of its files.

    *fields* hold what is written (row, flag, `[defaults]`), parsed but not resolved by a model: the prompt as it is
    sent, `command`, `size` as a Size or Shape, params, post-steps such as `fit` and `outputs`. None is not said.
    """
    said = {name: _plain(value) for name, value in fields.items() if value is not None and name not in NOT_THE_PICTURE}
    files = {name: list(digests) for name, digests in inputs.items() if digests}
    return _digest(["imagecli row", said, files])


def request_hash(said: str, *, provider: str, base_url: str | None, model: str) -> str:
    """The hash that the journal keeps. *said* is `said_hash`'s, *base_url* is `place`'s.

    *model* is the one that the row names, or was resolved to where it names none; `deciding` tries the journal's own
    model there, so that a new default is no other request.
    """
    return _digest(["imagecli request", said, provider, base_url, model])


def place(base_url: str, provider: ProviderRow) -> str | None:
    """The base URL as the journal may have it: None where it is the provider's own or in this process.

    Without user, password, query and fragment, its host in lower case.
    """
    if provider.embedded or provider.is_home(base_url):
        return None
    parts = urlsplit(base_url)
    host = parts.netloc.rpartition("@")[2].lower()
    return f"{parts.scheme}://{host}{parts.path}".rstrip("/")


class Digests:
    """The sha256 of input files, each read once, in pieces."""

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}

    def of(self, path: Path) -> str:
        """64 hex digits. Raises InputImageError for what is no file or can't be read."""
        if path not in self._known:
            self._known[path] = _file_digest(path)
        return self._known[path]


def _file_digest(path: Path) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputImageError(f"{path} is not a file", hint="name a file: its bytes are compared with last time's")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputImageError(f"can't read {path}: {reason}", hint="check the name and your rights to it") from error


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _plain(value: Any) -> Any:
    """*value* as JSON has it: sizes as they are written, other values by their fields that are said."""
    if isinstance(value, (Size, Shape)):
        return str(value)
    if dataclasses.is_dataclass(value):
        fields = ((field, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {field.name: _plain(inner) for field, inner in fields if inner != field.default}
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value
