"""Edits: a new scene where the mask is transparent, all other pixels as they were; without a mask, a new print."""

from __future__ import annotations

from PIL import Image, ImageChops, ImageOps

from imagecli.domain import Size
from imagecli.sandbox.job import Job
from imagecli.sandbox.painter.fonts import Wording
from imagecli.sandbox.painter.grounds import Area
from imagecli.sandbox.painter.lettering import letter
from imagecli.sandbox.painter.marks import outside_marks
from imagecli.sandbox.painter.openings import largest_opening
from imagecli.sandbox.painter.palettes import Palette
from imagecli.sandbox.painter.pictures import flatten
from imagecli.sandbox.painter.prints import pin, printed
from imagecli.sandbox.painter.scenes import palette_of, scene
from imagecli.sandbox.painter.signing import sign


def edited(job: Job, index: int, wording: Wording | None) -> Image.Image:
    """Picture *index* of an edit; without *wording* nothing is written into it."""
    source = _fitted(job.images[0].image, job.size)
    keep = _kept(job, source)
    if keep is None:
        return _rendered(job, index, wording, source)
    return _replaced(job, index, wording, source, keep)


def _kept(job: Job, source: Image.Image) -> Image.Image | None:
    """255 where a pixel stays, 0 where it is new: by the mask's alpha, the marks, or the classic image's own alpha."""
    if job.mask is not None:
        return _fitted(job.mask.image, job.size).getchannel("A")
    if job.markup is not None:
        return outside_marks(_fitted(job.markup.image, job.size).getchannel("A"))
    return source.getchannel("A") if job.is_classic else None


def _replaced(job: Job, index: int, wording: Wording | None, source: Image.Image, keep: Image.Image) -> Image.Image:
    changed = ImageChops.invert(keep)
    box = changed.getbbox()
    ground = source.convert("RGB")
    if box is None:
        return source if job.background == "transparent" else ground
    new = scene(job.prompt, index, Size(box[2] - box[0], box[3] - box[1]))
    _inscribe(new, wording, palette_of(job.prompt, index), largest_opening(changed.crop(box)))
    fresh = ground.copy()
    fresh.paste(new, box)
    image = Image.composite(ground, fresh, keep)
    if source.mode == "RGBA" and not job.is_classic and job.output_format != "jpeg":
        # What was transparent outside the mask stays so.
        image.putalpha(ImageChops.lighter(source.getchannel("A"), changed))
    return image


def _rendered(job: Job, index: int, wording: Wording | None, source: Image.Image) -> Image.Image:
    palette = palette_of(job.prompt, index)
    image = printed(flatten(source), palette)
    pin(image, [flatten(other.image) for other in job.images[1:]])
    alpha = _shape(job, source)
    _inscribe(image, wording, palette, largest_opening(alpha) if alpha else (0, 0, *image.size))
    if alpha:
        image.putalpha(alpha)
    return image


def _inscribe(image: Image.Image, wording: Wording | None, palette: Palette, area: Area) -> None:
    if wording is not None:
        sign(image, area, letter(image, wording, palette, area))


def _shape(job: Job, source: Image.Image) -> Image.Image | None:
    """The alpha of a transparent background: the source's own, else a disc with a soft edge."""
    if job.background != "transparent":
        return None
    return source.getchannel("A") if source.mode == "RGBA" else _vignette(source.size)


def _vignette(size: tuple[int, int]) -> Image.Image:
    return Image.radial_gradient("L").point(lambda value: max(0, min(255, (236 - value) * 8))).resize(size)


def _fitted(image: Image.Image, size: Size) -> Image.Image:
    """At *size*: untouched where it has it, else filled and cropped at the middle."""
    wanted = (size.width, size.height)
    return image if image.size == wanted else ImageOps.fit(image, wanted, Image.Resampling.LANCZOS)
