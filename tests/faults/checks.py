"""Checks after every fault: files are complete with the correct extension, nothing was replaced, no secret is
anywhere."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

from PIL import Image

from imagecli.storage.read import file_sha256
from tests.conftest import Result
from tests.faults.case import Case, Place
from tests.faults.running import KEY
from tests.faults.server import Lab

SECRETS = (KEY, "hunter2", base64.b64encode(b"me:hunter2").decode())
"""None of them is ever shown."""
MANY_PIXELS = 100_000_000
"""More are not decoded here either."""
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
TRUE_ENDINGS = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "GIF": ".gif", "AVIF": ".avif"}
IMAGES = {*TRUE_ENDINGS.values(), ".svg"}

LARGE_BYTES = 1_000_000
"""Of larger files the digest is kept: a spooled response can be half a gigabyte."""

Snapshot = dict[Path, bytes | str]
"""Files with their bytes or their digest, links with where they lead."""


def snapshot(*folders: Path) -> Snapshot:
    """The content of *folders*."""
    entries: Snapshot = {}
    for path in sorted(path for folder in folders for path in folder.rglob("*")):
        if path.is_symlink():
            entries[path] = str(path.readlink())
        elif path.is_file():
            entries[path] = path.read_bytes() if path.stat().st_size <= LARGE_BYTES else file_sha256(path)
    return entries


def saved(case: Case, place: Place, before: Snapshot) -> list[Path]:
    """The saved images."""
    there = {path for path in before if path.name not in case.replaces}
    return [path for path in snapshot(place.folder) if path not in there and path.suffix in IMAGES]


def stays(place: Place) -> set[str]:
    """What is kept beside images under their final names."""
    spools = (place.state, place.folder)
    responses = [path for folder in spools for path in folder.rglob("*.body") if path.stat().st_size]
    paths_by_kind = {
        "response": responses,
        "request": [] if responses else [path for folder in spools for path in folder.rglob("*.sent")],
        "rescued": [*(place.state / "rescued").rglob("*.*"), *place.folder.rglob("*.damaged.*")],
        "original": list(place.folder.rglob("*.orig.*")),
    }
    return {name for name, paths in paths_by_kind.items() if paths}


def check_files(case: Case, place: Place, before: Snapshot) -> None:
    """Images are whole and what their names say (a pixel bomb by its header); what was there is as it was."""
    now = snapshot(*place.own)
    for path in saved(case, place, before):
        with Image.open(io.BytesIO(path.read_bytes()), formats=list(TRUE_ENDINGS)) as image:
            assert path.suffix == TRUE_ENDINGS[image.format or ""]
            if image.width * image.height < MANY_PIXELS:
                image.load()
    unchanged = {path: data for path, data in before.items() if path.name not in case.replaces}
    assert {path: now.get(path) for path in unchanged} == unchanged
    assert not [path for folder in (place.folder, place.state) for path in folder.rglob("*.part")]


def check_message(result: Result, message: str, *, redirected: bool) -> None:
    """*redirected*: the output can't be captured."""
    output = _shown(result)
    for word in ("Traceback", "this is a bug", "Exception ignored"):
        assert word not in output
    assert message in output
    if 0 < result.exit_code < 128 and result.exit_code != 10 and not redirected:
        assert re.search("^imagecli: error: .", result.stderr, re.M)
        # An API's refusal and an empty input have no hint.
        assert result.exit_code == 4 or "is empty" in output or re.search("^hint: .", result.stderr, re.M)
    assert not UNSAFE.search(result.stderr.replace("\n", ""))
    assert len(result.stderr) < 4000


def check_secrets(result: Result, servers: Lab, place: Place, before: Snapshot) -> None:
    """The key is sent with every paid request and with nothing else; nothing secret is in any stream or file."""
    for secret in SECRETS:
        assert secret not in _shown(result)
    keepers = {*before, place.config / "credentials.toml"}
    paths = [path for folder in (*place.own, place.state) for path in folder.rglob("*") if path not in keepers]
    assert not [path for path in paths if _holds_key(path)]
    everyone = [*servers.api.calls, *servers.results.calls, *servers.elsewhere.calls]
    for call in everyone:
        head = call.partition(b"\r\n\r\n")[0].lower()
        assert b"\nx-evil" not in head
        if call.startswith(b"POST "):
            assert head.count(f"\r\nauthorization: bearer {KEY}".lower().encode()) == 1
        else:
            assert b"\r\nauthorization:" not in head
            assert KEY.lower().encode() not in call.lower()
    assert not [call for call in (*servers.results.calls, *servers.elsewhere.calls) if call.startswith(b"POST ")]


def _shown(result: Result) -> str:
    return result.raw_stdout.decode("utf-8", "replace") + result.stderr


def _holds_key(path: Path) -> bool:
    """Whether the key is in a file, or in where a link leads."""
    if path.is_symlink():
        return KEY in str(path.readlink())
    if not path.is_file():
        return False
    key, before = KEY.encode(), b""
    with path.open("rb") as file:
        while piece := file.read(LARGE_BYTES):
            if key in before + piece:
                return True
            before = piece[-len(key) :]
    return False
