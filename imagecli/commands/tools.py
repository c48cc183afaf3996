"""What requests are sent and finished with, laid out once for all of a command's."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from dataclasses import replace

from imagecli import run
from imagecli.api.results import Results
from imagecli.api.transport import Transport
from imagecli.api.wire import Timeouts
from imagecli.catalog import Catalog
from imagecli.config import Settings
from imagecli.env import Env


def run_id(env: Env) -> str:
    """Names a command's files in the spool; no other run has it."""
    return f"{env.now():%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"


def lay_out(
    settings: Settings,
    catalog: Catalog,
    errand: run.Errand,
    inputs: run.Inputs,
    stack: ExitStack,
    *,
    per_minute: float | None = None,
) -> run.Tools:
    """The tools for *errand*. A provider that is embedded is started, and ends with *stack*.

    *per_minute*: no more pictures a minute are asked for.
    """
    if settings.provider.embedded:
        from imagecli.sandbox.server import Options, Sandbox

        server = stack.enter_context(Sandbox(Options(catalog=catalog)))
        errand = replace(errand, base_url=server.base_url)
    silence = settings.timeout or settings.provider.silence
    timeouts = Timeouts(silence=silence, total=settings.timeout or max(silence, Timeouts().total))
    return run.Tools(
        errand=errand,
        inputs=inputs,
        transport=Transport(
            key=settings.key.secret if settings.key else None,
            auth=settings.key.auth if settings.key else settings.provider.auth,
            headers=settings.headers,
            timeouts=timeouts,
            max_retries=settings.max_retries,
            max_wait=settings.max_wait,
            direct=settings.provider.embedded,
            per_minute=per_minute,
        ),
        results=Results(timeouts=timeouts, direct=settings.provider.embedded, max_wait=settings.max_wait),
        state_dir=settings.state_dir,
    )
