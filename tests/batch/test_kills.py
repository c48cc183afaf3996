"""Runs of a manifest that are killed at random, on two machines whose folders are merged in between.

In the end every row has its image under its own name, `--check` reports what is there, nothing is left in the spool or
staged, and no row is paid for twice without a note. `IMAGECLI_KILLS=40 pytest -m nightly tests/batch/test_kills.py`
runs forty kills of each kind.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from imagecli.sandbox import painter
from imagecli.sandbox.sandbox import Options, Sandbox
from tests.batch.front import Front, FrontRequest, fronting
from tests.batch.serving import image_of, serving

ROWS = 12
NAMES = [f"{number}.png" for number in range(ROWS)]
LATENCY = 0.15
"""Seconds until a live request gets its response."""
SPEED = 1_000
"""A batch takes 0.6 s."""
MAX_LIFE = 1.6
"""Seconds after which a run is killed at the latest; it needs about this long."""
JOURNAL = "m.journal.jsonl"


@dataclass
class Machine:
    """A folder with the manifest, and its own settings and state."""

    home: Path
    command: list[str]
    texts: list[str] = field(default_factory=list)
    """What each run printed to stderr."""

    @property
    def folder(self) -> Path:
        return self.home / "work"

    @property
    def state(self) -> Path:
        return self.home / "state"

    def start(self, *more: str) -> subprocess.Popen[str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("OPENAI", "IMAGECLI"))}
        env = {"IMAGECLI_CONFIG_DIR": str(self.home / "config"), "IMAGECLI_STATE_DIR": str(self.state)}
        argv = [sys.executable, "-m", "imagecli", "batch", "m.jsonl", *self.command, *more]
        return subprocess.Popen(
            argv, cwd=self.folder, env=clean | env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self, *more: str, seconds: float | None = None, end: signal.Signals = signal.SIGKILL) -> tuple[int, str]:
        """Exit code and stdout of a run, which gets the signal *end* after so many *seconds*."""
        process = self.start(*more)
        try:
            stdout, stderr = process.communicate(timeout=seconds or 120)
        except subprocess.TimeoutExpired:
            process.send_signal(end)
            stdout, stderr = process.communicate(timeout=30)
        self.texts.append(stderr)
        assert "Traceback" not in stderr
        return process.returncode, stdout


def prompt_of(name: str) -> str:
    return f"a cat with the number {name.removesuffix('.png')}"


def machines(folder: Path, *command: str) -> list[Machine]:
    row = {"model": "gpt-image-1-mini", "quality": "low", "size": "1024x1024"}
    text = "".join(json.dumps({**row, "prompt": prompt_of(name), "output": name}) + "\n" for name in NAMES)
    found = [Machine(home=folder / name, command=list(command)) for name in ("here", "there")]
    for machine_ in found:
        machine_.folder.mkdir(parents=True)
        (machine_.folder / "m.jsonl").write_text(text)
    return found


def copy(source: Machine, target: Machine) -> None:
    """*target* gets the journal and the images of *source*, as by a checkout."""
    for path in source.folder.glob("*.png"):
        shutil.copy2(path, target.folder)
    for path in target.folder.glob("*.png"):
        if not (source.folder / path.name).exists():
            path.unlink()
    if (source.folder / JOURNAL).exists():
        shutil.copy2(source.folder / JOURNAL, target.folder)


def merge(first: Machine, second: Machine) -> None:
    """Both get the images of both, and a journal with the lines of both, as by a merge with `merge=union`."""
    lines: dict[str, None] = {}
    for machine_ in (first, second):
        if (machine_.folder / JOURNAL).exists():
            text = (machine_.folder / JOURNAL).read_text()
            # A torn line is committed as it is.
            lines |= dict.fromkeys(text.splitlines())
    for path in second.folder.glob("*.png"):
        if not (first.folder / path.name).exists():
            shutil.copy2(path, first.folder)
    if lines:
        (first.folder / JOURNAL).write_text("".join(line + "\n" for line in lines))
    copy(first, second)


def check_is_true(machine: Machine, images: dict[str, bytes]) -> list[str]:
    """The rows that `--check` reports as up to date: each has its image."""
    _, stdout = machine.run("--check")
    listed = {line.split()[-1] for line in stdout.splitlines()}
    there = [name for name in NAMES if name not in listed]
    for name in there:
        path = machine.folder / name
        assert path.is_file(), f"--check does not list {name}, which is missing"
        whose = [other for other, image in images.items() if image == path.read_bytes()]
        assert whose == [name], f"{name} is the image of {whose}"
    return there


def live_through(
    dice: random.Random, both: list[Machine], images: dict[str, bytes], kills: int, *, merges: float
) -> None:
    """Runs that are killed, with merges, copies and removed images between them; then complete runs, and the checks."""
    killed = 0
    while killed < kills:
        machine, other = dice.sample(both, 2)
        end = dice.choice([signal.SIGKILL] * 4 + [signal.SIGTERM, signal.SIGINT])
        code, _ = machine.run(seconds=dice.uniform(0.3, MAX_LIFE), end=end)
        killed += code in (-signal.SIGKILL, 130, 143)
        if dice.random() < 0.3:
            check_is_true(machine, images)
        # The other machine continues with what this one has committed.
        if dice.random() < merges:
            merge(*((machine, other) if dice.random() < 0.5 else (other, machine)))
        if code == 0 or dice.random() < 0.1:
            # A removed image gives the next runs something to do.
            for name in dice.sample(NAMES, 4):
                for machine_ in both:
                    (machine_.folder / name).unlink(missing_ok=True)
                    machine_.texts.append(f"removed {name}: it is requested before and again")
    for _ in range(3):
        for machine in both:
            code, _ = machine.run()
            merge(machine, *(machine_ for machine_ in both if machine_ is not machine))
    for machine in both:
        assert machine.run()[0] == 0, machine.texts[-1]
        assert machine.run("--check")[0] == 0
        assert check_is_true(machine, images) == NAMES
        assert not list(machine.folder.glob(".imagecli-*")), "a staged file is left"
        leftovers = [path for path in (machine.state / "spool").rglob("*") if path.is_file()]
        assert not leftovers, f"left in the spool: {leftovers}\n{machine.texts[-1]}"


def check_announced(requested: Counter[str], both: list[Machine]) -> None:
    """Every request for a row after its first was announced."""
    lines = [line for machine_ in both for text in machine_.texts for line in text.splitlines()]
    for name in NAMES:
        notes = [
            line
            for line in lines
            if re.search(r"twice|before|another run|removed", line)
            and (re.search(rf"\b{re.escape(name)}", line) or " more" in line or "rows" in line)
        ]
        assert requested[prompt_of(name)] <= 1 + len(notes), (
            f"{name}: {requested[prompt_of(name)]} paid requests, {notes}"
        )


@contextmanager
def batch_front() -> Iterator[Front]:
    with Sandbox(Options(speed=SPEED)) as sandbox, fronting(sandbox.base_url) as front:
        yield front


def submitted_prompts(front: Front) -> Counter[str]:
    """The prompts in all batches except those that were cancelled before anything was created."""
    prompts: Counter[str] = Counter()
    for job in front.batches:
        if job["status"] != "cancelled" or job["request_counts"]["completed"]:
            _, body = front.forwarded(FrontRequest("GET", f"/v1/files/{job['input_file_id']}/content", b""), {})
            prompts.update(json.loads(line)["body"]["prompt"] for line in body.splitlines())
    return prompts


def seeds() -> list[object]:
    kills = int(os.environ.get("IMAGECLI_KILLS", "8"))
    return [pytest.param(1, 3, id="short"), pytest.param(2, kills, id="long", marks=[pytest.mark.nightly])]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize(("seed", "kills"), seeds())
def test_killed_live_runs_on_two_machines_end_with_every_image(tmp_path: Path, seed: int, kills: int) -> None:
    seed = int(os.environ.get("IMAGECLI_SEED", seed))
    images = {name: _image_of(prompt_of(name)) for name in NAMES}
    with serving(latency=LATENCY) as server:
        both = machines(tmp_path, "--base-url", server.base_url, "-j", "3")
        # Without the other one's journal a machine can't know what was requested there.
        live_through(random.Random(seed), both, images, kills, merges=1.0)
        check_announced(Counter(server.prompts), both)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize(("seed", "kills"), seeds())
def test_killed_runs_of_the_batch_api_on_two_machines_end_with_every_image(
    tmp_path: Path, seed: int, kills: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = int(os.environ.get("IMAGECLI_SEED", seed))
    paint = painter.paint_image
    # A prompt's image is the same in every response, so it identifies its row.
    monkeypatch.setattr(painter, "paint_image", lambda job, index: paint(job, 0))
    with batch_front() as front:
        (reference, _) = machines(tmp_path / "reference", "--base-url", front.base_url, "--batch-api", "--wait")
        assert reference.run()[0] == 0
        images = {name: (reference.folder / name).read_bytes() for name in NAMES}
    with batch_front() as front:
        both = machines(tmp_path, "--base-url", front.base_url, "--batch-api", "--wait")
        live_through(random.Random(seed), both, images, kills, merges=0.5)
        check_announced(submitted_prompts(front), both)


def _image_of(prompt: str) -> bytes:
    """The image that the server of live requests returns for *prompt*."""
    body = image_of(prompt).partition(b"\r\n\r\n")[2]
    return base64.b64decode(json.loads(body)["data"][0]["b64_json"])
