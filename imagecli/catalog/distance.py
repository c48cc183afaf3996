"""How far one size is from another: what is lost when it stands in for it. Pure."""

from __future__ import annotations

from math import log

from imagecli.domain import Size


def apart(one: Size, other: Size) -> float:
    """0 for the same size. Grows with every edge that changes, and faster where the shape changes much."""
    wider, higher = log(one.width / other.width), log(one.height / other.height)
    return abs(wider) + abs(higher) + 4 * (wider - higher) ** 2


def waste(made: Size, wanted: Size) -> float:
    """What is lost when *made* is scaled to cover *wanted* and the rest is cropped; 0 for the same size.

    Little is cropped rather than anything resized, much is not; and enlarging, which makes nothing sharper, is last.
    """
    scale = max(wanted.width / made.width, wanted.height / made.height)
    cropped = 1 - wanted.pixels / (scale * scale * made.pixels)
    resized = 0.25 + 8 * log(scale) if scale > 1 else -2 * log(scale)
    return cropped + 10 * cropped**2 + resized
