"""Color sets that were picked by hand so that the colors of one scene go together, and the arithmetic of colors."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

Color: TypeAlias = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""

WHITE: Final[Color] = (255, 255, 255)
MIDNIGHT: Final[Color] = (4, 8, 24)


class Palette(NamedTuple):
    """The colors that a scene needs."""

    high: Color
    """The top of the sky."""
    low: Color
    """The sky at the horizon."""
    sun: Color
    far: Color
    """The farthest layer of the land."""
    near: Color
    """The nearest layer, the darkest."""
    accent: Color

    def layer(self, depth: float) -> Color:
        """The color of the land, from *far* (0) to *near* (1)."""
        return mix_colors(self.far, self.near, depth)


def mix_colors(first: Color, second: Color, share: float) -> Color:
    """*share* 0 is the first, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def hex_color(color: Color) -> str:
    """`#rrggbb`."""
    return f"#{bytes(color).hex()}"


def luminance(color: Color) -> float:
    """Relative luminance, 0 black to 1 white. Source: WCAG 2.2."""
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: Color, second: Color) -> float:
    """1 (the same) to 21 (black on white). Source: WCAG 2.2."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def _parse_palette(text: str) -> Palette:
    red_green_blue = (tuple(bytes.fromhex(color)) for color in text.split())
    return Palette(*red_green_blue)  # type: ignore[arg-type]


DAY_PALETTES: Final = (
    _parse_palette("f2a07b fde8d0 fff6e2 e0957f 43263c d9482b"),  # dawn
    _parse_palette("8fd0cf fbeccb ffb04f 74b6b1 103a48 ee6c4d"),  # coast
    _parse_palette("35215e f28f5f ffd79a a5567f 1c1233 ffcf56"),  # dusk
    _parse_palette("d5e3bf f9f4e1 f2b04f a3bd94 1f3d2e c8553d"),  # moss
    _parse_palette("f1d2a4 fcf3e2 d45f3a dbab7c 55261b 2f6f73"),  # clay
    _parse_palette("f9c9cd fff3ea ff7d66 e2a0ad 52254a 3c7a89"),  # rose
    _parse_palette("4f9bcb eaf5f7 fff9dc 8fbcd6 17345a f4a259"),  # glacier
    _parse_palette("ffd866 fff5d3 ff8f4a efbf59 383a5c 5f9e80"),  # lemon
    _parse_palette("c9c3e6 fdeff0 ff9e7a a59bc8 2b2350 e2556f"),  # iris
    _parse_palette("e9e2d3 f8f5ee c9403a a8b0a8 263238 e0a526"),  # paper
)

NIGHT_PALETTES: Final = (
    _parse_palette("070d20 2c4360 f7f0d8 223650 070c1b 5bc0be"),  # clear
    _parse_palette("041424 145a56 e9f7d0 124a4c 04131f 8be28b"),  # aurora
    _parse_palette("150d30 5b3b7a ffe0b8 3f2a60 0e0822 ff9ec4"),  # violet
    _parse_palette("0a1430 35508c fff1d0 263c70 080d24 8fb8ff"),  # blue
    _parse_palette("0d1a2b 7a4a58 ffd9a8 4a3348 0b0f1e ffb27a"),  # late dusk
)
