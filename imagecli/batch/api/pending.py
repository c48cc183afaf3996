"""A purchase that a provider's batch has: what was handed in of it, and how what comes of that is finished."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from imagecli.batch.api.input_file import LineId, item_key
from imagecli.batch.journal.entry import JournalEntry
from imagecli.batch.journal.state import JournalState
from imagecli.batch.planner import Decision, Replacement
from imagecli.batch.work_item import ItemPlan, WorkItem, requests_to_send
from imagecli.domain import OutputName
from imagecli.pipeline.prepare import RunContext, build_prepared_call
from imagecli.prepared import ManifestRef, OutputFile, PreparedCall
from imagecli.results import CallResult


@dataclass(slots=True, kw_only=True)
class PendingItem:
    """A purchase that is away, and what has come of it so far."""

    entry: JournalEntry
    """The journal's last word on it."""
    item: WorkItem | None
    """None where its row has changed, or is gone."""
    manifest: Path
    """Whose journal it is."""
    replaces: tuple[tuple[str, str | None], ...] = ()
    """Files that what comes stands in for, as they were when it was last looked: `Decision.replaces`."""
    outcomes: dict[int, CallResult] = field(default_factory=dict)
    """By the first picture of each request."""

    @property
    def key(self) -> str:
        return item_key(self.entry.id, self.entry.hash)

    @property
    def missing_images(self) -> int:
        """Pictures of which nothing has come."""
        return len(self.entry.planned) - sum(outcome.asked for outcome in self.outcomes.values())

    def prepare(self, place: LineId, errand: RunContext) -> PreparedCall | None:
        """How the answer for *place* is finished; None for one that was never asked for."""
        if place.n < 1 or place.begin + place.n > len(self.entry.planned):
            return None
        if self.item is None:
            return self._prepare_as_planned(place, errand)
        begin = 0
        for request in self.item.calls():
            if (begin, request.request.options.n) == (place.begin, place.n):
                return build_prepared_call(request, errand)
            begin += request.request.options.n
        return None

    def prepare_at(self, begin: int, n: int, errand: RunContext) -> PreparedCall | None:
        """As `prepare`, for the *n* pictures from *begin* on."""
        return self.prepare(LineId(key=self.key, begin=begin, n=n), errand)

    def _prepare_as_planned(self, place: LineId, errand: RunContext) -> PreparedCall:
        """For a row that says something else by now: its pictures get the names that they were bought for."""
        planned = self.entry.planned[place.begin : place.begin + place.n]
        names = tuple(_output_name(paths[0], self.manifest.parent) for paths in planned)
        return PreparedCall(
            id=f"{errand.run_id}-{place}",
            request=0,
            command=errand.command,
            provider=self.entry.provider,
            base_url=errand.base_url,
            model=self.entry.model,
            n=place.n,
            names=names,
            if_exists=None,
            stdout=False,
            prompt=None,
            output_format=None,
            size=None,
            files=tuple((OutputFile(name=name),) for name in names),
            replaces=tuple((self.manifest.parent / path, sha256) for path, sha256 in self.replaces),
            part=ManifestRef(
                manifest=str(self.manifest.absolute()),
                id=self.entry.id,
                hash=self.entry.hash,
                planned=tuple(paths[:1] for paths in planned),
            ),
            allow_outside=errand.allow_outside,
        )


def _output_name(path: str, folder: Path) -> OutputName:
    """A file that gets the true ending of what comes."""
    planned = PurePosixPath(path)
    return OutputName(folder=folder / planned.parent, stem=planned.stem)


def find_pending_item(purchase: ItemPlan, ledger: JournalState, first: int, manifest: Path) -> PendingItem | None:
    """The slip of a *purchase* that is away, its requests numbered from *first*; None where it is not."""
    entry = ledger.last_entry(purchase.planned.id)
    if entry is None or not entry.is_pending:
        return None
    replaces = _replaced_files(entry, ledger)
    order = _submitted_item(purchase, entry, replaces, first, manifest)
    return PendingItem(entry=entry, item=order, manifest=manifest, replaces=replaces)


def _submitted_item(
    purchase: ItemPlan, entry: JournalEntry, replaces: tuple[tuple[str, str | None], ...], first: int, manifest: Path
) -> WorkItem | None:
    """What was asked for then, as far as the row still says that."""
    places = {target.path: index for index, targets in enumerate(purchase.item.pictures) for target in targets}
    buy = tuple(dict.fromkeys(places[paths[0]] for paths in entry.planned if paths[0] in places))
    if not purchase.planned.is_requested_by(entry) or len(buy) < len(entry.planned) or not buy:
        return None
    writes = tuple(path for paths in entry.planned for path in paths if path in places)
    decision = Decision(kind="missing", buy=buy, writes=writes, replaces=tuple(Replacement(*file) for file in replaces))
    # What the journal is told is of the request that was made, of a model that may be no default any more.
    wanted = replace(purchase.planned, model=entry.model)
    asked = replace(purchase, planned=wanted, decision=decision)
    return WorkItem(plan=asked, first=first, count=len(requests_to_send(asked)), manifest=manifest)


def _replaced_files(entry: JournalEntry, ledger: JournalState) -> tuple[tuple[str, str | None], ...]:
    """The files of the journal that stand where *entry* was planned, those beside them too."""
    known = [found for paths in entry.planned for path in paths if (found := ledger.file_planned_at(path))]
    old = {record.path: record.sha256 for _, record in known}
    return tuple((old | {record.path: record.sha256 for told, _ in known for record in told.originals}).items())


def find_stray_items(ledger: JournalState, known: set[str], manifest: Path) -> Iterator[PendingItem]:
    """The slips of what is away and of no row that is *known* by its id."""
    for entry in list(ledger.pending()):
        if entry.id not in known:
            yield PendingItem(entry=entry, item=None, manifest=manifest, replaces=_replaced_files(entry, ledger))
