"""Fetches what ended batches have produced: each line of their files is saved as a live response is.

Every image is in the journal as soon as it is saved. The provider keeps the files for days: what can't be saved now
stays there and stays pending in the journal, and the next run fetches it.

A download may be short: empty, cut in a line, or a 404 for a file that exists. Therefore a row without a result is
given up only after this run has downloaded the files twice, and so has a later run, or this one later if it waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final, NamedTuple

from imagecli.batch.api.download import download_lines
from imagecli.batch.api.pending_items import PendingItem
from imagecli.batch.api.submission_ids import parse_custom_id
from imagecli.batch.file_records import build_file_records, build_original_records
from imagecli.batch.file_state import choose_record
from imagecli.batch.item_finalizer import ItemFinalizer
from imagecli.batch.item_plan import ItemResult
from imagecli.batch.journal.entry import FileRecord
from imagecli.batch.journal.state import JournalState
from imagecli.client.batch_api import BatchApiClient
from imagecli.client.download import ResultDownloader
from imagecli.errors import (
    DiskError,
    ImagecliError,
    LimitError,
    NetworkError,
    RefusedError,
    UnsavedError,
    to_imagecli_error,
)
from imagecli.events import EventHandler, NoteEvent, WarningEvent
from imagecli.pipeline.finish_call import not_fetched, open_response, save_images
from imagecli.pipeline.prepare_call import RunContext
from imagecli.pipeline.recover import late_image_note
from imagecli.pipeline.save import ImageSaver
from imagecli.pipeline.write_sidecars import write_sidecars
from imagecli.plan_calls import PlannedCall
from imagecli.prepared_call import PreparedCall
from imagecli.providers.batch_response import (
    HINT_AGAIN,
    BatchJob,
    BatchResponseLine,
    parse_line_images,
    parse_response_line,
)
from imagecli.providers.large_json import condense_body
from imagecli.results import CallResult
from imagecli.safe_open import is_below


class _CompletedCall(NamedTuple):
    """A call of an item, and the line with its response."""

    item: PendingItem
    begin: int
    """The index of its first image among the item's."""
    prepared: PreparedCall
    response: BatchResponseLine


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCollector:
    """Saves what the batches of one run have produced."""

    client: BatchApiClient
    state: JournalState
    """It has what this run saves."""
    finalizer: ItemFinalizer
    downloader: ResultDownloader
    context: RunContext
    state_dir: Path
    on_event: EventHandler

    def collect(self, job: BatchJob, items: Sequence[PendingItem]) -> Iterator[ItemResult]:
        """Saves the images of *items*, all of which were submitted as *job*, and yields each item that has ended.

        Raises what downloading a file does, and UnsavedError if results are missing that may still exist: the next run
        fetches what is not saved by then.
        """
        unfinished = {item.key: item for item in items}
        is_short = False
        for is_last in (False, True):
            received: set[str | None] = set()
            for file_id in (job.output_file_id, job.error_file_id):
                for line in self._download_lines(file_id) if file_id and unfinished else ():
                    response = self._parse_line(line)
                    received.add(response.custom_id if response else None)
                    call = self._find_call(response, unfinished) if response else None
                    if call is None:
                        continue
                    item = call.item
                    item.results[call.begin] = self._save_images(call, line)
                    if not item.missing_images:
                        del unfinished[item.key]
                        if result := self._end_item(item, None):
                            yield result
            is_short = _has_more_results(job, received)
            if is_last or not (unfinished and is_short):
                break
            rows = _count_rows(len(unfinished))
            message = f"{job.id}: the download contains no results for {rows}; downloading again"
            self.on_event(WarningEvent(code=SHORT_DOWNLOAD, message=message))
            job = self.client.get_batch(job.id, self.on_event)
        kept = [item for item in unfinished.values() if is_short and item.entry.error != SHORT_DOWNLOAD]
        # The next run gives up what is missing then, too.
        self.finalizer.journal.write_all([replace(item.entry, error=SHORT_DOWNLOAD) for item in kept])
        for item in kept:
            del unfinished[item.key]
        yield from self.give_up(unfinished.values(), missing_result_error(job))
        if kept:
            raise _short_download_error(job, len(kept))

    def give_up(self, items: Iterable[PendingItem], reason: ImagecliError) -> Iterator[ItemResult]:
        """Ends *items* that will have no further results, for the *reason* that is given."""
        for item in items:
            if result := self._end_item(item, reason):
                yield result

    def _download_lines(self, file_id: str) -> Iterator[IO[bytes]]:
        return download_lines(self.client, file_id, self.state_dir, self.finalizer.folder, self.on_event)

    def _parse_line(self, line: IO[bytes]) -> BatchResponseLine | None:
        """The response in *line*; None, and a warning, if it can't be read."""
        try:
            return parse_response_line(condense_body(line).body)
        except ValueError:
            message = "skipped an unreadable line of the batch results"
            self.on_event(WarningEvent(code="bad_line", message=message))
            return None

    def _find_call(self, response: BatchResponseLine, unfinished: dict[str, PendingItem]) -> _CompletedCall | None:
        """The call that *response* is for; None if no item waits for it: saved before, or of another program."""
        line_id = parse_custom_id(response.custom_id)
        item = unfinished.get(line_id.key) if line_id else None
        if line_id is None or item is None or line_id.begin in item.results:
            return None
        prepared = item.prepare(line_id, self.context)
        return _CompletedCall(item, line_id.begin, prepared, response) if prepared else None

    def _save_images(self, call: _CompletedCall, line: IO[bytes]) -> CallResult:
        """Saves the images in *line*. What goes wrong is in the result."""
        prepared, response = call.prepared, call.response
        for folder in prepared.folders:
            # The item may have been submitted by another machine, which has the folder.
            if prepared.root is None or is_below(folder, prepared.root):
                with suppress(OSError):
                    folder.mkdir(parents=True, exist_ok=True)
        saver = ImageSaver(
            prepared=prepared,
            rescue_folder=self.state_dir / "rescued",
            on_event=self.on_event,
            is_repeated=True,
            extras=self._find_extras(call),
        )
        try:
            with open_response(line, saver) as condensed:
                parsed = parse_line_images(condensed.body, prepared.base_url)
                result = save_images(parsed, condensed, saver, self.downloader, peer=self.client.peer)
                result = result._replace(is_free=self.client.is_sandbox)
            if result.unfetched:
                self.on_event(not_fetched(result, None))
        except Exception as problem:
            result = CallResult(
                request=prepared.request,
                requested=prepared.n,
                provider=prepared.provider,
                model=prepared.model,
                errors=(to_imagecli_error(problem),),
            )
        if saver.extras:
            result = self._without_extras(call, result, saver)
        errors = [error.with_facts(request_id=error.request_id or response.request_id) for error in result.errors]
        result = result._replace(errors=tuple(errors), status=response.status, request_id=response.request_id)
        if prepared.sidecar:
            write_sidecars(result, saver, self.finalizer.total_cost([result]))
        return result

    def _find_extras(self, call: _CompletedCall) -> list[int]:
        """The images, by index, that the row has already: another machine submitted it too."""
        part, state, disk = call.prepared.part, self.state, self.finalizer.disk
        extras = []
        for index, paths in enumerate(part.planned if part else ()):
            records = [choose_record(state.files_planned_at(path), disk) for path in paths]
            if all(
                record
                and record.entry.hash == call.item.entry.hash
                and disk.sha256(record.file.path) == record.file.sha256
                for record in records
            ):
                extras.append(index)
        return extras

    def _without_extras(self, call: _CompletedCall, result: CallResult, saver: ImageSaver) -> CallResult:
        """*result* without the images that the row had already; notes where they are."""
        for image in result.saved:
            if image.index in saver.extras and call.prepared.part:
                call.item.extra_images += 1
                if image.path and image.path.parent == saver.rescue_folder:
                    self.on_event(late_image_note(image, call.prepared.part))
        return result._replace(saved=tuple(image for image in result.saved if image.index not in saver.extras))

    def _end_item(self, item: PendingItem, missing: ImagecliError | None) -> ItemResult | None:
        """Ends *item*. *missing* is why some of its images have no result. None if its row no longer exists."""
        results = [item.results[begin] for begin in sorted(item.results)]
        if missing:
            results.append(_missing_result(item, missing))
        # It stays pending in the journal: it can be fetched again from the provider.
        stays_pending = any(isinstance(error, DiskError) for result in results for error in result.errors)
        if item.plan is None or (item.extra_images and not any(result.saved for result in results)):
            self._end_stray_item(item, results, stays_pending=stays_pending)
            return None
        if stays_pending:
            cost = self.finalizer.total_cost(results)
            return ItemResult(plan=item.plan, results=tuple(results), cost_usd=cost)
        return self.finalizer.finalize(item.plan, _calls_with_results(item), results, item.entry)

    def _end_stray_item(self, item: PendingItem, results: Sequence[CallResult], *, stays_pending: bool) -> None:
        """Journals and notes the files of an item whose row was changed, removed or saved after it was submitted."""
        entry, finalizer = item.entry, self.finalizer
        files = [record for begin, result in item.results.items() for record in self._records(item, begin, result)]
        errors = [error for result in results for error in result.errors]
        if not stays_pending:
            saved = (image for result in results for image in result.saved)
            finalizer.journal.write(
                replace(
                    entry,
                    state="saved" if files or item.extra_images else "failed",
                    files=tuple(files),
                    originals=build_original_records(saved, finalizer.folder),
                    error=errors[0].code if errors else None,
                    may_be_billed=any(result.errors and result.may_be_billed for result in results),
                    planned=(),
                )
            )
        for record in files:
            message = f"{record.path} was created for the row as submitted, which has since changed or been removed"
            self.on_event(NoteEvent(code="of_earlier_row", message=message))
        for error in errors:
            self.on_event(WarningEvent(code=error.code, message=f"{entry.id} (as submitted): {error.message}"))

    def _records(self, item: PendingItem, begin: int, result: CallResult) -> tuple[FileRecord, ...]:
        prepared = item.prepare_at(begin, result.requested, self.context)
        part = prepared.part if prepared else None
        return build_file_records(result.saved, part) if part else ()


def _missing_result(item: PendingItem, error: ImagecliError) -> CallResult:
    """The result of the images of *item* that no line had."""
    return CallResult(
        request=item.plan.first_call if item.plan else 0,
        requested=item.missing_images,
        provider=item.entry.provider,
        model=item.entry.model,
        errors=(error,),
    )


def _calls_with_results(item: PendingItem) -> list[PlannedCall]:
    """The calls of *item* that have a result, in their order."""
    assert item.plan
    begin, calls = 0, []
    for call in item.plan.calls():
        if begin in item.results:
            calls.append(call)
        begin += call.request.options.n
    return calls


# --- why an item has no result ---------------------------------------------------------------------------------------

QUEUE_FULL: Final = "token_limit_exceeded"
"""Error code of a batch for which the queue had no room. openai/openai-python, issue 2084, read 2026-11-23."""

SHORT_DOWNLOAD: Final = "short_download"
"""Error code of a batch whose files lack results, and in the journal of a pending item that had none there."""

_ENDED_EARLY: Final = {
    "expired": "expired before the image was created",
    "cancelled": "was cancelled before the image was created",
}


def missing_result_error(job: BatchJob) -> ImagecliError:
    """Why *job*, which has ended, has no result for an item."""
    if job.status == "failed":
        return _refused_batch_error(job)
    if job.status in _ENDED_EARLY:
        return NetworkError(f"{job.id} {_ENDED_EARLY[job.status]}", hint=HINT_AGAIN, code=f"batch_{job.status}")
    return UnsavedError(
        f"{job.id} is {job.status}, but two runs found no result for this row",
        hint="run the same command to submit it again; it may have been billed",
        code="no_line",
    )


def _has_more_results(job: BatchJob, received: Set[str | None]) -> bool:
    """Whether *job* may have results besides those of the lines that were *received*, for an item without one.

    *received* are the `custom_id`s of the lines; None stands for lines that can't be read.
    """
    if None in received:
        return True
    if job.status == "failed":
        return False
    return job.status == "completed" or len(received) < job.completed + job.failed


def _short_download_error(job: BatchJob, rows: int) -> UnsavedError:
    return UnsavedError(
        f"{job.id}: two downloads contained no results for {_count_rows(rows)}; nothing was submitted again",
        hint="run the same command to download them again; the provider may still have them",
        code=SHORT_DOWNLOAD,
    )


def _count_rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _refused_batch_error(job: BatchJob) -> ImagecliError:
    """The provider rejected the batch before anything was created."""
    first = job.errors[0] if job.errors else None
    line = f" (line {first.line:,})" if first and first.line else ""
    message = f"{job.id} was rejected{line}: {first.message if first else 'no reason given'}"
    if first and first.code == QUEUE_FULL:
        hint = "wait until the pending batches end, then run the same command again"
        return LimitError(message, hint=hint, code=QUEUE_FULL)
    return RefusedError(message, hint="fix the row and run the same command again", code="batch_failed")


def unknown_batch_error(batch_id: str, error: ImagecliError) -> ImagecliError:
    """Why items of a batch that the provider does not know have no result; *error* is the provider's."""
    return UnsavedError(
        f"the provider has no batch {batch_id}: {error.message}",
        hint="run the same command to submit its rows again; they may have been billed",
        code="batch_gone",
    )
