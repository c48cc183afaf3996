"""How deep the calls of a command go: control flows down, and a debugger shows a stack that fits on a screen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import atexit, sys, threading
local = threading.local()
deepest = [0]
def is_own(code):
    name = code.co_filename
    # Functions only: flag 1 is a function's, and comprehensions are compiled as functions.
    return code.co_flags & 1 and "/imagecli/" in name and "/sandbox/" not in name and code.co_name[0] != "<"
def count(frame, event, argument):
    if event in ("call", "return") and is_own(frame.f_code):
        local.depth = getattr(local, "depth", 0) + (1 if event == "call" else -1)
        deepest[0] = max(deepest[0], local.depth)
def report():
    sys.setprofile(None)
    print(deepest[0], file=sys.stderr)
atexit.register(report)
threading.setprofile(count)
sys.setprofile(count)
from imagecli.__main__ import run
run()
"""
"""Runs the installed command's function and prints, last on stderr, the depth of the deepest stack of imagecli's
frames."""

BATCH = ("batch", "m.jsonl", "--provider", "sandbox")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("argv", "limit"),
    [
        (("generate", "a cat", "--provider", "sandbox"), 16),
        (BATCH, 16),
        ((*BATCH, "--batch-api", "--wait"), 20),
    ],
    ids=["generate", "batch", "batch api"],
)
def test_calls_are_not_deep(argv: tuple[str, ...], limit: int, tmp_path: Path) -> None:
    rows = [{"prompt": f"cat {number}", "output": f"{number}.png"} for number in (1, 2)]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "IMAGECLI_STATE_DIR": str(tmp_path / "state")}
    command = [sys.executable, "-c", PROGRAM, *argv]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    depth = int(done.stderr.splitlines()[-1])
    assert 8 < depth <= limit
