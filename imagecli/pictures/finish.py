"""The API's picture under another ending: re-encoded, marked as made by a model, because its C2PA manifest is lost."""

from __future__ import annotations

from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imagecli.errors import ImagecliError, InputImageError
from imagecli.pictures.decode import format_of, load, open_picture, translated
from imagecli.pictures.encode import saved

_XMP_KEYWORD = "XML:com.adobe.xmp"
MADE_BY_MODEL = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"/>'
    "</rdf:RDF></x:xmpmeta>"
    '<?xpacket end="w"?>'
)
"""IPTC's word for a picture that a model made; shops and search engines ask for it (IPTC, 2024)."""
_WITHOUT_ALPHA = frozenset({"jpeg"})


def convert(data: bytes, format: str) -> bytes:
    """*data*, a picture in any format we read, as png, jpeg, webp or gif.

    JPEG has no alpha: what shows through is white; quality 95. The colour profile is kept. Only the first frame of an
    animation is converted, except from GIF or WebP to each other. Raises ImagecliError when *data* is no such picture.
    """
    source = format_of(data)
    if source is None or format not in ("png", "jpeg", "webp", "gif"):
        raise ImagecliError(f"{source or 'these bytes'} can't be converted to {format}")
    try:
        pixels = load(open_picture(data, source, "the picture"), "the picture")
        with translated("the picture"):
            return saved(_fitting(pixels, format), format, **_options(pixels, format))
    except InputImageError as error:
        raise ImagecliError(error.message) from error


def _fitting(image: Image.Image, format: str) -> Image.Image:
    """*image* in a mode that *format* can hold."""
    if format in _WITHOUT_ALPHA and image.has_transparency_data:
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(white, clear).convert("RGB")
    if format == "jpeg":
        return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")
    if format == "webp":
        return (
            image if image.mode in ("RGB", "RGBA") else image.convert("RGBA" if image.has_transparency_data else "RGB")
        )
    return image


def _options(image: Image.Image, format: str) -> dict[str, Any]:
    profile = image.info.get("icc_profile")
    if format == "png":
        mark = PngInfo()
        mark.add_itxt(_XMP_KEYWORD, MADE_BY_MODEL)
        return {"pnginfo": mark, "icc_profile": profile}
    return {"xmp": MADE_BY_MODEL.encode(), "icc_profile": profile} if format in ("jpeg", "webp") else {}
