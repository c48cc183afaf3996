"""The states of a batch by its age, in seconds of the sandbox's clock."""

from __future__ import annotations

import pytest

from imagecli.sandbox.batches.timeline import BatchTimeline, Ending


@pytest.mark.parametrize(
    ("ending", "cancelled", "age", "status", "share"),
    [
        ("completed", None, 0, "validating", 0),
        ("completed", None, 59, "validating", 0),
        ("completed", None, 60, "in_progress", 0),
        ("completed", None, 300, "in_progress", 0.5),
        ("completed", None, 540, "finalizing", 1),
        ("completed", None, 600, "completed", 1),
        ("completed", None, 1e9, "completed", 1),
        ("failed", None, 59, "validating", 0),
        ("failed", None, 60, "failed", 0),
        ("failed", None, 1e9, "failed", 0),
        ("batch_expired", None, 300, "in_progress", 0.25),
        ("batch_expired", None, 600, "expired", 0.5),
        ("completed", 30, 30, "cancelling", 0),
        ("completed", 30, 90, "cancelled", 0),
        ("completed", 180, 200, "cancelling", 0.25),
        ("completed", 180, 240, "cancelled", 0.25),
        ("completed", 180, 1e9, "cancelled", 0.25),
        ("completed", 570, 630, "cancelled", 1),
        ("failed", 30, 1e9, "cancelled", 0),
    ],
)
def test_state_depends_on_the_age(
    ending: Ending, cancelled: float | None, age: float, status: str, share: float
) -> None:
    moment = BatchTimeline(ending=ending, cancelled_at=cancelled).at(age)
    assert (moment.status, moment.share) == (status, share)
    assert moment.has_ended == (status in ("completed", "failed", "expired", "cancelled"))


def test_each_status_has_its_start_time() -> None:
    assert BatchTimeline(ending="completed", cancelled_at=100).at(500).start_ages == {
        "validating": 0,
        "in_progress": 60,
        "cancelling": 100,
        "cancelled": 160,
    }
