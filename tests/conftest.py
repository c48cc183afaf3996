"""The command as tests run it: the real `main` in a folder of its own, against the sandbox or a server of theirs."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from PIL import Image

from imagecli.cli import main
from imagecli.client import http_connection
from imagecli.env import Env
from imagecli.sandbox import painter
from imagecli.sandbox.image_job import DeliveryOptions, ImageJob
from imagecli.sandbox.painter.codec import PaintedImage
from imagecli.sandbox.sandbox import Options, Sandbox
from tests.browser import browser, open_page, page_problems
from tests.children import Children

__all__ = ["browser", "open_page", "page_problems"]
"""Fixtures for all tests."""

# The time an example takes depends on the machine, not on the program.
settings.register_profile("imagecli", deadline=None)
settings.load_profile("imagecli")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects nightly tests, unless -m or IMAGECLI_TEST_NIGHTLY=1 asks for them.

    A -m in addopts would be replaced by `-m "not slow"`.
    """
    if "nightly" not in config.option.markexpr and os.environ.get("IMAGECLI_TEST_NIGHTLY") != "1":
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("nightly")])
        items[:] = [item for item in items if not item.get_closest_marker("nightly")]


def pytest_xdist_auto_num_workers() -> int:
    """Two workers for each core: half of the time of many tests is spent waiting for a server, a process or a clock."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(8, 2 * cores)


CACHED_IMAGES = 16
CACHED_PIXELS = 1024 * 1024
"""Larger images are not cached: decoded, these take 3 MB each."""


@pytest.fixture(scope="session", autouse=True)
def images_painted_once() -> Iterator[None]:
    """Sandboxes in this process paint an image once: a megapixel takes 0.1 s, and most tests request the same cat."""
    painted: dict[str, PaintedImage] = {}
    paint = painter.paint_image

    def paint_once(job: ImageJob, index: int) -> PaintedImage:
        if job.images or job.size.pixels > CACHED_PIXELS:
            return paint(job, index)
        key = f"{index} {replace(job, n=1, delivery=DeliveryOptions())!r}"
        image = painted.get(key) or paint(job, index)
        painted[key] = image
        if len(painted) > CACHED_IMAGES:
            painted.pop(next(iter(painted)), None)
        return image

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(painter, "paint_image", paint_once)
        yield


NOW = datetime(2026, 11, 23, 14, 22, 33, tzinfo=UTC)


@dataclass(frozen=True)
class Result:
    """The outcome of one run of the command."""

    exit_code: int
    raw_stdout: bytes = field(repr=False)
    stderr: str

    @property
    def stdout(self) -> str:
        return self.raw_stdout.decode()

    @property
    def paths(self) -> list[Path]:
        return [Path(line) for line in self.stdout.splitlines()]

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


class Stream(io.TextIOWrapper):
    """A text stream over bytes that can pretend to be a terminal's."""

    def __init__(self, data: bytes = b"", *, tty: bool = False) -> None:
        self.raw_bytes = io.BytesIO(data)
        self._tty = tty
        super().__init__(self.raw_bytes, encoding="utf-8", write_through=True)

    def isatty(self) -> bool:
        return self._tty


Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that the command is typed in."""
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The folder in which the command keeps responses until their images are saved."""
    return tmp_path / "state"


@pytest.fixture
def imagecli(folder: Path, state: Path, tmp_path: Path) -> Run:
    """Runs the command line in *folder* and returns its outcome."""

    def run(
        *argv: object, stdin: bytes = b"", env: Mapping[str, str] | None = None, tty: tuple[str, ...] = ()
    ) -> Result:
        stdout, stderr = Stream(tty="stdout" in tty), Stream(tty="stderr" in tty)
        world = Env(
            stdin=Stream(stdin, tty="stdin" in tty),
            stdout=stdout,
            stderr=stderr,
            environ={
                "IMAGECLI_CONFIG_DIR": str(tmp_path / "config"),
                "IMAGECLI_STATE_DIR": str(state),
                "TMPDIR": str(tmp_path),
                **(env or {}),
            },
            now=lambda: NOW,
        )
        code = main([str(word) for word in argv], world)
        return Result(
            exit_code=code, raw_stdout=stdout.raw_bytes.getvalue(), stderr=stderr.raw_bytes.getvalue().decode()
        )

    return run


@pytest.fixture
def sandbox() -> Iterator[str]:
    """The base URL of a sandbox without limits."""
    with Sandbox(Options()) as server:
        yield server.base_url


@pytest.fixture
def quick_tls_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a disconnect, the probe whether the server speaks TLS has a short timeout."""
    monkeypatch.setattr(http_connection, "TLS_HANDSHAKE_SECONDS", 0.2)


@pytest.fixture
def children() -> Iterator[Children]:
    """Starts processes that end with the test."""
    started = Children()
    try:
        yield started
    finally:
        started.end()


def photo(path: Path, width: int = 320, height: int = 200, mode: str = "RGB", **save: Any) -> Path:
    """An image with a gradient on disk, so that crops and rotations can be distinguished."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    image.paste((200, 60, 40), (0, 0, width // 4, height // 4))
    image.convert(mode).save(path, **save)
    return path


def mask_for(path: Path, width: int, height: int, hole: tuple[int, int, int, int]) -> Path:
    """A mask of that size whose *hole* is transparent."""
    image = Image.new("RGBA", (width, height), (0, 0, 0, 255))
    image.paste((255, 255, 255, 0), hole)
    image.save(path)
    return path


def read_image(path: Path | str) -> Image.Image:
    """The decoded image at *path*, its file closed."""
    with Image.open(path) as image:
        image.load()
        return image
