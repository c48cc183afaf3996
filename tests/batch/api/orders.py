"""Orders of a manifest for these tests, as a run makes them where nothing stands yet."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from imagecli.batch.file_state import DiskState
from imagecli.batch.fingerprint import FileDigests
from imagecli.batch.journal.state import JournalState
from imagecli.batch.planner import decide_item
from imagecli.batch.work_item import ItemPlan, WorkItem, to_planned_item
from imagecli.catalog.provider import for_batch_api
from tests.batch.manifests import ROWS, assets_of
from tests.batch.manifests import manifest as read

OPENAI = ROWS.provider("openai")


def purchases(folder: Path, *rows: dict[str, Any], ledger: JournalState | None = None) -> list[ItemPlan]:
    """What becomes of each row."""
    manifest = read("".join(json.dumps(row) + "\n" for row in rows), folder=folder)
    items = assets_of(manifest, provider="openai").items
    found = []
    for item in items:
        wanted = to_planned_item(item, for_batch_api(OPENAI), OPENAI.base_url or "", FileDigests())
        found.append(
            ItemPlan(
                item=item, planned=wanted, decision=decide_item(wanted, ledger or JournalState(), DiskState(folder))
            )
        )
    return found


def orders(folder: Path, *rows: dict[str, Any]) -> list[WorkItem]:
    made: list[WorkItem] = []
    for purchase in purchases(folder, *rows):
        first = sum(order.count for order in made)
        order = WorkItem(plan=purchase, first=first, count=0, manifest=folder / "m.jsonl")
        made.append(replace(order, count=len(order.calls())))
    return made
