"""Runs of `batch` in a process of their own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def environ(state: Path, tmp_path: Path) -> dict[str, str]:
    """The variables of a process that keeps its responses where the `imagecli` fixture does."""
    own = {"IMAGECLI_CONFIG_DIR": str(tmp_path / "config"), "IMAGECLI_STATE_DIR": str(state)}
    return {**{name: value for name, value in os.environ.items() if "API_KEY" not in name}, **own}
