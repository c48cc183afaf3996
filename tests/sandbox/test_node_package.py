"""Today's `openai` package for Node against the sandbox: generate, edit, stream and refusals.

It needs node, and the package in the folder that IMAGECLI_TEST_NODE_OPENAI names (`npm install openai` makes one); with
IMAGECLI_TEST_NPM_INSTALL=1 it is installed into a folder of the test's own.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from imagecli.sandbox.sandbox import Sandbox
from tests.sandbox.requests_and_images import encoded, photo

SCRIPT = Path(__file__).with_name("openai_package.mjs")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which node finds the package."""
    if not shutil.which("node"):
        pytest.skip("this machine has no node")
    if folder := os.environ.get("IMAGECLI_TEST_NODE_OPENAI"):
        return Path(folder)
    if os.environ.get("IMAGECLI_TEST_NPM_INSTALL") != "1" or not shutil.which("npm"):
        pytest.skip("no openai package for node: set IMAGECLI_TEST_NODE_OPENAI, or IMAGECLI_TEST_NPM_INSTALL=1")
    made = tmp_path_factory.mktemp("node")
    (made / "package.json").write_text("{}")
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "openai"], cwd=made, check=True, timeout=300)
    return made


@pytest.fixture(scope="module")
def output(package: Path) -> Any:
    """The output of the Node program."""
    image = base64.b64encode(encoded(photo())).decode()
    with Sandbox() as server:
        command = ["node", str(SCRIPT), str(package), server.base_url, image]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_generate_and_edit_return_images(output: Any) -> None:
    assert (output["generate"], output["usage"]) == (["RIFF", "RIFF"], True)
    assert output["edit"] == ["\xff\xd8\xff\xe0"]
    assert output["svg"] == [["<svg"], True]


@pytest.mark.parametrize(("name", "kind"), [("stream", "image_generation"), ("edit_stream", "image_edit")])
def test_streams_return_partial_images_and_the_image(output: Any, name: str, kind: str) -> None:
    assert output[name] == [f"{kind}.partial_image"] * 2 + [f"{kind}.completed"]


def test_refusals_are_its_own_errors(output: Any) -> None:
    assert output["unknown"] == [400, "unknown_parameter", "BadRequestError"]
    assert output["blocked"] == [400, "moderation_blocked", "BadRequestError"]
    assert output["model"] == [404, "model_not_found", "NotFoundError"]
