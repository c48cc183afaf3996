"""Today's `openai` package completes generate, edit and variation, and understands the refusals."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import openai
import pytest
import requests

from imagecli.sandbox.server import Options, Sandbox
from tests.sandbox.making import decoded, encoded, hole, photo


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=sandbox.base_url, api_key="x", max_retries=0) as client:
        yield client


def sizes(answer: openai.types.ImagesResponse) -> list[tuple[int, int]]:
    return [decoded(base64.b64decode(one.b64_json or "")).size for one in answer.data or []]


def test_generate(client: openai.OpenAI) -> None:
    answer = client.images.generate(model="gpt-image-2", prompt="a cat", n=2, size="1536x1024", output_format="webp")
    assert sizes(answer) == [(1536, 1024)] * 2
    assert (answer.output_format, answer.quality, answer.size) == ("webp", "medium", "1536x1024")
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0


def test_generate_classic_urls(client: openai.OpenAI) -> None:
    answer = client.images.generate(model="dall-e-2", prompt="a cat", size="256x256", response_format="url")
    url = (answer.data or [])[0].url or ""
    assert decoded(requests.get(url, timeout=9).content).size == (256, 256)


def test_edit_with_mask(client: openai.OpenAI) -> None:
    answer = client.images.edit(
        model="gpt-image-2", image=[("a.png", encoded(photo()))], mask=("m.png", encoded(hole())), prompt="a pool"
    )
    assert sizes(answer) == [(256, 256)]


def test_edit_of_several(client: openai.OpenAI) -> None:
    images = [("a.png", encoded(photo())), ("b.jpg", encoded(photo(), "JPEG"))]
    assert sizes(client.images.edit(model="gpt-image-2", image=images, prompt="both", n=2)) == [(256, 256)] * 2


def test_variation(client: openai.OpenAI) -> None:
    with pytest.deprecated_call():
        answer = client.images.create_variation(  # type: ignore[deprecated,unused-ignore]
            image=("a.png", encoded(photo())), n=2, size="512x512", response_format="b64_json"
        )
    assert sizes(answer) == [(512, 512)] * 2


def test_models(client: openai.OpenAI) -> None:
    assert "dall-e-2" in [model.id for model in client.models.list()]
    assert client.models.retrieve("gpt-image-2").owned_by == "system"


def test_refusal_is_a_bad_request_with_its_code(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(model="gpt-image-2", prompt="a cat", response_format="url")
    assert (caught.value.code, caught.value.param) == ("unknown_parameter", "response_format")
    assert (caught.value.request_id or "").startswith("req_")


@pytest.mark.parametrize(("n", "wait"), [(1, "60"), (2, None)])
def test_limit_is_a_rate_limit_error(n: int, wait: str | None) -> None:
    with (
        Sandbox(Options(rate_limit=1)) as server,
        openai.OpenAI(base_url=server.base_url, api_key="x", max_retries=0) as client,
    ):
        client.images.generate(model="dall-e-2", prompt="a cat", size="256x256")
        with pytest.raises(openai.RateLimitError) as caught:
            client.images.generate(model="dall-e-2", prompt="a cat", n=n, size="256x256")
    assert caught.value.response.headers.get("retry-after") == wait
