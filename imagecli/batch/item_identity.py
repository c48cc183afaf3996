"""An item of a manifest as a journal knows it: its id, and what its request hash is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from imagecli.batch.journal.entry import FileRecord, JournalEntry, State
from imagecli.batch.journal.state import JournalState
from imagecli.batch.manifest.item import ManifestItem
from imagecli.batch.request_hash import FileDigests, RowJson, base_url_for_journal, request_hash, row_json, with_lf
from imagecli.catalog.provider import ProviderRow
from imagecli.domain import Edit, Generate


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemIdentity:
    """How a journal knows an item: its id, and what its request hash is made of.

    Built of a ManifestItem when a run plans its items. It is compared with journal entries, and makes new ones.
    """

    id: str
    row_hash: str
    """`RowJson.hash` of its row and inputs."""
    raw_row_hash: str | None = None
    """The same as earlier versions computed it, with CRLF in texts as it is; None if they had no CRLF."""
    provider: str
    base_url: str | None
    """`request_hash.base_url_for_journal`. Not part of the request hash."""
    model: str
    """The model that will be requested."""
    model_named: bool
    """True if the row, a flag or `[defaults]` names it, False if it is the current default."""
    image_paths: tuple[tuple[str, ...], ...]
    """The paths planned for each image, from the manifest's folder, with forward slashes. Several paths of one image
    (`outputs`) are always written together."""
    sandbox: bool = False
    """The embedded server will generate it."""
    free: bool = False
    """The provider bills nothing."""

    @property
    def hash(self) -> str:
        """The request hash."""
        return self.hash_for_model(self.model)

    def hash_for_model(self, model: str) -> str:
        return request_hash(self.row_hash, provider=self.provider, model=model)

    @property
    def known_hashes(self) -> tuple[str, ...]:
        """The request hash, and those that earlier versions had for the same request."""
        return tuple(dict.fromkeys(self._hashes(self.provider, self.base_url, self.model)))

    def _hashes(self, provider: str, base_url: str | None, model: str) -> Iterator[str]:
        """The request hashes of the row at *provider*: as it is, and as an earlier version had it for *base_url*."""
        for row in (self.row_hash, self.raw_row_hash):
            if row:
                yield request_hash(row, provider=provider, model=model)
                yield request_hash(row, provider=provider, model=model, base_url=base_url)

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
        if entry.hash == self.hash:
            return True
        models = {self.model} if self.model_named else {self.model, entry.model}
        return any(entry.hash in self._hashes(self.provider, entry.base_url, model) for model in models)

    def is_fresh(self, entry: JournalEntry) -> bool:
        """Whether the files of *entry* are up to date. For the sandbox all paid files are: it never replaces them."""
        return self.is_requested_by(entry) or (self.sandbox and not entry.sandbox)

    def is_same_row(self, entry: JournalEntry) -> bool:
        """Whether row and inputs are unchanged, even if provider, base URL or model are not."""
        return entry.hash in self._hashes(entry.provider, entry.base_url, entry.model)

    def describe_difference(self, entry: JournalEntry) -> str:
        """Why *entry* is stale, as a phrase for a message."""
        if entry.sandbox and not self.sandbox:
            return "created by the sandbox"
        if entry.provider != self.provider:
            return f"created by {entry.provider}, now requested from {self.provider}"
        if self.is_same_row(entry):
            return f"created with {entry.model}, now requested with {self.model}"
        return "its row or an input has changed"


class ItemIdentifier:
    """Identifies items that are requested from the same provider. Input files are read, and settings encoded, once."""

    def __init__(self, provider: ProviderRow, base_url: str) -> None:
        self._provider = provider
        self._base_url = base_url_for_journal(base_url, provider)
        self._digests = FileDigests()
        self._encoded: dict[object, _EncodedSettings] = {}

    def identify(self, item: ManifestItem) -> ItemIdentity:
        """*item* as the journal knows it. Raises InputImageError if an input can't be read."""
        inputs, raw_inputs = _input_digests(item, self._digests)
        settings, prompt = self._encode_settings(item), item.prompt
        normalized = settings.normalized.hash(prompt and with_lf(prompt), inputs)
        # Few rows have CRLF in a text or an input.
        has_crlf = raw_inputs != inputs or settings.raw != settings.normalized or (prompt and "\r\n" in prompt)
        raw = settings.raw.hash(prompt, raw_inputs) if has_crlf else normalized
        return ItemIdentity(
            id=item.id,
            row_hash=normalized,
            raw_row_hash=raw if raw != normalized else None,
            provider=self._provider.name,
            base_url=self._base_url,
            model=item.model.name,
            model_named=item.model_named,
            image_paths=item.image_paths,
            sandbox=self._provider.embedded,
            free=self._provider.free,
        )

    def _encode_settings(self, item: ManifestItem) -> _EncodedSettings:
        """The settings of *item*, which it shares with the other rows that have the same."""
        key = id(item.settings), item.conversions
        encoded = self._encoded.get(key)
        if encoded is None:
            encoded = _EncodedSettings(item.settings, row_json(item.row_values), row_json(item.row_values, raw=True))
            if len(self._encoded) < _DISTINCT_SETTINGS:
                self._encoded[key] = encoded
        return encoded


class _EncodedSettings(NamedTuple):
    """Settings as they are hashed."""

    settings: Mapping[str, Any]
    """Referenced, so that its `id` remains its own."""
    normalized: RowJson
    raw: RowJson


_DISTINCT_SETTINGS: Final = 1024
"""More are not remembered: most manifests have a few."""


def _input_digests(item: ManifestItem, digests: FileDigests) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """For each field the digests of its files; and the same of their bytes as they are."""
    request = item.request
    if isinstance(request, Generate):
        return {}, {}
    sources = {"image": request.input_sources}
    if isinstance(request, Edit):
        layers = {"mask": request.mask and request.mask.file, "markup": request.markup}
        sources |= {name: (layer,) for name, layer in layers.items() if layer}
    of_files = {
        name: [digests.digest(source.path) for source in of_field if source.path] for name, of_field in sources.items()
    }
    return (
        {name: [digest.sha256 for digest in of_field] for name, of_field in of_files.items()},
        {name: [digest.raw for digest in of_field] for name, of_field in of_files.items()},
    )


def possibly_billed_entry(identity: ItemIdentity, journal: JournalState) -> JournalEntry | None:
    """The latest entry of *identity*, if by it this very request may have been billed without a file to show for it."""
    last = journal.last_entry(identity.id)
    return last if last and last.is_possibly_billed and identity.is_requested_by(last) else None
