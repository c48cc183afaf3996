"""The API's picture under another ending: re-encoded, marked as made by a model, because its C2PA manifest is lost."""

from __future__ import annotations

from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imagecli.domain import Size
from imagecli.errors import ImagecliError, InputImageError
from imagecli.images.color import sample_scale, to_eight_bit
from imagecli.images.identify import identify_image
from imagecli.images.pillow_io import detect_image_format, encode_with_pillow, open_image, translate_decoder_errors
from imagecli.images.resize import resize_animation, resize_to_fit

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
_TARGETS = frozenset({"png", "jpeg", "webp", "gif"})
_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})
_NAME = "the picture"


def convert_image(data: bytes, format: str, fit: Size | None = None) -> bytes:
    """*data*, a picture in any format we read, as png, jpeg, webp or gif; with *fit* cropped and resized to that size.

    JPEG has no alpha: what shows through is white; quality 95. The colour profile is kept. An animation stays one,
    except as JPEG, which takes its first frame. Raises ImagecliError when *data* is no such picture.
    """
    source = detect_image_format(data)
    if source is None or format not in _TARGETS:
        raise ImagecliError(f"{source or identify_image(data).problem or 'this'} can't be converted to {format}")
    try:
        picture = open_image(data, source, _NAME)
        with translate_decoder_errors(_NAME):
            options = _save_options(picture, format)
            if format != "jpeg" and getattr(picture, "is_animated", False):
                moving = resize_animation(picture, format, fit) if fit else (picture, {})
                return encode_with_pillow(moving[0], format, save_all=True, **moving[1], **options)
            picture.load()
            if fit:
                return encode_with_pillow(
                    _to_format_mode(resize_to_fit(_to_mixable_mode(picture), fit), format), format, **options
                )
            return encode_with_pillow(_to_format_mode(picture, format), format, **options)
    except InputImageError as error:
        raise ImagecliError(error.message) from error


def _to_mixable_mode(image: Image.Image) -> Image.Image:
    """*image* in a mode whose pixels can be mixed: no palette, 8 bits."""
    return to_eight_bit(image, sample_scale(image))


def _to_format_mode(image: Image.Image, format: str) -> Image.Image:
    """*image* in a mode that *format* can hold; PNG holds them as they are."""
    if format == "png" and image.mode in _PNG_MODES:
        return image
    plain = to_eight_bit(image, sample_scale(image))
    if format == "jpeg" and plain.mode == "RGBA":
        return Image.alpha_composite(Image.new("RGBA", plain.size, "white"), plain).convert("RGB")
    return plain if format == "jpeg" or plain.mode in ("L", "RGB", "RGBA") else plain.convert("RGB")


def _save_options(image: Image.Image, format: str) -> dict[str, Any]:
    profile = None if image.mode == "CMYK" and format != "jpeg" else image.info.get("icc_profile")
    if format == "png":
        mark = PngInfo()
        mark.add_itxt(_XMP_KEYWORD, MADE_BY_MODEL)
        return {"pnginfo": mark, "icc_profile": profile}
    return {"xmp": MADE_BY_MODEL.encode(), "icc_profile": profile} if format in ("jpeg", "webp") else {}
