"""Writes into a converted image how it was made: IPTC's `DigitalSourceType`, as XMP. Shops and search engines read it.

Sources: IPTC Photo Metadata Standard 2023.1; IPTC NewsCodes, Digital Source Type; Adobe, XMP Specification, part 3.
"""

from __future__ import annotations

from typing import Any, Final

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imagecli.domain import DigitalSourceType
from imagecli.images.formats.gif import add_gif_xmp
from imagecli.images.pillow_io import encode_with_pillow

VOCABULARY: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_PNG_KEYWORD: Final = "XML:com.adobe.xmp"
_LEVEL: Final = 6
"""zlib's default."""
_LARGE_PIXELS: Final = 4_000_000
_LARGE_LEVEL: Final = 4
"""A photo of 24 megapixels takes less than half the time of level 6, and 5 to 8 % more space."""


def encode_marked(image: Image.Image, format: str, source_type: DigitalSourceType, **options: Any) -> bytes:
    """Encodes *image* as png, jpeg, webp or gif, marked with *source_type*; *options* are Pillow's."""
    packet = build_xmp(source_type)
    if format == "gif":
        return add_gif_xmp(encode_with_pillow(image, format, **options), packet)
    if format == "png":
        texts = PngInfo()
        texts.add_itxt(_PNG_KEYWORD, packet.decode())
        level = _LARGE_LEVEL if image.width * image.height > _LARGE_PIXELS else _LEVEL
        return encode_with_pillow(image, format, pnginfo=texts, compress_level=level, **options)
    return encode_with_pillow(image, format, xmp=packet, **options)


def build_xmp(source_type: DigitalSourceType) -> bytes:
    """An XMP packet whose only statement is *source_type*."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        f'Iptc4xmpExt:DigitalSourceType="{VOCABULARY}{source_type}"/>'
        "</rdf:RDF></x:xmpmeta>"
        '<?xpacket end="w"?>'
    ).encode()
