"""Words between which options let people choose. Apart from `domain`, so that help can do without."""

from __future__ import annotations

from typing import Literal, TypeAlias

Crop: TypeAlias = Literal["center", "top", "bottom", "left", "right", "none"]
IfExists: TypeAlias = Literal["number", "skip", "overwrite", "fail"]
Via: TypeAlias = Literal["auto", "variations", "edits"]
"""How `vary` goes: by the variations endpoint, by an edit, or by the first where there is one."""
Strength: TypeAlias = Literal["subtle", "medium", "strong"]
"""How far `vary` goes from the picture."""
