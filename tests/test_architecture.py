"""The house: imports go down, an outside library stays in its rooms, files stay small. Read from the source."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "imagecli"

FLOORS = (
    (
        "__init__",
        "errors",
        "choices",
        "formats",
        "quoting",
        "money",
        "sizes",
        "domain",
        "exchange",
        "events",
        "env",
        "safe_open",
    ),
    ("catalog", "templates", "naming", "checks", "rendering", "pricing", "outcome", "providers"),
    ("api", "pictures", "store", "config", "sandbox"),
    ("plan", "slots", "schedule", "spending", "run", "batch"),
    ("report", "completing", "options", "grouping", "commands", "cli", "process", "__main__"),
)
"""Rooms from the ground up. A room imports lower floors, and of its own floor what stands before it here."""

EDGES = 2
"""The floor whose rooms touch the world, and do not know each other."""

LIBRARIES = {
    "typer": {"cli", "completing", "options", "grouping", "commands"},
    "rich": {"report"},
    "requests": {"api"},
    "urllib3": {"api"},
    "PIL": {"pictures", "sandbox"},
    "pi_heif": {"pictures"},
    "platformdirs": {"config"},
    "tomlkit": {"config"},
    "yaml": {"batch"},
}
"""Outside library → the rooms it lives in."""

EXCEPTIONS: dict[tuple[str, str], str] = {}
"""(file, room or library) → why it may be imported there all the same."""

WORLD = {"env.py", "process.py", "__main__.py"}
"""The files that may touch the variables and streams of the process; everything else is handed an Env."""

MAX_LINES = 250
SHAPELESS = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core"}

FILES = sorted(PACKAGE.rglob("*.py"))
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))


def room_of(path: Path) -> str:
    """The room a file belongs to: its folder, or its own name at the top."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """The full names of what a file imports, also inside functions; relative imports are not our habit."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: a relative import"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_imported(path: Path) -> set[str]:
    rooms = {name.split(".")[1] for name in imported(path) if name.startswith("imagecli.")}
    return {room if known(room) else "__init__" for room in rooms} - {room_of(path)}


def known(room: str) -> bool:
    return any(room in floor for floor in FLOORS)


def place(room: str) -> tuple[int, int]:
    """Floor and position on it."""
    return next((number, floor.index(room)) for number, floor in enumerate(FLOORS) if room in floor)


def allowed(path: Path, what: str) -> bool:
    return (str(path.relative_to(PACKAGE)), what) in EXCEPTIONS


def test_every_room_stands_on_a_floor() -> None:
    assert {room_of(path) for path in FILES} == {room for floor in FLOORS for room in floor}


@each_file
def test_imports_go_down(path: Path) -> None:
    here = place(room_of(path))
    above = {room for room in rooms_imported(path) if place(room) >= here and not allowed(path, room)}
    if here[0] == EDGES:
        above |= {room for room in rooms_imported(path) if place(room)[0] == EDGES and not allowed(path, room)}
    assert not above


@each_file
def test_an_outside_library_stays_in_its_rooms(path: Path) -> None:
    libraries = {name.split(".")[0] for name in imported(path)} - set(sys.stdlib_module_names) - {"imagecli"}
    assert not {name for name in libraries if room_of(path) not in LIBRARIES[name] and not allowed(path, name)}


@each_file
def test_a_file_stays_small_and_is_named_for_its_idea(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MAX_LINES
    assert path.stem not in SHAPELESS
    assert path.parent.name not in SHAPELESS


@each_file
def test_a_file_says_what_it_owns(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


@each_file
def test_the_world_comes_in_through_env(path: Path) -> None:
    if path.name in WORLD and path.parent == PACKAGE:
        return
    touched = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    assert not touched & {"os.environ", "os.getenv", "sys.stdin", "sys.stdout", "sys.stderr", "sys.argv"}


def test_every_exception_is_still_needed() -> None:
    for (file, what), reason in EXCEPTIONS.items():
        path = PACKAGE / file
        assert reason
        assert what in rooms_imported(path) | {name.split(".")[0] for name in imported(path)}
