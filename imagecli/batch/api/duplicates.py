"""Two machines that submit the same rows at the same moment: the run with the younger batch cancels it.

Each run looks for batches of its rows before it submits them, and once more after its batch was created.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from imagecli.batch.api.discover import NOT_SUBMITTED, may_have_rows, read_submitted_ids
from imagecli.batch.api.submission_ids import SUBMISSION, item_key, parse_custom_id
from imagecli.batch.journal.entry import JournalEntry
from imagecli.batch.journal.writer import JournalWriter
from imagecli.client.batch_api import BatchApiClient
from imagecli.errors import DuplicateBatchError, ImagecliError
from imagecli.events import EventHandler, NoteEvent, WarningEvent
from imagecli.providers.batch_response import BatchJob

SETTLE_SECONDS: Final = 1.0
"""Seconds between the creation of a batch and the list. `created_at` is in whole seconds: after one more, every batch
that can be older is in the list, so that of two runs at least one sees the other, and only one cancels."""
MAX_SECONDS: Final = 24 * 3600
"""Batches that are older than the new one by more were found before it was created."""
_WITHDRAWN: Final = ("failed", "expired", "cancelling", "cancelled")
"""States in which a batch is not a reason to cancel another."""


class SubmittedEntries(NamedTuple):
    """What the journal says of the items of a new batch, once other batches were looked for."""

    entries: tuple[JournalEntry, ...]
    is_cancelled: bool = False
    """The batch was cancelled: an older one has some of the items, the others were not submitted."""
    error: DuplicateBatchError | None = None
    """The batch and an older one have the same items, and this one could not be cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateFinder:
    """Looks for older batches with the rows of a new one."""

    client: BatchApiClient
    manifest: Path
    digest: str
    """SHA-256 of the manifest."""
    known_submissions: Set[str]
    """The journal's: batches of earlier runs are not duplicates."""
    state_dir: Path
    on_event: EventHandler

    def check(self, job: BatchJob, sent: Sequence[JournalEntry]) -> SubmittedEntries:
        """What became of the *sent* entries by *job*, a new batch; cancels it if an older batch has any of their items.

        A failed look is a warning: the items are paid for, and can be fetched.
        """
        submitted = tuple(replace(entry, state="submitted", batch=job.id) for entry in sent)
        try:
            owners = self._find_owners(job, sent)
        except ImagecliError as error:
            message = f"can't check whether another run submitted the same rows as {job.id}: {error.message}"
            self.on_event(WarningEvent(code="duplicate_unchecked", message=message))
            return SubmittedEntries(submitted)
        if not owners:
            return SubmittedEntries(submitted)
        older = " and ".join(dict.fromkeys(owner.id for owner in owners.values()))
        rows = "1 row" if len(owners) == 1 else f"{len(owners):,} rows"
        found = f"another run already submitted {rows} of {job.id} in {older}"
        try:
            job = self.client.cancel_batch(job.id, self.on_event)
        except ImagecliError as error:
            return SubmittedEntries(submitted, error=_duplicate_error(job, found, error.message))
        if job.status == "completed":
            return SubmittedEntries(submitted, error=_duplicate_error(job, found, "it is already completed"))
        message = f"{found}; cancelled {job.id}, but images that it already created may be billed"
        self.on_event(WarningEvent(code="duplicate_batch", message=message))
        return SubmittedEntries(tuple(one for entry in sent for one in _withdraw(entry, owners)), is_cancelled=True)

    def _find_owners(self, job: BatchJob, sent: Sequence[JournalEntry]) -> dict[str, BatchJob]:
        """The oldest batch that has the item of each of the *sent* entries, by its id, if it is older than *job*."""
        owners: dict[str, BatchJob] = {}
        recent = self.client.list_batches(self.on_event, since=job.created_at - MAX_SECONDS)
        for other in sorted(recent, key=_age):
            if _age(other) >= _age(job) or not self._may_be_duplicate(other):
                continue
            ids = read_submitted_ids(self.client, other, self.state_dir, self.manifest.parent, self.on_event)
            images: Counter[str] = Counter()
            for line_id in filter(None, map(parse_custom_id, ids)):
                images[line_id.key] += line_id.n
            for entry in sent:
                if images[item_key(entry.id, entry.hash)] == len(entry.planned):
                    owners.setdefault(entry.id, other)
        return owners

    def _may_be_duplicate(self, job: BatchJob) -> bool:
        return (
            may_have_rows(job, self.manifest.name, self.digest)
            and job.status not in _WITHDRAWN
            and job.metadata[SUBMISSION] not in self.known_submissions
        )


def wait_until_listed() -> None:
    """Sleeps until a batch that was created just now, and every older one, is in the list."""
    time.sleep(SETTLE_SECONDS)


def _age(job: BatchJob) -> tuple[int, str]:
    """Sorts batches by age, the oldest first, in the same order for every run."""
    return job.created_at, job.id


def _withdraw(entry: JournalEntry, owners: dict[str, BatchJob]) -> Iterator[JournalEntry]:
    """Ends the submission of *entry*. If another batch has its item, the item is pending there."""
    yield replace(entry, state="failed", error=NOT_SUBMITTED, planned=())
    if owner := owners.get(entry.id):
        yield replace(entry, state="submitted", submission=owner.metadata[SUBMISSION], batch=owner.id)


def _duplicate_error(job: BatchJob, found: str, reason: str) -> DuplicateBatchError:
    return DuplicateBatchError(
        f"{found}; can't cancel {job.id} ({reason}), so both may be billed",
        hint="cancel one of them at the provider",
    )


def resolve_unanswered(
    finder: DuplicateFinder, unanswered: Sequence[JournalEntry], journal: JournalWriter
) -> list[DuplicateBatchError]:
    """Finds out whether the items of *unanswered* entries were submitted, and writes that to the journal.

    Returns what could not be cancelled. Raises what the requests do, and DiskError.
    """
    if not unanswered:
        return []
    jobs = {job.metadata.get(SUBMISSION): job for job in finder.client.list_batches(finder.on_event)}
    by_submission: dict[str | None, list[JournalEntry]] = {}
    for entry in unanswered:
        by_submission.setdefault(entry.submission, []).append(entry)
    errors = []
    for submission, sent in by_submission.items():
        job = jobs.get(submission)
        if job is None:
            journal.write_all([one for entry in sent for one in _withdraw(entry, {})])
            continue
        message = f"{job.id} was submitted by a run that ended before recording it"
        finder.on_event(NoteEvent(code="found_batch", message=message))
        result = finder.check(job, sent)
        journal.write_all(result.entries)
        if result.error:
            errors.append(result.error)
    return errors
