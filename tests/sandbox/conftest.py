"""A running server for every test that uses one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from imagecli.sandbox.sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as server:
        yield server
