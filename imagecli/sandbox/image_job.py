"""A validated image request: what to paint, and how to deliver it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imagecli.catalog.model import ModelRow
from imagecli.domain import Operation, Size, SvgOptions

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedImage:
    """A decoded input image, turned upright."""

    format: str
    has_alpha: bool
    image: Image.Image = field(repr=False)
    """RGB, or RGBA where *has_alpha*."""

    @property
    def size(self) -> Size:
        return Size(*self.image.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFile:
    """One file of a form, or the content of one data URL."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOptions:
    """How the response is sent; none of it changes the images."""

    stream: bool = False
    partial_images: int = 0
    """0 to 3 earlier states of each image, in a stream."""
    safety_identifier: str | None = None
    """Repeated in the response; `user` is its fallback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageJob:
    """What an image request asks for, with every `auto` and every default resolved."""

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
    """url or b64_json; None for models that always return base64, with the parameters used."""
    seed: int | None = None
    """Of the first image; each further image has the next one."""
    frame_count: int = 1
    """More than 1 for a gif."""
    frame_duration_ms: int = 0
    svg: SvgOptions | None = None
    """The model that writes the SVG; None for every other format."""
    delivery: DeliveryOptions = DeliveryOptions()
    images: tuple[UploadedImage, ...] = ()
    mask: UploadedImage | None = None
    markup: UploadedImage | None = None

    @property
    def is_classic(self) -> bool:
        """Whether the model is of the DALL·E generation: URLs or base64, and a body with nothing but the images."""
        return self.response_format is not None
