"""A server that can't be reached for a while: all requests of a command wait for it together."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from imagecli.errors import NetworkError
from imagecli.events import Event, RetryWait
from tests.client.raw import read_request
from tests.client.sending import OK, send, transport


class Restarting:
    """A server at one port that can be stopped and started again."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        self.served = 0

    def start(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, args=(self.listener,), daemon=True).start()

    def stop(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                read_request(connection)
                self.served += 1
                connection.sendall(OK)


def test_a_short_outage_fails_no_request() -> None:
    server = Restarting()
    server.start()
    sender = transport(max_retries=2, max_wait=120)
    send(server.base_url, sender)
    server.stop()
    failures: list[BaseException] = []
    events: list[Event] = []

    def rows() -> None:
        for _ in range(5):
            try:
                send(server.base_url, sender, events)
            except NetworkError as error:
                failures.append(error)

    threads = [threading.Thread(target=rows) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(1.5)
    server.start()
    for thread in threads:
        thread.join(20)
    server.stop()
    assert failures == []
    assert server.served == 21
    assert all("could not connect" in event.why for event in events if isinstance(event, RetryWait))


@pytest.mark.parametrize("max_retries", [0, 2])
def test_a_server_that_never_responded_fails_after_the_retries(max_retries: int) -> None:
    events: list[Event] = []
    with pytest.raises(NetworkError, match="could not connect"):
        send(Restarting().base_url, transport(max_retries, max_wait=1), events)
    assert len([event for event in events if isinstance(event, RetryWait)]) == max_retries


def test_a_long_outage_fails_the_other_requests_sooner() -> None:
    server = Restarting()
    server.start()
    sender = transport(max_retries=1, max_wait=0.3)
    send(server.base_url, sender)
    server.stop()
    started = time.monotonic()
    for _ in range(4):
        with pytest.raises(NetworkError):
            send(server.base_url, sender)
    assert time.monotonic() - started < 3
