"""Removes entries from the history, so that nothing of them is left in its files. Images stay."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from imagecli.history.database import damaged_databases, execute_when_free, write_transaction
from imagecli.history.query import HistoryFilter, filter_conditions


def remove_entries(connection: sqlite3.Connection, state_dir: Path, before: datetime | None) -> None:
    """Removes all requests and images, or those from *before* a time. Raises sqlite3.Error, OSError.

    Without a time, databases that were set aside are deleted too.
    """
    conditions, values = filter_conditions(HistoryFilter(until=before))
    with write_transaction(connection):
        connection.execute(f"DELETE FROM requests WHERE {conditions}", values)
    # Otherwise removed prompts stay readable in unused pages, and in the log.
    execute_when_free(connection, "VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if before is None:
        for path in damaged_databases(state_dir):
            with suppress(FileNotFoundError):
                path.unlink()
