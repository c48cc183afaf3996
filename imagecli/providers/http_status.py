"""What a status says of the purchase: nothing was made, or nobody knows; and which of them are worth sending again.

The one table of the retry rule. A status that is not in it is final, and its class speaks for it: 4xx refused, 5xx
failed. Sources: RFC 9110 and 6585; OpenAI error guide, read 2026-11-22; documentation of Cloudflare (520, 524) and
Anthropic (529), read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One row."""

    status: int
    again: bool
    """It is sent again: the answer says that nothing was made, and that may change by itself."""
    perhaps_bought: bool
    """Whoever answered does not know what became of the request."""
    because: str


STATUSES: Final = (
    Status(status=408, again=False, perhaps_bought=True, because="gateways say it also when the model took too long"),
    Status(status=409, again=False, perhaps_bought=False, because="refused for what another request did"),
    Status(status=425, again=False, perhaps_bought=False, because="refused before it was looked at"),
    Status(status=429, again=True, perhaps_bought=False, because="a limit; one of money is never sent again"),
    Status(status=500, again=True, perhaps_bought=False, because="the server failed and says so"),
    Status(status=502, again=True, perhaps_bought=False, because="the gateway had no answer from the server"),
    Status(status=503, again=True, perhaps_bought=False, because="overloaded"),
    Status(status=504, again=False, perhaps_bought=True, because="the gateway stopped waiting, the server did not"),
    Status(status=520, again=True, perhaps_bought=False, because="the gateway had no proper answer from the server"),
    Status(status=524, again=False, perhaps_bought=True, because="the gateway stopped waiting, the server did not"),
    Status(status=529, again=True, perhaps_bought=False, because="overloaded"),
)


def is_retried(status: int, headers: Mapping[str, str], *, free: bool = False) -> bool:
    """Whether an answer may be followed by the same request again; *free*: one that can't be a purchase.

    `x-should-retry: false` forbids it; `true` allows nothing that the table does not: it would be a second purchase.
    """
    listed = any(row.again or free for row in STATUSES if row.status == status) or (free and 501 < status < 600)
    return listed and headers.get("x-should-retry", "").strip().lower() != "false"


def is_perhaps_bought(status: int) -> bool:
    """Whether the answer leaves open if pictures were made."""
    return any(row.perhaps_bought for row in STATUSES if row.status == status)
