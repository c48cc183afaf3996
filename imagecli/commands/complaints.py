"""Typer's complaints in our words: what was typed, what was wanted, and the option that was perhaps meant."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from imagecli.commands.foreign import REPLACEMENTS

_ALIKE = 0.65
"""Options begin alike, with two dashes: only what stands behind these counts."""


def instead_of(option: str) -> str | None:
    """What says here what *option* says elsewhere, also where it is written with `_`."""
    return REPLACEMENTS.get(option) or REPLACEMENTS.get(option.replace("_", "-"))


def meant(option: str, possible: Collection[str]) -> list[str]:
    """Those of the *possible* options that are like *option*, most alike first."""
    word = option.strip("-").replace("_", "-")
    names = {name.strip("-"): name for name in possible}
    return [names[name] for name in difflib.get_close_matches(word, names, cutoff=_ALIKE)]


def command_meant(word: str, names: Collection[str]) -> str | None:
    """The command that *word* begins, or is a slip of."""
    begun = [name for name in names if len(word) > 1 and name.startswith(word)]
    return next(iter([*begun, *difflib.get_close_matches(word, names, n=1)]), None)


def in_our_words(message: str) -> str:
    """Typer's *message* without its words for types."""
    for theirs, ours in _TYPES.items():
        message = message.replace(f"is not a valid {theirs}", ours)
    return message.rstrip(".")


_TYPES = {
    "int range": "is no whole number",
    "int": "is no whole number",
    "integer": "is no whole number",
    "float range": "is no number",
    "float": "is no number",
}
