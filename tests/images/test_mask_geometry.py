"""Shapes of masks, against coverage counted by hand; and masks that stay on their image under every transform."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageDraw

from imagecli.domain import InputFit, InputSource, Length, MaskShape, MaskSource, ShapeKind, Size
from imagecli.errors import MaskError, UsageError
from imagecli.images import mask_area, mask_selection
from imagecli.images.fit_input import fit_input
from imagecli.images.fit_mask import fit_mask
from imagecli.images.header import read_header
from imagecli.images.mask_geometry import disc_boxes, extends_outside, pixel_at, shape_spans
from imagecli.images.orientation import turn_upright
from imagecli.mask_shapes import parse_point, parse_shape
from tests.images.sample_images import CLASSIC, CLASSIC_MASK, GPT, GPT_MASK, exif, opened, saved

SIZE = Size(10, 8)


def rows(kind: ShapeKind, text: str, size: Size = SIZE) -> list[str]:
    """The rows of a mask as text: # is edited."""
    area = mask_area.draw_shape(mask_area.empty_area(size), parse_shape(kind, text))
    return rows_of(area)


def rows_of(area: Image.Image) -> list[str]:
    text = "".join("#" if value else "." for value in area.tobytes())
    return [text[start : start + area.width] for start in range(0, len(text), area.width)]


TRIANGLE = ["........", "#.......", "##......", "###.....", "####....", "#####...", "######..", "#######."]
"""A centre on its left or upper edge is inside, on its right or lower edge outside: with its complement it fills."""
REST = ["########", ".#######", "..######", "...#####", "....####", ".....###", "......##", ".......#"]
DISC = ["..####..", ".######.", "########", "########", "########", "########", ".######.", "..####.."]


@pytest.mark.parametrize(
    ("kind", "text", "size", "covered"),
    [
        ("rect", "2,1,3,2", Size(6, 4), ["......", "..###.", "..###.", "......"]),
        ("rect", "0,0,6,4", Size(6, 4), ["######"] * 4),
        ("rect", "50%,50%,50%,50%", Size(6, 4), ["......", "......", "...###", "...###"]),
        ("rect", "50%,1,2,100%", Size(6, 4), ["......", "...##.", "...##.", "...##."]),
        ("rect", "-2,-1,4,3", Size(6, 4), ["##....", "##....", "......", "......"]),
        ("rect", "5,3,100,100", Size(6, 4), ["......", "......", "......", ".....#"]),
        ("rect", "1.4,0,1,4", Size(6, 4), [".#...."] * 4),
        ("rect", "1.6,0,1,4", Size(6, 4), ["..#..."] * 4),
        ("rect", "9,9,2,2", Size(6, 4), ["......"] * 4),
        ("ellipse", "0,0,8,8", Size(8, 8), DISC),
        ("ellipse", "1,0,4,2", Size(6, 2), [".####.", ".####."]),
        ("ellipse", "1,1,1,1", Size(3, 3), ["...", ".#.", "..."]),
        ("polygon", "2,1 5,1 5,3 2,3", Size(6, 4), ["......", "..###.", "..###.", "......"]),
        ("polygon", "0,0 0,8 8,8", Size(8, 8), TRIANGLE),
        ("polygon", "0,0, 0%,100%, 100%,100%", Size(8, 8), TRIANGLE),
        ("polygon", "0,0 8,0 8,8", Size(8, 8), REST),
        ("polygon", "0,0 6,2.5 0,5", Size(6, 5), ["#.....", "####..", "######", "####..", "#....."]),
        ("polygon", "0,0 6,4 6,0 0,4", Size(6, 4), ["#....#", "##..##", "##..##", "#....#"]),
    ],
)
def test_a_shape_covers_the_pixels_whose_center_is_inside(
    kind: ShapeKind, text: str, size: Size, covered: list[str]
) -> None:
    assert rows(kind, text, size) == covered


def test_the_area_of_a_large_ellipse_is_that_of_the_formula() -> None:
    area = mask_area.draw_shape(mask_area.empty_area(Size(1000, 800)), parse_shape("ellipse", "100,100,600,400"))
    assert mask_area.edited_share(area) == pytest.approx(3.14159265 * 300 * 200 / 800_000, abs=1e-4)


@pytest.mark.parametrize("seed", range(20))
def test_a_polygon_covers_what_pillow_draws_but_for_its_outline(seed: int) -> None:
    dice = random.Random(seed)
    points = [(dice.randint(-20, 120), dice.randint(-20, 100)) for _ in range(dice.randint(3, 9))]
    shape = parse_shape("polygon", " ".join(f"{x},{y}" for x, y in points))
    ours = mask_area.draw_shape(mask_area.empty_area(Size(100, 80)), shape)
    theirs = Image.new("L", (100, 80))
    ImageDraw.Draw(theirs).polygon(points, fill=255)
    outline = Image.new("L", (100, 80))
    ImageDraw.Draw(outline).line([*points, points[0]], fill=255, width=3)
    different = ImageChops.subtract(ImageChops.difference(ours, theirs), outline)
    assert different.getbbox() is None


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("rect", "1,2,3", "'1,2,3' is not X,Y,WIDTH,HEIGHT"),
        ("rect", "1,2,3,x", "is not X,Y,WIDTH,HEIGHT"),
        ("rect", "1,2,3,4,5", "is not X,Y,WIDTH,HEIGHT"),
        ("rect", "", "is not X,Y,WIDTH,HEIGHT"),
        ("rect", "1,2,nan,4", "is not X,Y,WIDTH,HEIGHT"),
        ("rect", "1,2,0,4", "has no area"),
        ("ellipse", "1,2,3,-4", "has no area"),
        ("polygon", "1,2 3,4", "three or more points"),
        ("polygon", "1,2 3,4 5", "three or more points"),
    ],
)
def test_a_wrong_shape_is_refused(kind: ShapeKind, text: str, message: str) -> None:
    with pytest.raises(UsageError, match="--option: ") as caught:
        parse_shape(kind, text, "--option")
    assert message in caught.value.message
    assert "for example" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "outside"), [("0,0,10,8", False), ("0,0,100%,100%", False), ("0,0,11,8", True), ("-1,0,2,2", True)]
)
def test_a_shape_that_extends_beyond_the_image_is_detected(text: str, outside: bool) -> None:
    assert extends_outside(parse_shape("rect", text), SIZE) == outside


@pytest.mark.parametrize(
    ("text", "pixel"),
    [("0,0", (0, 0)), ("9,7", (9, 7)), ("10,7", None), ("-1,0", None), ("50%,50%", (5, 4)), ("100%,100%", (9, 7))],
)
def test_a_point_is_a_pixel(text: str, pixel: tuple[int, int] | None) -> None:
    assert pixel_at(parse_point(text, "--flood"), SIZE) == pixel


def test_spans_are_inside_the_image() -> None:
    spans = list(shape_spans(parse_shape("ellipse", "-50,-50,200,200"), SIZE))
    assert spans == [(row, 0, 10) for row in range(8)]


# --- grow, feather, invert -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("radius", [1, 2, 3, 7, 12, 40])
def test_a_pixel_grows_to_the_disc_around_it(radius: int) -> None:
    area = mask_area.empty_area(Size(101, 101))
    area.putpixel((50, 50), 255)
    grown = mask_area.grow_area(area, radius)
    expected = {
        (x, y) for x in range(101) for y in range(101) if (x - 50) * (x - 50) + (y - 50) * (y - 50) <= radius * radius
    }
    assert {(x, y) for x in range(101) for y in range(101) if grown.getpixel((x, y))} == expected


def test_boxes_that_add_nothing_to_a_disc_are_omitted() -> None:
    assert disc_boxes(2) == [(2, 0), (1, 1), (0, 2)]
    assert len(disc_boxes(40)) < 41


def test_a_large_disc_is_a_disc_within_two_percent() -> None:
    area = mask_area.empty_area(Size(500, 500))
    area.putpixel((250, 250), 255)
    grown = mask_area.grow_area(area, 200)
    exact = mask_area.draw_shape(mask_area.empty_area(Size(500, 500)), parse_shape("ellipse", "50,50,401,401"))
    assert ImageChops.difference(grown, exact).histogram()[255] < 0.04 * exact.histogram()[255]
    assert grown.getpixel((250, 250)) == 255


def test_shrinking_undoes_growing_of_a_rectangle_with_margin() -> None:
    area = mask_area.draw_shape(mask_area.empty_area(Size(60, 50)), parse_shape("rect", "20,20,15,12"))
    grown = mask_area.grow_area(area, 5)
    assert grown.getbbox() == (15, 15, 40, 37)
    assert mask_area.grow_area(grown, -5).tobytes() == area.tobytes()


def test_the_border_of_the_image_is_not_shrunk_away() -> None:
    full = mask_area.invert_area(mask_area.empty_area(SIZE))
    assert mask_area.grow_area(full, -3).tobytes() == full.tobytes()
    assert mask_area.grow_area(mask_area.empty_area(SIZE), 3).getbbox() is None


@pytest.mark.parametrize("pixels", [6, 24, 60])
def test_a_feathered_edge_has_the_requested_width_and_is_centered(pixels: int) -> None:
    area = mask_area.draw_shape(mask_area.empty_area(Size(200, 200)), parse_shape("rect", "0,0,100,200"))
    soft = mask_area.feather_area(area, pixels)
    row = [soft.getpixel((x, 100)) for x in range(200)]
    half = pixels // 2
    assert set(row[: 100 - half - 1]) == {255}
    assert set(row[100 + half + 1 :]) == {0}
    assert row == sorted(row, reverse=True)  # type: ignore[type-var]
    assert len(set(row)) > pixels // 3
    assert mask_area.cut_edges(soft).tobytes() == area.tobytes()


def test_a_mask_has_the_same_meaning_in_both_conventions() -> None:
    area = mask_area.feather_area(
        mask_area.draw_shape(mask_area.empty_area(Size(90, 60)), parse_shape("ellipse", "20,10,50,40")), 12
    )
    pixels = mask_area.mask_pixels(area)
    red, _, _, alpha = pixels.split()
    assert pixels.mode == "RGBA"
    assert ImageChops.invert(alpha).tobytes() == red.tobytes() == area.tobytes()
    assert pixels.getpixel((45, 30)) == (255, 255, 255, 0)
    assert pixels.getpixel((0, 0)) == (0, 0, 0, 255)


# --- colors ----------------------------------------------------------------------------------------------------------

PLAN = ["..##....", "..#...##", "..#..###", ".....##.", "##......"]
"""# is red, the rest is white."""


def plan() -> Image.Image:
    image = Image.new("RGB", (8, 5), "white")
    for y, row in enumerate(PLAN):
        for x, sign in enumerate(row):
            if sign == "#":
                image.putpixel((x, y), (220, 30, 20))
    return image


def test_a_color_is_selected_within_its_tolerance() -> None:
    assert rows_of(mask_selection.select_color(plan(), (220, 30, 20), 0)) == PLAN
    assert rows_of(mask_selection.select_color(plan(), (200, 30, 20), 19)) == ["........"] * 5
    assert rows_of(mask_selection.select_color(plan(), (200, 30, 20), 20)) == PLAN


def test_a_transparent_pixel_has_no_color() -> None:
    image = plan().convert("RGBA")
    image.putpixel((2, 0), (220, 30, 20, 0))
    assert rows_of(mask_selection.select_color(image, (220, 30, 20), 0))[0] == "...#...."


@pytest.mark.parametrize(
    ("pixel", "rows"),
    [
        ((2, 2), ["..##....", "..#.....", "..#.....", "........", "........"]),
        ((5, 3), ["........", "......##", ".....###", ".....##.", "........"]),
        ((0, 4), ["........", "........", "........", "........", "##......"]),
        ((7, 4), ["##..####", "##.###..", "##.##...", "#####..#", "..######"]),
    ],
)
def test_a_flood_fills_what_is_connected(pixel: tuple[int, int], rows: list[str]) -> None:
    assert rows_of(mask_selection.flood(plan(), pixel, 10)) == rows


@pytest.mark.parametrize("seed", range(5))
def test_a_flood_is_what_pillow_fills(seed: int) -> None:
    noise = Image.frombytes("L", (60, 40), random.Random(seed).randbytes(2400)).point([0] * 110 + [255] * 146)
    start = next((x, y) for y in range(40) for x in range(60) if noise.getpixel((x, y)))
    ours = mask_selection.flood(noise.convert("RGB"), start, 0)
    theirs = noise.copy()
    ImageDraw.floodfill(theirs, start, 7)
    assert ours.tobytes() == theirs.point([255 * (value == 7) for value in range(256)]).tobytes()


@pytest.mark.parametrize(
    ("text", "color"), [("#0f0", (0, 255, 0)), ("00ff80", (0, 255, 128)), ("lime", (0, 255, 0)), ("#F00", (255, 0, 0))]
)
def test_colors_are_read(text: str, color: tuple[int, int, int]) -> None:
    assert mask_selection.parse_color(text) == color


# --- a mask stays on its image ---------------------------------------------------------------------------------------


def dark(image: Image.Image) -> Image.Image:
    return image.convert("RGB").convert("L").point([255] * 128 + [0] * 128)


@pytest.mark.parametrize("seed", range(60))
def test_a_mask_and_its_image_stay_aligned(seed: int) -> None:
    """The image is black exactly where its mask is clear, before and after crop, pad, shrinking and rotation."""
    dice = random.Random(seed)
    size = Size(dice.randint(90, 700), dice.randint(90, 700))
    kind: ShapeKind = dice.choice(["rect", "ellipse"])
    lengths = [dice.randint(5, 40), dice.randint(5, 40), dice.randint(30, 55), dice.randint(30, 55)]
    shape = MaskShape(kind, tuple(Length(value, True) for value in lengths))
    area = mask_area.draw_shape(mask_area.empty_area(size), shape)
    upright = Image.merge("RGB", [mask_area.invert_area(area)] * 3)
    orientation = dice.randint(1, 8)
    back = {6: 8, 8: 6}.get(orientation, orientation)
    photo = saved(turn_upright(upright, back), exif=exif(orientation))
    framing = InputFit(
        crop=dice.choice(["center", "top", "bottom", "left", "right"]),
        pad=dice.random() < 0.3,
        input_size=Size(*dice.choices(range(40, 800), k=2)) if dice.random() < 0.6 else None,
    )
    rule, mask_rule = dice.choice([(CLASSIC, CLASSIC_MASK), (GPT, GPT_MASK)])
    image = fit_input(read_header(photo, "p.png"), rule, framing)
    mask_file = saved(mask_area.mask_pixels(area))
    sources = {
        "shapes": (MaskSource(shapes=(shape,)), None),
        "file": (MaskSource(file=InputSource("m.png", Path("m.png"))), read_header(mask_file, "m.png")),
        "inverted": (
            MaskSource(file=InputSource("m.png", Path("m.png")), invert=True),
            read_header(saved(mask_area.mask_pixels(mask_area.invert_area(area))), "m.png"),
        ),
    }
    try:
        masks = {name: fit_mask(*source, mask_rule, image, framing) for name, source in sources.items()}
    except MaskError as error:
        assert "outside the cropped part" in error.message
        return
    expected = opened(image.image.data).convert("RGBA")
    mismatch = ImageChops.darker(dark(expected), expected.getchannel("A").point([0] * 128 + [255] * 128))
    for name, mask in masks.items():
        pixels = opened(mask.image.data)
        clear = pixels.getchannel("A").point([255] + [0] * 255)
        assert clear.size == mismatch.size, name
        # Resizing moves an edge by a pixel at most; there the image is gray and the mask is not.
        different = ImageChops.difference(clear, mismatch)
        perimeter = 2 * (clear.width + clear.height)
        assert different.histogram()[255] <= perimeter, name
        assert (
            max(
                abs(one - other)
                for one, other in zip(clear.getbbox() or (0,) * 4, mismatch.getbbox() or (0,) * 4, strict=True)
            )
            <= 1
        ), name
