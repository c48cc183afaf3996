"""The topics of `imagecli help`: one Markdown file each, which the man pages include too."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FOLDER = Path(__file__).parent

TOPICS: Final = (
    "quickstart",
    "models",
    "masks",
    "names",
    "history",
    "scripts",
    "json",
    "exit-codes",
    "cost",
    "batch",
    "batch-api",
    "ci",
    "scale",
    "sandbox",
    "settings",
    "providers",
    "privacy",
    "provenance",
    "agents",
    "troubleshooting",
)
"""In the order of `imagecli help`."""


def list_topics() -> dict[str, str]:
    """Topic → its title."""
    return {name: read_topic(name).partition("\n")[0].removeprefix("# ") for name in TOPICS}


def read_topic(name: str) -> str:
    """The Markdown of a topic."""
    return (_FOLDER / f"{name}.md").read_text("utf-8")
