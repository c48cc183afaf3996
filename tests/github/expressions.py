"""GitHub's expressions, as far as this repository's action and README's workflow use them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Contexts = Mapping[str, Any]
Functions = Mapping[str, Callable[..., Any]]

TOKEN = re.compile(r"\s*(?:'((?:[^']|'')*)'|(&&|\|\||==|!=|[!(),])|([A-Za-z_][\w.-]*))")


def filled(text: object, contexts: Contexts, functions: Functions) -> str:
    """*text* with every `${{ … }}` replaced by its value."""
    return re.sub(r"\$\{\{(.*?)\}\}", lambda match: to_text(evaluated(match[1], contexts, functions)), str(text))


def to_text(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def evaluated(text: str, contexts: Contexts, functions: Functions) -> Any:
    """The value of an expression. A name that is not in *contexts* fails at its first part: it is not allowed there."""
    reader = _Reader(text, contexts, functions)
    value = reader.either()
    assert reader.next() is None, f"{text!r} goes on behind its end"
    return value


class _Reader:
    def __init__(self, text: str, contexts: Contexts, functions: Functions) -> None:
        self._contexts, self._functions = contexts, functions
        self._tokens = []
        position = 0
        while text[position:].strip():
            match = TOKEN.match(text, position)
            assert match, f"{text[position:]!r} is no expression"
            self._tokens.append((match[1], match[2], match[3]))
            position = match.end()

    def next(self) -> str | None:
        """The operator or name that comes next; empty before a text."""
        return (self._tokens[0][1] or self._tokens[0][2] or "") if self._tokens else None

    def either(self) -> Any:
        value = self._both()
        while self.next() == "||":
            self._tokens.pop(0)
            other = self._both()
            value = value or other
        return value

    def _both(self) -> Any:
        value = self._equal()
        while self.next() == "&&":
            self._tokens.pop(0)
            other = self._equal()
            value = value and other
        return value

    def _equal(self) -> Any:
        value = self._one()
        while (operator := self.next()) in ("==", "!="):
            self._tokens.pop(0)
            other = self._one()
            value = (to_text(value).lower() == to_text(other).lower()) is (operator == "==")
        return value

    def _one(self) -> Any:
        text, operator, name = self._tokens.pop(0)
        if operator == "!":
            return not self._one()
        if operator == "(":
            value = self.either()
            assert self._tokens.pop(0)[1] == ")"
            return value
        if name is None:
            assert text is not None
            return text.replace("''", "'")
        return self._call(name) if self.next() == "(" else self._value(name)

    def _call(self, name: str) -> Any:
        self._tokens.pop(0)
        values = []
        while self.next() != ")":
            values.append(self.either())
            if self.next() == ",":
                self._tokens.pop(0)
        self._tokens.pop(0)
        return self._functions[name](*values)

    def _value(self, name: str) -> Any:
        context, *path = name.split(".")
        value = self._contexts[context]
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        return value
