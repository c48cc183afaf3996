"""Daemon threads that carry out calls while the main thread iterates over the results, so that Ctrl-C reaches it.

Each call has a slot while its request is with the server. Preparing a call and saving its images need no slot, so a
call that saves an image never keeps the next request from being sent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar, cast

from imagecli.errors import MemoryShortError, NotSentError, Terminated
from imagecli.events import Event, EventHandler, Heartbeat, NoteEvent

HEARTBEAT_SECONDS = 30.0

Item = TypeVar("Item")
Result = TypeVar("Result")


class CallSlots:
    """How many requests may be with the server at the same time. Shared by all threads of a pool."""

    def __init__(self, count: int) -> None:
        self._condition = threading.Condition()
        self._free = count
        self._stopped = False
        self.in_use = threading.Event()
        """All slots were taken, or an item has ended, or the pool is stopped: further items may be prepared."""

    @property
    def is_stopped(self) -> bool:
        return self._stopped

    def new_slot(self) -> CallSlot:
        """For one item."""
        return CallSlot(self)

    def stop(self) -> None:
        """No further item begins: those that wait for their first slot get NotSentError."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()
        self.in_use.set()

    def take(self, *, has_begun: bool) -> None:
        """Waits for a free slot. Raises NotSentError if the pool is stopped, unless the item *has_begun*."""
        with self._condition:
            self._condition.wait_for(lambda: self._free > 0 or (self._stopped and not has_begun))
            if self._stopped and not has_begun:
                raise NotSentError
            self._free -= 1
            if not self._free:
                self.in_use.set()

    def release(self) -> None:
        """Frees one slot for the next item."""
        with self._condition:
            self._free += 1
            self._condition.notify()


class CallSlot:
    """One item's slot, taken anew for each of its requests. An item that has begun may finish after a stop.

    An item that fails keeps its slot until the main thread has handled the result: that result may stop the pool, and
    then no other item may be sent in the meantime.
    """

    def __init__(self, slots: CallSlots) -> None:
        self._slots = slots
        self._has_begun = self._is_held = False

    def take(self) -> None:
        """Waits for the slot. Raises NotSentError if the pool was stopped before the item had begun."""
        if not self._is_held:
            self._slots.take(has_begun=self._has_begun)
        self._has_begun, self._is_held = True, False

    def release(self) -> None:
        """The response is here: the next item may be sent."""
        self._slots.release()

    def keep(self) -> None:
        """The request failed: the slot stays taken until the result is handled."""
        self._is_held = True

    def stop_pool(self) -> None:
        """No further item is sent: what this one failed with, the others would too."""
        self._slots.stop()

    def end(self) -> None:
        """The result is handled."""
        if self._is_held:
            self._slots.release()


PoolWork: TypeAlias = Callable[[Item, EventHandler, CallSlot], Result]
"""What a pool does with each item. It reports progress to the handler, and takes the slot for each request."""


class WorkDone(NamedTuple, Generic[Result]):
    """The end of one item: its *result*, the exception that was raised, or neither if it was never sent."""

    result: Result | None = None
    error: BaseException | None = None
    slot: CallSlot | None = None
    """Ended when the main thread has handled the result."""


class WorkerPool:
    """Carries out items on daemon threads, *jobs* requests at the same time.

    As many items again are prepared before they have a slot, or saved after they had one; with one job there is only
    one item at a time. `on_event` is called in the main thread. Leaving the `with` block stops the pool: no further
    item is sent, and a signal does not wait for those in flight. Any other error does: they may be paid for.
    """

    def __init__(self, *, jobs: int, on_event: EventHandler, heartbeat: float = HEARTBEAT_SECONDS) -> None:
        self._jobs = max(jobs, 1)
        self._on_event = on_event
        self._heartbeat = heartbeat
        self._slots = CallSlots(self._jobs)
        self._inbox = SimpleQueue[Event | WorkDone[Any]]()
        self._remaining = 0
        """Items that have not ended."""

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.stop()
        if isinstance(error, (KeyboardInterrupt, Terminated)):
            for message in self._drain():
                if not isinstance(message, WorkDone):
                    self._on_event(message)
        elif error:
            self._wait_for_items()

    def stop(self) -> None:
        """No further item is sent; `run` still yields the results of those in flight."""
        self._slots.stop()

    def run(self, work: PoolWork[Item, Result], items: Sequence[Item]) -> Iterator[Result]:
        """Yields the results of *work* in the main thread, in order of arrival; nothing for an item that was not sent.

        What *work* raises is raised here, when the items in flight have ended. On a signal what has arrived is still
        handled and yielded, and the signal is raised again.
        """
        self._start_threads(work, items)
        start = beat = time.monotonic()
        failure: BaseException | None = None
        try:
            while self._remaining:
                if time.monotonic() - beat >= self._heartbeat:
                    beat = time.monotonic()
                    self._on_event(Heartbeat(elapsed=beat - start))
                try:
                    message = self._inbox.get(timeout=1.0)
                except Empty:
                    continue
                if not isinstance(message, WorkDone):
                    self._on_event(message)
                    continue
                self._remaining -= 1
                if message.error:
                    failure = failure or message.error
                    self.stop()
                if message.result is not None:
                    yield message.result
                if message.slot:
                    message.slot.end()
            if failure:
                raise failure
        except (KeyboardInterrupt, Terminated):
            self.stop()
            for message in self._drain():
                if not isinstance(message, WorkDone):
                    self._on_event(message)
                elif message.result is not None:
                    yield message.result
            raise

    def _wait_for_items(self) -> None:
        """Waits until the items in flight have ended and are saved. Their results are no longer handled."""
        while self._remaining:
            message = self._inbox.get()
            if isinstance(message, WorkDone):
                self._remaining -= 1
                if message.slot:
                    message.slot.end()

    def _start_threads(self, work: PoolWork[Item, Result], items: Sequence[Item]) -> None:
        pending, lock = iter(enumerate(items)), threading.Lock()

        def work_off() -> None:
            while True:
                with lock:
                    pair = next(pending, None)
                if pair is None:
                    return
                index, item = pair
                if index >= self._jobs:
                    # Preparing more items than there are slots would delay the first requests.
                    self._slots.in_use.wait()
                if self._slots.is_stopped:
                    self._inbox.put(WorkDone())
                    continue
                slot = self._slots.new_slot()
                try:
                    outcome = WorkDone(result=work(item, self._inbox.put, slot), slot=slot)
                except NotSentError:
                    outcome = WorkDone(slot=slot)
                except BaseException as error:
                    outcome = WorkDone(error=error, slot=slot)
                self._slots.in_use.set()
                self._inbox.put(outcome)

        thread_count = min(self._jobs * 2 if self._jobs > 1 else 1, len(items))
        started_count = start_threads(work_off, thread_count)
        self._remaining = len(items)
        if started_count < thread_count:
            message = (
                f"the system allows only {started_count:,} of {thread_count:,} threads; fewer requests run in parallel"
            )
            self._on_event(NoteEvent(code="few_threads", message=message))

    def _drain(self) -> Iterator[Event | WorkDone[Any]]:
        """What has arrived and is not handled yet."""
        while True:
            try:
                yield self._inbox.get_nowait()
            except Empty:
                return


def start_threads(target: Callable[[], None], count: int) -> int:
    """Starts up to *count* daemon threads, and returns how many. Raises MemoryShortError if there is none."""
    for started_count in range(count):
        try:
            threading.Thread(target=target, daemon=True).start()
        except RuntimeError as error:  # "can't start new thread"
            if started_count:
                return started_count
            raise MemoryShortError(
                "the system allows no more threads",
                hint="close other programs, or raise the limit (ulimit -u, a container's pids limit)",
            ) from error
    return count


def run_unordered(work: Callable[[Item], Result], items: Sequence[Item], *, jobs: int) -> Iterator[Result]:
    """Carries out *work* on every item, *jobs* at the same time, and yields the results in order of arrival.

    On daemon threads, so that Ctrl-C does not wait for them. What *work* raises is raised here.
    """
    inbox = SimpleQueue[WorkDone[Result]]()
    pending, lock = iter(enumerate(items)), threading.Lock()

    def work_off() -> None:
        while True:
            with lock:
                pair = next(pending, None)
            if pair is None:
                return
            _, item = pair
            try:
                inbox.put(WorkDone(result=work(item)))
            except BaseException as error:
                inbox.put(WorkDone(error=error))

    start_threads(work_off, min(jobs, len(items)))
    for _ in items:
        outcome = inbox.get()
        if outcome.error:
            raise outcome.error
        yield cast(Result, outcome.result)
