"""The result of an edit is pasted into its original: outside the mask every pixel stays, inside nothing is shifted."""

from __future__ import annotations

import io
from math import sin, tau
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms

from imagecli.catalog.size_rule import SizeRule
from imagecli.composition_options import parse_extension
from imagecli.domain import CompositionOptions, InputFit, InputRule, InputSource, Length, MaskShape, MaskSource, Size
from imagecli.errors import ImagecliError, InputImageError, MaskError
from imagecli.images.compose import ComposedImage, compose
from imagecli.images.fit_region import FittedRegion, fit_region
from imagecli.images.header import read_header
from imagecli.images.mask_area import soften_inside
from tests.images.sample_images import CLASSIC, CLASSIC_MASK, GPT, GPT_MASK, exif, opened, saved, scene
from tests.images.test_edit_region import FREE, SQUARES, THREE

ALL_RULES: dict[str, tuple[InputRule, InputRule, SizeRule]] = {
    "free": (GPT, GPT_MASK, FREE),
    "three": (GPT, GPT_MASK, THREE),
    "squares": (CLASSIC, CLASSIC_MASK, SQUARES),
}
SMALL_RULES: dict[str, tuple[InputRule, InputRule, SizeRule]] = {
    "grid": (GPT, GPT_MASK, SizeRule(multiple=16, max_ratio=3.0, max_pixels=90_000, min_pixels=20_000, long_edge=256)),
    "set": (GPT, GPT_MASK, SizeRule(set=(Size(256, 256), Size(384, 256), Size(256, 384)))),
    "square": (CLASSIC, CLASSIC_MASK, SizeRule(set=(Size(64, 64), Size(256, 256)))),
}
"""The same with images that take little time."""
ALL_RULES |= SMALL_RULES
KEEP = CompositionOptions()


def waves(width: int, height: int) -> Image.Image:
    """Red is a wave from left to right and green one from top to bottom, so that a shift by a few pixels is visible."""
    across, down = (bytes(round(128 + 100 * sin(x * tau / 32)) for x in range(edge)) for edge in (width, height))
    red = Image.frombytes("L", (width, 1), across).resize((width, height))
    green = Image.frombytes("L", (1, height), down).resize((width, height))
    return Image.merge("RGB", (red, green, Image.new("L", (width, height), 90)))


def rect(*lengths: float, percent: bool = False) -> MaskSource:
    return MaskSource(shapes=(MaskShape("rect", tuple(Length(length, percent) for length in lengths)),))


def fit(
    data: bytes,
    mask: MaskSource | None,
    options: CompositionOptions = KEEP,
    rules: str = "grid",
    size: Size | None = None,
    framing: InputFit | None = None,
    mask_file: bytes | None = None,
) -> FittedRegion:
    header = read_header(data, "photo.jpg")
    mask_header = read_header(mask_file, "mask.png") if mask_file else None
    return fit_region(header, mask, mask_header, options, ALL_RULES[rules], size, framing or InputFit())


def composed(data: bytes, region: FittedRegion, result: Image.Image | bytes) -> ComposedImage:
    return compose(data, result if isinstance(result, bytes) else saved(result), region.composition)


def painted(region: FittedRegion, color: Any = (250, 0, 250)) -> Image.Image:
    """A server's result that paints the area of the mask."""
    image, mask = opened(region.image.image.data).convert("RGB"), opened(region.mask.image.data)
    image.paste(color, mask=ImageChops.invert(mask.getchannel("A")))
    return image


def difference(first: Image.Image, second: Image.Image) -> Image.Image:
    return ImageChops.difference(first.convert("RGB"), second.convert("RGB"))


@st.composite
def edits(draw: st.DrawFn) -> tuple[Size, int, MaskSource, CompositionOptions, str, Size | None, InputFit]:
    size = Size(draw(st.integers(40, 400)), draw(st.integers(40, 400)))
    x, y = draw(st.integers(0, 80)), draw(st.integers(0, 80))
    mask = rect(x, y, draw(st.integers(15, 100 - x)), draw(st.integers(15, 100 - y)), percent=True)
    padding = draw(st.sampled_from([None, Length(0), Length(30), Length(50, is_percent=True)]))
    spec = draw(st.sampled_from([None, "16:9", "1:1", "left=30,bottom=10%"]))
    extension = parse_extension(spec) if spec else None
    rules = draw(st.sampled_from(sorted(SMALL_RULES)))
    requested = draw(st.sampled_from([None, Size(256, 256)]))
    framing = InputFit(crop=draw(st.sampled_from(["center", "left", "top", "none"])), pad=draw(st.booleans()))
    return (
        size,
        draw(st.integers(1, 8)),
        mask,
        CompositionOptions(crop_padding=padding, extension=extension),
        rules,
        requested,
        framing,
    )


@pytest.mark.slow
@settings(max_examples=80)
@given(edit=edits())
def test_image_mask_and_result_stay_aligned_under_every_transform(
    edit: tuple[Size, int, MaskSource, CompositionOptions, str, Size | None, InputFit],
) -> None:
    """A server that changes nothing gives the original again, even inside the mask, up to the blur of resizing.

    Regions that are sent at less than two thirds of their width are left out: their blur would hide a shift.
    """
    size, orientation, mask, options, rules, requested, framing = edit
    stored = Size(size.height, size.width) if orientation >= 5 else size
    data = saved(waves(*stored), "PNG", exif=exif(orientation))
    upright = read_upright(data)
    if options.extension and parse_extension("16:9") == options.extension and upright.width * 9 == upright.height * 16:
        return
    try:
        region = fit(data, mask, options, rules, requested, framing)
    except InputImageError as error:
        assert "adds nothing" in error.message
        return
    sent_image = opened(region.image.image.data)
    assert sent_image.size == opened(region.mask.image.data).size
    sent_left, _, sent_right, _ = region.composition.region
    assume(sent_right - sent_left <= 1.5 * sent_image.width)
    result = composed(data, region, sent_image.convert("RGB"))
    left, top, right, bottom = region.composition.canvas
    assert result.pixels.size == (right - left, bottom - top)
    inside = result.pixels.crop((-left, -top, upright.width - left, upright.height - top))
    # At the borders of the image resizing repeats pixels.
    inner = (4, 4, upright.width - 4, upright.height - 4)
    for channel in difference(inside.crop(inner), upright.crop(inner)).split():
        assert not any(channel.histogram()[31:])
    assert result.changed_share < 0.02


def read_upright(data: bytes) -> Image.Image:
    from PIL import ImageOps

    image = ImageOps.exif_transpose(opened(data))
    assert image is not None
    return image.convert("RGB")


@pytest.mark.parametrize("rules", sorted(SMALL_RULES))
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("padding", [None, Length(40)])
def test_outside_the_mask_every_pixel_is_the_originals(rules: str, orientation: int, padding: Length | None) -> None:
    data = saved(scene(300, 220), "JPEG", quality=90, exif=exif(orientation))
    upright = read_upright(data)
    region = fit(data, rect(60, 50, 90, 70), CompositionOptions(crop_padding=padding), rules)
    result = composed(data, region, painted(region))
    changed = difference(result.pixels, upright)
    assert changed.getbbox() is not None
    changed.paste((0, 0, 0), (60, 50, 150, 120))
    assert changed.getbbox() is None
    # Inside, beyond the soft edge, it is the result.
    inner = result.pixels.crop((60 + 8, 50 + 8, 150 - 8, 120 - 8))
    assert difference(inner, Image.new("RGB", inner.size, (250, 0, 250))).getextrema() == ((0, 0),) * 3
    assert result.changed_share == 0


def test_the_soft_edge_is_inside_the_mask_and_as_wide_as_it_says() -> None:
    area = Image.new("L", (200, 200))
    area.paste(255, (50, 50, 150, 150))
    soft = soften_inside(area, 16)
    line = list(soft.crop((100, 0, 101, 200)).tobytes())
    assert line[:50] == [0] * 50
    assert line[150:] == [0] * 50
    assert line[66:134] == [255] * 68
    assert line[50:66] == sorted(line[50:66])
    assert 0 < line[58] < 255


@pytest.mark.parametrize("width", [3, 5, 9, 20])
def test_parts_narrower_than_the_soft_edge_are_kept(width: int) -> None:
    area = Image.new("L", (400, 400))
    area.paste(255, (20, 20, 200, 200))
    area.paste(255, (300, 50, 300 + width, 350))
    soft = soften_inside(area, 30)
    assert soft.getpixel((300 + width // 2, 200)) == 255
    assert ImageChops.subtract(soft, area).getbbox() is None


def test_at_the_border_of_the_image_there_is_no_soft_edge() -> None:
    data = saved(scene(300, 220))
    region = fit(data, rect(0, 0, 100, 220))
    result = composed(data, region, painted(region))
    assert result.pixels.getpixel((0, 0)) == (250, 0, 250)
    assert result.pixels.getpixel((50, 219)) == (250, 0, 250)


def test_changes_outside_the_mask_are_measured_and_restored() -> None:
    data = saved(scene(300, 220))
    region = fit(data, rect(60, 50, 90, 70))
    other = Image.new("RGB", opened(region.image.image.data).size, (250, 0, 250))
    result = composed(data, region, other)
    assert result.changed_share > 0.9
    assert difference(result.pixels, opened(data)).getbbox() == (60, 50, 150, 120)


def test_the_result_gets_the_color_space_of_the_original() -> None:
    """With a profile whose red is sRGB's blue: the original's samples stay, and those of the result are converted."""
    profile = swapped_profile()
    data = saved(scene(300, 220), "PNG", icc_profile=profile)
    region = fit(data, rect(60, 50, 90, 70))
    result = composed(data, region, painted(region, (255, 0, 0)))
    assert result.profile == profile
    assert result.pixels.getpixel((5, 5)) == opened(data).getpixel((5, 5))
    pixel = result.pixels.getpixel((100, 90))
    assert isinstance(pixel, tuple)
    srgb = ImageCms.profileToProfile(
        Image.new("RGB", (1, 1), pixel),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        outputMode="RGB",
    )
    assert srgb is not None
    red = srgb.getpixel((0, 0))
    assert isinstance(red, tuple)
    assert red[0] > 230
    assert red[1] < 40
    assert pixel != (255, 0, 0)


def swapped_profile() -> bytes:
    """sRGB with the primaries of red and blue exchanged."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(data[128:132], "big")
    for entry in range(132, 132 + 12 * count, 12):
        name = bytes(data[entry : entry + 4])
        if name in (b"rXYZ", b"bXYZ"):
            data[entry : entry + 4] = b"bXYZ" if name == b"rXYZ" else b"rXYZ"
        if name == b"desc":
            data[entry : entry + 4] = b"xxxx"
    return bytes(data)


@pytest.mark.parametrize(
    ("mode", "expected", "note"),
    [("L", "RGB", None), ("P", "RGB", None), ("RGBA", "RGBA", None), ("CMYK", "RGB", "sRGB"), ("I;16", "RGB", "8 bit")],
)
def test_every_color_mode_of_an_original(mode: str, expected: str, note: str | None) -> None:
    plain = scene(300, 220)
    if mode == "RGBA":
        plain = plain.convert("RGBA")
        plain.paste((1, 2, 3, 0), (200, 0, 300, 50))
    image = plain.convert("I").point(lambda value: value * 257).convert("I;16") if mode == "I;16" else plain
    image = image if mode == "I;16" else image.convert(mode)
    data = saved(image, "TIFF" if mode == "CMYK" else "PNG")
    region = fit(data, rect(60, 60, 90, 70))
    result = composed(data, region, painted(region))
    assert result.pixels.mode == expected
    assert result.pixels.convert("RGB").getpixel((100, 95)) == (250, 0, 250)
    assert any(note in phrase for phrase in result.notes) if note else result.notes == ()
    if mode in ("P", "L", "RGBA"):
        changed = ImageChops.difference(result.pixels, image.convert(expected)).convert("RGB")
        changed.paste((0, 0, 0), (60, 60, 150, 130))
        assert changed.getbbox() is None
    if mode == "RGBA":
        assert result.pixels.getpixel((250, 10)) == (1, 2, 3, 0)


def test_the_transparency_of_a_result_stays() -> None:
    data = saved(scene(300, 220))
    region = fit(data, rect(60, 50, 90, 70))
    clear = Image.new("RGBA", opened(region.image.image.data).size)
    pixels = composed(data, region, clear).pixels
    assert pixels.getpixel((100, 80)) == (0, 0, 0, 0)
    assert pixels.getpixel((10, 10))[3] == 255  # type: ignore[index]


def test_an_extended_image_keeps_its_old_area_and_is_blended_into_its_edges() -> None:
    data = saved(scene(300, 400), "JPEG")
    region = fit(data, None, CompositionOptions(extension=parse_extension("16:9")), "free")
    result = composed(data, region, painted(region))
    assert result.pixels.size == (712, 400)
    assert difference(result.pixels.crop((206, 0, 506, 400)), opened(data)).getbbox() is None
    # Beside it there is its own color first, red here, then more and more of the result's magenta.
    blues = [result.pixels.getpixel((206 - distance, 50))[2] for distance in (1, 2, 3, 5)]  # type: ignore[index]
    assert blues == sorted(blues)
    assert blues[0] < 125 < blues[-1] == 250
    for x in (0, 195, 516, 711):
        assert result.pixels.getpixel((x, 200)) == (250, 0, 250)


def test_the_added_area_is_sent_with_the_colors_of_the_edges_and_opaque() -> None:
    data = saved(scene(300, 400), "JPEG")
    region = fit(data, None, CompositionOptions(extension=parse_extension("16:9")))
    sent_image = opened(region.image.image.data)
    assert sent_image.mode == "RGB"
    corner = sent_image.getpixel((2, 2))
    assert isinstance(corner, tuple)
    assert corner[0] > 150  # red, like the quarter beside it
    assert corner[1] < 80


def test_extending_adds_to_a_mask() -> None:
    data = saved(scene(300, 400))
    region = fit(data, rect(100, 100, 60, 60), CompositionOptions(extension=parse_extension("left=100")))
    pixels = composed(data, region, painted(region)).pixels
    assert pixels.getpixel((10, 10)) == (250, 0, 250)
    assert pixels.getpixel((100 + 130, 130)) == (250, 0, 250)
    assert pixels.getpixel((100 + 250, 130)) == opened(data).getpixel((250, 130))


def test_a_panorama_is_shrunk_before_it_is_padded_to_the_ratio_of_the_model() -> None:
    """30000x200 at 3:1 is 30000x10000, more than Pillow accepts as one image."""
    data = saved(Image.new("RGB", (30_000, 200), (10, 120, 90)))
    region = fit(data, rect(50, 0, 50, 100, percent=True), size=Size(300, 100))
    assert region.image.image.size == region.mask.image.size == Size(300, 100)
    pixels = composed(data, region, painted(region, (255, 0, 255))).pixels
    assert [pixels.getpixel((x, 100)) for x in (0, 14_999, 16_000, 29_000)] == [(10, 120, 90)] * 2 + [(255, 0, 255)] * 2


def test_a_small_region_is_enlarged_and_a_large_one_shrunk() -> None:
    data = saved(scene(1200, 900), "JPEG")
    region = fit(data, rect(600, 400, 50, 50), CompositionOptions(crop_padding=Length(50, is_percent=True)), "free")
    assert region.image.image.size == Size(816, 816)
    assert region.notes == ("the model sees 0.9% of photo.jpg: the prompt should describe that part",)
    assert "cropped to 100x100 at 575,375, enlarged to 816x816" in ", ".join(region.image.changes)
    region = fit(data, rect(0, 0, 1200, 700), CompositionOptions(crop_padding=Length(0)), "squares")
    assert region.image.image.size == Size(1024, 1024)


def test_a_mask_in_two_corners_gets_a_note() -> None:
    data = saved(scene(300, 220))
    corners = rect(0, 0, 20, 20)._replace(shapes=(*rect(0, 0, 20, 20).shapes, *rect(280, 200, 20, 20).shapes))
    region = fit(data, corners, CompositionOptions(crop_padding=Length(0)))
    assert region.notes == ("--crop-to-mask has little effect: the region around the mask is 100% of photo.jpg",)


def test_a_result_of_another_shape_is_refused() -> None:
    data = saved(scene(300, 220))
    region = fit(data, rect(60, 50, 90, 70))
    with pytest.raises(ImagecliError, match="another aspect ratio than the"):
        composed(data, region, Image.new("RGB", (1024, 1024)))


@pytest.mark.parametrize(("keep", "has_exif"), [(True, True), (False, False)])
def test_metadata_of_the_original_is_kept_only_on_request(keep: bool, has_exif: bool) -> None:
    data = saved(scene(300, 220), "JPEG", exif=exif(6, place=True))
    region = fit(data, rect(60, 50, 90, 70), framing=InputFit(keep_metadata=keep))
    result = composed(data, region, painted(region))
    assert (result.exif is not None) is has_exif
    if result.exif:
        block = Image.Exif()
        block.load(result.exif)
        assert (block[0x0112], block[0x010F]) == (1, "Kamera")


def test_a_mask_file_must_have_the_size_of_the_image_or_be_scaled() -> None:
    data, mask = saved(scene(300, 220), "JPEG", exif=exif(6)), saved(Image.new("L", (440, 600), 255))
    source = MaskSource(file=InputSource(name="mask.png", path=Path("mask.png")))
    with pytest.raises(MaskError, match=r"mask.png is 440x600, photo.jpg is 220x300 after rotation"):
        fit(data, source, mask_file=mask)
    region = fit(data, source._replace(fit=True), mask_file=mask)
    assert region.coverage == 1
