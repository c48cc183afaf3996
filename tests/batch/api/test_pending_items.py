"""Pending rows: which response belongs to which row, and under which names it is saved if the row has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imagecli.batch.api.pending_items import PendingItem, build_pending_item, find_stray_items
from imagecli.batch.api.submission_ids import LineId
from imagecli.batch.item_plan import planned_paths
from imagecli.batch.journal.entry import FileRecord, JournalEntry
from imagecli.batch.journal.state import JournalState
from imagecli.pipeline.prepare_call import RunContext
from tests.batch.api.plans import OPENAI, plan_items, plan_rows

CAT: dict[str, Any] = {"prompt": "a cat", "output": "in/cat.png"}
LEAF: dict[str, Any] = {"prompt": "a leaf", "n": 12, "output": "leaf.png"}


def plan_first() -> RunContext:
    return RunContext(
        run_id="run", command="batch", provider=OPENAI, base_url="https://x/v1", if_exists=None, stdout=False
    )


def pending_ledger(folder: Path, *rows: dict[str, Any]) -> JournalState:
    """A journal in which *rows* are pending."""
    ledger = JournalState()
    for plan_ in plan_items(folder, *rows):
        identity = plan_.identity
        ledger.add(identity.new_entry("submitted", submission="s", batch="b", planned=planned_paths(plan_)))
    return ledger


def find_pending(folder: Path, row: dict[str, Any], ledger: JournalState) -> PendingItem | None:
    (plan,) = plan_rows(folder, row, ledger=ledger)
    pending = ledger.pending_entries(plan.identity.id)
    return build_pending_item(plan, pending[0], ledger, 7, folder / "m.jsonl") if pending else None


def test_a_row_that_is_not_pending_has_no_item(tmp_path: Path) -> None:
    ledger = pending_ledger(tmp_path, CAT)
    assert find_pending(tmp_path, CAT, JournalState()) is None
    (entry,) = ledger.pending()
    ledger.add(replace(entry, state="failed"))
    assert find_pending(tmp_path, CAT, ledger) is None


def test_a_response_is_finished_as_its_row_says(tmp_path: Path) -> None:
    item = find_pending(tmp_path, LEAF, pending_ledger(tmp_path, LEAF))
    assert item
    assert item.plan
    assert (item.plan.first_call, len(item.plan.call_sizes), item.missing_images) == (7, 2, 12)
    first, rest = (
        item.prepare(LineId(key=item.key, begin=begin, n=n), plan_first()) for begin, n in ((0, 10), (10, 2))
    )
    assert first
    assert rest
    assert [name.stem for name in first.names] == [f"leaf-{number}" for number in range(1, 11)]
    assert ([name.stem for name in rest.names], rest.request, rest.prompt) == (["leaf-11", "leaf-12"], 8, "a leaf")


@pytest.mark.parametrize(("begin", "n"), [(0, 11), (1, 10), (10, 3), (12, 1), (0, 0), (10**9 - 1, 1), (2, 2)])
def test_a_response_to_an_unknown_request_is_ignored(tmp_path: Path, begin: int, n: int) -> None:
    item = find_pending(tmp_path, LEAF, pending_ledger(tmp_path, LEAF))
    assert item
    assert item.prepare(LineId(key=item.key, begin=begin, n=n), plan_first()) is None


def test_images_of_an_earlier_row_are_saved_under_their_names_with_the_correct_extension(tmp_path: Path) -> None:
    item = find_pending(tmp_path, {**CAT, "prompt": "a dog"}, pending_ledger(tmp_path, CAT))
    assert item
    assert item.plan is None
    prepared = item.prepare(LineId(key=item.key, begin=0, n=1), plan_first())
    assert prepared
    (name,) = prepared.names
    assert (name.folder, name.stem, name.literal_format, prepared.prompt) == (tmp_path / "in", "cat", None, None)
    assert prepared.part
    assert prepared.part.planned == (("in/cat.png",),)
    assert item.prepare(LineId(key=item.key, begin=1, n=1), plan_first()) is None


def test_a_result_replaces_the_recorded_file_and_its_original(tmp_path: Path) -> None:
    ledger = pending_ledger(tmp_path, CAT)
    (entry,) = ledger.pending()
    old = FileRecord(path="in/cat.webp", sha256="a" * 64, bytes=1, planned="in/cat.png")
    received = FileRecord(path="in/cat.orig.png", sha256="b" * 64, bytes=1)
    ledger.add(replace(entry, state="saved", files=(old,), originals=(received,), run=0))
    ledger.add(replace(entry, run=1))
    for row in (CAT, {**CAT, "prompt": "a dog"}):
        item = find_pending(tmp_path, row, ledger)
        assert item
        prepared = item.prepare(LineId(key=item.key, begin=0, n=1), plan_first())
        assert prepared
        assert set(prepared.replaces) == {
            (tmp_path / "in" / "cat.webp", "a" * 64),
            (tmp_path / "in" / "cat.orig.png", "b" * 64),
        }


def test_stray_items_are_those_whose_row_was_removed(tmp_path: Path) -> None:
    ledger = pending_ledger(tmp_path, CAT, LEAF)
    assert [stray.entry.id for stray in find_stray_items(ledger, {"in/cat.png"}, tmp_path / "m.jsonl")] == [
        "leaf-1.png"
    ]


def test_an_entry_that_leads_outside_is_ignored(tmp_path: Path) -> None:
    """Names come from the journal, which may come from anybody: `entries` refuses such lines."""
    from imagecli.batch.journal.entry import entry_to_line, parse_entry

    (entry,) = pending_ledger(tmp_path, CAT).pending()
    assert parse_entry(entry_to_line(entry)) == entry
    for path in ("../cat.png", "/cat.png", "C:\\cat.png", ""):
        with pytest.raises(ValueError, match="planned"):
            parse_entry(entry_to_line(_with_path(entry, path)))


def _with_path(entry: JournalEntry, path: str) -> JournalEntry:
    return replace(entry, planned=((path,),))
