"""D: the names of images: existing, too long, leading elsewhere, equal."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.client.raw import png
from tests.conftest import Result
from tests.faults.case import After, Before, Case, Place
from tests.faults.responses import OK, PNG
from tests.faults.running import COMMAND
from tests.faults.server import Act, Call, Lab

OLD = png(5, 5)
"""An image that was there before, or came there by another hand."""
LONG = "x" * 300
TO_CAT = ("-o", "cat.png")


def while_waiting(act: Callable[[Path], object]) -> tuple[Act]:
    """Something happens in the folder before the response comes."""

    def respond(call: Call) -> None:
        act(call.lab.folder)
        call.send(OK)

    return (respond,)


def names(*expected: str) -> After:
    """Exactly these are new, and stdout lists them in order."""

    def check(place: Place, lab: Lab, result: Result) -> None:
        assert [os.fsdecode(line) for line in result.raw_stdout.splitlines()] == list(expected)
        assert all((place.folder / name).is_file() for name in expected)

    return check


def another_command(call: Call) -> None:
    """While the first command waits, the same one runs in another process, and ends before it."""
    if call.lab.api.count("POST") == 1:
        typed = [*COMMAND, "generate", "a cat", "--base-url", call.lab.api.url + "/v1"]
        subprocess.run(typed, cwd=call.lab.folder, check=True, capture_output=True, timeout=30)
    call.send(OK)


def there(name: str) -> After:
    """Odd characters go into the name as they were typed."""

    def check(place: Place, lab: Lab, result: Result) -> None:
        assert (place.folder / name).is_file()

    return check


def both_exist(place: Place, lab: Lab, result: Result) -> None:
    assert result.stdout == "a-cat_2.png\n"
    assert (place.folder / "a-cat.png").read_bytes() == PNG


def old_is_intact(place: Place, lab: Lab, result: Result) -> None:
    assert result.stdout == "cat_2.png\n"
    assert (place.folder / "cat.png").read_bytes() == OLD


def nothing_outside(place: Place, lab: Lab, result: Result) -> None:
    """Every new file is below the folder."""
    assert not (place.folder.parent / "evil.png").exists()
    (path,) = result.paths
    assert place.folder.resolve() in path.resolve().parents


def link(name: str, to: str) -> Before:
    def before(place: Place) -> None:
        place.write_file("target.png", OLD)
        (place.folder / name).symlink_to(to)

    return before


def link_replaced(place: Place, lab: Lab, result: Result) -> None:
    assert not (place.folder / "cat.png").is_symlink()
    assert (place.folder / "cat.png").read_bytes() == PNG


def from_var(value: str, *argv: str, case: str) -> Case:
    """A name that is made of a value, as a manifest's column makes it."""
    return Case(id="D9", case=case, argv=("-o", "{name}.png", "--var", f"name={value}", *argv), after=nothing_outside)


CASES = (
    Case(
        id="D5",
        case="a name of ours",
        before=lambda place: place.write_file("a-cat.png", OLD),
        after=names("a-cat_2.png"),
    ),
    Case(id="D5", case="a literal name", argv=TO_CAT, before=lambda place: place.write_file("cat.png", OLD)),
    Case(
        id="D6",
        case="a file",
        posts=while_waiting(lambda folder: (folder / "cat.png").write_bytes(OLD)),
        argv=TO_CAT,
        after=old_is_intact,
    ),
    Case(
        id="D6",
        case="a folder",
        posts=while_waiting(lambda folder: (folder / "cat.png").mkdir()),
        argv=TO_CAT,
        after=names("cat_2.png"),
    ),
    Case(id="D7", case="a literal name", argv=("-o", LONG + ".png")),
    Case(id="D7", case="a literal name in wide letters", argv=("-o", "猫" * 100 + ".png")),
    Case(id="D7", case="a prompt", command=("generate", "猫" * 3000)),
    Case(id="D7", case="a value", argv=("-o", "{name}.png", "--var", f"name={LONG}")),
    Case(id="D8", case="two commands", posts=(another_command, OK), after=both_exist),
    from_var("../evil", case="up"),
    from_var("/tmp/evil", case="absolute"),
    from_var("CON", case="a device of Windows"),
    from_var("a:b", case="a colon"),
    from_var("dots...", case="dots at the end"),
    from_var("..", case="dots alone"),
    from_var("a\0b" if os.name == "nt" else "a\tb\nc", case="control characters"),
    Case(
        id="D10",
        case="a link, overwritten",
        argv=(*TO_CAT, "--if-exists", "overwrite"),
        before=link("cat.png", "target.png"),
        replaces=("cat.png",),
        after=link_replaced,
    ),
    Case(id="D10", case="a link to nothing", before=link("a-cat.png", "nothing"), after=names("a-cat_2.png")),
    Case(id="D10", case="a literal link", argv=TO_CAT, before=link("cat.png", "target.png")),
    *(
        Case(id="D11", case=case, argv=("-o", name), after=there(name))
        for case, name in {
            "a line break": "a\nb.png",
            "a tab": "a\tb.png",
            "an escape": "\x1b[31m.png",
            "an emoji": "🐈.png",
            "bytes that are no text": os.fsdecode(b"\xff\xfe.png"),
            "a dash first": "./-cat.png",
        }.items()
    ),
    Case(
        id="D12",
        case="large and small letters",
        argv=("-o", "{name}.png", "--var", "name=Cat", "--var", "name=cat"),
        after=names("Cat.png", "cat_2.png"),
    ),
    Case(
        id="D12",
        case="letters in two compositions",
        argv=("-o", "{name}.png", "--var", "name=\u00e4", "--var", "name=a\u0308"),
    ),
)
