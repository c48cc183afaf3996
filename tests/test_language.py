"""Phrases and words that a native reader has to translate back appear neither in what users read nor in the code."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import DOCUMENTS, ROOT

PACKAGE = ROOT / "imagecli"
CATALOG = PACKAGE / "catalog"
PROGRAMS = (
    *sorted({*PACKAGE.rglob("*.py")} - {CATALOG / "tables.py"}),  # the notes in it are tested below
    *sorted((ROOT / ".github" / "actions" / "batch").glob("*.py")),
)
TEXTS = (*DOCUMENTS, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md")

PHRASES = {
    "what came": "what was received",
    "(is|are) told": "imagecli prints",
    "it is said": "imagecli prints a note",
    "hand(s|ed|ing)? in": "submit",
    "stands? there": "exists",
    "(?<!there )(is|are) no (?!longer)": "isn't a, unknown, invalid",
    "nobody says": "unknown",
    "(bought|buys?|dearer)": "created, costs, more expensive",
    "pictures?": "image",
    "mend(s|ed)?": "fix",
    "rehearsals?": "dry run",
}
"""Phrase → what a technical writer says instead (language.md)."""

CODE = (*sorted(PACKAGE.rglob("*.py")), *sorted((ROOT / "tests").rglob("*.py")))
VAGUE_NAMES = {
    "picture": "image",
    "pictures": "images",
    "colour": "color",
    "said": "message, output",
    "told": "reported, message",
    "came": "received",
    "heard": "events, requests",
    "bought": "created, saved",
    "purchase": "request",
    "nobody": "a passive sentence",
    "mended": "fixed",
}
"""Word in a name → what an engineer calls it."""
KEYS_OF_ROWS = {"picture"}
"""Names of fields that are keys of the catalog, which users' files have too."""
VAGUE_PROSE = re.compile(
    r"\b(pictures?|colours?|bought|dearer|purchases?|nobody|handed in|stands there|it is said)\b", re.I
)


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """The texts in a program, without docstrings: line and text."""
    tree = ast.parse(path.read_text("utf-8"))
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def objections(text: str) -> list[str]:
    """The phrases in *text*, without code between backquotes."""
    prose = re.sub(r"`[^`]*`", "`…`", text)
    return [match[0] for phrase in PHRASES for match in re.finditer(rf"\b{phrase}\b", prose, re.I)]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_text_of_a_program_has_to_be_translated_back(path: Path) -> None:
    # A single word is a key, a state or a code, which scripts rely on.
    texts = [(line, text) for line, text in literals(path) if " " in text.strip()]
    assert not [(line, text, phrases) for line, text in texts if (phrases := objections(text))]


def names_and_docstrings(path: Path) -> Iterator[tuple[str, str]]:
    """Each name that a file defines, and each docstring without code between backquotes."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                yield "name", name
            case ast.Name(id=name, ctx=ast.Store()):
                yield "name", name
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield "docstring", re.sub(r"`[^`]*`", "`…`", text)


def vague_words(kind: str, text: str) -> set[str]:
    """The words in a name or docstring that say too little, or are not the field's own."""
    if kind == "docstring":
        return {match[0] for match in VAGUE_PROSE.finditer(text)}
    if text in KEYS_OF_ROWS:
        return set()
    return VAGUE_NAMES.keys() & set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text).lower()))


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_names_and_docstrings_use_the_terms_of_the_field(path: Path) -> None:
    assert not [(text, words) for kind, text in names_and_docstrings(path) if (words := vague_words(kind, text))]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("name", "PICTURE_BYTES"),
        ("name", "test_what_came_is_kept"),
        ("name", "TellsOfColour"),
        ("docstring", "A Picture."),
    ],
)
def test_vague_words_are_found(kind: str, text: str) -> None:
    assert vague_words(kind, text)


@pytest.mark.parametrize("text", ["camera", "unsaid", "images", "becames"])
def test_similar_names_are_accepted(text: str) -> None:
    assert not vague_words("name", text)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_document_has_to_be_translated_back(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.S | re.M)
    assert not [(line, phrases) for line in text.splitlines() if (phrases := objections(line))]


@pytest.mark.parametrize("name", ["models.toml", "providers.toml"])
def test_no_note_of_the_catalogue_has_to_be_translated_back(name: str) -> None:
    rows = tomllib.loads((PACKAGE / "catalog" / name).read_text("utf-8"))
    notes = [
        note for kind in rows.values() if isinstance(kind, dict) for row in kind.values() for note in notes_of(row)
    ]
    assert not [note for note in notes if objections(note)]


def notes_of(row: object) -> list[str]:
    return row.get("notes", []) if isinstance(row, dict) else []


@pytest.mark.parametrize(
    "text", ["it was bought", "a.txt is no image", "What came is kept", "rows are handed in", "two pictures"]
)
def test_the_phrases_are_found(text: str) -> None:
    assert objections(text)


@pytest.mark.parametrize("text", ["it is no longer available", "the JSON state `bought`", "handling input", "buyer"])
def test_other_words_are_not(text: str) -> None:
    assert not objections(text)
