"""The history of the test's state folder, as the commands read it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from imagecli.history.database import open_history
from imagecli.history.query import HistoryImage, list_images

ReadHistory = Callable[[], list[HistoryImage]]


@pytest.fixture
def read_history(state: Path) -> ReadHistory:
    """Reads all images, the oldest first."""

    def read() -> list[HistoryImage]:
        with open_history(state) as (connection, _):
            return list_images(connection)[::-1]

    return read
