"""D: the disk for images: before paying, while waiting, behind stdout. Their names are in names.py."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.conftest import Result
from tests.faults.case import Case, Child, Place
from tests.faults.names import OLD, names, while_waiting
from tests.faults.responses import PNG, images_response, large
from tests.faults.running import SMALL_DISK, can_mount, powerless, rights_hold
from tests.faults.server import Lab


def is_rescued(place: Place, lab: Lab, result: Result) -> None:
    """The paid image is complete, and the user is told where it is."""
    (rescued,) = (place.state / "rescued").iterdir()
    assert str(rescued) in result.stderr
    assert rescued.read_bytes() == PNG


def file_for_folder(folder: Path) -> None:
    (folder / "out").rmdir()
    (folder / "out").write_bytes(OLD)


def nothing_in_shm(place: Place, lab: Lab, result: Result) -> None:
    assert not list(Path("/dev/shm").glob(".imagecli*"))


def pipe(place: Place) -> None:
    os.mkfifo(place.folder / "pipe.png")


READ_ONLY_DISK = tuple(word.replace("-o size", "-o ro,size") for word in SMALL_DISK)
READ_ONLY = Child(shell="chmod 555 there", by=powerless())
CASES = (
    Case(
        id="D1",
        case="a file may not be as large",
        posts=images_response(large),
        child=Child(shell="ulimit -f 4000"),
    ),
    Case(
        id="D1",
        case="a file may hardly be as large",
        posts=images_response(lambda: large(2450)),
        child=Child(shell="ulimit -f 34000"),
    ),
    Case(
        id="D1",
        case="an answer is larger than any file may be",
        posts=images_response(lambda: large(3700)),
        slow=True,
        child=Child(shell="ulimit -f 70000"),
    ),
    Case(
        id="D1",
        case="a disk of 17 MB",
        posts=images_response(lambda: large(2450)),
        argv=("-o", "small/"),
        before=lambda place: (place.folder / "small").mkdir(),
        slow=True,
        child=Child(by=(*SMALL_DISK, "17m", "small")),
        needs=can_mount,
    ),
    Case(
        id="D1",
        case="a full disk",
        argv=("-o", "small/"),
        before=lambda place: (place.folder / "small").mkdir(),
        child=Child(by=(*SMALL_DISK, "1m", "small")),
        needs=can_mount,
    ),
    Case(
        id="D2",
        case="no right to write",
        argv=("-o", "there/"),
        before=lambda place: (place.folder / "there").mkdir(),
        child=READ_ONLY,
        needs=rights_hold,
    ),
    Case(
        id="D2",
        case="a read-only disk",
        argv=("-o", "small/"),
        before=lambda place: (place.folder / "small").mkdir(),
        child=Child(by=(*READ_ONLY_DISK, "1m", "small")),
        needs=can_mount,
    ),
    Case(id="D3", case="missing", argv=("-o", "deep/er/cat.png"), after=names("deep/er/cat.png")),
    Case(id="D4", case="a folder", argv=("-o", "cat.png"), before=lambda place: (place.folder / "cat.png").mkdir()),
    Case(id="D4", case="below a file", argv=("-o", "old/cat.png"), before=lambda place: place.write_file("old", OLD)),
    Case(id="D13", case="a device", argv=("-o", "/dev/full")),
    Case(id="D13", case="a pipe", argv=("-o", "pipe.png"), before=pipe),
    Case(id="D13", case="a full stdout", argv=("-o", "-"), child=Child(streams=">/dev/full")),
    Case(id="D13", case="paths to a full stdout", child=Child(streams=">/dev/full")),
    Case(
        id="D14",
        case="removed while waiting",
        posts=while_waiting(lambda folder: shutil.rmtree(folder / "out")),
        argv=("-o", "out/"),
        after=is_rescued,
    ),
    Case(
        id="D14",
        case="a file where it was",
        posts=while_waiting(file_for_folder),
        argv=("-o", "out/"),
        after=is_rescued,
    ),
    Case(id="D15", case="TMPDIR elsewhere", env={"TMPDIR": "/dev/shm"}, after=nothing_in_shm),
)
