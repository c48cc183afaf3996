"""Image sizes: in pixels, or as an aspect ratio that a model's size rule turns into pixels; and ratios of sizes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import gcd
from typing import Final, Literal, NamedTuple, TypeAlias

from imagecli.errors import UsageError


class Size(NamedTuple):
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

    def shrink_to_fit(self, inside: Size) -> Size:
        """The size scaled down to fit into *inside*, with the same ratio; never enlarged."""
        scale = min(inside.width / self.width, inside.height / self.height, 1.0)
        return Size(max(1, round(self.width * scale)), max(1, round(self.height * scale)))

    @classmethod
    def parse(cls, text: str, *, what: str = "size") -> Size:
        """Parses `1024x1536` (also with `×` or `*`). Raises UsageError, in which *what* names the value."""
        size = parse_size_in_pixels(text)
        if size is None:
            raise UsageError(f"invalid {what} {text!r}: expected WIDTHxHEIGHT in pixels", hint="for example 1024x1024")
        return size


RequestedSize: TypeAlias = Size | Literal["auto"]


class Shape(NamedTuple):
    """A requested aspect ratio: `16:9`, or a name such as `square`."""

    width: int
    height: int
    word: str
    """As the user wrote it."""

    def __str__(self) -> str:
        return self.word

    @property
    def is_named(self) -> bool:
        """Whether the user gave a name, which every size of the same orientation satisfies."""
        return self.word in NAMES

    def is_exactly(self, size: Size) -> bool:
        """Whether *size* has exactly this ratio."""
        return size.width * self.height == size.height * self.width

    def has_same_orientation(self, size: Size) -> bool:
        """Whether *size* is portrait, landscape or square like this shape."""
        return (size.width > size.height) == (self.width > self.height) and size.is_square == (
            self.width == self.height
        )


NAMES: Final[Mapping[str, tuple[int, int]]] = {"square": (1, 1), "landscape": (3, 2), "portrait": (2, 3)}
"""Named shapes → width and height of their ratio."""


def parse_size(text: str) -> RequestedSize | Shape:
    """Parses `--size`: pixels, a ratio, a name, or `auto`. Raises UsageError for anything else."""
    word = text.strip().lower()
    if word == "auto":
        return "auto"
    if word in NAMES:
        return Shape(*NAMES[word], word)
    size = parse_size_in_pixels(word) or _parse_ratio(word)
    if size is None:
        raise UsageError(
            f"invalid size {text!r}: expected WIDTHxHEIGHT in pixels, a ratio, {', '.join(NAMES)} or auto",
            hint="for example 1024x1024, or 16:9",
        )
    return size


def parse_size_in_pixels(text: str) -> Size | None:
    """Parses `1024x1536` (also with `×` or `*`); None if it is something else."""
    match = re.fullmatch(r"\s*([0-9]{1,6})\s*[xX×*]\s*([0-9]{1,6})\s*", text)
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    return Size(width, height) if width and height else None


def _parse_ratio(word: str) -> Shape | None:
    """Parses a ratio: `16:9`, also with decimals (`2.39:1`)."""
    match = re.fullmatch(r"([0-9]{1,4}(?:\.[0-9]{1,3})?)\s*:\s*([0-9]{1,4}(?:\.[0-9]{1,3})?)", word)
    if match is None:
        return None
    (width, _), (height, _) = ((Decimal(part) * 1000).as_integer_ratio() for part in match.groups())
    return Shape(width, height, word) if width and height else None


RATIO_TOLERANCE = 0.02
"""Relative difference up to which a size counts as having an aspect ratio."""


def find_ratio(size: Size, ratios: Sequence[str]) -> str | None:
    """The aspect ratio of *size* among *ratios*, or None if none of them is near; without any, in lowest terms."""
    if not ratios:
        return reduced_ratio(size)
    exact = size.width / size.height
    differences = [abs(_ratio_value(ratio) / exact - 1) for ratio in ratios]
    smallest = min(differences)
    return ratios[differences.index(smallest)] if smallest <= RATIO_TOLERANCE else None


def reduced_ratio(size: Size) -> str:
    """The aspect ratio of *size* in lowest terms: `3:2`."""
    divisor = gcd(size.width, size.height)
    return f"{size.width // divisor}:{size.height // divisor}"


def _ratio_value(ratio: str) -> float:
    width, _, height = ratio.partition(":")
    return float(width) / float(height)
