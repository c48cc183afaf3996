"""Images are split into requests, none larger than the model creates at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.catalog.provider import limit_to_provider
from imagecli.domain import (
    Edit,
    Generate,
    ImageOptions,
    ImageRequest,
    InputFit,
    InputSource,
    OutputName,
    SvgOptions,
    Vary,
)
from imagecli.errors import UsageError
from imagecli.plan_calls import (
    assign_names,
    build_variation,
    count_images,
    plan_calls,
    request_hash_for_name,
    split_count,
)
from imagecli.sizes import Size

ROWS = load_shipped_catalog()
CAT = InputSource(name="cat.png", path=Path("cat.png"))


def generate(n: int, prompt: str = "a cat") -> Generate:
    return Generate(prompt=prompt, options=ImageOptions(model="m", n=n))


@pytest.mark.parametrize(
    ("n", "most", "parts"),
    [(1, 10, (1,)), (10, 10, (10,)), (11, 10, (10, 1)), (25, 10, (10, 10, 5)), (3, 1, (1, 1, 1)), (0, 10, ())],
)
def test_a_count_is_split(n: int, most: int, parts: tuple[int, ...]) -> None:
    assert split_count(n, most) == parts


@given(st.integers(1, 500), st.integers(1, 20))
def test_no_image_is_lost_or_added_by_splitting(n: int, most: int) -> None:
    parts = split_count(n, most)
    assert sum(parts) == n
    assert all(0 < part <= most for part in parts)


def test_several_prompts_become_one_numbered_list() -> None:
    requests = plan_calls([generate(12), generate(1, "a dog")], ROWS.model("gpt-image-2"))
    assert [(request.index, request.request.options.n) for request in requests] == [(0, 10), (1, 2), (2, 1)]
    assert [request.request.prompt for request in requests if isinstance(request.request, Generate)] == [
        "a cat",
        "a cat",
        "a dog",
    ]
    assert count_images(requests) == 13


@pytest.mark.parametrize(
    ("provider", "look", "parts"),
    [
        ("openai", {"n": 12}, [10, 2]),
        ("together", {"n": 9}, [4, 4, 1]),
        ("ark", {"n": 3}, [1, 1, 1]),
        ("openai", {"n": 3, "output_format": "svg"}, [1, 1, 1]),
    ],
)
def test_no_request_exceeds_the_limits_of_model_and_provider(
    provider: str, look: dict[str, Any], parts: list[int]
) -> None:
    row = ROWS.model("gpt-image-2")._replace(max_n_of={"svg": 1})
    many = Generate(prompt="a cat", options=ImageOptions(**{"model": "m", **look}))
    requests = plan_calls([many], limit_to_provider(row, ROWS.provider(provider)))
    assert [request.request.options.n for request in requests] == parts


def test_names_are_assigned_in_order() -> None:
    names = [OutputName(folder=Path(), stem=str(k)) for k in range(3)]
    requests = assign_names(plan_calls([generate(2), generate(1)], ROWS.model("gpt-image-2")), names)
    assert [[name.stem for name in request.names] for request in requests] == [["0", "1"], ["2"]]


HOME = "https://api.openai.com/v1"
OTHER = "http://127.0.0.1:1/v1"
FREE = ROWS.model("gpt-image-2")._replace(operations=("generations", "edits", "variations"))
"""A model that has the endpoint, and whose edits change the entire image."""


@pytest.mark.parametrize(
    ("model", "base_url", "prompt", "via", "strength", "request_class", "notes"),
    [
        ("dall-e-2", OTHER, None, "auto", None, Vary, "variations endpoint"),
        ("dall-e-2", OTHER, None, "variations", None, Vary, "variations endpoint"),
        ("gpt-image-2", OTHER, None, "auto", None, Edit, "an edit: gpt-image-2 has no variations endpoint"),
        ("brand-new", OTHER, None, "auto", None, Edit, "does not know brand-new; use --via variations"),
        ("brand-new", OTHER, None, "variations", None, Vary, "variations endpoint"),
        ("brand-new", HOME, None, "auto", None, Edit, "an edit: openai has no variations endpoint"),
        ("gpt-image-2", OTHER, None, "edits", None, Edit, "an edit: --via edits"),
        ("gpt-image-2", HOME, None, "auto", "subtle", Edit, "an edit: openai has no variations endpoint"),
        ("gpt-image-2", HOME + "/", None, "auto", None, Edit, "an edit: openai has no variations endpoint"),
        ("dall-e-3", HOME, None, "auto", None, Edit, "an edit: openai has no variations endpoint"),
        ("free", OTHER, None, "auto", None, Vary, "variations endpoint"),
        ("free", OTHER, "blue", "auto", None, Edit, "an edit: the variations endpoint does not accept a prompt"),
        ("free", OTHER, "blue", "edits", None, Edit, "an edit: --via edits"),
        ("free", OTHER, None, "auto", "strong", Edit, "an edit: the variations endpoint does not accept a strength"),
    ],
)
def test_vary_uses_the_endpoint_of_the_row_and_prints_a_note(
    model: str, base_url: str, prompt: str | None, via: str, strength: str | None, request_class: type, notes: str
) -> None:
    request, why = varied(model, base_url, prompt, via, strength)
    assert isinstance(request, request_class)
    assert notes in why
    if isinstance(request, Edit):
        assert request.prompt == (prompt or ROWS.vary_prompts[strength or "medium"])
        assert request.images == (CAT,)


@pytest.mark.parametrize(("prompt", "strength", "named"), [("blue", None, "prompt"), (None, "strong", "strength")])
def test_the_variations_endpoint_accepts_no_prompt(prompt: str | None, strength: str | None, named: str) -> None:
    with pytest.raises(UsageError, match=f"does not accept a {named}"):
        varied("dall-e-2", OTHER, prompt, "variations", strength)


OTHER_MODEL = "-m gpt-image-2 edits the entire image instead"


@pytest.mark.parametrize(
    ("base_url", "prompt", "via", "strength", "why", "hint"),
    [
        (OTHER, "blue", "auto", None, "does not accept a prompt", "omit the prompt to use"),
        (OTHER, None, "auto", "strong", "does not accept a strength", "omit the strength to use"),
        (OTHER, None, "edits", None, "--via edits", "omit --via to use"),
        (OTHER, "blue", "edits", None, "--via edits", "omit the prompt and --via to use"),
        (HOME, None, "auto", None, "openai has no variations endpoint", OTHER_MODEL),
        (HOME, "blue", "auto", None, "openai has no variations endpoint", OTHER_MODEL),
    ],
)
def test_a_model_whose_edits_need_a_mask_uses_variations_or_fails(
    base_url: str, prompt: str | None, via: str, strength: str | None, why: str, hint: str
) -> None:
    with pytest.raises(UsageError, match="only transparent areas") as caught:
        varied("dall-e-2", base_url, prompt, via, strength)
    assert why in caught.value.message
    printed_hint = caught.value.hint or ""
    assert printed_hint.startswith(hint)
    assert printed_hint.endswith(OTHER_MODEL)
    assert "--mask" not in printed_hint


@pytest.mark.parametrize(
    ("provider", "prompt", "via", "strength", "request_class", "error"),
    [
        ("lemonade", None, "auto", None, Vary, None),
        ("lemonade", "blue", "auto", None, Edit, "blue"),
        ("lemonade", None, "edits", None, Edit, ROWS.vary_prompts["medium"]),
        ("xinference", None, "auto", None, Vary, ROWS.vary_prompts["medium"]),
        ("xinference", "blue", "auto", None, Vary, "blue"),
        ("xinference", None, "variations", "strong", Vary, ROWS.vary_prompts["strong"]),
        ("xinference", "blue", "edits", None, Edit, "blue"),
        ("local", None, "auto", None, Edit, ROWS.vary_prompts["medium"]),
        ("together", "blue", "auto", None, Edit, "blue"),
    ],
)
def test_the_provider_row_says_whether_variations_need_a_prompt(
    provider: str, prompt: str | None, via: str, strength: str | None, request_class: type, error: str | None
) -> None:
    request, _ = varied("somebody/flux-9", OTHER, prompt, via, strength, provider)
    assert (type(request), request.prompt) == (request_class, error)


def test_a_prompt_and_a_strength_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="can't be combined") as caught:
        varied("gpt-image-2", OTHER, "blue", "auto", "strong")
    assert "omit one of them" in (caught.value.hint or "")


def varied(
    model: str, base_url: str, prompt: str | None, via: str, strength: str | None, provider: str = "openai"
) -> tuple[Any, str]:
    return build_variation(
        CAT,
        prompt,
        ImageOptions(model=model),
        InputFit(),
        via=via,
        strength=strength,
        provider=ROWS.provider(provider),
        base_url=base_url,
        row=FREE if model == "free" else ROWS.model(model),
        catalog=ROWS,
    )


@pytest.mark.parametrize(
    ("request_", "prompt", "expected"),
    [
        (
            Generate(
                prompt="a cat",
                options=ImageOptions(
                    model="m",
                    n=4,
                    size=Size(1024, 1536),
                    quality="high",
                    svg=SvgOptions(model="a", effort="low"),
                    params=(("seed", 7), ("x", [1, "ü"])),
                    output_format="svg",
                    format_of_name=True,
                ),
            ),
            "a cat",
            "ceb193c9",
        ),
        (Generate(prompt="a cat", options=ImageOptions(model="gpt-image-2")), "a cat", "544e510d"),
        (
            Edit(
                prompt="a \udc80cat",
                images=(InputSource(name="c.png", path=Path("c.png")),),
                options=ImageOptions(model="gpt-image-2", size="auto", stream=True, partial_images=2),
            ),
            "a \udc80cat",
            "fae67627",
        ),
        (
            Vary(
                image=InputSource(name="c.png", path=Path("c.png")),
                options=ImageOptions(model="dall-e-2", fit=Size(5, 5)),
            ),
            None,
            "37476be3",
        ),
    ],
    ids=["svg", "plain", "edit", "vary"],
)
def test_the_hash_in_file_names_is_that_of_earlier_versions(
    request_: ImageRequest, prompt: str | None, expected: str
) -> None:
    assert request_hash_for_name(request_, prompt) == expected
