"""Fixtures of the tests of the documented examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batch.serving import Server, serving
from tests.conftest import photo
from tests.github.readme import MANIFEST


@pytest.fixture
def assets(folder: Path) -> Path:
    """The current folder, with the manifest and its input."""
    (folder / "assets.toml").write_text(MANIFEST)
    photo(folder / "photo.jpg")
    return folder


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running
