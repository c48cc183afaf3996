"""What is refused before a paid request, and what must not be refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.checks.check_request import check_prompt_argument, check_prompt_text, check_request, decode_prompt
from imagecli.checks.model_parameters import OWN_FIELDS, needs_alpha
from imagecli.domain import (
    Crop,
    Edit,
    Generate,
    ImageOptions,
    ImageRequest,
    InputFit,
    InputSource,
    MaskSource,
    Size,
    Vary,
)
from imagecli.errors import UsageError

ROWS = load_shipped_catalog()
CAT = InputSource(name="cat.png", path=Path("cat.png"))


def generate(model: str = "gpt-image-2", prompt: str = "a cat", **more: Any) -> Generate:
    return Generate(prompt=prompt, options=ImageOptions(**{"model": model} | more))


def edit(model: str = "gpt-image-2", images: int = 1, prompt: str = "blue", mask: InputSource | None = None) -> Edit:
    return Edit(
        prompt=prompt,
        images=(CAT,) * images,
        mask=mask and MaskSource(file=mask),
        options=ImageOptions(model=model),
    )


def vary(model: str) -> Vary:
    return Vary(image=CAT, options=ImageOptions(model=model))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a cat\r\n", "a cat"),
        (b"a cat\n\n", "a cat\n"),
        (b"\xef\xbb\xbfa cat", "a cat"),
        (b"x" * 2**20, "x" * 2**20),
    ],
    ids=["line end", "one line end", "byte order mark", "1 MB"],
)
def test_a_prompt_file_is_used_verbatim(data: bytes, text: str) -> None:
    assert decode_prompt(data, "p.txt") == text


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"x" * (2**20 + 1), "p.txt is larger than 1 MB"), (b"caf\xe9", "p.txt is not UTF-8")],
    ids=["too large", "Latin-1"],
)
def test_an_invalid_prompt_file_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        decode_prompt(data, "p.txt")


def test_the_length_of_a_prompt_is_counted_in_characters() -> None:
    check_prompt_text("猫" * 32_000, ROWS.model("gpt-image-2"))


@pytest.mark.parametrize(
    ("image_request", "words", "hint"),
    [
        (vary("gpt-image-2"), "gpt-image-2 does not support variations", "generate and edit"),
        (edit("dall-e-3"), "dall-e-3 does not support edits", "it supports generate"),
        (edit("dall-e-2", 2), "2 input images; dall-e-2 accepts at most 1", ""),
        (edit("gpt-image-2", 17), "17 input images; gpt-image-2 accepts at most 16", ""),
        (generate(prompt=""), "empty", ""),
        (generate(prompt=" \n "), "empty", ""),
        (generate(prompt="caf\udce9"), "not valid Unicode", "UTF-8"),
        (edit(prompt=""), "empty", ""),
        (generate("dall-e-2", "猫" * 1001), "1,001 characters; dall-e-2 accepts at most 1,000", ""),
        (generate("dall-e-3", "x" * 4001), "dall-e-3 accepts at most 4,000", ""),
        (generate(prompt="x" * 32_001), "accepts at most 32,000", ""),
        (generate(n=0), "at least 1", ""),
        (generate(n=-3), "at least 1", ""),
        (generate("dall-e-2", size="auto"), "it supports 256x256, 512x512 or 1024x1024", "omit --size"),
        (generate("dall-e-3", size=Size(512, 512)), "1024x1024, 1792x1024 or 1024x1792", ""),
        (generate(size=Size(1024, 1030)), "1030 is not a multiple of 16", "1024x1024"),
        (generate(size=Size(3856, 2048)), "the maximum edge is 3840 pixels", ""),
        (generate(size=Size(3072, 1008)), "at most 3 times", ""),
        (generate(size=Size(16, 16)), "the minimum is 655,360", ""),
        (generate(size=Size(3840, 3840)), "the maximum is 8,294,400", ""),
        (generate(quality="hd"), "low, medium, high, auto", "--quality high"),
        (generate("dall-e-3", quality="low"), "standard, hd", "--quality standard"),
        (generate(style="vivid"), "--style: not supported by gpt-image-2", ""),
        (generate(response_format="url"), "--response-format", "always returns base64"),
        (generate("dall-e-2", response_format="json"), "url, b64_json", ""),
        (generate("dall-e-2", output_format="png"), "--output-format: not supported by dall-e-2", ""),
        (generate("gpt-image-1.5", output_format="gif"), "png, jpeg, webp", "--output-format png"),
        (generate(output_format="jpg"), "--output-format jpg: gpt-image-2 accepts png", "--output-format jpeg"),
        (generate(output_format="JPEG"), "png, jpeg, webp", "--output-format jpeg"),
        (generate(output_format="PNG"), "png, jpeg, webp", "--output-format png"),
        (generate(quality="High"), "low, medium, high, auto", "--quality high"),
        (generate(moderation="none"), "--moderation none: gpt-image-2 accepts low, auto", "--moderation low"),
        (generate("dall-e-2", moderation="low"), "not supported by dall-e-2", ""),
        (generate("dall-e-3", style="bright"), "vivid, natural", ""),
        (generate(output_compression=50), "only for jpeg and webp, not for png", ""),
        (generate(output_compression=50, output_format="png"), "not for png", ""),
        (generate(output_compression=101, output_format="webp"), "0 to 100", ""),
        (generate(background="transparent", output_format="jpeg"), "not jpeg", "png"),
        *[(generate(params=((field, 1),)), f"--param {field}", "") for field in OWN_FIELDS],
    ],
)
def test_an_unsupported_option_is_refused(image_request: ImageRequest, words: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_request(image_request, ROWS.model(image_request.options.model))
    assert words in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    "image_request",
    [
        generate(),
        generate(n=500),
        generate(prompt="x" * 32_000),
        generate(prompt="a\nb {x} 猫"),
        generate(size=Size(1024, 1024)),
        generate(size=Size(3840, 2160)),
        generate(size=Size(816, 816)),
        generate(size=Size(1536, 512)),
        generate(size="auto"),
        generate(background="transparent"),
        generate(moderation="low"),
        generate("somebody/flux-9", moderation="none"),
        generate(background="transparent", output_format="webp", output_compression=0),
        generate(params=(("seed", 7),)),
        generate("dall-e-2", size=Size(256, 256), response_format="url", user="u", n=10),
        generate("dall-e-3", quality="hd", style="natural", size=Size(1792, 1024)),
        generate("somebody/flux-9", size=Size(777, 333), quality="ultra", style="x", response_format="b64_json"),
        generate("somebody/flux-9", output_format="avif"),
        generate("somebody/flux-9", output_format="gif", stream=True, output_compression=50),
        edit("somebody/flux-9"),
        edit("gpt-image-2", 16),
        edit("dall-e-2"),
        vary("dall-e-2"),
        vary("somebody/flux-9"),
    ],
)
def test_a_supported_option_is_accepted(image_request: ImageRequest) -> None:
    check_request(image_request, ROWS.model(image_request.options.model))


@pytest.mark.parametrize("field", ["size", "quality", "output_format", "user"])
def test_a_field_that_does_not_affect_the_price_can_be_set_by_param(field: str) -> None:
    there = ROWS.model_for_provider(ROWS.provider("ark"), "m")
    check_request(generate("m", params=((field, "2K"),)), there)
    value: Any = Size(1024, 1024) if field == "size" else "png"
    with pytest.raises(UsageError, match=f"--param {field}: can't be used with --{field.replace('_', '-')}"):
        check_request(generate("m", params=((field, "2K"),), **{field: value}), there)


@pytest.mark.parametrize("field", ["model", "prompt", "n", "stream", "partial_images", "image", "image[]", "mask"])
def test_no_param_sets_a_field_that_changes_how_the_response_is_read(field: str) -> None:
    with pytest.raises(UsageError, match="this field has its own option"):
        check_request(generate("m", params=((field, "x"),)), ROWS.model_for_provider(ROWS.provider("ark"), "m"))


@pytest.mark.parametrize("crop", ["top", "bottom", "left", "right"])
def test_an_input_is_cropped_or_padded_to_a_square(crop: Crop) -> None:
    with pytest.raises(UsageError, match=f"--pad can't be used with --crop {crop}"):
        check_request(edit("dall-e-2")._replace(input_fit=InputFit(crop=crop, pad=True)), ROWS.model("dall-e-2"))


@pytest.mark.parametrize(
    ("model", "framing", "message"),
    [
        ("gpt-image-2", InputFit(crop="left"), "--crop left has no effect: gpt-image-2 does not require square images"),
        ("gpt-image-2", InputFit(pad=True), "--pad has no effect: gpt-image-2 does not require square images"),
        ("gpt-image-2", InputFit(), None),
        ("gpt-image-2", InputFit(crop="none"), None),
        ("dall-e-2", InputFit(crop="left"), None),
        ("dall-e-2", InputFit(pad=True), None),
        ("dall-e-2", InputFit(crop="none", pad=True), None),
    ],
)
def test_a_framing_without_effect_is_noted(model: str, framing: InputFit, message: str | None) -> None:
    for image_request in (edit(model)._replace(input_fit=framing), vary("dall-e-2")._replace(input_fit=framing)):
        row = ROWS.model(model)._replace(operations=("edits", "variations"))
        assert [warning.message for warning in check_request(image_request, row)] == ([message] if message else [])


EXISTING = {"notes.txt", "photo.jpg", "cat.png", "a cat.png", "a folder"}


@pytest.mark.parametrize(
    ("prompt", "hint"),
    [
        ("photo.jpg", 'imagecli edit photo.jpg "what to change"'),
        ("PHOTO.JPEG", "imagecli edit PHOTO.JPEG"),
        ("missing.heic", "imagecli edit missing.heic"),
        (" photo.jpg\n", "imagecli edit photo.jpg"),
        ("photo of cat.jpg", 'imagecli edit "photo of cat.jpg" "what to change"'),
        ("a photo like cat.png", "; to send it as text, use --prompt"),
        ("scan.pdf", "imagecli edit scan.pdf"),
        ("notes.txt", "-f notes.txt"),
        ("a folder", '-f "a folder"'),
    ],
)
def test_the_name_of_a_file_is_not_a_prompt(prompt: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_prompt_argument(prompt, is_file=prompt in EXISTING)
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    "prompt",
    [
        "a cat",
        "a photo like cat.png, but blue",
        "a logo that says .png",
        "",
        "Make version 2.0",
        "hello.world",
        "notes.md",
        "a cat.\n",
        "photo.jpg\nand more",
        "x" * 2000 + ".png",
        "https://a.example/logo",
    ],
)
def test_other_words_are_a_prompt(prompt: str) -> None:
    check_prompt_argument(prompt, is_file=prompt.strip() in EXISTING)


@pytest.mark.parametrize(
    ("image_request", "needed"),
    [
        (edit("dall-e-2"), True),
        (edit("dall-e-2", mask=CAT), False),
        (edit("gpt-image-2"), False),
        (vary("dall-e-2"), False),
        (generate("dall-e-2"), False),
    ],
)
def test_a_classic_edit_without_a_mask_needs_transparency(image_request: ImageRequest, needed: bool) -> None:
    assert needs_alpha(image_request, ROWS.model(image_request.options.model)) is needed


def test_the_inputs_are_named_in_the_error() -> None:
    assert (generate().input_sources, edit(images=2).input_sources, vary("dall-e-2").input_sources) == (
        (),
        (CAT, CAT),
        (CAT,),
    )
