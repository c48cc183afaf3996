"""Today's `openai` package completes generate, edit, stream and variation, and understands the refusals."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any, Literal

import openai
import pytest
import requests
from PIL import Image

from imagecli.sandbox.fault_injection import Failure
from imagecli.sandbox.sandbox import Options, Sandbox
from tests.sandbox.requests_and_images import decoded, encoded, hole, photo


def frames(response: openai.types.ImagesResponse) -> int:
    with Image.open(io.BytesIO(base64.b64decode((response.data or [])[0].b64_json or ""))) as result:
        return getattr(result, "n_frames", 1)


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=sandbox.base_url, api_key="x", max_retries=0) as client:
        yield client


def sizes(response: openai.types.ImagesResponse) -> list[tuple[int, int]]:
    return [decoded(base64.b64decode(one.b64_json or "")).size for one in response.data or []]


def test_generate(client: openai.OpenAI) -> None:
    response = client.images.generate(model="gpt-image-2", prompt="a cat", n=2, size="1536x1024", output_format="webp")
    assert sizes(response) == [(1536, 1024)] * 2
    assert (response.output_format, response.quality, response.size) == ("webp", "medium", "1536x1024")
    assert response.usage is not None
    assert response.usage.total_tokens > 0


def test_generate_classic_urls(client: openai.OpenAI) -> None:
    response = client.images.generate(model="dall-e-2", prompt="a cat", size="256x256", response_format="url")
    url = (response.data or [])[0].url or ""
    assert decoded(requests.get(url, timeout=9).content).size == (256, 256)


def test_edit_with_mask(client: openai.OpenAI) -> None:
    response = client.images.edit(
        model="gpt-image-2", image=[("a.png", encoded(photo()))], mask=("m.png", encoded(hole())), prompt="a pool"
    )
    assert sizes(response) == [(256, 256)]


def test_edit_of_several(client: openai.OpenAI) -> None:
    images = [("a.png", encoded(photo())), ("b.jpg", encoded(photo(), "JPEG"))]
    assert sizes(client.images.edit(model="gpt-image-2", image=images, prompt="both", n=2)) == [(256, 256)] * 2


def test_variation(client: openai.OpenAI) -> None:
    with pytest.deprecated_call():
        response = client.images.create_variation(  # type: ignore[deprecated,unused-ignore]
            image=("a.png", encoded(photo())), n=2, size="512x512", response_format="b64_json"
        )
    assert sizes(response) == [(512, 512)] * 2


def test_models(client: openai.OpenAI) -> None:
    assert "dall-e-2" in [model.id for model in client.models.list()]
    assert client.models.retrieve("gpt-image-2").owned_by == "system"


PARTS = [("png", b"\x89PNG"), ("jpeg", b"\xff\xd8\xff"), ("webp", b"RIFF"), ("gif", b"GIF89a"), ("svg", b"<svg")]


@pytest.mark.parametrize(("output_format", "start"), PARTS)
def test_every_format_of_the_newest_model(
    client: openai.OpenAI, output_format: Literal["png", "jpeg", "webp", "gif", "svg"], start: bytes
) -> None:
    response = client.images.generate(
        model="gpt-image-2.6-sunburst", prompt="a cat", quality="max", output_format=output_format, complexity="high"
    )
    (result,) = response.data or []
    assert base64.b64decode(result.b64_json or "").startswith(start)
    assert (response.output_format, response.quality) == (output_format, "max")
    assert (response.svg_usage is not None) == (output_format == "svg")


def test_gif_and_svg_have_their_own_parameters(client: openai.OpenAI) -> None:
    options: dict[str, Any] = {"model": "gpt-image-2.6-flare", "prompt": "x", "safety_identifier": "hashed"}
    moving = client.images.generate(**options, output_format="gif", frame_count=3, frame_duration_ms=40)
    assert frames(moving) == 3
    assert moving.safety_identifier == "hashed"
    edited = client.images.edit(
        **options, image=("a.png", encoded(photo())), output_format="svg", svg={"reasoning": {"effort": "low"}}
    )
    assert edited.svg_usage is not None
    assert edited.svg_usage.reasoning_tokens > 0


def test_generate_streams(client: openai.OpenAI) -> None:
    events: list[tuple[str, int | None]] = []
    with client.images.generate(
        model="gpt-image-2", prompt="a cat", stream=True, partial_images=2, output_format="webp"
    ) as stream:
        for event in stream:
            assert decoded(base64.b64decode(event.b64_json)).size == (1024, 1024)
            events.append((event.type, event.partial_image_index if "partial" in event.type else None))  # type: ignore[union-attr]
            if event.type == "image_generation.completed":
                assert event.usage.output_tokens == 1756 + 200
    partial = "image_generation.partial_image"
    assert events == [(partial, 0), (partial, 1), ("image_generation.completed", None)]


def test_edit_streams(client: openai.OpenAI) -> None:
    stream = client.images.edit(
        model="gpt-image-2.5-flare",
        image=[("a.png", encoded(photo())), ("b.png", encoded(photo()))],
        prompt="both",
        stream=True,
        partial_images=1,
        markup=("m.png", encoded(hole())),
    )
    assert [event.type for event in stream] == ["image_edit.partial_image", "image_edit.completed"]


def test_refusal_of_a_stream_is_an_error_before_it(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(model="gpt-image-2", prompt="a cat", stream=True, size="1x1")
    assert caught.value.param == "size"


def test_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.images.generate(model="gpt-image-9", prompt="a cat")
    assert caught.value.code == "model_not_found"


def test_blocked_prompt_reports_stage_and_categories(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(model="gpt-image-2", prompt="moderation_blocked")
    assert caught.value.code == "moderation_blocked"
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["moderation_details"]["moderation_stage"] == "input"


def test_wrong_key_is_an_authentication_error() -> None:
    with (
        Sandbox(Options(require_key="sk-right")) as server,
        openai.OpenAI(base_url=server.base_url, api_key="sk-wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.images.generate(model="gpt-image-2", prompt="a cat")
    assert (caught.value.status_code, caught.value.code) == (401, "invalid_api_key")


def test_client_retries_if_allowed() -> None:
    lines: list[str] = []
    failures = (Failure.parse("429:1"), Failure.parse("503:2"))
    with (
        Sandbox(Options(failures=failures), log=lines.append) as server,
        openai.OpenAI(base_url=server.base_url, api_key="x", max_retries=2) as client,
    ):
        client.images.generate(model="dall-e-2", prompt="a cat", size="256x256")
    assert [line.split()[2] for line in lines] == ["429", "503", "200"]


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
