"""Runs work on daemon threads while the main thread only waits, passes events on, and so always hears Ctrl-C.

How many requests are out at once: each has a slot from when it goes out until its answer has come.

What is done before and behind needs none, so that a slot is never kept by somebody who saves a picture.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from imagecli.errors import NotSentError, Terminated
from imagecli.events import Event, EventHandler, Heartbeat


class CallSlots:
    """Shared by all threads of a run."""

    def __init__(self, count: int) -> None:
        self._changed = threading.Condition()
        self._free = count
        self._stopped = False

    @property
    def is_stopped(self) -> bool:
        return self._stopped

    def new_slot(self) -> CallSlot:
        """For one item."""
        return CallSlot(self)

    def stop(self) -> None:
        """No item begins any more: those that wait for their first slot are sent away."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def take(self, *, begun: bool) -> None:
        """Back when there was one free. Raises NotSentError for an item that is not *begun*, once all is stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._free > 0 or (self._stopped and not begun))
            if self._stopped and not begun:
                raise NotSentError
            self._free -= 1

    def release(self) -> None:
        """Lets the next one have it."""
        with self._changed:
            self._free += 1
            self._changed.notify()


class CallSlot:
    """One item's, for each of its requests anew: who has begun may end.

    Whoever fails keeps it until `end`: what went wrong may be the last straw, and then nobody else is to be sent.
    """

    def __init__(self, slots: CallSlots) -> None:
        self._slots = slots
        self._begun = self._kept = False

    def __enter__(self) -> None:
        if not self._kept:
            self._slots.take(begun=self._begun)
        self._begun = True

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._kept = error is not None
        if not self._kept:
            self._slots.release()

    def end(self) -> None:
        """All of the item has been heard."""
        if self._kept:
            self._slots.release()


HEARTBEAT_SECONDS = 30.0

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class WorkDone(Generic[Result]):
    """One item's end: its *result*, the exception its work raised, or neither where it was never begun."""

    index: int
    result: Result | None = None
    error: BaseException | None = None
    slot: CallSlot | None = field(default=None, compare=False)
    """Left when this has been heard."""


def run_in_threads(
    work: Callable[[Item, EventHandler, CallSlot], Result],
    items: Sequence[Item],
    *,
    jobs: int,
    ahead: bool = False,
    on_event: EventHandler,
    done: Callable[[Result], bool],
    heartbeat: float = HEARTBEAT_SECONDS,
) -> None:
    """Does *work* on every item, *jobs* of them in their slots at a time, and calls *done* with each result, here.

    *ahead*: as many more are prepared before they have a slot, or finished when they have none any more; where one is
    done at a time nothing else is.
    *done* answers whether to go on: after a False no further item gets a slot, those under way are waited for.
    *work* announces by its second argument; *on_event* hears it in this thread. What *work* raises is raised here.
    A signal leaves at once, with all that was announced until then heard.
    """
    inbox = SimpleQueue[Event | WorkDone[Result]]()
    jobs = max(jobs, 1)
    slots = CallSlots(jobs)
    threads = jobs * 2 if ahead and jobs > 1 else jobs
    _start_threads(lambda item, slot: work(item, inbox.put, slot), items, threads, slots, inbox.put)
    started = beat = time.monotonic()
    left = len(items)
    try:
        while left:
            if time.monotonic() - beat >= heartbeat:
                beat = time.monotonic()
                on_event(Heartbeat(elapsed=beat - started))
            with suppress(Empty):
                left -= _handle_message(inbox.get(timeout=1.0), on_event, done, slots)
    except (KeyboardInterrupt, Terminated):
        slots.stop()
        with suppress(Empty):
            while True:
                _handle_message(inbox.get_nowait(), on_event, done, slots)
        raise
    finally:
        slots.stop()


def _handle_message(
    message: Event | WorkDone[Result], on_event: EventHandler, done: Callable[[Result], bool], slots: CallSlots
) -> bool:
    """Passes one message on; whether it was an item's end."""
    if not isinstance(message, WorkDone):
        on_event(message)
        return False
    if message.error:
        raise message.error
    if message.result is not None and not done(message.result):
        slots.stop()
    if message.slot:
        message.slot.end()
    return True


def run_unordered(work: Callable[[Item], Result], items: Sequence[Item], *, jobs: int) -> Iterator[WorkDone[Result]]:
    """Does *work* on every item, *jobs* at a time, and gives the ends as they come. One at a time needs no thread."""
    if min(jobs, len(items)) <= 1:
        for index, item in enumerate(items):
            yield _run_one(partial(work, item), index)
        return
    inbox = SimpleQueue[WorkDone[Result]]()
    _start_threads(lambda item, _: work(item), items, jobs, CallSlots(jobs), inbox.put)
    for _ in items:
        yield inbox.get()


def _run_one(work: Callable[[], Result], index: int, slot: CallSlot | None = None) -> WorkDone[Result]:
    try:
        return WorkDone(index, result=work(), slot=slot)
    except NotSentError:
        return WorkDone(index)
    except BaseException as error:
        return WorkDone(index, error=error, slot=slot)


def _start_threads(
    work: Callable[[Item, CallSlot], Result],
    items: Sequence[Item],
    threads: int,
    slots: CallSlots,
    put: Callable[[WorkDone[Result]], None],
) -> None:
    """Daemon threads that take the items in order and put a `WorkDone` for each; once all is stopped, without work."""
    left, lock = iter(enumerate(items)), threading.Lock()

    def take() -> None:
        while True:
            with lock:
                pair = next(left, None)
            if pair is None:
                return
            index, item = pair
            if slots.is_stopped:
                put(WorkDone(index))
                continue
            slot = slots.new_slot()
            put(_run_one(partial(work, item, slot), index, slot))

    for _ in range(min(threads, len(items))):
        threading.Thread(target=take, daemon=True).start()
