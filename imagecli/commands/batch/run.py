"""A manifest carried out: what is missing or stale is bought, a row at a time on many threads.

What of a batch is tried before anything is paid for: its inputs, and the folders that it saves to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final

from imagecli import worker_pool
from imagecli.batch.counts import Tally
from imagecli.batch.journal.lock import locked
from imagecli.batch.journal.reader import read_journals
from imagecli.batch.journal.state import Ledger
from imagecli.batch.journal.writer import Journal
from imagecli.batch.manifest.errors import in_fields
from imagecli.batch.manifest.item import Item
from imagecli.batch.messages import together
from imagecli.batch.recover import Recovery
from imagecli.batch.unrecorded import check_unrecorded
from imagecli.batch.work_item import Ended, Order, Purchase, asks_of
from imagecli.batch.worker import Buyer, Settling
from imagecli.catalog.model import ModelRow
from imagecli.checks.parameters import inputs_of
from imagecli.client.download import Results
from imagecli.client.send import Timeouts
from imagecli.commands.batch.context import Bench
from imagecli.commands.batch.reporter import BulkWatch, Ends
from imagecli.commands.image.execute import say_whose_key
from imagecli.domain import Edit, Generate
from imagecli.errors import ImagecliError, InputImageError, OutputError, Terminated
from imagecli.events import Listen
from imagecli.output.batch import Bulk
from imagecli.output.choose_progress import open_bulk_listener
from imagecli.pipeline import execute
from imagecli.pipeline.build import lay_out, run_id, spool_places
from imagecli.pipeline.inputs import Inputs
from imagecli.pipeline.prepare import Errand
from imagecli.pipeline.recover import clear_unanswered
from imagecli.plan import Request
from imagecli.pricing.budget import Budget
from imagecli.pricing.spend_guard import Till
from imagecli.storage.preflight import check_answers, check_folder

MOST: Final = 10
"""No request asks for more pictures."""


def check_all(orders: Sequence[Order], listen: Listen, *, make: bool) -> None:
    """Fits every input once and keeps none, and tries the folders. Raises InputImageError, OutputError."""
    shelf = Shelf()
    try:
        for item in _with_inputs(orders):
            shelf.of(item.model).fitted(item.ask, listen)
        check_answers(max((min(order.purchase.item.ask.rendering.n, MOST) for order in orders), default=1))
        for folder in dict.fromkeys(folder for order in orders for folder in order.folders):
            check_folder(folder, make=make)
    except (InputImageError, OutputError) as error:
        # They speak to whoever types options; rows have fields.
        error.message, error.hint = in_fields(error.message), error.hint and in_fields(error.hint)
        raise


def _with_inputs(orders: Sequence[Order]) -> Iterator[Item]:
    """An item for each set of inputs that goes up: many rows send the same."""
    seen = set()
    for order in orders:
        item = order.purchase.item
        if sources := inputs_of(item.ask):
            layers = (item.ask.mask, item.ask.markup) if isinstance(item.ask, Edit) else ()
            framing = None if isinstance(item.ask, Generate) else item.ask.framing
            key = (item.model.name, sources, layers, framing)
            if key not in seen:
                seen.add(key)
                yield item


class Shelf:
    """Inputs by the model that they are fitted for."""

    def __init__(self) -> None:
        self._of: dict[str, Inputs] = {}

    def of(self, model: ModelRow) -> Inputs:
        """Those that are fitted for *model*."""
        return self._of.setdefault(model.name, Inputs(model))


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


def errand_of(bench: Bench, name: str) -> Errand:
    """What all requests of a batch have alike."""
    return Errand(
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
    inputs = Inputs(bench.catalog.unknown_model)
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
        worker_pool.run(buyer.buy, orders, jobs=jobs, ahead=True, listen=watch, done=done)
    except (KeyboardInterrupt, Terminated) as signal:
        execute.abandon({folder for order in orders for folder in order.folders}, tools)
        return [ends.interrupted(signal, watch)]
    return [*till.refusals()]
