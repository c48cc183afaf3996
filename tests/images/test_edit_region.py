"""Which part of an image is sent, and at what size: it contains what is needed, in a ratio that the model supports."""

from __future__ import annotations

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.catalog.size_rule import SizeRule
from imagecli.composition_options import parse_extension
from imagecli.domain import Anchor, Box, Length, Size
from imagecli.errors import InputImageError
from imagecli.images.edit_region import (
    box_size,
    extended_box,
    feather_width,
    intersection,
    padded_box,
    place_region,
    region_transform,
)

FREE = load_shipped_catalog().models["gpt-image-2"].sizes
THREE = SizeRule(set=(Size(1024, 1024), Size(1536, 1024), Size(1024, 1536)))
SQUARES = SizeRule(set=(Size(256, 256), Size(512, 512), Size(1024, 1024)))
RULES = {"free": FREE, "three": THREE, "squares": SQUARES, "any": SizeRule()}


@pytest.mark.parametrize(
    ("region", "free", "three", "squares"),
    [
        ((1024, 1024), (1024, 1024), (1024, 1024), (1024, 1024)),
        ((1200, 900), (1216, 912), (1536, 1024), (1024, 1024)),
        ((6000, 4000), (2336, 1552), (1536, 1024), (1024, 1024)),  # not one of the experimental sizes
        ((300, 200), (1008, 672), (1536, 1024), (512, 512)),  # enlarged to the smallest one
        ((200, 200), (816, 816), (1024, 1024), (256, 256)),
        ((4000, 100), (3312, 1104), (1536, 1024), (1024, 1024)),  # the longest ratio
    ],
)
def test_the_best_size_of_a_region(
    region: tuple[int, int], free: tuple[int, int], three: tuple[int, int], squares: tuple[int, int]
) -> None:
    sizes = [rule.for_region(Size(*region)) for rule in (FREE, THREE, SQUARES)]
    assert sizes == [Size(*free), Size(*three), Size(*squares)]


edges = st.integers(1, 9000)


@given(width=edges, height=edges, name=st.sampled_from(sorted(RULES)))
def test_the_size_of_a_region_is_one_that_the_model_supports(width: int, height: int, name: str) -> None:
    rule, region = RULES[name], Size(width, height)
    size = rule.for_region(region)
    assert size is not None
    assert rule.objection(size) is None
    if rule is FREE:
        assert size.pixels <= 3_686_400
        ratio = abs(log(size.width / size.height) - log(width / height))
        assert ratio < 0.03 or max(width, height) > 2.9 * min(width, height)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[Box, Box, Box]:
    """A canvas, the wanted part of it, and the needed part of that."""
    canvas = (0, 0, draw(st.integers(1, 5000)), draw(st.integers(1, 5000)))
    wanted_box = draw(box_in(canvas))
    return canvas, wanted_box, draw(box_in(wanted_box))


@st.composite
def box_in(draw: st.DrawFn, outer: Box) -> Box:
    left, top = draw(st.integers(outer[0], outer[2] - 1)), draw(st.integers(outer[1], outer[3] - 1))
    return left, top, draw(st.integers(left + 1, outer[2])), draw(st.integers(top + 1, outer[3]))


@given(given=boxes(), name=st.sampled_from(sorted(RULES)), crop=st.sampled_from(["center", "left", "bottom", "none"]))
def test_a_region_contains_the_needed_part_and_has_the_ratio_of_the_size(
    given: tuple[Box, Box, Box], name: str, crop: str
) -> None:
    canvas, wanted_box, needed = given
    size = RULES[name].for_region(box_size(wanted_box))
    assert size is not None
    region = place_region(wanted_box, needed, canvas, size, crop)
    assert intersection(region, needed) == needed
    region_size = box_size(region)
    # Within the rounding of one edge.
    assert abs(region_size.width - region_size.height * size.width / size.height) <= max(1.0, size.width / size.height)
    if intersection(region, canvas) != region:
        # It extends beyond the canvas only if no part of that ratio has room for what is needed, or all is wanted.
        assert region_size.width > canvas[2] or region_size.height > canvas[3]


@given(given=boxes(), name=st.sampled_from(sorted(RULES)))
def test_a_region_is_exactly_the_result_of_its_transform(given: tuple[Box, Box, Box], name: str) -> None:
    canvas, wanted_box, needed = given
    size = RULES[name].for_region(box_size(wanted_box))
    assert size is not None
    region = place_region(wanted_box, needed, canvas, size, "center")
    transform = region_transform(region, box_size(canvas), size)
    assert transform.framed_size == box_size(region)
    assert (transform.size or transform.framed_size) == size


@pytest.mark.parametrize(
    ("spec", "anchor", "expected"),
    [
        ("left=10", None, (-10, 0, 300, 400)),
        ("left=10,right=10%", None, (-10, 0, 330, 400)),
        ("TOP=50% bottom=1", None, (0, -200, 300, 401)),
        ("square", None, (-50, 0, 350, 400)),
        ("1:1", "left", (0, 0, 400, 400)),
        ("1:1", "top-right", (-100, 0, 300, 400)),
        ("1:1", "top", (-50, 0, 350, 400)),
        ("16:9", "center", (-206, 0, 506, 400)),
        ("1:2", "bottom-left", (0, -200, 300, 400)),
        ("1:2", "top", (0, 0, 300, 600)),
    ],
)
def test_how_an_image_is_extended(spec: str, anchor: Anchor | None, expected: Box) -> None:
    extension = parse_extension(spec)._replace(anchor=anchor or "center")
    assert extended_box(Size(300, 400), extension, "a.jpg") == expected


@pytest.mark.parametrize(
    ("spec", "message"),
    [("3:4", "adds nothing: a.jpg is already 3:4"), ("left=0.1%", "adds nothing"), ("left=9000000", "the limit is")],
)
def test_an_extension_by_nothing_or_too_much_is_refused(spec: str, message: str) -> None:
    with pytest.raises(InputImageError, match=message):
        extended_box(Size(300, 400), parse_extension(spec), "a.jpg")


def test_the_padding_of_a_mask_ends_at_the_image() -> None:
    assert padded_box((10, 20, 30, 60), Length(50, is_percent=True), (0, 0, 35, 90)) == (0, 0, 35, 80)
    assert padded_box((10, 20, 30, 60), Length(5), (0, 0, 100, 100)) == (5, 15, 35, 65)


@pytest.mark.parametrize(("size", "pixels"), [((6000, 4000), 31), ((1024, 1024), 8), ((300, 200), 4), ((5, 3), 1)])
def test_the_soft_edge_grows_with_the_image(size: tuple[int, int], pixels: int) -> None:
    assert feather_width(Size(*size)) == pixels
