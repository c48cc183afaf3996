"""Work runs on threads while the main thread handles events: in order, to the end, stopped immediately by a signal."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from imagecli.errors import MemoryShortError, Terminated
from imagecli.events import Event, EventHandler, Heartbeat, NoteEvent
from imagecli.worker_pool import CallSlot, WorkerPool, run_unordered
from tests.children import interruptible


def note(word: object) -> NoteEvent:
    return NoteEvent(code="test", message=str(word))


def ignore(event: Event) -> None:
    """Handles nothing."""


@contextmanager
def request(slot: CallSlot) -> Iterator[None]:
    """Takes the slot of a call: kept if the request fails."""
    slot.take()
    try:
        yield
    except BaseException:
        slot.keep()
        raise
    slot.release()


@pytest.mark.parametrize("jobs", [1, 3, 100, 0])
def test_every_item_is_done_once(jobs: int) -> None:
    with WorkerPool(jobs=jobs, on_event=ignore) as pool:
        results = list(pool.run(lambda item, on_event, slot: item * 2, range(20)))
    assert sorted(results) == [item * 2 for item in range(20)]


def test_one_job_keeps_the_order() -> None:
    begun: list[int] = []
    with WorkerPool(jobs=1, on_event=ignore) as pool:
        list(pool.run(lambda item, on_event, slot: begun.append(item), range(9)))
    assert begun == list(range(9))


def test_nothing_to_do_ends_at_once() -> None:
    nothing: list[int] = []
    with WorkerPool(jobs=4, on_event=ignore) as pool:
        assert list(pool.run(lambda item, on_event, slot: item, nothing)) == []
    assert list(run_unordered(lambda item: item, nothing, jobs=4)) == []


def test_further_items_are_prepared_when_all_slots_are_taken() -> None:
    prepared: list[int] = []
    early: list[list[int]] = []
    first_two, all_prepared = threading.Barrier(2, timeout=5), threading.Event()

    def work(item: int, on_event: EventHandler, slot: CallSlot) -> int:
        prepared.append(item)
        if len(prepared) == 4:
            all_prepared.set()
        if item < 2:
            first_two.wait()
        if item == 0:
            time.sleep(0.05)  # in which the others could be prepared
            early.append(sorted(prepared))
        with request(slot):
            assert all_prepared.wait(5)
        return item

    with WorkerPool(jobs=2, on_event=ignore) as pool:
        assert sorted(pool.run(work, range(4))) == [0, 1, 2, 3]
    assert early == [[0, 1]]


def test_further_items_are_prepared_if_no_slot_is_needed() -> None:
    with WorkerPool(jobs=2, on_event=ignore) as pool:
        assert sorted(pool.run(lambda item, on_event, slot: item, range(9))) == list(range(9))


def test_no_more_jobs_than_allowed_run_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=5)
    lock = threading.Lock()
    now, most = 0, 0

    def work(item: int, on_event: EventHandler, slot: CallSlot) -> int:
        nonlocal now, most
        with request(slot):
            with lock:
                now += 1
                most = max(most, now)
            together.wait()
            with lock:
                now -= 1
        return item

    with WorkerPool(jobs=3, on_event=ignore) as pool:
        assert len(list(pool.run(work, range(9)))) == 9
    assert most == 3


def test_a_slot_is_reused_while_its_item_is_still_being_finished() -> None:
    """Two requests at the same time; as many items more are being prepared or finished."""
    lock = threading.Lock()
    with_server = most = 0
    third_responded = threading.Event()

    def work(item: int, on_event: EventHandler, slot: CallSlot) -> int:
        nonlocal with_server, most
        with request(slot):
            with lock:
                with_server += 1
                most = max(most, with_server)
            time.sleep(0.01)
            with lock:
                with_server -= 1
        if item in (0, 1):
            assert third_responded.wait(5), "no item was sent while the first were being finished"
        elif item == 2:
            third_responded.set()
        return item

    with WorkerPool(jobs=2, on_event=ignore) as pool:
        results = list(pool.run(work, range(9)))
    assert (sorted(results), most) == (list(range(9)), 2)


def test_one_job_is_one_item_in_every_phase() -> None:
    notes: list[str] = []

    def work(item: int, on_event: EventHandler, slot: CallSlot) -> int:
        notes.append(f"begin {item}")
        with request(slot):
            pass
        time.sleep(0.001)
        notes.append(f"end {item}")
        return item

    with WorkerPool(jobs=1, on_event=ignore) as pool:
        list(pool.run(work, range(5)))
    assert notes == [f"{what} {item}" for item in range(5) for what in ("begin", "end")]


def test_prepared_items_are_not_sent_after_a_fatal_error() -> None:
    prepared: list[int] = []
    sent: list[int] = []
    results: list[int] = []

    def work(item: int, on_event: EventHandler, slot: CallSlot) -> int:
        prepared.append(item)
        with suppress(ZeroDivisionError), request(slot):
            sent.append(item)
            while len(prepared) < 4:
                time.sleep(0.001)
            raise ZeroDivisionError
        return item

    with WorkerPool(jobs=2, on_event=ignore) as pool:
        for result in pool.run(work, range(9)):
            time.sleep(0.05)
            results.append(result)
            pool.stop()
    assert (len(sent), sorted(results)) == (2, sorted(sent))


def test_an_item_in_flight_sends_its_further_requests_after_a_fatal_error() -> None:
    first_sent, over = threading.Event(), threading.Event()
    sent: list[int] = []

    def work(item: int, on_event: EventHandler, slot: CallSlot) -> int:
        with request(slot):
            sent.append(item)
            if item == 0:
                first_sent.set()
        if item == 0:
            over.wait(5)
            with request(slot):
                sent.append(item)
        else:
            first_sent.wait(5)
            time.sleep(0.05)
        return item

    with WorkerPool(jobs=2, on_event=ignore) as pool:
        for _ in pool.run(work, range(9)):
            pool.stop()
            over.set()
    assert sent.count(0) == 2
    assert len(set(sent)) < 9


def test_events_and_results_are_handled_in_the_main_thread_in_order() -> None:
    events: list[tuple[str, str]] = []

    def work(item: int, on_event: EventHandler, slot: CallSlot) -> int:
        on_event(note(f"begin {item}"))
        on_event(note(f"end {item}"))
        return item

    def on_event(event: Event) -> None:
        events.append((threading.current_thread().name, getattr(event, "message", "")))

    with WorkerPool(jobs=1, on_event=on_event) as pool:
        for result in pool.run(work, range(2)):
            events.append((threading.current_thread().name, str(result)))
    assert events == [
        (threading.main_thread().name, word) for word in ("begin 0", "end 0", "0", "begin 1", "end 1", "1")
    ]


def test_after_a_fatal_error_nothing_starts_and_items_in_flight_finish() -> None:
    begun: list[int] = []
    results: list[int] = []
    second_begun = threading.Event()

    def work(item: int, on_event: EventHandler, slot: CallSlot) -> int:
        with request(slot):
            begun.append(item)
            if item == 0:
                second_begun.wait(5)
            else:
                second_begun.set()
                time.sleep(0.1)
        return item

    with WorkerPool(jobs=2, on_event=ignore) as pool:
        for result in pool.run(work, range(50)):
            results.append(result)
            if result == 0:
                pool.stop()
    assert sorted(results) == sorted(begun)
    assert len(begun) < 5


def test_an_exception_of_an_item_is_raised_here_and_nothing_more_starts() -> None:
    begun: list[int] = []

    def work(item: int, on_event: EventHandler, slot: CallSlot) -> int:
        begun.append(item)
        time.sleep(0.01)
        if item == 1:
            raise ZeroDivisionError("a bug")
        return item

    with pytest.raises(ZeroDivisionError), WorkerPool(jobs=2, on_event=ignore) as pool:
        list(pool.run(work, range(100)))
    time.sleep(0.1)
    assert len(begun) < 10


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, Terminated])
def test_a_signal_ends_the_pool_after_pending_events_are_handled(interruption: type[BaseException]) -> None:
    events: list[Event] = []
    release = threading.Event()

    def work(item: int, on_event: EventHandler, slot: CallSlot) -> int:
        on_event(note("under way"))
        on_event(note("half saved"))
        release.wait(10)
        return item

    def on_event(event: Event) -> None:
        events.append(event)
        if event == note("under way"):
            time.sleep(0.05)
            raise interruption

    started = time.monotonic()
    with pytest.raises(interruption), WorkerPool(jobs=1, on_event=on_event) as pool:
        list(pool.run(work, range(5)))
    release.set()
    assert time.monotonic() - started < 8
    assert events == [note("under way"), note("half saved")]


def test_results_that_arrived_before_a_signal_are_still_yielded() -> None:
    both_done = threading.Barrier(3, timeout=5)

    def work(item: int, on_event: EventHandler, slot: CallSlot) -> int:
        if item == 0:
            on_event(note("first"))
        both_done.wait()
        return item

    def on_event(event: Event) -> None:
        both_done.wait()
        time.sleep(0.1)
        raise KeyboardInterrupt

    results: list[int] = []
    with pytest.raises(KeyboardInterrupt), WorkerPool(jobs=2, on_event=on_event) as pool:
        for result in pool.run(work, range(2)):
            results.append(result)
    assert sorted(results) == [0, 1]


def test_events_are_handled_if_the_signal_comes_while_a_result_is_handled() -> None:
    events: list[Event] = []
    saved = threading.Event()

    def work(item: int, on_event: EventHandler, slot: CallSlot) -> int:
        if item == 1:
            on_event(note("half saved"))
            saved.set()
            time.sleep(5)
        return item

    with pytest.raises(KeyboardInterrupt), WorkerPool(jobs=2, on_event=events.append) as pool:
        for _ in pool.run(work, range(2)):
            saved.wait(5)
            raise KeyboardInterrupt
    assert events == [note("half saved")]


def test_ctrl_c_is_handled_while_nothing_happens() -> None:
    release = threading.Event()
    started = time.monotonic()
    with (
        interruptible(),
        pytest.raises(KeyboardInterrupt),
        WorkerPool(jobs=1, on_event=ignore) as pool,
    ):
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        list(pool.run(lambda item, on_event, slot: release.wait(10), [1]))
    release.set()
    assert time.monotonic() - started < 8


def test_long_work_sends_heartbeats() -> None:
    events: list[Event] = []

    def work(item: int, on_event: EventHandler, slot: CallSlot) -> int:
        for _ in range(4):
            time.sleep(0.06)
            on_event(note("tick"))
        return item

    with WorkerPool(jobs=1, on_event=events.append, heartbeat=0.05) as pool:
        list(pool.run(work, [1]))
    assert [event for event in events if isinstance(event, Heartbeat)]


def test_results_are_yielded_as_they_arrive() -> None:
    first_may_end = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            first_may_end.wait(5)
        return item * 2

    results = run_unordered(work, range(3), jobs=3)
    assert {next(results), next(results)} == {2, 4}
    first_may_end.set()
    assert list(results) == [0]


def test_an_exception_is_raised_where_the_results_are_read() -> None:
    def work(item: int) -> int:
        raise ValueError(item)

    with pytest.raises(ValueError, match="0"):
        list(run_unordered(work, range(1), jobs=4))


@pytest.mark.parametrize("breaks", ["work", "handling", "event"])
def test_items_in_flight_finish_after_any_exception(breaks: str) -> None:
    """They may be paid for: the threads must not be abandoned with the process."""
    ended: list[int] = []
    both = threading.Barrier(2)

    def work(item: int, on_event: EventHandler, slot: CallSlot) -> int:
        with request(slot):
            both.wait(timeout=10)
            if item == 0:
                on_event(note("here"))
                if breaks == "work":
                    raise ZeroDivisionError("a bug")
                return item
            time.sleep(0.3)
            ended.append(item)
        return item

    def on_event(event: Event) -> None:
        if breaks == "event":
            raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError), WorkerPool(jobs=2, on_event=on_event) as pool:
        for _ in pool.run(work, range(2)):
            if breaks == "handling":
                raise ZeroDivisionError("a bug")
    assert ended == [1]


@pytest.mark.parametrize("allowed", [0, 1, 2])
def test_fewer_threads_than_requested_are_noted(allowed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[None] = []
    start = threading.Thread.start

    def limited(thread: threading.Thread) -> None:
        if len(started) == allowed:
            raise RuntimeError("can't start new thread")
        started.append(None)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    events: list[Event] = []
    with WorkerPool(jobs=4, on_event=events.append) as pool:
        results = pool.run(lambda item, on_event, slot: item, range(20))
        if not allowed:
            with pytest.raises(MemoryShortError, match="no more threads"):
                list(results)
            return
        assert sorted(results) == list(range(20))
    (note,) = events
    assert isinstance(note, NoteEvent) and f"only {allowed} of 8 threads" in note.message
