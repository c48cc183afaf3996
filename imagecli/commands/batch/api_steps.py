"""Batches that are away: asked for, fetched when they have ended, or called back.

What is missing on its way to the provider's Batch API.

Waits for what the provider's Batch API has.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from imagecli.batch.api.collect import GONE, Collector, gone
from imagecli.batch.api.pending import Slip
from imagecli.batch.api.submit import Handed, Hander, SentInputs
from imagecli.commands.batch.api_state import Office
from imagecli.commands.batch.context import Bench
from imagecli.commands.batch.run import Shelf, check_all, errand_of, orders_of, settling_of
from imagecli.errors import AuthenticationError, ImagecliError, LimitError, NetworkError, QuotaError, UnsavedError
from imagecli.events import Heartbeat, Listen, Warned
from imagecli.safe_open import make_private_folder
from imagecli.worker_pool import HEARTBEAT_SECONDS


def called_back(office: Office) -> list[ImagecliError]:
    """Cancels every batch that is away; what was made until then still comes."""
    client = office.counter.client
    errors = _for_each(office, lambda batch, slips: office.hear(client.cancel(batch, office.listen)))
    # A batch that is not there is told of when it is asked for.
    return [error for error in errors if error.code != GONE]


def fetched(office: Office) -> list[ImagecliError]:
    """Asks for every batch that is away, and saves what those have brought that have ended."""
    before = len(office.done)
    errors = _for_each(office, lambda batch, slips: _fetch(office, batch, slips))
    if len(office.done) > before:
        office.look_again()
    else:
        office.show_progress()
    return errors


def _for_each(office: Office, act: Callable[[str, list[Slip]], None]) -> list[ImagecliError]:
    """Does *act* for every batch that is away. One batch's trouble is not the others', unless the key is."""
    errors: list[ImagecliError] = []
    for batch, slips in office.batches().items():
        try:
            act(batch, slips)
        except ImagecliError as error:
            errors.append(error)
            if isinstance(error, AuthenticationError):
                break
    return errors


def _fetch(office: Office, batch: str, slips: list[Slip]) -> None:
    try:
        job = office.counter.client.job(batch, office.listen)
    except ImagecliError as error:
        if error.code != GONE:
            raise
        _collector(office).give_up(slips, gone(batch, error), office.listen, office.ended)
    else:
        office.hear(job)
        if not job.ended:
            return
        _collector(office).collect(job, slips, office.listen, office.ended)
    office.done.add(batch)


def _collector(office: Office) -> Collector:
    bench = office.bench
    return Collector(
        client=office.counter.client,
        settling=settling_of(bench, office.budget, office.journal),
        results=office.counter.results,
        errand=replace(errand_of(bench, office.name), base_url=office.counter.base_url),
        state_dir=bench.settings.state_dir,
    )


def handed_in(office: Office) -> list[ImagecliError]:
    """Hands in what is missing, and says what was in the way."""
    orders, budget = orders_of(office.bench, office.missing)
    if not orders:
        return []
    if refusal := budget.refusal():
        return [refusal]
    errors: list[ImagecliError] = []

    def handed(one: Handed) -> None:
        if one.job:
            office.handed(one.job, sum(order.count for order in one.orders))
        if one.error:
            errors.append(one.error)

    try:
        check_all(orders, office.listen, make=True)
        _hander(office).hand_in(orders, office.listen, handed)
    except ImagecliError as error:
        errors.append(error)
    office.look_again()
    return errors


def _hander(office: Office) -> Hander:
    bench, client, shelf = office.bench, office.counter.client, Shelf()
    return Hander(
        client=client,
        provider=bench.settings.provider,
        inputs=SentInputs(client, lambda purchase: shelf.of(purchase.item.model)),
        journal=office.journal,
        manifest=bench.owner,
        digest=bench.manifest.digest,
        folder=_folder(bench),
    )


def _folder(bench: Bench) -> Path:
    """Where input files lie until they are up: of this manifest and shard alone, as its lock is."""
    whose = f"{bench.owner.absolute()} {bench.shard or ''}"
    name = hashlib.sha256(whose.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    folder = bench.settings.state_dir / "batches"
    try:
        make_private_folder(folder)
    except OSError:
        return bench.owner.parent / f".imagecli-batch-{name}"
    return folder / name


FIRST_LOOK: Final = 1.0
"""Seconds until a batch is asked for again; ever longer then, up to the next."""
MAX_PAUSE: Final = 60.0
LONGEST: Final = 26 * 3600.0
"""Seconds that are waited in all: a batch has a day, and some time to end in."""


def waited(office: Office, *, hand_in: bool) -> list[ImagecliError]:
    """Fetches, and hands in what is missing, until nothing is away any more, or a day and some is over.

    Gives what went wrong for good. A row that changed while it was away is handed in when its earlier self has come.
    """
    heart, pause = _Heart(), FIRST_LOOK
    while True:
        errors = fetched(office)
        if final := [error for error in errors if not _passes(error)]:
            return final
        for error in errors:
            office.listen(Warned(code=error.code, message=f"{error.message}; asked again in {pause:.0f} s"))
        if hand_in and not errors and (refused := handed_in(office)):
            return refused
        if not office.slips:
            return []
        if heart.age > LONGEST:
            office.listen(Warned(code="still_away", message="the batch has not ended in its time: look again later"))
            return []
        heart.beat(pause, office.listen)
        pause = min(pause * 1.5, MAX_PAUSE)


def _passes(error: ImagecliError) -> bool:
    """Whether it may be over when a batch is asked for again."""
    return isinstance(error, (NetworkError, LimitError, UnsavedError)) and not isinstance(error, QuotaError)


class _Heart:
    """Sleeps, and says now and then that it does."""

    def __init__(self) -> None:
        self._began = self._beat = time.monotonic()

    @property
    def age(self) -> float:
        return time.monotonic() - self._began

    def beat(self, seconds: float, listen: Listen) -> None:
        """Sleeps for *seconds*."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, max(self._beat + HEARTBEAT_SECONDS - time.monotonic(), 0.0)))
            if time.monotonic() - self._beat >= HEARTBEAT_SECONDS:
                self._beat = time.monotonic()
                listen(Heartbeat(elapsed=self.age))
