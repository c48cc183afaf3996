"""Phrases that a native reader has to translate back do not appear in what users read."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import DOCUMENTS, ROOT

PACKAGE = ROOT / "imagecli"
PROGRAMS = (*sorted(PACKAGE.rglob("*.py")), *sorted((ROOT / ".github" / "actions" / "batch").glob("*.py")))
TEXTS = (*DOCUMENTS, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / ".github/actions/batch/action.yml")

PHRASES = {
    "what came": "what was received",
    "(is|are) told": "imagecli prints",
    "it is said": "imagecli prints a note",
    "hand(s|ed|ing)? in": "submit",
    "stands? there": "exists",
    "(is|are) no (?!longer)": "isn't a, unknown, invalid",
    "nobody says": "unknown",
    "(bought|buys?|dearer)": "created, costs, more expensive",
    "pictures?": "image",
    "mend(s|ed)?": "fix",
    "rehearsals?": "dry run",
}
"""Phrase → what a technical writer says instead (language.md)."""

CONTRACTS = {"bought", "not_handed_in", "handed_in"}
"""JSON keys, states and codes that stay: scripts rely on them."""


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
    prose = re.sub(r"`[^`]*`|\.pictures/", "`…`", text)
    return [found[0] for phrase in PHRASES for found in re.finditer(rf"\b{phrase}\b", prose, re.I)]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_text_of_a_program_has_to_be_translated_back(path: Path) -> None:
    texts = [(line, text) for line, text in literals(path) if text not in CONTRACTS]
    assert not [(line, text, found) for line, text in texts if (found := objections(text))]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_document_has_to_be_translated_back(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.S | re.M)
    assert not [(line, found) for line in text.splitlines() if (found := objections(line))]


@pytest.mark.parametrize("name", ["models.toml", "providers.toml"])
def test_no_note_of_the_catalogue_has_to_be_translated_back(name: str) -> None:
    rows = tomllib.loads((PACKAGE / "catalog" / name).read_text("utf-8"))
    assert not [text for text in strings(rows) if objections(text)]


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


@pytest.mark.parametrize(
    "text", ["it was bought", "a.txt is no image", "What came is kept", "rows are handed in", "two pictures"]
)
def test_the_phrases_are_found(text: str) -> None:
    assert objections(text)


@pytest.mark.parametrize("text", ["it is no longer available", "the JSON state `bought`", "handling input", "buyer"])
def test_other_words_are_not(text: str) -> None:
    assert not objections(text)
