"""Edits: a new scene where the mask is transparent, all other pixels as they were; without a mask, a new print.

What a drawing over a picture means: what it covers and what it goes round is to be changed.

An input picture as a screen print in a palette's colours, with the further inputs pinned on it.

Pictures with a transparent background: a scene as a badge with round corners.

Variations: the source, mirrored or not, a little closer, in other light; like it, and like no other of the *n*.
"""

from __future__ import annotations

from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from imagecli.domain import Size
from imagecli.sandbox.image_job import ImageJob
from imagecli.sandbox.painter.caption import Area, Caption, draw_caption, draw_label, largest_opening
from imagecli.sandbox.painter.encode import flatten_on_white
from imagecli.sandbox.painter.palettes import PALETTES, Palette, mix_colors
from imagecli.sandbox.painter.scene import choose_palette, paint_scene, random_for

CELLS = 96
"""The drawing is looked at on a grid of so many cells along its longer edge."""
REACH = 5
"""Cells, across; a line reaches so far beyond itself."""


def outside_marks(alpha: Image.Image) -> Image.Image:
    """255 where a pixel stays, 0 round the marks; *alpha* is the drawing's, 0 where it shows through."""
    scale = max(alpha.size) / CELLS
    grid = (max(1, round(alpha.width / scale)), max(1, round(alpha.height / scale)))
    cells = alpha.resize(grid, Image.Resampling.BOX).point(lambda value: 255 * (value > 8))
    # A free edge all round, so that the outside is one piece.
    drawn = ImageOps.expand(cells.filter(ImageFilter.MaxFilter(REACH)), 1, 0)
    outside = drawn.point(lambda value: 128 * (value > 0))
    ImageDraw.floodfill(outside, (0, 0), 255)
    free = ImageOps.crop(outside.point(lambda value: 255 * (value == 255)), 1).filter(ImageFilter.GaussianBlur(1.5))
    return free.resize(alpha.size, Image.Resampling.BICUBIC).point(lambda value: min(255, max(0, (value - 96) * 4)))


def paint_print(image: Image.Image, palette: Palette) -> Image.Image:
    """Five inks from dark to light, as a screen print has them."""
    grey = ImageOps.autocontrast(image.convert("L"), cutoff=1)
    grey = grey.filter(ImageFilter.MedianFilter(5)).filter(ImageFilter.GaussianBlur(min(image.size) / 400))
    middle = mix_colors(palette.far, palette.accent, 0.35)
    dark, light = mix_colors(palette.near, (0, 0, 0), 0.2), mix_colors(palette.low, (255, 255, 255), 0.4)
    inks = [dark, mix_colors(palette.near, middle, 0.4), middle, mix_colors(middle, light, 0.55), light]
    # Steps with a short slope between them keep the edges smooth.
    levels = [min(4.0, int(v / 51.2) + max(0.0, (v / 51.2 % 1 - 0.85) / 0.15)) for v in range(256)]
    table = [mix_colors(inks[int(level)], inks[min(4, int(level) + 1)], level % 1) for level in levels]
    return grey.convert("RGB").point([colour[band] for band in range(3) for colour in table])


def pin_pictures(image: Image.Image, others: list[Image.Image]) -> None:
    """Small prints with a white edge in a row from the left."""
    if not others:
        return
    side = max(8, min(round(min(image.size) * 0.16), round(image.width * 0.9 / len(others))))
    edge = max(1, side // 18)
    for number, other in enumerate(others):
        small = ImageOps.expand(ImageOps.fit(other, (side - 3 * edge, side - 3 * edge)), edge, "white")
        image.paste(small, (round(image.width * 0.05) + number * side, (image.height - side) // 2))


def paint_edit(job: ImageJob, index: int, wording: Caption | None) -> Image.Image:
    """InputPicture *index* of an edit; without *wording* nothing is written into it."""
    source = _cover_size(job.images[0].image, job.size)
    keep = _kept_area(job, source)
    if keep is None:
        return _repaint(job, index, wording, source)
    return _replace_area(job, index, wording, source, keep)


def _kept_area(job: ImageJob, source: Image.Image) -> Image.Image | None:
    """255 where a pixel stays, 0 where it is new: by the mask's alpha, the marks, or the classic image's own alpha."""
    if job.mask is not None:
        return _cover_size(job.mask.image, job.size).getchannel("A")
    if job.markup is not None:
        return outside_marks(_cover_size(job.markup.image, job.size).getchannel("A"))
    return source.getchannel("A") if job.is_classic else None


def _replace_area(
    job: ImageJob, index: int, wording: Caption | None, source: Image.Image, keep: Image.Image
) -> Image.Image:
    changed = ImageChops.invert(keep)
    box = changed.getbbox()
    ground = source.convert("RGB")
    if box is None:
        return source if job.background == "transparent" else ground
    new = paint_scene(job.prompt, index, Size(box[2] - box[0], box[3] - box[1]))
    _draw_caption(new, wording, choose_palette(job.prompt, index), largest_opening(changed.crop(box)))
    fresh = ground.copy()
    fresh.paste(new, box)
    image = Image.composite(ground, fresh, keep)
    if source.mode == "RGBA" and not job.is_classic and job.output_format != "jpeg":
        # What was transparent outside the mask stays so.
        image.putalpha(ImageChops.lighter(source.getchannel("A"), changed))
    return image


def _repaint(job: ImageJob, index: int, wording: Caption | None, source: Image.Image) -> Image.Image:
    palette = choose_palette(job.prompt, index)
    image = paint_print(flatten_on_white(source), palette)
    pin_pictures(image, [flatten_on_white(other.image) for other in job.images[1:]])
    alpha = _background_alpha(job, source)
    _draw_caption(image, wording, palette, largest_opening(alpha) if alpha else (0, 0, *image.size))
    if alpha:
        image.putalpha(alpha)
    return image


def _draw_caption(image: Image.Image, wording: Caption | None, palette: Palette, area: Area) -> None:
    if wording is not None:
        draw_label(image, area, draw_caption(image, wording, palette, area))


def _background_alpha(job: ImageJob, source: Image.Image) -> Image.Image | None:
    """The alpha of a transparent background: the source's own, else a disc with a soft edge."""
    if job.background != "transparent":
        return None
    return source.getchannel("A") if source.mode == "RGBA" else _vignette(source.size)


def _vignette(size: tuple[int, int]) -> Image.Image:
    return Image.radial_gradient("L").point(lambda value: max(0, min(255, (236 - value) * 8))).resize(size)


def _cover_size(image: Image.Image, size: Size) -> Image.Image:
    """At *size*: untouched where it has it, else filled and cropped at the middle."""
    wanted = (size.width, size.height)
    return image if image.size == wanted else ImageOps.fit(image, wanted, Image.Resampling.LANCZOS)


def cut_out(image: Image.Image, wording: Caption, palette: Palette) -> Image.Image:
    """RGBA: *image* inside a badge, its words included, and alpha 0 around it."""
    width, height = image.size
    margin = round(min(width, height) * 0.06)
    inset = round(min(width, height) * 0.16)
    area = (inset, inset, width - inset, height - inset)
    draw_label(image, area, draw_caption(image, wording, palette, area))
    badge = Image.new("RGBA", image.size)
    badge.paste(image, mask=_badge_mask(image.size, margin))
    return badge


def _badge_mask(size: tuple[int, int], margin: int) -> Image.Image:
    fine = 2
    mask = Image.new("L", (size[0] * fine, size[1] * fine))
    box = (margin * fine, margin * fine, (size[0] - margin) * fine, (size[1] - margin) * fine)
    ImageDraw.Draw(mask).rounded_rectangle(box, min(size) * fine * 0.26, fill=255)
    return mask.reduce(fine)


HUES = (0, 20, -24, 42, -46, 10, 62, -64, 31, -12)
"""Degrees by which ten pictures in a row are turned; all different. The next ten are mirrored the other way."""


def paint_variation(job: ImageJob, index: int, *, signed: bool = True) -> Image.Image:
    """InputPicture *index* of a variation."""
    source = flatten_on_white(job.images[0].image)
    rng = random_for("variation", index, source.resize((8, 8)).tobytes().hex())
    image = _crop_source(source, job.size, rng, mirrored=(index + index // len(HUES)) % 2 == 0)
    image = _turn_hues(image, HUES[index % len(HUES)])
    image = _draw_light(image, PALETTES[rng.randrange(len(PALETTES))])
    image = ImageEnhance.Color(image).enhance(rng.uniform(1.02, 1.25))
    if signed:
        draw_label(image, (0, 0, *image.size))
    return image


def _crop_source(source: Image.Image, size: Size, rng: Random, *, mirrored: bool) -> Image.Image:
    """A crop of 84 to 94 per cent, somewhere near the middle."""
    share, (x, y) = rng.uniform(0.84, 0.94), (rng.random(), rng.random())
    wide, high = source.width * share, source.height * share
    left, top = (source.width - wide) * x, (source.height - high) * y
    part = source.crop((int(left), int(top), max(int(left) + 1, int(left + wide)), max(int(top) + 1, int(top + high))))
    image = ImageOps.fit(part, (size.width, size.height), Image.Resampling.LANCZOS)
    return ImageOps.mirror(image) if mirrored else image


def _turn_hues(image: Image.Image, degrees: int) -> Image.Image:
    hue, saturation, value = image.convert("HSV").split()
    shift = round(degrees * 256 / 360)
    return Image.merge("HSV", (hue.point(lambda h: (h + shift) % 256), saturation, value)).convert("RGB")


def _draw_light(image: Image.Image, palette: Palette) -> Image.Image:
    """A soft light of the palette's colours from above."""
    sky = mix_colors(palette.high, (255, 255, 255), 0.2)
    light = ImageOps.colorize(Image.linear_gradient("L"), sky, mix_colors(palette.near, (128, 128, 128), 0.6))
    return Image.blend(image, ImageChops.soft_light(image, light.resize(image.size)), 0.85)
