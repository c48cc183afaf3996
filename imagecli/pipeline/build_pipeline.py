"""Builds what all calls of a command share: server, transport, downloader, spool folders."""

from __future__ import annotations

import secrets
import uuid
from contextlib import ExitStack
from typing import NamedTuple

from imagecli.catalog.catalog import Catalog
from imagecli.client.download import ResultDownloader
from imagecli.client.exchange import Timeouts
from imagecli.client.spool_record import SpoolPlaces
from imagecli.client.transport import Transport
from imagecli.config.settings import Settings
from imagecli.domain import Secret
from imagecli.env import Env
from imagecli.pipeline.execute import Pipeline
from imagecli.pipeline.inputs import InputCache
from imagecli.pipeline.prepare_call import RunContext
from imagecli.pricing.spend_guard import SpendGuard


def new_run_id(env: Env) -> str:
    """The beginning of the names of a run's files in the spool; unique."""
    return f"{env.now():%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"


def build_pipeline(
    settings: Settings,
    catalog: Catalog,
    context: RunContext,
    inputs: InputCache,
    spend_guard: SpendGuard,
    stack: ExitStack,
    *,
    per_minute: float | None = None,
) -> Pipeline:
    """The pipeline of a run. An embedded provider is started, and stopped when *stack* is closed.

    *per_minute*: at most so many images are requested a minute.
    """
    server = server_of(settings, catalog, stack)
    timeouts = timeouts_from_settings(settings)
    return Pipeline(
        context=context._replace(base_url=server.base_url),
        inputs=inputs,
        spend_guard=spend_guard,
        transport=Transport(
            key=server.key,
            auth=server.auth,
            headers=settings.headers,
            timeouts=timeouts,
            max_retries=settings.max_retries,
            max_wait=settings.max_wait,
            direct=settings.provider.embedded,
            per_minute=per_minute,
        ),
        downloader=build_downloader(settings),
        state_dir=settings.state_dir,
        record_folders=settings.record_folders,
    )


def spool_places(settings: Settings) -> SpoolPlaces:
    """Where earlier commands left responses that imagecli saves or deletes."""
    return SpoolPlaces(own=settings.state_dir / "spool", records=settings.record_folders)


class Server(NamedTuple):
    """Where requests go, and the key that they carry."""

    base_url: str
    key: Secret | None
    auth: str
    """How the key is sent."""


def server_of(settings: Settings, catalog: Catalog, stack: ExitStack, *, speed: float = 1.0) -> Server:
    """The provider's server. An embedded one is started, with its clock running *speed* times as fast.

    An embedded server accepts only a random key that nothing but this process knows.
    """
    if not settings.provider.embedded:
        key = settings.key
        return Server(
            base_url=settings.base_url,
            key=key.secret if key else None,
            auth=key.auth if key else settings.provider.auth,
        )
    from imagecli.sandbox.http_server import Options, Sandbox

    random = secrets.token_urlsafe(32)
    sandbox = stack.enter_context(Sandbox(Options(catalog=catalog, speed=speed, require_key=random)))
    return Server(base_url=sandbox.base_url, key=Secret(random), auth=settings.provider.auth)


def timeouts_from_settings(settings: Settings) -> Timeouts:
    """How long to wait for a connection, for the next byte, and in total."""
    silence = settings.timeout or settings.provider.silence
    return Timeouts(silence=silence, total=settings.timeout or max(silence, Timeouts().total))


def build_downloader(settings: Settings) -> ResultDownloader:
    """Downloads result URLs."""
    return ResultDownloader(
        timeouts=timeouts_from_settings(settings), direct=settings.provider.embedded, max_wait=settings.max_wait
    )
