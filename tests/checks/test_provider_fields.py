"""Options that a provider doesn't support are refused before anything is sent, with the option to omit."""

from __future__ import annotations

from typing import Any

import pytest

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.checks.provider_fields import check_capabilities
from imagecli.domain import Edit, Generate, ImageOptions, ImageRequest, InputSource, MaskSource, Size, SvgOptions, Vary
from imagecli.errors import UsageError

ROWS = load_shipped_catalog()
CAT = InputSource(name="cat.png")


def generate(**look: Any) -> Generate:
    return Generate(prompt="a cat", options=ImageOptions(**{"model": "m", **look}))


def edit(mask: InputSource | None = None, markup: InputSource | None = None, **look: Any) -> Edit:
    rendering = ImageOptions(**{"model": "m", **look})
    return Edit(prompt="a cat", images=(CAT,), mask=mask and MaskSource(file=mask), markup=markup, options=rendering)


@pytest.mark.parametrize(
    ("provider", "image_request", "messages", "hint"),
    [
        ("xai", generate(quality="high"), "--quality high: provider xai accepts low, medium, auto", "--quality low"),
        ("xai", generate(style="vivid"), "--style: not supported by provider xai", "omit --style"),
        ("xai", edit(mask=CAT), "--mask: not supported by provider xai", "omit --mask"),
        ("sglang", generate(stream=True), "--stream: not supported by provider sglang", "omit --stream"),
        (
            "openrouter",
            generate(moderation="low"),
            "--moderation: not supported by provider openrouter",
            "omit --moderation",
        ),
        ("gemini", generate(quality="high"), "--quality: not supported by provider gemini", "omit --quality"),
        ("xai", generate(svg=SvgOptions(model="x")), "--svg-model: not supported by provider xai", "omit --svg-model"),
        (
            "xai",
            generate(svg=SvgOptions(effort="high")),
            "--svg-reasoning-effort: not supported by provider xai",
            "omit --svg-reasoning-effort",
        ),
        ("docker", generate(user="u"), "--user: not supported by provider docker", "omit --user"),
        (
            "vllm-omni",
            generate(background="opaque"),
            "--background: not supported by provider vllm-omni for generations",
            "omit --background",
        ),
        ("xai", generate(stream=True), "--stream: not supported by provider xai", "omit --stream"),
        (
            "xai",
            generate(size=Size(1024, 100)),
            "--size: provider xai has no aspect ratio near 256:25",
            "for example --size 1:1",
        ),
        (
            "azure",
            generate(output_format="webp"),
            "--output-format webp: provider azure accepts png, jpeg",
            "--output-format",
        ),
        (
            "azure",
            generate(response_format="url"),
            "--response-format: not supported by provider azure",
            "omit --response-format",
        ),
        (
            "siliconflow",
            edit(size=Size(8, 8)),
            "--size: not supported by provider siliconflow for edits",
            "omit --size",
        ),
        ("zhipu", generate(quality="ultra"), "--quality ultra: provider zhipu accepts hd, standard", "--quality hd"),
        ("zhipu", generate(quality="standart"), "accepts hd, standard", "--quality standard"),
        ("zhipu", edit(), "provider zhipu does not support edits", "imagecli providers"),
        (
            "xai",
            generate(seed=7),
            "--seed: not documented for provider xai",
            "omit --seed, or send it anyway with --param seed=7",
        ),
        (
            "lemonade",
            Vary(image=CAT, options=ImageOptions(model="m", seed=7)),
            "--seed: not documented for provider lemonade for variations",
            "omit --seed",
        ),
        ("sglang", edit(mask=CAT), "--mask: provider sglang ignores it", "omit --mask and describe"),
        ("together", edit(mask=CAT), "--mask: not supported by provider together", "omit --mask"),
        ("openrouter", edit(markup=CAT), "--markup: not supported by provider openrouter", "omit --markup"),
        (
            "openrouter",
            Vary(image=CAT, options=ImageOptions(model="m")),
            "provider openrouter does not support variations",
            "--via",
        ),
        (
            "sd-server",
            edit(output_format="webp"),
            "--output-format webp: provider sd-server accepts png, jpeg",
            "--output-format",
        ),
    ],
)
def test_an_option_that_would_be_lost_is_refused(
    provider: str, image_request: ImageRequest, messages: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        check_capabilities(image_request, ROWS.provider(provider))
    assert messages in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("provider", "image_request"),
    [
        ("xai", generate(size=Size(1920, 1088))),
        ("xai", generate(size="auto")),
        ("xai", generate(quality="low")),
        ("vllm-omni", edit(mask=CAT, background="opaque")),
        ("siliconflow", generate(size=Size(8, 8))),
        ("sd-server", generate(output_format="webp")),
        ("openai", edit(mask=CAT, markup=CAT, svg=SvgOptions(model="x"), quality="any", response_format="url")),
        ("xinference", Vary(image=CAT, options=ImageOptions(model="m"))),
        *((name, generate()) for name in ROWS.providers),
    ],
)
def test_a_supported_option_is_accepted(provider: str, image_request: ImageRequest) -> None:
    check_capabilities(image_request, ROWS.provider(provider))


@pytest.mark.parametrize(
    ("provider", "image_request", "count"),
    [
        ("openai", edit(moderation="low"), 1),
        ("vllm-omni", edit(seed=7), 0),
        ("openai", Generate(prompt="a cat", options=ImageOptions(model="m", moderation="low")), 0),
        ("openai", edit(), 0),
        ("vercel", edit(moderation="low"), 0),
    ],
)
def test_undocumented_form_fields_of_an_edit_are_warned_of(
    provider: str, image_request: ImageRequest, count: int
) -> None:
    words = "--moderation: not documented for edits at provider openai; imagecli sends it anyway"
    messages = check_capabilities(image_request, ROWS.provider(provider))
    assert [(warning.code, warning.message) for warning in messages] == [("unstated", words)] * count


def test_a_seed_whose_support_no_document_states_is_sent_with_a_warning() -> None:
    (warning,) = check_capabilities(generate(seed=7), ROWS.provider("local"))
    assert warning.message.startswith("--seed: not documented for generations at provider local")
