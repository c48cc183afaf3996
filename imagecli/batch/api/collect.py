"""The lines of one batch's files → the ends of its slips: each line is finished, and a slip ends with its last line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from imagecli.api.results import Results
from imagecli.batch.entries import FileRecord
from imagecli.batch.jobs.ids import read_custom_id
from imagecli.batch.jobs.slips import Slip
from imagecli.batch.order import Ended
from imagecli.batch.purchase import originals, records
from imagecli.batch.settling import Settling
from imagecli.errors import DiskError, ImagecliError, as_error
from imagecli.events import Listen, Noted, Warned
from imagecli.exchange import Prepared
from imagecli.outcome import Outcome
from imagecli.plan import Request
from imagecli.providers.batch_answer import Line, read_line
from imagecli.providers.condense import condense
from imagecli.run.finish import finish, not_fetched
from imagecli.run.prepare import Errand
from imagecli.store.boundary import is_below


class Gathering:
    """The slips of one batch on their way."""

    def __init__(
        self,
        *,
        slips: Sequence[Slip],
        settling: Settling,
        results: Results,
        errand: Errand,
        rescue_folder: Path,
        listen: Listen,
        ended: Callable[[Ended], None],
        peer: Callable[[], str | None],
    ) -> None:
        """*peer* gives the address that the lines come from."""
        self._settling, self._results, self._errand = settling, results, errand
        self._rescue_folder, self._listen, self._ended = rescue_folder, listen, ended
        self._peer = peer
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
        if place is None or slip is None or place.begin in slip.outcomes:
            return
        if prepared := slip.prepared(place, self._errand):
            slip.outcomes[place.begin] = self._finished(prepared, said, file)
            if not slip.missing:
                self._end(slip, None)

    def _finished(self, prepared: Prepared, said: Line, file: IO[bytes]) -> Outcome:
        for folder in prepared.folders:
            # Another machine may have handed it in.
            if prepared.root is None or is_below(folder, prepared.root):
                with suppress(OSError):
                    folder.mkdir(parents=True, exist_ok=True)
        try:
            outcome = finish(
                prepared,
                file,
                self._results,
                self._rescue_folder,
                self._listen,
                again=True,
                peer=self._peer(),
            )
            if outcome.unfetched:
                self._listen(not_fetched(outcome, None))
        except Exception as problem:
            outcome = Outcome(
                request=prepared.request,
                asked=prepared.n,
                provider=prepared.provider,
                model=prepared.model,
                errors=(as_error(problem),),
            )
        for error in outcome.errors:
            error.request_id = error.request_id or said.request_id
        return replace(outcome, status=said.status, request_id=said.request_id)

    def give_up(self, why: ImagecliError) -> None:
        """Nothing more comes; *why* says so."""
        for slip in list(self.left.values()):
            self._end(slip, why)

    def _end(self, slip: Slip, missing: ImagecliError | None) -> None:
        """All that will come of *slip* is there; *missing* says why that is not all."""
        del self.left[slip.key]
        outcomes = [slip.outcomes[begin] for begin in sorted(slip.outcomes)]
        if missing:
            outcomes.append(_nothing_of(slip, missing))
        stays = any(isinstance(error, DiskError) for outcome in outcomes for error in outcome.errors)
        if slip.order is None:
            self._stray(slip, outcomes, stays=stays)
        elif stays:
            # The journal goes on saying that the provider has it: there it can be fetched again.
            cost = self._settling.cost(outcomes)
            self._ended(Ended(order=slip.order, outcomes=tuple(outcomes), cost_usd=cost))
        else:
            self._ended(self._settling.settled(slip.order, _answered(slip), outcomes))

    def _stray(self, slip: Slip, outcomes: Sequence[Outcome], *, stays: bool) -> None:
        """What was bought for a row that says something else now, or is gone: kept, and said.

        The journal hears nothing of what *stays* with the provider, to be fetched again.
        """
        entry, settling = slip.entry, self._settling
        files = [record for begin, outcome in slip.outcomes.items() for record in self._records(slip, begin, outcome)]
        errors = [error for outcome in outcomes for error in outcome.errors]
        if not stays:
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

    def _records(self, slip: Slip, begin: int, outcome: Outcome) -> tuple[FileRecord, ...]:
        prepared = slip.prepared_at(begin, outcome.asked, self._errand)
        part = prepared.part if prepared else None
        return records(outcome.saved, part, self._settling.folder) if part else ()


def _nothing_of(slip: Slip, missing: ImagecliError) -> Outcome:
    """Of what is still missing of *slip*."""
    return Outcome(
        request=slip.order.first if slip.order else 0,
        asked=slip.missing,
        provider=slip.entry.provider,
        model=slip.entry.model,
        errors=(missing,),
    )


def _answered(slip: Slip) -> list[Request]:
    """The requests of its order to which there are outcomes, in their order."""
    assert slip.order
    begin, found = 0, []
    for request in slip.order.requests():
        if begin in slip.outcomes:
            found.append(request)
        begin += request.ask.rendering.n
    return found
