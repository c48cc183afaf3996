"""Does the model take each parameter that was set, and the value it was set to?"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Final

from imagecli.catalog import OPTIONAL, ModelRow
from imagecli.checks.flags import LENT, OWN_FIELDS, flag_of
from imagecli.domain import Ask, Edit, Rendering, Svg
from imagecli.errors import UsageError
from imagecli.events import Warned
from imagecli.formats import ENDINGS


def check_parameters(ask: Ask, row: ModelRow, others: Iterable[ModelRow]) -> Iterator[Warned]:
    """A warning for each parameter, and each word, of which no document says whether *row* takes it.

    Raises UsageError for one that it does not take and for a value that it does not, with the nearest that it does,
    or one of the *others* that takes it.
    """
    look = ask.rendering
    if look.n < 1:
        raise UsageError(f"-n {look.n}: at least 1 picture is wanted", hint="-n 1")
    for key, _ in look.params:
        _check_further(key, look, row)
    given = {name: value for name in OPTIONAL if (value := getattr(look, name)) is not None}
    if isinstance(ask, Edit) and ask.markup:
        given["markup"] = ask.markup
    for name, value in given.items():
        _check_taken(name, value, row, others)
        _check_word(name, value, row, others)
        _check_range(name, value, row)
        word = _word(value)
        if not row.surely(name, word):
            said = flag_of(name, value) if name in row.unstated else f"{flag_of(name, value)} {word}"
            said += f": no document says that {row.name} takes it; it is sent as you asked"
            taker = first_living(other for other in others if other.surely(name, word) and _takes(other, name, word))
            yield Warned(code="unstated", message=f"{said}; -m {taker} takes it" if taker else said)


def _check_further(key: str, look: Rendering, row: ModelRow) -> None:
    """A field of --param that has a flag goes only where the row lends it, and in place of the flag."""
    if key not in OWN_FIELDS:
        return
    if not (row.lends_fields and key in LENT):
        raise UsageError(f"--param {key}: imagecli sets that itself", hint=OWN_FIELDS[key])
    if getattr(look, key) is not None:
        raise UsageError(f"--param {key}: {flag_of(key)} says it too", hint="leave one of them out")


def _check_taken(name: str, value: object, row: ModelRow, others: Iterable[ModelRow]) -> None:
    if name in row.parameters:
        return
    flag = flag_of(name, value)
    taker = first_living(other for other in others if other.surely(name, _word(value)))
    hint = f"leave {flag} out, or name another model with -m"
    if name == "response_format":
        hint = "leave --response-format out: this model always answers with base64, and imagecli saves either"
    elif taker:
        hint = f"leave {flag} out; -m {taker} takes it"
    raise UsageError(f"{flag}: {row.name} does not take it", hint=hint)


def _check_word(name: str, value: object, row: ModelRow, others: Iterable[ModelRow]) -> None:
    allowed, word = row.allowed(name), _word(value)
    if _takes(row, name, word):
        return
    flag, near = flag_of(name, value), _nearest(str(word), allowed)
    taker = first_living(other for other in others if word in other.allowed(name) and other.surely(name, word))
    hint = f"{flag} {near}; -m {taker} takes {word}" if taker else f"{flag} {near}"
    raise UsageError(f"{flag} {word}: {row.name} takes {', '.join(allowed)}", hint=hint)


def _word(value: object) -> str | None:
    """The word of a value that may be one of a few; None where it holds none."""
    said = value.effort if isinstance(value, Svg) else value
    return said if isinstance(said, str) else None


def _takes(row: ModelRow, name: str, word: str | None) -> bool:
    return word is None or not row.allowed(name) or word in row.allowed(name)


def _check_range(name: str, value: object, row: ModelRow) -> None:
    if name not in row.ranges or not isinstance(value, int):
        return
    low, high = row.ranges[name]
    if not low <= value <= high:
        flag = flag_of(name)
        raise UsageError(
            f"{flag} {value}: {row.name} takes {low:,} to {high:,}", hint=f"{flag} {min(max(value, low), high)}"
        )


def first_living(rows: Iterable[ModelRow]) -> str | None:
    """The first model that goes on living."""
    return next((row.name for row in rows if row.shutdown is None), None)


def _nearest(value: str, allowed: tuple[str, ...]) -> str:
    """The word of *allowed* that was meant: `jpeg` for JPG, `high` for hd."""
    word = ENDINGS.get(value.lower(), value.lower())
    if _ALIKE.get(word) in allowed:
        return _ALIKE[word]
    return next(iter(difflib.get_close_matches(word, allowed, n=1)), allowed[0])


_ALIKE: Final = {"hd": "high", "standard": "medium", "high": "hd", "medium": "standard", "low": "standard"}
"""Words of some models' quality → those of others."""
