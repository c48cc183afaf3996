"""Every model of the catalog with one request that it accepts and three that it rejects.\n\nWords and figures are from
OpenAI's API reference and deprecations page (read 2026-11-22), not from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.checks.check_request import check_model_life, check_request
from imagecli.checks.model_parameters import inspect_parameters
from imagecli.domain import Edit, Generate, ImageOptions, ImageRequest, InputSource, MaskSource, Size, SvgOptions, Vary
from imagecli.errors import UsageError
from imagecli.events import WarningEvent

ROWS = load_shipped_catalog()
CAT = InputSource(name="cat.png", path=Path("cat.png"))
TODAY = date(2026, 11, 22)
FLAGSHIPS = ("gpt-image-2.6-flare", "gpt-image-2.6-sunburst")
FREE_FORMS = (
    "gpt-image-2.5-sunburst",
    "gpt-image-2.5-sunburst-2026-09-08",
    "gpt-image-2.5-flare",
    "gpt-image-2.5-flare-2026-09-08",
)
TWOS = ("gpt-image-2", "gpt-image-2-2026-04-21")
ONES = ("gpt-image-1.5", "gpt-image-1.5-2025-12-16", "chatgpt-image-latest", "gpt-image-1")


def generate(prompt: str = "a cat", **more: Any) -> ImageRequest:
    return Generate(prompt=prompt, options=ImageOptions(model="", **more))


def edit(images: int = 1, mask: bool = False, markup: bool = False, **more: Any) -> ImageRequest:
    look = ImageOptions(model="", **more)
    mask_, markup_ = (CAT if present else None for present in (mask, markup))
    return Edit(
        prompt="blue",
        images=(CAT,) * images,
        mask=mask_ and MaskSource(file=mask_),
        markup=markup_,
        options=look,
    )


def vary() -> ImageRequest:
    return Vary(image=CAT, options=ImageOptions(model=""))


LEGAL: dict[str, Sequence[ImageRequest]] = {
    **dict.fromkeys(
        FLAGSHIPS,
        (
            generate(size=Size(3840, 2160), quality="max", complexity="high", background="transparent", n=10),
            generate(
                size=Size(816, 816), quality="xhigh", output_format="gif", frame_count=16, frame_duration_ms=655_350
            ),
            generate(output_format="gif", frame_count=2, frame_duration_ms=20),
            generate(output_format="svg", svg=SvgOptions(effort="minimal", model="m"), n=3),
            generate("x" * 32_000, stream=True, partial_images=3, safety_identifier="a1", moderation="low"),
            edit(16, mask=True, output_format="webp", output_compression=0, user="u"),
            edit(markup=True, size="auto"),
        ),
    ),
    **dict.fromkeys(
        FREE_FORMS,
        (
            generate(size=Size(2048, 1152), quality="xhigh", background="transparent", output_format="webp"),
            generate(quality="max", size=Size(1536, 512), stream=True, partial_images=0),
            edit(16, markup=True, safety_identifier="a1"),
        ),
    ),
    **dict.fromkeys(
        TWOS,
        (
            generate(size=Size(2560, 1440), quality="high", output_format="jpeg", output_compression=100, n=10),
            generate(background="transparent", stream=True, partial_images=2),
            edit(16, mask=True),
        ),
    ),
    **dict.fromkeys(
        ("gpt-image-1.5", "gpt-image-1.5-2025-12-16", "gpt-image-1"),
        (generate(size=Size(1024, 1536), quality="low"), edit(16, input_fidelity="high"), edit(input_fidelity="low")),
    ),
    "chatgpt-image-latest": [generate(size=Size(1536, 1024), quality="auto", stream=True)],
    "gpt-image-1-mini": [generate(size=Size(1024, 1024), quality="medium"), edit(input_fidelity="low")],
    "dall-e-2": [
        generate("x" * 1000, size=Size(256, 256), n=10, response_format="url"),
        edit(mask=True, size=Size(512, 512)),
        vary(),
    ],
    "dall-e-3": [
        generate("x" * 4000, size=Size(1792, 1024), quality="hd", style="natural", response_format="b64_json")
    ],
}

Case = tuple[ImageRequest, str, str]
"""A request, the words of its error, and of the hint."""

COMMON: list[Case] = [
    (generate("x" * 32_001), "the prompt has 32,001 characters;", "shorten the prompt"),
    (generate(n=0), "-n 0: expected at least 1", "-n 1"),
    (edit(17), "17 input images;", "use fewer input images"),
    (vary(), "does not support variations", "it supports generate and edit"),
    (generate(style="vivid"), "--style:", "omit --style"),
    (generate(response_format="url"), "--response-format:", "always returns base64"),
    (generate(background="white"), "--background white:", "--background transparent"),
    (generate(output_format="jpg"), "--output-format jpg:", "--output-format jpeg"),
    (generate(output_format="webp", output_compression=101), "--output-compression 101:", "--output-compression 100"),
    (generate(output_format="webp", output_compression=-1), "accepts 0 to 100", "--output-compression 0"),
    (
        generate(output_compression=50),
        "--output-compression: only for jpeg and webp, not for png",
        "--output-format webp",
    ),
    (generate(background="transparent", output_format="jpeg"), "png or webp, not jpeg", "--output-format png"),
    (generate(moderation="none"), "--moderation none:", "--moderation low"),
    (generate(stream=True, partial_images=4), "--partial-images 4:", "--partial-images 3"),
    (generate(partial_images=1), "--partial-images requires --stream", "add --stream"),
    (generate(complexity="max"), "--complexity max:", "--complexity low"),
    (generate(input_fidelity="low"), "--input-fidelity: only for edits", "imagecli edit IMAGE --input-fidelity"),
    (edit(input_fidelity="max"), "--input-fidelity max:", "--input-fidelity"),
    (edit(mask=True, markup=True), "--mask can't be used with --markup", "omit one of them"),
    (generate(params=(("stream", True),)), "--param stream: this field has its own option", "--stream"),
]
FREE_SIZES: list[Case] = [
    (
        generate(size=Size(1920, 1080)),
        "--size 1920x1080: 1080 is not a multiple of 16",
        "--size 1920x1088, or --fit 1920x1080",
    ),
    (generate(size=Size(3856, 2048)), "the maximum edge is 3840 pixels", "--size 3840x2048"),
    (generate(size=Size(1552, 512)), "the long edge may be at most 3 times the short one", "--fit 1552x512"),
    (generate(size=Size(1024, 576)), "it has 589,824 pixels; the minimum is 655,360", "--fit 1024x576"),
    (generate(size=Size(3840, 3840)), "it has 14,745,600 pixels; the maximum is 8,294,400", "--size 2880x2880"),
]
THREE_SIZES: list[Case] = [
    (generate(size=Size(1792, 1024)), "it supports 1024x1024, 1536x1024, 1024x1536 or auto", "--size 1536x1024"),
    (generate(size=Size(512, 512)), "--size 512x512: it supports 1024x1024", "--size 1024x1024, or --fit 512x512"),
]
NO_GIF: list[Case] = [
    (generate(output_format="gif"), "--output-format gif:", "for gif, use -m gpt-image-2.6-flare"),
    (generate(output_format="svg"), "accepts png, jpeg, webp", "for svg, use -m gpt-image-2.6-flare"),
    (generate(frame_count=9), "--frame-count:", "or use -m gpt-image-2.6-flare"),
    (generate(frame_duration_ms=200), "--frame-duration-ms:", "or use -m gpt-image-2.6-flare"),
    (generate(svg=SvgOptions(effort="low")), "--svg-reasoning-effort:", "or use -m gpt-image-2.6-flare"),
    (generate(svg=SvgOptions(model="m")), "--svg-model:", "or use -m gpt-image-2.6-flare"),
]
OF_FRAMES: list[Case] = [
    (generate(output_format="gif", frame_count=17), "--frame-count 17:", "--frame-count 16"),
    (generate(frame_duration_ms=90), "--frame-duration-ms: only for gif, not for png", "name ending in .gif"),
    (
        generate(output_format="svg", svg=SvgOptions(effort="huge")),
        "--svg-reasoning-effort huge:",
        "--svg-reasoning-effort",
    ),
    (edit(mask=True, output_format="gif"), "--mask: can't be used with gif", "omit --mask"),
]
NO_XHIGH: list[Case] = [
    (
        generate(quality="xhigh"),
        "accepts low, medium, high, auto",
        "--quality high; for xhigh, use -m gpt-image-2.6-flare",
    ),
    (generate(quality="max"), "--quality max:", "for max, use -m gpt-image-2.6-flare"),
    (generate(quality="hd"), "accepts low, medium, high, auto", "--quality high"),
]

REFUSED: dict[str, Sequence[Case]] = {
    **dict.fromkeys(
        FLAGSHIPS,
        (
            *COMMON,
            *FREE_SIZES,
            (generate(quality="hd"), "accepts low, medium, high, xhigh, max, auto", "--quality high"),
            (generate(output_format="gif", frame_count=65), "--frame-count 65:", "--frame-count "),
            (generate(output_format="gif", frame_count=1), "accepts 2 to ", "--frame-count 2"),
            (generate(output_format="gif", frame_duration_ms=19), "accepts 20 to 655,350", "--frame-duration-ms 20"),
            (generate(output_format="gif", frame_duration_ms=655_351), "accepts 20 to", "--frame-duration-ms 655350"),
            (generate(frame_count=9), "--frame-count: only for gif, not for png", "--output-format gif"),
            (generate(frame_duration_ms=90), "--frame-duration-ms: only for gif, not for png", "name ending in .gif"),
            (
                generate(svg=SvgOptions(effort="low")),
                "--svg-reasoning-effort: only for svg, not for png",
                "--output-format svg",
            ),
            (
                generate(svg=SvgOptions(model="m"), output_format="gif"),
                "--svg-model: only for svg, not for gif",
                "name ending in .svg",
            ),
            (
                generate(output_format="svg", svg=SvgOptions(effort="huge")),
                "--svg-reasoning-effort huge:",
                "--svg-reasoning-effort",
            ),
            (generate(output_format="gif", stream=True), "--stream: can't be used with gif", "--output-format png"),
            (generate(output_format="svg", stream=True), "--stream: can't be used with svg", "omit --stream"),
            (generate(output_format="gif", output_compression=5), "only for jpeg and webp, not for gif", ""),
            (generate(output_format="svg", output_compression=5), "only for jpeg and webp, not for svg", ""),
            (generate(output_format="gif", background="transparent"), "png or webp, not gif", ""),
            (edit(mask=True, output_format="gif"), "--mask: can't be used with gif", "omit --mask"),
            (generate(output_format="svg", fit=Size(9, 9)), "--fit: can't be used with svg", "omit --fit"),
        ),
    ),
    **dict.fromkeys(
        FREE_FORMS,
        (
            *COMMON,
            *FREE_SIZES,
            *OF_FRAMES,
            (generate(quality="standard"), "accepts low, medium, high, xhigh, max, auto", "--quality medium"),
        ),
    ),
    **dict.fromkeys(TWOS, (*COMMON, *FREE_SIZES, *OF_FRAMES, *NO_XHIGH)),
    **dict.fromkeys(ONES, (*COMMON, *THREE_SIZES, *NO_GIF, *NO_XHIGH)),
    "gpt-image-1-mini": [
        *COMMON,
        *THREE_SIZES,
        *NO_GIF,
        *NO_XHIGH,
        (edit(input_fidelity="high"), "--input-fidelity high: gpt-image-1-mini accepts low", "--input-fidelity low"),
    ],
    "dall-e-2": [
        (generate("x" * 1001), "the prompt has 1,001 characters; dall-e-2 accepts at most 1,000", "shorten the prompt"),
        (generate(size=Size(1024, 1536)), "it supports 256x256, 512x512 or 1024x1024", "--size 1024x1024"),
        (generate(size="auto"), "--size auto: it supports 256x256", "omit --size"),
        (edit(2), "2 input images; dall-e-2 accepts at most 1", "use fewer input images"),
        (generate(quality="high"), "--quality: not supported by dall-e-2", "or use -m gpt-image-2.6-flare"),
        (generate(stream=True), "--stream: not supported by dall-e-2", "omit --stream"),
        (edit(markup=True), "--markup: not supported by dall-e-2", "omit --markup"),
        (
            generate(response_format="json"),
            "--response-format json: dall-e-2 accepts url, b64_json",
            "--response-format",
        ),
    ],
    "dall-e-3": [
        (generate("x" * 4001), "the prompt has 4,001 characters; dall-e-3 accepts at most 4,000", "shorten the prompt"),
        (generate(size=Size(1536, 1024)), "it supports 1024x1024, 1792x1024 or 1024x1792", "--size 1792x1024"),
        (generate(quality="high"), "--quality high: dall-e-3 accepts standard, hd", "--quality hd"),
        (generate(style="bold"), "--style bold: dall-e-3 accepts vivid, natural", "--style"),
        (edit(), "dall-e-3 does not support edits", "it supports generate"),
        (vary(), "dall-e-3 does not support variations", "it supports generate"),
    ],
}


def test_the_table_lists_every_model() -> None:
    assert set(LEGAL) == set(REFUSED) == set(ROWS.models)
    assert all(len(cases) >= 3 for cases in REFUSED.values())


@pytest.mark.parametrize(
    ("model", "image_request"), [(model, image_request) for model, asks in LEGAL.items() for image_request in asks]
)
def test_a_valid_request_is_accepted_without_a_warning(model: str, image_request: ImageRequest) -> None:
    assert check_request(image_request, ROWS.model(model), ROWS.models.values()) == ()


@pytest.mark.parametrize(
    ("model", "image_request", "words", "hint"), [(model, *case) for model, cases in REFUSED.items() for case in cases]
)
def test_an_invalid_request_is_rejected_with_a_hint(
    model: str, image_request: ImageRequest, words: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        check_request(image_request, ROWS.model(model), ROWS.models.values())
    assert words in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("image_request", "others", "taker"),
    [
        (generate(complexity="low"), ("gpt-image-2", "gpt-image-2.6-sunburst"), "or use -m gpt-image-2.6-sunburst"),
        (generate(quality="low"), ("gpt-image-1", "gpt-image-1.5", "gpt-image-2"), "or use -m gpt-image-2"),
        (generate(quality="low"), (), "choose another model"),
    ],
)
def test_a_hint_names_an_available_model_that_accepts_the_value(
    image_request: ImageRequest, others: tuple[str, ...], taker: str
) -> None:
    with pytest.raises(UsageError) as caught:
        check_request(image_request, ROWS.model("dall-e-2"), [ROWS.model(name) for name in others])
    assert taker in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("models", "image_request", "flag"),
    [
        ((*FREE_FORMS, *TWOS, *ONES, "gpt-image-1-mini"), generate(complexity="low"), "--complexity"),
        ((*TWOS, *ONES, "gpt-image-1-mini"), edit(markup=True), "--markup"),
        ((*FLAGSHIPS, *FREE_FORMS, *TWOS, "chatgpt-image-latest"), edit(input_fidelity="high"), "--input-fidelity"),
    ],
)
def test_undocumented_values_are_sent_with_a_warning(
    models: tuple[str, ...], image_request: ImageRequest, flag: str
) -> None:
    for model in models:
        (warning,) = check_request(image_request, ROWS.model(model))
        assert warning.code == "unstated"
        assert warning.message.startswith(f"{flag}: not documented for {model}")


@pytest.mark.parametrize(("count", "warned"), [(16, False), (17, True), (64, True)])
def test_more_frames_than_documented_are_sent_with_a_warning(count: int, warned: bool) -> None:
    row = ROWS.model("gpt-image-2.6-flare")
    findings = list(inspect_parameters(generate(output_format="gif", frame_count=count), row, []))
    message = f"--frame-count {count}: gpt-image-2.6-flare documents 2 to 16; imagecli sends it"
    assert findings == ([WarningEvent(code="unstated", message=message)] if warned else [])
    (refused,) = (
        one
        for one in inspect_parameters(
            generate(output_format="gif", frame_count=17), ROWS.model("gpt-image-2.5-flare"), []
        )
        if isinstance(one, UsageError)
    )
    assert "accepts 2 to 16" in refused.message


@pytest.mark.parametrize("model", [*FREE_FORMS, *TWOS])
@pytest.mark.parametrize(
    ("image_request", "flags"),
    [
        (generate(output_format="gif"), ["--output-format gif"]),
        (generate(output_format="svg"), ["--output-format svg"]),
        (generate(output_format="gif", frame_count=9), ["--output-format gif", "--frame-count"]),
        (
            generate(output_format="svg", svg=SvgOptions(effort="low", model="m")),
            ["--output-format svg", "--svg-reasoning-effort"],
        ),
    ],
)
def test_gif_and_svg_are_sent_to_models_with_undocumented_support(
    model: str, image_request: ImageRequest, flags: list[str]
) -> None:
    tail = f": not documented for {model}; imagecli sends it anyway; -m gpt-image-2.6-flare supports it"
    warnings = check_request(image_request, ROWS.model(model), ROWS.models.values())
    assert [warning.message for warning in warnings] == [flag + tail for flag in flags]
    assert {warning.code for warning in warnings} == {"unstated"}


def test_a_hint_names_no_model_whose_support_is_undocumented() -> None:
    with pytest.raises(UsageError) as caught:
        check_request(edit(input_fidelity="high"), ROWS.model("gpt-image-1-mini"), ROWS.models.values())
    assert caught.value.hint == "use --input-fidelity low"


@pytest.mark.parametrize(
    ("model", "released", "shutdown"),
    [
        *[(model, "2026-11-04", None) for model in FLAGSHIPS],
        *[(model, "2026-09-08", None) for model in FREE_FORMS],
        *[(model, "2026-04-21", None) for model in TWOS],
        ("gpt-image-1.5", "2025-12-16", "2026-12-01"),
        ("gpt-image-1.5-2025-12-16", "2025-12-16", "2026-12-01"),
        ("gpt-image-1-mini", None, "2026-12-01"),
        ("chatgpt-image-latest", None, "2026-12-01"),
        ("gpt-image-1", None, "2026-10-23"),
        ("dall-e-2", None, "2026-05-12"),
        ("dall-e-3", None, "2026-05-12"),
    ],
)
def test_shutdown_dates_are_those_of_the_deprecations_page(
    model: str, released: str | None, shutdown: str | None
) -> None:
    row = ROWS.model(model)
    assert [str(day) if day else None for day in (row.released, row.shutdown)] == [released, shutdown]
    assert (row.successor is not None) == (shutdown is not None)


def test_a_successor_is_an_available_model() -> None:
    for row in ROWS.models.values():
        if row.successor:
            check_model_life(ROWS.models[row.successor], ROWS.provider("openai"), "https://api.openai.com/v1", TODAY)


@pytest.mark.parametrize(
    ("models", "dollars"),
    [
        ((*FLAGSHIPS, *FREE_FORMS, *TWOS), (5, 1.25, 8, 2, 30)),
        (("gpt-image-1.5", "gpt-image-1.5-2025-12-16"), (5, 1.25, 8, 2, 32)),
        (("gpt-image-1-mini",), (2, 0.2, 2.5, 0.25, 8)),
        (("gpt-image-1",), (5, 1.25, 10, 2.5, 40)),
    ],
)
def test_a_million_tokens_cost_what_is_printed(models: tuple[str, ...], dollars: tuple[float, ...]) -> None:
    for model in models:
        it = ROWS.model(model).prices
        assert it is not None
        assert (it.text_in, it.text_in_cached, it.image_in, it.image_in_cached, it.image_out) == dollars
        assert (it.month, bool(it.source)) == ("2026-11", True)


@pytest.mark.parametrize(
    ("model", "quality", "size", "tokens"),
    [
        ("gpt-image-2", "low", "1024x1024", 196),
        ("gpt-image-2", "high", "1024x1024", 7024),
        ("gpt-image-2-2026-04-21", "high", "1536x1024", 5488),
        ("gpt-image-2", "high", "3584x2048", 12_329),
        ("gpt-image-2.5-flare", "medium", "1024x1024", 439),
        ("gpt-image-2.5-sunburst", "max", "1024x1024", 7024),
        ("gpt-image-2.6-flare", "low", "1536x1024", 664),
        ("gpt-image-2.6-sunburst", "high", "3840x2160", 3337),
        ("gpt-image-1.5", "medium", "1024x1536", 1584),
        ("gpt-image-1-mini", "high", "1536x1024", 6208),
    ],
)
def test_the_tokens_of_an_image_are_those_of_the_table(model: str, quality: str, size: str, tokens: int) -> None:
    prices = ROWS.model(model).prices
    assert prices is not None
    assert prices.output_tokens[quality][Size.parse(size)] == tokens
