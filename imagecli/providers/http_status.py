"""What an HTTP status means for a paid request: whether it is retried, and whether it may have been billed.

This table is the retry rule. A status that is not in it is final: 4xx is a refusal, 5xx a failure. Sources: RFC 9110
and 6585; OpenAI error guide, read 2026-11-22; documentation of Cloudflare (520, 524) and Anthropic (529), read
2026-11-23.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class RetryRule(NamedTuple):
    """One row of the table."""

    status: int
    is_retried: bool
    """The request is sent again: nothing was generated, and a later attempt may succeed."""
    is_possibly_billed: bool
    """The sender of the response does not know the outcome of the request."""
    because: str


STATUSES: Final = (
    RetryRule(
        status=408,
        is_retried=False,
        is_possibly_billed=True,
        because="gateways say it also when the model took too long",
    ),
    RetryRule(status=409, is_retried=False, is_possibly_billed=False, because="refused for what another request did"),
    RetryRule(status=425, is_retried=False, is_possibly_billed=False, because="refused before it was looked at"),
    RetryRule(
        status=429, is_retried=True, is_possibly_billed=False, because="a limit; one of money is never sent again"
    ),
    RetryRule(status=500, is_retried=True, is_possibly_billed=False, because="the server failed and says so"),
    RetryRule(
        status=502, is_retried=True, is_possibly_billed=False, because="the gateway had no answer from the server"
    ),
    RetryRule(status=503, is_retried=True, is_possibly_billed=False, because="overloaded"),
    RetryRule(
        status=504, is_retried=False, is_possibly_billed=True, because="the gateway stopped waiting, the server did not"
    ),
    RetryRule(
        status=520,
        is_retried=True,
        is_possibly_billed=False,
        because="the gateway had no proper answer from the server",
    ),
    RetryRule(
        status=524, is_retried=False, is_possibly_billed=True, because="the gateway stopped waiting, the server did not"
    ),
    RetryRule(status=529, is_retried=True, is_possibly_billed=False, because="overloaded"),
)


def is_retried(status: int, headers: Mapping[str, str], *, free: bool = False) -> bool:
    """Whether the same request may be sent again after this status; *free*: a request that costs nothing.

    `x-should-retry: false` forbids it. `true` allows no more than the table does: a retry could be billed twice.
    """
    is_listed = any(row.is_retried or free for row in STATUSES if row.status == status) or (free and 501 < status < 600)
    return is_listed and headers.get("x-should-retry", "").strip().lower() != "false"


def is_possibly_billed(status: int) -> bool:
    """Whether images may have been generated, and billed, despite this status."""
    return any(row.is_possibly_billed for row in STATUSES if row.status == status)
