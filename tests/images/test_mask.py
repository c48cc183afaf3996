"""fit_mask: the mask fits its image as it is sent, or is refused with both sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from imagecli.domain import InputFit, InputImage, InputRule, InputSource, MaskSource, Size
from imagecli.errors import MaskError
from imagecli.images.fit_input import FittedImage, fit_input
from imagecli.images.fit_mask import FAINT_ALPHA, fit_mask, mask_coverage
from imagecli.images.fit_overlay import fit_markup
from imagecli.images.header import read_header
from imagecli.images.strip_metadata import has_metadata
from tests.images.sample_images import CLASSIC, CLASSIC_MASK, GPT, GPT_MASK, exif, fitted, mask_of, opened, saved, scene

FILE = MaskSource(file=InputSource(name="mask.png", path=Path("mask.png")))


def masked(mask: bytes, image: FittedImage, rule: InputRule = GPT_MASK, framing: InputFit | None = None) -> FittedImage:
    return fit_mask(FILE, read_header(mask, "mask.png"), rule, image, framing or InputFit())


def alpha_of(fitted_mask: FittedImage) -> Image.Image:
    return opened(fitted_mask.image.data).getchannel("A")


def clear_box(fitted_mask: FittedImage) -> tuple[int, int, int, int] | None:
    """Where the alpha is 0."""
    return alpha_of(fitted_mask).point(lambda value: 255 * (value == 0)).getbbox()


PHOTO = saved(scene(160, 80), "JPEG")


def test_a_mask_that_fits_is_sent_byte_for_byte() -> None:
    mask = saved(mask_of(160, 80, (10, 10, 50, 50)))
    result = masked(mask, fitted(PHOTO))
    assert result.image.data == mask
    assert result.changes == ()
    assert result.image == InputImage(data=mask, format="png", size=Size(160, 80), has_alpha=True)


@pytest.mark.parametrize("name", ["mask", "markup"])
def test_location_and_camera_data_are_removed_from_masks_and_markup(name: str) -> None:
    data = saved(mask_of(160, 80, (10, 10, 50, 50)), exif=exif(place=True))
    image = fitted(PHOTO)
    result = masked(data, image) if name == "mask" else fit_markup(read_header(data, "m.png"), 10**6, image, InputFit())
    assert has_metadata(data, "png")
    assert not has_metadata(result.image.data, "png")
    assert result.changes == ("private metadata removed",)
    assert opened(result.image.data).tobytes() == opened(data).tobytes()


@pytest.mark.parametrize(("alpha", "share"), [(0, 0.25), (1, 0.25), (2, 0.25), (15, 0.25), (16, None), (127, None)])
@pytest.mark.parametrize("rule", [GPT_MASK, CLASSIC_MASK])
def test_an_alpha_that_is_nearly_0_counts_as_0(alpha: int, share: float | None, rule: InputRule) -> None:
    mask = Image.new("RGBA", (80, 80), (255, 255, 255, 255))
    mask.paste((255, 255, 255, alpha), (0, 0, 40, 40))
    image = fitted(saved(scene(80, 80)))
    if share is None:
        with pytest.raises(MaskError, match="allows no edits"):
            masked(saved(mask), image, rule)
        return
    result = masked(saved(mask), image, rule)
    assert mask_coverage(result.image) == share
    assert (FAINT_ALPHA in result.changes) == (alpha > 0)


def test_a_mask_whose_transparent_area_is_cropped_away_is_refused() -> None:
    mask = saved(mask_of(160, 80, (0, 0, 20, 20)))
    with pytest.raises(MaskError, match="the cropped part") as caught:
        masked(mask, fitted(PHOTO, CLASSIC), CLASSIC_MASK)
    assert "--pad" in (caught.value.hint or "")


def test_a_mask_is_cropped_as_its_image() -> None:
    image = fitted(PHOTO, CLASSIC)
    result = masked(saved(mask_of(160, 80, (40, 0, 60, 20))), image, CLASSIC_MASK)
    assert result.image.size == image.image.size == Size(80, 80)
    assert clear_box(result) == (0, 0, 20, 20)
    assert result.changes == ("cropped like its image",)


def test_the_padding_of_a_mask_is_opaque() -> None:
    framing = InputFit(pad=True)
    image = fitted(PHOTO, CLASSIC, framing)
    result = masked(saved(mask_of(160, 80, (0, 0, 40, 80))), image, CLASSIC_MASK, framing)
    assert result.image.size == Size(160, 160)
    assert clear_box(result) == (0, 40, 40, 120)


def test_a_mask_is_resized_with_its_image_and_no_value_is_invented() -> None:
    image = fitted(saved(scene(3000, 2000), "JPEG"), CLASSIC)
    result = masked(saved(mask_of(3000, 2000, (500, 0, 1500, 1000))), image, CLASSIC_MASK)
    assert result.image.size == Size(1024, 1024)
    assert clear_box(result) == (0, 0, 512, 512)
    assert {value for _, value in alpha_of(result).getcolors() or ()} == {0, 255}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("rule", [(CLASSIC, CLASSIC_MASK), (GPT, GPT_MASK)], ids=["classic", "gpt"])
def test_an_upright_mask_fits_a_rotated_photo(orientation: int, rule: tuple[InputRule, InputRule]) -> None:
    shape = (80, 160) if orientation >= 5 else (160, 80)
    image = fitted(saved(scene(*shape), "JPEG", exif=exif(orientation)), rule[0])
    result = masked(saved(mask_of(160, 80, (40, 0, 60, 20))), image, rule[1])
    assert result.image.size == image.image.size
    assert clear_box(result) == ((0, 0, 20, 20) if rule[0].square else (40, 0, 60, 20))


def test_the_orientation_of_the_mask_itself_is_applied() -> None:
    stored = mask_of(160, 80, (0, 0, 30, 20)).transpose(Image.Transpose.ROTATE_90)
    result = masked(saved(stored, exif=exif(6)), fitted(PHOTO))
    assert clear_box(result) == (0, 0, 30, 20)
    assert "rotated upright" in result.changes


def test_a_mask_of_the_size_that_is_sent_needs_no_transform() -> None:
    image = fitted(PHOTO, CLASSIC)
    mask = saved(mask_of(80, 80, (0, 0, 20, 20)))
    assert masked(mask, image, CLASSIC_MASK).image.data == mask


def test_mask_of_other_size_is_refused() -> None:
    with pytest.raises(MaskError) as caught:
        masked(saved(mask_of(100, 100, (0, 0, 9, 9))), fitted(PHOTO, CLASSIC), CLASSIC_MASK)
    assert (
        caught.value.message
        == "mask.png is 100x100, photo.jpg is 160x80 (sent as 80x80); a mask must have the size of its image"
    )
    assert caught.value.hint == "--mask-fit scales it; or draw a new one: imagecli mask photo.jpg --rect X,Y,W,H"


def test_the_size_of_a_rotated_photo_is_printed_as_displayed() -> None:
    with pytest.raises(MaskError, match=r"mask\.png is 160x80, photo\.jpg is 80x160 after rotation; a"):
        masked(saved(mask_of(160, 80, (0, 0, 9, 9))), fitted(saved(scene(160, 80), "JPEG", exif=exif(6))))


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "RGBA"])
def test_an_opaque_mask_is_read_by_its_brightness(mode: str) -> None:
    image = Image.new("L", (160, 80))
    image.paste(255, (0, 0, 40, 40))
    result = masked(saved(image.convert(mode)), fitted(PHOTO))
    assert clear_box(result) == (0, 0, 40, 40)
    assert any("white is edited" in change for change in result.changes)


def test_a_photo_is_not_accepted_as_a_mask() -> None:
    with pytest.raises(MaskError, match=r"mask\.png is a color image, not a mask"):
        masked(PHOTO, fitted(PHOTO))


def test_a_broken_mask_is_refused_as_a_mask() -> None:
    mask = saved(mask_of(160, 80, (0, 0, 9, 9)))
    with pytest.raises(MaskError, match=r"mask\.png is damaged: PNG ends in the middle of its IDAT chunk"):
        masked(mask[:-20], fitted(PHOTO))


def palette_mask() -> bytes:
    image = Image.new("P", (160, 80), 1)
    image.putpalette([255, 0, 0, 0, 0, 0])
    image.paste(0, (0, 0, 40, 40))
    return saved(image, transparency=0)


def gray_mask() -> bytes:
    image = Image.new("LA", (160, 80), (0, 255))
    image.paste((0, 0), (0, 0, 40, 40))
    return saved(image)


@pytest.mark.parametrize(
    "mask",
    [palette_mask(), gray_mask(), saved(mask_of(160, 80, (0, 0, 40, 40)), "WEBP", lossless=True)],
    ids=["palette", "gray", "webp"],
)
def test_a_written_mask_follows_both_conventions(mask: bytes) -> None:
    result = masked(mask, fitted(PHOTO))
    image = opened(result.image.data)
    assert result.changes and result.image.format == "png"
    assert image.mode == "RGBA"
    assert image.getpixel((5, 5)) == (255, 255, 255, 0)
    assert image.getpixel((100, 50)) == (0, 0, 0, 255)
    assert clear_box(result) == (0, 0, 40, 40)


def test_soft_edges_stay_unchanged_except_nearly_transparent_pixels() -> None:
    mask = Image.new("RGBA", (160, 80), (0, 0, 0, 255))
    mask.putalpha(Image.linear_gradient("L").resize((160, 80)))
    result = masked(saved(mask, "TIFF"), fitted(PHOTO))
    assert alpha_of(result).tobytes() == mask.getchannel("A").point(lambda value: value * (value > 15)).tobytes()


def test_a_mask_over_the_limit_is_written_smaller_or_refused() -> None:
    noisy = Image.merge(
        "RGBA", [Image.effect_noise((160, 80), 90)] * 3 + [mask_of(160, 80, (0, 0, 9, 9)).getchannel("A")]
    )
    data = saved(noisy)
    small = masked(data, fitted(PHOTO), InputRule(formats=("png",), max_bytes=2_000, alpha=True))
    assert len(small.image.data) <= 2_000 and clear_box(small) == (0, 0, 9, 9)
    with pytest.raises(MaskError, match="the limit is 20"):
        masked(data, fitted(PHOTO), InputRule(formats=("png",), max_bytes=20, alpha=True))


@pytest.mark.parametrize(("clear", "share"), [((0, 0, 160, 80), 1.0), ((0, 0, 80, 80), 0.5), ((0, 0, 16, 8), 0.01)])
def test_coverage_is_the_share_that_may_change(clear: tuple[int, int, int, int], share: float) -> None:
    result = masked(saved(mask_of(160, 80, clear)), fitted(PHOTO))
    assert mask_coverage(result.image) == pytest.approx(share)


@pytest.mark.parametrize("crop", ["center", "left", "right"])
@pytest.mark.parametrize("size", [(2999, 1201), (1201, 2999), (333, 222)])
def test_image_and_mask_show_the_same_place(crop: str, size: tuple[int, int]) -> None:
    """The image is black exactly where its mask is clear, before and after."""
    width, height = size
    box = (width // 5, height // 4, width * 4 // 5, height * 3 // 5)
    image_ = Image.new("RGB", size, "white")
    image_.paste("black", box)
    framing = InputFit(crop=crop, input_size=Size(200, 200))  # type: ignore[arg-type]
    image = fit_input(read_header(saved(image_), "p.png"), CLASSIC, framing)
    result = masked(saved(mask_of(width, height, box)), image, CLASSIC_MASK, framing)
    dark = opened(image.image.data).convert("L").point(lambda value: 255 * (value < 128)).getbbox()
    clear = clear_box(result)
    assert dark and clear
    assert max(abs(a - b) for a, b in zip(dark, clear, strict=True)) <= 1
