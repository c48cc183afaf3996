"""Saves what earlier runs of the manifest received and did not save, before anything is planned."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from imagecli.batch.file_records import build_file_records, build_original_records
from imagecli.batch.file_state import DiskState, choose_record
from imagecli.batch.journal.state import JournalState
from imagecli.batch.journal.writer import JournalWriter
from imagecli.client.download import ResultDownloader
from imagecli.client.spool_trust import SpoolPlaces
from imagecli.errors import ImagecliError, UnsavedError
from imagecli.events import EventHandler, NoteEvent, WarningEvent
from imagecli.pipeline.recover import (
    RecoverableCall,
    discard_recoverable,
    find_recoverable,
    late_image_note,
    may_still_work,
    recover_call,
)
from imagecli.prepared_call import ManifestRef, PreparedCall
from imagecli.results import CallResult
from imagecli.safe_open import absolute_text
from imagecli.storage.atomic_write import discard_staged

SAVEABLE_STATES = ("whole", "part", "no_pictures")
"""States of a spooled response that are worth finishing."""
MAX_IDS_IN_HINT = 3


class WaitingResponse(NamedTuple):
    """A paid response in the spool that can't be saved yet. Its item is not requested again."""

    id: str
    """Of the item."""
    request_hash: str
    spool_id: str
    error: ImagecliError | None
    """Why it can't be saved; None if that was not tried."""


class RecoveryResult(NamedTuple):
    """What is left in the spool after the responses that can be saved are."""

    waiting: tuple[WaitingResponse, ...] = ()
    useless: tuple[tuple[RecoverableCall, str], ...] = ()
    """Entries that nothing more can be saved from, with the id of their item."""
    saved: tuple[tuple[PreparedCall, CallResult], ...] = ()
    """What was saved, for the history."""

    @property
    def waiting_requests(self) -> frozenset[tuple[str, str]]:
        """Id and request hash of the items that wait."""
        return frozenset((response.id, response.request_hash) for response in self.waiting)

    def remove_useless(self, settled: Collection[str], on_event: EventHandler) -> None:
        """Removes what earlier attempts at the *settled* items left in the spool."""
        removed = [call for call, item_id in self.useless if item_id in settled and call.spooled.body.exists()]
        for call in removed:
            discard_recoverable(call)
        if removed:
            count = "1 response" if len(removed) == 1 else f"{len(removed):,} responses"
            message = f"removed {count} of earlier attempts from the spool; the images of their rows are saved"
            on_event(NoteEvent(code="removed", message=message))


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRecovery:
    """The spooled responses of one manifest, and how to save them."""

    manifest_path: Path
    """Names the journal, and is the manifest that responses name."""
    state_dir: Path
    places: SpoolPlaces
    url_ttl: float
    """Seconds that a result URL works."""

    def find(self) -> list[tuple[RecoverableCall, ManifestRef]]:
        """The responses of this manifest, the oldest first."""
        manifest = absolute_text(self.manifest_path)
        return [
            (call, call.prepared.part)
            for call in find_recoverable(self.places)
            if call.state in SAVEABLE_STATES and call.prepared and call.prepared.part
            if call.prepared.part.manifest == manifest
        ]

    def untried(self) -> RecoveryResult:
        """For a command that saves nothing: the complete responses, which the next run saves."""
        found = [(call, part) for call, part in self.find() if call.state == "whole"]
        return RecoveryResult(
            tuple(WaitingResponse(part.id, part.hash, call.spooled.id, error=None) for call, part in found)
        )

    def finish(
        self, state: JournalState, journal: JournalWriter, downloader: ResultDownloader, on_event: EventHandler
    ) -> RecoveryResult:
        """Saves their images and writes that to the journal. Raises DiskError."""
        waiting, useless, saved = [], [], []
        for number, (call, part) in enumerate(self.find()):
            extras = self._find_extras(call, part, state)
            result = recover_call(call, number, None, downloader, self.state_dir, on_event, extras)
            result = self._discard_known_extras(result, extras, part, state, on_event)
            if call.prepared and result.saved:
                saved.append((call.prepared, result))
            result = result._replace(saved=tuple(image for image in result.saved if image.index not in extras))
            for image in result.saved:
                on_event(NoteEvent(code="recovered", message=f"saved {image.path}, which an earlier run received"))
            age = time.time() - call.spooled.since
            blocking = next((error for error in result.errors if may_still_work(error, age, self.url_ttl)), None)
            if blocking:
                waiting.append(WaitingResponse(part.id, part.hash, call.spooled.id, blocking))
            elif result.errors:
                useless.append((call, part.id))
            for error in result.errors:
                if error is not blocking:
                    on_event(WarningEvent(code=error.code, message=f"{part.id} (earlier run): {error.message}"))
            if len(extras) < len(part.planned) and (result.saved or not blocking):
                self._journal_result(part, result, state, journal)
        return RecoveryResult(tuple(waiting), tuple(useless), tuple(saved))

    def _find_extras(self, call: RecoverableCall, part: ManifestRef, state: JournalState) -> Collection[int]:
        """The images, by index, that the row does not need: it already has others, or it has changed."""
        every = range(len(part.planned))
        last = state.last_entry(part.id)
        if last and (last.hash != part.hash or state.pending_entries(part.id)):
            return every
        folder = self.manifest_path.parent
        disk = DiskState(folder, allow_outside=True)
        replaces = call.prepared.replaces if call.prepared else ()
        overwritten = {path.absolute() for path, sha256 in replaces if sha256 is None}
        return [
            index
            for index in every
            if all(
                (folder / path).absolute() not in overwritten and _has_file(path, part, state, disk)
                for path in part.planned[index]
            )
        ]

    def _discard_known_extras(
        self,
        result: CallResult,
        extras: Collection[int],
        part: ManifestRef,
        state: JournalState,
        on_event: EventHandler,
    ) -> CallResult:
        """*result* without the images that the row has already, which are removed. Notes those that it doesn't need."""
        kept = []
        for image in result.saved:
            if image.index in extras and image.path and image.path.parent == self.state_dir / "rescued":
                if state.entry_with_content(image.sha256):
                    discard_staged(image.path)
                    continue
                on_event(late_image_note(image, part))
            kept.append(image)
        return result._replace(saved=tuple(kept))

    def _journal_result(
        self, part: ManifestRef, result: CallResult, state: JournalState, journal: JournalWriter
    ) -> None:
        last = state.last_entry(part.id)
        if last is None:
            return
        folder = self.manifest_path.parent
        files = build_file_records(result.saved, part)
        entry = replace(
            last,
            state="saved" if files else "failed",
            files=files,
            originals=build_original_records(result.saved, folder),
            cost_usd=None,
            error=result.errors[0].code if result.errors else None,
            may_be_billed=bool(result.errors) and result.may_be_billed,
        )
        if entry != last:
            journal.write(entry)


def _has_file(path: str, part: ManifestRef, state: JournalState, disk: DiskState) -> bool:
    """Whether the row of *part* has the file that is planned as *path*; of an unknown row, whether that exists."""
    recorded = choose_record(state.files_planned_at(path), disk)
    if recorded is None:
        return state.last_entry(part.id) is None and disk.stat(path) is not None
    return recorded.entry.hash == part.hash and disk.stat(recorded.file.path) is not None


class WaitingError(UnsavedError):
    """Rows with a paid response that can't be saved yet."""

    code = "waiting"

    def __init__(self, waiting: Sequence[WaitingResponse]) -> None:
        first, many = waiting[0], len(waiting) > 1
        rows = f"{len(waiting):,} rows have paid responses" if many else f"{first.id} has a paid response"
        deletions = " ".join(f"--delete {response.spool_id}" for response in waiting[:MAX_IDS_IN_HINT])
        more = "; imagecli recover --list shows the others" if len(waiting) > MAX_IDS_IN_HINT else ""
        discard = f"or discard {'them' if many else 'it'} and pay again: imagecli recover {deletions}{more}"
        super().__init__(
            f"{rows} that can't be saved yet{'' if many else _reason(first)}",
            hint=f"run the same command later, {discard}",
        )
        self._waiting = waiting

    @property
    def lines(self) -> tuple[str, ...]:
        if len(self._waiting) == 1:
            return ()
        return tuple(f"{response.id}{_reason(response)}" for response in self._waiting)


def _reason(response: WaitingResponse) -> str:
    return f": {response.error.message}" if response.error else ""
