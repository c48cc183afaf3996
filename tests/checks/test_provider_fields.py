"""What a provider can't carry is refused before anything is sent, with what to leave out."""

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
    ("provider", "ask", "found", "hint"),
    [
        ("xai", generate(quality="high"), "--quality high: provider xai takes low, medium, auto", "--quality low"),
        ("xai", generate(style="vivid"), "--style: provider xai does not take it", "leave --style out"),
        ("xai", edit(mask=CAT), "--mask: provider xai takes none", "leave --mask out"),
        ("sglang", generate(stream=True), "--stream: provider sglang does not take it", "leave --stream out"),
        (
            "openrouter",
            generate(moderation="low"),
            "--moderation: provider openrouter does not take it",
            "leave --moderation out",
        ),
        ("gemini", generate(quality="high"), "--quality: provider gemini does not take it", "leave --quality out"),
        ("docker", generate(user="u"), "--user: provider docker does not take it", "leave --user out"),
        (
            "vllm-omni",
            generate(background="opaque"),
            "--background: provider vllm-omni does not take it for generations",
            "leave --background out",
        ),
        ("xai", generate(stream=True), "--stream: provider xai does not take it", "leave --stream out"),
        (
            "xai",
            generate(size=Size(1024, 100)),
            "--size: provider xai makes no aspect ratio near 256:25",
            "for example --size 1:1",
        ),
        (
            "azure",
            generate(output_format="webp"),
            "--output-format webp: provider azure takes png, jpeg",
            "--output-format",
        ),
        (
            "azure",
            generate(response_format="url"),
            "--response-format: provider azure does not",
            "leave --response-format out",
        ),
        (
            "siliconflow",
            edit(size=Size(8, 8)),
            "--size: provider siliconflow does not take it for edits",
            "leave --size out",
        ),
        ("zhipu", generate(quality="ultra"), "--quality ultra: provider zhipu takes hd, standard", "--quality hd"),
        ("zhipu", generate(quality="standart"), "takes hd, standard", "--quality standard"),
        ("zhipu", edit(), "provider zhipu has no edits", "imagecli providers"),
        ("xai", generate(seed=7), "--seed: provider xai documents no seed", "omit --seed; or --param seed=7 sends"),
        (
            "lemonade",
            Vary(image=CAT, options=ImageOptions(model="m", seed=7)),
            "--seed: provider lemonade documents no seed for variations",
            "omit --seed",
        ),
        ("sglang", edit(mask=CAT), "--mask: provider sglang ignores it", "omit --mask and describe"),
        ("together", edit(mask=CAT), "--mask: provider together takes none", "leave --mask out"),
        ("openrouter", edit(markup=CAT), "--markup: provider openrouter takes none", "leave --markup out"),
        (
            "openrouter",
            Vary(image=CAT, options=ImageOptions(model="m")),
            "provider openrouter has no variations",
            "--via",
        ),
        (
            "sd-server",
            edit(output_format="webp"),
            "--output-format webp: provider sd-server takes png, jpeg",
            "--output-format",
        ),
    ],
)
def test_what_would_be_lost_is_refused(provider: str, ask: ImageRequest, found: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_capabilities(ask, ROWS.provider(provider))
    assert found in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("provider", "ask"),
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
def test_what_is_carried_passes(provider: str, ask: ImageRequest) -> None:
    check_capabilities(ask, ROWS.provider(provider))


@pytest.mark.parametrize(
    ("provider", "ask", "said"),
    [
        ("openai", edit(moderation="low"), 1),
        ("vllm-omni", edit(seed=7), 0),
        ("openai", Generate(prompt="a cat", options=ImageOptions(model="m", moderation="low")), 0),
        ("openai", edit(), 0),
        ("vercel", edit(moderation="low"), 0),
    ],
)
def test_what_no_document_names_for_an_edit_as_a_form_is_warned_of(provider: str, ask: ImageRequest, said: int) -> None:
    words = "--moderation: no document says that provider openai takes it for edits; it is sent as you asked"
    found = check_capabilities(ask, ROWS.provider(provider))
    assert [(one.code, one.message) for one in found] == [("unstated", words)] * said


def test_a_seed_whose_support_no_document_states_is_sent_with_a_warning() -> None:
    (warning,) = check_capabilities(generate(seed=7), ROWS.provider("local"))
    assert warning.message.startswith("--seed: no document says that provider local takes it for generations")
