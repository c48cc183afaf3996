"""The exit code of a command."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagecli.domain import SavedImage
from imagecli.errors import (
    AuthenticationError,
    DiskError,
    ImagecliError,
    LimitError,
    NetworkError,
    QuotaError,
    RefusedError,
    UnsavedError,
    UsageError,
    most_severe_exit_code,
    to_imagecli_error,
)
from imagecli.results import CallResult, CommandResult, SkippedFile

IMAGE = SavedImage(
    path=Path("a.png"), bytes=1, format="png", size=None, sha256="", revised_prompt=None, request=0, index=0
)

ERRORS: tuple[type[ImagecliError], ...] = (
    ImagecliError,
    AuthenticationError,
    DiskError,
    LimitError,
    NetworkError,
    QuotaError,
    RefusedError,
    UnsavedError,
    UsageError,
)

SKIPPED = SkippedFile(path=Path("k.png"), bytes=1, format="png", size=None, sha256="", before=(0, 0))


def report(*errors: ImagecliError, saved: int = 0, signal: int | None = None, skipped: int = 0) -> CommandResult:
    outcome = CallResult(request=0, requested=1, provider="p", model="m", saved=(IMAGE,) * saved, errors=errors)
    return CommandResult(command="generate", outcomes=(outcome,), skipped=(SKIPPED,) * skipped, signal_code=signal)


def test_a_bug_after_a_paid_request_may_be_billed() -> None:
    ends = {
        error: CallResult(request=0, requested=1, provider="p", model="m", errors=(error("x"),)) for error in ERRORS
    }
    assert [error for error, end in ends.items() if end.may_be_billed] == [ImagecliError, DiskError, UnsavedError]


@pytest.mark.parametrize(
    ("result", "exit_code", "status"),
    [
        (report(saved=2), 0, "ok"),
        (report(skipped=1), 0, "ok"),
        (report(RefusedError("no")), 4, "failed"),
        (report(RefusedError("no"), saved=1), 9, "partial"),
        (report(NetworkError("no"), skipped=1), 9, "partial"),
        (report(NetworkError("no"), RefusedError("no")), 4, "failed"),
        (report(RefusedError("no"), LimitError("no"), NetworkError("no")), 5, "failed"),
        (report(LimitError("no"), AuthenticationError("no")), 3, "failed"),
        (report(AuthenticationError("no"), DiskError("no")), 8, "failed"),
        (report(DiskError("no"), UnsavedError("no"), RefusedError("no")), 7, "failed"),
        (report(to_imagecli_error(ValueError()), UnsavedError("no")), 1, "failed"),
        (report(to_imagecli_error(MemoryError()), NetworkError("no")), 8, "failed"),
        (report(UsageError("no")), 2, "failed"),
        (report(saved=1, signal=130), 130, "partial"),
        (report(UnsavedError("no"), signal=143), 143, "failed"),
        (CommandResult(command="generate", errors=(UsageError("no"),)), 2, "failed"),
        (CommandResult(command="generate"), 0, "ok"),
        (CommandResult(command="generate", planned=()), 0, "planned"),
        (CommandResult(command="generate", planned=(), skipped=(SKIPPED,)), 0, "planned"),
        (CommandResult(command="generate", planned=(), skipped=(SKIPPED,), errors=(LimitError("no"),)), 5, "failed"),
    ],
)
def test_the_exit_code_matches_the_results(result: CommandResult, exit_code: int, status: str) -> None:
    assert (result.exit_code, result.status) == (exit_code, status)


def test_more_serious_errors_take_precedence() -> None:
    assert [most_severe_exit_code(list((7, 8, 3, 5, 4, 6)[k:])) for k in range(6)] == [7, 8, 3, 5, 4, 6]


@pytest.mark.parametrize(
    ("error", "final"),
    [
        (AuthenticationError("no"), True),
        (QuotaError("no"), True),
        (LimitError("later"), False),
        (RefusedError("no"), False),
        (NetworkError("no"), False),
        (UnsavedError("no"), False),
    ],
)
def test_only_a_bad_key_and_no_money_end_a_run(error: ImagecliError, final: bool) -> None:
    assert report(error).outcomes[0].is_final is final


def test_every_error_class_has_an_exit_code_and_a_code_of_its_tree() -> None:
    classes, left = [], [ImagecliError]
    while left:
        kind = left.pop()
        left += kind.__subclasses__()
        classes.append((kind.__name__, kind.exit_code, kind.code))
    assert {exit_code for _, exit_code, _ in classes} == {1, 2, 3, 4, 5, 6, 7, 8, 10}
    assert len({code for _, _, code in classes}) == len(classes)


def test_images_are_listed_in_request_order() -> None:
    saved = [IMAGE._replace(path=Path(f"{place[0]}-{place[1]}"), request=place[0], index=place[1]) for place in PLACES]
    outcomes = tuple(CallResult(request=0, requested=1, provider="p", model="m", saved=(image,)) for image in saved)
    skipped = tuple(SKIPPED._replace(path=Path(name), before=before) for name, before in BEFORE)
    images = CommandResult(command="generate", outcomes=outcomes, skipped=skipped).images
    assert [str(image.path) for image in images] == ["a", "b", "0-0", "0-1", "c", "1-0", "d"]


PLACES = [(0, 0), (0, 1), (1, 0)]
BEFORE = [("a", (0, 0)), ("b", (0, 0)), ("c", (1, 0)), ("d", (2, 0))]


@pytest.mark.parametrize(
    ("codes", "gravest_of_them"), [([2, 7], 7), ([6, 2], 6), ([4, 1], 1), ([5, 3], 3), ([8, 7], 7)]
)
def test_possible_costs_take_precedence_over_requests_that_were_not_sent(
    codes: list[int], gravest_of_them: int
) -> None:
    assert most_severe_exit_code(codes) == most_severe_exit_code(codes[::-1]) == gravest_of_them
