"""The name that a user probably meant by one that does not exist."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

CUTOFF = 0.6
"""Names less alike than this (0 to 1) are not suggested."""


def suggest(word: str, names: Iterable[str], *, cutoff: float = CUTOFF) -> str | None:
    """The one of *names* that is most like *word*, or None if none is alike."""
    return next(iter(suggest_all(word, names, cutoff=cutoff)), None)


def suggest_all(word: str, names: Iterable[str], *, cutoff: float = CUTOFF) -> list[str]:
    """Up to three of *names* that are like *word*, the most alike first."""
    # Here: only a command that fails needs it.
    import difflib

    return difflib.get_close_matches(word, list(names), n=3, cutoff=cutoff)


def join_alternatives(words: Sequence[str]) -> str:
    """`a, b or c`, for a hint."""
    return " or ".join([*([", ".join(words[:-1])] if words[1:] else []), *words[-1:]])


def unknown_name_hint(name: str, names: Iterable[str]) -> str:
    """A hint for an unknown *name*: the one of *names* that is most like it, or all of them."""
    possible = list(names)
    near = suggest(name, possible)
    return f"did you mean {near}?" if near else f"available: {', '.join(possible)}"
