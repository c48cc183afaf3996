"""The request hash, by which a journal recognises a request on any machine and any day.

The hash covers the row, the bytes of its inputs, the provider, the base URL and the model. It does not cover where the
images are saved, so a file can be renamed without being requested again.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from imagecli.catalog.provider import ProviderRow
from imagecli.errors import InputImageError
from imagecli.serialization import field_defaults, has_fields
from imagecli.sizes import Shape, Size
from imagecli.storage.read import file_sha256

NOT_HASHED: Final = frozenset(("model", "stream", "partial_images", "response_format", "user", "safety_identifier"))
"""Fields that don't change the image, only how the response is sent or who requests it; and `model`, hashed apart."""


def row_hash(fields: Mapping[str, object], inputs: Mapping[str, Sequence[str]]) -> str:
    """The hash of a row in 64 hex digits: of *fields* by their wire names, and *inputs*, field → sha256 of its files.

    *fields* are those of the row, the flags and `[defaults]`, parsed but not resolved by a model: the prompt as sent,
    `command`, `size` as a Size or Shape, params, and conversions such as `fit` and `outputs`. None is omitted.
    """
    values = {name: _to_plain(value) for name, value in fields.items() if value is not None and name not in NOT_HASHED}
    files = {name: list(digests) for name, digests in inputs.items() if digests}
    return _json_sha256(["imagecli row", values, files])


def request_hash(row_hash: str, *, provider: str, base_url: str | None, model: str) -> str:
    """The hash in the journal. *row_hash* and *base_url* are results of `row_hash` and `base_url_for_hash`.

    *model* is the one that the row names, or else the default; `ItemIdentity.is_requested_by` then also tries the model
    in the journal, so that a new default doesn't make another request.
    """
    return _json_sha256(["imagecli request", row_hash, provider, base_url, model])


def base_url_for_hash(base_url: str, provider: ProviderRow) -> str | None:
    """The base URL for the journal: None if it is the provider's own, or that of the embedded server.

    Without user, password, query and fragment; the host is in lower case.
    """
    if provider.embedded or provider.uses_default_base_url(base_url):
        return None
    parts = urlsplit(base_url)
    host = parts.netloc.rpartition("@")[2].lower()
    return f"{parts.scheme}://{host}{parts.path}".rstrip("/")


class FileDigests:
    """The sha256 of input files, each of which is read only once."""

    def __init__(self) -> None:
        self.sha256: Callable[[Path], str] = cache(_file_digest)


def _file_digest(path: Path) -> str:
    """The sha256 of *path* in 64 hex digits. Raises InputImageError if it is not a file or can't be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputImageError(f"{path} is not a file", hint="name a file: its bytes are compared with last time's")
        return file_sha256(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputImageError(f"can't read {path}: {reason}", hint="check the name and your rights to it") from error


def _json_sha256(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _to_plain(value: Any) -> Any:
    """*value* as JSON: sizes as text, other values with fields as an object of those that differ from their default."""
    if isinstance(value, (Size, Shape)):
        return str(value)
    kind: Any = type(value)
    if has_fields(kind):
        values = ((name, getattr(value, name), default) for name, default in field_defaults(kind).items())
        return {name: _to_plain(inner) for name, inner, default in values if inner != default}
    if isinstance(value, Mapping):
        return {str(name): _to_plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_plain(inner) for inner in value]
    return value
