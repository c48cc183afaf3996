"""Runs work on daemon threads while the main thread only waits, passes events on, and so always hears Ctrl-C."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from imagecli.errors import Terminated
from imagecli.events import Event, Heartbeat, Listen

HEARTBEAT_SECONDS = 30.0

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """One item's end: its *result*, the exception its work raised, or neither where it was never begun."""

    index: int
    result: Result | None = None
    error: BaseException | None = None


def run(
    work: Callable[[Item, Listen], Result],
    items: Sequence[Item],
    *,
    jobs: int,
    listen: Listen,
    done: Callable[[Result], bool],
    heartbeat: float = HEARTBEAT_SECONDS,
) -> None:
    """Does *work* on every item, *jobs* at a time, and calls *done* with each result as it comes, here.

    *done* answers whether to go on: after a False no further item is begun, those under way are waited for.
    *work* announces by its second argument; *listen* hears it in this thread. What *work* raises is raised here.
    A signal leaves at once, with all that was announced until then heard.
    """
    inbox = SimpleQueue[Event | Done[Result]]()
    stop = threading.Event()
    _start(lambda item: work(item, inbox.put), items, jobs, stop, inbox.put)
    started = beat = time.monotonic()
    left = len(items)
    try:
        while left:
            if time.monotonic() - beat >= heartbeat:
                beat = time.monotonic()
                listen(Heartbeat(elapsed=beat - started))
            with suppress(Empty):
                left -= _heard(inbox.get(timeout=1.0), listen, done, stop)
    except (KeyboardInterrupt, Terminated):
        stop.set()
        with suppress(Empty):
            while True:
                _heard(inbox.get_nowait(), listen, done, stop)
        raise
    finally:
        stop.set()


def _heard(
    message: Event | Done[Result], listen: Listen, done: Callable[[Result], bool], stop: threading.Event
) -> bool:
    """Passes one message on; whether it was an item's end."""
    if not isinstance(message, Done):
        listen(message)
        return False
    if message.error:
        raise message.error
    if message.result is not None and not done(message.result):
        stop.set()
    return True


def ends_of(work: Callable[[Item], Result], items: Sequence[Item], *, jobs: int) -> Iterator[Done[Result]]:
    """Does *work* on every item, *jobs* at a time, and gives the ends as they come. One at a time needs no thread."""
    if min(jobs, len(items)) <= 1:
        for pair in enumerate(items):
            yield _end(work, pair)
        return
    inbox = SimpleQueue[Done[Result]]()
    _start(work, items, jobs, threading.Event(), inbox.put)
    for _ in items:
        yield inbox.get()


def _end(work: Callable[[Item], Result], pair: tuple[int, Item]) -> Done[Result]:
    try:
        return Done(pair[0], result=work(pair[1]))
    except BaseException as error:
        return Done(pair[0], error=error)


def _start(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int,
    stop: threading.Event,
    put: Callable[[Done[Result]], None],
) -> None:
    """Daemon threads that take the items in order and put a `Done` for each; once *stop* is set, without work."""
    left = SimpleQueue[tuple[int, Item]]()
    for pair in enumerate(items):
        left.put(pair)

    def take() -> None:
        while True:
            try:
                index, item = left.get_nowait()
            except Empty:
                return
            if stop.is_set():
                put(Done(index))
                continue
            put(_end(work, (index, item)))

    for _ in range(min(max(jobs, 1), len(items))):
        threading.Thread(target=take, daemon=True).start()
