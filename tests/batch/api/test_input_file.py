"""Plans → input files: as few as the provider's limits allow, a row never split, each file for one endpoint and
model."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagecli.batch.api.input_file import BatchInputFile, build_input_files, calls_with_ids
from imagecli.batch.api.submission_ids import parse_custom_id
from imagecli.batch.item_plan import ItemPlan, planned_paths
from imagecli.catalog.provider import BatchRow
from imagecli.errors import DiskError, UsageError
from imagecli.plan_calls import PlannedCall
from tests.batch.api.plans import OPENAI, plan_items
from tests.conftest import photo

assert OPENAI.batch
ROW = OPENAI.batch
LINE_BYTES = 100


def line_of(custom_id: str, request: PlannedCall, plan: ItemPlan) -> bytes:
    """A line of constant length."""
    return json.dumps({"custom_id": custom_id}).encode().ljust(LINE_BYTES - 1) + b"\n"


def prompts(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"prompt": f"cat {number}", "output": f"{number}.png", **more} for number in range(count)]


def ids_in(file: BatchInputFile) -> list[str]:
    return [json.loads(line)["custom_id"] for line in file.path.read_bytes().splitlines()]


def shapes(files: list[BatchInputFile]) -> list[int]:
    return [file.lines for file in files]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, [5]),
        ({"max_requests": 2}, [2, 2, 1]),
        ({"max_requests": 5}, [5]),
        ({"max_requests": 1}, [1] * 5),
        ({"max_bytes": 2 * LINE_BYTES}, [2, 2, 1]),
        ({"max_bytes": 3 * LINE_BYTES - 1}, [2, 2, 1]),
        ({"max_bytes": 5 * LINE_BYTES}, [5]),
    ],
)
def test_a_file_is_filled_up_to_the_limits(tmp_path: Path, limits: dict[str, int], expected: list[int]) -> None:
    plans = plan_items(tmp_path, *prompts(5))
    with ExitStack() as stack:
        files = build_input_files(plans, line_of, ROW._replace(**limits), tmp_path / "in", stack)  # type: ignore[arg-type]
        assert shapes(files) == expected
        assert [file.path.stat().st_size for file in files] == [LINE_BYTES * lines for lines in expected]
        assert [line_id for file in files for line_id in ids_in(file)] == [
            name for line_id in plans for name, _ in calls_with_ids(line_id)
        ]
        assert [plan for file in files for plan in file.plans] == plans


def test_a_row_is_not_split(tmp_path: Path) -> None:
    plans = plan_items(
        tmp_path, {"prompt": "a cat", "output": "cat.png"}, {"prompt": "a leaf", "n": 12, "output": "l.png"}
    )
    with ExitStack() as stack:
        files = build_input_files(plans, line_of, ROW._replace(max_requests=2), tmp_path / "in", stack)
        assert shapes(files) == [1, 2]
        places = [parse_custom_id(line_id) for line_id in ids_in(files[1])]
        assert [(place.begin, place.n) for place in places if place] == [(0, 10), (10, 2)]
        assert len({place.key for place in places if place}) == 1


@pytest.mark.parametrize("limits", [{"max_requests": 1}, {"max_bytes": 2 * LINE_BYTES - 1}])
def test_a_row_that_exceeds_the_limits_of_a_batch_is_refused(tmp_path: Path, limits: dict[str, int]) -> None:
    plans = plan_items(tmp_path, {"prompt": "a leaf", "n": 12, "output": "l.png"})
    with (
        ExitStack() as stack,
        pytest.raises(UsageError, match="a batch is limited to") as caught,
    ):
        build_input_files(plans, line_of, ROW._replace(**limits), tmp_path / "in", stack)  # type: ignore[arg-type]
    assert caught.value.hint == "reduce n, or omit --batch-api"
    assert not (tmp_path / "in").exists()


def test_each_endpoint_and_model_has_as_few_files_as_possible(tmp_path: Path) -> None:
    photo(tmp_path / "in.png", 64, 64)
    edited = {"command": "edit", "image": "in.png"}
    rows = prompts(6)
    rows[1] |= {"model": "gpt-image-1-mini"}
    rows[3] |= edited
    rows[4] |= {"model": "gpt-image-1-mini"}
    with ExitStack() as stack:
        files = build_input_files(plan_items(tmp_path, *rows), line_of, ROW, tmp_path / "in", stack)
        counts = {(file.endpoint, file.model): len(ids_in(file)) for file in files}
    assert counts == {
        ("/v1/images/generations", "gpt-image-2"): 3,
        ("/v1/images/generations", "gpt-image-1-mini"): 2,
        ("/v1/images/edits", "gpt-image-2"): 1,
    }


def test_files_exist_until_the_stack_ends_and_leftovers_of_killed_runs_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "batches" / "mine"
    folder.mkdir(parents=True)
    (folder / "0.jsonl").write_bytes(b"of a killed run")
    with ExitStack() as stack:
        (files,) = build_input_files(plan_items(tmp_path, *prompts(1)), line_of, ROW, folder, stack)
        assert [path.name for path in folder.iterdir()] == [files.path.name]
        assert files.path.read_bytes().startswith(b'{"custom_id"')
    assert not folder.exists()


def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with ExitStack() as stack, pytest.raises(DiskError, match="can't write the batch requests"):
        build_input_files(plan_items(tmp_path, *prompts(1)), line_of, ROW, tmp_path / "file" / "in", stack)


def test_the_journal_records_the_paths_of_every_image(tmp_path: Path) -> None:
    outputs = [{"output": "a.png", "fit": "16x16"}, {"output": "b.webp"}]
    rows = ({"prompt": "a leaf", "n": 2, "output": "l.png"}, {"prompt": "a bell", "outputs": outputs})
    assert [planned_paths(plan) for plan in plan_items(tmp_path, *rows)] == [
        (("l-1.png",), ("l-2.png",)),
        (("a.png", "b.webp"),),
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=8),
    most=st.integers(2, 5),
    room=st.integers(2 * LINE_BYTES, 6 * LINE_BYTES),
)
def test_no_file_exceeds_a_limit_and_every_line_is_in_one(
    tmp_path: Path, sizes: list[int], most: int, room: int
) -> None:
    plans = plan_items(tmp_path, *({"prompt": "x", "n": n, "output": f"{k}.png"} for k, n in enumerate(sizes)))
    row: BatchRow = ROW._replace(max_requests=most, max_bytes=room)
    with ExitStack() as stack:
        files = build_input_files(plans, line_of, row, tmp_path / "in", stack)
        assert all(file.lines <= most and file.path.stat().st_size == file.bytes <= room for file in files)
        counts = [line_id for file in files for line_id in ids_in(file)]
    assert sorted(counts) == sorted(name for plan in plans for name, _ in calls_with_ids(plan))
