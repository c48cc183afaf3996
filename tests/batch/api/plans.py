"""Plans of the rows of a manifest for these tests, as a first run makes them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from imagecli.batch.decisions import decide_item
from imagecli.batch.file_state import DiskState
from imagecli.batch.item_identity import ItemIdentifier
from imagecli.batch.item_plan import ItemPlan
from imagecli.batch.journal.state import JournalState
from imagecli.catalog.provider import for_batch_api
from tests.batch.manifests import ROWS, assets_of
from tests.batch.manifests import manifest as read

OPENAI = ROWS.provider("openai")


def plan_rows(folder: Path, *rows: dict[str, Any], ledger: JournalState | None = None) -> list[ItemPlan]:
    """The plan of each row."""
    manifest = read("".join(json.dumps(row) + "\n" for row in rows), folder=folder)
    items = assets_of(manifest, provider="openai").items
    identifier = ItemIdentifier(for_batch_api(OPENAI), OPENAI.base_url or "")
    return [
        ItemPlan(
            item=item,
            decision=decide_item(identifier.identify(item), ledger or JournalState(), DiskState(folder)),
            manifest=str(folder / "m.jsonl"),
            folder=folder,
            identifier=identifier,
        )
        for item in items
    ]


def plan_items(folder: Path, *rows: dict[str, Any]) -> list[ItemPlan]:
    """The plans of *rows*, their calls numbered."""
    plans: list[ItemPlan] = []
    for plan in plan_rows(folder, *rows):
        plans.append(replace(plan, first_call=sum(len(order.call_sizes) for order in plans)))
    return plans
