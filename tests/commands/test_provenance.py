"""Promise 4: the API's bytes are saved unchanged, and a converted image is marked with how it was created."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from tests.client.raw import png
from tests.conftest import Run, photo, read_image

SANDBOX = ("--provider", "sandbox")
VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
CREATED, EDITED = f'"{VOCABULARY}trainedAlgorithmicMedia"', f'"{VOCABULARY}compositeWithTrainedAlgorithmicMedia"'


@pytest.mark.parametrize(
    ("arguments", "term"),
    [
        (("generate", "a cat"), CREATED),
        (("edit", "in.jpg", "at night"), EDITED),
        (("vary", "in.jpg", "-m", "dall-e-2"), CREATED),
        (("vary", "in.jpg", "-m", "gpt-image-2"), EDITED),
    ],
)
def test_a_fitted_image_says_whether_a_model_created_or_edited_it(
    imagecli: Run, folder: Path, arguments: tuple[str, ...], term: str
) -> None:
    photo(folder / "in.jpg")
    result = imagecli(*arguments, "--fit", "90x60", "-o", "made.png", *SANDBOX)
    assert result.exit_code == 0, result.stderr
    assert term in read_image("made.png").info["XML:com.adobe.xmp"]
    assert "XML:com.adobe.xmp" not in read_image("made.orig.png").info


def test_a_row_of_a_manifest_is_marked_too(imagecli: Run, folder: Path) -> None:
    photo(folder / "in.jpg")
    rows = [
        {"prompt": "a cat", "output": "cat.png", "fit": "90x60"},
        {"command": "edit", "prompt": "at night", "image": "in.jpg", "output": "night.png", "fit": "90x60"},
    ]
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    result = imagecli("batch", "rows.jsonl", *SANDBOX)
    assert result.exit_code == 0, result.stderr
    assert CREATED in read_image("cat.png").info["XML:com.adobe.xmp"]
    assert EDITED in read_image("night.png").info["XML:com.adobe.xmp"]


def test_the_bytes_of_the_api_are_saved_unchanged(imagecli: Run, folder: Path, httpserver: HTTPServer) -> None:
    received = png()
    body = {"data": [{"b64_json": base64.b64encode(received).decode()}]}
    httpserver.expect_request("/v1/images/generations").respond_with_json(body)
    result = imagecli(
        "generate", "a cat", "--base-url", httpserver.url_for("/v1"), env={"OPENAI_API_KEY": "sk-test-1234"}
    )
    assert result.exit_code == 0, result.stderr
    assert (folder / result.paths[0]).read_bytes() == received
