"""A sandbox that completes a batch immediately, behind a proxy that can hide this; and the command run there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from imagecli.batch.api import duplicates
from imagecli.sandbox.fault_injection import Failure
from imagecli.sandbox.sandbox import Options, Sandbox
from tests.batch.front import Front, fronting
from tests.conftest import Result, Run

SOON = 20_000
"""A batch takes 30 ms, and its files exist for two minutes."""
PROMPTS = ("a cat", "an owl", "a fox")
SMALL = {"model": "gpt-image-1-mini", "quality": "low", "size": "1024x1024"}

Batch = Callable[..., Result]


@contextmanager
def server(*failures: str, speed: float = SOON) -> Iterator[Front]:
    """A sandbox behind a proxy."""
    failures_ = tuple(Failure.parse(failure) for failure in failures)
    with Sandbox(Options(speed=speed, failures=failures_)) as sandbox, fronting(sandbox.base_url) as front:
        front.skip_time = lambda: skip_ten_minutes(sandbox)
        yield front


def skip_ten_minutes(sandbox: Sandbox) -> None:
    """Sets the sandbox's clock forward, so that its batches end: how long they can be cancelled is up to the test."""
    assert sandbox._server
    clock = sandbox._server.app._clock
    clock._started -= clock.real_seconds(600)


@pytest.fixture(autouse=True)
def listed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new batch is listed without a delay; in processes that a test starts it is delayed."""
    monkeypatch.setattr(duplicates, "SETTLE_SECONDS", 0.0)


@pytest.fixture
def front() -> Iterator[Front]:
    with server() as running:
        yield running


@pytest.fixture
def batch(imagecli: Run, front: Front) -> Batch:
    """Runs `imagecli batch assets.jsonl --batch-api` for *front*, or another server; *settled*: waits until batches are
    done."""

    def run(*arguments: str, at: Front = front, of: str = "assets.jsonl", settled: bool = True, **more: Any) -> Result:
        result = imagecli("batch", of, "--batch-api", "--base-url", at.base_url, *arguments, **more)
        if settled:
            at.settle()
        return result

    return run


def manifest(folder: Path, *rows: dict[str, Any], name: str = "assets.jsonl") -> Path:
    """A manifest of *rows*, or of PROMPTS, each with a file of its own."""
    rows_ = rows or tuple(row(prompt) for prompt in PROMPTS)
    path = folder / name
    path.write_text("".join(json.dumps({**SMALL, **failure}) + "\n" for failure in rows_))
    return path


def row(prompt: str, **more: Any) -> dict[str, Any]:
    """A row with a file named after its prompt's last word."""
    return {"prompt": prompt, "output": f"{prompt.split()[-1]}.png", **more}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def journal(folder: Path, name: str = "assets") -> list[dict[str, Any]]:
    path = folder / f"{name}.journal.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def states(folder: Path) -> list[str]:
    return [entry["state"] for entry in journal(folder)]


def images_in(folder: Path) -> list[str]:
    """The images in *folder*."""
    return sorted(path.name for path in folder.iterdir() if path.suffix in (".png", ".webp", ".jpg", ".svg", ".gif"))
