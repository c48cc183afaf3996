"""Decodes uploads to upright pixels, and encodes finished pixels in the format of a job."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

from PIL import Image, ImageFile, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from imagecli.sandbox.image_job import ImageJob, UploadedImage

MAX_PIXELS = 128_000_000
"""Larger images are not decoded: a small file can need all of the memory."""


class UnreadableError(Exception):
    """The bytes are not a complete image of a known format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintedImage:
    """One finished image in the format of its job."""

    data: bytes = field(repr=False)
    image: Image.Image | None = field(default=None, repr=False)
    """Its pixels; None for GIF and SVG."""
    note: str | None = None
    """A note for the client."""


def detect_upload_format(data: bytes) -> str | None:
    """png, jpeg or webp by the first bytes; None for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def open_upload(data: bytes) -> UploadedImage:
    """The first frame, upright. Raises UnreadableError."""
    kind = detect_upload_format(data)
    try:
        # The plugins directly: Image.open would warn on stderr about large images, and try other formats.
        image = _plugin(kind, io.BytesIO(data))
        if image.width * image.height > MAX_PIXELS:
            raise UnreadableError("too many pixels")
        image.load()
        upright = ImageOps.exif_transpose(image)
        has_alpha = upright.has_transparency_data
        return UploadedImage(format=kind or "", has_alpha=has_alpha, image=_to_eight_bits(upright, has_alpha))
    except UnreadableError:
        raise
    except Exception as error:  # Pillow's decoders raise a dozen classes on broken bytes
        raise UnreadableError(str(error)) from error


def _plugin(format: str | None, stream: io.BytesIO) -> ImageFile.ImageFile:
    if format == "png":
        return PngImagePlugin.PngImageFile(stream)
    if format == "jpeg":
        return JpegImagePlugin.JpegImageFile(stream)
    if format == "webp":
        return WebPImagePlugin.WebPImageFile(stream)
    raise UnreadableError("unknown format")


def _to_eight_bits(image: Image.Image, has_alpha: bool) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow clips 16 bits to 8 instead of scaling them.
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    return image.convert("RGBA" if has_alpha else "RGB")


def encode_image(image: Image.Image, job: ImageJob) -> bytes:
    """*image* in the job's format; a JPEG gets a white background."""
    out = io.BytesIO()
    if job.output_format == "png":
        image.save(out, "PNG", compress_level=4)
    elif job.output_format == "webp":
        image.save(out, "WEBP", quality=job.output_compression, method=2)
    else:
        flatten_on_white(image).save(out, "JPEG", quality=max(1, min(95, job.output_compression)), subsampling=0)
    return out.getvalue()


def flatten_on_white(image: Image.Image) -> Image.Image:
    """RGB, white where *image* is transparent."""
    if image.mode != "RGBA":
        return image.convert("RGB")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white
