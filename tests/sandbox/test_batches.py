"""`/v1/batches`: a batch progresses by the clock, and creates its files."""

from __future__ import annotations

import time
import tracemalloc

import pytest
import requests

from imagecli.sandbox.sandbox import Options, Sandbox
from tests.sandbox.batching import (
    begin,
    content,
    counts,
    ended,
    fast,
    get,
    line,
    run,
)


def test_batch_progresses_with_rising_counts() -> None:
    counts_by_status: dict[str, list[list[int]]] = {}
    with Sandbox(Options(speed=400)) as server:
        began = time.time()
        batch = begin(server, [line(str(n)) for n in range(20)], metadata={"manifest": "ab12"})
        while batch["status"] != "completed":
            counts_by_status.setdefault(batch["status"], []).append(counts(batch))
            time.sleep(0.03)
            batch = get(server, f"/batches/{batch['id']}")
    assert 1.4 < time.time() - began < 15
    assert list(counts_by_status) == ["validating", "in_progress", "finalizing"]
    assert counts_by_status["validating"][0] == [0, 0, 0]
    done = [completed for _, completed, _ in counts_by_status["in_progress"]]
    assert done == sorted(done)
    assert len(set(done)) > 3
    assert counts_by_status["finalizing"][0] == counts(batch) == [20, 20, 0]
    dates = [batch[f"{name}_at"] for name in ("created", "in_progress", "finalizing", "completed", "expires")]
    assert dates == sorted(dates)
    assert int(began) <= dates[0] <= dates[3] <= began + 15
    assert (batch["metadata"], batch["model"], batch["error_file_id"]) == ({"manifest": "ab12"}, "dall-e-2", None)


def test_responses_are_the_same_each_time_in_another_order_than_requests() -> None:
    names = [f"row-{n}" for n in range(12)]
    with fast() as server:
        batch = ended(server, begin(server, [line(name) for name in names]))
        first, second = (content(server, batch["output_file_id"]) for _ in range(2))
        other_batch = ended(server, begin(server, [line(name) for name in names]))
        order = [entry["custom_id"] for entry in content(server, other_batch["output_file_id"])]
    assert first == second
    assert [entry["custom_id"] for entry in first] == order != names
    assert sorted(order) == sorted(names)
    assert len({entry["id"] for entry in first}) == len({entry["response"]["request_id"] for entry in first}) == 12


def test_file_of_responses_has_its_correct_length() -> None:
    with fast() as server:
        batch = ended(server, begin(server, [line("a"), line("b")]))
        file = get(server, f"/files/{batch['output_file_id']}")
        response = requests.get(f"{server.base_url}/files/{file['id']}/content", timeout=60)
    assert (file["bytes"], file["purpose"]) == (len(response.content), "batch_output")
    assert file["expires_at"] - file["created_at"] == pytest.approx(2_592_000 / 100_000, abs=1)


def test_batch_of_failures_alone_has_no_output() -> None:
    with fast() as server:
        batch, _, errors = run(server, [line("a", size="1x1")])
    assert (batch["output_file_id"], counts(batch), list(errors)) == (None, [1, 0, 1], ["a"])


def test_expired_batch_keeps_its_finished_half() -> None:
    with fast("batch_expired:1") as server:
        batch, responses, errors = run(server, [line(str(n)) for n in range(5)])
        assert ended(server, begin(server, [line("a")]))["status"] == "completed"
    assert (batch["status"], counts(batch), sorted(responses)) == ("expired", [5, 2, 3], ["0", "1"])
    assert batch["expired_at"] == batch["expires_at"]
    assert sorted(errors) == ["2", "3", "4"]
    assert {(entry["response"], entry["error"]["code"]) for entry in errors.values()} == {(None, "batch_expired")}


def test_cancelled_batch_keeps_its_finished_lines() -> None:
    with Sandbox(Options(speed=50)) as server:
        batch = begin(server, [line(str(n)) for n in range(100)])
        while counts(batch)[1] < 3:
            time.sleep(0.03)
            batch = get(server, f"/batches/{batch['id']}")
        url = f"{server.base_url}/batches/{batch['id']}/cancel"
        first = requests.post(url, timeout=9).json()
        time.sleep(0.3)
        again = requests.post(url, timeout=9).json()
        assert (first["status"], again["status"], counts(again)) == ("cancelling", "cancelling", counts(first))
        batch = ended(server, batch)
        late = requests.post(url, timeout=9)
        responses, errors = (content(server, batch[name]) for name in ("output_file_id", "error_file_id"))
    assert batch["status"] == "cancelled"
    assert 3 <= counts(batch)[1] == len(responses) == 100 - len(errors) < 50
    assert {(entry["response"], entry["error"]["code"]) for entry in errors} == {(None, "batch_cancelled")}
    assert (late.status_code, "status 'cancelled'" in late.json()["error"]["message"]) == (409, True)


def test_invalid_file_fails_the_batch() -> None:
    with fast() as server:
        batch = ended(server, begin(server, [line("a"), line("a"), {**line("b"), "method": "GET"}]))
    errors = [(one["code"], one["line"], one["param"]) for one in batch["errors"]["data"]]
    assert errors == [("duplicate_custom_id", 2, "custom_id"), ("invalid_method", 3, "method")]
    assert (batch["status"], batch["output_file_id"], batch["error_file_id"]) == ("failed", None, None)
    assert counts(batch) == [0, 0, 0]
    assert batch["failed_at"] is not None


def test_batch_fails_by_injection() -> None:
    with fast("batch_failed%2") as server:
        statuses = [ended(server, begin(server, [line("a")]))["status"] for _ in range(3)]
        assert statuses == ["completed", "failed", "completed"]
        assert get(server, "/batches")["data"][1]["errors"]["data"][0]["line"] == 1


def test_first_response_arrives_before_the_last_is_painted() -> None:
    with fast() as server:
        batch = ended(server, begin(server, [line(str(n)) for n in range(2000)]))
        began = time.monotonic()
        url = f"{server.base_url}/files/{batch['output_file_id']}/content"
        with requests.get(url, stream=True, timeout=20) as response:
            assert b'"status_code": 200' in next(response.iter_lines())
        assert time.monotonic() - began < 5


def test_ended_batch_without_its_files_uses_no_memory() -> None:
    with fast() as server:
        tracemalloc.start()
        try:
            batch = ended(server, begin(server, [line("a", prompt="x" * 20_000_000)]))
            retained, _ = tracemalloc.get_traced_memory()
            for name in ("input_file_id", "error_file_id"):
                requests.delete(f"{server.base_url}/files/{batch[name]}", timeout=9)
            remaining, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert get(server, f"/batches/{batch['id']}") == batch
    assert remaining < 10_000_000 < retained
