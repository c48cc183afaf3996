"""`--dry-run`: everything that a purchase does before it sends, and then the plan. Sends, starts and writes nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from imagecli.client.session import HEADERS
from imagecli.commands.image.context import CommandContext
from imagecli.commands.image.execute import build_run_context, check_folders
from imagecli.commands.image.plan import RequestPlan
from imagecli.config.base_url import is_local
from imagecli.config.settings import Settings
from imagecli.domain import Json, OutputName
from imagecli.env import Env
from imagecli.events import EventHandler
from imagecli.http_message import HttpFile, HttpRequest
from imagecli.naming import path_for_format
from imagecli.pipeline.inputs import InputCache
from imagecli.pipeline.prepare import prepare_call
from imagecli.plan import PlannedCall
from imagecli.pricing.budget import Budget
from imagecli.results import CommandResult, DryRunRequest, DryRunUpload


def dry_run(desk: CommandContext, placed: RequestPlan, report: CommandResult, on_event: EventHandler) -> CommandResult:
    """*report* with the plan and its price, and with what the cap says to it.

    Raises InputImageError or OutputError, as the purchase would.
    """
    budget = Budget.build([(request, desk.model) for request in placed.calls], desk.settings)
    inputs = InputCache(desk.model)
    errand = build_run_context(desk, desk.settings.base_url, "dry-run")
    planned = []
    for request in placed.calls:
        _, http = prepare_call(request, inputs.fit_inputs(request.request, on_event), errand)
        planned.append(
            build_dry_run_request(request, http, budget, desk.settings, desk.env, names=_output_names(request, desk))
        )
    check_folders(desk, placed.calls, make=False)
    refusal = budget.refusal()
    return replace(
        report, planned=tuple(planned), cost=budget.cost(), errors=(*report.errors, *([refusal] if refusal else []))
    )


def _output_names(request: PlannedCall, desk: CommandContext) -> tuple[OutputName, ...]:
    return () if desk.output.kind == "stdout" else request.names


def build_dry_run_request(
    request: PlannedCall,
    http: HttpRequest,
    budget: Budget,
    settings: Settings,
    env: Env,
    *,
    names: Sequence[OutputName],
) -> DryRunRequest:
    """What of *request* can be shown: *http* without key and pictures, and the *names* that it would save."""
    look = request.request.options
    return DryRunRequest(
        provider=settings.provider.name,
        model=look.model,
        method=http.method,
        url=_printable_request_url(http.url, settings),
        headers=_printable_headers(settings, env),
        body=_printable_body(http),
        files=tuple(_dry_run_upload(file) for file in http.files),
        paths=tuple(path_for_format(name, look.output_format or "png") for name in names),
        cost=budget.cost_of(request.index),
    )


def _printable_headers(settings: Settings, env: Env) -> dict[str, str]:
    """The headers of the user's own, with a stand-in for the key: a dry run asks nobody for it."""
    row = settings.provider
    found = next((key.auth for key in row.keys if key.env in env.environ), None)
    wanted = row.auth != "none" and not row.key_optional and not is_local(settings.base_url)
    if not found and not wanted:
        return dict(settings.headers)
    name, prefix = HEADERS[found or row.auth]
    return {name: f"{prefix}[key]", **settings.headers}


def _printable_request_url(url: str, settings: Settings) -> str:
    """*url* without name and password; of its query only what the provider's row is known to send."""
    parts = urlsplit(url)
    query = [(name, text if name in settings.query else "[hidden]") for name, text in parse_qsl(parts.query)]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host, query=urlencode(query, safe="[]")))


def _printable_body(http: HttpRequest) -> dict[str, Json]:
    fields = dict(http.form) if http.json is None else http.json
    return {name: value if name == "prompt" else _shorten_images(value) for name, value in fields.items()}


def _dry_run_upload(file: HttpFile) -> DryRunUpload:
    return DryRunUpload(field=file.name, filename=file.filename, media_type=file.media_type, bytes=len(file.data))


_DATA_URL = re.compile(r"data:([\w.+/-]*)[^,]{0,80},")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{2000,}={0,2}")


def _shorten_images(value: Any) -> Json:
    """*value* with pictures as what they are and how long they are."""
    if isinstance(value, dict):
        return {key: _shorten_images(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shorten_images(inner) for inner in value]
    if isinstance(value, str):
        if found := _DATA_URL.match(value):
            return f"[{found[1] or 'data'}, {(len(value) - found.end()) * 3 // 4:,} bytes]"
        if _BASE64.fullmatch(value):
            return f"[{len(value) * 3 // 4:,} bytes]"
    plain: Json = value
    return plain
