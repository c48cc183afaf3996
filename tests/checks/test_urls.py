"""URLs that are typed in place of a file: quoted as typed, with the way to get the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagecli.checks.urls import is_url
from tests.conftest import Run, photo

NOWHERE = ("--base-url", "http://127.0.0.1:1/v1")
URL = "https://example.com/a/photo.jpg"
DATA = "data:image/png;base64," + "iVBORw0KGgo" * 2000


@pytest.mark.parametrize(
    ("argv", "quoted", "way"),
    [
        (["edit", URL, "at night"], URL, f"curl -Lo image.png {URL}"),
        (["edit", f"{URL}?a=1&b=2", "at night"], f"{URL}?a=1&b=2", f'curl -Lo image.png "{URL}?a=1&b=2"'),
        (["edit", URL], URL, "curl"),
        (["vary", "HTTP://example.com/x"], "HTTP://example.com/x", "curl"),
        (["edit", "photo.png", "at night", "--image", URL], URL, "curl"),
        (["edit", "photo.png", "at night", "--mask", URL], URL, "curl"),
        (
            ["edit", "file:///tmp/a%20b.png", "at night"],
            "file:///tmp/a%20b.png",
            'use the path: "/tmp/a b.png"',
        ),
        (["edit", "s3://bucket/x.png", "at night"], "s3://bucket/x.png", "download it first"),
        (["edit", DATA, "at night"], "data:image/png;base64,iVBOR", "base64 -d"),
        (["edit", "photo.png", "-f", "https://example.com/p.txt"], "https://example.com/p.txt", "curl"),
        (["batch", "https://example.com/m.toml"], "https://example.com/m.toml", "curl"),
        (["generate", URL], URL, "curl"),
        (["generate", f"{URL}?w=100"], f"{URL}?w=100", "curl"),
        (["edit", "photo.png", URL], URL, "curl"),
        (["generate", DATA], "the prompt is an image data: URL", "base64 -d"),
    ],
)
def test_a_url_in_place_of_a_file_is_quoted_with_a_hint(
    imagecli: Run, folder: Path, argv: list[str], quoted: str, way: str
) -> None:
    photo(folder / "photo.png")
    result = imagecli(*argv, *NOWHERE)
    assert result.exit_code == 2
    assert quoted in result.stderr
    assert way in result.stderr
    assert len(result.stderr) < 600


@pytest.mark.parametrize("field", ["image", "mask"])
def test_a_row_names_files(imagecli: Run, folder: Path, field: str) -> None:
    photo(folder / "photo.png")
    row = {"command": "edit", "prompt": "at night", "image": "photo.png", "output": "x.png", field: URL}
    (folder / "m.jsonl").write_text(json.dumps(row))
    result = imagecli("batch", "m.jsonl", *NOWHERE)
    assert result.exit_code == 2
    assert f"m.jsonl:1: {field}: {URL} is a URL" in result.stderr


@pytest.mark.parametrize("word", ["C:/photo.png", "a:b.png", "http", "data", "https:/x", "photo.png", "a cat: data:x"])
def test_other_texts_are_not_urls(word: str) -> None:
    assert not is_url(word)
