"""A batch that has ended → its pictures: its files are fetched, and each line is finished as a live answer is.

What is saved is in the journal at once; a download that breaks off is begun anew, and passes that over. The provider
has the files for days: what can't be saved now stays with it, and the journal goes on saying so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imagecli.api.jobs import Jobs
from imagecli.api.results import Results
from imagecli.batch.jobs.gathering import Gathering
from imagecli.batch.jobs.missing import why_missing
from imagecli.batch.jobs.pieces import Lines
from imagecli.batch.jobs.slips import Slip
from imagecli.batch.order import Ended
from imagecli.batch.settling import Settling
from imagecli.errors import ImagecliError, NetworkError, RefusedError, UnsavedError
from imagecli.events import Listen, Warned
from imagecli.providers.job import Job
from imagecli.run.prepare import Errand
from imagecli.safe_open import make_private_folder

TRIES: Final = 3
"""Downloads of one file."""
GONE: Final = "not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """Saves what batches have brought."""

    client: Jobs
    settling: Settling
    results: Results
    errand: Errand
    state_dir: Path

    def collect(self, job: Job, slips: Sequence[Slip], listen: Listen, ended: Callable[[Ended], None]) -> None:
        """Saves what came of *slips*, all of which *job* has, and tells *ended* of each as soon as all of it is there.

        Raises what fetching its files meets: what is not saved then is fetched by the next run.
        """
        gathering = self._gathering(slips, listen, ended)
        for file_id in (job.output_file_id, job.error_file_id):
            if file_id and gathering.left:
                self._fetch(file_id, gathering, listen)
        gathering.give_up(why_missing(job))

    def give_up(
        self, slips: Sequence[Slip], why: ImagecliError, listen: Listen, ended: Callable[[Ended], None]
    ) -> None:
        """Nothing will come of *slips*; *why* says so."""
        self._gathering(slips, listen, ended).give_up(why)

    def _gathering(self, slips: Sequence[Slip], listen: Listen, ended: Callable[[Ended], None]) -> Gathering:
        return Gathering(
            slips=slips,
            settling=self.settling,
            results=self.results,
            errand=self.errand,
            rescue_folder=self.state_dir / "rescued",
            listen=listen,
            ended=ended,
            peer=lambda: self.client.peer,
        )

    def _fetch(self, file_id: str, gathering: Gathering, listen: Listen) -> None:
        """All lines of a file; none where the provider has it no more."""
        for tries_left in reversed(range(TRIES)):
            try:
                with Lines(gathering.line, self._folder()) as lines:
                    self.client.content(file_id, lines.take, listen)
                return
            except RefusedError as error:
                if error.code == GONE:
                    return
                raise
            except (NetworkError, UnsavedError) as error:
                if not tries_left:
                    raise
                listen(Warned(code="broke_off", message=f"{error.message}; fetched again"))

    def _folder(self) -> Path:
        """Where long lines lie meanwhile."""
        folder = self.state_dir / "spool"
        try:
            make_private_folder(folder)
        except OSError:
            return self.settling.folder
        return folder
