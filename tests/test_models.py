"""Every model of the catalog by one request that it takes and three that it doesn't.

Words and figures are typed from OpenAI's API reference and deprecations page (read 2026-11-22), not from the rows.
"""

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


def made(prompt: str = "a cat", **more: Any) -> ImageRequest:
    return Generate(prompt=prompt, options=ImageOptions(model="", **more))


def edited(images: int = 1, mask: bool = False, markup: bool = False, **more: Any) -> ImageRequest:
    look = ImageOptions(model="", **more)
    mask_, markup_ = (CAT if wanted else None for wanted in (mask, markup))
    return Edit(
        prompt="blue",
        images=(CAT,) * images,
        mask=mask_ and MaskSource(file=mask_),
        markup=markup_,
        options=look,
    )


def varied() -> ImageRequest:
    return Vary(image=CAT, options=ImageOptions(model=""))


LEGAL: dict[str, Sequence[ImageRequest]] = {
    **dict.fromkeys(
        FLAGSHIPS,
        (
            made(size=Size(3840, 2160), quality="max", complexity="high", background="transparent", n=10),
            made(size=Size(816, 816), quality="xhigh", output_format="gif", frame_count=16, frame_duration_ms=655_350),
            made(output_format="gif", frame_count=2, frame_duration_ms=20),
            made(output_format="svg", svg=SvgOptions(effort="minimal", model="m"), n=3),
            made("x" * 32_000, stream=True, partial_images=3, safety_identifier="a1", moderation="low"),
            edited(16, mask=True, output_format="webp", output_compression=0, user="u"),
            edited(markup=True, size="auto"),
        ),
    ),
    **dict.fromkeys(
        FREE_FORMS,
        (
            made(size=Size(2048, 1152), quality="xhigh", background="transparent", output_format="webp"),
            made(quality="max", size=Size(1536, 512), stream=True, partial_images=0),
            edited(16, markup=True, safety_identifier="a1"),
        ),
    ),
    **dict.fromkeys(
        TWOS,
        (
            made(size=Size(2560, 1440), quality="high", output_format="jpeg", output_compression=100, n=10),
            made(background="transparent", stream=True, partial_images=2),
            edited(16, mask=True),
        ),
    ),
    **dict.fromkeys(
        ("gpt-image-1.5", "gpt-image-1.5-2025-12-16", "gpt-image-1"),
        (made(size=Size(1024, 1536), quality="low"), edited(16, input_fidelity="high"), edited(input_fidelity="low")),
    ),
    "chatgpt-image-latest": [made(size=Size(1536, 1024), quality="auto", stream=True)],
    "gpt-image-1-mini": [made(size=Size(1024, 1024), quality="medium"), edited(input_fidelity="low")],
    "dall-e-2": [
        made("x" * 1000, size=Size(256, 256), n=10, response_format="url"),
        edited(mask=True, size=Size(512, 512)),
        varied(),
    ],
    "dall-e-3": [made("x" * 4000, size=Size(1792, 1024), quality="hd", style="natural", response_format="b64_json")],
}

Case = tuple[ImageRequest, str, str]
"""A request, the words of its refusal, and of the hint."""

COMMON: list[Case] = [
    (made("x" * 32_001), "the prompt has 32,001 characters;", "shorten the prompt"),
    (made(n=0), "-n 0: expected at least 1", "-n 1"),
    (edited(17), "17 input images;", "use fewer input images"),
    (varied(), "does not support variations", "it supports generate and edit"),
    (made(style="vivid"), "--style:", "omit --style"),
    (made(response_format="url"), "--response-format:", "always returns base64"),
    (made(background="white"), "--background white:", "--background transparent"),
    (made(output_format="jpg"), "--output-format jpg:", "--output-format jpeg"),
    (made(output_format="webp", output_compression=101), "--output-compression 101:", "--output-compression 100"),
    (made(output_format="webp", output_compression=-1), "accepts 0 to 100", "--output-compression 0"),
    (
        made(output_compression=50),
        "--output-compression: only for jpeg and webp, not for png",
        "--output-format webp",
    ),
    (made(background="transparent", output_format="jpeg"), "png or webp, not jpeg", "--output-format png"),
    (made(moderation="none"), "--moderation none:", "--moderation low"),
    (made(stream=True, partial_images=4), "--partial-images 4:", "--partial-images 3"),
    (made(partial_images=1), "--partial-images requires --stream", "add --stream"),
    (made(complexity="max"), "--complexity max:", "--complexity low"),
    (made(input_fidelity="low"), "--input-fidelity: only for edits", "imagecli edit IMAGE --input-fidelity"),
    (edited(input_fidelity="max"), "--input-fidelity max:", "--input-fidelity"),
    (edited(mask=True, markup=True), "--mask can't be used with --markup", "omit one of them"),
    (made(params=(("stream", True),)), "--param stream: this field has its own option", "--stream"),
]
FREE_SIZES: list[Case] = [
    (
        made(size=Size(1920, 1080)),
        "--size 1920x1080: 1080 is not a multiple of 16",
        "--size 1920x1088, or --fit 1920x1080",
    ),
    (made(size=Size(3856, 2048)), "the maximum edge is 3840 pixels", "--size 3840x2048"),
    (made(size=Size(1552, 512)), "the long edge may be at most 3 times the short one", "--fit 1552x512"),
    (made(size=Size(1024, 576)), "it has 589,824 pixels; the minimum is 655,360", "--fit 1024x576"),
    (made(size=Size(3840, 3840)), "it has 14,745,600 pixels; the maximum is 8,294,400", "--size 2880x2880"),
]
THREE_SIZES: list[Case] = [
    (made(size=Size(1792, 1024)), "it supports 1024x1024, 1536x1024, 1024x1536 or auto", "--size 1536x1024"),
    (made(size=Size(512, 512)), "--size 512x512: it supports 1024x1024", "--size 1024x1024, or --fit 512x512"),
]
NO_GIF: list[Case] = [
    (made(output_format="gif"), "--output-format gif:", "for gif, use -m gpt-image-2.6-flare"),
    (made(output_format="svg"), "accepts png, jpeg, webp", "for svg, use -m gpt-image-2.6-flare"),
    (made(frame_count=9), "--frame-count:", "or use -m gpt-image-2.6-flare"),
    (made(frame_duration_ms=200), "--frame-duration-ms:", "or use -m gpt-image-2.6-flare"),
    (made(svg=SvgOptions(effort="low")), "--svg-reasoning-effort:", "or use -m gpt-image-2.6-flare"),
    (made(svg=SvgOptions(model="m")), "--svg-model:", "or use -m gpt-image-2.6-flare"),
]
OF_FRAMES: list[Case] = [
    (made(output_format="gif", frame_count=17), "--frame-count 17:", "--frame-count 16"),
    (made(frame_duration_ms=90), "--frame-duration-ms: only for gif, not for png", "name ending in .gif"),
    (
        made(output_format="svg", svg=SvgOptions(effort="huge")),
        "--svg-reasoning-effort huge:",
        "--svg-reasoning-effort",
    ),
    (edited(mask=True, output_format="gif"), "--mask: can't be used with gif", "omit --mask"),
]
NO_XHIGH: list[Case] = [
    (made(quality="xhigh"), "accepts low, medium, high, auto", "--quality high; for xhigh, use -m gpt-image-2.6-flare"),
    (made(quality="max"), "--quality max:", "for max, use -m gpt-image-2.6-flare"),
    (made(quality="hd"), "accepts low, medium, high, auto", "--quality high"),
]

REFUSED: dict[str, Sequence[Case]] = {
    **dict.fromkeys(
        FLAGSHIPS,
        (
            *COMMON,
            *FREE_SIZES,
            (made(quality="hd"), "accepts low, medium, high, xhigh, max, auto", "--quality high"),
            (made(output_format="gif", frame_count=65), "--frame-count 65:", "--frame-count "),
            (made(output_format="gif", frame_count=1), "accepts 2 to ", "--frame-count 2"),
            (made(output_format="gif", frame_duration_ms=19), "accepts 20 to 655,350", "--frame-duration-ms 20"),
            (made(output_format="gif", frame_duration_ms=655_351), "accepts 20 to", "--frame-duration-ms 655350"),
            (made(frame_count=9), "--frame-count: only for gif, not for png", "--output-format gif"),
            (made(frame_duration_ms=90), "--frame-duration-ms: only for gif, not for png", "name ending in .gif"),
            (
                made(svg=SvgOptions(effort="low")),
                "--svg-reasoning-effort: only for svg, not for png",
                "--output-format svg",
            ),
            (
                made(svg=SvgOptions(model="m"), output_format="gif"),
                "--svg-model: only for svg, not for gif",
                "name ending in .svg",
            ),
            (
                made(output_format="svg", svg=SvgOptions(effort="huge")),
                "--svg-reasoning-effort huge:",
                "--svg-reasoning-effort",
            ),
            (made(output_format="gif", stream=True), "--stream: can't be used with gif", "--output-format png"),
            (made(output_format="svg", stream=True), "--stream: can't be used with svg", "omit --stream"),
            (made(output_format="gif", output_compression=5), "only for jpeg and webp, not for gif", ""),
            (made(output_format="svg", output_compression=5), "only for jpeg and webp, not for svg", ""),
            (made(output_format="gif", background="transparent"), "png or webp, not gif", ""),
            (edited(mask=True, output_format="gif"), "--mask: can't be used with gif", "omit --mask"),
            (made(output_format="svg", fit=Size(9, 9)), "--fit: can't be used with svg", "omit --fit"),
        ),
    ),
    **dict.fromkeys(
        FREE_FORMS,
        (
            *COMMON,
            *FREE_SIZES,
            *OF_FRAMES,
            (made(quality="standard"), "accepts low, medium, high, xhigh, max, auto", "--quality medium"),
        ),
    ),
    **dict.fromkeys(TWOS, (*COMMON, *FREE_SIZES, *OF_FRAMES, *NO_XHIGH)),
    **dict.fromkeys(ONES, (*COMMON, *THREE_SIZES, *NO_GIF, *NO_XHIGH)),
    "gpt-image-1-mini": [
        *COMMON,
        *THREE_SIZES,
        *NO_GIF,
        *NO_XHIGH,
        (edited(input_fidelity="high"), "--input-fidelity high: gpt-image-1-mini accepts low", "--input-fidelity low"),
    ],
    "dall-e-2": [
        (made("x" * 1001), "the prompt has 1,001 characters; dall-e-2 accepts at most 1,000", "shorten the prompt"),
        (made(size=Size(1024, 1536)), "it supports 256x256, 512x512 or 1024x1024", "--size 1024x1024"),
        (made(size="auto"), "--size auto: it supports 256x256", "omit --size"),
        (edited(2), "2 input images; dall-e-2 accepts at most 1", "use fewer input images"),
        (made(quality="high"), "--quality: not supported by dall-e-2", "or use -m gpt-image-2.6-flare"),
        (made(stream=True), "--stream: not supported by dall-e-2", "omit --stream"),
        (edited(markup=True), "--markup: not supported by dall-e-2", "omit --markup"),
        (made(response_format="json"), "--response-format json: dall-e-2 accepts url, b64_json", "--response-format"),
    ],
    "dall-e-3": [
        (made("x" * 4001), "the prompt has 4,001 characters; dall-e-3 accepts at most 4,000", "shorten the prompt"),
        (made(size=Size(1536, 1024)), "it supports 1024x1024, 1792x1024 or 1024x1792", "--size 1792x1024"),
        (made(quality="high"), "--quality high: dall-e-3 accepts standard, hd", "--quality hd"),
        (made(style="bold"), "--style bold: dall-e-3 accepts vivid, natural", "--style"),
        (edited(), "dall-e-3 does not support edits", "it supports generate"),
        (varied(), "dall-e-3 does not support variations", "it supports generate"),
    ],
}


def test_the_table_holds_every_model() -> None:
    assert set(LEGAL) == set(REFUSED) == set(ROWS.models)
    assert all(len(cases) >= 3 for cases in REFUSED.values())


@pytest.mark.parametrize(("model", "ask"), [(model, ask) for model, asks in LEGAL.items() for ask in asks])
def test_what_a_model_takes_is_taken_without_a_word(model: str, ask: ImageRequest) -> None:
    assert check_request(ask, ROWS.model(model), ROWS.models.values()) == ()


@pytest.mark.parametrize(
    ("model", "ask", "words", "hint"), [(model, *case) for model, cases in REFUSED.items() for case in cases]
)
def test_what_a_model_does_not_take_is_refused(model: str, ask: ImageRequest, words: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_request(ask, ROWS.model(model), ROWS.models.values())
    assert words in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("ask", "others", "taker"),
    [
        (made(complexity="low"), ("gpt-image-2", "gpt-image-2.6-sunburst"), "or use -m gpt-image-2.6-sunburst"),
        (made(quality="low"), ("gpt-image-1", "gpt-image-1.5", "gpt-image-2"), "or use -m gpt-image-2"),
        (made(quality="low"), (), "choose another model"),
    ],
)
def test_a_hint_names_a_model_that_lives_and_surely_takes_it(
    ask: ImageRequest, others: tuple[str, ...], taker: str
) -> None:
    with pytest.raises(UsageError) as caught:
        check_request(ask, ROWS.model("dall-e-2"), [ROWS.model(name) for name in others])
    assert taker in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("models", "ask", "flag"),
    [
        ((*FREE_FORMS, *TWOS, *ONES, "gpt-image-1-mini"), made(complexity="low"), "--complexity"),
        ((*TWOS, *ONES, "gpt-image-1-mini"), edited(markup=True), "--markup"),
        ((*FLAGSHIPS, *FREE_FORMS, *TWOS, "chatgpt-image-latest"), edited(input_fidelity="high"), "--input-fidelity"),
    ],
)
def test_what_no_document_says_a_model_takes_is_sent_with_a_warning(
    models: tuple[str, ...], ask: ImageRequest, flag: str
) -> None:
    for model in models:
        (warning,) = check_request(ask, ROWS.model(model))
        assert warning.code == "unstated"
        assert warning.message.startswith(f"{flag}: not documented for {model}")


@pytest.mark.parametrize(("count", "warned"), [(16, False), (17, True), (64, True)])
def test_more_frames_than_the_reference_has_go_to_the_newest_models_with_a_warning(count: int, warned: bool) -> None:
    row = ROWS.model("gpt-image-2.6-flare")
    found = list(inspect_parameters(made(output_format="gif", frame_count=count), row, []))
    message = f"--frame-count {count}: gpt-image-2.6-flare documents 2 to 16; imagecli sends it"
    assert found == ([WarningEvent(code="unstated", message=message)] if warned else [])
    (refused,) = (
        one
        for one in inspect_parameters(made(output_format="gif", frame_count=17), ROWS.model("gpt-image-2.5-flare"), [])
        if isinstance(one, UsageError)
    )
    assert "accepts 2 to 16" in refused.message


@pytest.mark.parametrize("model", [*FREE_FORMS, *TWOS])
@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (made(output_format="gif"), ["--output-format gif"]),
        (made(output_format="svg"), ["--output-format svg"]),
        (made(output_format="gif", frame_count=9), ["--output-format gif", "--frame-count"]),
        (
            made(output_format="svg", svg=SvgOptions(effort="low", model="m")),
            ["--output-format svg", "--svg-reasoning-effort"],
        ),
    ],
)
def test_gif_and_svg_go_to_models_of_which_no_document_says_whether_they_make_them(
    model: str, ask: ImageRequest, said: list[str]
) -> None:
    tail = f": not documented for {model}; imagecli sends it anyway; -m gpt-image-2.6-flare supports it"
    warnings = check_request(ask, ROWS.model(model), ROWS.models.values())
    assert [warning.message for warning in warnings] == [flag + tail for flag in said]
    assert {warning.code for warning in warnings} == {"unstated"}


def test_a_hint_names_no_model_of_which_no_document_says_that_it_takes_the_word() -> None:
    with pytest.raises(UsageError) as caught:
        check_request(edited(input_fidelity="high"), ROWS.model("gpt-image-1-mini"), ROWS.models.values())
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
def test_a_models_life_is_as_the_deprecations_page_has_it(
    model: str, released: str | None, shutdown: str | None
) -> None:
    row = ROWS.model(model)
    assert [str(day) if day else None for day in (row.released, row.shutdown)] == [released, shutdown]
    assert (row.successor is not None) == (shutdown is not None)


def test_a_successor_is_a_model_that_lives() -> None:
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
def test_a_images_tokens_are_those_of_the_table(model: str, quality: str, size: str, tokens: int) -> None:
    prices = ROWS.model(model).prices
    assert prices is not None
    assert prices.output_tokens[quality][Size.parse(size)] == tokens
