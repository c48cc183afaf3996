"""Batches that are away: asked for, fetched when they have ended, or called back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from imagecli.batch.jobs.collecting import GONE, Collector
from imagecli.batch.jobs.missing import gone
from imagecli.batch.jobs.slips import Slip
from imagecli.commands.bulk import errand_of, settling_of
from imagecli.commands.bulk_office import Office
from imagecli.errors import AuthenticationError, ImagecliError


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
