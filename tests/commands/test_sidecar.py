"""`--sidecar`: how an image was made, in a file beside it that can be published with it."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from tests.client.raw import http, images_body, png, raw_server
from tests.conftest import Run, mask_for, photo

SANDBOX = ("--provider", "sandbox")
NO_HISTORY = {"IMAGECLI_HISTORY": "false"}
KEY = {"OPENAI_API_KEY": "sk-secret-1234567890"}
USAGE = {"input_tokens": 10, "output_tokens": 400, "input_tokens_details": {"text_tokens": 10, "image_tokens": 0}}


def sidecar(path: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(path).read_text("utf-8"))
    return document


@pytest.fixture
def base_url(httpserver: HTTPServer) -> str:
    """A server that responds to every generation with two images."""
    body = {"data": [{"b64_json": base64.b64encode(png(color=color)).decode()} for color in ("red", "blue")]}
    body["data"][0]["revised_prompt"] = "a revised cat"
    response = {**body, "usage": USAGE}
    httpserver.expect_request("/v1/images/generations").respond_with_json(response, headers={"x-request-id": "req_1"})
    return httpserver.url_for("/v1")


def test_it_has_every_known_fact_and_no_secret(imagecli: Run, folder: Path, base_url: str) -> None:
    address = base_url.replace("http://", "http://anna:password@")
    result = imagecli(
        *("generate", "a cat", "-n", 2, "--quality", "low", "--user", "anna", "--param", "x=1"),
        *("-m", "gpt-image-2", "--base-url", address, "--sidecar", "-o", "cat.png"),
        env=KEY,
    )
    assert (result.exit_code, result.stdout) == (0, "cat-1.png\ncat-2.png\n"), result.stderr
    first, two = sidecar("cat-1.png.json"), sidecar("cat-2.png.json")
    assert first | {"created": "", "cost_usd": 0} == {
        "schema": 1,
        "imagecli": first["imagecli"],
        "file": "cat-1.png",
        "sha256": hashlib.sha256((folder / "cat-1.png").read_bytes()).hexdigest(),
        "bytes": len(png()),
        "format": "png",
        "width": 8,
        "height": 8,
        "original": None,
        "command": "generate",
        "provider": "openai",
        "model": "gpt-image-2",
        "prompt": "a cat",
        "revised_prompt": "a revised cat",
        "options": {"quality": "low", "output_format": "png", "param": ["x=1"]},
        "inputs": [],
        "created": "",
        "request_id": "req_1",
        "request_images": 2,
        "usage": USAGE,
        "cost_usd": 0,
    }
    assert two["revised_prompt"] is None and two["sha256"] != first["sha256"]
    assert first["cost_usd"] == two["cost_usd"] == pytest.approx((10 * 5 + 400 * 30) / 1e6 / 2, abs=1e-6)
    text = (folder / "cat-1.png.json").read_text("utf-8")
    for secret in ("secret", "password", "anna", "127.0.0.1", "localhost", str(folder)):
        assert secret not in text


def test_the_image_is_the_same_as_without(imagecli: Run, folder: Path, base_url: str) -> None:
    arguments = ("generate", "a cat", "-n", 2, "--base-url", base_url)
    assert imagecli(*arguments, "-o", "a.png", "--sidecar", env=KEY).exit_code == 0
    assert (folder / "a-1.png").read_bytes() == png(color="red")
    assert imagecli(*arguments, "-o", "b.png", env=KEY).exit_code == 0
    assert not list(folder.glob("b*.json"))


def test_inputs_have_names_and_hashes_and_no_folders(imagecli: Run, folder: Path) -> None:
    (folder / "in").mkdir()
    photo(folder / "in" / "photo.png", 256, 256)
    mask_for(folder / "in" / "mask.png", 256, 256, (0, 0, 128, 128))
    words = ("in/photo.png", "at night", "--mask", str(folder / "in" / "mask.png"), "--fit", "64x64", "-o", "out.webp")
    assert imagecli("edit", *words, "--sidecar", *SANDBOX).exit_code == 0
    document = sidecar("out.webp.json")
    digests = {
        name: hashlib.sha256((folder / "in" / name).read_bytes()).hexdigest() for name in ("photo.png", "mask.png")
    }
    assert document["inputs"] == [
        {"role": "image", "name": "photo.png", "sha256": digests["photo.png"]},
        {"role": "mask", "name": "mask.png", "sha256": digests["mask.png"]},
    ]
    assert (document["format"], document["width"], document["original"]) == ("webp", 64, "out.orig.webp")
    assert str(folder) not in json.dumps(document)


def test_info_reads_it_and_notices_a_changed_image(imagecli: Run, folder: Path) -> None:
    photo(folder / "photo.jpg")
    arguments = ("edit", "photo.jpg", "at \x1b[31mnight", "--mask-rect", "0,0,50%,50%", "-o", "out.png")
    assert imagecli(*arguments, "--sidecar", *SANDBOX, env=NO_HISTORY).exit_code == 0
    text = imagecli("info", "out.png").stdout
    for line in (
        "made by: gpt-image-2 at sandbox, imagecli edit",
        "prompt: at \\x1b[31mnight",
        "inputs: photo.jpg",
        "source: sidecar out.png.json",
    ):
        assert line in text.splitlines()
    (image,) = imagecli("info", "out.png", "--json").json["images"]
    creation, document = image["creation"], sidecar("out.png.json")
    assert (creation["found_in"], creation["source"]) == ("sidecar", "out.png.json")
    assert {name: creation[name] for name in document if name in creation} == {
        name: document[name] for name in document if name in creation
    }
    photo(folder / "out.png")
    assert "sidecar: out.png.json describes another version of this file" in imagecli("info", "out.png").stdout


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{}",
        "{" * 100_000,
        '{"imagecli": 1, "sha256": 2}',
        '{"imagecli": "1", "sha256": "HASH", "prompt": 1, "options": [], "inputs": [1, {}, {"role": "x"}]}',
    ],
)
def test_info_reads_any_file_of_that_name(imagecli: Run, folder: Path, content: str) -> None:
    data = photo(folder / "a.png").read_bytes()
    (folder / "a.png.json").write_text(content.replace("HASH", hashlib.sha256(data).hexdigest()))
    assert imagecli("info", "a.png").exit_code == 0
    assert imagecli("info", "a.png", "--json").exit_code == 0


def test_a_file_of_another_program_is_not_replaced(imagecli: Run, folder: Path) -> None:
    (folder / "cat.png.json").write_text('{"mine": true}')
    result = imagecli("generate", "a cat", "-o", "cat.png", "--sidecar", *SANDBOX, env=NO_HISTORY)
    assert result.exit_code == 0
    assert "note: cat.png.json is another file; the sidecar is cat.png_2.json" in result.stderr
    assert (folder / "cat.png.json").read_text() == '{"mine": true}'
    assert "source: sidecar cat.png_2.json" in imagecli("info", "cat.png").stdout
    again = imagecli("generate", "a dog", "-o", "cat.png", "--sidecar", "--if-exists", "overwrite", *SANDBOX)
    assert again.exit_code == 0
    assert sidecar("cat.png.json")["prompt"] == "a dog"


def test_the_sidecar_of_an_earlier_image_is_replaced(imagecli: Run, folder: Path) -> None:
    assert imagecli("generate", "a cat", "-o", "x.png", "--sidecar", *SANDBOX).exit_code == 0
    (folder / "x.png").unlink()
    assert imagecli("generate", "a dog", "-o", "x.png", "--sidecar", *SANDBOX).exit_code == 0
    assert sidecar("x.png.json")["prompt"] == "a dog"
    assert sorted(path.name for path in folder.iterdir()) == ["x.png", "x.png.json"]


def test_a_numbered_image_has_its_own_sidecar(imagecli: Run, folder: Path) -> None:
    for _ in range(2):
        assert imagecli("generate", "a cat", "--sidecar", *SANDBOX).exit_code == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        *("a-cat.png", "a-cat.png.json", "a-cat_2.png", "a-cat_2.png.json"),
    ]
    assert sidecar("a-cat_2.png.json")["file"] == "a-cat_2.png"


def test_an_image_whose_sidecar_can_not_be_written_is_saved(imagecli: Run, folder: Path) -> None:
    """A format that was not expected has a longer extension, and the sidecar's name one byte too many."""
    name = f"{'x' * 246}.webp"
    with raw_server(http("200 OK", images_body(png(64, 64, "red", "WEBP")))) as server:
        command = ("generate", "a cat", "-o", "x" * 246, "--base-url", server.base_url)
        result = imagecli(*command, "--sidecar", "--json")
    assert (result.exit_code, [path.name for path in folder.iterdir()]) == (0, [name])
    (warning,) = [first for first in result.json["warnings"] if first["level"] == "warning"]
    assert warning["code"] == "no_sidecar"
    assert f"{name} is saved, but not its sidecar: can't write" in warning["message"]


def test_a_link_in_its_place_is_not_followed(imagecli: Run, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"imagecli": "1", "file": "cat.png", "sha256": "x"}')
    (folder / "cat.png.json").symlink_to(other)
    assert imagecli("generate", "a cat", "-o", "cat.png", "--sidecar", *SANDBOX).exit_code == 0
    assert 'sha256": "x' in other.read_text()
    assert (folder / "cat.png_2.json").exists()


def test_it_needs_a_file(imagecli: Run, folder: Path) -> None:
    result = imagecli("generate", "a cat", "-o", "-", "--sidecar", *SANDBOX)
    assert (result.exit_code, result.raw_stdout) == (2, b"")
    assert "--sidecar requires a file" in result.stderr
    result = imagecli("generate", "a cat", "-o", "-", *SANDBOX, env={"IMAGECLI_SIDECAR": "true"})
    assert (result.exit_code, list(folder.iterdir())) == (0, [])


def test_a_setting_turns_it_on(imagecli: Run, folder: Path) -> None:
    assert imagecli("config", "set", "sidecar", "true").exit_code == 0
    assert imagecli("generate", "a cat", *SANDBOX).exit_code == 0
    assert sidecar("a-cat.png.json")["prompt"] == "a cat"
    assert imagecli("generate", "a dog", *SANDBOX, env={"IMAGECLI_SIDECAR": "false"}).exit_code == 0
    assert not (folder / "a-dog.png.json").exists()


ROWS: list[dict[str, Any]] = [
    {"prompt": "a cat", "output": "cat.png"},
    {
        "prompt": "a dog",
        "outputs": [{"output": "dog-64.png", "fit": "64x64"}, {"output": "dog-32.png", "fit": "32x32"}],
    },
    {"prompt": "an owl", "output": "owl.png", "sidecar": False},
]


def write_rows(folder: Path, **fields: object) -> None:
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps({**fields, **row})}\n" for row in ROWS))


def test_a_batch_writes_one_for_each_file(imagecli: Run, folder: Path) -> None:
    write_rows(folder)
    result = imagecli("batch", "rows.jsonl", "--sidecar", *SANDBOX)
    assert result.exit_code == 0, result.stderr
    names = {path.name for path in folder.glob("*.json")}
    assert names == {"cat.png.json", "dog-64.png.json", "dog-32.png.json"}
    assert (sidecar("dog-32.png.json")["width"], sidecar("dog-32.png.json")["prompt"]) == (32, "a dog")
    assert sidecar("cat.png.json")["command"] == "batch"


def test_a_row_can_request_one_without_changing_its_hash(imagecli: Run, folder: Path) -> None:
    write_rows(folder)
    assert imagecli("batch", "rows.jsonl", *SANDBOX).exit_code == 0
    assert not list(folder.glob("*.json"))
    write_rows(folder, sidecar=True)
    assert "3 up to date" in imagecli("batch", "rows.jsonl", *SANDBOX).stderr
    (folder / "cat.png").unlink()
    assert imagecli("batch", "rows.jsonl", *SANDBOX).exit_code == 0
    assert [path.name for path in folder.glob("*.json")] == ["cat.png.json"]


def test_a_changed_row_replaces_image_and_sidecar(imagecli: Run, folder: Path) -> None:
    for prompt in ("a cat", "a dog"):
        (folder / "rows.jsonl").write_text(json.dumps({"prompt": prompt, "output": "x.png"}))
        assert imagecli("batch", "rows.jsonl", "--sidecar", *SANDBOX).exit_code == 0
        assert sidecar("x.png.json")["prompt"] == prompt
    assert len(list(folder.glob("x.png*"))) == 2


def test_recovered_images_have_a_sidecar_too(imagecli: Run, folder: Path, httpserver: HTTPServer) -> None:
    url = httpserver.url_for("/late.png")
    httpserver.expect_request("/v1/images/generations").respond_with_json({"data": [{"url": url}], "usage": USAGE})
    httpserver.expect_request("/late.png").respond_with_data("gone", status=404)
    base = httpserver.url_for("/v1")
    result = imagecli("generate", "a cat", "--base-url", base, "--sidecar", "--quality", "low", env=KEY)
    assert result.exit_code == 7
    httpserver.clear()
    httpserver.expect_request("/late.png").respond_with_data(png(), content_type="image/png")
    result = imagecli("recover", env=KEY)
    assert result.exit_code == 0, result.stderr
    document = sidecar("a-cat.png.json")
    assert (document["prompt"], document["options"], document["usage"]) == ("a cat", {"quality": "low"}, USAGE)
    assert document["cost_usd"] is None


@pytest.mark.slow
def test_the_batch_api_writes_one_for_each_image(imagecli: Run, folder: Path) -> None:
    photo(folder / "in.jpg")
    rows = [ROWS[0], {"command": "edit", "image": "in.jpg", "prompt": "at night", "output": "night.png"}]
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    result = imagecli("batch", "rows.jsonl", "--sidecar", "--batch-api", "--wait", *SANDBOX)
    assert result.exit_code == 0, result.stderr
    digest = hashlib.sha256((folder / "in.jpg").read_bytes()).hexdigest()
    assert sidecar("cat.png.json")["request_id"]
    assert sidecar("night.png.json")["inputs"] == [{"role": "image", "name": "in.jpg", "sha256": digest}]


@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
def test_a_name_that_leaves_no_room_for_the_sidecar_is_refused_before_anything_is_sent(
    imagecli: Run, folder: Path, dry_run: tuple[str, ...]
) -> None:
    name = "x" * 247 + ".png"
    (folder / "m.jsonl").write_text(json.dumps({"prompt": "a cat", "output": name, "sidecar": True}))
    for command in (("generate", "a cat", "-o", name, "--sidecar"), ("batch", "m.jsonl")):
        result = imagecli(*command, *dry_run, "--provider", "sandbox")
        assert result.exit_code == 2, result.stderr
        assert "the name of the sidecar of xxxxx" in result.stderr
    assert not list(folder.glob("*.png"))
