"""The share of an image that changed outside the mask: nothing for what encoders do, nearly all for another image."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PIL import Image, ImageChops, ImageEnhance

from imagecli.domain import InputImage, Size
from imagecli.errors import InputImageError
from imagecli.images.compare_edit import changed_outside_mask
from imagecli.sandbox.painter.scene import paint_scene
from tests.images.sample_images import saved

SIZE = Size(640, 480)
HOLE = (160, 120, 400, 300)


def paint(prompt: str, size: Size = SIZE) -> Image.Image:
    """A landscape with clouds, hills and trees; another prompt gives another."""
    return paint_scene(prompt, 0, size).convert("RGB")


def as_input(image: Image.Image) -> InputImage:
    return InputImage(data=saved(image), format="png", size=Size(*image.size), has_alpha=image.mode == "RGBA")


def mask(size: tuple[int, int] = (SIZE.width, SIZE.height), hole: tuple[int, int, int, int] = HOLE) -> InputImage:
    image = Image.new("RGBA", size, (0, 0, 0, 255))
    image.paste((255, 255, 255, 0), hole)
    return as_input(image)


def share(result: Image.Image | bytes, original: Image.Image | None = None) -> float | None:
    data = result if isinstance(result, bytes) else saved(result)
    return changed_outside_mask(as_input(original or paint("a lake")), mask(), data)


def edited(image: Image.Image) -> Image.Image:
    """Changed inside the mask only."""
    image = image.copy()
    image.paste((200, 30, 180), HOLE)
    return image


def resized(width: int, height: int) -> Callable[[Image.Image], bytes]:
    return lambda image: saved(image.resize((width, height), Image.Resampling.LANCZOS))


HARMLESS: dict[str, Callable[[Image.Image], bytes]] = {
    "png": saved,
    "jpeg 60": lambda image: saved(image, "JPEG", quality=60),
    "jpeg 95": lambda image: saved(image, "JPEG", quality=95),
    "webp 60": lambda image: saved(image, "WEBP", quality=60),
    "webp 80": lambda image: saved(image, "WEBP", quality=80),
    "half size": resized(320, 240),
    "double size": resized(1280, 960),
    "multiples of 32": resized(640, 448 + 32),
    "another ratio by 3%": resized(656, 478),
    "half size and jpeg 60": lambda image: saved(image.resize((320, 240)), "JPEG", quality=60),
    "brighter": lambda image: saved(ImageEnhance.Brightness(image).enhance(1.08)),
    "darker": lambda image: saved(ImageEnhance.Brightness(image).enhance(0.86)),
    "less contrast": lambda image: saved(ImageEnhance.Contrast(image).enhance(0.9)),
    "more colour": lambda image: saved(ImageEnhance.Color(image).enhance(1.2)),
    "shifted by 4 pixels": lambda image: saved(ImageChops.offset(image, 4, 3)),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_encoder_and_model_noise_does_not_count_as_a_change(case: str) -> None:
    original = paint("a lake")
    changed_share = share(HARMLESS[case](edited(original)))
    assert changed_share is not None
    assert changed_share < 0.05


@pytest.mark.parametrize(
    "result",
    [
        paint("a desert at night"),
        paint("a lake").transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        Image.new("RGB", (64, 48)),
    ],
    ids=["another image", "upside down", "black and small"],
)
def test_a_repainted_image_is_a_change(result: Image.Image) -> None:
    changed_share = share(result)
    assert changed_share is not None
    assert changed_share > 0.4


def test_an_object_outside_the_mask_counts_by_its_area() -> None:
    result = paint("a lake")
    result.paste((250, 0, 250), (440, 0, 640, 240))  # 15.6% of the image; 77% are compared
    changed_share = share(result)
    assert changed_share is not None
    assert 0.15 < changed_share < 0.3


def test_feathered_edges_of_the_mask_do_not_count() -> None:
    result = edited(paint("a lake"))
    left, top, right, bottom = HOLE
    result.paste((200, 30, 180), (left - 15, top - 15, right + 15, bottom + 15))
    assert share(result) == 0.0


def test_transparent_areas_do_not_count() -> None:
    original = paint("a lake").convert("RGBA")
    original.paste((0, 0, 0, 0), (0, 300, 640, 480))
    flattened = Image.new("RGBA", original.size, "white")
    flattened.alpha_composite(original)
    assert (share(flattened, original) or 0.0) < 0.05


def test_another_aspect_ratio_can_not_be_compared() -> None:
    assert share(paint("a lake", Size(480, 480))) is None


def test_a_mask_over_everything_leaves_nothing_to_change() -> None:
    everything = mask(hole=(0, 0, 640, 480))
    assert changed_outside_mask(as_input(paint("a lake")), everything, saved(paint("a desert"))) == 0.0


def test_a_result_that_is_not_an_image_has_its_own_error() -> None:
    with pytest.raises(InputImageError):
        share(b"no image")
