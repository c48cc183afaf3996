"""The real command against a server of each dialect: images are saved, edits too, and errors are printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from imagecli.catalog.catalog import load_shipped_catalog
from tests.conftest import Run, mask_for, photo, read_image
from tests.dialects import hosted, self_hosted
from tests.dialects.serving import KEY, Dialect, ReceivedRequest

ENTRA = "entra-token-0123456789"
DIALECTS: dict[str, tuple[type[Dialect], list[str]]] = {
    "openai": (hosted.OpenAI, []),
    "azure": (hosted.Azure, ["-m", "my images"]),
    "azure-classic": (hosted.AzureClassic, ["-m", "my images"]),
    "openrouter": (hosted.OpenRouter, ["-m", "vendor/model"]),
    "xai": (hosted.XAI, []),
    "together": (hosted.Together, ["-m", "flux"]),
    "siliconflow": (hosted.SiliconFlow, ["-m", "Kolors"]),
    "ark": (hosted.Ark, ["-m", "seedream"]),
    "byteplus": (hosted.Ark, ["-m", "seedream"]),
    "zhipu": (hosted.Zhipu, []),
    "zai": (hosted.Zhipu, ["-m", "glm-image"]),
    "gemini": (hosted.Gemini, ["-m", "gemini-3-pro-image"]),
    "deepinfra": (hosted.DeepInfra, ["-m", "vendor/model"]),
    "recraft": (hosted.Recraft, ["-m", "recraftv4"]),
    "venice": (hosted.Venice, ["-m", "venice-sd35"]),
    "pollinations": (hosted.Pollinations, ["-m", "flux"]),
    "litellm": (hosted.LiteLLM, ["-m", "images"]),
    "vercel": (hosted.Vercel, ["-m", "openai/gpt-image-2"]),
    "local": (self_hosted.SGLang, []),
    "sd-server": (self_hosted.SdServer, []),
    "localai": (self_hosted.LocalAI, []),
    "lemonade": (self_hosted.Lemonade, []),
    "vllm-omni": (self_hosted.VllmOmni, []),
    "sglang": (self_hosted.SGLang, []),
    "xinference": (self_hosted.Xinference, ["-m", "sd-turbo"]),
    "docker": (self_hosted.Docker, ["-m", "stable-diffusion:Q4"]),
}
"""Provider → its server, and what has to be said besides."""

KEYS = {
    "openai": "OPENAI_API_KEY",
    "azure": "AZURE_OPENAI_API_KEY",
    "azure-classic": "AZURE_OPENAI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "xai": "XAI_API_KEY",
    "together": "TOGETHER_API_KEY",
    "siliconflow": "SILICONFLOW_API_KEY",
    "ark": "ARK_API_KEY",
    "byteplus": "BYTEPLUS_API_KEY",
    "zhipu": "ZHIPUAI_API_KEY",
    "zai": "ZAI_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "deepinfra": "DEEPINFRA_API_KEY",
    "recraft": "RECRAFT_API_TOKEN",
    "venice": "VENICE_API_KEY",
    "pollinations": "POLLINATIONS_API_KEY",
    "litellm": "LITELLM_PROXY_API_KEY",
    "vercel": "AI_GATEWAY_API_KEY",
}
GENERATING = ("zhipu", "zai", "gemini", "recraft", "venice", "docker")
"""Those that don't edit."""
EDITING = [name for name in DIALECTS if name not in GENERATING]
ONE_AT_A_TIME = ("ark", "byteplus", "zhipu", "zai", "venice", "pollinations", "lemonade", "docker")


@pytest.fixture
def server(request: pytest.FixtureRequest, httpserver: HTTPServer) -> Dialect:
    """The server of the provider that the test is run for."""
    provider = request.getfixturevalue("provider")
    return DIALECTS[provider][0](httpserver)


def flags(provider: str, server: Dialect) -> list[str]:
    return ["--provider", provider, "--base-url", server.base_url, "--max-retries", "0", *DIALECTS[provider][1]]


def env(provider: str) -> dict[str, str]:
    return {KEYS[provider]: KEY} if provider in KEYS else {}


def test_every_row_has_a_server_here() -> None:
    assert {*DIALECTS, "sandbox"} == set(load_shipped_catalog().providers)


@pytest.mark.parametrize("provider", DIALECTS)
def test_an_image_is_generated(imagecli: Run, server: Dialect, provider: str) -> None:
    result = imagecli("generate", "a cat", *flags(provider, server), env=env(provider))
    assert (result.exit_code, len(result.paths)) == (0, 1), result.stderr
    assert read_image(result.paths[0]).size == (16, 16)


@pytest.mark.parametrize("provider", DIALECTS)
def test_two_images_of_a_size_use_as_many_requests_as_needed(imagecli: Run, server: Dialect, provider: str) -> None:
    options = ["-n", "2", "--size", "1536x1024"]
    result = imagecli("generate", "a cat", *options, *flags(provider, server), env=env(provider))
    assert (result.exit_code, len(result.paths)) == (0, 2), result.stderr
    posts = [request for request in server.requests if request.method == "POST"]
    assert len(posts) == (2 if provider in ONE_AT_A_TIME else 1)


@pytest.mark.parametrize("provider", EDITING)
def test_an_image_is_edited(imagecli: Run, server: Dialect, folder: Path, provider: str) -> None:
    photo(folder / "in.png")
    result = imagecli("edit", "in.png", "at night", *flags(provider, server), env=env(provider))
    assert (result.exit_code, len(result.paths)) == (0, 1), result.stderr
    assert read_image(result.paths[0]).size == (16, 16)


@pytest.mark.parametrize("provider", EDITING)
def test_two_images_are_combined(imagecli: Run, server: Dialect, folder: Path, provider: str) -> None:
    photo(folder / "in.png")
    photo(folder / "on.png")
    result = imagecli("edit", "in.png", "both", "--image", "on.png", *flags(provider, server), env=env(provider))
    assert (result.exit_code, len(result.paths)) == (0, 1), result.stderr


@pytest.mark.parametrize("provider", EDITING)
def test_an_image_is_varied_by_the_available_endpoint(
    imagecli: Run, server: Dialect, folder: Path, provider: str
) -> None:
    photo(folder / "in.png")
    result = imagecli("vary", "in.png", *flags(provider, server), env=env(provider))
    assert (result.exit_code, len(result.paths)) == (0, 1), result.stderr
    varied = provider in ("lemonade", "xinference")
    assert server.requests[0].path.endswith("/variations") is varied
    assert ("using the variations endpoint" in result.stderr) is varied


MASKED = [
    *("openai", "azure", "azure-classic", "deepinfra", "litellm", "vercel"),
    *("local", "sd-server", "lemonade", "vllm-omni", "xinference"),
]


def mask_in(provider: str, request: ReceivedRequest) -> list[bytes]:
    """The mask of a request, in the field that its server reads."""
    field = "mask_image" if provider == "vllm-omni" else "mask"
    return [data for name, data in request.files if name == field]


@pytest.mark.parametrize("provider", EDITING)
def test_a_mask_is_sent_or_refused(imagecli: Run, server: Dialect, folder: Path, provider: str) -> None:
    photo(folder / "in.png", 64, 64)
    mask_for(folder / "mask.png", 64, 64, (0, 0, 32, 64))
    flagged = ["--mask", "mask.png", *flags(provider, server)]
    result = imagecli("edit", "in.png", "at night", *flagged, env=env(provider))
    if provider in MASKED:
        assert result.exit_code == 0, result.stderr
        assert mask_in(provider, server.requests[-1])
    else:
        assert (result.exit_code, server.requests) == (2, [])
        ignored = f"--mask: provider {provider} ignores it and would edit the entire image"
        refused = f"--mask: not supported by provider {provider}"
        assert (ignored if provider == "sglang" else refused) in result.stderr


WHITE = ["local", "sd-server", "lemonade", "vllm-omni", "xinference"]


@pytest.mark.parametrize("provider", [*WHITE, "openai"])
def test_a_mask_is_white_too_if_only_white_is_read(imagecli: Run, server: Dialect, folder: Path, provider: str) -> None:
    from PIL import Image

    photo(folder / "in.png", 64, 64)
    holes = Image.new("RGBA", (64, 64), (9, 9, 9, 255))
    holes.paste((9, 9, 9, 0), (0, 0, 32, 64))
    holes.save(folder / "mask.png")
    flagged = ["--mask", "mask.png", *flags(provider, server)]
    assert imagecli("edit", "in.png", "at night", *flagged, env=env(provider)).exit_code == 0
    (sent,) = mask_in(provider, server.requests[0])
    (folder / "sent.png").write_bytes(sent)
    mask = read_image(folder / "sent.png")
    changes, stays = mask.getpixel((5, 5)), mask.getpixel((50, 5))
    if provider in WHITE:
        assert (changes, stays) == ((255, 255, 255, 0), (0, 0, 0, 255))
    else:
        assert sent == (folder / "mask.png").read_bytes()


@pytest.mark.parametrize("provider", ["openai"])
def test_a_markup_is_sent_with_its_image(imagecli: Run, server: Dialect, folder: Path, provider: str) -> None:
    photo(folder / "in.png", 64, 48)
    mask_for(folder / "arrows.png", 64, 48, (0, 0, 32, 48))
    arguments = ["--markup", "arrows.png", "-m", "gpt-image-2.5-flare", *flags(provider, server)]
    result = imagecli("edit", "in.png", "a door here", *arguments, env=env(provider))
    assert result.exit_code == 0, result.stderr
    assert dict(server.requests[0].files)["markup"] == (folder / "arrows.png").read_bytes()


@pytest.mark.parametrize("provider", ["openai"])
def test_a_markup_of_another_size_is_refused_before_it_is_sent(
    imagecli: Run, server: Dialect, folder: Path, provider: str
) -> None:
    photo(folder / "in.png", 64, 48)
    mask_for(folder / "arrows.png", 48, 64, (0, 0, 32, 48))
    arguments = ["--markup", "arrows.png", "-m", "gpt-image-2.5-flare", *flags(provider, server)]
    result = imagecli("edit", "in.png", "a door here", *arguments, env=env(provider))
    assert (result.exit_code, server.requests) == (2, [])
    assert "arrows.png is 48x64, in.png is 64x48; a drawing must have the size of its image" in result.stderr


REFUSALS = [
    ("openai", ["--user", "u", "--param", "strength=1"], 4, "Unknown parameter: 'strength'"),
    ("azure", ["blood"], 4, "(contentFilter); categories: violence"),
    ("azure-classic", ["-m", "another"], 4, "no Images API at this URL (HTTP 404)"),
    ("openrouter", ["poor"], 5, "out of credit or over its spending limit: Insufficient credits"),
    ("xai", ["-m", "flux"], 4, "Model not found: flux"),
    ("together", ["--param", "guidance=3"], 4, "Unknown parameter: 'guidance'"),
    ("siliconflow", ["--quality", "hd"], 4, "unknown field quality (20012)"),
    ("ark", ["sometimes"], 4, "the picture was held back (OutputImageBlocked)"),
    ("zhipu", ["--param", "strength=1"], 4, "strength (1210)"),
    ("zai", ["--param", "strength=1"], 4, "strength (1210)"),
    ("byteplus", ["sometimes"], 4, "the picture was held back (OutputImageBlocked)"),
    ("gemini", ["--response-format", "url"], 4, "Only b64_json is supported"),
    ("deepinfra", ["-m", "flux"], 4, "Model is not available: flux"),
    ("recraft", ["--param", "steps=4"], 4, "unknown ['steps'] (invalid_request_parameter)"),
    ("venice", ["--param", "steps=4"], 4, "Unrecognized key: ['steps']"),
    ("litellm", ["--user", "u", "--param", "strength=1"], 4, "Unknown parameter: 'strength'"),
    ("vercel", ["-m", "gpt-image-2"], 4, "Model 'gpt-image-2' not found"),
    ("docker", ["-m", "gpu-less"], 6, "the diffusers backend needs an NVIDIA GPU"),
    ("sd-server", ["--param", "steps=101"], 6, "too many steps (server_error)"),
    ("localai", ["a|b"], 6, "negative prompts are off"),
    ("lemonade", ["--response-format", "url"], 4, "n must be from 1 to 10"),
    ("vllm-omni", ["-m", "flux"], 4, "Model mismatch"),
    ("xinference", ["-m", "flux"], 4, "Model not found in the model list"),
    ("xinference", ["--quality", "hd"], 4, "body: Extra inputs are not permitted"),
]


@pytest.mark.parametrize(("provider", "typed", "exit_code", "message"), REFUSALS)
def test_an_error_is_printed_with_the_servers_message(
    imagecli: Run, server: Dialect, provider: str, typed: list[str], exit_code: int, message: str
) -> None:
    prompt, options = (typed[0], []) if len(typed) == 1 else ("a cat", typed)
    result = imagecli("generate", prompt, *flags(provider, server), *options, env=env(provider))
    assert result.exit_code == exit_code, result.stderr
    assert message in result.stderr
    assert KEY not in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("provider", KEYS)
def test_a_wrong_key_is_exit_3(imagecli: Run, server: Dialect, provider: str) -> None:
    result = imagecli("generate", "a cat", *flags(provider, server), env={KEYS[provider]: "sk-wrong-0123456789"})
    assert (result.exit_code, result.stdout) == (3, ""), result.stderr
    assert "the API key was refused" in result.stderr


@pytest.mark.parametrize("provider", ["azure", "azure-classic"])
def test_an_entra_token_is_a_bearer(imagecli: Run, server: Dialect, provider: str) -> None:
    result = imagecli("generate", "a cat", *flags(provider, server), env={"AZURE_OPENAI_AD_TOKEN": ENTRA})
    assert result.exit_code == 0, result.stderr
    assert "api-key" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("provider", "ending"),
    [
        *(
            ("azure", ending)
            for ending in ("", "/", "/openai", "/openai/v1", "/openai/v1/", "/openai/v1/images/generations")
        ),
        *(("azure-classic", ending) for ending in ("", "/", "/openai/", "/openai/deployments/my%20images")),
    ],
)
def test_azures_endpoint_is_accepted_as_documented(imagecli: Run, server: Dialect, provider: str, ending: str) -> None:
    endpoint = {"AZURE_OPENAI_API_KEY": KEY, "AZURE_OPENAI_ENDPOINT": server.base_url.rstrip("/") + ending}
    result = imagecli("generate", "a cat", "--provider", provider, "-m", "my images", env=endpoint)
    assert result.exit_code == 0, result.stderr
    path = "/openai/v1" if provider == "azure" else "/openai/deployments/my images"
    assert [(request.method, request.path) for request in server.requests] == [("POST", f"{path}/images/generations")]


@pytest.mark.parametrize("provider", ["azure-classic"])
def test_the_api_version_is_the_variables_or_the_base_urls(imagecli: Run, server: Dialect, provider: str) -> None:
    assert isinstance(server, hosted.Azure)
    server.version = "2026-01-01"
    typed = ["generate", "a cat", "--provider", provider, "-m", "my images"]
    by_variable = {**env(provider), "OPENAI_API_VERSION": server.version}
    assert imagecli(*typed, "--base-url", server.base_url, env=by_variable).exit_code == 0
    with_query = f"{server.base_url}?api-version={server.version}"
    assert imagecli(*typed, "--base-url", with_query, env=env(provider)).exit_code == 0
    assert imagecli(*typed, "--base-url", server.base_url, env=env(provider)).exit_code == 4


@pytest.mark.parametrize("provider", ["together", "xai", "localai", "local"])
def test_a_url_is_downloaded_without_the_key_and_with_a_user_agent(
    imagecli: Run, server: Dialect, provider: str
) -> None:
    result = imagecli("generate", "a cat", "--response-format", "url", *flags(provider, server), env=env(provider))
    assert result.exit_code == 0, result.stderr
    post, get = server.requests
    assert (post.method, get.method) == ("POST", "GET")
    assert get.headers["user-agent"].startswith("imagecli/")
    assert "authorization" not in get.headers


@pytest.mark.parametrize("provider", ["xinference"])
def test_a_file_on_the_servers_disk_is_named_with_a_hint(imagecli: Run, server: Dialect, provider: str) -> None:
    result = imagecli("generate", "a cat", "--response-format", "url", *flags(provider, server))
    assert result.exit_code == 7
    assert "/root/.xinference/image/c3f.jpg" in result.stderr
    assert "--response-format b64_json" in result.stderr


@pytest.mark.parametrize("provider", ["xai", "together", "ark", "byteplus", "deepinfra", "pollinations", "xinference"])
def test_a_jpeg_gets_its_extension(imagecli: Run, server: Dialect, provider: str) -> None:
    result = imagecli("generate", "a cat", *flags(provider, server), env=env(provider))
    assert result.paths == [Path("a-cat.jpg")]


@pytest.mark.parametrize("provider", ["local", "sd-server", "localai", "lemonade", "vllm-omni", "sglang"])
def test_a_self_hosted_server_needs_neither_key_nor_model(imagecli: Run, server: Dialect, provider: str) -> None:
    assert imagecli("generate", "a cat", *flags(provider, server)).exit_code == 0
    (request,) = server.requests
    assert "model" not in request.body()
    assert "authorization" not in request.headers


@pytest.mark.parametrize(("provider", "named", "warned"), [("xai", [], False), ("xai", ["-m", "grok-9"], True)])
def test_only_a_named_model_is_reported_as_unknown(
    imagecli: Run, server: Dialect, provider: str, named: list[str], warned: bool
) -> None:
    result = imagecli("generate", "a cat", *flags(provider, server), *named, env=env(provider))
    assert (result.exit_code, len(result.paths)) == (0, 1), result.stderr
    assert ("unknown model" in result.stderr) is warned


@pytest.mark.parametrize(
    "provider", ["together", "azure", "ark", "openrouter", "siliconflow", "xinference", "gemini", "venice", "docker"]
)
def test_a_missing_model_is_an_error_before_anything_is_sent(imagecli: Run, server: Dialect, provider: str) -> None:
    typed = flags(provider, server)[:4]
    result = imagecli("generate", "a cat", *typed, env=env(provider))
    assert (result.exit_code, server.requests) == (2, [])
    assert "choose a model with -m" in result.stderr


@pytest.mark.parametrize("provider", ["xai", "venice"])
def test_an_image_that_moderation_blocked_is_a_refusal(
    imagecli: Run, server: Dialect, folder: Path, provider: str
) -> None:
    result = imagecli("generate", "blood", *flags(provider, server), "--json", env=env(provider))
    assert (result.exit_code, list(folder.iterdir())) == (4, [])
    (error,) = result.json["errors"]
    assert (error["code"], error["message"]) == ("moderation_blocked", "blocked by the provider's moderation")
    assert imagecli("recover", "--list").stdout == ""


@pytest.mark.parametrize("provider", ["xai"])
def test_the_images_that_moderation_did_not_block_are_saved(imagecli: Run, server: Dialect, provider: str) -> None:
    result = imagecli("generate", "blood", "-n", "2", *flags(provider, server), env=env(provider))
    assert (result.exit_code, result.paths) == (9, [Path("blood-2.jpg")])
    assert "blocked by the provider's moderation" in result.stderr


@pytest.mark.parametrize(("provider", "model", "warned"), [("venice", "venice-sd35", False), ("venice", "flux", True)])
def test_a_replaced_model_is_warned_of(imagecli: Run, server: Dialect, provider: str, model: str, warned: bool) -> None:
    result = imagecli("generate", "a cat", *flags(provider, server), "-m", model, "--json", env=env(provider))
    assert result.exit_code == 0
    messages = [warning["message"] for warning in result.json["warnings"] if warning["code"] == "other_model"]
    assert messages == (["venice used z-image-turbo, not flux"] if warned else [])


@pytest.mark.parametrize("provider", ["venice"])
def test_doctor_lists_image_models(imagecli: Run, server: Dialect, provider: str) -> None:
    looked = imagecli("doctor", *flags(provider, server)[:4], "--json", env=env(provider))
    assert server.requests[-1].path == "/api/v1/models", looked.stderr
    assert server.requests[-1].query == {"type": "image"}


@pytest.mark.parametrize(("provider", "usd"), [("xai", 0.02), ("venice", None)])
def test_a_row_that_moderation_blocked_costs_what_the_provider_reports(
    imagecli: Run, server: Dialect, folder: Path, provider: str, usd: float | None
) -> None:
    (folder / "m.jsonl").write_text('{"prompt": "blood", "output": "a.jpg"}\n{"prompt": "a cat", "output": "b.jpg"}\n')
    result = imagecli("batch", "m.jsonl", *flags(provider, server), "--json", env=env(provider))
    assert (result.exit_code, (folder / "a.jpg").exists(), (folder / "b.jpg").exists()) == (9, False, True)
    journal = [json.loads(line) for line in (folder / "m.journal.jsonl").read_text().splitlines()]
    failed = [entry for entry in journal if entry["state"] == "failed"]
    assert [(entry["error"], entry["cost_usd"], entry["may_be_billed"]) for entry in failed] == [
        ("moderation_blocked", usd, True)
    ]
