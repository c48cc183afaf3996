"""fit: any image becomes one that the endpoint accepts, and every change is noted."""

from __future__ import annotations

import itertools
import struct
import zlib

import pytest
from PIL import Image, ImageCms

from imagecli.domain import InputFit, InputRule, Size, Transform
from imagecli.errors import InputImageError
from imagecli.images.fit_input import encoded_size, fit_input
from imagecli.images.header import read_header
from tests.images.sample_images import (
    BLUE,
    CLASSIC,
    CORNERS,
    GPT,
    GREEN,
    RED,
    YELLOW,
    Pixel,
    alike,
    corners,
    exif,
    fitted,
    mask_of,
    opened,
    png_of,
    saved,
    scene,
)

SQUARE = scene(64, 64)

FITTING = {
    "classic-rgb": (saved(SQUARE), CLASSIC),
    "classic-rgba": (saved(SQUARE.convert("RGBA")), CLASSIC),
    "classic-gray": (saved(SQUARE.convert("L")), CLASSIC),
    "png": (saved(scene()), GPT),
    "png-palette": (saved(scene().quantize(8)), GPT),
    "png-profile": (
        saved(scene(), icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()),
        GPT,
    ),
    "jpeg": (saved(scene(), "JPEG"), GPT),
    "jpeg-gray": (saved(scene(mode="L"), "JPEG"), GPT),
    "jpeg-progressive": (saved(scene(), "JPEG", progressive=True), GPT),
    "webp": (saved(scene(), "WEBP"), GPT),
    "webp-alpha": (saved(scene(mode="RGBA"), "WEBP", lossless=True), GPT),
}


@pytest.mark.parametrize("name", FITTING)
def test_an_image_that_fits_is_sent_byte_for_byte(name: str) -> None:
    data, rule = FITTING[name]
    result = fitted(data, rule)
    assert result.image.data == data
    assert result.changes == ()
    assert result.transform == Transform(upright=result.image.size)
    assert result.image.format == read_header(data, "x").format


def test_the_extension_is_never_trusted() -> None:
    data = saved(scene(), "JPEG")
    assert fitted(data, name="photo.png").image.format == "jpeg"


def stored_as(image: Image.Image, orientation: int) -> Image.Image:
    """*image* as a camera stores it whose EXIF says *orientation*."""
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    return image.transpose(Image.Transpose(back[orientation])) if orientation in back else image


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("rule", [GPT, CLASSIC], ids=["gpt", "classic"])
def test_every_orientation_is_sent_as_displayed(orientation: int, rule: InputRule) -> None:
    data = saved(stored_as(scene(128, 96), orientation), "JPEG", exif=exif(orientation), quality=95)
    assert read_header(data, "x").size == Size(128, 96)
    result = fitted(data, rule)
    assert alike(corners(opened(result.image.data)), CORNERS)
    assert ("rotated upright" in result.changes) == (orientation != 1)
    assert result.image.size == (Size(96, 96) if rule.square else Size(128, 96))
    assert not opened(result.image.data).getexif()


BOXES = {
    (128, 64): {
        "left": (0, 0, 64, 64),
        "right": (64, 0, 128, 64),
        "top": (32, 0, 96, 64),
        "bottom": (32, 0, 96, 64),
    },
    (64, 128): {
        "left": (0, 32, 64, 96),
        "right": (0, 32, 64, 96),
        "top": (0, 0, 64, 64),
        "bottom": (0, 64, 64, 128),
    },
}
"""Size → crop → what is sent of it; where a side can't be cut, the middle."""


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", BOXES)
@pytest.mark.parametrize("crop", ["left", "right", "top", "bottom"])
def test_the_crop_is_applied_to_the_upright_image(orientation: int, size: tuple[int, int], crop: str) -> None:
    data = saved(stored_as(scene(*size), orientation), "JPEG", exif=exif(orientation), quality=95)
    result = fitted(data, CLASSIC, InputFit(crop=crop))  # type: ignore[arg-type]
    assert result.transform.crop == BOXES[size][crop]
    assert alike(corners(opened(result.image.data)), corners(scene(*size).crop(BOXES[size][crop])))


@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_the_orientation_is_found_in_every_format(format: str) -> None:
    stored = scene(128, 96).transpose(Image.Transpose.ROTATE_90)
    data = saved(stored, format, exif=exif(6))
    assert read_header(data, "x").size == Size(128, 96)
    assert alike(corners(opened(fitted(data).image.data)), CORNERS, within=30)


def test_an_invalid_orientation_is_ignored() -> None:
    assert fitted(saved(scene(), exif=exif(77)), framing=InputFit(keep_metadata=True)).changes == ()


def gradient(mode: str, top: float) -> Image.Image:
    image = Image.new(mode, (64, 40))
    for x, y in itertools.product(range(64), range(40)):
        image.putpixel((x, y), type(top)(top * x / 63))
    return image


DEEP = {
    "16-bit-png": saved(gradient("I;16", 65_535)),
    "16-bit-tiff": saved(gradient("I;16", 65_535), "TIFF"),
    "32-bit-tiff": saved(gradient("I", 70_000 * 9), "TIFF"),
    "float-tiff": saved(gradient("F", 1.0), "TIFF"),
    "float-255-tiff": saved(gradient("F", 255.0), "TIFF"),
    "16-bit-values-in-32": saved(gradient("I", 65_535), "TIFF"),
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_samples_are_scaled_and_not_clipped(name: str) -> None:
    result = fitted(DEEP[name])
    image = opened(result.image.data).convert("L")
    row = [image.getpixel((x, 20)) for x in range(64)]
    assert row == pytest.approx([255 * x / 63 for x in range(64)], abs=1)
    assert "reduced to 8 bits per channel" in result.changes


def sixteen_bit_rgb(alpha: bool) -> bytes:
    samples = b"".join(struct.pack(">H", round(65_535 * x / 63)) * 3 + b"\x80\0" * alpha for x in range(64))
    return png_of((64, 40, 16, 6 if alpha else 2, 0, 0, 0), zlib.compress((b"\0" + samples) * 40))


@pytest.mark.parametrize("alpha", [False, True])
def test_a_16_bit_rgb_png_keeps_its_gradient(alpha: bool) -> None:
    result = fitted(sixteen_bit_rgb(alpha))
    image = opened(result.image.data)
    assert image.mode == ("RGBA" if alpha else "RGB")
    assert "reduced to 8 bits per channel" in result.changes
    reds = [image.getpixel((x, 9))[0] for x in range(64)]  # type: ignore[index]
    assert reds == pytest.approx([255 * x / 63 for x in range(64)], abs=1)


def palette_with_clear_corner() -> bytes:
    image = scene(64, 64).quantize(4)
    index = image.getpixel((2, 2))
    assert isinstance(index, int)
    return saved(image, transparency=index)


@pytest.mark.parametrize(
    ("data", "clear"),
    [
        (palette_with_clear_corner(), True),
        (saved(scene(64, 64), "PNG", transparency=RED), True),
        (saved(Image.new("LA", (64, 64), (90, 0))), True),
        (saved(scene(64, 64, "L").point(lambda v: 255 * (v > 100)).convert("1")), False),
        (saved(scene(64, 64, "L"), "BMP"), False),
        (saved(scene(64, 64, "RGBA"), "ICO", sizes=[(64, 64)]), False),
    ],
    ids=["palette", "colour key", "gray with alpha", "1-bit", "bmp", "icon"],
)
def test_every_kind_of_transparency_survives(data: bytes, clear: bool) -> None:
    image = opened(fitted(data, CLASSIC, InputFit(input_size=Size(32, 32))).image.data)
    assert image.mode == "RGBA" and image.size == (32, 32)
    alpha = image.getpixel((1, 1))
    assert isinstance(alpha, tuple)
    assert (alpha[3] == 0) == clear


@pytest.mark.parametrize(
    ("data", "within"),
    [
        (saved(scene(mode="CMYK"), "JPEG", quality=95), 12),
        (saved(scene(mode="CMYK"), "TIFF"), 3),
        (saved(scene(mode="YCbCr"), "TIFF", compression="jpeg", quality=95), 30),
        (saved(scene(), "AVIF", quality=95), 25),
        (saved(scene(), "BMP"), 0),
        (saved(scene(), "TIFF", compression="tiff_lzw"), 0),
        (saved(scene(), "GIF"), 0),
    ],
    ids=["cmyk jpeg", "cmyk tiff", "ycc tiff", "avif", "bmp", "tiff", "gif"],
)
def test_colors_are_the_same_after_conversion(data: bytes, within: int) -> None:
    result = fitted(data)
    assert result.image.format in GPT.formats
    assert opened(result.image.data).mode == "RGB"
    assert alike(corners(opened(result.image.data)), CORNERS, within + 2)
    assert result.changes


def test_lab_colors_are_converted() -> None:
    lab = ImageCms.profileToProfile(
        scene(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    assert alike(corners(opened(fitted(saved(lab, "TIFF")).image.data)), CORNERS, 4)


def swapped_profile() -> bytes:
    """A matrix profile whose red and blue primaries are exchanged: impossible to overlook."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132])
    tags = {bytes(profile[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "odd!".encode("utf-16-be"))


def test_a_color_profile_is_applied_when_the_pixels_are_touched() -> None:
    result = fitted(saved(scene(64, 64), "TIFF", icc_profile=swapped_profile()))
    assert "colors converted to sRGB" in result.changes
    assert alike(corners(opened(result.image.data))[:1], (BLUE,), 40)


def test_a_broken_color_profile_is_ignored_with_a_note() -> None:
    result = fitted(saved(scene(64, 64), "TIFF", icc_profile=b"no profile at all"))
    assert "invalid color profile ignored" in result.changes
    assert "icc_profile" not in opened(result.image.data).info
    assert alike(corners(opened(result.image.data)), CORNERS, 2)


def animation(format: str) -> bytes:
    frames = [scene(64, 64), scene(64, 64).rotate(180), scene(64, 64).rotate(90)]
    return saved(frames[0], format, save_all=True, append_images=frames[1:], duration=90)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_of_an_animation_the_first_frame_is_sent_with_a_note(format: str) -> None:
    result = fitted(animation(format))
    assert result.changes[0] == ("largest of 3 pages used" if format == "TIFF" else "first of 3 frames used")
    image = opened(result.image.data)
    assert getattr(image, "n_frames", 1) == 1
    assert alike(corners(image), CORNERS, 30)


def test_a_lossy_photograph_becomes_jpeg_and_a_lossless_one_png() -> None:
    assert fitted(saved(scene(), "AVIF")).image.format == "jpeg"
    assert fitted(saved(scene(), "TIFF")).image.format == "png"
    assert fitted(saved(mask_of(60, 40, (0, 0, 9, 9)), "AVIF")).image.format == "png"
    assert fitted(saved(scene(), "AVIF"), CLASSIC).image.format == "png"


@pytest.mark.parametrize(
    ("size", "crop", "expected"),
    [
        ((160, 80), "center", (RED, GREEN, BLUE, YELLOW)),
        ((160, 80), "left", (RED, RED, BLUE, BLUE)),
        ((160, 80), "right", (GREEN, GREEN, YELLOW, YELLOW)),
        ((80, 160), "top", (RED, GREEN, RED, GREEN)),
        ((80, 160), "bottom", (BLUE, YELLOW, BLUE, YELLOW)),
    ],
)
def test_the_square_is_cut_at_the_requested_position(
    size: tuple[int, int], crop: str, expected: tuple[Pixel, ...]
) -> None:
    result = fitted(saved(scene(*size)), CLASSIC, InputFit(crop=crop))  # type: ignore[arg-type]
    assert result.image.size == Size(80, 80)
    assert corners(opened(result.image.data)) == expected
    assert result.changes == (f"cropped to the {crop} 80x80 square",)
    assert opened(result.image.data).mode == "RGBA"


def test_without_a_crop_an_image_that_is_not_square_is_refused() -> None:
    with pytest.raises(InputImageError, match=r"photo\.jpg is 160x80; expected a square") as caught:
        fitted(saved(scene(160, 80)), CLASSIC, InputFit(crop="none"))
    assert caught.value.hint and "--pad" in caught.value.hint
    assert fitted(saved(scene(80, 80)), CLASSIC, InputFit(crop="none")).changes == ()


@pytest.mark.parametrize("size", [(160, 80), (80, 161), (3000, 2)])
def test_padding_fills_up_with_transparency(size: tuple[int, int]) -> None:
    result = fitted(saved(scene(*size)), CLASSIC, InputFit(pad=True))
    side = max(size)
    assert result.image.size == Size(min(side, 1024), min(side, 1024))
    assert result.changes[0] == f"padded to {side}x{side}"
    image = opened(result.image.data)
    top, middle = image.getpixel((0, 0)), image.getpixel((image.width // 2, image.height // 2))
    assert isinstance(top, tuple) and isinstance(middle, tuple)
    assert top[3] == 0 and middle[3] > 100


def test_a_large_photo_is_resized_to_a_classic_size() -> None:
    result = fitted(saved(scene(2000, 1500), "JPEG"), CLASSIC)
    assert result.image.size == Size(1024, 1024)
    assert result.changes == ("cropped to the center 1500x1500 square", "shrunk to 1024x1024", "converted to PNG")
    assert result.transform == Transform(upright=Size(2000, 1500), crop=(250, 0, 1750, 1500), size=Size(1024, 1024))
    assert alike(corners(opened(result.image.data)), CORNERS)


def test_a_large_square_png_that_fits_is_not_shrunk() -> None:
    data = saved(scene(1500, 1500))
    assert fitted(data, CLASSIC).image.data == data


def test_input_size_shrinks_inside_and_never_enlarges() -> None:
    shrunk = fitted(saved(scene(600, 400), "JPEG"), GPT, InputFit(input_size=Size(300, 300)))
    assert shrunk.image.size == Size(300, 200)
    assert shrunk.changes == ("shrunk to 300x200",)
    data = saved(scene(60, 40), "JPEG")
    assert fitted(data, GPT, InputFit(input_size=Size(300, 300))).image.data == data


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_an_image_with_too_many_bytes_is_compressed_or_shrunk_until_it_fits(format: str) -> None:
    noise = Image.effect_noise((400, 300), 90).convert("RGB")
    rule = InputRule(formats=(format,), max_bytes=40_000)
    result = fitted(saved(noise), rule)
    assert len(result.image.data) <= 40_000
    assert opened(result.image.data).size == (result.image.size.width, result.image.size.height)
    assert result.image.size == result.transform.size or format != "png"


def test_an_image_that_can_not_fit_is_refused() -> None:
    with pytest.raises(InputImageError, match="can't encode the image as png within 20 bytes"):
        fitted(saved(scene()), InputRule(formats=("png",), max_bytes=20))


def test_compression_alone_is_noted() -> None:
    loose = saved(scene(200, 200), compress_level=0)
    result = fitted(loose, InputRule(formats=("png",), max_bytes=20_000))
    assert result.changes == ("recompressed",)
    assert corners(opened(result.image.data)) == CORNERS


@pytest.mark.parametrize("size", [(1, 1), (20_000, 1), (1, 20_000)])
def test_extreme_ratios_and_single_pixels_are_accepted(size: tuple[int, int]) -> None:
    data = saved(Image.new("RGB", size, RED))
    assert fitted(data).changes == ()
    assert fitted(data, CLASSIC).image.size == Size(1, 1)
    assert max(fitted(data, GPT, InputFit(input_size=Size(512, 512))).image.size.pixels, 1) <= 512


def test_a_rotated_jpeg_of_24_megapixels_becomes_a_square_png() -> None:
    stored = scene(6000, 4000).transpose(Image.Transpose.ROTATE_90)
    data = saved(stored, "JPEG", exif=exif(6), quality=80)
    result = fitted(data, CLASSIC)
    assert result.image.size == Size(1024, 1024)
    assert result.transform.crop == (1000, 0, 5000, 4000)
    assert result.changes == (
        "rotated upright",
        "cropped to the center 4000x4000 square",
        "shrunk to 1024x1024",
        "converted to PNG",
        "private metadata removed",
    )
    assert alike(corners(opened(result.image.data)), CORNERS)


def test_averaging_in_strips_equals_resizing_at_once() -> None:
    source = Image.radial_gradient("L").resize((1801, 1403), Image.Resampling.BICUBIC)
    image = Image.merge("RGBA", (source, source.rotate(90), source.rotate(180), source))
    result = fitted(saved(image), CLASSIC, InputFit(input_size=Size(300, 300)))
    plain = image.crop((199, 0, 1602, 1403)).resize((300, 300), Image.Resampling.LANCZOS)
    ours = opened(result.image.data)
    for band, other in zip(ours.split(), plain.split(), strict=True):
        pairs = zip(band.tobytes(), other.tobytes(), strict=True)
        assert sum(abs(a - b) for a, b in pairs) / (300 * 300) < 1.0


def test_fit_leaves_the_header_usable() -> None:
    header = read_header(saved(scene(160, 80), "JPEG"), "x.jpg")
    assert fit_input(header, CLASSIC, InputFit()) == fit_input(header, CLASSIC, InputFit())


def test_an_encoded_image_is_shrunk_under_the_limit_by_an_integer_factor() -> None:
    assert encoded_size(Size(12_000, 6_000), GPT, InputFit()) == Size(6_000, 3_000)
    assert encoded_size(Size(7_000, 7_000), GPT, InputFit()) == Size(7_000, 7_000)


def test_a_jpeg_that_would_fit_and_does_not_decode_is_refused() -> None:
    data = bytearray(saved(scene(64, 64), "JPEG"))
    table = data.index(b"\xff\xc4") + 5
    data[table : table + 16] = bytes([3]) + bytes(15)
    with pytest.raises(InputImageError, match="broken"):
        fitted(bytes(data))


@pytest.mark.parametrize("framing", [InputFit(), InputFit(input_size=Size(30, 20))], ids=["unchanged", "resized"])
def test_a_jpeg_without_its_end_marker_is_accepted_and_a_truncated_one_is_not(framing: InputFit) -> None:
    data = saved(scene(), "JPEG")
    assert fitted(data[:-2], framing=framing).image.size == (framing.input_size or Size(60, 40))
    with pytest.raises(InputImageError, match="ends in the middle of its pixels"):
        fitted(data[:-40], framing=framing)
