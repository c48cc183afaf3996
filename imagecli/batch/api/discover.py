"""Batches that the provider has of a manifest: looked for before anything is handed in again.

A kill between a batch's making and the journal's word of it, or a journal that is lost, must not buy twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import IO, Final

from imagecli.batch.api.collect import Lines
from imagecli.batch.api.input_file import MANIFEST, MANIFEST_SHA256, SUBMISSION, numbered, planned
from imagecli.batch.journal.entry import Entry
from imagecli.batch.journal.state import Ledger
from imagecli.batch.journal.writer import Journal
from imagecli.batch.work_item import Order
from imagecli.client.batch_api import Jobs
from imagecli.errors import ImagecliError
from imagecli.events import Listen, Noted
from imagecli.providers.batch_job import Job

KEPT_SECONDS: Final = 31 * 24 * 3600
"""Files of batches expire after 30 days: what is older can't be fetched. OpenAI API reference, read 2026-11-22."""
LOOK_SECONDS: Final = (0.0, 2.0, 5.0)
"""Pauses before each look for a batch whose making was not answered."""
NOT_HANDED_IN: Final = "not_handed_in"


def found_by(client: Jobs, key: str, value: str, listen: Listen) -> Job | None:
    """The batch whose metadata has *value* under *key*, which was made just now, if at all."""
    for seconds in LOOK_SECONDS:
        time.sleep(seconds)
        try:
            for job in _recent(client, listen):
                if job.metadata.get(key) == value:
                    return job
        except ImagecliError:
            continue
    return None


def resolve(client: Jobs, unknown: Sequence[Entry], journal: Journal, listen: Listen) -> None:
    """Finds out what became of what was handed in there without an answer, and tells the journal.

    Raises what asking meets, and DiskError.
    """
    if not unknown:
        return
    ids = {job.metadata.get(SUBMISSION): job.id for job in _recent(client, listen)}
    told = []
    for entry in unknown:
        batch = ids.get(entry.submission)
        told.append(replace(entry, state="submitted", batch=batch) if batch else _never(entry))
    journal.write_all(told)
    for batch in dict.fromkeys(entry.batch for entry in told if entry.batch):
        said = f"{batch} was handed in by a run that was ended before it could say so"
        listen(Noted(code="found_batch", message=said))


def _never(entry: Entry) -> Entry:
    return replace(entry, state="failed", error=NOT_HANDED_IN, planned=())


def claim(
    client: Jobs, orders: Sequence[Order], digest: str, ledger: Ledger, journal: Journal, listen: Listen
) -> set[str]:
    """Finds those of *orders* that a batch has of which no journal knows, tells the journal, and returns their ids.

    The journal may be lost: what was asked for there is found by its lines. Raises what asking meets, and DiskError.
    """
    left = {order.purchase.wanted.id: order for order in orders}
    claimed: set[str] = set()
    names = {orders[0].manifest.name} if orders else set()
    for job in _recent(client, listen):
        if not left:
            break
        if _is_ours(job, names, digest) and job.metadata.get(SUBMISSION) not in ledger.submissions:
            there = _custom_ids(client, job, listen)
            mine = [order for order in left.values() if all(name in there for name, _ in numbered(order))]
            journal.write_all([_claimed(order, job) for order in mine])
            claimed |= {order.purchase.wanted.id for order in mine}
            left = {name: order for name, order in left.items() if name not in claimed}
            if mine:
                said = (
                    f"{job.id} was handed in earlier and has {len(mine):,} of these rows; the journal did not know it"
                )
                listen(Noted(code="found_batch", message=said))
    return claimed


def _is_ours(job: Job, names: set[str], digest: str) -> bool:
    """Whether it may have rows of the manifest, as it is or was; and whether that brings anything."""
    alike = job.metadata.get(MANIFEST_SHA256) == digest or job.metadata.get(MANIFEST) in names
    return alike and bool(job.metadata.get(SUBMISSION)) and job.status != "failed"


def _claimed(order: Order, job: Job) -> Entry:
    return order.purchase.wanted.entry(
        "submitted", submission=job.metadata[SUBMISSION], batch=job.id, planned=planned(order)
    )


def _recent(client: Jobs, listen: Listen) -> Iterator[Job]:
    """The newest first."""
    for job in client.jobs(listen):
        if job.created_at and job.created_at < time.time() - KEPT_SECONDS:
            return
        yield job


def _custom_ids(client: Jobs, job: Job, listen: Listen) -> set[str]:
    """What was handed in as *job*; nothing where that can't be had any more."""
    found: set[str] = set()

    def line(file: IO[bytes]) -> None:
        try:
            found.add(str(json.load(file)["custom_id"]))
        except (ValueError, TypeError, KeyError, RecursionError):
            return

    try:
        with Lines(line) as lines:
            client.content(job.input_file_id, lines.take, listen)
    except ImagecliError as error:
        if error.code != "not_found":
            raise
    return found
