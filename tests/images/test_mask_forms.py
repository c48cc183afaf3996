"""Masks of other tools get the meaning that their authors intended, or an error with a fix."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFilter

from imagecli.domain import InputFit, InputSource, MaskSource
from imagecli.errors import MaskError
from imagecli.images.fit_input import TURNED, FittedImage
from imagecli.images.fit_mask import CUT_EDGES, FAINT_ALPHA, fit_mask, mask_coverage
from imagecli.images.header import read_header
from imagecli.mask_shapes import parse_shape
from tests.images.sample_images import GPT_MASK, exif, fitted, opened, saved, scene
from tests.images.test_mask import clear_box

WIDTH, HEIGHT = 320, 200
BOX = (80, 50, 160, 150)
SHARE = 80 * 100 / (WIDTH * HEIGHT)
FILE = MaskSource(file=InputSource(name="mask.png", path=Path("mask.png")))
PHOTO = fitted(saved(scene(WIDTH, HEIGHT), "JPEG"))


def fit(data: bytes, source: MaskSource = FILE, image: FittedImage = PHOTO, binary: bool = False) -> FittedImage:
    return fit_mask(source, read_header(data, "mask.png"), GPT_MASK._replace(binary=binary), image, InputFit())


def white_on_black(mode: str = "L", size: tuple[int, int] = (WIDTH, HEIGHT)) -> Image.Image:
    image = Image.new("L", (WIDTH, HEIGHT))
    image.paste(255, BOX)
    return image.resize(size, Image.Resampling.NEAREST).convert(mode)


def gimp() -> bytes:
    """Erased with a soft brush, so its edge has every alpha, and colors are under it."""
    area = white_on_black().filter(ImageFilter.GaussianBlur(1.5))
    image = scene(WIDTH, HEIGHT).convert("RGBA")
    image.putalpha(Image.eval(area, lambda value: 255 - value))
    return saved(image)


def photoshop_layer() -> bytes:
    """Transparent pixels are black under alpha 0, opaque ones are black too."""
    image = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), BOX)
    return saved(image)


def cut_out() -> bytes:
    """What rembg writes of a photo: the subject alone, with a soft outline; the background is transparent."""
    image = scene(WIDTH, HEIGHT).convert("RGBA")
    image.putalpha(white_on_black().filter(ImageFilter.GaussianBlur(1)))
    return saved(image)


def phone() -> bytes:
    """A JPEG, stored turned."""
    return saved(white_on_black("RGB").transpose(Image.Transpose.ROTATE_90), "JPEG", quality=60, exif=exif(6))


def palette() -> bytes:
    return saved(white_on_black("RGB").convert("P", palette=Image.Palette.ADAPTIVE, colors=2))


def sixteen_bit() -> bytes:
    image = Image.new("I;16", (WIDTH, HEIGHT))
    image.paste(65_535, BOX)
    return saved(image)


def with_halo() -> bytes:
    """A brush or a resize left pixels of alpha 3 around the area."""
    image = Image.new("RGBA", (WIDTH, HEIGHT), (255, 255, 255, 255))
    image.paste((255, 255, 255, 3), BOX)
    image.paste((255, 255, 255, 0), (BOX[0] + 2, BOX[1] + 2, BOX[2] - 2, BOX[3] - 2))
    return saved(image)


def soft_gray() -> bytes:
    """White, with a gray edge, as segmentation models write their certainty."""
    return saved(white_on_black().filter(ImageFilter.BoxBlur(4)))


@pytest.mark.parametrize(
    ("data", "options", "phrase"),
    [
        (photoshop_layer(), {}, None),
        (saved(white_on_black()), {}, "white is edited and black is kept; --mask-invert swaps them"),
        (saved(white_on_black("1")), {}, "white is edited"),
        (saved(Image.eval(white_on_black(), lambda value: 255 - value)), {"invert": True}, "inverted"),
        (phone(), {}, TURNED),
        (palette(), {}, "white is edited"),
        (sixteen_bit(), {}, "white is edited"),
        (with_halo(), {}, FAINT_ALPHA),
        (soft_gray(), {}, "white is edited"),
        (saved(white_on_black("RGB"), "WEBP", quality=80), {}, "converted to PNG"),
        (saved(white_on_black("L", (160, 100))), {"fit": True}, "scaled to 320x200"),
    ],
    ids=[
        *("alpha over black", "white on black", "bitmap", "black on white", "jpeg of a phone", "palette", "16 bit"),
        *("halo", "soft gray", "webp", "another size"),
    ],
)
def test_a_mask_of_another_tool_has_the_intended_meaning(
    data: bytes, options: dict[str, Any], phrase: str | None
) -> None:
    result = fit(data, FILE._replace(**options))
    box = clear_box(result)
    assert box is not None
    assert max(abs(one - other) for one, other in zip(box, BOX, strict=True)) <= 1
    assert mask_coverage(result.image) == pytest.approx(SHARE, rel=0.03)
    assert opened(result.image.data).mode == "RGBA"
    if phrase is None:
        assert result.changes == () and result.image.data == data
    else:
        assert any(phrase in change for change in result.changes)
        pixels = opened(result.image.data)
        assert pixels.getpixel((120, 100)) == (255, 255, 255, 0)
        assert pixels.getpixel((10, 10)) == (0, 0, 0, 255)


def test_a_server_that_reads_white_gets_white() -> None:
    source, image = read_header(photoshop_layer(), "mask.png"), PHOTO
    result = fit_mask(FILE, source, GPT_MASK._replace(white=True), image, InputFit())
    pixels = opened(result.image.data)
    assert pixels.getpixel((120, 100)) == (255, 255, 255, 0)
    assert pixels.getpixel((10, 10)) == (0, 0, 0, 255)


def test_a_soft_brush_stays_soft_and_its_core_is_edited() -> None:
    result = fit(gimp())
    alpha = opened(result.image.data).getchannel("A")
    assert alpha.getpixel((120, 100)) == 0 and alpha.getpixel((10, 10)) == 255
    assert any(alpha.histogram()[16:255]), "soft edges"
    assert not any(alpha.histogram()[1:16]), "faint alpha counts as 0"
    assert FAINT_ALPHA in result.changes


def test_a_cut_out_edits_the_background_and_inverted_the_subject() -> None:
    background = fit(cut_out())
    assert opened(background.image.data).getchannel("A").getpixel((120, 100)) == 255
    assert mask_coverage(background.image) == pytest.approx(1 - SHARE, abs=0.03)
    subject = fit(cut_out(), FILE._replace(invert=True))
    assert opened(subject.image.data).getchannel("A").getpixel((120, 100)) == 0
    assert mask_coverage(subject.image) == pytest.approx(SHARE, abs=0.03)


def test_soft_edges_are_cut_for_a_provider_that_reads_none() -> None:
    result = fit(gimp(), binary=True)
    assert CUT_EDGES in result.changes
    assert {value for _, value in opened(result.image.data).getchannel("A").getcolors() or ()} == {0, 255}
    assert clear_box(result) == BOX
    assert CUT_EDGES not in fit(photoshop_layer(), binary=True).changes


@pytest.mark.parametrize(
    ("data", "options", "message", "hint"),
    [
        (saved(white_on_black("L", (160, 100))), {}, "mask.png is 160x100, photo.jpg is 320x200", "--mask-fit"),
        (saved(white_on_black("L", (200, 320))), {"fit": True}, "not the aspect ratio of 320x200", "crop it"),
        (saved(Image.new("L", (WIDTH, HEIGHT))), {}, "no pixel is white or transparent", "imagecli mask"),
        (
            saved(Image.new("RGBA", (WIDTH, HEIGHT), (9, 9, 9, 100))),
            {},
            "transparent (alpha below 16)",
            "imagecli mask",
        ),
        (saved(Image.new("L", (WIDTH, HEIGHT), 255)), {"invert": True}, "inverted, it keeps", "omit --mask-invert"),
        (saved(scene(WIDTH, HEIGHT)), {}, "is a color image, not a mask", "--select-color"),
        (saved(white_on_black())[:-30], {}, "is damaged", ""),
    ],
    ids=["another size", "another ratio", "black", "half transparent", "inverted white", "photo", "truncated"],
)
def test_an_ambiguous_mask_is_refused(data: bytes, options: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(MaskError) as caught:
        fit(data, FILE._replace(**options))
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_a_mask_that_ignores_the_rotation_of_its_photo_is_refused_with_both_sizes() -> None:
    turned = fitted(saved(scene(HEIGHT, WIDTH), "JPEG", exif=exif(6)))
    assert fit(saved(white_on_black()), image=turned).image.size == (WIDTH, HEIGHT)
    stored = saved(white_on_black("L", (HEIGHT, WIDTH)))
    with pytest.raises(MaskError, match=r"mask\.png is 200x320, photo\.jpg is 320x200 after rotation"):
        fit(stored, image=turned)


def find_imagemagick() -> str | None:
    """The program of any version; None if it is not installed, or is another program of that name."""
    for name in ("magick", "convert-im6.q16", "convert"):
        if path := shutil.which(name):
            done = subprocess.run([path, "-version"], capture_output=True, text=True)
            if "ImageMagick" in done.stdout and done.returncode == 0:
                return path
    return None


IMAGEMAGICK = find_imagemagick()
DRAW = ["-size", f"{WIDTH}x{HEIGHT}", "xc:black", "-fill", "white", "-draw", "rectangle 80,50 159,149"]


@pytest.mark.skipif(IMAGEMAGICK is None, reason="ImageMagick is not installed")
@pytest.mark.parametrize(
    "arguments",
    [
        [*DRAW, "PNG24:out"],
        [*DRAW, "-depth", "16", "PNG48:out"],
        [*DRAW, "-monochrome", "PNG:out"],
        [*DRAW, "-quality", "70", "JPEG:out"],
        [*DRAW, "-negate", "-alpha", "copy", "PNG32:out"],
        [*DRAW, "-alpha", "off", "-depth", "8", "TIFF:out"],
    ],
    ids=["24 bit", "48 bit", "monochrome", "jpeg", "alpha", "tiff"],
)
def test_a_mask_of_imagemagick_has_the_intended_meaning(arguments: list[str], tmp_path: Path) -> None:
    assert IMAGEMAGICK
    subprocess.run([IMAGEMAGICK, *arguments], cwd=tmp_path, check=True)
    result = fit((tmp_path / "out").read_bytes())
    assert mask_coverage(result.image) == pytest.approx(SHARE, rel=0.03)
    assert opened(result.image.data).getchannel("A").getpixel((120, 100)) == 0


def test_shapes_and_a_file_together_are_one_mask() -> None:
    source = FILE._replace(shapes=(parse_shape("rect", "200,0,40,40"),))
    result = fit(saved(white_on_black()), source)
    expected = white_on_black()
    ImageDraw.Draw(expected).rectangle((200, 0, 239, 39), fill=255)
    clear = opened(result.image.data).getchannel("A").point([255] + [0] * 255)
    assert clear.tobytes() == expected.tobytes()
