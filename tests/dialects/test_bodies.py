"""For every provider's row: the request of a generation and of an edit, against literals typed from its documents."""

from __future__ import annotations

from typing import Any

import pytest

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.checks.provider_fields import check_capabilities
from imagecli.domain import Edit, Generate, ImageOptions, ImageRequest, InputImage, InputSource, MaskSource, Size, Vary
from imagecli.errors import UsageError
from imagecli.http_request import HttpRequest
from imagecli.providers.request import RequestImages, build_http_request

ROWS = load_shipped_catalog()
HOUSE_IMAGE = InputSource(name="house.png")
PNG = InputImage(data=b"png", format="png", size=Size(8, 8), has_alpha=True)
JPEG = InputImage(data=b"jpeg", format="jpeg", size=Size(8, 8), has_alpha=False)
PNG_URL, JPEG_URL = "data:image/png;base64,cG5n", "data:image/jpeg;base64,anBlZw=="
WIDE = Size(1536, 1024)

IMAGE, IMAGES = [("image", PNG)], [("image[]", PNG), ("image[]", JPEG)]
WITH_MASK = [("image", JPEG), ("mask", PNG)]

Literal = tuple[str, dict[str, Any], list[tuple[str, InputImage]]]
"""Address, fields, and files where it is a form."""

CAT = {"model": "m", "prompt": "a cat"}
PLAIN = {**CAT, "n": 2, "size": "1536x1024"}
AS_BASE64 = {"response_format": "b64_json"}
OPENROUTER = {"type": "image_url", "image_url": {"url": PNG_URL}}
XAI = {"url": PNG_URL, "type": "image_url"}
AZURE = "https://r.openai.azure.com/openai"

GENERATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("https://api.openai.com/v1/images/generations", PLAIN),
    "azure": (f"{AZURE}/v1/images/generations?api-version=preview", PLAIN),
    "azure-classic": (f"{AZURE}/deployments/m/images/generations?api-version=2025-04-01-preview", PLAIN),
    "openrouter": ("https://openrouter.ai/api/v1/images", PLAIN),
    "xai": ("https://api.x.ai/v1/images/generations", {**CAT, "n": 2, "aspect_ratio": "3:2", **AS_BASE64}),
    "together": (
        "https://api.together.ai/v1/images/generations",
        {**CAT, "n": 2, "width": 1536, "height": 1024, "response_format": "base64"},
    ),
    "siliconflow": (
        "https://api.siliconflow.cn/v1/images/generations",
        {**CAT, "batch_size": 2, "image_size": "1536x1024"},
    ),
    "ark": (
        "https://ark.cn-beijing.volces.com/api/v3/images/generations",
        {**CAT, "size": "1536x1024", **AS_BASE64},
    ),
    "byteplus": (
        "https://ark.ap-southeast.bytepluses.com/api/v3/images/generations",
        {**CAT, "size": "1536x1024", **AS_BASE64},
    ),
    "zhipu": ("https://open.bigmodel.cn/api/paas/v4/images/generations", {**CAT, "size": "1536x1024"}),
    "zai": ("https://api.z.ai/api/paas/v4/images/generations", {**CAT, "size": "1536x1024"}),
    "gemini": (
        "https://generativelanguage.googleapis.com/v1beta/openai/images/generations",
        {**PLAIN, **AS_BASE64},
    ),
    "deepinfra": ("https://api.deepinfra.com/v1/openai/images/generations", PLAIN),
    "recraft": ("https://external.api.recraft.ai/v1/images/generations", {**PLAIN, **AS_BASE64}),
    "venice": ("https://api.venice.ai/api/v1/images/generations", {**CAT, "size": "1536x1024"}),
    "pollinations": (
        "https://gen.pollinations.ai/v1/images/generations",
        {**CAT, "size": "1536x1024", **AS_BASE64},
    ),
    "litellm": ("http://localhost:4000/v1/images/generations", PLAIN),
    "vercel": ("https://ai-gateway.vercel.sh/v1/images/generations", PLAIN),
    "local": ("http://localhost:8080/v1/images/generations", {**PLAIN, **AS_BASE64}),
    "sd-server": ("http://127.0.0.1:1234/v1/images/generations", PLAIN),
    "localai": ("http://127.0.0.1:8080/v1/images/generations", {**PLAIN, **AS_BASE64}),
    "lemonade": ("http://127.0.0.1:13305/v1/images/generations", {**CAT, "size": "1536x1024", **AS_BASE64}),
    "vllm-omni": ("http://127.0.0.1:8000/v1/images/generations", {**PLAIN, **AS_BASE64}),
    "sglang": ("http://127.0.0.1:30000/v1/images/generations", {**PLAIN, **AS_BASE64}),
    "xinference": (
        "http://127.0.0.1:9997/v1/images/generations",
        {**CAT, "n": 2, "size": "1536*1024", **AS_BASE64},
    ),
    "docker": (
        "http://localhost:12434/engines/diffusers/v1/images/generations",
        {**CAT, "size": "1536x1024"},
    ),
    "sandbox": ("http://127.0.0.1:1/v1/images/generations", PLAIN),
}
"""Of two images of 1536x1024, or of one if a request can't ask for two."""

BYTEPLUS = "https://ark.ap-southeast.bytepluses.com/api/v3/images/generations"
EDITS: dict[str, Literal] = {
    "openai": ("https://api.openai.com/v1/images/edits", CAT, IMAGE),
    "azure": (f"{AZURE}/v1/images/edits?api-version=preview", CAT, IMAGE),
    "azure-classic": (f"{AZURE}/deployments/m/images/edits?api-version=2025-04-01-preview", CAT, IMAGE),
    "openrouter": ("https://openrouter.ai/api/v1/images", {**CAT, "input_references": [OPENROUTER]}, []),
    "xai": ("https://api.x.ai/v1/images/edits", {**CAT, "image": XAI, **AS_BASE64}, []),
    "together": (
        "https://api.together.ai/v1/images/generations",
        {**CAT, "image_url": PNG_URL, "response_format": "base64"},
        [],
    ),
    "siliconflow": ("https://api.siliconflow.cn/v1/images/generations", {**CAT, "image": PNG_URL}, []),
    "ark": (
        "https://ark.cn-beijing.volces.com/api/v3/images/generations",
        {**CAT, "image": PNG_URL, **AS_BASE64},
        [],
    ),
    "byteplus": (BYTEPLUS, {**CAT, "image": PNG_URL, **AS_BASE64}, []),
    "deepinfra": ("https://api.deepinfra.com/v1/openai/images/edits", CAT, IMAGE),
    "pollinations": ("https://gen.pollinations.ai/v1/images/edits", {**CAT, **AS_BASE64}, IMAGE),
    "litellm": ("http://localhost:4000/v1/images/edits", CAT, IMAGE),
    "vercel": ("https://ai-gateway.vercel.sh/v1/images/edits", CAT, IMAGE),
    "local": ("http://localhost:8080/v1/images/edits", {**CAT, **AS_BASE64}, IMAGE),
    "sd-server": ("http://127.0.0.1:1234/v1/images/edits", CAT, IMAGE),
    "localai": ("http://127.0.0.1:8080/v1/images/generations", {**CAT, "file": "cG5n", **AS_BASE64}, []),
    "lemonade": ("http://127.0.0.1:13305/v1/images/edits", {**CAT, **AS_BASE64}, IMAGE),
    "vllm-omni": ("http://127.0.0.1:8000/v1/images/edits", {**CAT, **AS_BASE64}, IMAGE),
    "sglang": ("http://127.0.0.1:30000/v1/images/edits", {**CAT, **AS_BASE64}, IMAGE),
    "xinference": ("http://127.0.0.1:9997/v1/images/edits", {**CAT, **AS_BASE64}, IMAGE),
    "sandbox": ("http://127.0.0.1:1/v1/images/edits", CAT, IMAGE),
}
"""Of one image."""

NO_MASK = {"openrouter", "xai", "together", "siliconflow", "ark", "byteplus", "pollinations", "localai", "sglang"}
"""Those that edit, and have no field for a mask or don't read it."""

MASKED: dict[str, list[tuple[str, InputImage]]] = {
    "openai": WITH_MASK,
    "azure": WITH_MASK,
    "azure-classic": WITH_MASK,
    "deepinfra": WITH_MASK,
    "litellm": WITH_MASK,
    "vercel": WITH_MASK,
    "local": WITH_MASK,
    "sd-server": WITH_MASK,
    "lemonade": WITH_MASK,
    "vllm-omni": [("image", JPEG), ("mask_image", PNG)],
    "xinference": WITH_MASK,
    "sandbox": WITH_MASK,
}
"""The files of an edit with a mask; its other fields are those of EDITS."""

SEVERAL: dict[str, tuple[dict[str, Any], list[tuple[str, InputImage]]]] = {
    "openai": ({}, IMAGES),
    "azure": ({}, IMAGES),
    "azure-classic": ({}, IMAGES),
    "openrouter": ({"input_references": [OPENROUTER, {"type": "image_url", "image_url": {"url": JPEG_URL}}]}, []),
    "xai": ({"images": [XAI, {"url": JPEG_URL, "type": "image_url"}], **AS_BASE64}, []),
    "together": ({"reference_images": [PNG_URL, JPEG_URL], "response_format": "base64"}, []),
    "siliconflow": ({"image": PNG_URL, "image2": JPEG_URL}, []),
    "ark": ({"image": [PNG_URL, JPEG_URL], **AS_BASE64}, []),
    "byteplus": ({"image": [PNG_URL, JPEG_URL], **AS_BASE64}, []),
    "deepinfra": ({}, [("image", PNG), ("image", JPEG)]),
    "pollinations": (AS_BASE64, IMAGES),
    "litellm": ({}, IMAGES),
    "vercel": ({}, IMAGES),
    "local": (AS_BASE64, IMAGES),
    "sd-server": ({}, IMAGES),
    "localai": ({"files": ["cG5n", "anBlZw=="], **AS_BASE64}, []),
    "lemonade": (AS_BASE64, IMAGES),
    "vllm-omni": (AS_BASE64, IMAGES),
    "sglang": (AS_BASE64, IMAGES),
    "xinference": (AS_BASE64, IMAGES),
    "sandbox": ({}, IMAGES),
}
"""The further fields and the files of an edit of two images."""


def build(provider: str, image_request: ImageRequest, **uploads: Any) -> HttpRequest:
    row = ROWS.provider(provider)
    bases = {"azure": "https://r.openai.azure.com", "azure-classic": "https://r.openai.azure.com/"}
    base_url = row.base_url or bases.get(provider) or row.base_url_form or "http://127.0.0.1:1/v1"
    return build_http_request(image_request, RequestImages(**uploads), row, base_url, row.query)


def files(images: list[tuple[str, InputImage]]) -> list[tuple[str, bytes]]:
    return [(name, image.data) for name, image in images]


def test_every_row_has_its_literals() -> None:
    assert list(GENERATIONS) == list(ROWS.providers)
    edits = {name for name, row in ROWS.providers.items() if "edits" in row.paths}
    assert (set(EDITS), set(SEVERAL), {*MASKED, *NO_MASK}) == (edits, edits, edits)


@pytest.mark.parametrize("provider", GENERATIONS)
def test_a_generation_is_what_the_provider_accepts(provider: str) -> None:
    n = min(2, ROWS.provider(provider).max_n or 2)
    http = build(provider, Generate(prompt="a cat", options=ImageOptions(model="m", n=n, size=WIDE)))
    assert (http.url, http.json) == GENERATIONS[provider]
    assert (http.method, http.form, http.files) == ("POST", (), ())


@pytest.mark.parametrize("provider", EDITS)
def test_an_edit_is_what_the_provider_accepts(provider: str) -> None:
    http = build(provider, Edit(prompt="a cat", images=(HOUSE_IMAGE,), options=ImageOptions(model="m")), images=(PNG,))
    url, fields, images = EDITS[provider]
    assert (http.url, http.json if http.json is not None else dict(http.form)) == (url, fields)
    assert [(file.name, file.data) for file in http.files] == files(images)
    assert (http.json is None) == bool(images)


@pytest.mark.parametrize("provider", ROWS.providers)
def test_fields_that_the_user_did_not_set_are_recorded(provider: str) -> None:
    http = build(provider, Generate(prompt="a cat", options=ImageOptions(model="m")))
    assert http.json is not None
    assert set(http.added) == set(http.json) - {"model", "prompt"}
    assert all(name not in (http.without(name).json or {}) for name in http.added)
    plan = build(provider, Generate(prompt="a cat", options=ImageOptions(model="m", response_format="url")))
    assert plan.added == ()
    assert (plan.json or {})["response_format"] == "url"


def test_fields_set_by_param_are_the_users() -> None:
    http = build(
        "local", Generate(prompt="a cat", options=ImageOptions(model="m", params=(("response_format", "url"),)))
    )
    assert (http.json, http.added) == ({**CAT, "response_format": "url"}, ())


@pytest.mark.parametrize("provider", SEVERAL)
def test_several_images_have_the_fields_for_several(provider: str) -> None:
    fields, images = SEVERAL[provider]
    image_request = Edit(prompt="a cat", images=(HOUSE_IMAGE, HOUSE_IMAGE), options=ImageOptions(model="m"))
    http = build(provider, image_request, images=(PNG, JPEG))
    assert http.url == EDITS[provider][0]
    assert (http.json if http.json is not None else dict(http.form)) == {**CAT, **fields}
    assert [(file.name, file.data) for file in http.files] == files(images)


@pytest.mark.parametrize("provider", MASKED)
def test_a_mask_is_sent_where_the_provider_reads_it(provider: str) -> None:
    image_request = Edit(
        prompt="a cat", images=(HOUSE_IMAGE,), mask=MaskSource(file=HOUSE_IMAGE), options=ImageOptions(model="m")
    )
    check_capabilities(image_request, ROWS.provider(provider))
    http = build(provider, image_request, images=(JPEG,), mask=PNG)
    assert (http.url, dict(http.form)) == EDITS[provider][:2]
    assert [(file.name, file.data) for file in http.files] == files(MASKED[provider])


@pytest.mark.parametrize("provider", sorted(NO_MASK))
def test_a_mask_that_nothing_reads_is_refused(provider: str) -> None:
    image_request = Edit(
        prompt="a cat", images=(HOUSE_IMAGE,), mask=MaskSource(file=HOUSE_IMAGE), options=ImageOptions(model="m")
    )
    with pytest.raises(UsageError, match="--mask"):
        check_capabilities(image_request, ROWS.provider(provider))


def test_a_markup_is_sent_in_the_field_of_the_row() -> None:
    edit_ = Edit(prompt="a cat", images=(HOUSE_IMAGE,), markup=HOUSE_IMAGE, options=ImageOptions(model="m"))
    assert [(file.name, file.filename) for file in build("openai", edit_, images=(JPEG,), markup=PNG).files] == [
        ("image", "image.jpg"),
        ("markup", "markup.png"),
    ]


@pytest.mark.parametrize(
    ("provider", "look", "fields"),
    [
        ("xai", {"size": "auto"}, AS_BASE64),
        ("xai", {"size": Size(1920, 1088)}, {"aspect_ratio": "16:9", **AS_BASE64}),
        ("xai", {"params": (("resolution", "2k"),)}, {"resolution": "2k", **AS_BASE64}),
        ("together", {"response_format": "b64_json"}, {"response_format": "base64"}),
        ("together", {"size": "auto", "params": (("response_format", "url"),)}, {"response_format": "url"}),
        ("ark", {"params": (("watermark", False),)}, {"watermark": False, **AS_BASE64}),
        ("zhipu", {"user": "u-1", "quality": "hd"}, {"user_id": "u-1", "quality": "hd"}),
        ("zai", {"quality": "hd"}, {"quality": "hd"}),
        ("xai", {"quality": "low"}, {"quality": "low", **AS_BASE64}),
        ("xai", {"size": Size(2520, 1080)}, {"aspect_ratio": "21:9", **AS_BASE64}),
        ("venice", {"size": "auto", "moderation": "low"}, {"size": "auto", "moderation": "low"}),
        ("recraft", {"style": "realistic_image"}, {"style": "realistic_image", **AS_BASE64}),
        ("openai", {"size": "auto"}, {"size": "auto"}),
        ("local", {"size": "auto"}, AS_BASE64),
        ("local", {"model": ""}, AS_BASE64),
        ("xinference", {"params": (("steps", 4), ("seed", 7))}, {"kwargs": '{"steps": 4, "seed": 7}', **AS_BASE64}),
        ("xinference", {"seed": 7}, {"kwargs": '{"seed": 7}', **AS_BASE64}),
        ("vllm-omni", {"seed": 7}, {"seed": 7, **AS_BASE64}),
        ("openrouter", {"seed": 7}, {"seed": 7}),
        (
            "sd-server",
            {"params": (("steps", 4),), "seed": 7},
            {"prompt": 'a cat <sd_cpp_extra_args>{"steps": 4, "seed": 7}</sd_cpp_extra_args>'},
        ),
        (
            "sd-server",
            {"params": (("steps", 4),)},
            {"prompt": 'a cat <sd_cpp_extra_args>{"steps": 4}</sd_cpp_extra_args>'},
        ),
    ],
)
def test_values_and_extras_are_sent_as_in_the_row(provider: str, look: dict[str, Any], fields: dict[str, Any]) -> None:
    http = build(provider, Generate(prompt="a cat", options=ImageOptions(**{"model": "m", **look})))
    named = CAT if look.get("model", "m") else {"prompt": "a cat"}
    assert http.json == {**named, **fields}


def test_a_size_can_be_height_first() -> None:
    row = ROWS.provider("openai")._replace(height_first=True)
    image_request = Generate(prompt="a cat", options=ImageOptions(model="m", size=WIDE))
    assert (build_http_request(image_request, RequestImages(), row, "http://a.example/v1").json or {})[
        "size"
    ] == "1024x1536"


def test_an_image_without_a_field_is_not_sent() -> None:
    row = ROWS.provider("openai")._replace(mask=None, markup=None)
    image_request = Edit(prompt="a cat", images=(HOUSE_IMAGE,), options=ImageOptions(model="m"))
    uploads = RequestImages(images=(PNG,), mask=PNG, markup=PNG)
    assert [file.name for file in build_http_request(image_request, uploads, row, "http://a.example/v1").files] == [
        "image"
    ]
    assert build_http_request(image_request, uploads, row._replace(edits_as="json"), "http://a.example/v1").json == {
        **CAT,
        "image": PNG_URL,
    }


def test_a_variation_has_the_prompt_that_its_endpoint_requires() -> None:
    plain = build("lemonade", Vary(image=HOUSE_IMAGE, options=ImageOptions(model="m")), images=(PNG,))
    assert dict(plain.form) == {"model": "m", "response_format": "b64_json"}
    variation = build(
        "xinference", Vary(image=HOUSE_IMAGE, prompt="a cat", options=ImageOptions(model="m")), images=(PNG,)
    )
    assert variation.url == "http://127.0.0.1:9997/v1/images/variations"
    assert dict(variation.form) == {**CAT, **AS_BASE64}
