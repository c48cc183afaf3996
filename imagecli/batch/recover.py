"""Saves what an earlier run of the manifest had received when it was ended, before anything is planned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from imagecli.batch.file_records import build_file_records, build_original_records
from imagecli.batch.journal.state import JournalState
from imagecli.batch.journal.writer import JournalWriter
from imagecli.client.download import ResultDownloader
from imagecli.client.spool_trust import SpoolPlaces
from imagecli.events import EventHandler, NoteEvent, WarningEvent
from imagecli.pipeline.recover import RecoverableCall, find_recoverable, recover_call
from imagecli.prepared_call import ManifestRef
from imagecli.results import CallResult

SAVEABLE_STATES = ("whole", "part", "no_pictures")
"""States of a spooled response that are worth finishing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRecovery:
    """The spooled responses of one manifest, and how to save them."""

    manifest_path: Path
    """Names the journal, and is the manifest that responses name."""
    state_dir: Path
    places: SpoolPlaces

    def find(self) -> list[tuple[RecoverableCall, ManifestRef]]:
        """The responses of this manifest, the oldest first."""
        manifest = str(self.manifest_path.absolute())
        return [
            (call, call.prepared.part)
            for call in find_recoverable(self.places)
            if call.state in SAVEABLE_STATES and call.prepared and call.prepared.part
            if call.prepared.part.manifest == manifest
        ]

    def finish(
        self, state: JournalState, journal: JournalWriter, downloader: ResultDownloader, on_event: EventHandler
    ) -> None:
        """Saves their images and writes that to the journal. Raises DiskError."""
        for number, (call, part) in enumerate(self.find()):
            result = recover_call(call, number, None, downloader, self.state_dir, on_event)
            for image in result.saved:
                on_event(NoteEvent(code="recovered", message=f"{image.path} came to an earlier run, and is saved now"))
            for error in result.errors:
                on_event(WarningEvent(code=error.code, message=f"{part.id}, of an earlier run: {error.message}"))
            self._journal_result(part, result, state, journal)

    def _journal_result(
        self, part: ManifestRef, result: CallResult, state: JournalState, journal: JournalWriter
    ) -> None:
        last = state.last_entry(part.id)
        # A row that was requested again with other options has a newer entry, which this response does not change.
        if last is None or last.hash != part.hash:
            return
        folder = self.manifest_path.parent
        files = build_file_records(result.saved, part, folder)
        journal.write(
            replace(
                last,
                state="saved" if files else "failed",
                files=files,
                originals=build_original_records(result.saved, folder),
                cost_usd=None,
                error=result.errors[0].code if result.errors else None,
                may_be_billed=bool(result.errors) and result.may_be_billed,
            )
        )
