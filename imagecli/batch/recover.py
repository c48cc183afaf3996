"""What an earlier run of the manifest had bought when it was ended: saved before anything is decided."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from imagecli.batch.journal.state import Ledger
from imagecli.batch.journal.writer import Journal
from imagecli.batch.work_item import originals, records
from imagecli.client.download import Results
from imagecli.client.spool_record import SpoolPlaces
from imagecli.events import Listen, Noted, Warned
from imagecli.pipeline.recover import Leftover, leftovers, recover
from imagecli.prepared import Part
from imagecli.results import Outcome

WORTH_A_TRY = ("whole", "part", "no_pictures")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Where answers lie, and whose they are."""

    owner: Path
    """The manifest that has the journal."""
    state_dir: Path
    places: SpoolPlaces

    def found(self) -> list[tuple[Leftover, Part]]:
        """The answers of this manifest, the oldest first."""
        mine = str(self.owner.absolute())
        return [
            (left, left.prepared.part)
            for left in leftovers(self.places)
            if left.state in WORTH_A_TRY and left.prepared and left.prepared.part
            if left.prepared.part.manifest == mine
        ]

    def finish(self, ledger: Ledger, journal: Journal, results: Results, listen: Listen) -> None:
        """Saves what they hold, and tells the journal. Raises DiskError where that can't be."""
        for number, (left, part) in enumerate(self.found()):
            outcome = recover(left, number, None, results, self.state_dir, listen)
            for image in outcome.saved:
                listen(Noted(code="recovered", message=f"{image.path} came to an earlier run, and is saved now"))
            for error in outcome.errors:
                listen(Warned(code=error.code, message=f"{part.id}, of an earlier run: {error.message}"))
            self._tell(part, outcome, ledger, journal)

    def _tell(self, part: Part, outcome: Outcome, ledger: Ledger, journal: Journal) -> None:
        last = ledger.last(part.id)
        if last is None or last.hash != part.hash:
            return
        files = records(outcome.saved, part, self.owner.parent)
        journal.write(
            replace(
                last,
                state="saved" if files else "failed",
                files=files,
                originals=originals(outcome.saved, self.owner.parent),
                cost_usd=None,
                error=outcome.errors[0].code if outcome.errors else None,
                may_be_billed=bool(outcome.errors) and outcome.may_be_billed,
            )
        )
