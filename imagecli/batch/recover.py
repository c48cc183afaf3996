"""What an earlier run of the manifest had bought when it was ended: saved before anything is decided."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from imagecli.batch.journal.state import JournalState
from imagecli.batch.journal.writer import JournalWriter
from imagecli.batch.work_item import build_file_records, build_original_records
from imagecli.client.download import ResultDownloader
from imagecli.client.spool_record import SpoolPlaces
from imagecli.events import EventHandler, NoteEvent, WarningEvent
from imagecli.pipeline.recover import RecoverableCall, find_recoverable, recover_call
from imagecli.prepared import ManifestRef
from imagecli.results import CallResult

WORTH_A_TRY = ("whole", "part", "no_pictures")


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRecovery:
    """Where answers lie, and whose they are."""

    owner: Path
    """The manifest that has the journal."""
    state_dir: Path
    places: SpoolPlaces

    def find(self) -> list[tuple[RecoverableCall, ManifestRef]]:
        """The answers of this manifest, the oldest first."""
        mine = str(self.owner.absolute())
        return [
            (left, left.prepared.part)
            for left in find_recoverable(self.places)
            if left.state in WORTH_A_TRY and left.prepared and left.prepared.part
            if left.prepared.part.manifest == mine
        ]

    def finish(
        self, ledger: JournalState, journal: JournalWriter, results: ResultDownloader, on_event: EventHandler
    ) -> None:
        """Saves what they hold, and tells the journal. Raises DiskError where that can't be."""
        for number, (left, part) in enumerate(self.find()):
            outcome = recover_call(left, number, None, results, self.state_dir, on_event)
            for image in outcome.saved:
                on_event(NoteEvent(code="recovered", message=f"{image.path} came to an earlier run, and is saved now"))
            for error in outcome.errors:
                on_event(WarningEvent(code=error.code, message=f"{part.id}, of an earlier run: {error.message}"))
            self._journal_result(part, outcome, ledger, journal)

    def _journal_result(
        self, part: ManifestRef, outcome: CallResult, ledger: JournalState, journal: JournalWriter
    ) -> None:
        last = ledger.last_entry(part.id)
        if last is None or last.hash != part.hash:
            return
        files = build_file_records(outcome.saved, part, self.owner.parent)
        journal.write(
            replace(
                last,
                state="saved" if files else "failed",
                files=files,
                originals=build_original_records(outcome.saved, self.owner.parent),
                cost_usd=None,
                error=outcome.errors[0].code if outcome.errors else None,
                may_be_billed=bool(outcome.errors) and outcome.may_be_billed,
            )
        )
