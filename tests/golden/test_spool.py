"""Spool entries that commands of 48b1051 left when they were killed: `recover` saves what is in them.

Each folder holds an entry, what stood in the output folder (`before`), and what is expected, written once from
48b1051; don't regenerate that. No class or function of the program is named here: all goes through `main`.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.client.raw import http, png, raw_server
from tests.conftest import Run

GOLDEN = Path(__file__).parent.parent / "data" / "golden" / "spool"
ENTRIES = sorted(path for path in GOLDEN.iterdir() if path.is_dir())
ROOT = "/srv/pictures"
"""Where the commands ran: NAME/work under it, as their descriptions say from the root."""


def lay_out(golden: Path, folder: Path, state: Path, base_url: str) -> None:
    """The entry as if the command had run in *folder*, and its server were the one that answers now."""
    spool = state / "spool"
    spool.mkdir(parents=True, mode=0o700)
    if (golden / "before").is_dir():
        shutil.copytree(golden / "before", folder, dirs_exist_ok=True)
    for path in golden.glob("*-*.*"):
        data = path.read_bytes()
        if path.suffix == ".json":
            assert data.count(f"{ROOT}/".encode()) >= 1
            data = re.sub(rf"{ROOT}/[\w-]+/work".encode(), str(folder).encode(), data)
        if b"http://127.0.0.1:" in data:
            data = re.sub(rb"http://127\.0\.0\.1:\d+", base_url.removesuffix("/v1").encode(), data)
        (spool / path.name).write_bytes(data)


def describe_files(folder: Path, like: dict[str, Any]) -> dict[str, Any]:
    """Each file's hash; or format and size for files of *like* that have these, because another encoder writes other
    bytes."""
    descriptions: dict[str, Any] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if isinstance(like.get(name), list):
            with Image.open(path) as image:
                descriptions[name] = [image.format, *image.size]
        else:
            descriptions[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return descriptions


def recover(golden: Path, imagecli: Run, folder: Path, state: Path, like: dict[str, Any]) -> dict[str, Any]:
    """The output and the results of `recover`."""
    with raw_server(http("200 OK", png(64, 64, "red")), http("200 OK", png(64, 64, "red"))) as server:
        lay_out(golden, folder, state, server.base_url)
        listed = imagecli("recover", "--list", "--json").json["left"]
        result = imagecli("recover", "--json")
    return {
        "listed": [entry["state"] for entry in listed],
        "exit_code": result.exit_code,
        "saved": sorted(Path(image["path"]).relative_to(folder).as_posix() for image in result.json["images"]),
        "errors": [error["code"] for error in result.json["errors"]],
        "warnings": [warning["code"] for warning in result.json["warnings"]],
        "files": describe_files(folder, like),
        "left": sorted(path.suffix for path in (state / "spool").rglob("*-*")),
    }


@pytest.mark.parametrize("golden", ENTRIES, ids=lambda path: path.name)
def test_an_entry_of_an_earlier_imagecli_is_saved(golden: Path, imagecli: Run, folder: Path, state: Path) -> None:
    expected = json.loads((golden / "expected.json").read_text("utf-8"))
    assert recover(golden, imagecli, folder, state, expected["files"]) == expected
