"""The lines of one batch's files → the ends of its slips: each line is finished, and a slip ends with its last line.

Why nothing has come of a row that a batch had: in words, with what they mean for the exit code. Pure.

Lines out of pieces as they arrive: each as a file of its own, as one may be hundreds of megabytes.

A batch that has ended → its pictures: its files are fetched, and each line is finished as a live answer is.

What is saved is in the journal at once; a download that breaks off is begun anew, and passes that over. The provider
has the files for days: what can't be saved now stays with it, and the journal goes on saying so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Final

from imagecli.batch.api.input_file import parse_custom_id
from imagecli.batch.api.pending import PendingItem
from imagecli.batch.journal.entry import FileRecord
from imagecli.batch.work_item import ItemResult, build_file_records, build_original_records
from imagecli.batch.worker import ItemFinalizer
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
from imagecli.pipeline.finish import not_fetched, open_response, save_images
from imagecli.pipeline.prepare import RunContext
from imagecli.pipeline.save import ImageSaver
from imagecli.plan import PlannedCall
from imagecli.prepared import PreparedCall
from imagecli.providers.batch_job import BatchJob
from imagecli.providers.batch_response import HINT_AGAIN, BatchResponseLine, parse_response_line
from imagecli.providers.large_json import condense_body
from imagecli.results import CallResult
from imagecli.safe_open import make_private_folder
from imagecli.storage.atomic import os_error_reason
from imagecli.storage.boundary import is_below


class BatchResultReader:
    """The slips of one batch on their way."""

    def __init__(
        self,
        *,
        slips: Sequence[PendingItem],
        settling: ItemFinalizer,
        results: ResultDownloader,
        errand: RunContext,
        rescue_folder: Path,
        on_event: EventHandler,
        ended: Callable[[ItemResult], None],
        peer: Callable[[], str | None],
    ) -> None:
        """*peer* gives the address that the lines come from."""
        self._settling, self._results, self._errand = settling, results, errand
        self._rescue_folder, self._listen, self._ended = rescue_folder, on_event, ended
        self._peer = peer
        self.left = {slip.key: slip for slip in slips}

    def read_line(self, file: IO[bytes]) -> None:
        """One line. What nobody waits for is passed over: it is saved already, or was never ours."""
        try:
            said = parse_response_line(condense_body(file).body)
        except ValueError:
            self._listen(WarningEvent(code="bad_line", message="a line of the batch can't be read, and is passed over"))
            return
        place = parse_custom_id(said.custom_id)
        slip = self.left.get(place.key) if place else None
        if place is None or slip is None or place.begin in slip.outcomes:
            return
        if prepared := slip.prepare(place, self._errand):
            slip.outcomes[place.begin] = self._finish_line(prepared, said, file)
            if not slip.missing_images:
                self._end_item(slip, None)

    def _finish_line(self, prepared: PreparedCall, said: BatchResponseLine, file: IO[bytes]) -> CallResult:
        for folder in prepared.folders:
            # Another machine may have handed it in.
            if prepared.root is None or is_below(folder, prepared.root):
                with suppress(OSError):
                    folder.mkdir(parents=True, exist_ok=True)
        saver = ImageSaver(
            prepared=prepared, rescue_folder=self._rescue_folder, on_event=self._listen, is_repeated=True
        )
        try:
            with open_response(file, saver) as response:
                outcome = save_images(response, saver, self._results, peer=self._peer())
            if outcome.unfetched:
                self._listen(not_fetched(outcome, None))
        except Exception as problem:
            outcome = CallResult(
                request=prepared.request,
                asked=prepared.n,
                provider=prepared.provider,
                model=prepared.model,
                errors=(to_imagecli_error(problem),),
            )
        for error in outcome.errors:
            error.request_id = error.request_id or said.request_id
        return replace(outcome, status=said.status, request_id=said.request_id)

    def give_up(self, why: ImagecliError) -> None:
        """Nothing more comes; *why* says so."""
        for slip in list(self.left.values()):
            self._end_item(slip, why)

    def _end_item(self, slip: PendingItem, missing: ImagecliError | None) -> None:
        """All that will come of *slip* is there; *missing* says why that is not all."""
        del self.left[slip.key]
        outcomes = [slip.outcomes[begin] for begin in sorted(slip.outcomes)]
        if missing:
            outcomes.append(_missing_result(slip, missing))
        stays = any(isinstance(error, DiskError) for outcome in outcomes for error in outcome.errors)
        if slip.item is None:
            self._note_stray(slip, outcomes, stays=stays)
        elif stays:
            # The journal goes on saying that the provider has it: there it can be fetched again.
            cost = self._settling.total_cost(outcomes)
            self._ended(ItemResult(item=slip.item, results=tuple(outcomes), cost_usd=cost))
        else:
            self._ended(self._settling.finalize(slip.item, _answered_calls(slip), outcomes))

    def _note_stray(self, slip: PendingItem, outcomes: Sequence[CallResult], *, stays: bool) -> None:
        """What was bought for a row that says something else now, or is gone: kept, and said.

        The journal hears nothing of what *stays* with the provider, to be fetched again.
        """
        entry, settling = slip.entry, self._settling
        files = [
            record for begin, outcome in slip.outcomes.items() for record in self._build_records(slip, begin, outcome)
        ]
        errors = [error for outcome in outcomes for error in outcome.errors]
        if not stays:
            settling.journal.write(
                replace(
                    entry,
                    state="saved" if files else "failed",
                    files=tuple(files),
                    originals=build_original_records(
                        (image for one in outcomes for image in one.saved), settling.folder
                    ),
                    error=errors[0].code if errors else None,
                    may_be_billed=any(one.errors and one.may_be_billed for one in outcomes),
                    planned=(),
                )
            )
        for record in files:
            said = f"{record.path} is of the row as it was handed in, which is another now or gone"
            self._listen(NoteEvent(code="of_earlier_row", message=said))
        for error in errors:
            self._listen(WarningEvent(code=error.code, message=f"{entry.id}, as it was handed in: {error.message}"))

    def _build_records(self, slip: PendingItem, begin: int, outcome: CallResult) -> tuple[FileRecord, ...]:
        prepared = slip.prepare_at(begin, outcome.asked, self._errand)
        part = prepared.part if prepared else None
        return build_file_records(outcome.saved, part, self._settling.folder) if part else ()


def _missing_result(slip: PendingItem, missing: ImagecliError) -> CallResult:
    """Of what is still missing of *slip*."""
    return CallResult(
        request=slip.item.first if slip.item else 0,
        asked=slip.missing_images,
        provider=slip.entry.provider,
        model=slip.entry.model,
        errors=(missing,),
    )


def _answered_calls(slip: PendingItem) -> list[PlannedCall]:
    """The requests of its order to which there are outcomes, in their order."""
    assert slip.item
    begin, found = 0, []
    for request in slip.item.calls():
        if begin in slip.outcomes:
            found.append(request)
        begin += request.request.options.n
    return found


FULL: Final = "token_limit_exceeded"
"""The code of a batch for which the queue had no room. openai/openai-python, issue 2084, read 2026-11-23."""

_ENDS: Final = {
    "expired": "was given up before it was made: its time was over",
    "cancelled": "was cancelled before it was made",
}


def missing_result_error(job: BatchJob) -> ImagecliError:
    """What is to be said of rows of which *job*, which has ended, brought nothing."""
    if job.status == "failed":
        return _refused_batch_error(job)
    if job.status in _ENDS:
        return NetworkError(f"{job.id} {_ENDS[job.status]}", hint=HINT_AGAIN, code=f"batch_{job.status}")
    return UnsavedError(
        f"{job.id} is {job.status}, and has no line for it, or has it no more",
        hint="it may have been billed; the same command hands it in again",
        code="no_line",
    )


def _refused_batch_error(job: BatchJob) -> ImagecliError:
    """All of it, before anything was made."""
    first = job.errors[0] if job.errors else None
    line = f" for its line {first.line:,}" if first and first.line else ""
    said = f"{job.id} was refused{line}: {first.message if first else 'no reason given'}"
    if first and first.code == FULL:
        hint = "run the same command again once batches that are under way have ended"
        return LimitError(said, hint=hint, code=FULL)
    return RefusedError(said, hint="mend it and run the same command again", code="batch_failed")


def unknown_batch_error(batch: str, answer: ImagecliError) -> ImagecliError:
    """What is to be said of rows of a *batch* that the provider does not know, as *answer* says."""
    return UnsavedError(
        f"{batch} is not known there (any more): {answer.message}",
        hint="it may have been billed; the same command hands its rows in again",
        code="batch_gone",
    )


IN_MEMORY: Final = 1 << 20
"""Bytes of a line that are held without the disk."""
BLANK: Final = (b"", b"\r")
"""What stands on a line that is none."""


class LineSplitter:
    """Takes pieces; calls *line* with every line that is not blank, at its beginning. Closed by its `with` block."""

    def __init__(self, line: Callable[[IO[bytes]], None], folder: Path | None = None) -> None:
        """Long lines lie in *folder* meanwhile, under no name."""
        self._line = line
        self._folder = folder
        self._file = self._new_file()

    def __enter__(self) -> LineSplitter:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """A last line that nothing ends is a line too, unless the pieces broke off."""
        try:
            if error is None:
                self._end_line()
        finally:
            self._file.close()

    def feed(self, piece: bytes) -> None:
        """Raises DiskError, and whatever *line* raises."""
        first, *others = piece.split(b"\n")
        self._add(first)
        for other in others:
            self._end_line()
            self._add(other)

    def _add(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise DiskError(
                f"can't keep a line of a batch while it is saved: {os_error_reason(error)}",
                hint="free some space: the provider has it still, and the same command fetches it again",
            ) from error

    def _end_line(self) -> None:
        if not self._is_blank():
            self._file.seek(0)
            self._line(self._file)
        if self._file.tell():
            self._file.close()
            self._file = self._new_file()

    def _is_blank(self) -> bool:
        if self._file.tell() > max(map(len, BLANK)):
            return False
        self._file.seek(0)
        return self._file.read() in BLANK

    def _new_file(self) -> IO[bytes]:
        return SpooledTemporaryFile(IN_MEMORY, dir=str(self._folder) if self._folder else None)


TRIES: Final = 3
"""Downloads of one file."""
GONE: Final = "not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCollector:
    """Saves what batches have brought."""

    client: BatchApiClient
    finalizer: ItemFinalizer
    downloader: ResultDownloader
    context: RunContext
    state_dir: Path

    def collect(
        self, job: BatchJob, slips: Sequence[PendingItem], on_event: EventHandler, ended: Callable[[ItemResult], None]
    ) -> None:
        """Saves what came of *slips*, all of which *job* has, and tells *ended* of each as soon as all of it is there.

        Raises what fetching its files meets: what is not saved then is fetched by the next run.
        """
        gathering = self._open_reader(slips, on_event, ended)
        for file_id in (job.output_file_id, job.error_file_id):
            if file_id and gathering.left:
                self._read_file(file_id, gathering, on_event)
        gathering.give_up(missing_result_error(job))

    def give_up(
        self,
        slips: Sequence[PendingItem],
        why: ImagecliError,
        on_event: EventHandler,
        ended: Callable[[ItemResult], None],
    ) -> None:
        """Nothing will come of *slips*; *why* says so."""
        self._open_reader(slips, on_event, ended).give_up(why)

    def _open_reader(
        self, slips: Sequence[PendingItem], on_event: EventHandler, ended: Callable[[ItemResult], None]
    ) -> BatchResultReader:
        return BatchResultReader(
            slips=slips,
            settling=self.finalizer,
            results=self.downloader,
            errand=self.context,
            rescue_folder=self.state_dir / "rescued",
            on_event=on_event,
            ended=ended,
            peer=lambda: self.client.peer,
        )

    def _read_file(self, file_id: str, gathering: BatchResultReader, on_event: EventHandler) -> None:
        """All lines of a file; none where the provider has it no more."""
        for tries_left in reversed(range(TRIES)):
            try:
                with LineSplitter(gathering.read_line, self._folder()) as lines:
                    self.client.download_file(file_id, lines.feed, on_event)
                return
            except RefusedError as error:
                if error.code == GONE:
                    return
                raise
            except (NetworkError, UnsavedError) as error:
                if not tries_left:
                    raise
                on_event(WarningEvent(code="broke_off", message=f"{error.message}; fetched again"))

    def _folder(self) -> Path:
        """Where long lines lie meanwhile."""
        folder = self.state_dir / "spool"
        try:
            make_private_folder(folder)
        except OSError:
            return self.finalizer.folder
        return folder
