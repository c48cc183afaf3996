"""On a terminal the estimated price is shown before the first paid request; nowhere else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.client.raw import http, images_body, png, raw_server
from tests.conftest import Run

COMMAND = ("generate", "a cat", "-s", "1024x1024", "--quality", "medium")
LINE = "imagecli: price: about $0.053 at medium (low $0.006, high $0.21)"
IMAGE = http("200 OK", images_body(png(64, 64)))


def lines(stderr: str) -> list[str]:
    """What is printed on a terminal, without the codes that move the cursor."""
    return [line.strip() for line in re.split(r"[\r\n]", re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", stderr))]


@pytest.mark.parametrize(
    ("arguments", "tty", "is_printed"),
    [
        ([], ("stderr",), True),
        (["--json"], ("stderr",), True),
        ([], (), False),
        ([], ("stdout",), False),
        (["--quiet"], ("stderr",), False),
        (["--dry-run"], ("stderr",), False),
    ],
)
def test_the_price_is_shown_on_a_terminal(
    imagecli: Run, arguments: list[str], tty: tuple[str, ...], is_printed: bool
) -> None:
    with raw_server(IMAGE) as server:
        result = imagecli(*COMMAND, *arguments, "--base-url", server.base_url, tty=tty)
    assert result.exit_code == 0
    assert (LINE in lines(result.stderr)) is is_printed
    assert ("imagecli: price:" in result.stderr) is is_printed


def test_it_is_shown_before_the_first_request(imagecli: Run) -> None:
    # No connection is made, so that no request is sent: nothing listens on port 1.
    result = imagecli(*COMMAND, "--base-url", "http://127.0.0.1:1/v1", "--max-retries", "0", tty=("stderr",))
    assert result.exit_code == 6
    printed_lines = lines(result.stderr)
    assert printed_lines.index(LINE) < next(k for k, line in enumerate(printed_lines) if "error:" in line)


def test_a_free_command_prints_no_price(imagecli: Run) -> None:
    result = imagecli("generate", "a cat", "-m", "dall-e-2", "-s", "256x256", "--provider", "sandbox", tty=("stderr",))
    assert (result.exit_code, "price" in result.stderr) == (0, False)


def test_an_unknown_price_is_printed_as_unknown(imagecli: Run) -> None:
    with raw_server(IMAGE) as server:
        command = ["generate", "a cat", "--provider", "openrouter", "-m", "a/b", "--base-url", server.base_url]
        result = imagecli(*command, env={"OPENROUTER_API_KEY": "sk-or-v1-0123456789"}, tty=("stderr",))
    assert "imagecli: price: unknown: imagecli has no prices for openrouter; its responses report the cost" in lines(
        result.stderr
    )


def test_the_price_of_a_batch_is_that_of_all_its_images(imagecli: Run, folder: Path) -> None:
    rows = [
        {"prompt": f"a {x}", "output": f"{x}.png", "size": "1024x1024", "quality": quality}
        for x, quality in (("cat", "low"), ("dog", "high"))
    ]
    (folder / "pets.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with raw_server(IMAGE) as server:
        result = imagecli("batch", "pets.jsonl", "--base-url", server.base_url, tty=("stderr",))
        again = imagecli("batch", "pets.jsonl", "--base-url", server.base_url, tty=("stderr",))
    assert result.exit_code == 0
    assert "imagecli: price: about $0.22 for 2 images" in lines(result.stderr)
    assert "price" not in again.stderr
