"""What is done to a picture that was saved as it came: another format for its name, another size for --fit."""

from __future__ import annotations

from dataclasses import dataclass

from imagecli.domain import Identity, Name, Size
from imagecli.events import Listen, Noted


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A format, and a size where that is to change."""

    format: str
    fit: Size | None
    words: str
    """Behind "was": converted from jpeg, cropped and resized from 1920x1088 to 1920x1080."""

    @property
    def code(self) -> str:
        return "fitted" if self.fit else "converted"


def change_for(came: Identity, name: Name, fit: Size | None, listen: Listen) -> Change | None:
    """What is to be done to the picture that *came*, or None. An SVG is never changed, and that is said."""
    assert came.format
    if fit and came.format == "svg":
        listen(Noted(code="not_fitted", message=f"an SVG has no pixels: it is kept as it came, not fitted to {fit}"))
    if "svg" in (came.format, name.literal_format):
        return None
    wanted = name.literal_format or came.format
    resized = fit if came.size and fit != came.size else None
    words = [f"converted from {came.format}"] * (wanted != came.format)
    if resized and came.size:
        words.append(f"{_done(came.size, resized)} from {came.size} to {resized}")
    return Change(format=wanted, fit=resized, words=", ".join(words)) if words else None


def _done(came: Size, fit: Size) -> str:
    """Cropped, resized, or both: as `pictures.finish` does it."""
    if came.width * fit.height == came.height * fit.width:
        return "resized"
    cropped_only = min(came.width - fit.width, came.height - fit.height) == 0
    return "cropped" if cropped_only else "cropped and resized"
