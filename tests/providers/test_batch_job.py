"""The batch objects of a server. The objects are from the API reference, read 2026-11-22."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.errors import UnsavedError
from imagecli.providers.batch_response import BatchJob, BatchJobError, is_valid_id, parse_batch_job, parse_batch_jobs

BATCH: dict[str, Any] = {
    "id": "batch_abc123",
    "object": "batch",
    "endpoint": "/v1/images/generations",
    "errors": None,
    "input_file_id": "file-in",
    "completion_window": "24h",
    "status": "completed",
    "output_file_id": "file-out",
    "error_file_id": "file-err",
    "created_at": 1711471533,
    "in_progress_at": 1711471538,
    "expires_at": 1711557933,
    "completed_at": 1711493163,
    "failed_at": None,
    "request_counts": {"total": 100, "completed": 95, "failed": 5},
    "metadata": {"customer_id": "user_123456789"},
}


def batch(**more: Any) -> dict[str, Any]:
    return BATCH | more


def test_a_batch_is_read_as_in_the_reference() -> None:
    assert parse_batch_job(BATCH) == BatchJob(
        id="batch_abc123",
        status="completed",
        endpoint="/v1/images/generations",
        total=100,
        completed=95,
        failed=5,
        input_file_id="file-in",
        output_file_id="file-out",
        error_file_id="file-err",
        errors=(),
        metadata={"customer_id": "user_123456789"},
        created_at=1711471533,
        expires_at=1711557933,
    )


def test_a_new_batch_has_few_fields() -> None:
    job = parse_batch_job({"id": "batch_1", "status": "validating"})
    assert (job.total, job.completed, job.failed, job.created_at) == (0, 0, 0, 0)
    assert (job.output_file_id, job.error_file_id, job.expires_at, dict(job.metadata)) == (None, None, None, {})


@pytest.mark.parametrize(
    ("errors", "problems"),
    [
        (None, ()),
        ({"object": "list", "data": []}, ()),
        (
            {"data": [{"code": "invalid_json_line", "message": "not JSON", "param": None, "line": 3}]},
            (BatchJobError(code="invalid_json_line", message="not JSON", line=3),),
        ),
        ({"data": [{"code": None, "line": "x"}]}, (BatchJobError(code="", message="no reason given", line=None),)),
        (["in words"], (BatchJobError(code="", message="in words", line=None),)),
        ({"data": 7}, ()),
        ("words", ()),
    ],
)
def test_the_errors_of_a_batch_are_read(errors: Any, problems: tuple[BatchJobError, ...]) -> None:
    assert parse_batch_job(batch(errors=errors)).errors == problems


@pytest.mark.parametrize(
    ("status", "ended"),
    [("completed", True), ("failed", True), ("expired", True), ("cancelled", True)]
    + [(word, False) for word in ("validating", "in_progress", "finalizing", "cancelling", "dreaming", "")],
)
def test_a_state_is_final_or_not(status: str, ended: bool) -> None:
    assert parse_batch_job(batch(status=status)).has_ended is ended


@pytest.mark.parametrize(
    "counts",
    [
        {"request_counts": None},
        {"request_counts": {"total": -1, "completed": True, "failed": float("nan")}},
        {"request_counts": {"total": 10**40, "completed": "5", "failed": float("inf")}},
        {"request_counts": [1, 2]},
    ],
)
def test_invalid_counts_are_none(counts: dict[str, Any]) -> None:
    job = parse_batch_job(batch(**counts))
    assert (job.total, job.completed, job.failed) == (0, 0, 0)


def test_metadata_that_is_not_text_is_ignored() -> None:
    assert parse_batch_job(batch(metadata={"a": "b", "c": 1, "d": None, "e": "\ud800"})).metadata == {
        "a": "b",
        "e": "?",
    }


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "batch",
        {},
        {"id": "file-1", "object": "file", "status": "processed"},
        {"id": "batch_1"},
        {"status": "completed"},
        batch(id=7),
        batch(id=""),
        batch(id=".."),
        batch(id="a b"),
        batch(id="a\n"),
        batch(id="x" * 2000),
        batch(status=None),
    ],
)
def test_an_invalid_batch_is_refused(document: Any) -> None:
    with pytest.raises(UnsavedError) as caught:
        parse_batch_job(document)
    assert caught.value.code == "no_batch"


@pytest.mark.parametrize("field", ["output_file_id", "error_file_id", "input_file_id"])
@pytest.mark.parametrize("value", ["", ".", "..", "a b", "é", "x" * 2000, 7, {}])
def test_a_file_with_an_invalid_id_is_none(field: str, value: Any) -> None:
    assert not getattr(parse_batch_job(batch(**{field: value})), field)


@pytest.mark.parametrize("text", ["file-abc123", "batches/7", "a" * 1024, "bGl0ZQ==", "%2e%2e", "..."])
def test_ids_of_other_servers_are_ids_too(text: str) -> None:
    assert is_valid_id(text)


@pytest.mark.parametrize(
    ("page", "ids", "after"),
    [
        ({"data": [BATCH], "has_more": False, "last_id": "batch_abc123"}, ["batch_abc123"], None),
        ({"data": [BATCH, batch(id="b")], "has_more": True, "last_id": "b"}, ["batch_abc123", "b"], "b"),
        ({"data": [BATCH, batch(id="b")], "has_more": True}, ["batch_abc123", "b"], "b"),
        ({"data": [BATCH], "has_more": "yes", "last_id": "b"}, ["batch_abc123"], None),
        ({"data": [7, BATCH, {"object": "file"}], "has_more": True, "last_id": ".."}, ["batch_abc123"], "batch_abc123"),
        ({"data": [], "has_more": True}, [], None),
        ({"data": []}, [], None),
    ],
)
def test_a_page_of_the_list_tells_where_the_next_one_begins(page: Any, ids: list[str], after: str | None) -> None:
    jobs, next_after = parse_batch_jobs(page)
    assert ([job.id for job in jobs], next_after) == (ids, after)


@pytest.mark.parametrize("document", [None, [], {}, {"data": None}, {"data": {}}, BATCH])
def test_an_invalid_list_of_batches_is_refused(document: Any) -> None:
    with pytest.raises(UnsavedError, match="not a list of batches"):
        parse_batch_jobs(document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(BATCH)), JSON))
def test_any_object_is_read_as_a_batch_or_refused(nonsense: dict[str, Any]) -> None:
    for document in (batch(**nonsense), nonsense):
        try:
            job = parse_batch_job(document)
        except UnsavedError:
            continue
        assert is_valid_id(job.id)
        assert all(isinstance(count, int) and count >= 0 for count in (job.total, job.completed, job.failed))
