"""A manifest carried out: what is missing or stale is bought, a row at a time on many threads."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from imagecli import run, schedule
from imagecli.api.results import Results
from imagecli.api.wire import Timeouts
from imagecli.batch.buying import Buyer
from imagecli.batch.journal import read_journals
from imagecli.batch.ledger import Ledger
from imagecli.batch.lock import locked
from imagecli.batch.order import Ended, Order
from imagecli.batch.purchase import Purchase, asks_of
from imagecli.batch.recovering import Recovery
from imagecli.batch.sentences import together
from imagecli.batch.settling import Settling
from imagecli.batch.tally import Tally
from imagecli.batch.unrecorded import check_unrecorded
from imagecli.batch.writing import Journal
from imagecli.catalog import ModelRow
from imagecli.commands.bench import Bench
from imagecli.commands.bulk_checks import Shelf, check_all
from imagecli.commands.bulk_ends import Ends
from imagecli.commands.bulk_watch import BulkWatch
from imagecli.commands.purchase import say_whose_key
from imagecli.commands.tools import lay_out, run_id, spool_places
from imagecli.errors import ImagecliError, OutputError, Terminated
from imagecli.events import Listen
from imagecli.plan import Request
from imagecli.report.bulk import Bulk
from imagecli.report.listen import open_bulk_listener
from imagecli.run.recovery import clear_unanswered
from imagecli.spending.budget import Budget
from imagecli.spending.till import Till


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a run goes about it."""

    jobs: int | None = None
    """Purchases under way at once; None is the provider's own number."""
    rate: float | None = None
    """Pictures a minute."""
    fail_fast: bool = False


def carry_out(bench: Bench, pace: Pace) -> int:
    """Buys what is missing or stale, shows it, and returns the exit code.

    Raises UsageError, LimitError, InputImageError, OutputError or AuthenticationError before anything is sent.
    """
    with locked(bench.owner, bench.shard), open_bulk_listener(bench.env, bench.style) as heard, ExitStack() as stack:
        watch = BulkWatch(heard)
        bench.remark(watch)
        ledger = read_journals(bench.owner, watch)
        journal = Journal(bench.owner, bench.shard, ledger)
        recover_first(bench, ledger, journal, watch)
        purchases = decided(bench, ledger, watch)
        check_unrecorded(purchases, spool_places(bench.settings))
        orders, budget = orders_of(bench, purchases)
        if refusal := budget.refusal():
            raise refusal
        check_all(orders, watch, make=True)
        if orders and bench.settings.no_key:
            raise bench.settings.no_key
        journal.open()
        for purchase in purchases:
            for entry in purchase.decision.entries:
                journal.write(entry)
        tally = Tally(total=len(purchases), to_buy=len(orders), kept=kept_of(purchases))
        ends = Ends(bench, tally, Bulk(bench.env, bench.style, heard), budget)
        ends.kept(purchases, ledger)
        ends.away(purchases, ledger, {})
        errors = _bought(bench, pace, orders, budget, journal, watch, ends, stack) if orders else []
    return ends.shown(errors, watch)


def recover_first(bench: Bench, ledger: Ledger, journal: Journal, listen: Listen) -> None:
    """Saves what earlier runs of this manifest had received and not saved."""
    settings = bench.settings
    recovery = Recovery(owner=bench.owner, state_dir=settings.state_dir, places=spool_places(settings))
    if recovery.found():
        journal.open()
        recovery.finish(ledger, journal, Results(timeouts=Timeouts(), direct=settings.provider.embedded), listen)


def decided(bench: Bench, ledger: Ledger, listen: Listen) -> list[Purchase]:
    """What becomes of every chosen item, and what is to be said of it. Raises OutputError with all that stands in the
    way.
    """
    purchases = bench.purchases(ledger)
    for note in together(note for purchase in purchases for note in purchase.decision.notes):
        listen(note)
    refused = [purchase.decision.refusal for purchase in purchases if purchase.decision.refusal]
    if len(refused) == 1:
        raise refused[0]
    if refused:
        raise InTheWayError(refused)
    return purchases


class InTheWayError(OutputError):
    """Several outputs that nothing may be bought over."""

    code = "outputs_in_the_way"

    def __init__(self, refused: Sequence[OutputError]) -> None:
        hints = dict.fromkeys(error.hint for error in refused if error.hint)
        super().__init__(
            f"{len(refused):,} outputs are not to be bought over; nothing was sent", hint="; ".join(list(hints)[:3])
        )
        self.code = refused[0].code
        self._refused = refused

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(error.message for error in self._refused)


def orders_of(bench: Bench, purchases: Sequence[Purchase]) -> tuple[tuple[Order, ...], Budget]:
    """What is bought, and what that can cost."""
    orders: list[Order] = []
    priced: list[tuple[Request, ModelRow]] = []
    for purchase in purchases:
        if purchase.decision.buy:
            asks, first = asks_of(purchase), len(priced)
            priced += [(Request(index=first + k, ask=ask), purchase.item.model) for k, ask in enumerate(asks)]
            orders.append(Order(purchase=purchase, first=first, count=len(asks), manifest=bench.owner))
    return tuple(orders), Budget.of(priced, bench.cap(), fixed=True, share=bench.share)


def kept_of(purchases: Sequence[Purchase]) -> int:
    """How many of them need nothing."""
    return sum(purchase.decision.kind == "done" for purchase in purchases)


def errand_of(bench: Bench, name: str) -> run.Errand:
    """What all requests of a batch have alike."""
    return run.Errand(
        run_id=name,
        command="batch",
        provider=bench.settings.provider,
        base_url=bench.settings.base_url,
        query=bench.settings.query,
        if_exists=None,
        stdout=False,
        allow_outside=bench.allow_outside,
    )


def settling_of(bench: Bench, budget: Budget, journal: Journal) -> Settling:
    """How the orders of *bench* end."""
    folder = bench.manifest.folder
    return Settling(budget=budget, journal=journal, standing=bench.standing(), folder=folder)


def _bought(
    bench: Bench,
    pace: Pace,
    orders: tuple[Order, ...],
    budget: Budget,
    journal: Journal,
    watch: BulkWatch,
    ends: Ends,
    stack: ExitStack,
) -> list[ImagecliError]:
    """What went wrong outside of rows, after every order was carried out, or as many as could be."""
    settings = bench.settings
    inputs = run.Inputs(bench.catalog.unknown_model)
    errand = errand_of(bench, run_id(bench.env))
    tools = lay_out(settings, bench.catalog, errand, inputs, stack, per_minute=pace.rate)
    journal.forget()
    doubted = {order.purchase.wanted.hash for order in orders if order.purchase.decision.in_doubt}
    clear_unanswered(spool_places(settings), watch, told=doubted)
    shelf, till = Shelf(), Till(budget)
    buyer = Buyer(
        tools=lambda purchase: replace(tools, inputs=shelf.of(purchase.item.model)),
        till=till,
        settling=settling_of(bench, budget, journal),
    )
    bench.env.begun()
    watch(ends.tally.progress)

    def done(ended: Ended) -> bool:
        for outcome in ended.outcomes:
            watch.over(outcome.request)
            say_whose_key(outcome, settings.key)
        ends.ended(ended)
        watch(ends.tally.progress)
        is_final = any(outcome.is_final for outcome in ended.outcomes)
        failed = any(outcome.errors for outcome in ended.outcomes)
        return not (ended.over_budget or is_final or (failed and pace.fail_fast))

    try:
        jobs = pace.jobs or settings.provider.jobs
        schedule.run(buyer.buy, orders, jobs=jobs, ahead=True, listen=watch, done=done)
    except (KeyboardInterrupt, Terminated) as signal:
        run.abandon({folder for order in orders for folder in order.folders}, tools)
        return [ends.interrupted(signal, watch)]
    return [*till.refusals()]
