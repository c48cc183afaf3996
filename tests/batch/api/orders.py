"""Orders of a manifest for these tests, as a run makes them where nothing stands yet."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from imagecli.batch.file_state import Standing
from imagecli.batch.fingerprint import Digests
from imagecli.batch.journal.state import Ledger
from imagecli.batch.planner import decide
from imagecli.batch.work_item import Order, Purchase, wanted_of
from imagecli.catalog.provider import in_batch
from tests.batch.manifests import ROWS, assets_of
from tests.batch.manifests import manifest as read

OPENAI = ROWS.provider("openai")


def purchases(folder: Path, *rows: dict[str, Any], ledger: Ledger | None = None) -> list[Purchase]:
    """What becomes of each row."""
    manifest = read("".join(json.dumps(row) + "\n" for row in rows), folder=folder)
    items = assets_of(manifest, provider="openai").items
    found = []
    for item in items:
        wanted = wanted_of(item, in_batch(OPENAI), OPENAI.base_url or "", Digests())
        found.append(Purchase(item=item, wanted=wanted, decision=decide(wanted, ledger or Ledger(), Standing(folder))))
    return found


def orders(folder: Path, *rows: dict[str, Any]) -> list[Order]:
    made: list[Order] = []
    for purchase in purchases(folder, *rows):
        first = sum(order.count for order in made)
        order = Order(purchase=purchase, first=first, count=0, manifest=folder / "m.jsonl")
        made.append(replace(order, count=len(order.requests())))
    return made
