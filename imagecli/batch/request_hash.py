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


class RowJson(NamedTuple):
    """The hashed JSON of a row without its prompt and inputs, which many rows have in common."""

    before: str
    """What precedes the prompt."""
    after: str
    """What is between the prompt and the inputs."""

    def hash(self, prompt: str | None, inputs: Mapping[str, Sequence[str]]) -> str:
        """The hash of the row in 64 hex digits, with *inputs*: field → sha256 of its files."""
        prompt_json = "" if prompt is None else f'"prompt":{_ENCODER.encode(prompt)}'
        members = ",".join(filter(None, (self.before, prompt_json, self.after)))
        files = {name: list(digests) for name, digests in inputs.items() if digests}
        return _text_sha256(f'["imagecli row",{{{members}}},{_ENCODER.encode(files) if files else "{}"}]')


def row_json(fields: Mapping[str, object], *, raw: bool = False) -> RowJson:
    """The JSON of *fields* by their wire names: those of the row, the flags and `[defaults]`, without the prompt.

    They are parsed but not resolved by a model: `command`, `size` as a Size or Shape, params, and conversions such as
    `fit` and `outputs`. None is omitted.
    *raw*: CRLF in texts is hashed as it is, as in earlier versions, instead of as LF.
    """
    members = {
        name: f"{_ENCODER.encode(name)}:{_ENCODER.encode(_to_plain(value, raw=raw))}"
        for name, value in sorted(fields.items())
        if value is not None and name not in NOT_HASHED
    }
    return RowJson(
        before=",".join(text for name, text in members.items() if name < "prompt"),
        after=",".join(text for name, text in members.items() if name > "prompt"),
    )


def with_lf(text: str) -> str:
    """*text* with LF for every CRLF."""
    return text.replace("\r\n", "\n")


def request_hash(row_hash: str, *, provider: str, model: str, base_url: str | None = None) -> str:
    """The hash in the journal. *row_hash* is a result of `RowJson.hash`.

    *model* is the one that the row names, or else the default; `ItemIdentity.is_requested_by` then also tries the model
    in the journal, so that a new default doesn't make another request. *base_url* is that of an entry of an earlier
    version, which hashed `base_url_for_journal`.
    """
    return _text_sha256(f'["imagecli request",{_ENCODER.encode(row_hash)},{_target_json(provider, base_url, model)}]')


@lru_cache(maxsize=64)
def _target_json(provider: str, base_url: str | None, model: str) -> str:
    """What the hashes of most requests have in common."""
    return ",".join(map(_ENCODER.encode, (provider, base_url, model)))


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


def _text_sha256(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _to_plain(value: Any, *, raw: bool) -> Any:
    """*value* as JSON: sizes as text, other values with fields as an object of those that differ from their default."""
    if isinstance(value, str):
        return value if raw else with_lf(value)
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
