"""The request hash, by which a journal recognises a request on any machine and any day, and the ItemIdentity that has
it.

The hash covers the row, the bytes of its inputs, the provider, the base URL and the model. It does not cover where the
images are saved, so a file can be renamed without being requested again.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from imagecli.batch.journal.entry import FileRecord, JournalEntry, State
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemIdentity:
    """How a journal knows an item: its id, and what its request hash is made of.

    Built of a ManifestItem when a run plans its items. It is compared with journal entries, and makes new ones.
    """

    id: str
    row_hash: str
    """`fingerprint.row_hash` of its row and inputs."""
    provider: str
    base_url: str | None
    """`fingerprint.base_url_for_hash`."""
    model: str
    """The model that will be requested."""
    model_named: bool
    """True if the row, a flag or `[defaults]` names it, False if it is the current default."""
    image_paths: tuple[tuple[str, ...], ...]
    """The paths planned for each image, from the manifest's folder, with forward slashes. Several paths of one image
    (`outputs`) are always written together."""
    sandbox: bool = False
    """The embedded server will generate it."""

    @property
    def hash(self) -> str:
        """The request hash."""
        return self.hash_for_model(self.model)

    def hash_for_model(self, model: str) -> str:
        return request_hash(self.row_hash, provider=self.provider, base_url=self.base_url, model=model)

    def new_entry(
        self,
        state: State,
        *,
        files: tuple[FileRecord, ...] = (),
        originals: tuple[FileRecord, ...] = (),
        cost_usd: float | None = None,
        error: str | None = None,
        may_be_billed: bool = False,
        submission: str | None = None,
        batch: str | None = None,
        planned: tuple[tuple[str, ...], ...] = (),
    ) -> JournalEntry:
        """An entry of this item for the journal."""
        return JournalEntry(
            id=self.id,
            hash=self.hash,
            state=state,
            provider=self.provider,
            model=self.model,
            base_url=self.base_url,
            sandbox=self.sandbox,
            files=files,
            originals=originals,
            cost_usd=cost_usd,
            error=error,
            may_be_billed=may_be_billed,
            submission=submission,
            batch=batch,
            planned=planned,
        )

    def is_requested_by(self, entry: JournalEntry) -> bool:
        """Whether *entry* records this very request. If no model is named, a new default is still the same request."""
        return entry.hash == self.hash or (not self.model_named and entry.hash == self.hash_for_model(entry.model))

    def is_fresh(self, entry: JournalEntry) -> bool:
        """Whether the files of *entry* are up to date. For the sandbox all paid files are: it never replaces them."""
        return self.is_requested_by(entry) or (self.sandbox and not entry.sandbox)

    def is_same_row(self, entry: JournalEntry) -> bool:
        """Whether row and inputs are unchanged, even if provider, base URL or model are not."""
        return entry.hash == request_hash(
            self.row_hash, provider=entry.provider, base_url=entry.base_url, model=entry.model
        )

    def describe_difference(self, entry: JournalEntry) -> str:
        """Why *entry* is stale, as a phrase for a message."""
        if entry.sandbox and not self.sandbox:
            return "the sandbox drew it"
        if entry.provider != self.provider:
            return f"{entry.provider} made it, and {self.provider} is asked now"
        if entry.base_url != self.base_url:
            own_address = f"{self.provider}'s own address"
            return f"it came from {entry.base_url or own_address}, and {self.base_url or own_address} is asked now"
        if self.is_same_row(entry):
            return f"{entry.model} made it, and {self.model} is asked now"
        return "its row or an input has changed"
