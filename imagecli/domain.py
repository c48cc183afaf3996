"""The frozen values that cross the floors. The wire's word is the field's word; sizes are pixels, lengths bytes.

Text is parsed into these at the door, so that nothing below the commands reads a flag again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from imagecli.choices import Crop as Crop
from imagecli.choices import IfExists as IfExists
from imagecli.formats import ENDINGS as ENDINGS
from imagecli.formats import MEDIA_TYPES as MEDIA_TYPES
from imagecli.plain_data import Count, OneOf
from imagecli.sizes import RequestedSize as RequestedSize
from imagecli.sizes import Shape as Shape
from imagecli.sizes import Size as Size

MAX_PICTURE_BYTES: Final = 512 * 1024 * 1024
"""A larger file is not read: no endpoint takes or makes a tenth of it, and shrinking it would take minutes."""

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A key, as a value that can't be printed by accident."""

    _text: str

    def reveal(self) -> str:
        """The key itself; only the transport has a reason to ask."""
        return self._text

    def redact(self, text: str) -> str:
        """*text* without the key, should a server have repeated it. A key of a few letters is a stand-in for none."""
        return text.replace(self._text, "[key]") if len(self._text) >= 8 else text

    def __repr__(self) -> str:
        return "Secret(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SvgOptions:
    """The request's `svg` object: who writes the drawing, and how hard it thinks. OpenAI API reference, 2026-11-22."""

    model: str | None = None
    effort: str | None = None

    def __str__(self) -> str:
        return ", ".join(part for part in (self.model, self.effort) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOptions:
    """What generate, edit and vary share. None means: not said by the user, so not sent."""

    model: str
    n: int = 1
    size: RequestedSize | None = None
    fit: Size | None = None
    """Not sent: what is made is cropped and resized to exactly this."""
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    format_of_name: bool = field(default=False, repr=False)
    """Nothing but the name's ending asked for the format, and what comes else can be converted to it."""
    output_compression: int | None = None
    """0 to 100, only for jpeg and webp."""
    moderation: str | None = None
    complexity: str | None = None
    frame_count: int | None = None
    """Frames of a gif."""
    frame_duration_ms: int | None = None
    """Milliseconds that each frame of a gif stays."""
    svg: SvgOptions | None = None
    input_fidelity: str | None = None
    """Edits only."""
    safety_identifier: str | None = None
    stream: bool | None = None
    """True: the answer comes as events."""
    partial_images: int | None = None
    """0 to 3 earlier states of the picture, with `stream`."""
    style: str | None = None
    response_format: str | None = None
    user: str | None = None
    params: tuple[tuple[str, Json], ...] = ()
    """--param KEY=VALUE: sent as they are, unknown to imagecli."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSource:
    """A picture the user named: a file, or bytes that came through stdin."""

    name: str
    """As the user typed it; `-` is stdin."""
    path: Path | None = None
    data: bytes | None = field(default=None, repr=False)

    @property
    def label(self) -> str:
        """What messages call it."""
        return "stdin" if self.path is None else self.name

    @property
    def stem(self) -> str:
        return self.path.stem if self.path else "stdin"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFit:
    """How an input may be changed to fit its endpoint."""

    crop: Crop = "center"
    pad: bool = False
    """Fill up to the square with transparency instead of cropping."""
    input_size: Size | None = None
    """Shrink to fit inside this before sending; never enlarges."""
    keep_metadata: bool = False
    """Send location and camera data too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generate:
    """Text to picture."""

    prompt: str
    options: ImageOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Change a picture: the transparent part of *mask* is what may change."""

    prompt: str
    images: tuple[InputSource, ...]
    options: ImageOptions
    mask: InputSource | None = None
    markup: InputSource | None = None
    """A drawing over the first picture (arrows, circles) that says what is meant; a PNG of its upright size."""
    input_fit: InputFit = InputFit()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vary:
    """New takes on a picture, by the variations endpoint."""

    image: InputSource
    options: ImageOptions
    prompt: str | None = None
    """Where the endpoint takes one."""
    input_fit: InputFit = InputFit()


ImageRequest: TypeAlias = Generate | Edit | Vary
Operation: TypeAlias = Literal["generations", "edits", "variations"]

OPERATIONS: Final[dict[type, Operation]] = {Generate: "generations", Edit: "edits", Vary: "variations"}


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRule:
    """What an endpoint accepts as an input image or mask."""

    formats: tuple[Annotated[str, OneOf(tuple(MEDIA_TYPES))], ...]
    max_bytes: Count
    """The size of the largest file that is accepted."""
    square: bool = False
    alpha: bool = False
    """It must have transparency, as a mask must."""
    white: bool = False
    """The transparent areas of a mask must be white too, and black elsewhere: some servers read only the colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputImage:
    """A picture as it will be sent."""

    data: bytes = field(repr=False)
    format: str
    size: Size
    has_alpha: bool
    file_id: str | None = None
    """Its name at the provider, where it went up before the request that sends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """What was done to an input's upright pixels, so that its mask gets the same: crop, then pad, then resize.

    JSON in `PreparedCall`. All in pixels.
    """

    upright: Size
    """The size after the EXIF orientation was applied."""
    crop: tuple[int, int, int, int] | None = None
    """left, top, right, bottom in upright pixels."""
    pad: tuple[int, int, int, int] | None = None
    """added left, top, right, bottom after the crop."""
    size: Size | None = None
    """resized to this after crop and pad; None leaves it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputName:
    """Where one picture goes, decided before paying. All but the ending is fixed."""

    folder: Path
    stem: str
    """NUL in it stands for `{ext}`; only `naming.path_for_format` makes a path of it."""
    literal_format: str | None = None
    """The user wrote this ending: these bytes are wanted under it, by converting if need be."""
    ending: str | None = None
    """The ending as written (`jpg`, `JPEG`), a template's too, or None for the true one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """What bytes are, read from their own structure and never from a name."""

    format: str | None
    """A key of MEDIA_TYPES; None when it is no picture we know."""
    size: Size | None = None
    whole: bool = True
    """It ends where its structure says it should."""
    problem: str | None = None
    """What is wrong, in words, when it is not a whole picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedImage:
    """One picture on disk (or written to stdout: then *path* is None)."""

    path: Path | None
    """As the user would type it: relative to the current folder where they gave it so."""
    bytes: int
    format: str
    size: Size | None
    sha256: str
    revised_prompt: str | None
    request: int
    index: int
    """0-based, inside its request."""
    copy: int = 0
    """Which of several files that are made of the picture."""
    original: Path | None = None
    """The picture as it came, where this is not that."""
