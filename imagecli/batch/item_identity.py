"""An item of a manifest as a journal knows it: its id, and what its request hash is made of."""

from __future__ import annotations

from dataclasses import dataclass

from imagecli.batch.journal.entry import FileRecord, JournalEntry, State
from imagecli.batch.journal.state import JournalState
from imagecli.batch.manifest.item import ManifestItem
from imagecli.batch.request_hash import FileDigests, base_url_for_hash, request_hash, row_hash
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.parameters import input_sources
from imagecli.domain import Edit


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemIdentity:
    """How a journal knows an item: its id, and what its request hash is made of.

    Built of a ManifestItem when a run plans its items. It is compared with journal entries, and makes new ones.
    """

    id: str
    row_hash: str
    """`request_hash.row_hash` of its row and inputs."""
    provider: str
    base_url: str | None
    """`request_hash.base_url_for_hash`."""
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


def identify_item(item: ManifestItem, provider: ProviderRow, base_url: str, digests: FileDigests) -> ItemIdentity:
    """*item* as the journal knows it. Raises InputImageError if an input can't be read."""
    return ItemIdentity(
        id=item.targets[0][0].path,
        row_hash=row_hash(item.row_values, _input_digests(item, digests)),
        provider=provider.name,
        base_url=base_url_for_hash(base_url, provider),
        model=item.model.name,
        model_named=item.model_named,
        image_paths=tuple(tuple(target.path for target in targets) for targets in item.targets),
        sandbox=provider.embedded,
    )


def _input_digests(item: ManifestItem, digests: FileDigests) -> dict[str, list[str]]:
    request = item.request
    sources = {"image": input_sources(request)}
    if isinstance(request, Edit):
        layers = {"mask": request.mask, "markup": request.markup}
        sources |= {name: (layer,) for name, layer in layers.items() if layer}
    return {
        name: [digests.sha256(source.path) for source in of_field if source.path] for name, of_field in sources.items()
    }


def possibly_billed_entry(identity: ItemIdentity, journal: JournalState) -> JournalEntry | None:
    """The latest entry of *identity*, if by it this very request may have been billed without a file to show for it."""
    last = journal.last_entry(identity.id)
    return last if last and last.is_possibly_billed and identity.is_requested_by(last) else None
