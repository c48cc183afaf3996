"""Colour sets picked by hand, so that whatever is painted goes together."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, fields
from typing import Final, TypeAlias

Colour: TypeAlias = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The roles a scene needs."""

    high: Colour
    """The top of the sky."""
    low: Colour
    """The sky at the horizon."""
    sun: Colour
    far: Colour
    """The farthest layer."""
    near: Colour
    """The nearest layer, the darkest."""
    accent: Colour

    def layer(self, depth: float) -> Colour:
        """From *far* (0) to *near* (1)."""
        return mix_colors(self.far, self.near, depth)

    def with_turned_hues(self, degrees: float) -> Palette:
        """The same with every hue turned round the wheel."""
        return Palette(**{each.name: turn_hue(getattr(self, each.name), degrees) for each in fields(self)})

    def colours(self) -> tuple[Colour, ...]:
        """The strong ones, for flat shapes."""
        return (self.sun, self.accent, self.near, self.far, mix_colors(self.far, self.near, 0.5), self.low)


def mix_colors(first: Colour, second: Colour, share: float) -> Colour:
    """*share* 0 is the first, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def turn_hue(colour: Colour, degrees: float) -> Colour:
    """The same lightness and saturation at another hue."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(value / 255 for value in colour))
    red, green, blue = (round(v * 255) for v in colorsys.hls_to_rgb((hue + degrees / 360) % 1, lightness, saturation))
    return red, green, blue


def luminance(colour: Colour) -> float:
    """Relative luminance, 0 black to 1 white. Source: WCAG 2.2."""
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: Colour, second: Colour) -> float:
    """1 (the same) to 21 (black on white). Source: WCAG 2.2."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def _parse_palette(high: str, low: str, sun: str, far: str, near: str, accent: str) -> Palette:
    red_green_blue = [tuple(bytes.fromhex(text)) for text in (high, low, sun, far, near, accent)]
    names = [each.name for each in fields(Palette)]
    return Palette(**dict(zip(names, red_green_blue, strict=True)))  # type: ignore[arg-type]


PALETTES: Final = (
    _parse_palette("f2a07b", "fde8d0", "fff6e2", "e0957f", "43263c", "d9482b"),  # dawn
    _parse_palette("8fd0cf", "fbeccb", "ffb04f", "74b6b1", "103a48", "ee6c4d"),  # coast
    _parse_palette("35215e", "f28f5f", "ffd79a", "a5567f", "1c1233", "ffcf56"),  # dusk
    _parse_palette("d5e3bf", "f9f4e1", "f2b04f", "a3bd94", "1f3d2e", "c8553d"),  # moss
    _parse_palette("0b132b", "3c5675", "f7f0d8", "34506f", "070c1b", "5bc0be"),  # night
    _parse_palette("f1d2a4", "fcf3e2", "d45f3a", "dbab7c", "55261b", "2f6f73"),  # clay
    _parse_palette("f9c9cd", "fff3ea", "ff7d66", "e2a0ad", "52254a", "3c7a89"),  # rose
    _parse_palette("4f9bcb", "eaf5f7", "fff9dc", "a5cce0", "17345a", "f4a259"),  # glacier
    _parse_palette("07203a", "17796f", "e9f7d0", "1f6f70", "04131f", "8be28b"),  # aurora
    _parse_palette("ffd866", "fff5d3", "ff8f4a", "efbf59", "383a5c", "5f9e80"),  # lemon
    _parse_palette("c9c3e6", "fdeff0", "ff9e7a", "a59bc8", "2b2350", "e2556f"),  # iris
    _parse_palette("e9e2d3", "f8f5ee", "c9403a", "a8b0a8", "263238", "e0a526"),  # paper
)
