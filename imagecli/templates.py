"""Fills the fields in braces of prompts and of file name templates; `naming` makes the names safe.

The two differ on purpose. A prompt is the user's own text: only the variables they gave are replaced, and all other
braces are literal. In a name every brace has a meaning, and an unknown field is an error.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from itertools import product as cartesian
from typing import Final, NamedTuple

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
_ESCAPED: Final = re.compile(r"\{\{[^{}]*\}\}")
_MISSPELLED: Final = 0.8
"""A name in braces this similar to a variable's (0 to 1) is treated as a misspelling of it."""
_ZEROS: Final = re.compile(r"0(\d+)d?")


def fill_prompt(prompt: str, variables: Mapping[str, str]) -> str:
    """*prompt* with `{name}` replaced for every name of *variables*, and `{{text}}` by `{text}`; all other braces stay.

    Without variables nothing is replaced. Values are inserted verbatim: braces in them are not replaced.
    """
    if not variables:
        return prompt
    return _variable_pattern(tuple(variables)).sub(lambda match: match[1] or variables[match[2]], prompt)


@lru_cache(maxsize=256)
def _variable_pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """Matches `{{text}}`, and `{name}` for each of *names*."""
    return re.compile(rf"\{{(\{{[^{{}}]*\}})\}}|\{{({'|'.join(map(re.escape, names))})\}}")


def find_braces(prompt: str) -> tuple[str, ...]:
    """The texts in the braces of *prompt* that can be names of variables; not those in double braces."""
    return _find_braces(prompt) if "{" in prompt else ()


@lru_cache(maxsize=256)
def _find_braces(prompt: str) -> tuple[str, ...]:
    # Cached like the following, as a manifest has one template for thousands of prompts and names.
    return tuple(re.findall(r"\{([^{}]+)\}", _ESCAPED.sub("", prompt)))


def find_unset_names(prompt: str, variables: Collection[str]) -> list[str]:
    """The names in single braces of *prompt* that look like variables and have no value: `{animal}`, not `{"a": 1}`."""
    names = dict.fromkeys(find_braces(prompt))
    return [name for name in names if name.isidentifier() and name not in variables]


def check_placeholders(prompt: str, variables: Collection[str]) -> None:
    """Raises UsageError for a name in the braces of *prompt* that is close to one of *variables*: it is misspelled."""
    for text in find_braces(prompt) if variables else ():
        if text in variables:
            continue
        name = re.split(r"[.\[!]", text)[0].strip()  # {name.x} is another tool's form
        near = suggest(name.lower(), variables, cutoff=_MISSPELLED)
        if name.isidentifier() and near:
            raise UsageError(
                f"prompt: unknown variable {{{text}}}, expected {{{near}}}",
                hint=f"write {{{near}}}, or {{{{{text}}}}} for literal braces",
            )


class NamePart(NamedTuple):
    """A part of a filled name template."""

    text: str
    is_value: bool
    """It is the value of a field, and not the template's own text."""


def fill_name(template: str, fields: Mapping[str, str | int]) -> str:
    """*template* with every `{field}` or `{field:spec}` replaced, and `{{` and `}}` made single. Raises UsageError."""
    return "".join(part.text for part in fill_name_parts(template, fields))


def fill_name_parts(template: str, fields: Mapping[str, str | int]) -> list[NamePart]:
    """As `fill_name`, in parts, so that the values can be made safe and cut.

    Raises UsageError for an unknown field, a spec that does not fit its value, and a lone brace.
    """
    if not has_braces(template):
        return [NamePart(template, False)]
    parts = []
    for token in _tokens(template):
        if token["name"] is None:
            parts.append(NamePart(token[0][0] if token["escape"] else token[0], False))
            continue
        name = token["name"].strip()
        if name not in fields:
            raise _unknown_field_error(name, fields)
        parts.append(NamePart(_format_field(name, fields[name], token["spec"] or ""), True))
    return parts


def has_braces(template: str) -> bool:
    """Whether *template* needs to be filled. Most names don't, and a batch has thousands of them."""
    return "{" in template or "}" in template


def fields_in(template: str) -> frozenset[str]:
    """The names of the fields in *template*. Raises UsageError for a lone brace."""
    return _fields_in(template) if has_braces(template) else frozenset()


@lru_cache(maxsize=256)
def _fields_in(template: str) -> frozenset[str]:
    return frozenset(token["name"].strip() for token in _tokens(template) if token["name"] is not None)


def split_components(template: str) -> list[str]:
    """*template* split at its slashes into templates; a slash inside braces does not split."""
    return [*_split_components(template)] if has_braces(template) else template.split("/")


@lru_cache(maxsize=256)
def _split_components(template: str) -> tuple[str, ...]:
    components = [""]
    for token in _tokens(template):
        first, *rest = token[0].split("/") if token["name"] is None else [token[0]]
        components[-1] += first
        components.extend(rest)
    return tuple(components)


def combine_variables(variables: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Every combination of the values, in order; the last variable changes fastest. No variables give one `{}`."""
    if not variables:
        return [{}]
    return [dict(zip(variables, values, strict=True)) for values in cartesian(*variables.values())]


@lru_cache(maxsize=256)
def _tokens(template: str) -> tuple[re.Match[str], ...]:
    """The tokens of *template*. Raises UsageError."""
    tokens = tuple(_TOKEN.finditer(template))
    for token in tokens:
        if token[0] in ("{", "}"):
            raise UsageError(
                f"unmatched {token[0]!r} in name template {template!r}", hint="write {{ or }} for a literal brace"
            )
        if token["conversion"] is not None:
            raise UsageError(
                f"name template {template!r}: conversions such as {token[0]} are not supported",
                hint="write {" + token["name"] + "}",
            )
    return tokens


def _unknown_field_error(name: str, fields: Mapping[str, str | int]) -> UsageError:
    near = suggest(name, fields)
    placeholders = " ".join("{" + field + "}" for field in fields)
    return UsageError(
        f"unknown field {{{name}}} in an output name; available: {placeholders}",
        hint=f"did you mean {{{near}}}?" if near else f"define it with --var {name or 'NAME'}=VALUE",
    )


def _format_field(name: str, value: str | int, spec: str) -> str:
    """*value* formatted by *spec*. Text of digits, from a column or variable, is padded with zeros as a number is."""
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
        f"{{{name}:{spec}}}: invalid format {spec!r} for {kind}",
        hint=f"{{n:02}} pads a number, {{slug:.20}} shortens text; the maximum width is {MAX_WIDTH}",
    )
