"""A transport with short timeouts, one request sent through it, and a destination for downloads."""

from __future__ import annotations

import io

from imagecli.client.exchange import HttpResponse, Timeouts
from imagecli.client.paid_requests import Transport
from imagecli.client.rate_limiter import MonotonicClock
from imagecli.domain import Secret
from imagecli.events import Event
from imagecli.http_request import HttpRequest
from tests.client.raw import http

KEY = "sk-test-0123456789"
OK = http("200 OK", b'{"data": []}')
QUICK = Timeouts(connect=2, silence=0.6, total=5)


def transport(
    max_retries: int = 2,
    max_wait: float = 0.02,
    timeouts: Timeouts = QUICK,
    headers: dict[str, str] | None = None,
    clock: MonotonicClock | None = None,
) -> Transport:
    return Transport(
        key=Secret(KEY),
        headers=headers or {},
        timeouts=timeouts,
        max_retries=max_retries,
        max_wait=max_wait,
        direct=True,
        clock=clock,
    )


def send(
    base_url: str, sender: Transport | None = None, events: list[Event] | None = None, body: str = "a cat"
) -> tuple[HttpResponse, bytes]:
    into = io.BytesIO()
    request = HttpRequest(method="POST", url=f"{base_url}/images/generations", json={"prompt": body})
    response = (sender or transport()).send(request, into, 0, (events if events is not None else []).append)
    return response, into.getvalue()


class Download(io.BytesIO):
    """A download in memory."""

    def restart(self) -> None:
        self.seek(0)
        self.truncate()
