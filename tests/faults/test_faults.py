"""Every row of the table ends as `outcomes.toml` says: exit code, purchases, files; no traceback, no key anywhere."""

from __future__ import annotations

import io
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.conftest import Result, Run, photo
from tests.faults import addresses, bodies, network, statuses, streams
from tests.faults.case import Case
from tests.faults.server import Lab, lab

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TABLE: dict[str, dict[str, Any]] = tomllib.loads((HERE / "outcomes.toml").read_text("utf-8"))
CASES = (*network.CASES, *statuses.CASES, *bodies.CASES, *addresses.CASES, *streams.CASES)
KEY = "sk-CANARY-0123456789abcdef"
SECRETS = (KEY, "hunter2")
MANY_PIXELS = 100_000_000
"""More are not decoded here either."""
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
TRUE_ENDINGS = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "GIF": ".gif"}


def expected(case: Case) -> dict[str, Any]:
    """The row's outcome, with what this way of provoking it ends in differently."""
    row = TABLE[case.id]
    return {**row, **row.get("but", {}).get(case.case, {})}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id} {case.case}")
def test_a_fault_ends_as_the_table_says(
    case: Case, imagecli: Run, folder: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo(folder / "photo.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # ours here; a bomb is opened, and not decoded
    for name, value in case.env.items():
        monkeypatch.setenv(name, value)
    with lab(case.posts, case.gets, case.elsewhere) as servers:
        typed = (*case.command, *case.argv, "--base-url", case.base_url(servers))
        result = imagecli(*typed, env={"OPENAI_API_KEY": KEY})
    (folder / "photo.png").unlink()
    want = expected(case)
    saved = [path for path in folder.rglob("*") if path.suffix in {".png", ".jpg", ".webp", ".gif", ".svg"}]
    assert (result.exit_code, servers.api.count("POST"), len(saved)) == (want["exit"], want["posts"], want["files"])
    _check_pictures(saved)
    _check_words(result, want.get("says", ""))
    _check_secrets(result, servers, (folder, state))


def _check_pictures(saved: list[Path]) -> None:
    """Whole, and what their names say; a pixel bomb by its header."""
    for path in saved:
        with Image.open(io.BytesIO(path.read_bytes()), formats=list(TRUE_ENDINGS)) as image:
            assert path.suffix == TRUE_ENDINGS[image.format or ""]
            if image.width * image.height < MANY_PIXELS:
                image.load()


def _check_words(result: Result, says: str) -> None:
    assert "Traceback" not in result.stderr + result.stdout
    assert "this is a bug" not in result.stderr + result.stdout
    assert says in result.stderr + result.stdout
    assert not UNSAFE.search(result.stderr.replace("\n", ""))
    assert len(result.stderr) < 4000


def _check_secrets(result: Result, servers: Lab, folders: tuple[Path, ...]) -> None:
    """The key went to the API alone, and nothing secret is in any stream or file."""
    kept = [path.read_bytes() for place in folders for path in place.rglob("*") if path.is_file()]
    for secret in SECRETS:
        assert secret not in result.stderr + result.stdout
    assert not [data for data in kept if KEY.encode() in data]
    strangers = (*servers.results.calls, *servers.elsewhere.calls)
    assert not [call for call in strangers if KEY.encode() in call or b"\nX-Evil" in call]


# --- the table itself ------------------------------------------------------------------------------------------------


def test_every_row_is_provoked_here_or_held_by_a_test_that_exists() -> None:
    provoked = {case.id for case in CASES}
    for name, row in TABLE.items():
        held = row.get("held_by", [])
        assert name in provoked or held or row.get("not_yet"), name
        for place in held:
            file, _, test = place.partition("::")
            assert re.search(rf"^def {test}\(", (ROOT / file).read_text("utf-8"), re.M), place


def test_every_exception_of_the_table_is_a_way_of_provoking_it() -> None:
    ways = {(case.id, case.case) for case in CASES}
    assert len(ways) == len(CASES)
    assert {(name, case) for name, row in TABLE.items() for case in row.get("but", {})} <= ways
