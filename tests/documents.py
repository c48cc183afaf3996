"""The documents for users: the READMEs and the topics of `imagecli help`, and the blocks in them that tests run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
README: Final = ROOT / "README.md"
CHINESE: Final = ROOT / ".github" / "README.zh-CN.md"
ACTION: Final = ROOT / ".github" / "actions" / "batch" / "README.md"
TOPICS: Final = ROOT / "imagecli" / "topics"
DOCUMENTS: Final = (README, CHINESE, ACTION, *sorted(TOPICS.glob("*.md")))


@dataclass(frozen=True)
class Block:
    """One fenced block of a document; *kind* is its info string, such as `sh` or `sh key`."""

    kind: str
    text: str


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a document, in order."""
    return [Block(*match) for match in re.findall(r"^```([a-z ]+)\n(.*?)^```$", path.read_text("utf-8"), re.S | re.M)]


def block(kind: str, first: str = "") -> str:
    """The one block of *kind* in all documents that begins with the line *first*."""
    (text,) = [
        candidate.text
        for path in DOCUMENTS
        for candidate in blocks(path)
        if candidate.kind == kind and candidate.text.startswith(first)
    ]
    return text


def between(path: Path, name: str) -> str:
    """What is between two comments of a document: `<!-- name -->` and `<!-- /name -->`."""
    return path.read_text("utf-8").partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->")[0]


def cells(path: Path, name: str) -> list[list[str]]:
    """The rows of the table between two comments, without its head."""
    rows = between(path, name).strip().splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]
