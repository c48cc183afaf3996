"""Every row of the table ends as `outcomes.toml` says: exit code, requests, files; no traceback, no key anywhere."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagecli.client import retry
from imagecli.storage import read
from tests.children import Children
from tests.conftest import Run, photo
from tests.faults import (
    addresses,
    bodies,
    disk,
    inputs,
    manifests,
    names,
    network,
    process,
    settings,
    statuses,
    streams,
)
from tests.faults.case import Case, Place
from tests.faults.checks import check_files, check_message, check_secrets, saved, snapshot, stays
from tests.faults.running import STRAY, environ_of, run
from tests.faults.server import lab

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TABLE: dict[str, dict[str, Any]] = tomllib.loads((HERE / "outcomes.toml").read_text("utf-8"))
MODULES = (network, statuses, bodies, addresses, streams, disk, names, inputs, process, settings, manifests)
CASES = tuple(case for module in MODULES for case in module.CASES)
ROWS = {"N": 32, "H": 23, "B": 22, "U": 21, "S": 12, "D": 15, "I": 18, "P": 16, "C": 11, "M": 15}


@pytest.fixture
def place(folder: Path, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The folders of a case, and no variables of the environment that change it."""
    monkeypatch.setattr(read, "NO_WRITER_SECONDS", 1.5)
    monkeypatch.setattr(retry, "FIRST_BACKOFF_SECONDS", 0.05)  # between the tries of a download
    for name in (*STRAY, *map(str.lower, STRAY)):
        monkeypatch.delenv(name, raising=False)
    place_ = Place(folder=folder, state=state, config=tmp_path / "config", home=tmp_path / "home")
    for own in (place_.home, place_.config):
        own.mkdir()
    return place_


def expected(case: Case) -> dict[str, Any]:
    """The row's outcome, with the differences of this case."""
    row = TABLE[case.id]
    return {"says": "", "stays": [], **row, **row.get("but", {}).get(case.case, {})}


def parameter(case: Case) -> Any:
    return pytest.param(case, id=f"{case.id} {case.case}", marks=[pytest.mark.slow] if case.slow else [])


@pytest.mark.parametrize("case", [parameter(case) for case in CASES])
def test_a_fault_ends_as_in_the_table(
    case: Case, place: Place, imagecli: Run, children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not case.needs():
        pytest.skip("this machine can't provoke it")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # ours here; a bomb is opened, and not decoded
    photo(place.folder / "photo.png")
    case.before(place)
    before = snapshot(*place.own)
    with lab(case.posts, case.gets, case.elsewhere, folder=place.folder, tls=case.tls) as servers:
        environ = environ_of(case, place, servers)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        ran = run(case, place, servers, imagecli, children, environ)
    want, result = expected(case), ran.result
    ended = (result.exit_code, servers.api.count("POST"), len(saved(case, place, before)), stays(place))
    assert ended == (want["exit"], want["posts"], want["files"], set(want["stays"])), result.stderr
    assert ran.seconds < case.seconds
    check_files(case, place, before)
    check_message(result, want["says"], redirected=bool(case.child and case.child.streams))
    check_secrets(result, servers, place, before)
    case.after(place, servers, result)


# --- the table itself ------------------------------------------------------------------------------------------------


def test_the_table_has_every_row() -> None:
    assert list(TABLE) == [f"{letter}{number}" for letter, count in ROWS.items() for number in range(1, count + 1)]


def test_every_row_is_provoked_here_or_covered_by_an_existing_test() -> None:
    provoked = {case.id for case in CASES}
    for name, row in TABLE.items():
        tests_ = row.get("held_by", [])
        assert name in provoked or tests_ or row.get("not_here"), name
        for place in tests_:
            file, _, test = place.partition("::")
            assert re.search(rf"^ *def {test}\(", (ROOT / file).read_text("utf-8"), re.M), place


def test_every_exception_of_the_table_is_a_case() -> None:
    ways = Counter((case.id, case.case) for case in CASES)
    assert set(ways.values()) == {1}
    assert {(name, case) for name, row in TABLE.items() for case in row.get("but", {})} <= set(ways)


def test_the_columns_of_an_outcome_agree() -> None:
    """Success keeps what was paid for, nothing paid leaves nothing, and what is rescued is somewhere."""
    for name, row in TABLE.items():
        for change in ({}, *row.get("but", {}).values()):
            end = {"posts": None, "stays": [], **row, **change}
            assert end["money"] in set("-1R?L"), name
            assert end["exit"] != 0 or end["money"] == ("-" if end["posts"] == 0 else "1"), (name, change)
            assert end["money"] != "-" or not (end["exit"] == 7 or end["stays"]), (name, change)
            assert end["money"] != "R" or end["stays"], (name, change)
            assert end["exit"] != 2 or end["money"] == "-", (name, change)
            assert end["exit"] != 7 or end["money"] in set("R?L"), (name, change)
