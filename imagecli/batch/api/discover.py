"""Finds batches of a manifest that the provider has and the journal lacks, before anything is submitted again.

Neither a kill between a batch's creation and its journal entry nor a lost journal may lead to paying twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from imagecli.batch.api.download import download_lines
from imagecli.batch.api.input_file import calls_with_ids
from imagecli.batch.api.submission_ids import MANIFEST, MANIFEST_SHA256, SUBMISSION
from imagecli.batch.item_plan import ItemPlan, planned_paths
from imagecli.batch.journal.entry import JournalEntry
from imagecli.batch.journal.state import JournalState
from imagecli.batch.journal.writer import JournalWriter
from imagecli.client.batch_api import BatchApiClient
from imagecli.errors import ImagecliError, NetworkError
from imagecli.events import EventHandler, NoteEvent, WarningEvent
from imagecli.providers.batch_response import BatchJob

PAUSES: Final = (0.0, 2.0, 5.0)
"""Seconds before each attempt to find a batch whose creation got no response."""
NOT_SUBMITTED: Final = "not_handed_in"
"""Error code in the journal of an item whose batch was never created, or was cancelled as a duplicate."""


def find_batch(client: BatchApiClient, key: str, value: str, on_event: EventHandler) -> BatchJob | None:
    """The batch whose metadata has *value* under *key*, if it was created just now."""
    for seconds in PAUSES:
        time.sleep(seconds)
        try:
            for job in client.list_batches(on_event):
                if job.metadata.get(key) == value:
                    return job
        except ImagecliError:
            continue
    return None


def claim_found_batches(
    client: BatchApiClient,
    plans: Sequence[ItemPlan],
    digest: str,
    state: JournalState,
    journal: JournalWriter,
    state_dir: Path,
    on_event: EventHandler,
) -> set[str]:
    """Finds the items of *plans* in batches that no journal knows, writes them to the journal, and returns their ids.

    The journal may be lost: the lines of a batch's input file tell what was submitted. *digest* is the manifest's;
    files are downloaded to *state_dir*. Raises what the requests do, and DiskError.
    """
    unclaimed = {plan.item.id: plan for plan in plans}
    claimed: set[str] = set()
    if not plans:
        return claimed
    name, folder = Path(plans[0].manifest).name, plans[0].folder
    for job in client.list_batches(on_event):
        if not unclaimed:
            break
        if not may_have_rows(job, name, digest) or job.metadata.get(SUBMISSION) in state.submissions:
            continue
        submitted_ids = read_submitted_ids(client, job, state_dir, folder, on_event)
        ours = [
            plan
            for plan in unclaimed.values()
            if all(custom_id in submitted_ids for custom_id, _ in calls_with_ids(plan))
        ]
        if not ours:
            continue
        journal.write_all([_claim_entry(plan, job) for plan in ours])
        for plan in ours:
            claimed.add(plan.item.id)
            del unclaimed[plan.item.id]
        message = f"{job.id} was submitted earlier with {len(ours):,} of these rows, but was not in the journal"
        on_event(NoteEvent(code="found_batch", message=message))
    return claimed


def read_submitted_ids(
    client: BatchApiClient, job: BatchJob, state_dir: Path, fallback: Path, on_event: EventHandler
) -> set[str]:
    """The `custom_id`s of the lines that were submitted as *job*.

    They are in its input file, which is downloaded again if it is short, and in its results. Raises what the requests
    do, and NetworkError if they can't be read while results are still to come: a row could be paid for twice.
    """
    ids: set[str] = set()
    is_complete = False
    for file_id in (job.input_file_id, job.input_file_id, job.output_file_id, job.error_file_id):
        if file_id and not is_complete:
            is_damaged = False
            for line in download_lines(client, file_id, state_dir, fallback, on_event):
                try:
                    ids.add(str(json.load(line)["custom_id"]))
                except (ValueError, TypeError, KeyError, RecursionError):
                    is_damaged = True
            is_complete = bool(ids) and not is_damaged and len(ids) >= job.total
    if not is_complete:
        message = f"can't tell which rows {job.id} contains: its file has {len(ids):,} of {job.total:,} lines"
        if not job.has_ended:
            hint = "run the same command again, now or after that batch ends"
            raise NetworkError(f"{message}; nothing was submitted", hint=hint, code="short_download")
        on_event(WarningEvent(code="short_download", message=f"{message}; rows may be billed twice"))
    return ids


def may_have_rows(job: BatchJob, name: str, digest: str) -> bool:
    """Whether *job* may have rows of the manifest, as it is or was, and may have results."""
    is_alike = job.metadata.get(MANIFEST_SHA256) == digest or job.metadata.get(MANIFEST) == name
    is_empty = job.status == "failed" or (job.status == "cancelled" and not job.completed)
    return is_alike and bool(job.metadata.get(SUBMISSION)) and not is_empty


def _claim_entry(plan: ItemPlan, job: BatchJob) -> JournalEntry:
    return plan.identity.new_entry(
        "submitted", submission=job.metadata[SUBMISSION], batch=job.id, planned=planned_paths(plan)
    )
