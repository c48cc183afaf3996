"""The values of options with a fixed set of choices. They are not in `domain` so that `--help` need not import that."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Crop: TypeAlias = Literal["center", "top", "bottom", "left", "right", "none"]
Anchor: TypeAlias = Literal[
    "center", "top", "bottom", "left", "right", "top-left", "top-right", "bottom-left", "bottom-right"
]
"""Where an image lies in the larger one that it is extended to."""
IfExists: TypeAlias = Literal["number", "skip", "overwrite", "fail"]
Via: TypeAlias = Literal["auto", "variations", "edits"]
"""How `vary` works: by the variations endpoint, by an edit, or by the first if the model has it."""
Strength: TypeAlias = Literal["subtle", "medium", "strong"]
"""How much `vary` changes the image."""
MAX_SEED: Final = 2**63 - 1
"""The largest seed that servers read: a signed number of 64 bits."""
ImageProtocol: TypeAlias = Literal["kitty", "iterm", "sixel", "blocks"]
"""How a terminal is sent an image; blocks are characters in two colors each."""
Preview: TypeAlias = Literal["auto", "kitty", "iterm", "sixel", "blocks", "none"]
"""Whether images are shown on the terminal, and by which protocol; auto decides by the environment."""
