"""A request that passed every rule: what is to be painted, and how it is to be handed over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imagecli.catalog import ModelRow
from imagecli.domain import Operation, Size

if TYPE_CHECKING:
    from imagecli.sandbox.painter.pictures import Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One file of a form, or one data URL."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Every `auto` and every default is resolved here."""

    operation: Operation
    row: ModelRow
    prompt: str
    n: int
    size: Size
    quality: str
    background: str
    """transparent or opaque."""
    output_format: str
    output_compression: int
    """0 to 100, only for jpeg and webp."""
    response_format: str | None
    """url or b64_json; None for the rows that always answer in base64 and tell what they used."""
    images: tuple[Picture, ...] = ()
    mask: Picture | None = None

    @property
    def is_classic(self) -> bool:
        """The row of the DALL·E time: URLs or base64, and a body with nothing beside the pictures."""
        return self.response_format is not None
