"""The result of a size, a name, a ratio or --fit: always a legal size, as close as possible to the request."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.catalog.size_rule import SizeRule
from imagecli.checks.check_request import check_request, resolve_size
from imagecli.domain import Generate, ImageOptions, Shape, Size
from imagecli.errors import UsageError
from imagecli.sizes import parse_size
from tests.conftest import Run, read_image

ROWS = load_shipped_catalog()
FREE, THREE = ROWS.model("gpt-image-2"), ROWS.model("gpt-image-1.5")
SQUARES, WIDE = ROWS.model("dall-e-2"), ROWS.model("dall-e-3")
UNKNOWN = ROWS.model("somebody/flux-9")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("1024x1536", Size(1024, 1536)),
        (" 1024 X 1536 ", Size(1024, 1536)),
        ("1024×1536", Size(1024, 1536)),
        ("1024*1536", Size(1024, 1536)),
        ("auto", "auto"),
        ("Auto", "auto"),
        ("square", Shape(1, 1, "square")),
        ("Landscape", Shape(3, 2, "landscape")),
        ("portrait", Shape(2, 3, "portrait")),
        ("16:9", Shape(16000, 9000, "16:9")),
        ("2.39:1", Shape(2390, 1000, "2.39:1")),
    ],
)
def test_a_size_is_read(text: str, read: object) -> None:
    assert parse_size(text) == read


@pytest.mark.parametrize(
    "text", ["", "big", "1024", "0x5", "5x0", "0:1", "16:", "16:9:4", "-1x5", "1e3x1e3", "1٠x16", "16:٩"]
)
def test_an_invalid_size_is_refused(text: str) -> None:
    with pytest.raises(
        UsageError, match="expected WIDTHxHEIGHT in pixels, a ratio, square, landscape, portrait or auto"
    ):
        parse_size(text)


@given(st.text(max_size=20))
@example("9" * 20 + "x1")
def test_any_text_is_a_size_or_an_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert parse_size(text)


@pytest.mark.parametrize(
    ("model", "word", "size"),
    [
        ("gpt-image-2", "square", "1024x1024"),
        ("gpt-image-2", "landscape", "1536x1024"),
        ("gpt-image-2", "portrait", "1024x1536"),
        ("gpt-image-2", "1:1", "1024x1024"),
        ("gpt-image-2", "16:9", "1536x864"),
        ("gpt-image-2", "9:16", "864x1536"),
        ("gpt-image-2", "4:3", "1536x1152"),
        ("gpt-image-2", "3:1", "1536x512"),
        ("gpt-image-2", "21:9", "1568x672"),
        ("gpt-image-2", "2.39:1", "1536x640"),
        ("gpt-image-2", "68:67", "1536x1520"),
        ("gpt-image-1.5", "square", "1024x1024"),
        ("gpt-image-1.5", "landscape", "1536x1024"),
        ("gpt-image-1.5", "portrait", "1024x1536"),
        ("gpt-image-1.5", "3:2", "1536x1024"),
        ("dall-e-3", "landscape", "1792x1024"),
        ("dall-e-3", "portrait", "1024x1792"),
        ("dall-e-3", "7:4", "1792x1024"),
        ("dall-e-2", "square", "1024x1024"),
        ("dall-e-2", "1:1", "1024x1024"),
        ("somebody/flux-9", "square", "1024x1024"),
        ("somebody/flux-9", "16:9", "1536x864"),
        ("somebody/flux-9", "4:1", "1536x384"),
        ("somebody/flux-9", "21:9", "1568x672"),
    ],
)
def test_a_shape_becomes_a_size_with_a_note(model: str, word: str, size: str) -> None:
    resolved, (note,) = resolve_size(parse_size(word), None, ROWS.model(model))
    assert str(resolved) == size
    assert f"{word} is generated at {size}" in note.message


@pytest.mark.parametrize(("word", "near"), [("2.39:1", True), ("16:9", False), ("landscape", False)])
def test_an_approximated_ratio_is_noted(word: str, near: bool) -> None:
    _, (note,) = resolve_size(parse_size(word), None, FREE)
    assert ("the closest size gpt-image-2 supports" in note.message) is near


@pytest.mark.parametrize(
    ("model", "word", "words", "hint"),
    [
        (
            "gpt-image-1.5",
            "16:9",
            "--size 16:9: it supports 1024x1024, 1536x1024, 1024x1536 or auto",
            "--size 1536x1024",
        ),
        ("gpt-image-1.5", "1000:999", "it supports 1024x1024", "--size 1024x1024"),
        ("dall-e-2", "landscape", "--size landscape: it supports 256x256, 512x512 or 1024x1024", "--size 1024x1024"),
        ("dall-e-3", "16:9", "it supports 1024x1024, 1792x1024 or 1024x1792", "--size 1792x1024"),
        ("dall-e-3", "9:16", "it supports 1024x1024", "--size 1024x1792"),
        ("gpt-image-2", "4:1", "--size 4:1: the long edge may be at most 3 times the short one", "--size 1536x512"),
        ("gpt-image-2", "1:9999", "at most 3 times", "--size 512x1536"),
    ],
)
def test_an_unsupported_shape_is_rejected_with_the_nearest_one(model: str, word: str, words: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_size(parse_size(word), None, ROWS.model(model))
    assert words in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("model", "size", "near"),
    [
        ("gpt-image-2", "1920x1080", "1920x1088"),
        ("gpt-image-2", "1080x1920", "1088x1920"),
        ("gpt-image-2", "1792x936", "1792x944"),
        ("gpt-image-2", "1000x1000", "1008x1008"),
        ("gpt-image-2", "16x16", "816x816"),
        ("gpt-image-2", "3840x3840", "2880x2880"),
        ("gpt-image-2", "7680x4320", "3840x2160"),
        ("gpt-image-2", "3856x2048", "3840x2048"),
        ("gpt-image-2", "3072x1008", "3072x1024"),
        ("gpt-image-1.5", "1920x1080", "1536x1024"),
        ("gpt-image-1.5", "3000x3000", "1024x1024"),
        ("dall-e-2", "300x300", "256x256"),
        ("dall-e-3", "1024x1700", "1024x1792"),
    ],
)
def test_an_illegal_size_is_refused_with_the_nearest_legal_one(model: str, size: str, near: str) -> None:
    request = Generate(prompt="x", options=ImageOptions(model=model, size=Size.parse(size)))
    with pytest.raises(UsageError) as caught:
        check_request(request, ROWS.model(model))
    assert caught.value.hint == f"use --size {near}, or --fit {size} for exactly that size"


@pytest.mark.parametrize(
    ("model", "fit", "size"),
    [
        ("gpt-image-2", "1920x1080", "1920x1088"),
        ("gpt-image-2", "1080x1080", "1088x1088"),
        ("gpt-image-2", "1200x630", "1200x640"),
        ("gpt-image-2", "1000x500", "1152x576"),
        ("gpt-image-2", "512x512", "816x816"),
        ("gpt-image-2", "1335x609", "1344x624"),
        ("gpt-image-2", "64x64", "816x816"),
        ("gpt-image-2", "2560x1440", "2560x1440"),
        ("gpt-image-2", "5000x5000", "2880x2880"),
        ("gpt-image-2", "7680x4320", "3840x2160"),
        ("gpt-image-2", "5000x1000", "3840x1280"),
        ("gpt-image-1.5", "1920x1080", "1536x1024"),
        ("gpt-image-1.5", "300x450", "1024x1536"),
        ("dall-e-2", "300x300", "512x512"),
        ("dall-e-2", "2000x2000", "1024x1024"),
        ("dall-e-3", "1024x1100", "1024x1024"),
        ("somebody/flux-9", "777x333", "777x333"),
    ],
)
def test_a_fit_uses_a_legal_size_that_covers_it(model: str, fit: str, size: str) -> None:
    resolved, notes = resolve_size(None, Size.parse(fit), ROWS.model(model))
    assert str(resolved) == size
    assert [note.message for note in notes] == (
        [f"--fit {fit} is generated at {size}, then cropped and resized"] if fit != size else []
    )


def test_a_requested_size_is_used_for_a_fit() -> None:
    assert resolve_size(Size(1024, 1024), Size(500, 300), FREE)[0] == Size(1024, 1024)
    assert resolve_size("auto", Size(500, 300), FREE)[0] == "auto"
    assert resolve_size(parse_size("16:9"), Size(500, 300), FREE)[0] == Size(1536, 864)


@pytest.mark.parametrize(
    ("size", "messages"),
    [
        ("1024x1024", ["--fit 500x300 is generated at 1024x1024, then cropped and resized"]),
        ("auto", ["--fit 500x300 is generated at a size chosen by the model, then cropped and resized"]),
        ("16:9", ["16:9 is generated at 1536x864", "--fit 500x300 is generated at 1536x864, then cropped and resized"]),
        ("500x300", []),
    ],
)
def test_a_fit_with_a_size_is_noted_with_its_effect(size: str, messages: list[str]) -> None:
    notes = resolve_size(parse_size(size), Size(500, 300), FREE)[1]
    assert [note.message for note in notes] == messages


@pytest.mark.parametrize(
    ("model", "size", "hint"),
    [
        ("gpt-image-2", "16x9", "did you mean --size 16:9? for exactly 16x9 pixels, use --fit 16x9"),
        ("gpt-image-2", "3x2", "did you mean --size 3:2? for exactly 3x2 pixels, use --fit 3x2"),
        ("gpt-image-2", "9x1", "use --size 1440x480, or --fit 9x1 for exactly that size"),
        ("gpt-image-2", "160x90", "use --size 1088x608, or --fit 160x90 for exactly that size"),
        ("gpt-image-2", "32x32", "use --size 816x816, or --fit 32x32 for exactly that size"),
        ("dall-e-2", "16x9", "use --size 256x256, or --fit 16x9 for exactly that size"),
    ],
)
def test_a_tiny_size_is_suggested_as_a_ratio_if_the_model_supports_it(model: str, size: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_request(Generate(prompt="x", options=ImageOptions(model=model, size=Size.parse(size))), ROWS.model(model))
    assert caught.value.hint == hint


def test_a_fit_that_is_too_large_is_refused() -> None:
    with pytest.raises(UsageError, match="the limit is 100,000,000"):
        resolve_size(None, Size(99_999, 99_999), UNKNOWN)


def test_a_size_set_without_a_square_gives_no_square() -> None:
    assert SizeRule(set=(Size(1024, 1536), Size(1536, 1024))).nearest_to_shape(Shape(1, 1, "square")) is None


SIZES = st.builds(Size, st.integers(1, 999_999), st.integers(1, 999_999))
SMALL = st.builds(Size, st.integers(1, 4096), st.integers(1, 4096))


@pytest.mark.parametrize("row", [FREE, THREE, SQUARES, WIDE, UNKNOWN], ids=lambda row: row.name)
@settings(deadline=None)
@given(size=SIZES | SMALL)
def test_the_nearest_of_anything_is_legal(row: object, size: Size) -> None:
    rule: SizeRule = row.sizes  # type: ignore[attr-defined]
    for legal in (rule.nearest(size), rule.covering(size)):
        assert legal is not None
        assert rule.objection(legal) is None
        assert (legal == size) == (rule.objection(size) is None)


@settings(deadline=None)
@given(size=st.builds(Size, st.integers(1, 3840), st.integers(1, 2160)))
def test_a_fit_within_the_limits_is_hardly_enlarged(size: Size) -> None:
    covering = FREE.sizes.covering(size)
    assert covering is not None
    assert max(size.width / covering.width, size.height / covering.height) <= 1.01


@settings(deadline=None)
@given(
    shape=st.builds(Shape, st.integers(1, 9999), st.integers(1, 9999), st.just("a:b")),
    row=st.sampled_from([FREE, THREE, SQUARES, WIDE, UNKNOWN]),
)
def test_a_shape_becomes_a_legal_size_or_an_error(shape: Shape, row: object) -> None:
    rule: SizeRule = row.sizes  # type: ignore[attr-defined]
    size = rule.nearest_to_shape(shape)
    assert size is None or rule.objection(size) is None
    if size is not None and max(shape.width, shape.height) <= 8 * min(shape.width, shape.height):
        assert abs(size.width / size.height / (shape.width / shape.height) - 1) < 0.1


@settings(deadline=None)
@given(
    size=SMALL,
    rule=st.builds(
        lambda **limits: SizeRule(**limits),
        multiple=st.sampled_from([1, 7, 8, 16, 64]),
        max_edge=st.none() | st.integers(1, 600),
        max_ratio=st.none() | st.floats(1, 4),
        min_pixels=st.integers(1, 500_000),
        max_pixels=st.none() | st.integers(1, 500_000),
    ),
)
def test_any_size_rule_gives_a_legal_size_or_an_error(rule: SizeRule, size: Size) -> None:
    for legal in (rule.nearest(size), rule.covering(size)):
        assert legal is None or rule.objection(legal) is None


def test_the_command_requests_a_ratio_and_notes_its_size(imagecli: Run) -> None:
    done = imagecli("generate", "a cat", "-s", "4:3", "--provider", "sandbox")
    assert done.exit_code == 0, done.stderr
    assert "4:3 is generated at 1536x1152" in done.stderr
    assert read_image(done.paths[0]).size == (1536, 1152)


def test_the_command_names_where_a_shape_was_set(imagecli: Run, tmp_path: Path) -> None:
    done = imagecli("generate", "a cat", "-m", "dall-e-2", "--provider", "sandbox", env={"IMAGECLI_SIZE": "16:9"})
    assert done.exit_code == 2
    assert (
        "--size 16:9: it supports 256x256, 512x512 or 1024x1024 (dall-e-2); size comes from IMAGECLI_SIZE"
        in done.stderr
    )


def test_no_pixel_size_is_printed_if_the_server_chooses_it(imagecli: Run) -> None:
    done = imagecli("generate", "a cat", "-s", "16:9", "--provider", "xai", "--dry-run", "--json")
    assert done.exit_code == 0, done.stderr
    assert "16:9" in done.stdout
    assert "is generated at" not in done.stdout + done.stderr


def test_the_command_saves_exactly_the_fitted_size(imagecli: Run) -> None:
    done = imagecli("generate", "a cat", "--fit", "500x300", "--provider", "sandbox")
    assert done.exit_code == 0, done.stderr
    assert "--fit 500x300 is generated at" in done.stderr
    assert read_image(done.paths[0]).size == (500, 300)
