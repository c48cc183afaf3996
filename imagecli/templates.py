"""Fills the braces of prompts and of file names. Text in, text out; what makes a name safe is `naming`'s business.

The two differ on purpose. A prompt is the user's own text: only the variables they gave are replaced, every other
brace stays. A name is a template: every brace means something, and one that does not is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import product as cartesian
from typing import Final

from imagecli.errors import UsageError
from imagecli.suggestions import suggest

MAX_WIDTH: Final = 99
"""The widest a format spec may ask for, in characters."""

_TOKEN: Final = re.compile(
    r"(?P<escape>\{\{|\}\})|\{(?P<name>[^{}:!]*)(?:!(?P<conversion>[^{}:]*))?(?::(?P<spec>[^{}]*))?\}|[^{}]+|."
)
_SPEC: Final = re.compile(
    r"(?:.?[<>=^])?[-+ ]?#?0?(?P<width>\d*)[,_]?(?:\.(?P<precision>\d+))?[bcdeEfFgGnosxX%]?", re.S
)
_ZEROS: Final = re.compile(r"0(\d+)d?")


def fill_prompt(prompt: str, variables: Mapping[str, str]) -> str:
    """*prompt* with `{name}` replaced for every name of *variables*; all other braces stay as they are.

    Values are put in as they stand: a brace in one is not looked at again. `{name:02}` is no replacement.
    """
    if not variables:
        return prompt
    names = "|".join(re.escape(name) for name in variables)
    return re.sub(rf"\{{({names})\}}", lambda match: variables[match[1]], prompt)


def fill_name(template: str, fields: Mapping[str, str | int], *, clean: Callable[[str], str] = str) -> str:
    """*template* with every `{field}` or `{field:spec}` replaced and `{{`, `}}` made single.

    *clean* gets each value as it was formatted and returns what may stand in the name. Raises UsageError for a field
    that is not there, a spec that does not fit its value, and a lone brace.
    """

    def text(token: re.Match[str]) -> str:
        if token["name"] is None:
            return _literal(token)
        name = token["name"].strip()
        _check_known(name, fields)
        return clean(_format_field(name, fields[name], token["spec"] or ""))

    return "".join(text(token) for token in _tokens(template)) if has_braces(template) else template


def has_braces(template: str) -> bool:
    """Most names have none, and there are many of them."""
    return "{" in template or "}" in template


def fields_in(template: str) -> frozenset[str]:
    """The names that stand in braces. Raises UsageError for a lone brace."""
    if not has_braces(template):
        return frozenset()
    return frozenset(token["name"].strip() for token in _tokens(template) if token["name"] is not None)


@lru_cache(maxsize=256)
def split_components(template: str) -> tuple[str, ...]:
    """*template* cut at its own slashes, each piece a template again; a slash inside braces does not cut."""
    if not has_braces(template):
        return tuple(template.split("/"))
    pieces = [""]
    for token in _tokens(template):
        first, *rest = token[0].split("/") if token["name"] is None else [token[0]]
        pieces[-1] += first
        pieces.extend(rest)
    return tuple(pieces)


def combine_variables(variables: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Every combination of the values, in the order given, the last variable changing fastest. None give one `{}`."""
    return [dict(zip(variables, values, strict=True)) for values in cartesian(*variables.values())]


@lru_cache(maxsize=256)
def _tokens(template: str) -> tuple[re.Match[str], ...]:
    """What *template* consists of. A manifest has one for thousands of names, so a few are remembered."""
    tokens = tuple(_TOKEN.finditer(template))
    for token in tokens:
        if token[0] in ("{", "}"):
            raise UsageError(
                f"name template {template!r} has a lone {token[0]!r}", hint="{{ and }} stand for the braces themselves"
            )
        if token["conversion"] is not None:
            raise UsageError(
                f"name template {template!r}: {token[0]} has a conversion (!), which names don't take",
                hint="write {" + token["name"] + "}",
            )
    return tokens


def _literal(token: re.Match[str]) -> str:
    return token[0][0] if token["escape"] else token[0]


def _check_known(name: str, fields: Mapping[str, str | int]) -> None:
    if name in fields:
        return
    near = suggest(name, fields)
    known = " ".join("{" + field + "}" for field in fields)
    raise UsageError(
        f"a name can't have {{{name}}}; its fields are {known}",
        hint=f"did you mean {{{near}}}?" if near else f"--var {name or 'NAME'}=VALUE makes a field of your own",
    )


def _format_field(name: str, value: str | int, spec: str) -> str:
    """Digits that came as text (a column, a variable) are padded with zeros on the left, as a number is."""
    if not spec:
        return str(value)
    match = _SPEC.fullmatch(spec)
    widths = [int(width[:4]) for width in (match["width"], match["precision"]) if width] if match else []
    if not match or max(widths, default=0) > MAX_WIDTH:
        raise _bad_spec_error(name, value, spec)
    zeros = _ZEROS.fullmatch(spec)
    if zeros and isinstance(value, str) and value.isdecimal():
        return value.zfill(int(zeros[1]))
    try:
        return format(value, spec)
    except (ValueError, OverflowError) as error:
        raise _bad_spec_error(name, value, spec) from error


def _bad_spec_error(name: str, value: str | int, spec: str) -> UsageError:
    kind = "a number" if isinstance(value, int) else "text"
    return UsageError(
        f"{{{name}:{spec}}}: {kind} can't be written as {spec!r}",
        hint=f"{{n:02}} pads a number, {{slug:.20}} cuts text; at most {MAX_WIDTH} wide",
    )
