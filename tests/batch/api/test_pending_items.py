"""What is away: which answer is whose, and under which names it is kept where its row says something else by now."""

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
from tests.batch.api.orders import OPENAI, orders, purchases

CAT: dict[str, Any] = {"prompt": "a cat", "output": "in/cat.png"}
LEAF: dict[str, Any] = {"prompt": "a leaf", "n": 12, "output": "leaf.png"}


def errand() -> RunContext:
    return RunContext(
        run_id="run", command="batch", provider=OPENAI, base_url="https://x/v1", if_exists=None, stdout=False
    )


def away(folder: Path, *rows: dict[str, Any]) -> JournalState:
    """A journal that says that *rows* are."""
    ledger = JournalState()
    for order in orders(folder, *rows):
        wanted = order.identity
        ledger.add(wanted.new_entry("submitted", submission="s", batch="b", planned=planned_paths(order)))
    return ledger


def slip(folder: Path, row: dict[str, Any], ledger: JournalState) -> PendingItem | None:
    (purchase,) = purchases(folder, row, ledger=ledger)
    pending = ledger.pending_entries(purchase.identity.id)
    return build_pending_item(purchase, pending[0], ledger, 7, folder / "m.jsonl") if pending else None


def test_what_is_not_away_has_none(tmp_path: Path) -> None:
    ledger = away(tmp_path, CAT)
    assert slip(tmp_path, CAT, JournalState()) is None
    (entry,) = ledger.pending()
    ledger.add(replace(entry, state="failed"))
    assert slip(tmp_path, CAT, ledger) is None


def test_a_response_is_finished_as_its_row_says(tmp_path: Path) -> None:
    found = slip(tmp_path, LEAF, away(tmp_path, LEAF))
    assert found
    assert found.plan
    assert (found.plan.first_call, len(found.plan.requests()), found.missing_images) == (7, 2, 12)
    first, rest = (found.prepare(LineId(key=found.key, begin=begin, n=n), errand()) for begin, n in ((0, 10), (10, 2)))
    assert first
    assert rest
    assert [name.stem for name in first.names] == [f"leaf-{number}" for number in range(1, 11)]
    assert ([name.stem for name in rest.names], rest.request, rest.prompt) == (["leaf-11", "leaf-12"], 8, "a leaf")


@pytest.mark.parametrize(("begin", "n"), [(0, 11), (1, 10), (10, 3), (12, 1), (0, 0), (10**9 - 1, 1), (2, 2)])
def test_a_response_to_what_was_never_asked_is_none(tmp_path: Path, begin: int, n: int) -> None:
    found = slip(tmp_path, LEAF, away(tmp_path, LEAF))
    assert found
    assert found.prepare(LineId(key=found.key, begin=begin, n=n), errand()) is None


def test_of_an_earlier_row_images_are_kept_under_their_names_with_whatever_ending_is_true(tmp_path: Path) -> None:
    found = slip(tmp_path, {**CAT, "prompt": "a dog"}, away(tmp_path, CAT))
    assert found
    assert found.plan is None
    prepared = found.prepare(LineId(key=found.key, begin=0, n=1), errand())
    assert prepared
    (name,) = prepared.names
    assert (name.folder, name.stem, name.literal_format, prepared.prompt) == (tmp_path / "in", "cat", None, None)
    assert prepared.part
    assert prepared.part.planned == (("in/cat.png",),)
    assert found.prepare(LineId(key=found.key, begin=1, n=1), errand()) is None


def test_what_comes_replaces_what_the_journal_knows_there_and_what_came_beside_it(tmp_path: Path) -> None:
    ledger = away(tmp_path, CAT)
    (entry,) = ledger.pending()
    old = FileRecord(path="in/cat.webp", sha256="a" * 64, bytes=1, planned="in/cat.png")
    came = FileRecord(path="in/cat.orig.png", sha256="b" * 64, bytes=1)
    ledger.add(replace(entry, state="saved", files=(old,), originals=(came,), run=0))
    ledger.add(replace(entry, run=1))
    for row in (CAT, {**CAT, "prompt": "a dog"}):
        found = slip(tmp_path, row, ledger)
        assert found
        prepared = found.prepare(LineId(key=found.key, begin=0, n=1), errand())
        assert prepared
        assert set(prepared.replaces) == {
            (tmp_path / "in" / "cat.webp", "a" * 64),
            (tmp_path / "in" / "cat.orig.png", "b" * 64),
        }


def test_strays_are_those_whose_row_is_gone(tmp_path: Path) -> None:
    ledger = away(tmp_path, CAT, LEAF)
    assert [one.entry.id for one in find_stray_items(ledger, {"in/cat.png"}, tmp_path / "m.jsonl")] == ["leaf-1.png"]


def test_an_entry_that_leads_elsewhere_is_no_entry_at_all(tmp_path: Path) -> None:
    """Names come from the journal, which may come from anybody: `entries` refuses such lines."""
    from imagecli.batch.journal.entry import entry_to_line, parse_entry

    (entry,) = away(tmp_path, CAT).pending()
    assert parse_entry(entry_to_line(entry)) == entry
    for path in ("../cat.png", "/cat.png", "C:\\cat.png", ""):
        with pytest.raises(ValueError, match="planned"):
            parse_entry(entry_to_line(_with_path(entry, path)))


def _with_path(entry: JournalEntry, path: str) -> JournalEntry:
    return replace(entry, planned=((path,),))
