"""`--max-cost`: checked before anything is sent, enforced during the run, and the cost at the end."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from imagecli.catalog import catalog
from imagecli.config.settings import load_settings
from imagecli.config.sources import SettingFlags
from imagecli.domain import Generate, ImageOptions, Size
from imagecli.env import Env
from imagecli.errors import (
    DiskError,
    ImagecliError,
    LimitError,
    NetworkError,
    NotSentError,
    OverBudgetError,
    RefusedError,
    UnsavedError,
)
from imagecli.pricing.command_cost import Budget
from imagecli.pricing.estimate import Estimate
from imagecli.pricing.spend_guard import SpendGuard
from imagecli.results import CallResult
from imagecli.worker_pool import CallSlot, CallSlots
from tests.client.raw import http, images_body, png, raw_server
from tests.conftest import NOW, Run, Stream

HIGH = ("-s", "1024x1024", "--quality", "high")


def response(output_tokens: int | None) -> bytes:
    usage: dict[str, Any] = {"input_tokens": 10, "input_tokens_details": {"text_tokens": 10, "image_tokens": 0}}
    return http(
        "200 OK",
        images_body(png(1024, 1024), **({"usage": {**usage, "output_tokens": output_tokens}} if output_tokens else {})),
    )


# --- before ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "env", "message", "hint"),
    [
        (
            ["-n", "40", *HIGH],
            {},
            "40 images can cost $8.43 (gpt-image-2, high, 1024x1024; prices of 2026-11), "
            "more than the built-in cost limit of $5",
            "--quality medium costs about $2.11; or --max-cost 9",
        ),
        (
            ["-n", "40", *HIGH, "--max-cost", "8"],
            {},
            "40 images can cost $8.43 (gpt-image-2, high, 1024x1024; prices of 2026-11), more than --max-cost 8",
            "--quality medium costs about $2.11; or --max-cost 9",
        ),
        (
            [*HIGH],
            {"IMAGECLI_MAX_COST": "0.05"},
            "the image can cost $0.22 (gpt-image-2, high, 1024x1024; prices of 2026-11), "
            "more than the cost limit of $0.05 (IMAGECLI_MAX_COST)",
            "--quality low costs about $0.006; or --max-cost 0.22",
        ),
        (
            ["-n", "2", *HIGH, "--max-cost", "0.001"],
            {},
            "2 images can cost $0.43 (gpt-image-2, high, 1024x1024; prices of 2026-11), more than --max-cost 0.001",
            "request fewer images; or --max-cost 0.43",
        ),
        (
            ["-m", "flux", "--max-cost", "3"],
            {},
            "the price is unknown (imagecli has no price for flux), and --max-cost 3 requires known prices",
            "to remove the cost limit: omit --max-cost; or choose a model with a price: imagecli models",
        ),
        (
            ["-m", "gpt-image-2.6-flare", "--output-format", "svg", "--max-cost", "3"],
            {},
            "the price is unknown (imagecli has no price for the model that writes the SVG), "
            "and --max-cost 3 requires known prices",
            "to remove the cost limit: omit --max-cost",
        ),
        (
            ["--provider", "azure", "-m", "gpt-image-2", "--base-url", "http://127.0.0.1:1"],
            {"IMAGECLI_MAX_COST": "3"},
            "the price is unknown (imagecli has no prices for azure), "
            "and the cost limit of $3 (IMAGECLI_MAX_COST) requires known prices",
            "to remove the cost limit: unset IMAGECLI_MAX_COST",
        ),
    ],
)
def test_a_command_that_could_exceed_the_limit_is_refused(
    imagecli: Run, folder: Path, arguments: list[str], env: dict[str, str], message: str, hint: str
) -> None:
    result = imagecli("generate", "a cat", *arguments, "-o", "new/", "--json", env=env)
    (error,) = result.json["errors"]
    assert (error["message"], error["hint"]) == (f"{message}; nothing was sent", hint)
    assert (result.exit_code, error["code"], result.json["status"]) == (5, "over_budget", "failed")
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ["-n", "20", *HIGH],
        ["-n", "40", *HIGH, "--max-cost", "9"],
        ["-m", "flux", "-n", "999"],
        ["-n", "40", *HIGH, "--provider", "sandbox", "--max-cost", "0"],
        ["-n", "25", "--base-url", "http://127.0.0.1:1/v1"],
    ],
    ids=["under the built-in cap", "under the flag", "unknown", "free", "another server may bill nothing"],
)
def test_a_command_within_the_limit_is_not_refused(imagecli: Run, arguments: list[str]) -> None:
    result = imagecli("generate", "a cat", *arguments, "--dry-run")
    assert result.exit_code == 0
    assert "a-cat-1.png" in result.stdout


def test_an_explicit_limit_applies_to_another_server(imagecli: Run) -> None:
    base = ("--base-url", "http://127.0.0.1:1/v1")
    assert imagecli("generate", "a cat", "-n", "25", *base, "--max-cost", "5").exit_code == 5
    assert imagecli("generate", "a cat", "-n", "40", *HIGH, *base).exit_code == 5
    said = imagecli("generate", "a cat", *HIGH, *base, "--dry-run").stdout
    assert "1024x1024; prices of 2026-11; assuming this server bills like openai" in said


# --- during the run --------------------------------------------------------------------------------------------------


def test_responses_that_cost_more_than_estimated_stop_the_rest(imagecli: Run, folder: Path) -> None:
    names = [word for n in range(6) for word in ("--var", f"x={n}")]

    def when_all_slots_are_full(connection: socket.socket) -> None:
        time.sleep(0.5)
        connection.sendall(response(30_000))

    with raw_server(when_all_slots_are_full, response(30_000)) as server:
        result = imagecli(
            *("generate", "{x}", *names, *HIGH, "--max-cost", "1.3", "--json"), "--base-url", server.base_url
        )
        assert len(server.requests) == 4
    said = result.json
    assert (result.exit_code, said["status"], len(said["images"]), len(list(folder.iterdir()))) == (9, "partial", 4, 4)
    (error,) = said["errors"]
    assert error["code"] == "over_budget"
    assert error["message"] == "up to $3.61 was spent, and the next request can cost $0.22: more than --max-cost 1.3"
    assert error["hint"].startswith("--max-cost 5 is enough for all requests; 4 of 6 images are saved; ")
    assert error["hint"].endswith(" --if-exists skip")
    assert said["cost"]["actual_usd"] == pytest.approx(4 * (30_000 * 30 + 50) / 1_000_000)
    assert "4 of 6 images saved; 2 requests not sent" in result.stderr


def budget(cap: float, *prices: float | None, origin: str | None = "--max-cost") -> Budget:
    rows = catalog.load_shipped_catalog()
    nothing = Stream()
    env = Env(stdin=nothing, stdout=nothing, stderr=nothing, environ={}, now=lambda: NOW)
    settings = load_settings(SettingFlags(), env, rows, Path("/"))._replace(max_cost=cap, max_cost_origin=origin)
    request_ = Generate(prompt="x", options=ImageOptions(model="gpt-image-2", quality="high", size=Size(1024, 1024)))
    return Budget(
        requests=(request_,) * len(prices),
        rows=(rows.model("gpt-image-2"),) * len(prices),
        settings=settings,
        estimates=tuple(None if usd is None else Estimate(low_usd=usd / 2, high_usd=usd, about="x") for usd in prices),
    )


def outcome(index: int, tokens: int | None = None, *errors: ImagecliError) -> CallResult:
    usage = {"input_tokens": 0, "output_tokens": tokens} if tokens else None
    return CallResult(request=index, requested=1, provider="openai", model="gpt-image-2", usage=usage, errors=errors)


def free() -> CallSlot:
    return CallSlots(1).new_slot()


USAGE = {10_000: {"input_tokens": 0, "output_tokens": 10_000}, 30_000: {"input_tokens": 0, "output_tokens": 30_000}}


def run_call(guard: SpendGuard, index: int, tokens: int | None = None, error: BaseException | None = None) -> bool:
    """One call whose response reports *tokens*, or that ends with *error*. False if the limit has no room for it."""
    try:
        with suppress(ImagecliError), guard.reserve(index, free()) as reservation:
            if error:
                raise error
            reservation.settle(USAGE[tokens] if tokens else None)
    except OverBudgetError:
        return False
    return True


def test_a_known_cost_counts_before_the_images_are_saved() -> None:
    guard, slots = SpendGuard(budget(1.0, 0.6, 0.6)), CallSlots(1)
    second_sent = threading.Event()

    def second() -> None:
        with guard.reserve(1, slots.new_slot()):
            second_sent.set()

    thread = threading.Thread(target=second, daemon=True)
    with guard.reserve(0, slots.new_slot()) as reservation:
        thread.start()
        assert not second_sent.wait(0.2)
        reservation.settle(USAGE[10_000])
        # The only slot is free, too.
        assert second_sent.wait(20)
    thread.join(20)
    assert guard.refusals() == ()


def test_a_request_that_was_not_sent_costs_nothing() -> None:
    guard, slots = SpendGuard(budget(1.0, 0.6, 0.6)), CallSlots(1)
    slots.stop()
    with pytest.raises(NotSentError), guard.reserve(0, slots.new_slot()):
        pass
    assert run_call(guard, 1)
    assert guard.refusals() == ()


def test_a_request_waits_until_one_in_flight_reports_a_low_cost() -> None:
    guard = SpendGuard(budget(1.0, 0.6, 0.6))
    entered, first, second = threading.Event(), threading.Event(), threading.Event()

    def slow() -> None:
        with guard.reserve(0, free()) as reservation:
            entered.set()
            first.wait(20)
            reservation.settle(USAGE[10_000])

    def quick() -> None:
        with guard.reserve(1, free()) as reservation:
            second.set()
            reservation.settle(USAGE[10_000])

    threads = [threading.Thread(target=slow, daemon=True), threading.Thread(target=quick, daemon=True)]
    threads[0].start()
    assert entered.wait(20)
    threads[1].start()
    assert not second.wait(0.3)
    first.set()
    assert second.wait(20)
    for thread in threads:
        thread.join(20)
    assert guard.refusals() == ()


@pytest.mark.parametrize(
    ("tokens", "error", "more"),
    [
        (None, None, False),
        (None, UnsavedError("lost"), False),
        (None, DiskError("full"), False),
        (None, RefusedError("no"), True),
        (None, NetworkError("no"), True),
        (10_000, None, True),
        (30_000, None, False),
    ],
)
def test_a_possibly_billed_request_counts_at_its_upper_estimate(
    tokens: int | None, error: ImagecliError | None, more: bool
) -> None:
    guard = SpendGuard(budget(1.0, 0.6, 0.6))
    assert run_call(guard, 0, tokens, error)
    assert run_call(guard, 1) is more
    assert len(guard.refusals()) == (not more)


@pytest.mark.parametrize(("may_be_billed", "more"), [(True, False), (False, True)])
def test_a_response_with_a_reason_for_every_missing_image_costs_nothing(may_be_billed: bool, more: bool) -> None:
    guard = SpendGuard(budget(1.0, 0.6, 0.6))
    with guard.reserve(0, free()) as reservation:
        reservation.settle(None, may_be_billed=may_be_billed)
    assert run_call(guard, 1) is more


def test_a_bug_in_a_call_counts_too_and_blocks_no_other_call() -> None:
    guard = SpendGuard(budget(1.0, 0.6, 0.6))
    with pytest.raises(ZeroDivisionError):
        run_call(guard, 0, error=ZeroDivisionError())
    assert not run_call(guard, 1)


def test_a_failed_call_keeps_its_slot_until_its_result_is_handled() -> None:
    guard, slots = SpendGuard(budget(9.0, 0.6, 0.6)), CallSlots(1)
    failed = slots.new_slot()
    with pytest.raises(RefusedError), guard.reserve(0, failed):
        raise RefusedError("no key")
    second_sent = threading.Event()

    def second() -> None:
        with guard.reserve(1, slots.new_slot()):
            second_sent.set()

    thread = threading.Thread(target=second, daemon=True)
    thread.start()
    assert not second_sent.wait(0.2)
    failed.end()
    assert second_sent.wait(20)
    thread.join(20)


def test_requests_of_unknown_price_stop_when_the_default_limit_is_spent() -> None:
    guard = SpendGuard(budget(1.0, None, None, None, origin=None))
    assert run_call(guard, 0, 10_000)
    assert run_call(guard, 1, 30_000)
    assert not run_call(guard, 2)
    (error,) = guard.refusals()
    assert error.message == "up to $1.20 was spent: more than the built-in cost limit of $1"


def test_the_suggested_limit_counts_a_finished_request_once() -> None:
    guard = SpendGuard(budget(10, 6, 6))
    assert run_call(guard, 0, error=UnsavedError("lost"))
    assert not run_call(guard, 1)
    (error,) = guard.refusals()
    assert error.hint == "--max-cost 12 is enough for all requests"


def test_sums_that_differ_in_the_last_digit_still_fit() -> None:
    guard = SpendGuard(budget(0.3, 0.1, 0.1, 0.1))
    assert all(run_call(guard, index) for index in range(3))


# --- after -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ends", "usd"),
    [
        ([], None),
        ([outcome(0, 10_000), outcome(1, 10_000)], 0.6),
        ([outcome(0, 10_000), outcome(1, None, RefusedError("no"))], 0.3),
        ([outcome(0, None, RefusedError("no"))], 0.0),
        ([outcome(0, 10_000), outcome(1)], None),
        ([outcome(0, 10_000), outcome(1, None, UnsavedError("lost"))], None),
        ([outcome(0, 10_000, UnsavedError("damaged"))], 0.3),
        ([outcome(0, 10_000), outcome(1, None, LimitError("later"))], 0.3),
    ],
)
def test_the_total_cost_is_unknown_if_a_part_of_it_is(ends: list[CallResult], usd: float | None) -> None:
    assert budget(9, 1, 1).cost(ends).actual_usd == (None if usd is None else pytest.approx(usd))


@pytest.mark.parametrize(
    ("tokens", "flags", "line", "usd"),
    [
        (1756, [], "imagecli: cost: $0.053\n", 0.05273),
        (1756, ["--quiet"], "", 0.05273),
        (
            None,
            ["--quality", "medium"],
            "imagecli: cost: not reported; about $0.053 (gpt-image-2, medium, 1024x1024; prices of 2026-11; "
            "assuming this server bills like openai)\n",
            None,
        ),
        (None, ["-m", "flux", "--quiet"], "", None),
    ],
)
def test_the_total_cost_is_printed_at_the_end(
    imagecli: Run, tokens: int | None, flags: list[str], line: str, usd: float | None
) -> None:
    with raw_server(response(tokens)) as server:
        command = [
            "generate",
            "a cat",
            "-s",
            "1024x1024",
            *flags,
            "--base-url",
            server.base_url,
            "--if-exists",
            "number",
        ]
        plain = imagecli(*command)
        said = imagecli(*command, "--json")
    assert (plain.exit_code, plain.stdout, plain.stderr) == (0, "a-cat.png\n", line)
    assert said.json["cost"]["actual_usd"] == usd


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></svg>'
AUTHOR = {"model": "writer", "input_tokens": 200, "output_tokens": 5000, "reasoning_tokens": 256, "total_tokens": 5200}


def test_the_known_part_of_an_svgs_cost_is_printed_without_a_total(imagecli: Run) -> None:
    usage = {"input_tokens": 10, "input_tokens_details": {"text_tokens": 10}, "output_tokens": 1756}
    with raw_server(http("200 OK", images_body(SVG, usage=usage, svg_usage=AUTHOR))) as server:
        command = ["generate", "a cat", "-m", "gpt-image-2.6-flare", "-o", "cat.svg", "--if-exists", "number"]
        plain = imagecli(*command, "--base-url", server.base_url)
        said = imagecli(*command, "--base-url", server.base_url, "--json").json
    assert plain.stderr == "imagecli: cost: $0.053 plus the model that writes the SVG\n"
    assert (said["requests"][0]["usage"], said["requests"][0]["svg_usage"]) == (usage, AUTHOR)
    assert said["cost"]["actual_usd"] is None


@pytest.mark.parametrize(
    ("tokens", "flags", "words"),
    [
        (200_000, ["--max-cost", "1"], "the command cost $6.01, more than --max-cost 1"),
        (200_000, [], "the command cost $6.01, more than the built-in cost limit of $5"),
        (30_000, ["--max-cost", "1"], None),
        (33_331, ["--max-cost", "1"], None),
        (33_333, ["--max-cost", "1"], "the command cost $1.01, more than --max-cost 1"),
    ],
)
def test_a_result_that_exceeds_the_limit_is_saved_with_a_warning(
    imagecli: Run, tokens: int, flags: list[str], words: str | None
) -> None:
    with raw_server(response(tokens)) as server:
        command = ["generate", "a cat", *HIGH, *flags, "--base-url", server.base_url, "--if-exists", "number"]
        plain, said = imagecli(*command), imagecli(*command, "--json").json
    expected = [{"code": "cost_over_cap", "message": words, "level": "warning"}] if words else []
    assert (plain.exit_code, said["exit_code"], said["warnings"]) == (0, 0, expected)
    assert (f"imagecli: warning: {words}\n" in plain.stderr) is bool(words)


def test_a_batch_that_exceeds_its_limit_has_a_warning(imagecli: Run, folder: Path) -> None:
    row = {"prompt": "a cat", "output": "cat.png", "size": "1024x1024", "quality": "high"}
    (folder / "cats.jsonl").write_text(json.dumps(row))
    with raw_server(response(200_000)) as server:
        result = imagecli("batch", "cats.jsonl", "--max-cost", "1", "--base-url", server.base_url, "--json")
    summary = json.loads(result.stdout.splitlines()[-1])
    assert result.exit_code == 0
    assert [warning["code"] for warning in summary["warnings"]] == ["cost_over_cap"]
    assert "the command cost $6.01, more than --max-cost 1" in result.stderr


def test_the_known_part_of_a_cost_can_exceed_the_limit() -> None:
    ends = [outcome(0, 200_000), outcome(1)]
    (said,) = [budget(1, 1, 1).overrun_warning(ends)]
    assert said
    assert said.message == "the command cost at least $6.00, more than --max-cost 1"
    assert budget(6, 1, 1).overrun_warning(ends) is None


@pytest.mark.parametrize(
    ("origin", "way"),
    [
        ("--max-cost", "omit --max-cost"),
        ("IMAGECLI_MAX_COST", "unset IMAGECLI_MAX_COST"),
        ("/home/me/config.toml", "imagecli config unset max_cost"),
        ("/src/imagecli.toml", "remove max_cost from /src/imagecli.toml"),
        ("/src/imagecli.toml, which can't raise the built-in limit", "remove max_cost from /src/imagecli.toml"),
    ],
)
def test_a_limit_is_raised_where_it_was_set(origin: str, way: str) -> None:
    error = budget(1, None, origin=origin).refusal()
    assert error
    assert error.hint == f"to remove the cost limit: {way}; or choose a model with a price: imagecli models"


def test_the_sandbox_costs_nothing_and_prints_no_cost(imagecli: Run) -> None:
    result = imagecli("generate", "a cat", "-m", "dall-e-2", "-s", "256x256", "--provider", "sandbox", "--json")
    assert result.json["cost"] == {"estimated_usd": 0.0, "estimated_max_usd": 0.0, "actual_usd": 0.0}
    assert "cost" not in result.stderr
