"""What a purchase of a manifest is to a journal: plain values, and what counts as the same request. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from imagecli.batch.entries import Entry, FileRecord, State
from imagecli.batch.hashing import request_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One purchase as the manifest plans it now."""

    id: str
    said: str
    """`hashing.said_hash` of its row and inputs."""
    provider: str
    base_url: str | None
    """`hashing.place`."""
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
        return self.hash_by(self.model)

    def hash_by(self, model: str) -> str:
        return request_hash(self.said, provider=self.provider, base_url=self.base_url, model=model)

    def entry(
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
    ) -> Entry:
        """What the journal is told of it."""
        return Entry(
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

    def is_asked_by(self, entry: Entry) -> bool:
        """Whether *entry* is of this very request; another default model of today makes no other."""
        return entry.hash == self.hash or (not self.model_named and entry.hash == self.hash_by(entry.model))

    def is_fresh(self, entry: Entry) -> bool:
        """Whether what *entry* brought need not be made again. The sandbox never draws over what was bought."""
        return self.is_asked_by(entry) or (self.sandbox and not entry.sandbox)

    def row_is_same(self, entry: Entry) -> bool:
        """Whether row and inputs are as they were, whoever was asked."""
        asked = request_hash(self.said, provider=entry.provider, base_url=entry.base_url, model=entry.model)
        return entry.hash == asked

    def differs_from(self, entry: Entry) -> str:
        """Why *entry* is stale, in words."""
        if entry.sandbox and not self.sandbox:
            return "the sandbox drew it"
        if entry.provider != self.provider:
            return f"{entry.provider} made it, and {self.provider} is asked now"
        if entry.base_url != self.base_url:
            there, here = (url or f"{self.provider}'s own address" for url in (entry.base_url, self.base_url))
            return f"it came from {there}, and {here} is asked now"
        if self.row_is_same(entry):
            return f"{entry.model} made it, and {self.model} is asked now"
        return "its row or an input has changed"
