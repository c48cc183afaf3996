"""An item submitted to the provider's Batch API and not yet fetched, and how its results are finished."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from imagecli.batch.api.submission_ids import LineId, item_key
from imagecli.batch.decisions import Decision, Replacement
from imagecli.batch.item_plan import ItemPlan
from imagecli.batch.journal.entry import JournalEntry
from imagecli.batch.journal.state import JournalState
from imagecli.domain import OutputName
from imagecli.pipeline.prepare_call import RunContext, build_prepared_call, fit_sent_inputs
from imagecli.prepared_call import ManifestRef, OutputFile, PreparedCall
from imagecli.results import CallResult
from imagecli.safe_open import absolute_text


@dataclass(slots=True, kw_only=True)
class PendingItem:
    """An item that the provider has, by its journal entry, and its results so far: while a run fetches these."""

    entry: JournalEntry
    """The journal's last entry for it."""
    plan: ItemPlan | None
    """What was submitted; None if its row was changed or removed since."""
    manifest: Path
    """Names the journal."""
    replaces: tuple[tuple[str, str | None], ...] = ()
    """Files that the results may replace, as they were when they were last checked: `Decision.replaces`."""
    results: dict[int, CallResult] = field(default_factory=dict)
    """By the first image of each call."""
    extra_images: int = 0
    """The number of images that the row had already."""

    @property
    def key(self) -> str:
        return item_key(self.entry.id, self.entry.hash)

    @property
    def missing_images(self) -> int:
        """The number of images without a result."""
        return len(self.entry.planned) - sum(result.requested for result in self.results.values())

    def prepare(self, line_id: LineId, context: RunContext) -> PreparedCall | None:
        """How the response for *line_id* is finished; None if it was never requested."""
        if line_id.n < 1 or line_id.begin + line_id.n > len(self.entry.planned):
            return None
        if self.plan is None:
            return self._prepare_as_planned(line_id, context)
        begin = 0
        for call in self.plan.calls():
            if (begin, call.request.options.n) == (line_id.begin, line_id.n):
                prepared = build_prepared_call(call, context, fit_sent_inputs(call, self.plan.item.model))
                return prepared._replace(id=_call_id(line_id, context))
            begin += call.request.options.n
        return None

    def prepare_at(self, begin: int, n: int, context: RunContext) -> PreparedCall | None:
        """As `prepare`, for the *n* images from *begin* on."""
        return self.prepare(LineId(key=self.key, begin=begin, n=n), context)

    def _prepare_as_planned(self, line_id: LineId, context: RunContext) -> PreparedCall:
        """For a row that has changed: its images get the names that they were requested for."""
        planned = self.entry.planned[line_id.begin : line_id.begin + line_id.n]
        names = tuple(_output_name(paths[0], self.manifest.parent) for paths in planned)
        return PreparedCall(
            id=_call_id(line_id, context),
            request=0,
            command=context.command,
            provider=self.entry.provider,
            base_url=context.base_url,
            model=self.entry.model,
            n=line_id.n,
            names=names,
            if_exists=None,
            stdout=False,
            prompt=None,
            output_format=None,
            size=None,
            files=tuple((OutputFile(name=name),) for name in names),
            replaces=tuple((self.manifest.parent / path, sha256) for path, sha256 in self.replaces),
            part=ManifestRef(
                manifest=absolute_text(self.manifest),
                id=self.entry.id,
                hash=self.entry.hash,
                planned=tuple(paths[:1] for paths in planned),
            ),
            allow_outside=context.allow_outside,
        )


def _call_id(line_id: LineId, context: RunContext) -> str:
    """The same in every run, unlike a number of the call: it names what is rescued."""
    return f"{context.run_id}-{line_id}"


def _output_name(path: str, folder: Path) -> OutputName:
    """*path* without its extension: the file gets that of the format that the image has."""
    planned = PurePosixPath(path)
    return OutputName(folder=folder / planned.parent, stem=planned.stem)


def build_pending_item(
    plan: ItemPlan, entry: JournalEntry, state: JournalState, first: int, manifest: Path
) -> PendingItem:
    """The item of *plan*, which the provider has by *entry*, its calls numbered from *first*."""
    replaces = _replaced_files(entry, state)
    submitted = _plan_as_submitted(plan, entry, replaces, first)
    return PendingItem(entry=entry, plan=submitted, manifest=manifest, replaces=replaces)


def _plan_as_submitted(
    plan: ItemPlan, entry: JournalEntry, replaces: tuple[tuple[str, str | None], ...], first: int
) -> ItemPlan | None:
    """The plan by which the item was submitted; None if its row has changed since."""
    indexes = {target.path: index for index, targets in enumerate(plan.item.targets) for target in targets}
    to_create = tuple(dict.fromkeys(indexes[paths[0]] for paths in entry.planned if paths[0] in indexes))
    if not plan.identity.is_requested_by(entry) or len(to_create) < len(entry.planned) or not to_create:
        return None
    planned = {path for paths in entry.planned for path in paths}
    decision = Decision(
        kind="missing",
        to_create=to_create,
        unchanged=tuple(path for index in to_create for path in plan.item.image_paths[index] if path not in planned),
        replaces=tuple(Replacement(*file) for file in replaces),
    )
    # The journal records the request that was sent, whose model may no longer be the default.
    return replace(plan, submitted_model=entry.model, decision=decision, first_call=first)


def _replaced_files(entry: JournalEntry, state: JournalState) -> tuple[tuple[str, str | None], ...]:
    """The files in the journal that are where *entry* was planned, and the originals beside them."""
    planned = [path for paths in entry.planned for path in paths]
    saved = [known for path in planned if (known := state.file_planned_at(path))]
    files = {record.path: record.sha256 for _, record in saved}
    return tuple((files | state.originals_planned_at(planned)).items())


def find_stray_items(state: JournalState, known_ids: set[str], manifest: Path) -> Iterator[PendingItem]:
    """The items that the provider has and that are not among *known_ids*: their rows were removed."""
    for entry in list(state.pending()):
        if entry.id not in known_ids:
            yield PendingItem(entry=entry, plan=None, manifest=manifest, replaces=_replaced_files(entry, state))
