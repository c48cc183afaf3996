"""A request that passed every rule: what is to be painted, and how it is to be handed over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imagecli.catalog.model import ModelRow
from imagecli.domain import Operation, Size, SvgOptions

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPicture:
    """A decoded input, turned upright."""

    format: str
    has_alpha: bool
    image: Image.Image = field(repr=False)
    """RGB, or RGBA where *has_alpha*."""

    @property
    def size(self) -> Size:
        return Size(*self.image.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFile:
    """One file of a form, or one data URL."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOptions:
    """How the answer comes; nothing of it is seen in the pictures."""

    stream: bool = False
    partial_images: int = 0
    """0 to 3 earlier states of each picture, in a stream."""
    safety_identifier: str | None = None
    """Said again in the answer; `user` stands in for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageJob:
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
    frame_count: int = 1
    """More than 1 for a gif."""
    frame_duration_ms: int = 0
    svg: SvgOptions | None = None
    """Who draws the svg; None for every other format."""
    delivery: DeliveryOptions = DeliveryOptions()
    images: tuple[InputPicture, ...] = ()
    mask: InputPicture | None = None
    markup: InputPicture | None = None

    @property
    def is_classic(self) -> bool:
        """The row of the DALL·E time: URLs or base64, and a body with nothing beside the pictures."""
        return self.response_format is not None
