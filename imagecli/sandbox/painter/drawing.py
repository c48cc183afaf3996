"""SVGs: the scene as shapes, or an edited picture as tiles; the prompt as text, and the word "sandbox"."""

from __future__ import annotations

from xml.sax.saxutils import escape

from PIL import Image

from imagecli.sandbox.job import Job
from imagecli.sandbox.painter.fonts import Wording, plain
from imagecli.sandbox.painter.grounds import LIGHT, card_pad
from imagecli.sandbox.painter.lettering import MAX_CHARACTERS, Lettering, compose, reads_leftwards
from imagecli.sandbox.painter.pictures import flatten
from imagecli.sandbox.painter.scenes import draw, palette_of, scene
from imagecli.sandbox.painter.signing import CLOTH, OPACITY, WORD, Pill, pill
from imagecli.sandbox.painter.still import unlettered
from imagecli.sandbox.painter.vector import SHADE, Vector, brief, paint

TILES = 128
"""Along the longer edge of an edited picture."""
COLOURS = 40
FAMILY = "font-family=\"'Segoe UI','Helvetica Neue','DejaVu Sans','Noto Sans','Noto Sans CJK SC',sans-serif\""


def drawing(job: Job, index: int, wording: Wording) -> bytes:
    """Picture *index* as a document that needs no other."""
    palette = palette_of(job.prompt, index)
    vector = Vector(job.size, palette.low)
    if job.operation == "generations":
        draw(vector, job.prompt, index)
        ground = scene(job.prompt, index, job.size)
    else:
        ground = flatten(unlettered(job, index))
        _tiles(vector, ground)
    area = (0, 0, *ground.size)
    words = compose(ground, wording, palette, area) if job.operation != "variations" else None
    if words:
        _inscribe(vector, words)
    if corner := pill(area, words.place if words else None):
        _sign(vector, corner)
    title = f"<title>{_text(plain(job.prompt[:MAX_CHARACTERS]))}</title>"
    return vector.text(title, f"<desc>{WORD}</desc>").encode("utf-8", "replace")


def _tiles(vector: Vector, image: Image.Image) -> None:
    """Equal tiles beside each other are one."""
    scale = max(image.size) / TILES
    grid = (max(1, round(image.width / scale)), max(1, round(image.height / scale)))
    small = image.resize(grid, Image.Resampling.BOX)
    cells = small.quantize(COLOURS, dither=Image.Dither.NONE).convert("RGB")
    across, down = image.width / small.width, image.height / small.height
    vector.add('<g shape-rendering="crispEdges">')
    for row in range(small.height):
        left = 0
        while left < small.width:
            colour, right = cells.getpixel((left, row)), left + 1
            while right < small.width and cells.getpixel((right, row)) == colour:
                right += 1
            box = f'x="{brief(left * across)}" y="{brief(row * down)}" width="{brief((right - left) * across)}"'
            vector.add(f'<rect {box} height="{brief(down)}" fill="{paint(colour)}"/>')  # type: ignore[arg-type]
            left = right
    vector.add("</g>")


def _inscribe(vector: Vector, words: Lettering) -> None:
    """Text stays text; its length is pinned, as every machine has other fonts."""
    ground, soft = words.ground, words.unit * 0.05
    if ground.card:
        pad = card_pad(words.unit)
        _sheet(vector, words, pad + soft / 2, f'fill="{paint(SHADE)}" opacity="0.4"', blur=soft / 2)
        _sheet(vector, words, pad, f'fill="{paint(ground.cloth)}"')
    elif ground.veil:
        _sheet(vector, words, soft, f'fill="{paint(ground.cloth)}" opacity="{ground.veil}"', blur=soft)
    for line, x, y in words.lines():
        wide = words.face.at(100).getlength(line) / 100 * words.block.size
        way = ' direction="rtl"' if reads_leftwards(line) else ""
        size = f'font-size="{brief(words.block.size)}" fill="{paint(ground.ink)}"{way}'
        vector.add(_line(line, (x, y + words.block.size * 0.34), wide, size))


def _sheet(vector: Vector, words: Lettering, reach: float, look: str, *, blur: float = 0.0) -> None:
    left, top, right, bottom = words.place
    box = f'x="{brief(left - reach)}" y="{brief(top - reach)}"'
    size = f'width="{brief(right - left + 2 * reach)}" height="{brief(bottom - top + 2 * reach)}"'
    soft = f' filter="{vector.blur(blur)}"' if blur else ""
    vector.add(f"<rect {box} {size} {look}{soft}/>")


def _sign(vector: Vector, corner: Pill) -> None:
    high, wide = corner.bottom - corner.top, corner.right - corner.left
    box = f'x="{brief(corner.left)}" y="{brief(corner.top)}" width="{brief(wide)}" height="{brief(high)}"'
    vector.add(f'<rect {box} rx="{brief(high / 2)}" fill="{paint(CLOTH)}" opacity="{OPACITY / 255:.2f}"/>')
    x, y = corner.text_at
    look = f'font-size="{brief(corner.size)}" fill="{paint(LIGHT)}"'
    vector.add(_line(WORD, (x, y + corner.size * 0.34), wide - 2 * (x - corner.left), look))


def _line(text: str, at: tuple[float, float], wide: float, look: str) -> str:
    place = f'x="{brief(at[0])}" y="{brief(at[1])}" textLength="{brief(wide)}" lengthAdjust="spacingAndGlyphs"'
    return f"<text {place} {FAMILY} {look}>{_text(text)}</text>"


def _text(text: str) -> str:
    """What XML can hold of it. Source: W3C, XML 1.0, section 2.2."""
    return escape("".join(char if char not in "\ufffe\uffff" else "?" for char in text))
