"""A manifest by the provider's Batch API: what is done is fetched, what is missing handed in; each run is a step on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from imagecli.batch.counts import Tally
from imagecli.batch.journal.lock import locked
from imagecli.batch.journal.reader import read_journals
from imagecli.batch.journal.writer import Journal
from imagecli.batch.unrecorded import check_unrecorded
from imagecli.batch.work_item import Purchase
from imagecli.commands.batch.api_state import Office, is_needed, open_office
from imagecli.commands.batch.api_steps import called_back, fetched, handed_in, waited
from imagecli.commands.batch.context import Bench
from imagecli.commands.batch.reporter import BulkWatch, Ends
from imagecli.commands.batch.run import decided, kept_of, recover_first
from imagecli.errors import ImagecliError, Terminated, UnsavedError, UsageError, signal_code
from imagecli.output.batch import Bulk
from imagecli.output.choose_progress import open_bulk_listener
from imagecli.pipeline.build import run_id, spool_places
from imagecli.pricing.budget import Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """How far a run goes."""

    wait: bool = False
    """Until all is there."""
    cancel: bool = False
    """Nothing is handed in, and what is away is called back."""


def hand_in(bench: Bench, mode: Mode) -> int:
    """One step on: fetches what is done, hands in what is missing, shows both, and returns the exit code.

    Raises UsageError, OutputError or AuthenticationError before anything is sent, and what asking for the state of
    things meets.
    """
    _check_place(bench, mode)
    with locked(bench.owner, bench.shard), open_bulk_listener(bench.env, bench.style) as heard, ExitStack() as stack:
        watch = BulkWatch(heard)
        bench.remark(watch)
        ledger = read_journals(bench.owner, watch)
        journal = Journal(bench.owner, bench.shard, ledger)
        recover_first(bench, ledger, journal, watch)
        purchases = decided(bench, ledger, watch)
        if not mode.cancel:
            check_unrecorded(purchases, spool_places(bench.settings))
        tally = Tally(total=len(purchases), kept=kept_of(purchases))
        ends = Ends(bench, tally, Bulk(bench.env, bench.style, heard), Budget.of((), bench.cap()))
        ends.kept(purchases, ledger)
        _remember(purchases, journal)
        if not is_needed(bench, purchases, ledger):
            ends.away(purchases, ledger, {})
            return ends.shown([], watch)
        office = open_office(bench, ledger, journal, ends, watch, run_id(bench.env), stack)
        errors = _served(office, mode)
        office.close()
    away = office.budget.cost() if office.slips else None
    return ends.shown(errors, watch, cost=office.cost(), away=away, batches=office.states())


def _remember(purchases: Sequence[Purchase], journal: Journal) -> None:
    """Tells the journal of files that were found or adopted. Raises OutputError, DiskError."""
    if entries := [entry for purchase in purchases for entry in purchase.decision.entries]:
        journal.open()
        journal.write_all(entries)


def _served(office: Office, mode: Mode) -> list[ImagecliError]:
    """What went wrong outside of rows."""
    errors: list[ImagecliError] = []
    try:
        if mode.cancel:
            errors += called_back(office)
        if mode.wait:
            errors += waited(office, hand_in=not mode.cancel)
        else:
            errors += fetched(office)
            if not mode.cancel and not errors:
                errors += handed_in(office)
    except (KeyboardInterrupt, Terminated) as signal:
        office.ends.tally.signal_code = signal_code(signal)
        errors.append(_interrupted(office))
    return errors


def _check_place(bench: Bench, mode: Mode) -> None:
    """Raises UsageError where what is handed in would be gone with the command."""
    if bench.settings.provider.embedded and not mode.wait:
        raise UsageError(
            "the sandbox of a command ends with it, and so do its batches; nothing was sent",
            hint="add --wait; or imagecli sandbox in another terminal, and --base-url with the address that it prints",
        )


def _interrupted(office: Office) -> ImagecliError:
    hint = "run the same command again: it goes on where this one stopped"
    if office.bench.settings.provider.embedded:
        return UnsavedError("interrupted: the sandbox's batches end with it", hint=hint, code="interrupted")
    if away := len(office.away):
        rows, them = ("row", "it") if away == 1 else ("rows", "them")
        said = f"interrupted: the Batch API has {away:,} {rows}, and goes on"
        return UnsavedError(said, hint=f"{hint}; --cancel calls {them} back", code="interrupted")
    return UnsavedError("interrupted", hint=hint, code="interrupted")
