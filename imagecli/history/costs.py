"""What the recorded requests cost, by day and model."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import UTC, date, datetime, tzinfo
from typing import NamedTuple

from imagecli.history.query import HistoryFilter, filter_conditions


class CostRow(NamedTuple):
    """Requests of one day to one model."""

    day: date | None
    """Local; None for the total."""
    provider: str
    model: str
    requests: int
    images: int
    """Those that were saved."""
    estimated_usd: float | None
    """None if it is unknown for one of the requests, as in the following."""
    estimated_max_usd: float | None
    actual_usd: float | None
    known_usd: float
    """As far as it is known."""
    unknown_requests: int
    """Requests of unknown actual cost."""


class _Request(NamedTuple):
    day: date
    provider: str
    model: str
    images: int
    estimated_usd: float | None
    estimated_max_usd: float | None
    cost_usd: float | None


def sum_costs(connection: sqlite3.Connection, choice: HistoryFilter, zone: tzinfo | None) -> list[CostRow]:
    """The costs of each day in *zone* and each model, the newest day first; then the total, if there is anything."""
    conditions, values = filter_conditions(choice._replace(text=None))
    rows = connection.execute(
        "SELECT created, provider, model, estimated_usd, estimated_max_usd, cost_usd, "
        "(SELECT count(*) FROM images WHERE images.request = requests.id AND copy = 0) "
        f"FROM requests WHERE {conditions} ORDER BY id DESC",
        values,
    )
    groups: dict[tuple[date, str, str], list[_Request]] = {}
    for created, provider, model, low, high, cost, images in rows:
        day = datetime.strptime(created, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).astimezone(zone).date()
        request = _Request(
            day=day,
            provider=provider,
            model=model,
            images=images,
            estimated_usd=low,
            estimated_max_usd=high,
            cost_usd=cost,
        )
        groups.setdefault((day, provider, model), []).append(request)
    if not groups:
        return []
    costs = [_sum_requests(*key, requests) for key, requests in groups.items()]
    every = [request for requests in groups.values() for request in requests]
    return [*costs, _sum_requests(None, "", "", every)]


def _sum_requests(day: date | None, provider: str, model: str, requests: list[_Request]) -> CostRow:
    known_costs = [request.cost_usd for request in requests if request.cost_usd is not None]
    return CostRow(
        day=day,
        provider=provider,
        model=model,
        requests=len(requests),
        images=sum(request.images for request in requests),
        estimated_usd=_sum_known(request.estimated_usd for request in requests),
        estimated_max_usd=_sum_known(request.estimated_max_usd for request in requests),
        actual_usd=sum(known_costs) if len(known_costs) == len(requests) else None,
        known_usd=sum(known_costs),
        unknown_requests=len(requests) - len(known_costs),
    )


def _sum_known(amounts: Iterable[float | None]) -> float | None:
    """The sum; None if one is unknown."""
    total = 0.0
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total
