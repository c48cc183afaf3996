"""Where batches are handed in and fetched, laid out for a run."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from imagecli.api.calls import Calls
from imagecli.api.jobs import Jobs
from imagecli.api.results import Results
from imagecli.catalog import Catalog
from imagecli.commands.tools import results_of, server_of, timeouts_of
from imagecli.config import Settings

BATCH_SPEED: Final = 600.0
"""The sandbox's batch is waited for in front of the screen: ten minutes of its clock are a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """Where batches are handed in and fetched."""

    client: Jobs
    results: Results
    base_url: str


def lay_out_counter(settings: Settings, catalog: Catalog, stack: ExitStack) -> Counter:
    """The counter of the settings' provider, which has a Batch API. One that is embedded ends with *stack*."""
    assert settings.provider.batch is not None
    server = server_of(settings, catalog, stack, speed=BATCH_SPEED)
    calls = Calls(
        base_url=server.base_url,
        key=server.key,
        auth=server.auth,
        headers=settings.headers,
        query=settings.query,
        timeouts=timeouts_of(settings),
        max_retries=settings.max_retries,
        max_wait=settings.max_wait,
        direct=settings.provider.embedded,
    )
    client = Jobs(calls, settings.provider.batch)
    return Counter(client=client, results=results_of(settings), base_url=server.base_url)
