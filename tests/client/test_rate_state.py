"""The rate limiter against servers that are simulated to the millisecond: permitted rates are used and not exceeded."""

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

from imagecli.client.rate_limiter import MonotonicClock, RateLimit, RateLimiter, Ticket
from imagecli.client.retry import backoff_delay

QUICK, SOON, SLOW = 0.001, 0.05, 0.5
"""Response times in seconds; a 429 always arrives quickly."""
BETWEEN = 0.0007
"""Seconds of work between two requests of one machine."""


@dataclass
class Server:
    """Accepts *rate* requests a second, *burst* at the same time, and states its limits by *tells* and *asks*."""

    states: Callable[[Server, float], tuple[RateLimit, ...]]
    whole_seconds: bool = False
    silent: bool = False
    """States no wait, only 429."""
    rate: float = 10.0
    burst: float = 10.0
    level: float = 10.0
    at: float = 0.0

    def left(self, now: float) -> float:
        return min(self.burst, self.level + (now - self.at) * self.rate)

    def take(self, now: float) -> float | None:
        """None if it is accepted, otherwise the seconds to wait."""
        self.level, self.at = self.left(now), now
        if self.level >= 1:
            self.level -= 1
            return None
        wait = (1 - self.level) / self.rate
        return float(math.ceil(wait)) if self.whole_seconds else wait


def a_minute_and_until_full(server: Server, now: float) -> tuple[RateLimit, ...]:
    return limits(600, server.left(now), (server.burst - server.left(now)) / server.rate)


def a_minute_and_until_the_next(server: Server, now: float) -> tuple[RateLimit, ...]:
    return limits(600, server.left(now), (1 - server.left(now) % 1) / server.rate)


def the_burst_and_until_full(server: Server, now: float) -> tuple[RateLimit, ...]:
    return limits(server.burst, server.left(now), (server.burst - server.left(now)) / server.rate)


def whole_seconds_until_full(server: Server, now: float) -> tuple[RateLimit, ...]:
    return limits(600, server.left(now), math.ceil((server.burst - server.left(now)) / server.rate))


def nothing(server: Server, now: float) -> tuple[RateLimit, ...]:
    return ()


def limits(total: float, left: float, reset: float) -> tuple[RateLimit, ...]:
    return (RateLimit(of="requests", total=total, left=math.floor(left), reset=reset),)


@dataclass
class Run:
    """The outcome of a run."""

    answered: int = 0
    refused: int = 0
    seconds: float = 0.0
    at: list[float] = field(default_factory=list)
    """When each request was sent."""


class Clock(MonotonicClock):
    """Time that the test sets."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time


def headers_for(limits: tuple[RateLimit, ...]) -> dict[str, str]:
    return {
        name: text
        for limit in limits
        for name, text in {
            f"x-ratelimit-limit-{limit.of}": str(limit.total),
            f"x-ratelimit-remaining-{limit.of}": str(limit.left),
            f"x-ratelimit-reset-{limit.of}": str(limit.reset),
        }.items()
    }


def limiter_for(clock: Clock, per_minute: float | None = None) -> RateLimiter:
    return RateLimiter(max_retries=2, max_wait=120, per_minute=per_minute, clock=clock)


def run(
    server: Server,
    prompts: int = 100,
    threads: int = 16,
    latency: float = QUICK,
    per_minute: float | None = None,
    *,
    refusal: float = QUICK,
    between: float = BETWEEN,
) -> Run:
    """Sends *prompts* by *threads* in simulated time; attempts end after three 429s in a row."""
    chance, counter, result = random.Random(7), itertools.count(), Run()
    clock = Clock()
    limiter = limiter_for(clock, per_minute)
    queue: list[tuple[float, int, tuple[Ticket, float | None] | None]] = [(0.0, next(counter), None)]
    idle, free_at = prompts, 0.0
    under_way = 0

    def schedule(when: float, what: tuple[Ticket, float | None] | None) -> None:
        heapq.heappush(queue, (when, next(counter), what))

    while queue and result.answered < prompts:
        clock.time, _, what = heapq.heappop(queue)
        now = clock.time
        if what:
            ticket, stated = what
            under_way -= 1
            headers = headers_for(server.states(server, now))
            if stated is None:
                limiter.record_response(ticket, headers)
                result.answered, result.seconds = result.answered + 1, now
            else:
                result.refused, idle = result.refused + 1, idle + 1
                hold = stated + chance.uniform(0, 0.025)
                if server.silent:
                    stated, hold = None, backoff_delay(limiter.refusals_in_a_row, chance.uniform(0.7, 1.0))
                if not limiter.record_refusal(ticket, headers, hold, stated):
                    break
        if not idle or under_way == threads:
            continue
        turn = free_at - now if free_at > now else limiter.try_turn()
        if not isinstance(turn, Ticket):
            schedule(now + turn, None)
            continue
        result.at.append(now)
        idle, under_way, free_at = idle - 1, under_way + 1, now + between
        stated = server.take(now)
        schedule(now + (latency if stated is None else refusal), (turn, stated))
        schedule(free_at, None)
    return result


@pytest.mark.parametrize("latency", [QUICK, SOON, SLOW])
@pytest.mark.parametrize("threads", [8, 16, 100])
@pytest.mark.parametrize(
    ("states", "whole_seconds", "share", "refusals"),
    [
        (a_minute_and_until_full, False, 0.98, 3),
        (a_minute_and_until_the_next, False, 0.98, 4),
        (the_burst_and_until_full, False, 0.94, 10),
        (whole_seconds_until_full, True, 0.95, 3),
        (nothing, False, 0.98, 6),
        (nothing, True, 0.85, 8),
    ],
)
def test_a_limit_is_used_with_hardly_any_429(
    states: Callable[[Server, float], tuple[RateLimit, ...]],
    whole_seconds: bool,
    share: float,
    refusals: int,
    threads: int,
    latency: float,
) -> None:
    """600 a minute, ten at the same time: a hundred prompts take nine seconds and the time of a response."""
    found = run(Server(states=states, whole_seconds=whole_seconds), threads=threads, latency=latency)
    assert found.answered == 100
    assert found.refused <= refusals
    if threads > 8 or latency == QUICK:
        assert (9 + latency) / found.seconds >= share


@pytest.mark.parametrize("threads", [16, 64])
@pytest.mark.parametrize(
    ("states", "refusal", "most"),
    [(nothing, 0.004, 4), (nothing, 0.02, 7), (a_minute_and_until_full, 0.004, 3), (a_minute_and_until_full, 0.02, 3)],
)
def test_threads_that_start_together_do_not_all_meet_an_unknown_limit(
    states: Callable[[Server, float], tuple[RateLimit, ...]], refusal: float, most: int, threads: int
) -> None:
    """A refusal takes a while: journal and spool are written before it, and a connection is made."""
    found = run(Server(states=states), threads=threads, latency=SOON, refusal=refusal, between=0.0001)
    assert found.answered == 100
    assert found.refused <= most


@pytest.mark.parametrize("threads", [4, 16, 64])
@pytest.mark.parametrize("whole_seconds", [False, True])
@pytest.mark.parametrize(("a_minute", "burst", "prompts"), [(50, 50, 200), (50, 1, 100), (50, 5, 200), (5, 5, 40)])
def test_a_slow_limit_without_headers_is_completed_with_slow_responses(
    a_minute: int, burst: int, prompts: int, whole_seconds: bool, threads: int
) -> None:
    """No request is accepted between two 429s; several 429s in a row do not mean that none will be accepted."""
    server = Server(states=nothing, whole_seconds=whole_seconds, rate=a_minute / 60, burst=burst, level=burst)
    found = run(server, prompts=prompts, threads=threads, latency=20.0, refusal=0.003)
    assert found.answered == prompts
    assert found.refused <= 4 + prompts / 12


def test_an_unknown_limit_is_probed_without_missing_a_slot() -> None:
    free = Server(states=nothing, rate=1e9, burst=1e9, level=1e9)
    found = run(free, prompts=64, threads=64, latency=SLOW, between=0.0001)
    assert found.at[7] < 0.02
    assert found.at[-1] < 0.15


@pytest.mark.parametrize("latency", [QUICK, SOON, SLOW])
def test_a_stated_limit_without_a_burst_has_hardly_any_429(latency: float) -> None:
    """The numbers are whole, so that nothing is left whenever they are stated."""
    rate = 50 / 60

    def states(server: Server, now: float) -> tuple[RateLimit, ...]:
        return limits(50, server.left(now), (1 - server.left(now)) / rate)

    found = run(Server(states=states, rate=rate, burst=1.0, level=1.0), prompts=60, latency=latency)
    assert (found.answered, found.refused <= 3) == (60, True)


@pytest.mark.parametrize("latency", [QUICK, SLOW, 20.0])
@pytest.mark.parametrize("threads", [4, 16, 64])
@pytest.mark.parametrize(("a_minute", "burst", "prompts"), [(600, 10, 100), (50, 1, 60), (50, 50, 100), (5, 1, 10)])
def test_a_gateway_that_only_sends_429_is_completed(
    a_minute: int, burst: int, prompts: int, threads: int, latency: float
) -> None:
    server = Server(states=nothing, silent=True, rate=a_minute / 60, burst=burst, level=burst)
    found = run(server, prompts=prompts, threads=threads, latency=latency)
    assert found.answered == prompts


def test_a_limit_stated_in_whole_seconds_is_used_with_quick_responses() -> None:
    found = run(Server(states=nothing, whole_seconds=True))
    assert (found.answered, found.refused <= 8) == (100, True)
    assert 9 / found.seconds >= 0.95


@pytest.mark.parametrize("threads", [16, 64])
def test_without_a_limit_no_request_waits(threads: int) -> None:
    free = Server(states=nothing, rate=1e9, burst=1e9, level=1e9)
    found = run(free, prompts=200, threads=threads, latency=SLOW)
    assert (found.answered, found.refused) == (200, 0)
    assert math.ceil(200 / threads) * SLOW / found.seconds >= 0.93


@pytest.mark.parametrize("threads", [1, 4, 16, 100])
@pytest.mark.parametrize("states", [nothing, a_minute_and_until_full])
def test_an_endless_limit_ends_after_few_attempts_in_total(
    states: Callable[[Server, float], tuple[RateLimit, ...]], threads: int
) -> None:
    found = run(Server(states=states, rate=1e-6, burst=0, level=0), threads=threads)
    assert found.answered == 0
    assert found.refused <= 3


def test_a_limit_set_by_the_user_is_never_exceeded() -> None:
    free = Server(states=nothing, rate=1e9, burst=1e9, level=1e9)
    found = run(free, prompts=50, per_minute=600)
    assert (found.answered, found.refused) == (50, 0)
    assert all(sum(start <= at < start + 1 for at in found.at) <= 20 for start in [at + 1e-6 for at in found.at])
    assert 3.9 <= found.seconds <= 4.1


def wait_of(limiter: RateLimiter, images: int = 1) -> float:
    """Seconds until such a request may be sent; 0 if it is sent immediately."""
    turn = limiter.try_turn(images)
    return 0.0 if isinstance(turn, Ticket) else turn


def ticket_of(limiter: RateLimiter, images: int = 1) -> Ticket:
    ticket = limiter.try_turn(images)
    assert isinstance(ticket, Ticket)
    return ticket


def test_images_count_if_images_are_limited() -> None:
    clock = Clock()
    limiter = limiter_for(clock)
    ticket = ticket_of(limiter, images=4)
    clock.time = 0.1
    limiter.record_response(ticket, headers_for((RateLimit(of="images", total=5, left=1, reset=48.0),)))
    assert 30 < wait_of(limiter, images=4) < 60
    assert wait_of(limiter, images=1) == 0
    assert 10 < wait_of(limiter, images=1) < 14


def test_tokens_are_counted_as_earlier_requests_used_them() -> None:
    clock = Clock()
    limiter = limiter_for(clock)
    first = ticket_of(limiter)
    clock.time = 0.1
    limiter.record_response(first, headers_for((RateLimit(of="tokens", total=60_000, left=50_000, reset=10.0),)))
    clock.time = 0.2
    second = ticket_of(limiter)
    clock.time = 0.3
    limiter.record_response(second, headers_for((RateLimit(of="tokens", total=60_000, left=2_000, reset=58.0),)))
    assert wait_of(limiter) > 20


def test_one_429_pauses_all_requests_and_an_older_response_does_not_end_it() -> None:
    clock = Clock()
    limiter = limiter_for(clock)
    old = ticket_of(limiter)
    clock.time = 1.0
    refused = ticket_of(limiter)
    clock.time = 1.1
    limiter.record_refusal(refused, {}, 30.0, 30.0)
    assert 30 <= wait_of(limiter) <= 31
    clock.time = 2.0
    limiter.record_response(old, {})
    assert limiter.refusals_in_a_row == 1
    assert 29.1 <= wait_of(limiter) <= 30.1


def test_after_refusals_in_a_row_late_requests_have_time_to_arrive() -> None:
    """Each of them takes what the server states to be available, and a third refusal would end the batch."""
    clock = Clock()
    limiter = limiter_for(clock)
    for expected in (0.02, 0.5):
        ticket = ticket_of(limiter)
        clock.time += 0.01
        assert limiter.record_refusal(ticket, {}, 0.02, 0.02)
        assert wait_of(limiter) == pytest.approx(expected)
        clock.time += 0.021


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
def test_no_stated_limit_breaks_the_limiter(
    events: list[tuple[str, float, int, RateLimit | None]],
) -> None:
    clock = Clock()
    limiter = limiter_for(clock)
    tickets = []
    for what, seconds, images, limit in events:
        clock.time += seconds
        headers = headers_for((limit,) if limit else ())
        if what == "take":
            turn = limiter.try_turn(images)
            if isinstance(turn, Ticket):
                tickets.append(turn)
            else:
                assert turn > 0
        elif tickets:
            ticket = tickets.pop(0)
            if what == "answer":
                limiter.record_response(ticket, headers)
            elif what == "refuse":
                limiter.record_refusal(ticket, headers, seconds, seconds)
            else:
                limiter.record_lost(ticket)


def test_a_request_for_several_images_uses_as_many_of_the_users_limit() -> None:
    limiter = limiter_for(Clock(), per_minute=60)
    ticket = ticket_of(limiter, images=3)
    limiter.record_lost(ticket)
    assert wait_of(limiter) == pytest.approx(3)


@dataclass
class Raised(Server):
    """Ten times as fast after a minute."""

    def take(self, now: float) -> float | None:
        self.rate = 10.0 if now >= 60 else 1.0
        return super().take(now)


def test_a_raised_limit_is_detected() -> None:
    found = run(Raised(states=nothing, whole_seconds=True, burst=1.0, level=1.0), prompts=400)
    assert found.answered == 400
    assert sum(at > found.seconds - 60 for at in found.at) > 90
