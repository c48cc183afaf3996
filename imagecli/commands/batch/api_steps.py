"""Batches that are away: asked for, fetched when they have ended, or called back.

What is missing on its way to the provider's Batch API.

Waits for what the provider's Batch API has.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from imagecli.batch.api.collect import GONE, BatchCollector, unknown_batch_error
from imagecli.batch.api.pending import PendingItem
from imagecli.batch.api.submit import BatchSubmitter, SubmitResult, UploadedInputs
from imagecli.commands.batch.api_state import BatchApiRun
from imagecli.commands.batch.context import BatchContext
from imagecli.commands.batch.run import (
    InputsByModel,
    build_batch_run_context,
    build_finalizer,
    build_work_items,
    check_inputs_and_folders,
)
from imagecli.errors import AuthenticationError, ImagecliError, LimitError, NetworkError, QuotaError, UnsavedError
from imagecli.events import EventHandler, Heartbeat, WarningEvent
from imagecli.safe_open import make_private_folder
from imagecli.worker_pool import HEARTBEAT_SECONDS


def cancel_pending(office: BatchApiRun) -> list[ImagecliError]:
    """Cancels every batch that is away; what was made until then still comes."""
    client = office.services.client
    errors = _for_each_batch(
        office, lambda batch, slips: office.update_batch(client.cancel_batch(batch, office.on_event))
    )
    # A batch that is not there is told of when it is asked for.
    return [error for error in errors if error.code != GONE]


def fetch_finished(office: BatchApiRun) -> list[ImagecliError]:
    """Asks for every batch that is away, and saves what those have brought that have ended."""
    before = len(office.done)
    errors = _for_each_batch(office, lambda batch, slips: _fetch_batch(office, batch, slips))
    if len(office.done) > before:
        office.refresh()
    else:
        office.show_progress()
    return errors


def _for_each_batch(office: BatchApiRun, act: Callable[[str, list[PendingItem]], None]) -> list[ImagecliError]:
    """Does *act* for every batch that is away. One batch's trouble is not the others', unless the key is."""
    errors: list[ImagecliError] = []
    for batch, slips in office.pending_by_batch().items():
        try:
            act(batch, slips)
        except ImagecliError as error:
            errors.append(error)
            if isinstance(error, AuthenticationError):
                break
    return errors


def _fetch_batch(office: BatchApiRun, batch: str, slips: list[PendingItem]) -> None:
    try:
        job = office.services.client.get_batch(batch, office.on_event)
    except ImagecliError as error:
        if error.code != GONE:
            raise
        _build_collector(office).give_up(slips, unknown_batch_error(batch, error), office.on_event, office.add_result)
    else:
        office.update_batch(job)
        if not job.has_ended:
            return
        _build_collector(office).collect(job, slips, office.on_event, office.add_result)
    office.done.add(batch)


def _build_collector(office: BatchApiRun) -> BatchCollector:
    bench = office.context
    return BatchCollector(
        client=office.services.client,
        finalizer=build_finalizer(bench, office.budget, office.journal),
        downloader=office.services.downloader,
        context=replace(build_batch_run_context(bench, office.name), base_url=office.services.base_url),
        state_dir=bench.settings.state_dir,
    )


def submit_missing(office: BatchApiRun) -> list[ImagecliError]:
    """Hands in what is missing, and says what was in the way."""
    orders, budget = build_work_items(office.context, office.missing)
    if not orders:
        return []
    if refusal := budget.refusal():
        return [refusal]
    errors: list[ImagecliError] = []

    def handed(one: SubmitResult) -> None:
        if one.job:
            office.add_batch(one.job, sum(order.count for order in one.orders))
        if one.error:
            errors.append(one.error)

    try:
        check_inputs_and_folders(orders, office.on_event, make=True)
        _build_submitter(office).submit(orders, office.on_event, handed)
    except ImagecliError as error:
        errors.append(error)
    office.refresh()
    return errors


def _build_submitter(office: BatchApiRun) -> BatchSubmitter:
    bench, client, shelf = office.context, office.services.client, InputsByModel()
    return BatchSubmitter(
        client=client,
        provider=bench.settings.provider,
        inputs=UploadedInputs(client, lambda purchase: shelf.for_model(purchase.item.model)),
        journal=office.journal,
        manifest=bench.owner,
        digest=bench.manifest.digest,
        folder=_input_file_folder(bench),
    )


def _input_file_folder(bench: BatchContext) -> Path:
    """Where input files lie until they are up: of this manifest and shard alone, as its lock is."""
    whose = f"{bench.owner.absolute()} {bench.shard or ''}"
    name = hashlib.sha256(whose.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    folder = bench.settings.state_dir / "batches"
    try:
        make_private_folder(folder)
    except OSError:
        return bench.owner.parent / f".imagecli-batch-{name}"
    return folder / name


FIRST_LOOK: Final = 1.0
"""Seconds until a batch is asked for again; ever longer then, up to the next."""
MAX_PAUSE: Final = 60.0
LONGEST: Final = 26 * 3600.0
"""Seconds that are waited in all: a batch has a day, and some time to end in."""


def wait_for_batches(office: BatchApiRun, *, hand_in: bool) -> list[ImagecliError]:
    """Fetches, and hands in what is missing, until nothing is away any more, or a day and some is over.

    Gives what went wrong for good. A row that changed while it was away is handed in when its earlier self has come.
    """
    heart, pause = _HeartbeatTimer(), FIRST_LOOK
    while True:
        errors = fetch_finished(office)
        if final := [error for error in errors if not _is_temporary(error)]:
            return final
        for error in errors:
            office.on_event(WarningEvent(code=error.code, message=f"{error.message}; asked again in {pause:.0f} s"))
        if hand_in and not errors and (refused := submit_missing(office)):
            return refused
        if not office.pending_items:
            return []
        if heart.age > LONGEST:
            office.on_event(
                WarningEvent(code="still_away", message="the batch has not ended in its time: look again later")
            )
            return []
        heart.sleep(pause, office.on_event)
        pause = min(pause * 1.5, MAX_PAUSE)


def _is_temporary(error: ImagecliError) -> bool:
    """Whether it may be over when a batch is asked for again."""
    return isinstance(error, (NetworkError, LimitError, UnsavedError)) and not isinstance(error, QuotaError)


class _HeartbeatTimer:
    """Sleeps, and says now and then that it does."""

    def __init__(self) -> None:
        self._began = self._beat = time.monotonic()

    @property
    def age(self) -> float:
        return time.monotonic() - self._began

    def sleep(self, seconds: float, on_event: EventHandler) -> None:
        """Sleeps for *seconds*."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, max(self._beat + HEARTBEAT_SECONDS - time.monotonic(), 0.0)))
            if time.monotonic() - self._beat >= HEARTBEAT_SECONDS:
                self._beat = time.monotonic()
                on_event(Heartbeat(elapsed=self.age))
