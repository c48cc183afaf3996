"""Sizes in pixels, and shapes that a model's rule makes pixels of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from imagecli.errors import UsageError


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def is_square(self) -> bool:
        return self.width == self.height

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @classmethod
    def parse(cls, text: str, *, what: str = "size") -> Size:
        """The size written as `1024x1536` (also with `×` or `*`). Raises UsageError, which names *what* it is."""
        match = re.fullmatch(r"\s*(\d{1,6})\s*[xX×*]\s*(\d{1,6})\s*", text)
        if not match or not int(match[1]) or not int(match[2]):
            raise UsageError(f"{what} {text!r} is not WIDTHxHEIGHT in pixels", hint="for example 1024x1024")
        return cls(int(match[1]), int(match[2]))


RequestedSize: TypeAlias = Size | Literal["auto"]


@dataclass(frozen=True, slots=True)
class Shape:
    """Width to height, as it was asked for: `16:9`, or a name such as `square`. A model's size rule makes it pixels."""

    width: int
    height: int
    word: str
    """As the user wrote it."""

    def __str__(self) -> str:
        return self.word
