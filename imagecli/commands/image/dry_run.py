"""`--dry-run`: all checks and preparations, and then the plan instead of the requests. Writes and starts nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from imagecli.client.session import HEADERS
from imagecli.commands.image.context import CommandContext
from imagecli.commands.image.execute import build_run_context, check_folders
from imagecli.commands.image.plan import RequestPlan
from imagecli.config.base_url import is_local
from imagecli.config.settings import Settings
from imagecli.domain import Json, OutputName, all_input_sources
from imagecli.env import Env
from imagecli.events import EventHandler
from imagecli.http_request import HttpFile, HttpRequest
from imagecli.naming import path_for_format
from imagecli.pipeline.check_inputs import check_inputs
from imagecli.pipeline.prepare_call import InputCache, prepare_call
from imagecli.plan_calls import PlannedCall
from imagecli.pricing.command_cost import Budget
from imagecli.results import CommandResult, DryRunRequest, DryRunUpload


def dry_run(plan: RequestPlan, context: CommandContext, on_event: EventHandler) -> CommandResult:
    """The requests of *plan* with their price, and an error if the cost limit does not allow that.

    Raises InputImageError or OutputError, as executing the plan would.
    """
    budget = Budget.build([(call.request, context.model) for call in plan.calls], context.settings)
    inputs = InputCache(context.model)
    run_context = build_run_context(context, "dry-run")
    headers, dry_run_requests = printable_headers(context.settings, context.env), []
    check_inputs([call.request for call in plan.calls], inputs, on_event)
    for call in plan.calls:
        _, http = prepare_call(call, inputs.fit_inputs(call.request, on_event), run_context)
        names = () if context.output.kind == "stdout" else call.names
        dry_run_requests.append(build_dry_run_request(call, http, budget, context.settings, headers, names=names))
    check_folders(plan.calls, context, make=False)
    refusal = budget.refusal()
    return CommandResult(
        command=context.command,
        planned=tuple(dry_run_requests),
        cost=budget.cost_by_quality(),
        errors=(refusal,) if refusal else (),
    )


def build_dry_run_request(
    call: PlannedCall,
    http: HttpRequest,
    budget: Budget,
    settings: Settings,
    headers: dict[str, str],
    *,
    names: Sequence[OutputName],
) -> DryRunRequest:
    """What can be shown of *call*: *http* without key and images, and the *names* that it would save under.

    *headers*: those of `printable_headers`.
    """
    options = call.request.options
    return DryRunRequest(
        provider=settings.provider.name,
        model=options.model,
        method=http.method,
        url=_printable_request_url(http.url, frozenset(settings.query)),
        headers=headers,
        body=_printable_body(http),
        files=tuple(_dry_run_upload(file) for file in http.files),
        paths=tuple(path_for_format(name, options.output_format or "png") for name in names),
        cost=budget.cost_of(call.index),
        images=options.n,
        inputs=tuple(source.name for source in all_input_sources(call.request)),
    )


def printable_headers(settings: Settings, env: Env) -> dict[str, str]:
    """The user's own headers, and placeholders for the key, which is not looked up, and secret headers."""
    row = settings.provider
    auth_of_key = next((key.auth for key in row.keys if key.env in env.environ), None)
    needs_key = row.auth != "none" and not row.key_optional and not is_local(settings.base_url)
    headers = {**settings.headers, **dict.fromkeys(settings.secret_headers, "[hidden]")}
    if not auth_of_key and not needs_key:
        return headers
    name, prefix = HEADERS[auth_of_key or row.auth]
    return {name: f"{prefix}[key]", **headers}


@lru_cache(maxsize=64)
def _printable_request_url(url: str, shown: frozenset[str]) -> str:
    """*url* without user and password, and with only those query values whose names are *shown*: the provider row's."""
    parts = urlsplit(url)
    query = [(name, text if name in shown else "[hidden]") for name, text in parse_qsl(parts.query)]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host, query=urlencode(query, safe="[]")))


def _printable_body(http: HttpRequest) -> dict[str, Json]:
    fields = dict(http.form) if http.json is None else http.json
    return {name: value if name == "prompt" else _shorten_images(value) for name, value in fields.items()}


def _dry_run_upload(file: HttpFile) -> DryRunUpload:
    return DryRunUpload(field=file.name, filename=file.filename, media_type=file.media_type, bytes=file.size)


_DATA_URL = re.compile(r"data:([\w.+/-]*)[^,]{0,80},")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{2000,}={0,2}")


def _shorten_images(value: Any) -> Json:
    """*value* with images replaced by their kind and length."""
    if isinstance(value, dict):
        return {key: _shorten_images(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shorten_images(inner) for inner in value]
    if isinstance(value, str):
        if match := _DATA_URL.match(value):
            return f"[{match[1] or 'data'}, {(len(value) - match.end()) * 3 // 4:,} bytes]"
        if _BASE64.fullmatch(value):
            return f"[{len(value) * 3 // 4:,} bytes]"
    plain: Json = value
    return plain
