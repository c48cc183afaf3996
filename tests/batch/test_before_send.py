"""The journal and the spool record that a request is sent before its first byte is, without any event handler."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from imagecli.batch.journal.writer import JournalWriter
from imagecli.client.paid_requests import Transport
from imagecli.errors import DiskError
from imagecli.events import Event
from tests.batch.serving import image_of
from tests.batch.test_batch import manifest
from tests.client.raw import http, read_request
from tests.conftest import Run
from tests.listening import listening

REFUSAL = http("429 Too Many Requests", json.dumps({"error": {"message": "slow down"}}).encode(), "Retry-After: 0.2")


@pytest.fixture(params=["events are handled", "events are swallowed"])
def events(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    send = Transport.send

    def send_in_silence(
        self: Transport, http: Any, into: Any, call: int, on_event: object, *more: Any, **rest: Any
    ) -> Any:
        return send(self, http, into, call, swallow, *more, **rest)

    if request.param == "events are swallowed":
        monkeypatch.setattr(Transport, "send", send_in_silence)


def swallow(event: Event) -> None:
    """Handles nothing."""


@pytest.mark.usefixtures("events")
def test_journal_and_spool_are_written_before_the_first_byte_of_each_attempt(
    imagecli: Run, folder: Path, state: Path
) -> None:
    records: list[tuple[list[str], list[str]]] = []

    def recorded() -> tuple[list[str], list[str]]:
        lines = (folder / "assets.journal.jsonl").read_text().splitlines()
        return (
            [json.loads(line)["state"] for line in lines if "state" in json.loads(line)],
            [path.read_text() for path in (state / "spool").glob("*.sent")],
        )

    def serve(connection: socket.socket) -> None:
        assert connection.recv(1, socket.MSG_PEEK)
        records.append(recorded())
        read_request(connection)
        connection.sendall(REFUSAL if len(records) == 1 else image_of("a cat"))

    manifest(folder, {"prompt": "a cat", "output": "cat.png"})
    with listening(serve) as base_url:
        result = imagecli("batch", "assets.jsonl", "--base-url", base_url)
    assert result.exit_code == 0, result.stderr
    assert records == [(["sent"], ["127.0.0.1"])] * 2


@pytest.mark.usefixtures("events")
def test_the_mark_is_removed_while_a_refused_attempt_waits(imagecli: Run, folder: Path, state: Path) -> None:
    marks: list[int] = []
    sleep = Transport._wait_turn

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(REFUSAL if not marks[1:] else image_of("a cat"))

    def wait_turn(self: Transport, attempt: Any) -> Any:
        marks.append(len(list((state / "spool").glob("*.sent"))))
        return sleep(self, attempt)

    manifest(folder, {"prompt": "a cat", "output": "cat.png"})
    with pytest.MonkeyPatch.context() as patch, listening(serve) as base_url:
        patch.setattr(Transport, "_wait_turn", wait_turn)
        assert imagecli("batch", "assets.jsonl", "--base-url", base_url).exit_code == 0
    assert marks == [0, 0]


@pytest.mark.usefixtures("events")
def test_nothing_is_sent_if_the_journal_cannot_be_written(
    imagecli: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[bytes] = []

    def refuse(self: JournalWriter, entry: object) -> None:
        raise DiskError("the journal can't be written")

    manifest(folder, {"prompt": "a cat", "output": "cat.png"})
    monkeypatch.setattr(JournalWriter, "write", refuse)
    with listening(lambda connection: received.append(connection.recv(1))) as base_url:
        result = imagecli("batch", "assets.jsonl", "--base-url", base_url)
    assert result.exit_code == 8, result.stderr
    assert not any(received)
    assert "the journal can't be written" in result.stderr
