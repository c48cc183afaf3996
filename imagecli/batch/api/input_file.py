"""Orders → the input files of as few batches as the provider's limits allow, on the disk.

How a provider's batch names what is ours: a line by its purchase, all of it by its manifest. Pure.

Nothing of this is written down anywhere else: from a manifest alone it can be found again what was handed in of it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from imagecli.batch.work_item import WorkItem
from imagecli.catalog.provider import BatchRow
from imagecli.domain import OPERATIONS
from imagecli.errors import DiskError, UsageError
from imagecli.plan import PlannedCall
from imagecli.storage.atomic import os_error_reason

MANIFEST: Final = "imagecli_manifest"
MANIFEST_SHA256: Final = "imagecli_manifest_sha256"
SUBMISSION: Final = "imagecli_submission"
"""Keys of a batch's metadata."""
MAX_VALUE: Final = 512
"""Characters of a value there. OpenAI API reference, metadata, read 2026-11-22."""

_CUSTOM_ID: Final = re.compile(r"(?P<key>[0-9a-f]{16}-[0-9a-f]{24})-(?P<begin>[0-9]{1,9})-(?P<n>[0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineId:
    """What a line is of a purchase."""

    key: str
    """`item_key` the purchase."""
    begin: int
    """The first of its pictures, of those that were asked for together."""
    n: int

    def __str__(self) -> str:
        return f"{self.key}-{self.begin}-{self.n}"


def item_key(id: str, hash: str) -> str:
    """Names a purchase and what was asked for by it."""
    return f"{hashlib.sha256(id.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}-{hash[:24]}"


def parse_custom_id(text: str) -> LineId | None:
    """What a line's `custom_id` says; None where it is not ours."""
    match = _CUSTOM_ID.fullmatch(text)
    return LineId(key=match["key"], begin=int(match["begin"]), n=int(match["n"])) if match else None


def batch_metadata(name: str, digest: str, submission: str) -> dict[str, str]:
    """What a batch of the manifest *name* with the sha256 *digest* is found again by."""
    return {MANIFEST: name[:MAX_VALUE], MANIFEST_SHA256: digest, SUBMISSION: submission}


LineBuilder = Callable[[str, PlannedCall, WorkItem], bytes]
"""A `custom_id`, its request and whose that is → its line."""


@dataclass(slots=True, kw_only=True)
class BatchInputFile:
    """What one batch is made of."""

    endpoint: str
    model: str
    file: IO[bytes] = field(repr=False)
    orders: list[WorkItem] = field(default_factory=list)
    lines: int = 0
    bytes: int = 0

    @property
    def path(self) -> Path:
        return Path(self.file.name)


def build_input_files(
    orders: Iterable[WorkItem], line_of: LineBuilder, row: BatchRow, folder: Path, stack: ExitStack
) -> list[BatchInputFile]:
    """The input files that *orders* make, whole and closed. Each is of one endpoint and one model.

    *folder* is for them alone: what a killed run left there goes, and all of it with *stack*. An order is in one
    file, whole. Raises UsageError for one that no batch has room for, DiskError.
    """
    made: list[BatchInputFile] = []
    open_files: dict[tuple[str, str], BatchInputFile] = {}
    try:
        _make_empty_folder(folder, stack)
        for order in orders:
            lines = [line_of(custom_id, request, order) for custom_id, request in calls_with_ids(order)]
            kind = _endpoint_and_model(order, row)
            target = open_files.get(kind)
            if target is None or not _has_room(target, lines, row):
                if target:
                    target.file.close()
                target = open_files[kind] = _new_input_file(kind, folder / f"{len(made)}.jsonl", stack)
                if not _has_room(target, lines, row):
                    raise _too_large_error(order, lines, row)
                made.append(target)
            _add_lines(target, order, lines)
        for one in open_files.values():
            one.file.close()
    except OSError as error:
        raise DiskError(
            f"can't write what is to be handed in to {folder}: {os_error_reason(error)}", hint="free some space there"
        ) from error
    return made


def calls_with_ids(order: WorkItem) -> Iterator[tuple[str, PlannedCall]]:
    """The requests of *order*, each with its `custom_id`."""
    wanted, begin = order.plan.planned, 0
    key = item_key(wanted.id, wanted.hash)
    for request in order.calls():
        n = request.request.options.n
        yield str(LineId(key=key, begin=begin, n=n)), request
        begin += n


def planned_paths(order: WorkItem) -> tuple[tuple[str, ...], ...]:
    """What the journal keeps of what *order* asks for."""
    parts = [request.part for request in order.calls()]
    return tuple(paths for part in parts if part for paths in part.planned)


def _endpoint_and_model(order: WorkItem, row: BatchRow) -> tuple[str, str]:
    ask = order.plan.item.request
    return row.endpoints[OPERATIONS[type(ask)]], ask.options.model


def _has_room(target: BatchInputFile, lines: list[bytes], row: BatchRow) -> bool:
    return target.lines + len(lines) <= row.max_requests and target.bytes + sum(map(len, lines)) <= row.max_bytes


def _add_lines(target: BatchInputFile, order: WorkItem, lines: list[bytes]) -> None:
    for line in lines:
        target.file.write(line)
    target.orders.append(order)
    target.lines += len(lines)
    target.bytes += sum(map(len, lines))


def _make_empty_folder(folder: Path, stack: ExitStack) -> None:
    """Makes *folder* anew, empty, and has *stack* remove it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    stack.callback(shutil.rmtree, folder, ignore_errors=True)


def _new_input_file(kind: tuple[str, str], path: Path, stack: ExitStack) -> BatchInputFile:
    return BatchInputFile(endpoint=kind[0], model=kind[1], file=stack.enter_context(path.open("xb")))


def _too_large_error(order: WorkItem, lines: list[bytes], row: BatchRow) -> UsageError:
    return UsageError(
        f"{order.plan.planned.id}: {len(lines):,} requests of {sum(map(len, lines)):,} bytes, and a batch takes "
        f"{row.max_requests:,} of {row.max_bytes:,}; nothing was handed in",
        hint="a smaller n, or leave --batch-api out",
    )
