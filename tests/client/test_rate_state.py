"""The pace against servers that are simulated to the millisecond: permitted rates are filled and not overrun."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.client.rate_limiter import RateLimit, RateState, rate_state_for

QUICK, SOON, SLOW = 0.001, 0.05, 0.5
"""How long an answer takes, in seconds; a refusal always comes quickly."""
BETWEEN = 0.0007
"""Seconds of work between two requests of one machine."""


@dataclass
class Server:
    """Lets *rate* requests a second through, *burst* at once, and tells of it by *tells* and *asks*."""

    tells: Callable[[Server, float], tuple[RateLimit, ...]]
    whole_seconds: bool = False
    rate: float = 10.0
    burst: float = 10.0
    level: float = 10.0
    at: float = 0.0

    def left(self, now: float) -> float:
        return min(self.burst, self.level + (now - self.at) * self.rate)

    def take(self, now: float) -> float | None:
        """None when it is let through, else the seconds to wait."""
        self.level, self.at = self.left(now), now
        if self.level >= 1:
            self.level -= 1
            return None
        wait = (1 - self.level) / self.rate
        return float(math.ceil(wait)) if self.whole_seconds else wait


def a_minute_and_until_full(server: Server, now: float) -> tuple[RateLimit, ...]:
    return told(600, server.left(now), (server.burst - server.left(now)) / server.rate)


def a_minute_and_until_the_next(server: Server, now: float) -> tuple[RateLimit, ...]:
    return told(600, server.left(now), (1 - server.left(now) % 1) / server.rate)


def the_burst_and_until_full(server: Server, now: float) -> tuple[RateLimit, ...]:
    return told(server.burst, server.left(now), (server.burst - server.left(now)) / server.rate)


def whole_seconds_until_full(server: Server, now: float) -> tuple[RateLimit, ...]:
    return told(600, server.left(now), math.ceil((server.burst - server.left(now)) / server.rate))


def nothing(server: Server, now: float) -> tuple[RateLimit, ...]:
    return ()


def told(total: float, left: float, reset: float) -> tuple[RateLimit, ...]:
    return (RateLimit(of="requests", total=total, left=math.floor(left), reset=reset),)


@dataclass
class Run:
    """What came of a run."""

    answered: int = 0
    refused: int = 0
    seconds: float = 0.0
    at: list[float] = field(default_factory=list)
    """When each request was sent."""


def run(
    server: Server,
    prompts: int = 100,
    threads: int = 16,
    latency: float = QUICK,
    pace: RateState | None = None,
    *,
    refusal: float = QUICK,
    between: float = BETWEEN,
) -> Run:
    """*prompts* by *threads*, in simulated time; the tries of all end after three refusals in a row."""
    chance, counter, found = random.Random(7), itertools.count(), Run()
    pace = pace or RateState()
    queue = [(0.0, next(counter), None)]
    idle, free_at = prompts, 0.0
    under_way = 0

    def later(when: float, what: tuple[object, ...] | None) -> None:
        heapq.heappush(queue, (when, next(counter), what))  # type: ignore[misc]

    while queue and found.answered < prompts:
        now, _, what = heapq.heappop(queue)
        if what:
            ticket, asked = what
            under_way -= 1
            limits = server.tells(server, now)
            if asked is None:
                pace = pace.record_answer(now, ticket, limits)
                found.answered, found.seconds = found.answered + 1, now
            else:
                found.refused, idle = found.refused + 1, idle + 1
                pace = pace.record_refusal(now, ticket, limits, asked + chance.uniform(0, 0.025), asked)
                if pace.rounds > 2:
                    break
        if not idle or under_way == threads:
            continue
        wait = max(pace.wait(now), free_at - now)
        if wait > 0:
            later(now + wait, None)
            continue
        pace, sent = pace.take(now)
        found.at.append(now)
        idle, under_way, free_at = idle - 1, under_way + 1, now + between
        asked = server.take(now)
        later(now + (latency if asked is None else refusal), (sent, asked))
        later(free_at, None)
    return found


@pytest.mark.parametrize("latency", [QUICK, SOON, SLOW])
@pytest.mark.parametrize("threads", [8, 16, 100])
@pytest.mark.parametrize(
    ("tells", "whole_seconds", "share", "refusals"),
    [
        (a_minute_and_until_full, False, 0.98, 3),
        (a_minute_and_until_the_next, False, 0.98, 4),
        (the_burst_and_until_full, False, 0.94, 10),
        (whole_seconds_until_full, True, 0.95, 3),
        (nothing, False, 0.98, 4),
        (nothing, True, 0.85, 8),
    ],
)
def test_a_limit_is_filled_and_hardly_ever_met(
    tells: Callable[[Server, float], tuple[RateLimit, ...]],
    whole_seconds: bool,
    share: float,
    refusals: int,
    threads: int,
    latency: float,
) -> None:
    """600 a minute, ten at once: a hundred prompts take nine seconds and the time of an answer."""
    found = run(Server(tells=tells, whole_seconds=whole_seconds), threads=threads, latency=latency)
    assert found.answered == 100
    assert found.refused <= refusals
    if threads > 8 or latency == QUICK:
        assert (9 + latency) / found.seconds >= share


@pytest.mark.parametrize("threads", [16, 64])
@pytest.mark.parametrize("tells", [nothing, a_minute_and_until_full])
def test_threads_that_are_all_ready_at_once_do_not_all_meet_a_limit_that_nobody_has_told_of(
    tells: Callable[[Server, float], tuple[RateLimit, ...]], threads: int
) -> None:
    found = run(Server(tells=tells), threads=threads, latency=SOON, refusal=0.004, between=0.0001)
    assert found.answered == 100
    assert found.refused <= 4


@pytest.mark.parametrize("threads", [4, 16, 64])
@pytest.mark.parametrize("whole_seconds", [False, True])
@pytest.mark.parametrize(("a_minute", "burst", "prompts"), [(50, 50, 200), (50, 1, 100), (50, 5, 200), (5, 5, 40)])
def test_a_slow_limit_that_only_refuses_is_got_through_by_slow_answers_too(
    a_minute: int, burst: int, prompts: int, whole_seconds: bool, threads: int
) -> None:
    """Nobody is answered between two refusals; that there are refusals in a row does not mean that nothing goes."""
    server = Server(tells=nothing, whole_seconds=whole_seconds, rate=a_minute / 60, burst=burst, level=burst)
    found = run(server, prompts=prompts, threads=threads, latency=20.0, refusal=0.003)
    assert found.answered == prompts
    assert found.refused <= 4 + prompts / 12


def test_where_nothing_is_known_so_many_go_that_no_slot_is_missed() -> None:
    free = Server(tells=nothing, rate=1e9, burst=1e9, level=1e9)
    found = run(free, prompts=64, threads=64, latency=SLOW, between=0.0001)
    assert found.at[7] < 0.02
    assert found.at[-1] < 0.15


def test_only_whole_seconds_and_quick_answers_fill_the_limit_too() -> None:
    found = run(Server(tells=nothing, whole_seconds=True))
    assert (found.answered, found.refused <= 8) == (100, True)
    assert 9 / found.seconds >= 0.95


@pytest.mark.parametrize("threads", [16, 64])
def test_where_there_is_no_limit_nobody_waits(threads: int) -> None:
    free = Server(tells=nothing, rate=1e9, burst=1e9, level=1e9)
    found = run(free, prompts=200, threads=threads, latency=SLOW)
    assert (found.answered, found.refused) == (200, 0)
    assert math.ceil(200 / threads) * SLOW / found.seconds >= 0.93


@pytest.mark.parametrize("threads", [1, 4, 16, 100])
@pytest.mark.parametrize("tells", [nothing, a_minute_and_until_full])
def test_a_limit_that_never_gives_way_ends_after_few_tries_of_all_together(
    tells: Callable[[Server, float], tuple[RateLimit, ...]], threads: int
) -> None:
    found = run(Server(tells=tells, rate=1e-6, burst=0, level=0), threads=threads)
    assert found.answered == 0
    assert found.refused <= 3


def test_a_limit_of_the_users_own_is_never_gone_over() -> None:
    free = Server(tells=nothing, rate=1e9, burst=1e9, level=1e9)
    found = run(free, prompts=50, pace=rate_state_for(600, 0.0))
    assert (found.answered, found.refused) == (50, 0)
    assert all(sum(start <= at < start + 1 for at in found.at) <= 20 for start in [at + 1e-6 for at in found.at])
    assert 3.9 <= found.seconds <= 4.1


def test_pictures_count_where_pictures_are_limited() -> None:
    pace, ticket = RateState().take(0.0, images=4)
    pace = pace.record_answer(0.1, ticket, (RateLimit(of="images", total=5, left=1, reset=48.0),))
    assert pace.limit_wait(0.1, images=1) == 0
    assert 30 < pace.limit_wait(0.1, images=4) < 60
    pace, _ = pace.take(0.1, images=1)
    assert 10 < pace.limit_wait(0.1, images=1) < 14


def test_tokens_count_by_what_requests_took() -> None:
    pace, first = RateState().take(0.0)
    pace = pace.record_answer(0.1, first, (RateLimit(of="tokens", total=60_000, left=50_000, reset=10.0),))
    pace, second = pace.take(0.2)
    pace = pace.record_answer(0.3, second, (RateLimit(of="tokens", total=60_000, left=2_000, reset=58.0),))
    assert pace.limit_wait(0.3) > 20


def test_one_refusal_holds_everybody_and_an_old_answer_does_not_end_it() -> None:
    pace, old = RateState().take(0.0)
    pace, refused = pace.take(1.0)
    pace = pace.record_refusal(1.1, refused, (), 30.0, 30.0)
    assert pace.limit_wait(1.1) == 30
    pace = pace.record_answer(2.0, old, ())
    assert pace.rounds == 1
    assert pace.limit_wait(2.0) == pytest.approx(29.1)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["take", "answer", "refuse", "lose"]),
        st.floats(0, 100),
        st.integers(1, 10),
        st.none()
        | st.builds(
            RateLimit,
            of=st.sampled_from(["requests", "images", "tokens", "apples"]),
            total=st.floats(1e-300, 1e300),
            left=st.floats(0, 1e-300),
            reset=st.none() | st.floats(0, 1e8),
        ),
    ),
    max_size=30,
)


@given(EVENTS)
def test_nothing_that_servers_say_breaks_the_pace(events: list[tuple[str, float, int, RateLimit | None]]) -> None:
    pace, now = RateState(), 0.0
    tickets = []
    for what, later, images, limit in events:
        now += later
        limits = (limit,) if limit else ()
        if what == "take":
            pace, ticket = pace.take(now, images)
            tickets.append(ticket)
        elif tickets:
            ticket = tickets.pop(0)
            if what == "answer":
                pace = pace.record_answer(now, ticket, limits)
            elif what == "refuse":
                pace = pace.record_refusal(now, ticket, limits, later, later)
            else:
                pace = pace.record_lost(ticket)
        assert pace.wait(now, images) >= 0


def test_a_request_for_several_pictures_takes_as_many_of_one_s_own_limit() -> None:
    pace, _ = rate_state_for(60, 0.0).take(0.0, images=3)
    assert pace.wait(0.0) == pytest.approx(3)


@dataclass
class Raised(Server):
    """Ten times as fast after a minute."""

    def take(self, now: float) -> float | None:
        self.rate = 10.0 if now >= 60 else 1.0
        return super().take(now)


def test_a_limit_that_was_raised_is_found_out() -> None:
    found = run(Raised(tells=nothing, whole_seconds=True, burst=1.0, level=1.0), prompts=400)
    assert found.answered == 400
    assert sum(at > found.seconds - 60 for at in found.at) > 90
