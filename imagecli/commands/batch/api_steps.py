"""The steps of a Batch API run: submit what is missing, fetch what has ended, cancel, and wait."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from imagecli.batch.api.collect import BatchCollector, unknown_batch_error
from imagecli.batch.api.duplicates import wait_until_listed
from imagecli.batch.api.pending_items import PendingItem
from imagecli.batch.api.submit import BatchSubmitter, UploadedInputs
from imagecli.batch.item_plan import ItemResult
from imagecli.client.batch_api import GONE
from imagecli.commands.batch.api_state import BatchApiRun, batch_run_id
from imagecli.commands.batch.context import BatchContext
from imagecli.commands.batch.open_run import (
    build_batch_run_context,
    build_finalizer,
    check_inputs_and_folders,
    number_calls,
)
from imagecli.errors import AuthenticationError, ImagecliError, LimitError, NetworkError, QuotaError, UnsavedError
from imagecli.events import EventHandler, Heartbeat, WarningEvent
from imagecli.safe_open import make_private_folder
from imagecli.worker_pool import HEARTBEAT_SECONDS

FIRST_PAUSE: Final = 1.0
"""Seconds before a batch is polled again; each pause is longer than the last, up to the next value."""
MAX_PAUSE: Final = 60.0
MAX_WAIT: Final = 26 * 3600.0
"""Seconds to wait in all: a batch has a day, and some time to end in."""


def cancel_pending(api_run: BatchApiRun) -> list[ImagecliError]:
    """Cancels every pending batch; what was created until then can still be fetched. Returns what went wrong."""
    errors: list[ImagecliError] = []
    for batch_id in api_run.pending_by_batch():
        try:
            api_run.update_batch(api_run.client.cancel_batch(batch_id, api_run.run.events))
        except AuthenticationError as error:
            return [*errors, error]
        except ImagecliError as error:
            # A batch that the provider does not have is reported when it is fetched.
            if error.code != GONE:
                errors.append(error)
    return errors


def fetch_finished(api_run: BatchApiRun) -> list[ImagecliError]:
    """Saves the results of every pending batch that has ended. Returns what went wrong.

    One batch's error does not stop the others, unless the key is refused.
    """
    errors: list[ImagecliError] = []
    fetched_before = len(api_run.fetched)
    for batch_id, items in api_run.pending_by_batch().items():
        try:
            results = _collect_results(api_run, batch_id, items)
            if results is None:
                continue
            for result in results:
                api_run.add_result(result)
            api_run.fetched.add(batch_id)
        except ImagecliError as error:
            errors.append(error)
            if isinstance(error, AuthenticationError):
                break
    if errors or len(api_run.fetched) > fetched_before:
        api_run.refresh()
    else:
        api_run.emit_progress()
    return errors


def _collect_results(api_run: BatchApiRun, batch_id: str, items: list[PendingItem]) -> Iterator[ItemResult] | None:
    """The results of *items*, each saved when it is asked for; None if their batch has not ended."""
    collector = _build_collector(api_run)
    try:
        job = api_run.client.get_batch(batch_id, api_run.run.events)
    except ImagecliError as error:
        if error.code != GONE:
            raise
        return collector.give_up(items, unknown_batch_error(batch_id, error))
    api_run.update_batch(job)
    return collector.collect(job, items) if job.has_ended else None


def _build_collector(api_run: BatchApiRun) -> BatchCollector:
    context = api_run.run.context
    return BatchCollector(
        client=api_run.client,
        state=api_run.run.state,
        finalizer=build_finalizer(context, api_run.budget, api_run.run.journal),
        downloader=api_run.downloader,
        context=build_batch_run_context(context, batch_run_id(context))._replace(base_url=api_run.base_url),
        state_dir=context.settings.state_dir,
        on_event=api_run.run.events,
    )


def submit_missing(api_run: BatchApiRun) -> list[ImagecliError]:
    """Submits what is missing. Returns what went wrong."""
    plans, budget = number_calls(api_run.run.context, api_run.find_missing())
    if not plans:
        return []
    if refusal := budget.refusal():
        return [refusal]
    errors: list[ImagecliError] = []
    try:
        check_inputs_and_folders(plans, api_run.run.events, make=True)
        api_run.run.events(budget.run_started())
        submitter = _build_submitter(api_run)
        for result in submitter.submit(plans):
            error = result.error
            if result.job:
                wait_until_listed()
                # Until this is in the journal, a run that is ended leaves the check to the next one.
                checked = api_run.duplicates.check(result.job, result.sent)
                error = submitter.try_journal(checked.entries) or checked.error
                if not checked.is_cancelled:
                    api_run.add_batch(result.job, sum(len(plan.call_sizes) for plan in result.plans))
            if error:
                errors.append(error)
                break
    except ImagecliError as error:
        errors.append(error)
    api_run.refresh()
    return errors


def _build_submitter(api_run: BatchApiRun) -> BatchSubmitter:
    context = api_run.run.context
    return BatchSubmitter(
        client=api_run.client,
        provider=context.settings.provider,
        inputs=UploadedInputs(api_run.client),
        journal=api_run.run.journal,
        manifest=context.manifest_path,
        digest=context.manifest.digest,
        folder=_input_file_folder(context),
        on_event=api_run.run.events,
    )


def _input_file_folder(context: BatchContext) -> Path:
    """The folder for input files until they are uploaded; it belongs to this manifest and shard, as the lock does."""
    name = batch_run_id(context)
    folder = context.settings.state_dir / "batches"
    try:
        make_private_folder(folder)
    except OSError:
        return context.manifest_path.parent / f".imagecli-{name}"
    return folder / name


def is_temporary(error: ImagecliError) -> bool:
    """Whether polling the batch again may help."""
    return isinstance(error, (NetworkError, LimitError, UnsavedError)) and not isinstance(error, QuotaError)


class BatchWaiter:
    """Waits between two attempts to fetch what is pending, for `MAX_WAIT` in all; emits heartbeats meanwhile."""

    def __init__(self) -> None:
        self._started = self._last_beat = time.monotonic()
        self._pause = FIRST_PAUSE

    def wait(self, api_run: BatchApiRun, errors: Sequence[ImagecliError]) -> bool:
        """Waits, unless nothing is pending or the time is over: then False. *errors* are those of the last attempt."""
        on_event = api_run.run.events
        for error in errors:
            message = f"{error.message}; retrying in {self._pause:.0f} s"
            on_event(WarningEvent(code=error.code, message=message))
        if not api_run.pending_items:
            return False
        if time.monotonic() - self._started > MAX_WAIT:
            message = "the batch did not finish in time; run the same command later"
            on_event(WarningEvent(code="still_away", message=message))
            return False
        self._sleep(self._pause, on_event)
        self._pause = min(self._pause * 1.5, MAX_PAUSE)
        return True

    def _sleep(self, seconds: float, on_event: EventHandler) -> None:
        end = time.monotonic() + seconds
        while (remaining := end - time.monotonic()) > 0:
            time.sleep(min(remaining, max(self._last_beat + HEARTBEAT_SECONDS - time.monotonic(), 0.0)))
            if time.monotonic() - self._last_beat >= HEARTBEAT_SECONDS:
                self._last_beat = time.monotonic()
                on_event(Heartbeat(elapsed=time.monotonic() - self._started))
