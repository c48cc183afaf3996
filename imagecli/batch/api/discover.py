"""Batches that the provider has of a manifest: looked for before anything is handed in again.

A kill between a batch's making and the journal's word of it, or a journal that is lost, must not buy twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import IO, Final

from imagecli.batch.api.collect import LineSplitter
from imagecli.batch.api.input_file import MANIFEST, MANIFEST_SHA256, SUBMISSION, calls_with_ids, planned_paths
from imagecli.batch.journal.entry import JournalEntry
from imagecli.batch.journal.state import JournalState
from imagecli.batch.journal.writer import JournalWriter
from imagecli.batch.work_item import WorkItem
from imagecli.client.batch_api import BatchApiClient
from imagecli.errors import ImagecliError
from imagecli.events import EventHandler, NoteEvent
from imagecli.providers.batch_job import BatchJob

KEPT_SECONDS: Final = 31 * 24 * 3600
"""Files of batches expire after 30 days: what is older can't be fetched. OpenAI API reference, read 2026-11-22."""
LOOK_SECONDS: Final = (0.0, 2.0, 5.0)
"""Pauses before each look for a batch whose making was not answered."""
NOT_HANDED_IN: Final = "not_handed_in"


def find_batch(client: BatchApiClient, key: str, value: str, on_event: EventHandler) -> BatchJob | None:
    """The batch whose metadata has *value* under *key*, which was made just now, if at all."""
    for seconds in LOOK_SECONDS:
        time.sleep(seconds)
        try:
            for job in _recent_batches(client, on_event):
                if job.metadata.get(key) == value:
                    return job
        except ImagecliError:
            continue
    return None


def resolve_unanswered(
    client: BatchApiClient, unknown: Sequence[JournalEntry], journal: JournalWriter, on_event: EventHandler
) -> None:
    """Finds out what became of what was handed in there without an answer, and tells the journal.

    Raises what asking meets, and DiskError.
    """
    if not unknown:
        return
    ids = {job.metadata.get(SUBMISSION): job.id for job in _recent_batches(client, on_event)}
    told = []
    for entry in unknown:
        batch = ids.get(entry.submission)
        told.append(replace(entry, state="submitted", batch=batch) if batch else _as_not_submitted(entry))
    journal.write_all(told)
    for batch in dict.fromkeys(entry.batch for entry in told if entry.batch):
        said = f"{batch} was handed in by a run that was ended before it could say so"
        on_event(NoteEvent(code="found_batch", message=said))


def _as_not_submitted(entry: JournalEntry) -> JournalEntry:
    return replace(entry, state="failed", error=NOT_HANDED_IN, planned=())


def claim_found_batches(
    client: BatchApiClient,
    orders: Sequence[WorkItem],
    digest: str,
    ledger: JournalState,
    journal: JournalWriter,
    on_event: EventHandler,
) -> set[str]:
    """Finds those of *orders* that a batch has of which no journal knows, tells the journal, and returns their ids.

    The journal may be lost: what was asked for there is found by its lines. Raises what asking meets, and DiskError.
    """
    left = {order.plan.planned.id: order for order in orders}
    claimed: set[str] = set()
    names = {orders[0].manifest.name} if orders else set()
    for job in _recent_batches(client, on_event):
        if not left:
            break
        if _is_ours(job, names, digest) and job.metadata.get(SUBMISSION) not in ledger.submissions:
            there = _fetch_custom_ids(client, job, on_event)
            mine = [order for order in left.values() if all(name in there for name, _ in calls_with_ids(order))]
            journal.write_all([_claim_entry(order, job) for order in mine])
            claimed |= {order.plan.planned.id for order in mine}
            left = {name: order for name, order in left.items() if name not in claimed}
            if mine:
                said = (
                    f"{job.id} was handed in earlier and has {len(mine):,} of these rows; the journal did not know it"
                )
                on_event(NoteEvent(code="found_batch", message=said))
    return claimed


def _is_ours(job: BatchJob, names: set[str], digest: str) -> bool:
    """Whether it may have rows of the manifest, as it is or was; and whether that brings anything."""
    alike = job.metadata.get(MANIFEST_SHA256) == digest or job.metadata.get(MANIFEST) in names
    return alike and bool(job.metadata.get(SUBMISSION)) and job.status != "failed"


def _claim_entry(order: WorkItem, job: BatchJob) -> JournalEntry:
    return order.plan.planned.new_entry(
        "submitted", submission=job.metadata[SUBMISSION], batch=job.id, planned=planned_paths(order)
    )


def _recent_batches(client: BatchApiClient, on_event: EventHandler) -> Iterator[BatchJob]:
    """The newest first."""
    for job in client.list_batches(on_event):
        if job.created_at and job.created_at < time.time() - KEPT_SECONDS:
            return
        yield job


def _fetch_custom_ids(client: BatchApiClient, job: BatchJob, on_event: EventHandler) -> set[str]:
    """What was handed in as *job*; nothing where that can't be had any more."""
    found: set[str] = set()

    def line(file: IO[bytes]) -> None:
        try:
            found.add(str(json.load(file)["custom_id"]))
        except (ValueError, TypeError, KeyError, RecursionError):
            return

    try:
        with LineSplitter(line) as lines:
            client.download_file(job.input_file_id, lines.feed, on_event)
    except ImagecliError as error:
        if error.code != "not_found":
            raise
    return found
