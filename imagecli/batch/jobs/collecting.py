"""A batch that has ended → its pictures: its files, line by line, each finished as a live answer is.

What is saved is in the journal at once; a download that breaks off is begun anew, and passes that over. The provider
has the files for days: what can't be saved now stays with it, and the journal goes on saying so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

from imagecli.api.jobs import Jobs
from imagecli.api.results import Results
from imagecli.batch.entries import FileRecord
from imagecli.batch.jobs.ids import read_custom_id
from imagecli.batch.jobs.pieces import Lines
from imagecli.batch.jobs.slips import Slip
from imagecli.batch.order import Ended
from imagecli.batch.purchase import originals, records
from imagecli.batch.settling import Settling
from imagecli.errors import DiskError, ImagecliError, NetworkError, RefusedError, UnsavedError, as_error
from imagecli.events import Listen, Noted, Warned
from imagecli.outcome import Outcome
from imagecli.plan import Request
from imagecli.providers.batch_answer import HINT_AGAIN, read_line
from imagecli.providers.condense import condense
from imagecli.providers.job import Job
from imagecli.run.finish import finish
from imagecli.run.prepare import Errand

TRIES: Final = 3
"""Downloads of one file."""


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
        gathering = _Gathering(self, slips, listen, ended)
        for file_id in (job.output_file_id, job.error_file_id):
            if file_id and gathering.left:
                self._fetch(file_id, gathering, listen)
        for slip in list(gathering.left.values()):
            gathering.end(slip, why_missing(job))

    def give_up(
        self, slips: Sequence[Slip], why: ImagecliError, listen: Listen, ended: Callable[[Ended], None]
    ) -> None:
        """Nothing will come of *slips*; *why* says so."""
        gathering = _Gathering(self, slips, listen, ended)
        for slip in slips:
            gathering.end(slip, why)

    def _fetch(self, file_id: str, gathering: _Gathering, listen: Listen) -> None:
        for again in range(TRIES):
            try:
                with Lines(gathering.line, self._folder()) as lines:
                    self.client.content(file_id, lines.take, listen)
                return
            except (NetworkError, UnsavedError) as error:
                if error.code == "not_found":
                    return
                if again == TRIES - 1:
                    raise
                listen(Warned(code="broke_off", message=f"{error.message}; fetched again"))

    def _folder(self) -> Path:
        """Where long lines lie meanwhile."""
        folder = self.state_dir / "spool"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            return self.settling.folder
        return folder


class _Gathering:
    """The slips of one batch on their way."""

    def __init__(
        self, collector: Collector, slips: Sequence[Slip], listen: Listen, ended: Callable[[Ended], None]
    ) -> None:
        self._collector, self._listen, self._ended = collector, listen, ended
        self.left = {slip.key: slip for slip in slips}

    def line(self, file: IO[bytes]) -> None:
        """One line. What nobody waits for is passed over: it is saved already, or was never ours."""
        try:
            said = read_line(condense(file).body)
        except ValueError:
            self._listen(Warned(code="bad_line", message="a line of the batch can't be read, and is passed over"))
            return
        place = read_custom_id(said.custom_id)
        slip = self.left.get(place.key) if place else None
        prepared = slip.prepared(place, self._collector.errand) if slip and place else None
        if not (slip and place and prepared) or place.begin in slip.outcomes:
            return
        outcome = Outcome(request=prepared.request, asked=place.n, provider=prepared.provider, model=prepared.model)
        try:
            rescue_folder = self._collector.state_dir / "rescued"
            outcome = finish(prepared, file, self._collector.results, rescue_folder, self._listen, again=True)
        except Exception as problem:
            outcome = replace(outcome, errors=(as_error(problem),))
        slip.outcomes[place.begin] = replace(outcome, status=said.status, request_id=said.request_id)
        for error in outcome.errors:
            error.request_id = error.request_id or said.request_id
        if not slip.missing:
            self.end(slip, None)

    def end(self, slip: Slip, missing: ImagecliError | None) -> None:
        """All that will come of *slip* is there; *missing* says why that is not all."""
        del self.left[slip.key]
        outcomes = [slip.outcomes[begin] for begin in sorted(slip.outcomes)]
        if missing:
            entry = slip.entry
            outcomes.append(
                Outcome(
                    request=slip.order.first if slip.order else 0,
                    asked=slip.missing,
                    provider=entry.provider,
                    model=entry.model,
                    errors=(missing,),
                )
            )
        if slip.order is None:
            self._stray(slip, outcomes)
        elif any(isinstance(error, DiskError) for outcome in outcomes for error in outcome.errors):
            # The journal goes on saying that the provider has it: there it can be fetched again.
            cost = self._collector.settling.cost(outcomes)
            self._ended(Ended(order=slip.order, outcomes=tuple(outcomes), cost_usd=cost))
        else:
            requests = _answered(slip)
            self._ended(self._collector.settling.settled(slip.order, requests, outcomes))

    def _stray(self, slip: Slip, outcomes: Sequence[Outcome]) -> None:
        """What was bought for a row that says something else now, or is gone: kept, and said."""
        entry, settling = slip.entry, self._collector.settling
        files: list[FileRecord] = []
        for begin, outcome in slip.outcomes.items():
            prepared = slip.prepared_at(begin, outcome.asked, self._collector.errand)
            if prepared and prepared.part:
                files += records(outcome.saved, prepared.part, settling.folder)
        errors = [error for outcome in outcomes for error in outcome.errors]
        settling.journal.write(
            replace(
                entry,
                state="saved" if files else "failed",
                files=tuple(files),
                originals=originals((image for one in outcomes for image in one.saved), settling.folder),
                error=errors[0].code if errors else None,
                may_be_billed=any(one.errors and one.may_be_billed for one in outcomes),
                planned=(),
            )
        )
        for record in files:
            said = f"{record.path} is of the row as it was handed in, which is another now or gone"
            self._listen(Noted(code="of_earlier_row", message=said))
        for error in errors:
            self._listen(Warned(code=error.code, message=f"{entry.id}, as it was handed in: {error.message}"))


def _answered(slip: Slip) -> list[Request]:
    """The requests of its order to which there are outcomes, in their order."""
    assert slip.order
    begin, found = 0, []
    for request in slip.order.requests():
        if begin in slip.outcomes:
            found.append(request)
        begin += request.ask.rendering.n
    return found


def why_missing(job: Job) -> ImagecliError:
    """What is to be said of rows of which *job*, which has ended, brought nothing."""
    if job.status == "failed":
        first = job.errors[0] if job.errors else None
        line = f", line {first.line}" if first and first.line else ""
        why = f"{first.message}{line}" if first else "no reason given"
        return RefusedError(
            f"{job.id} was refused: {why}", hint="mend it and run the same command again", code="batch_failed"
        )
    if job.status in ("expired", "cancelled"):
        return NetworkError(f"{job.id} {_ENDS[job.status]}", hint=HINT_AGAIN, code=f"batch_{job.status}")
    return UnsavedError(
        f"{job.id} is {job.status}, and has no line for it, or has it no more",
        hint="it may have been billed; the same command hands it in again",
        code="no_line",
    )


_ENDS: Final = {
    "expired": "was given up before it was made: its time was over",
    "cancelled": "was cancelled before it was made",
}
