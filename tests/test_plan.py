"""What was asked becomes requests, none larger than its model makes at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.catalog import load
from imagecli.domain import Edit, Framing, Generate, Name, Rendering, Source, Vary
from imagecli.errors import UsageError
from imagecli.plan import named, pictures, plan, split, vary

ROWS = load()
CAT = Source(name="cat.png", path=Path("cat.png"))


def ask(n: int, prompt: str = "a cat") -> Generate:
    return Generate(prompt=prompt, rendering=Rendering(model="m", n=n))


@pytest.mark.parametrize(
    ("n", "most", "parts"),
    [(1, 10, (1,)), (10, 10, (10,)), (11, 10, (10, 1)), (25, 10, (10, 10, 5)), (3, 1, (1, 1, 1)), (0, 10, ())],
)
def test_a_count_is_split(n: int, most: int, parts: tuple[int, ...]) -> None:
    assert split(n, most) == parts


@given(st.integers(1, 500), st.integers(1, 20))
def test_no_picture_is_lost_or_added_by_splitting(n: int, most: int) -> None:
    parts = split(n, most)
    assert sum(parts) == n
    assert all(0 < part <= most for part in parts)


def test_several_asks_become_one_numbered_list() -> None:
    requests = plan([ask(12), ask(1, "a dog")], ROWS.model("gpt-image-2"))
    assert [(request.index, request.ask.rendering.n) for request in requests] == [(0, 10), (1, 2), (2, 1)]
    assert [request.ask.prompt for request in requests if isinstance(request.ask, Generate)] == [
        "a cat",
        "a cat",
        "a dog",
    ]
    assert pictures(requests) == 13


def test_names_are_handed_out_in_order() -> None:
    names = [Name(folder=Path(), stem=str(k)) for k in range(3)]
    requests = named(plan([ask(2), ask(1)], ROWS.model("gpt-image-2")), names)
    assert [[name.stem for name in request.names] for request in requests] == [["0", "1"], ["2"]]


HOME = "https://api.openai.com/v1"
OTHER = "http://127.0.0.1:1/v1"


@pytest.mark.parametrize(
    ("model", "base_url", "prompt", "via", "strength", "goes", "said"),
    [
        ("dall-e-2", OTHER, None, "auto", None, Vary, "variations endpoint"),
        ("dall-e-2", OTHER, None, "variations", None, Vary, "variations endpoint"),
        ("dall-e-2", OTHER, None, "edits", None, Edit, "by an edit"),
        ("dall-e-2", OTHER, "blue", "auto", None, Edit, "takes no prompt"),
        ("dall-e-2", OTHER, None, "auto", "strong", Edit, "takes no prompt"),
        ("dall-e-2", HOME, None, "auto", None, Edit, "openai has no variations endpoint"),
        ("dall-e-2", HOME + "/", None, "auto", None, Edit, "openai has no variations endpoint"),
        ("gpt-image-2", OTHER, None, "auto", None, Edit, "by an edit"),
        ("gpt-image-2", HOME, None, "auto", "subtle", Edit, "by an edit"),
    ],
)
def test_vary_goes_where_the_rows_say_and_says_so(
    model: str, base_url: str, prompt: str | None, via: str, strength: str | None, goes: type, said: str
) -> None:
    found, why = varied(model, base_url, prompt, via, strength)
    assert isinstance(found, goes)
    assert said in why
    if isinstance(found, Edit):
        assert found.prompt == (prompt or ROWS.vary_prompts[strength or "medium"])
        assert found.images == (CAT,)


@pytest.mark.parametrize(("prompt", "strength"), [("blue", None), (None, "strong")])
def test_the_variations_endpoint_takes_no_words(prompt: str | None, strength: str | None) -> None:
    with pytest.raises(UsageError, match="neither a prompt nor a strength"):
        varied("dall-e-2", OTHER, prompt, "variations", strength)


def varied(model: str, base_url: str, prompt: str | None, via: str, strength: str | None) -> tuple[Any, str]:
    return vary(
        CAT,
        prompt,
        Rendering(model=model),
        Framing(),
        via=via,
        strength=strength,
        provider=ROWS.provider("openai"),
        base_url=base_url,
        row=ROWS.model(model),
        catalog=ROWS,
    )
