"""`--dry-run`: everything that a purchase does before it sends, and then the plan. Sends, starts and writes nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from imagecli.client.session import HEADERS
from imagecli.commands.image.context import Desk
from imagecli.commands.image.execute import check_folders, errand_of
from imagecli.commands.image.plan import Order
from imagecli.config.base_url import is_local
from imagecli.config.settings import Settings
from imagecli.domain import Json, Name
from imagecli.env import Env
from imagecli.events import Listen
from imagecli.http_message import HttpFile, HttpRequest
from imagecli.naming import path_for
from imagecli.pipeline.inputs import Inputs
from imagecli.pipeline.prepare import prepare
from imagecli.plan import Request
from imagecli.pricing.budget import Budget
from imagecli.results import PlannedFile, PlannedRequest, Report


def rehearse(desk: Desk, placed: Order, report: Report, listen: Listen) -> Report:
    """*report* with the plan and its price, and with what the cap says to it.

    Raises InputImageError or OutputError, as the purchase would.
    """
    budget = Budget.of([(request, desk.row) for request in placed.requests], desk.settings)
    inputs = Inputs(desk.row)
    errand = errand_of(desk, desk.settings.base_url, "dry-run")
    planned = []
    for request in placed.requests:
        _, http = prepare(request, inputs.fitted(request.ask, listen), errand)
        planned.append(planned_request(request, http, budget, desk.settings, desk.env, names=_names(request, desk)))
    check_folders(desk, placed.requests, make=False)
    refusal = budget.refusal()
    return replace(
        report, planned=tuple(planned), cost=budget.cost(), errors=(*report.errors, *([refusal] if refusal else []))
    )


def _names(request: Request, desk: Desk) -> tuple[Name, ...]:
    return () if desk.output.kind == "stdout" else request.names


def planned_request(
    request: Request, http: HttpRequest, budget: Budget, settings: Settings, env: Env, *, names: Sequence[Name]
) -> PlannedRequest:
    """What of *request* can be shown: *http* without key and pictures, and the *names* that it would save."""
    look = request.ask.rendering
    return PlannedRequest(
        provider=settings.provider.name,
        model=look.model,
        method=http.method,
        url=_shown(http.url, settings),
        headers=_headers(settings, env),
        body=_body(http),
        files=tuple(_file(file) for file in http.files),
        paths=tuple(path_for(name, look.output_format or "png") for name in names),
        cost=budget.cost_of(request.index),
    )


def _headers(settings: Settings, env: Env) -> dict[str, str]:
    """The headers of the user's own, with a stand-in for the key: a dry run asks nobody for it."""
    row = settings.provider
    found = next((key.auth for key in row.keys if key.env in env.environ), None)
    wanted = row.auth != "none" and not row.key_optional and not is_local(settings.base_url)
    if not found and not wanted:
        return dict(settings.headers)
    name, prefix = HEADERS[found or row.auth]
    return {name: f"{prefix}[key]", **settings.headers}


def _shown(url: str, settings: Settings) -> str:
    """*url* without name and password; of its query only what the provider's row is known to send."""
    parts = urlsplit(url)
    query = [(name, text if name in settings.query else "[hidden]") for name, text in parse_qsl(parts.query)]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host, query=urlencode(query, safe="[]")))


def _body(http: HttpRequest) -> dict[str, Json]:
    fields = dict(http.form) if http.json is None else http.json
    return {name: value if name == "prompt" else _small(value) for name, value in fields.items()}


def _file(file: HttpFile) -> PlannedFile:
    return PlannedFile(field=file.name, filename=file.filename, media_type=file.media_type, bytes=len(file.data))


_DATA_URL = re.compile(r"data:([\w.+/-]*)[^,]{0,80},")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{2000,}={0,2}")


def _small(value: Any) -> Json:
    """*value* with pictures as what they are and how long they are."""
    if isinstance(value, dict):
        return {key: _small(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_small(inner) for inner in value]
    if isinstance(value, str):
        if found := _DATA_URL.match(value):
            return f"[{found[1] or 'data'}, {(len(value) - found.end()) * 3 // 4:,} bytes]"
        if _BASE64.fullmatch(value):
            return f"[{len(value) * 3 // 4:,} bytes]"
    plain: Json = value
    return plain
