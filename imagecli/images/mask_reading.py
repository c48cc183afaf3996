"""Reads a mask in any of the forms that people and tools make, as an area of an image.

Alpha decides if any pixel's alpha is below 128: transparent is edited. Otherwise brightness decides: white is edited.
"""

from __future__ import annotations

from PIL import Image, ImageChops

from imagecli.domain import Size, Transform
from imagecli.errors import MaskError
from imagecli.images.header import ImageHeader
from imagecli.images.mask_area import THRESHOLD, cut_edges, invert_area
from imagecli.images.transform_input import render_transformed

MIN_CHROMA = 48
"""Of 255: the difference of the channels from which a pixel is colored. JPEG adds less to black and white."""
MAX_COLORED = 0.05
"""With more colored pixels it is a photo or a drawing, and its brightness means nothing."""
WHITE_IS_EDITED = "white is edited and black is kept"


def read_mask_area(header: ImageHeader) -> tuple[Image.Image, bool]:
    """The area that a mask marks, upright, and whether its alpha decided.

    Raises MaskError for an opaque image in color, InputImageError for damaged pixels.
    """
    pixels = read_upright_pixels(header)
    if pixels.mode == "RGBA":
        alpha = pixels.getchannel("A")
        if any(alpha.histogram()[:THRESHOLD]):
            return invert_area(alpha), True
    if _colored_share(pixels) > MAX_COLORED:
        raise MaskError(
            f"{header.name} is a color image, not a mask: a mask is transparent or white where the image may change",
            hint="to make a mask of one of its colors: imagecli mask FILE --select-color COLOR",
        )
    return _white_area(pixels), False


def read_white_area(header: ImageHeader) -> Image.Image:
    """The area that is white in a mask, whatever its alpha. Raises InputImageError for damaged pixels."""
    return _white_area(read_upright_pixels(header))


def read_transparent_area(header: ImageHeader) -> Image.Image:
    """The transparent area of an image. Raises MaskError if it is opaque, InputImageError for damaged pixels."""
    pixels = read_upright_pixels(header)
    area = invert_area(pixels.getchannel("A")) if pixels.mode == "RGBA" else None
    if area is None or area.getbbox() is None:
        raise MaskError(
            f"{header.name} has no transparent pixels",
            hint="use a cut-out with a transparent background, or use --rect or --select-color",
        )
    return area


def fit_area(area: Image.Image, size: Size, name: str) -> Image.Image:
    """*area* scaled to *size*, without interpolated values. Raises MaskError if it has another aspect ratio."""
    across, down = size.width / area.width, size.height / area.height
    # Half a pixel of the smaller image is what rounding of its edges can cost.
    if max(abs(across - down) * edge for edge in area.size) > max(across, down, 1.0):
        raise MaskError(
            f"{name} is {Size(*area.size)}, not the aspect ratio of {size}; scaling would distort it",
            hint="crop it to the part that the image shows, or draw a new one with imagecli mask",
        )
    return area.resize(size, Image.Resampling.NEAREST)


def read_upright_pixels(header: ImageHeader) -> Image.Image:
    """The pixels of an image as it is shown, RGB or RGBA. Raises InputImageError if they are damaged."""
    return render_transformed(header, Transform(upright=header.size), Image.Resampling.NEAREST)[0]


def _colored_share(pixels: Image.Image) -> float:
    red, green, blue = pixels.convert("RGB").split()
    highest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    lowest = ImageChops.darker(ImageChops.darker(red, green), blue)
    colored = ImageChops.subtract(highest, lowest).histogram()[MIN_CHROMA:]
    return sum(colored) / (pixels.width * pixels.height)


def _white_area(pixels: Image.Image) -> Image.Image:
    return cut_edges(pixels.convert("L"))
