"""The frozen values of requests and results. Fields are named as in the API; sizes are in pixels, lengths in bytes.

Commands parse flags into these values; nothing below them parses a flag.
"""

from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

from imagecli.choices import Anchor as Anchor
from imagecli.choices import Crop as Crop
from imagecli.choices import IfExists as IfExists
from imagecli.formats import ENDINGS as ENDINGS
from imagecli.formats import MEDIA_TYPES as MEDIA_TYPES
from imagecli.serialization import Count, OneOf
from imagecli.sizes import RequestedSize as RequestedSize
from imagecli.sizes import Shape as Shape
from imagecli.sizes import Size as Size

MAX_IMAGE_BYTES: Final = 512 * 1024 * 1024
"""A larger file is not read: no endpoint accepts or returns a tenth of it, and shrinking it would take minutes."""

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None


Box: TypeAlias = tuple[int, int, int, int]
"""left, top, right, bottom."""


class Secret:
    """An API key, as a value that can't be printed by accident."""

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The key itself, for the transport and the key store."""
        return self._text

    def redact(self, text: str) -> str:
        """*text* without the key, in case a server repeats it. A very short key is a placeholder, not a secret."""
        return text.replace(self._text, "[key]") if len(self._text) >= 8 else text

    def __repr__(self) -> str:
        return "Secret(…)"


class SvgOptions(NamedTuple):
    """The request's `svg` object: the model and its reasoning effort. OpenAI API reference, 2026-11-22."""

    model: str | None = None
    effort: str | None = None

    def __str__(self) -> str:
        return ", ".join(part for part in (self.model, self.effort) if part)


class ImageOptions(NamedTuple):
    """The options that generate, edit and vary share. None is not sent, because the user did not set it."""

    model: str
    n: int = 1
    size: RequestedSize | None = None
    fit: Size | None = None
    """Not sent: the result is cropped and resized to exactly this."""
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    format_of_name: bool = False
    """Only the output name's extension set the format, and other formats can be converted to it."""
    output_compression: int | None = None
    """0 to 100, only for jpeg and webp."""
    moderation: str | None = None
    complexity: str | None = None
    frame_count: int | None = None
    """Frames of a gif."""
    frame_duration_ms: int | None = None
    """Duration of each frame of a gif, in milliseconds."""
    svg: SvgOptions | None = None
    input_fidelity: str | None = None
    """Edits only."""
    safety_identifier: str | None = None
    stream: bool | None = None
    """True: the response is a stream of events."""
    partial_images: int | None = None
    """0 to 3 partial images, with `stream`."""
    style: str | None = None
    response_format: str | None = None
    user: str | None = None
    seed: int | None = None
    """Of the first image; a provider that accepts one makes the same images of the same seed, or nearly."""
    params: tuple[tuple[str, Json], ...] = ()
    """--param KEY=VALUE: sent unchanged and unchecked."""


class InputSource(NamedTuple):
    """An input image: a file, or bytes from stdin."""

    name: str
    """As the user typed it; `-` is stdin."""
    path: Path | None = None
    data: bytes | None = None
    """Its content, if it was read or made already."""
    reference: str | None = None
    """The word that was typed instead of *name*: `@last`."""

    @property
    def label(self) -> str:
        """Its name in messages."""
        return "stdin" if self.name == "-" else self.name

    @property
    def stem(self) -> str:
        return self.path.stem if self.path else "stdin"


InputRole: TypeAlias = Literal["image", "mask", "markup"]


class InputFile(NamedTuple):
    """An input of a request, as it was read."""

    role: InputRole
    name: str
    """As the user typed it; `-` is stdin."""
    path: Path | None
    sha256: str
    """Of the bytes that were read, before any change."""


class Length(NamedTuple):
    """A coordinate or extent: in pixels, or in percent of the image's width or height."""

    value: float
    is_percent: bool = False

    def __str__(self) -> str:
        return f"{self.value:g}{'%' if self.is_percent else ''}"

    def to_pixels(self, extent: int) -> float:
        """The length in pixels, of an image with that width or height."""
        return self.value * extent / 100 if self.is_percent else self.value


ShapeKind: TypeAlias = Literal["rect", "ellipse", "polygon"]


class MaskShape(NamedTuple):
    """An area of an upright image. A pixel belongs to it if its center is inside."""

    kind: ShapeKind
    lengths: tuple[Length, ...]
    """rect, and the box around an ellipse: x, y, width, height; polygon: x and y of each corner."""

    def __str__(self) -> str:
        return ",".join(map(str, self.lengths))


class MaskSource(NamedTuple):
    """What the mask of an edit is made of: a file, shapes, or both together."""

    file: InputSource | None = None
    shapes: tuple[MaskShape, ...] = ()
    invert: bool = False
    """Edit what the file and the shapes keep."""
    fit: bool = False
    """Scale the file to the size of the image."""

    @property
    def label(self) -> str:
        """Its name in messages."""
        return self.file.label if self.file else "the mask"


class Extension(NamedTuple):
    """The area that is added around an image: at its sides, or up to an aspect ratio."""

    left: Length | None = None
    top: Length | None = None
    right: Length | None = None
    bottom: Length | None = None
    shape: Shape | None = None
    """The aspect ratio of the extended image, instead of the sides."""
    anchor: Anchor = "center"
    """Where the image lies in the extended one, if *shape* decides how large that is."""

    def __str__(self) -> str:
        if self.shape:
            return str(self.shape) if self.anchor == "center" else f"{self.shape} ({self.anchor})"
        sides = {"left": self.left, "top": self.top, "right": self.right, "bottom": self.bottom}
        return ",".join(f"{side}={length}" for side, length in sides.items() if length)


class CompositionOptions(NamedTuple):
    """The result is pasted into the original image, so that everything outside the mask stays as it is."""

    crop_padding: Length | None = None
    """Only the region around the mask is sent, with this much around it; percent are of the mask's own extent."""
    extension: Extension | None = None
    """The image is extended, and the added area belongs to the mask."""


class InputFit(NamedTuple):
    """How an input image may be changed to fit its endpoint."""

    crop: Crop = "center"
    pad: bool = False
    """Pad to a square with transparency instead of cropping."""
    input_size: Size | None = None
    """Shrink to fit inside this before sending; never enlarges."""
    keep_metadata: bool = False
    """Send location and camera data too."""


class Generate(NamedTuple):
    """Create images from text."""

    prompt: str
    options: ImageOptions

    @property
    def input_sources(self) -> tuple[InputSource, ...]:
        return ()


class Edit(NamedTuple):
    """Change an image; only the area that *mask* marks is edited."""

    prompt: str
    images: tuple[InputSource, ...]
    options: ImageOptions
    mask: MaskSource | None = None
    markup: InputSource | None = None
    """A drawing over the first image (arrows, circles) that explains the edit; a PNG of its upright size."""
    input_fit: InputFit = InputFit()
    composition: CompositionOptions | None = None
    """None: the result is saved as it is received."""

    @property
    def input_sources(self) -> tuple[InputSource, ...]:
        """The input images, without mask and markup."""
        return self.images

    @property
    def has_mask(self) -> bool:
        """Whether a mask is sent: one of the user's, or that of an added area."""
        return self.mask is not None or bool(self.composition and self.composition.extension)


class Vary(NamedTuple):
    """Create variations of an image with the variations endpoint."""

    image: InputSource
    options: ImageOptions
    prompt: str | None = None
    """For endpoints that accept one."""
    input_fit: InputFit = InputFit()

    @property
    def input_sources(self) -> tuple[InputSource, ...]:
        return (self.image,)


ImageRequest: TypeAlias = Generate | Edit | Vary


def all_input_sources(request: ImageRequest) -> tuple[InputSource, ...]:
    """The input images, then the files of mask and markup."""
    further = (request.mask and request.mask.file, request.markup) if isinstance(request, Edit) else ()
    return (*request.input_sources, *(source for source in further if source))


Operation: TypeAlias = Literal["generations", "edits", "variations"]

OPERATIONS: Final[dict[type, Operation]] = {Generate: "generations", Edit: "edits", Vary: "variations"}


DigitalSourceType: TypeAlias = Literal["trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"]
"""IPTC's terms for an image that a model created, and for one in which it changed or extended an existing image."""


class InputRule(NamedTuple):
    """What an endpoint accepts as an input image or mask."""

    formats: tuple[Annotated[str, OneOf(tuple(MEDIA_TYPES))], ...]
    max_bytes: Count
    """The size of the largest file that is accepted."""
    square: bool = False
    alpha: bool = False
    """It must have transparency, as a mask must."""
    white: bool = False
    """The transparent areas of a mask must be white too, and black elsewhere: some servers read only the color."""
    binary: bool = False
    """A mask has no soft edges: each pixel is edited or kept."""


class InputImage(NamedTuple):
    """An input image as it will be sent."""

    data: bytes
    format: str
    size: Size
    has_alpha: bool
    file_id: str | None = None
    """Its id at the provider, if it was uploaded before the request."""


class Transform(NamedTuple):
    """The changes to an input's upright pixels, to repeat them for its mask: crop, then pad, then resize.

    JSON in `PreparedCall`. All in pixels.
    """

    upright: Size
    """The size after the EXIF orientation was applied."""
    crop: Box | None = None
    """In upright pixels."""
    pad: tuple[int, int, int, int] | None = None
    """Pixels added left, top, right, bottom after the crop."""
    size: Size | None = None
    """Resized to this after crop and pad; None is no change."""

    @property
    def framed_size(self) -> Size:
        """The size after cropping and padding, before resizing."""
        left, top, right, bottom = self.crop or (0, 0, self.upright.width, self.upright.height)
        more_left, more_top, more_right, more_bottom = self.pad or (0, 0, 0, 0)
        return Size(right - left + more_left + more_right, bottom - top + more_top + more_bottom)


class OutputName(NamedTuple):
    """The name of one output file, decided before paying. Everything but its extension is fixed."""

    folder: Path
    stem: str
    """NUL in it stands for `{ext}`; only `naming.path_for_format` makes a path of it."""
    literal_format: str | None = None
    """The format of the extension that the user typed; the image is converted to it if necessary."""
    ending: str | None = None
    """The extension as written (`jpg`, `JPEG`), also by a template; None for that of the image's format."""


class ImageInfo(NamedTuple):
    """The format and size of an image, read from its bytes and never from its name."""

    format: str | None
    """A key of MEDIA_TYPES or one of RECEIVED_FORMATS; None if it is not a known image format."""
    size: Size | None = None
    problem: str | None = None
    """What is wrong if the image is not complete."""

    @property
    def is_complete(self) -> bool:
        """Whether the image is complete."""
        return self.problem is None


class SavedImage(NamedTuple):
    """One image on disk, or written to stdout: then *path* is None."""

    path: Path | None
    """As the user would type it: relative to the current folder if they typed it so."""
    bytes: int
    format: str
    size: Size | None
    sha256: str
    revised_prompt: str | None
    request: int
    index: int  # type: ignore[assignment]  # hides tuple.index
    """0-based, within its request."""
    copy: int = 0
    """Its number if several files are made of one image."""
    original: Path | None = None
    """The image as it was received, if this one was converted."""
    original_sha256: str | None = None
