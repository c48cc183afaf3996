"""Every promise of the README names, in CONTRIBUTING.md, tests that check it; those tests exist and run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
README, SECTION = (
    (ROOT / name).read_text("utf-8").partition("\n## Promises\n")[2].partition("\n## ")[0]
    for name in ("README.md", "CONTRIBUTING.md")
)
PROMISES = re.findall(r"^\d+\. \*\*(.+?)\*\*(.*(?:\n   .*)*)", SECTION, re.M)
TEST = r"`(tests/[\w/]+\.py)::(test_\w+)`"


def test_the_promises_are_numbered_from_one() -> None:
    assert re.findall(r"^(\d+)\. ", SECTION, re.M) == [str(number) for number in range(1, len(PROMISES) + 1)]
    assert len(PROMISES) == 10


def test_readme_has_the_same_promises() -> None:
    promises = re.findall(r"^\d+\. \*\*(.+?)\*\*(.*)", README, re.M)
    for (short, rest), (name, _) in zip(promises, PROMISES, strict=True):
        assert name.rstrip(".").startswith(short.rstrip(".")), (short, rest)


@pytest.mark.parametrize(("promise", "text"), PROMISES, ids=[name for name, _ in PROMISES])
def test_a_promise_names_tests_that_exist(promise: str, text: str) -> None:
    named = re.findall(TEST, text)
    assert named
    assert text.count("`tests/") == len(named)
    for file, test in named:
        assert re.search(rf"^ *def {test}\(", (ROOT / file).read_text("utf-8"), re.M), test


def test_the_tests_that_are_named_are_collected(request: pytest.FixtureRequest) -> None:
    named = {f"{file}::{test}" for _, text in PROMISES for file, test in re.findall(TEST, text)}
    # Where all tests run, none is left; where some do, pytest collects the others.
    named -= {item.nodeid.partition("[")[0] for item in request.session.items}
    if not named:
        return
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", *sorted(named)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    assert {line.partition("[")[0] for line in done.stdout.splitlines() if "::" in line} == named
