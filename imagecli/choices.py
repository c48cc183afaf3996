"""The values of options with a fixed set of choices. They are not in `domain` so that `--help` need not import that."""

from __future__ import annotations

from typing import Literal, TypeAlias

Crop: TypeAlias = Literal["center", "top", "bottom", "left", "right", "none"]
IfExists: TypeAlias = Literal["number", "skip", "overwrite", "fail"]
Via: TypeAlias = Literal["auto", "variations", "edits"]
"""How `vary` works: by the variations endpoint, by an edit, or by the first if the model has it."""
Strength: TypeAlias = Literal["subtle", "medium", "strong"]
"""How much `vary` changes the image."""
