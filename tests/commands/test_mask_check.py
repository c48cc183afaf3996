"""A mask that a server may ignore: after the request, what changed outside the mask is compared and reported."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pytest_httpserver import HTTPServer

from imagecli.domain import Size
from imagecli.sandbox.painter.scene import paint_scene
from tests.conftest import Run, mask_for
from tests.images.sample_images import saved

SIDE = 256
HOLE = (64, 64, 128, 128)


def paint(prompt: str, width: int = SIDE, height: int = SIDE) -> Image.Image:
    return paint_scene(prompt, 0, Size(width, height)).convert("RGB")


@pytest.fixture
def inputs(folder: Path) -> Path:
    paint("a lake").save(folder / "lake.png")
    mask_for(folder / "mask.png", SIDE, SIDE, HOLE)
    return folder


def applied() -> bytes:
    """The lake, changed where the mask is transparent, as a JPEG."""
    image = paint("a lake")
    image.paste((200, 30, 180), HOLE)
    return saved(image, "JPEG", quality=80)


def ignored() -> bytes:
    return saved(paint("a desert at night"))


def serve(httpserver: HTTPServer, *images: bytes, **fields: Any) -> str:
    """The base URL of a server whose edits are *images*."""
    data = [{"b64_json": base64.b64encode(image).decode()} for image in images]
    httpserver.expect_request("/v1/images/edits", method="POST").respond_with_json(
        {"created": 1, "data": data, **fields}
    )
    return httpserver.url_for("/v1")


def edit(imagecli: Run, base_url: str, *more: object, provider: str = "vllm-omni") -> Any:
    where = ("--provider", provider, "--base-url", base_url)
    return imagecli(
        "edit", "lake.png", "a boat", "--mask", "mask.png", "-m", "flux", *where, *more, env={"OPENAI_API_KEY": "sk-1"}
    )


WARNING = "of the area outside the mask changed in boat.png; provider vllm-omni may have ignored the mask"


def test_an_ignored_mask_is_a_warning_on_stderr_and_in_json(
    imagecli: Run, inputs: Path, httpserver: HTTPServer
) -> None:
    base_url = serve(httpserver, ignored())
    result = edit(imagecli, base_url, "-o", "boat.png")
    assert (result.exit_code, WARNING in result.stderr) == (0, True)
    (warning,) = [
        one
        for one in edit(imagecli, base_url, "-o", "other.png", "--json").json["warnings"]
        if one["code"] == "mask_ignored"
    ]
    assert int(warning["message"].partition("%")[0]) > 50
    assert (inputs / "boat.png").exists()


@pytest.mark.parametrize("more", [[], ["--fit", "100x100"]])
def test_an_applied_mask_gives_no_warning(imagecli: Run, inputs: Path, httpserver: HTTPServer, more: list[str]) -> None:
    result = edit(imagecli, serve(httpserver, applied()), "-o", "boat.png", *more)
    assert (result.exit_code, "outside the mask" in result.stderr) == (0, False)


@pytest.mark.parametrize(
    ("provider", "warned"), [("openai", True), ("local", True), ("xinference", True), ("azure", False)]
)
def test_a_server_that_is_not_the_rows_own_may_ignore_masks(
    imagecli: Run, inputs: Path, httpserver: HTTPServer, provider: str, warned: bool
) -> None:
    httpserver.expect_request("/v1/openai/v1/images/edits", method="POST").respond_with_json(
        {"created": 1, "data": [{"b64_json": base64.b64encode(ignored()).decode()}]}
    )
    result = imagecli(
        *("edit", "lake.png", "a boat", "--mask", "mask.png", "-m", "flux", "-o", "boat.png", "--provider", provider),
        *("--base-url", serve(httpserver, ignored())),
        env={"OPENAI_API_KEY": "sk-1", "AZURE_OPENAI_API_KEY": "sk-1"},
    )
    assert (result.exit_code, "outside the mask changed" in result.stderr) == (0, warned), result.stderr


def test_several_images_are_one_warning(imagecli: Run, inputs: Path, httpserver: HTTPServer) -> None:
    result = edit(imagecli, serve(httpserver, applied(), ignored(), ignored()), "-n", 3, "-o", "boat.png")
    assert result.stderr.count("outside the mask") == 1
    assert "(and in 1 more); provider vllm-omni may have ignored" in result.stderr


def test_an_image_for_stdout_is_compared_too(imagecli: Run, inputs: Path, httpserver: HTTPServer) -> None:
    result = edit(imagecli, serve(httpserver, ignored()), "-o", "-")
    assert result.raw_stdout == ignored()
    assert "of the area outside the mask changed in the image on stdout" in result.stderr


def test_another_shape_can_not_be_compared(imagecli: Run, inputs: Path, httpserver: HTTPServer) -> None:
    wide = saved(paint("a lake", 320, 200))
    result = edit(imagecli, serve(httpserver, wide), "-o", "boat.png")
    assert (
        "note: provider vllm-omni may ignore masks, and its result can't be compared with the original" in result.stderr
    )
    assert result.exit_code == 0


def test_without_a_mask_nothing_is_compared(imagecli: Run, inputs: Path, httpserver: HTTPServer) -> None:
    where = ("--provider", "vllm-omni", "--base-url", serve(httpserver, ignored()), "-m", "flux")
    assert "mask" not in imagecli("edit", "lake.png", "a boat", *where).stderr


def test_a_row_of_a_batch_is_compared(imagecli: Run, inputs: Path, httpserver: HTTPServer) -> None:
    row = {"command": "edit", "image": "lake.png", "mask": "mask.png", "prompt": "a boat", "model": "flux"}
    (inputs / "m.jsonl").write_text("".join(json.dumps({**row, "output": f"{name}.png"}) + "\n" for name in "ab"))
    where = ("--provider", "vllm-omni", "--base-url", serve(httpserver, ignored()))
    result = imagecli("batch", "m.jsonl", *where, "--json")
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout.splitlines()[-1])
    messages = [warning["message"] for warning in summary["warnings"] if warning["code"] == "mask_ignored"]
    assert [name for name in ("a.png", "b.png") if any(name in message for message in messages)] == ["a.png", "b.png"]
    assert result.stderr.count("of the area outside the mask changed") == 2
