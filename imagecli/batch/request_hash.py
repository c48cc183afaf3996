"""The request hash, by which a journal recognizes a request on any machine and any day.

The hash covers the row, the bytes of its inputs, the provider and the model. It does not cover where the images are
saved, so a file can be renamed without being requested again, nor what differs between machines: the base URL's
spelling, and the line ends of texts, which git may convert. Earlier versions hashed both; `ItemIdentity` still
recognizes their lines.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from imagecli.catalog.provider import ProviderRow
from imagecli.errors import InputImageError, os_error_reason
from imagecli.serialization import has_fields
from imagecli.sizes import Shape, Size
from imagecli.storage.read import file_sha256

NOT_HASHED: Final = frozenset(
    ("model", "stream", "partial_images", "response_format", "user", "safety_identifier", "sidecar")
)
"""Fields that don't change the image, only how the response is sent, who requests it, or what is written beside it; and
`model`, hashed apart."""


def row_hash(fields: Mapping[str, object], inputs: Mapping[str, Sequence[str]], *, raw: bool = False) -> str:
    """The hash of a row in 64 hex digits: of *fields* by their wire names, and *inputs*, field → sha256 of its files.

    *fields* are those of the row, the flags and `[defaults]`, parsed but not resolved by a model: the prompt as sent,
    `command`, `size` as a Size or Shape, params, and conversions such as `fit` and `outputs`. None is omitted.
    *raw*: CRLF in texts is hashed as it is, as in earlier versions, instead of as LF.
    """
    values = {
        name: _to_plain(value, raw=raw)
        for name, value in fields.items()
        if value is not None and name not in NOT_HASHED
    }
    files = {name: list(digests) for name, digests in inputs.items() if digests}
    return _json_sha256(["imagecli row", values, files])


@lru_cache(maxsize=1024)
def request_hash(row_hash: str, *, provider: str, model: str, base_url: str | None = None) -> str:
    """The hash in the journal. *row_hash* is a result of `row_hash`.

    *model* is the one that the row names, or else the default; `ItemIdentity.is_requested_by` then also tries the model
    in the journal, so that a new default doesn't make another request. *base_url* is that of an entry of an earlier
    version, which hashed `base_url_for_journal`. Cached, because each journal entry of a request needs its hash.
    """
    return _json_sha256(["imagecli request", row_hash, provider, base_url, model])


def base_url_for_journal(base_url: str, provider: ProviderRow) -> str | None:
    """The base URL for the journal: None if it is the provider's own, or that of the embedded server.

    Without user, password, query and fragment; the host is in lower case.
    """
    if provider.embedded or provider.uses_default_base_url(base_url):
        return None
    parts = urlsplit(base_url)
    host = parts.netloc.rpartition("@")[2].lower()
    return f"{parts.scheme}://{host}{parts.path}".rstrip("/")


def is_same_address(one: str | None, other: str | None) -> bool:
    """Whether two base URLs of a journal are the same, however they are spelled: `localhost` is 127.0.0.1."""
    return one == other or (one is not None and other is not None and _plain_address(one) == _plain_address(other))


def _plain_address(base_url: str) -> tuple[object, ...]:
    """*base_url* in one spelling; a journal may hold any text."""
    from imagecli.client.address_policy import literal_endpoint, port_of  # only some runs have another spelling

    try:
        parts = urlsplit(base_url)
        host, port = (parts.hostname or "").rstrip("."), port_of(parts)
        return parts.scheme, literal_endpoint(host, port) or (host, port), parts.path.rstrip("/")
    except ValueError:
        return (base_url,)


class FileDigest(NamedTuple):
    """The sha256 of a file in 64 hex digits."""

    raw: str
    """Of its bytes."""
    sha256: str
    """The same, but of a text (an SVG) with LF for every CRLF."""


class FileDigests:
    """The digests of input files, each of which is read only once."""

    def __init__(self) -> None:
        self.digest: Callable[[Path], FileDigest] = cache(_file_digest)


_TEXT_PROBE_BYTES: Final = 8000
"""A file without a NUL byte in its first bytes is a text, as for git."""


def _file_digest(path: Path) -> FileDigest:
    """Raises InputImageError if *path* is not a file or can't be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputImageError(f"{path} is not a file", hint="name a file")
        with path.open("rb") as file:
            is_text = b"\0" not in file.read(_TEXT_PROBE_BYTES)
        raw = file_sha256(path)
        sha256 = hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest() if is_text else raw
        return FileDigest(raw=raw, sha256=sha256)
    except (OSError, ValueError) as error:
        raise InputImageError(
            f"can't read {path}: {os_error_reason(error)}", hint="check the name and its permissions"
        ) from error


_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def _json_sha256(value: object) -> str:
    return hashlib.sha256(_ENCODER.encode(value).encode("ascii")).hexdigest()


def _to_plain(value: Any, *, raw: bool) -> Any:
    """*value* as JSON: sizes as text, other values with fields as an object of those that differ from their default."""
    if isinstance(value, str):
        return value if raw else value.replace("\r\n", "\n")
    if isinstance(value, (Size, Shape)):
        return str(value)
    kind: Any = type(value)
    if has_fields(kind):
        defaults = kind._field_defaults
        changed = [name for name in kind._fields if name not in defaults or getattr(value, name) != defaults[name]]
        return {name: _to_plain(getattr(value, name), raw=raw) for name in changed}
    if isinstance(value, Mapping):
        return {str(name): _to_plain(inner, raw=raw) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_plain(inner, raw=raw) for inner in value]
    return value
