"""The architecture: imports go down five layers, and each third-party library stays in its folders. Read from the
source."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "imagecli"

LAYERS = (
    (
        "__init__",
        "errors",
        "choices",
        "formats",
        "quoting",
        "text_encoding",
        "suggestions",
        "money",
        "sizes",
        "serialization",
        "domain",
        "mask_shapes",
        "composition_options",
        "http_request",
        "loopback_server",
        "safe_open",
        "prepared_call",
        "creation_record",
        "request_options",
        "events",
        "env",
        "file_lock",
        "memory",
        "installation",
    ),
    ("catalog", "templates", "naming", "checks", "build_image_options", "results", "providers"),
    ("client", "images", "storage", "config", "sandbox"),
    ("plan_calls", "worker_pool", "pricing", "pipeline", "web", "history", "batch"),
    ("topics", "preview", "output", "commands", "cli", "process", "__main__"),
)
"""Layers from the bottom up. A unit (folder or top-level file) imports lower layers, and of its own layer the units
before it."""

EDGES = 2
"""The layer whose units do input and output, and do not import each other."""

LIBRARIES = {
    "typer": {"cli", "commands"},
    "rich": {"output"},
    "requests": {"client"},
    "urllib3": {"client"},
    "PIL": {"images", "preview", "sandbox"},
    "pi_heif": {"images"},
    "platformdirs": {"config"},
    "tomlkit": {"config"},
    "yaml": {"batch"},
}
"""Third-party library → the units that may import it."""

EXCEPTIONS: dict[tuple[str, str], str] = {}
"""(file, unit or library) → why it may be imported there."""

WORLD = {"env.py", "process.py", "__main__.py"}
"""The files that may use the variables and streams of the process; all others receive an Env."""


CIRCLES: set[tuple[str, ...]] = set()
"""Modules that import each other, until the cycle is removed; nothing may be added."""

FILES = sorted(PACKAGE.rglob("*.py"))


def file_named(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def unit_of(path: Path) -> str:
    """The unit of a file: its folder, or its own name at the top level."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


@cache
def imported(path: Path) -> frozenset[str]:
    """The full names that a file imports, also inside functions; relative imports are not used."""
    return frozenset(names_imported(path))


def names_imported(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file_named(path)}:{node.lineno}: a relative import"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def units_imported(path: Path) -> set[str]:
    rooms = {name.split(".")[1] for name in imported(path) if name.startswith("imagecli.")}
    return {room if known(room) else "__init__" for room in rooms} - {unit_of(path)}


def known(room: str) -> bool:
    return any(room in floor for floor in LAYERS)


def place(room: str) -> tuple[int, int]:
    """Layer and position in it."""
    return next((number, floor.index(room)) for number, floor in enumerate(LAYERS) if room in floor)


def allowed(path: Path, what: str) -> bool:
    return (str(path.relative_to(PACKAGE)), what) in EXCEPTIONS


def test_every_unit_is_in_a_layer() -> None:
    assert {unit_of(path) for path in FILES} == {room for floor in LAYERS for room in floor}


def test_imports_go_down() -> None:
    offenders = {file_named(path): rooms for path in FILES if (rooms := units_above(path))}
    assert not offenders


def units_above(path: Path) -> set[str]:
    """The units that a file imports although it must not."""
    here = place(unit_of(path))
    rooms = {room for room in units_imported(path) if not allowed(path, room)}
    beside = {room for room in rooms if here[0] == EDGES and place(room)[0] == EDGES}
    return {room for room in rooms if place(room) >= here} | beside


def test_a_third_party_library_is_imported_only_in_its_folders() -> None:
    offenders = {file_named(path): libraries for path in FILES if (libraries := libraries_astray(path))}
    assert not offenders


def libraries_astray(path: Path) -> set[str]:
    """The libraries that a file imports although it must not."""
    libraries = {name.split(".")[0] for name in imported(path)} - set(sys.stdlib_module_names) - {"imagecli"}
    return {name for name in libraries if unit_of(path) not in LIBRARIES[name] and not allowed(path, name)}


def test_every_file_has_a_docstring() -> None:
    silent = [file_named(path) for path in FILES if not ast.get_docstring(tree_of(path))]
    assert not silent


def test_process_state_is_read_through_env() -> None:
    inside = [path for path in FILES if not (path.name in WORLD and path.parent == PACKAGE)]
    offenders = {file_named(path): touched for path in inside if (touched := world_accesses(path))}
    assert not offenders


def world_accesses(path: Path) -> set[str]:
    """The variables and streams of the process that a file uses directly."""
    attributes = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    return attributes & {"os.environ", "os.getenv", "sys.stdin", "sys.stdout", "sys.stderr", "sys.argv"}


def test_no_modules_import_each_other() -> None:
    """Also inside functions, and for annotations alone."""
    assert circles_in({module_of(path): modules_imported(path) for path in FILES}) == CIRCLES


def test_circles_are_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"a", "f"}, "f": {"g"}, "g": {"e"}}
    assert circles_in(graph) == {("b", "c"), ("e", "f", "g")}


def module_of(path: Path) -> str:
    """Its name below the package; "" is the package itself."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip(".")


MODULES = {module_of(path) for path in FILES}


def modules_imported(path: Path) -> set[str]:
    """The modules of the package that a file imports in any way; for a folder, its `__init__.py`."""
    modules = set()
    for name in imported(path):
        if name == "imagecli" or name.startswith("imagecli."):
            name = name.removeprefix("imagecli").lstrip(".")
            modules.add(name if name in MODULES else name.rpartition(".")[0])
    return modules - {module_of(path)}


def circles_in(graph: dict[str, set[str]]) -> set[tuple[str, ...]]:
    """The strongly connected parts of *graph* that are more than one node."""
    reached = {node: everything_from(node, graph) for node in graph}
    parts = {tuple(sorted(other for other in graph[node] | reached[node] if node in reached[other])) for node in graph}
    return {part for part in parts if len(part) > 1}


def everything_from(node: str, graph: dict[str, set[str]]) -> set[str]:
    """All nodes that can be reached from *node*; itself only through a cycle."""
    modules: set[str] = set()
    open_ = [*graph[node]]
    while open_:
        one = open_.pop()
        if one not in modules:
            modules.add(one)
            open_ += graph[one]
    return modules


def test_a_public_name_is_defined_in_one_module() -> None:
    """So that a search for a function or class ends at one place."""
    modules: dict[str, set[str]] = {}
    for path in FILES:
        for name in public_names(path):
            modules.setdefault(name, set()).add(file_named(path))
    assert {name: files for name, files in modules.items() if len(files) > 1} == {}


def public_names(path: Path) -> list[str]:
    """The functions and classes that a file defines for other files."""
    definitions = [node for node in tree_of(path).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return [node.name for node in definitions if not node.name.startswith("_")]


def test_every_exception_is_still_needed() -> None:
    for (file, what), reason in EXCEPTIONS.items():
        path = PACKAGE / file
        assert reason
        assert what in units_imported(path) | {name.split(".")[0] for name in imported(path)}


VAGUE_WORDS = {"said", "told", "came", "asked", "meant", "heard"}
"""Words that fit anything: a variable or parameter is named after what it holds, `message` or `requested`."""
CALLABLE_PARAMETERS_AT_MOST = 8
LAMBDAS_AT_MOST = 15
"""Lower these with the code: results are returned, and few functions are passed around."""


def test_variables_are_named_after_what_they_hold() -> None:
    offenders = {file_named(path): names for path in FILES if (names := sorted(vague_names(path)))}
    assert not offenders


def vague_names(path: Path) -> set[str]:
    nodes = list(ast.walk(tree_of(path)))
    variables = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return (variables | {node.arg for node in nodes if isinstance(node, ast.arg)}) & VAGUE_WORDS


def test_control_flows_down() -> None:
    nodes = [node for path in FILES for node in ast.walk(tree_of(path))]
    annotations = [ast.unparse(node.annotation) for node in nodes if isinstance(node, ast.arg) and node.annotation]
    assert sum("Callable" in annotation for annotation in annotations) <= CALLABLE_PARAMETERS_AT_MOST
    assert sum(isinstance(node, ast.Lambda) for node in nodes) <= LAMBDAS_AT_MOST


POSITIONAL_FIELDS_AT_MOST = 5
PAINTER = PACKAGE / "sandbox" / "painter"
"""Its values are rows of numbers, which are read as rows."""


def test_a_large_named_tuple_is_created_with_keywords() -> None:
    """A NamedTuple can't demand them, and a value that lands in the wrong field may well be of the right type."""
    files = [path for path in FILES if not path.is_relative_to(PAINTER)]
    nodes = [(path, node) for path in files for node in ast.walk(tree_of(path))]
    large = {node.name for _, node in nodes if isinstance(node, ast.ClassDef) and is_large_named_tuple(node)}
    assert large
    calls = [(path, node) for path, node in nodes if isinstance(node, ast.Call) and node.args]
    assert not [
        f"{file_named(path)}:{call.lineno}"
        for path, call in calls
        if ast.unparse(call.func).rpartition(".")[2] in large
    ]


def is_large_named_tuple(node: ast.ClassDef) -> bool:
    fields = [statement for statement in node.body if isinstance(statement, ast.AnnAssign)]
    return "NamedTuple" in map(ast.unparse, node.bases) and len(fields) > POSITIONAL_FIELDS_AT_MOST
