"""What a purchase is, as a hash: the same request on another machine and another day has the same.

It holds what the row says, the bytes of its inputs, the provider, the base URL and the model. It does not hold where
the pictures go: a file can be renamed without being bought again.

What a purchase of a manifest is to a journal: plain values, and what counts as the same request. Pure.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from imagecli.batch.journal.entry import FileRecord, JournalEntry, State
from imagecli.catalog.provider import ProviderRow
from imagecli.errors import InputImageError
from imagecli.sizes import Shape, Size
from imagecli.storage.read import file_sha256

NOT_THE_PICTURE: Final = frozenset(
    ("model", "stream", "partial_images", "response_format", "user", "safety_identifier")
)
"""Fields that say how an answer travels and who asks: the picture is the same with another. `model` is hashed apart."""


def row_hash(fields: Mapping[str, object], inputs: Mapping[str, Sequence[str]]) -> str:
    """What a row says, in 64 hex digits: *fields* by their wire names, and *inputs*: field → sha256 of its files.

    *fields* hold what is written (row, flag, `[defaults]`), parsed but not resolved by a model: the prompt as it is
    sent, `command`, `size` as a Size or Shape, params, post-steps such as `fit` and `outputs`. None is not said.
    """
    said = {
        name: _to_plain(value) for name, value in fields.items() if value is not None and name not in NOT_THE_PICTURE
    }
    files = {name: list(digests) for name, digests in inputs.items() if digests}
    return _json_sha256(["imagecli row", said, files])


def request_hash(said: str, *, provider: str, base_url: str | None, model: str) -> str:
    """The hash that the journal keeps. *said* is `row_hash`'s, *base_url* is `base_url_for_hash`'s.

    *model* is the one that the row names, or was resolved to where it names none; `deciding` tries the journal's own
    model there, so that a new default is no other request.
    """
    return _json_sha256(["imagecli request", said, provider, base_url, model])


def base_url_for_hash(base_url: str, provider: ProviderRow) -> str | None:
    """The base URL as the journal may have it: None where it is the provider's own or in this process.

    Without user, password, query and fragment, its host in lower case.
    """
    if provider.embedded or provider.uses_default_base_url(base_url):
        return None
    parts = urlsplit(base_url)
    host = parts.netloc.rpartition("@")[2].lower()
    return f"{parts.scheme}://{host}{parts.path}".rstrip("/")


class FileDigests:
    """The sha256 of input files, each read once, in pieces."""

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}

    def sha256(self, path: Path) -> str:
        """64 hex digits. Raises InputImageError for what is no file or can't be read."""
        if path not in self._known:
            self._known[path] = _file_digest(path)
        return self._known[path]


def _file_digest(path: Path) -> str:
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
    """*value* as JSON has it: sizes as they are written, other values by their fields that are said."""
    if isinstance(value, (Size, Shape)):
        return str(value)
    if dataclasses.is_dataclass(value):
        fields = ((field, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {field.name: _to_plain(inner) for field, inner in fields if inner != field.default}
    if isinstance(value, Mapping):
        return {str(name): _to_plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_plain(inner) for inner in value]
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedItem:
    """One purchase as the manifest plans it now."""

    id: str
    row_hash: str
    """`fingerprint.row_hash` of its row and inputs."""
    provider: str
    base_url: str | None
    """`fingerprint.base_url_for_hash`."""
    model: str
    """The one that would be asked."""
    model_named: bool
    """The row, a flag or `[defaults]` names it; else it is the default of today."""
    pictures: tuple[tuple[str, ...], ...]
    """The paths planned for each picture, from the manifest's folder with forward slashes. Several for one picture
    (`outputs`) are made of it together."""
    sandbox: bool = False
    """The embedded server would draw it."""

    @property
    def hash(self) -> str:
        """What the journal keeps of it."""
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
        """What the journal is told of it."""
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
        """Whether *entry* is of this very request; another default model of today makes no other."""
        return entry.hash == self.hash or (not self.model_named and entry.hash == self.hash_for_model(entry.model))

    def is_fresh(self, entry: JournalEntry) -> bool:
        """Whether what *entry* brought need not be made again. The sandbox never draws over what was bought."""
        return self.is_requested_by(entry) or (self.sandbox and not entry.sandbox)

    def is_same_row(self, entry: JournalEntry) -> bool:
        """Whether row and inputs are as they were, whoever was asked."""
        asked = request_hash(self.row_hash, provider=entry.provider, base_url=entry.base_url, model=entry.model)
        return entry.hash == asked

    def describe_difference(self, entry: JournalEntry) -> str:
        """Why *entry* is stale, in words."""
        if entry.sandbox and not self.sandbox:
            return "the sandbox drew it"
        if entry.provider != self.provider:
            return f"{entry.provider} made it, and {self.provider} is asked now"
        if entry.base_url != self.base_url:
            there, here = (url or f"{self.provider}'s own address" for url in (entry.base_url, self.base_url))
            return f"it came from {there}, and {here} is asked now"
        if self.is_same_row(entry):
            return f"{entry.model} made it, and {self.model} is asked now"
        return "its row or an input has changed"
