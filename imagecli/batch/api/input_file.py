"""The input files of batches, as few as the provider's limits allow: a line for each call."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from imagecli.batch.api.submission_ids import LineId, item_key
from imagecli.batch.item_plan import ItemPlan
from imagecli.catalog.provider import BatchRow
from imagecli.domain import OPERATIONS
from imagecli.errors import DiskError, UsageError, os_error_reason
from imagecli.plan_calls import PlannedCall

LineBuilder = Callable[[str, PlannedCall, ItemPlan], bytes]
"""A `custom_id`, its call and the plan that it is of → the line."""


@dataclass(slots=True, kw_only=True)
class BatchInputFile:
    """The input file of one batch."""

    endpoint: str
    model: str
    file: IO[bytes] = field(repr=False)
    plans: list[ItemPlan] = field(default_factory=list)
    lines: int = 0
    bytes: int = 0

    @property
    def path(self) -> Path:
        return Path(self.file.name)


def build_input_files(
    plans: Iterable[ItemPlan], build_line: LineBuilder, row: BatchRow, folder: Path, stack: ExitStack
) -> list[BatchInputFile]:
    """The input files of *plans*, complete and closed, each for one endpoint and one model.

    *folder* is for them alone: what a killed run left there is removed, and all of it with *stack*. An item is in one
    file. Raises UsageError for an item that no batch has room for, DiskError.
    """
    files: list[BatchInputFile] = []
    open_files: dict[tuple[str, str], BatchInputFile] = {}
    try:
        _make_empty_folder(folder, stack)
        for plan in plans:
            lines = [build_line(custom_id, call, plan) for custom_id, call in calls_with_ids(plan)]
            kind = _endpoint_and_model(plan, row)
            target = open_files.get(kind)
            if target is None or not _has_room(target, lines, row):
                if target:
                    target.file.close()
                target = open_files[kind] = _new_input_file(kind, folder / f"{len(files)}.jsonl", stack)
                if not _has_room(target, lines, row):
                    raise _too_large_error(plan, lines, row)
                files.append(target)
            _add_lines(target, plan, lines)
        for target in open_files.values():
            target.file.close()
    except OSError as error:
        hint = "set IMAGECLI_STATE_DIR to a writable folder with free space, and run the same command again"
        message = f"can't write the batch requests to {folder}: {os_error_reason(error)}"
        raise DiskError(message, hint=hint) from error
    return files


def calls_with_ids(plan: ItemPlan) -> Iterator[tuple[str, PlannedCall]]:
    """The calls of *plan*, each with its `custom_id`."""
    key, begin = item_key(plan.item.id, plan.identity.hash), 0
    for call in plan.calls():
        n = call.request.options.n
        yield str(LineId(key=key, begin=begin, n=n)), call
        begin += n


def _endpoint_and_model(plan: ItemPlan, row: BatchRow) -> tuple[str, str]:
    request = plan.item.request
    return row.endpoints[OPERATIONS[type(request)]], request.options.model


def _has_room(target: BatchInputFile, lines: list[bytes], row: BatchRow) -> bool:
    return target.lines + len(lines) <= row.max_requests and target.bytes + sum(map(len, lines)) <= row.max_bytes


def _add_lines(target: BatchInputFile, plan: ItemPlan, lines: list[bytes]) -> None:
    for line in lines:
        target.file.write(line)
    target.plans.append(plan)
    target.lines += len(lines)
    target.bytes += sum(map(len, lines))


def _make_empty_folder(folder: Path, stack: ExitStack) -> None:
    """Creates *folder* anew, empty, and has *stack* remove it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    stack.callback(shutil.rmtree, folder, ignore_errors=True)


def _new_input_file(kind: tuple[str, str], path: Path, stack: ExitStack) -> BatchInputFile:
    return BatchInputFile(endpoint=kind[0], model=kind[1], file=stack.enter_context(path.open("xb")))


def _too_large_error(plan: ItemPlan, lines: list[bytes], row: BatchRow) -> UsageError:
    return UsageError(
        f"{plan.item.id} needs {len(lines):,} requests ({sum(map(len, lines)):,} bytes); a batch is limited to "
        f"{row.max_requests:,} requests ({row.max_bytes:,} bytes); nothing was submitted",
        hint="reduce n, or omit --batch-api",
    )
