"""Edits: a new scene where the mask is transparent, all other pixels as they were; without a mask, a new print."""

from __future__ import annotations

from PIL import Image, ImageChops, ImageFilter, ImageOps

from imagecli.domain import Size
from imagecli.sandbox.job import Job
from imagecli.sandbox.painter.fonts import Wording
from imagecli.sandbox.painter.lettering import letter, sign
from imagecli.sandbox.painter.openings import largest_opening
from imagecli.sandbox.painter.palettes import Palette, mix
from imagecli.sandbox.painter.pictures import flatten
from imagecli.sandbox.painter.scenes import palette_of, scene


def edited(job: Job, index: int, wording: Wording) -> Image.Image:
    """Picture *index* of an edit."""
    source = _fitted(job.images[0].image, job.size)
    keep = _kept(job, source)
    if keep is None:
        return _rendered(job, index, wording, source)
    return _replaced(job, index, wording, source, keep)


def _kept(job: Job, source: Image.Image) -> Image.Image | None:
    """255 where a pixel stays, 0 where it is new: the mask's alpha, or the classic image's own."""
    if job.mask is not None:
        return _fitted(job.mask.image, job.size).getchannel("A")
    return source.getchannel("A") if job.is_classic else None


def _replaced(job: Job, index: int, wording: Wording, source: Image.Image, keep: Image.Image) -> Image.Image:
    changed = ImageChops.invert(keep)
    box = changed.getbbox()
    ground = source.convert("RGB")
    if box is None:
        return source if job.background == "transparent" else ground
    new = scene(job.prompt, index, Size(box[2] - box[0], box[3] - box[1]))
    opening = largest_opening(changed.crop(box))
    sign(new, opening, letter(new, wording, palette_of(job.prompt, index), opening))
    fresh = ground.copy()
    fresh.paste(new, box)
    image = Image.composite(ground, fresh, keep)
    if source.mode == "RGBA" and job.mask is not None and job.output_format != "jpeg":
        # What was transparent outside the mask stays so.
        image.putalpha(ImageChops.lighter(source.getchannel("A"), changed))
    return image


def _rendered(job: Job, index: int, wording: Wording, source: Image.Image) -> Image.Image:
    """The source as a print in the palette's colours, the further inputs pinned on it."""
    palette = palette_of(job.prompt, index)
    image = _printed(flatten(source), palette)
    _pin(image, [flatten(other.image) for other in job.images[1:]])
    alpha = _shape(job, source)
    area = largest_opening(alpha) if alpha else (0, 0, *image.size)
    sign(image, area, letter(image, wording, palette, area))
    if alpha:
        image.putalpha(alpha)
    return image


def _shape(job: Job, source: Image.Image) -> Image.Image | None:
    """The alpha of a transparent background: the source's own, else a disc with a soft edge."""
    if job.background != "transparent":
        return None
    return source.getchannel("A") if source.mode == "RGBA" else _vignette(source.size)


def _printed(image: Image.Image, palette: Palette) -> Image.Image:
    """Five inks from dark to light, as a screen print has them."""
    grey = ImageOps.autocontrast(image.convert("L"), cutoff=1)
    grey = grey.filter(ImageFilter.MedianFilter(5)).filter(ImageFilter.GaussianBlur(min(image.size) / 400))
    middle = mix(palette.far, palette.accent, 0.35)
    dark, light = mix(palette.near, (0, 0, 0), 0.2), mix(palette.low, (255, 255, 255), 0.4)
    inks = [dark, mix(palette.near, middle, 0.4), middle, mix(middle, light, 0.55), light]
    # Steps with a short slope between them keep the edges smooth.
    levels = [min(4.0, int(v / 51.2) + max(0.0, (v / 51.2 % 1 - 0.85) / 0.15)) for v in range(256)]
    table = [mix(inks[int(level)], inks[min(4, int(level) + 1)], level % 1) for level in levels]
    return grey.convert("RGB").point([colour[band] for band in range(3) for colour in table])


def _pin(image: Image.Image, others: list[Image.Image]) -> None:
    """Small prints with a white edge in a row from the left."""
    if not others:
        return
    side = max(8, min(round(min(image.size) * 0.16), round(image.width * 0.9 / len(others))))
    edge = max(1, side // 18)
    for number, other in enumerate(others):
        small = ImageOps.expand(ImageOps.fit(other, (side - 3 * edge, side - 3 * edge)), edge, "white")
        image.paste(small, (round(image.width * 0.05) + number * side, (image.height - side) // 2))


def _vignette(size: tuple[int, int]) -> Image.Image:
    return Image.radial_gradient("L").point(lambda value: max(0, min(255, (236 - value) * 8))).resize(size)


def _fitted(image: Image.Image, size: Size) -> Image.Image:
    """At *size*: untouched where it has it, else filled and cropped at the middle."""
    wanted = (size.width, size.height)
    return image if image.size == wanted else ImageOps.fit(image, wanted, Image.Resampling.LANCZOS)
