"""What is asked → its line in a batch's input file. OpenAI API reference, batches, read 2026-11-22."""

from __future__ import annotations

import json

from imagecli.catalog import ProviderRow, in_batch
from imagecli.catalog.batches import LIVE_ONLY
from imagecli.domain import OPERATIONS, Ask
from imagecli.providers.fields import fields_of
from imagecli.providers.uploads import Uploads, as_json


def batch_line(custom_id: str, ask: Ask, uploads: Uploads, row: ProviderRow) -> bytes:
    """One line with its end, ASCII: its body is what a live request would send as JSON, without what streams.

    The pictures must have gone up before, and have a `file_id`. *row* has a Batch API that takes *ask*:
    `carried.check_carried` with the row of `catalog.in_batch` comes before.
    """
    assert row.batch is not None
    there = in_batch(row)
    fields = {name: value for name, value in fields_of(ask, there)[0].items() if name not in LIVE_ONLY}
    line = {
        "custom_id": custom_id,
        "method": "POST",
        "url": row.batch.endpoints[OPERATIONS[type(ask)]],
        "body": fields | (as_json(uploads, there) if uploads.images else {}),
    }
    return json.dumps(line).encode("ascii") + b"\n"
