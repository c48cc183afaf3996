"""`edit` and `vary` with several IMAGEs: one request for each, one price, and all problems before the first request."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.conftest import Run, mask_for, photo
from tests.images.sample_images import large_png

SANDBOX = ("--provider", "sandbox")
NOWHERE = ("--base-url", "http://127.0.0.1:1/v1")


@pytest.fixture
def photos(folder: Path) -> Path:
    for name in ("a.jpg", "b.jpg", "c.png"):
        photo(folder / name, 64, 64)
    return folder


def test_every_image_is_edited_by_itself_and_named_after_its_input(imagecli: Run, photos: Path) -> None:
    result = imagecli("edit", "a.jpg", "b.jpg", "c.png", "at night", "-o", "out/", *SANDBOX)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == ["out/a-at-night.png", "out/b-at-night.png", "out/c-at-night.png"]


def test_inputs_of_the_same_name_in_different_folders_are_numbered(imagecli: Run, photos: Path) -> None:
    (photos / "x").mkdir()
    photo(photos / "x" / "a.jpg", 64, 64)
    result = imagecli("vary", "a.jpg", "x/a.jpg", *SANDBOX)
    assert result.stdout.splitlines() == ["a-variation.png", "a-variation_2.png"]
    again = imagecli("vary", "a.jpg", "x/a.jpg", "--if-exists", "skip", *SANDBOX)
    assert again.stdout == result.stdout


def test_every_image_is_combined_with_every_prompt(imagecli: Run, photos: Path) -> None:
    result = imagecli("edit", "a.jpg", "b.jpg", "in {c}", "--var", "c=red", "--var", "c=blue", *SANDBOX)
    assert result.stdout.splitlines() == ["a-in-red.png", "a-in-blue.png", "b-in-red.png", "b-in-blue.png"]


def test_a_typed_name_is_numbered(imagecli: Run, photos: Path) -> None:
    result = imagecli("edit", "a.jpg", "b.jpg", "x", "-o", "y.png", *SANDBOX)
    assert result.stdout.splitlines() == ["y-1.png", "y-2.png"]
    assert "stdout accepts one image" in imagecli("edit", "a.jpg", "b.jpg", "x", "-o", "-", *SANDBOX).stderr


@pytest.mark.parametrize("prompt", [("--prompt", "x"), ("-f", "p.txt"), ("--prompt", "-")])
def test_every_word_is_an_image_if_the_prompt_is_elsewhere(imagecli: Run, photos: Path, prompt: tuple[str]) -> None:
    (photos / "p.txt").write_text("x")
    assert imagecli("edit", "a.jpg", "b.jpg", *prompt, *SANDBOX, stdin=b"x").stdout == "a-x.png\nb-x.png\n"


@pytest.mark.parametrize("command", [("edit", "at night"), ("vary",)])
def test_an_image_that_is_given_twice_is_requested_once(imagecli: Run, photos: Path, command: tuple[str, ...]) -> None:
    names = ("a.jpg", "b.jpg", f"../{photos.name}/a.jpg", str(photos / "a.jpg"))
    result = imagecli(command[0], *names, *command[1:], *SANDBOX)
    assert [name[:2] for name in result.stdout.splitlines()] == ["a-", "b-"]
    assert result.stderr.count("requested only once; -n 2 creates two images") == 2
    assert f"note: {names[-1]} with the same prompt is given more than once" in result.stderr


def test_a_prompt_that_is_given_twice_is_requested_once(imagecli: Run, photos: Path) -> None:
    values = ("--var", "c=red", "--var", "c=blue", "--var", "c=red")
    result = imagecli("generate", "in {c}", *values, *SANDBOX)
    assert result.stdout.splitlines() == ["in-red.png", "in-blue.png"]
    assert "the prompt 'in red' is given more than once" in result.stderr
    numbered = imagecli("generate", "x", "--var", "k=1", "--var", "k=2", "-o", "{k}.png", *SANDBOX)
    assert numbered.stdout.splitlines() == ["1.png", "2.png"]


def test_stdin_is_one_of_the_images(imagecli: Run, photos: Path) -> None:
    data = (photos / "a.jpg").read_bytes()
    assert imagecli("edit", "-", "b.jpg", "x", *SANDBOX, stdin=data).stdout == "stdin-x.png\nb-x.png\n"
    assert imagecli("vary", "b.jpg", "-", *SANDBOX, stdin=b"at night").stdout == "b-at-night.png\n"
    assert "only once" in imagecli("edit", "-", "-", "x", *SANDBOX).stderr


def test_further_inputs_and_the_price_are_those_of_every_edit(imagecli: Run, photos: Path) -> None:
    result = imagecli("edit", "a.jpg", "b.jpg", "x", "--image", "c.png", "--dry-run", "--json")
    requests = result.json["requests"]
    assert [[file["filename"] for file in request["files"]] for request in requests] == [
        ["image.jpg", "image1.png"]
    ] * 2
    assert result.json["cost"]["estimated_max_usd"] == pytest.approx(
        2 * requests[0]["cost"]["estimated_max_usd"], abs=2e-6
    )
    limited = imagecli("edit", "a.jpg", "b.jpg", "x", "--max-cost", requests[0]["cost"]["estimated_max_usd"], *NOWHERE)
    assert limited.exit_code == 5


def test_a_dry_run_lists_each_image_with_its_result(imagecli: Run, photos: Path) -> None:
    lines = imagecli("edit", "a.jpg", "b.jpg", "x", "--dry-run").stdout.splitlines()
    planned = [line.split()[1] for line in lines if line.startswith(("uploads", "saves"))]
    assert planned == ["a.jpg", "a-x.png", "b.jpg", "b-x.png"]


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (
            ["edit", "a.jpg", "b.jp"],
            "b.jp does not exist",
            "b.jpg? to use it as the prompt: --prompt b.jp",
        ),
        (["edit", "a.jpg", "in/b"], "in/b does not exist", "--prompt in/b"),
        (["edit", "a.jpg", "notes.txt"], "missing prompt", "-f notes.txt"),
        (["edit", "a.jpg", "b.jpg"], "missing prompt", 'imagecli edit a.jpg b.jpg "what'),
        (["edit", "a.jpg", "@last"], "missing prompt", "imagecli edit a.jpg @last"),
        (["edit", "a.jpg", "at night", "b.jpg"], "must be the last", 'imagecli edit a.jpg b.jpg "at night"'),
        (["edit", "a.jpg", "x y", "--prompt", "z"], "more than one prompt given", ""),
        (["edit", "my", "photo.jpg", "x y"], "'my' is not a file", 'quotes: "my photo.jpg"'),
        (
            ["vary", "a.jpg", "c"],
            "'c' is not a file, but c.png is",
            "imagecli vary a.jpg c.png; to use",
        ),
        (["vary", "c"], "c does not exist", ""),
        (["vary", "photo2"], "photo2 does not exist", "did you mean photo2.png?"),
    ],
)
def test_a_mistyped_command_is_refused_with_the_corrected_one(
    imagecli: Run, photos: Path, words: list[str], message: str, hint: str
) -> None:
    (photos / "notes.txt").write_text("x")
    photo(photos / "my photo.jpg", 64, 64)
    photo(photos / "photo2.png", 64, 64)
    result = imagecli(*words, *NOWHERE)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert hint in result.stderr


@pytest.mark.parametrize("more", [0, 5])
def test_all_bad_images_are_reported_before_anything_is_sent(imagecli: Run, photos: Path, more: int) -> None:
    good = [photo(photos / f"{number}.jpg", 64, 64).name for number in range(more)]
    (photos / "bad.jpg").write_text("no image")
    original = (photos / "a.jpg").read_bytes()
    (photos / "cut.jpg").write_bytes(original[: len(original) // 2])
    result = imagecli("edit", "a.jpg", "bad.jpg", "cut.jpg", "gone.png", *good, "x", "--json", *NOWHERE)
    assert (result.exit_code, result.json["images"]) == (2, [])
    first, second, third, summary = result.json["errors"]
    assert "bad.jpg is text" in first["message"]
    assert "cut.jpg is damaged" in second["message"]
    assert "gone.png does not exist" in third["message"]
    assert summary["message"] == f"3 of {4 + more} inputs can't be sent; nothing was sent"
    assert not (photos / "a-x.png").exists()


def test_a_mask_of_another_size_is_an_error_that_names_the_image(imagecli: Run, photos: Path) -> None:
    photo(photos / "wide.jpg", 96, 64)
    mask_for(photos / "mask.png", 64, 64, (0, 0, 32, 32))
    result = imagecli("edit", "a.jpg", "b.jpg", "wide.jpg", "x", "--mask", "mask.png", *SANDBOX)
    assert result.exit_code == 2
    assert "mask.png is 64x64, wide.jpg is 96x64" in result.stderr
    assert imagecli("edit", "a.jpg", "b.jpg", "x", "--mask", "mask.png", *SANDBOX).exit_code == 0


def test_the_pasted_hint_requests_only_the_images_that_failed(
    imagecli: Run, photos: Path, httpserver: HTTPServer
) -> None:
    refused = {"b.jpg": True}
    pixels = {name: (photos / name).read_bytes() for name in ("a.jpg", "b.jpg", "c.png")}
    photo(photos / "b.jpg", 32, 32)
    prompts: list[str] = []

    def respond(request: Request) -> Response:
        data = request.files["image[]"].read() if "image[]" in request.files else request.files["image"].read()
        name = next((name for name, content in pixels.items() if content == data), "b.jpg")
        prompts.append(name)
        if refused.get(name):
            return Response(
                '{"error": {"message": "no", "code": "moderation_blocked"}}', 400, mimetype="application/json"
            )
        return Response(large_png(3_000), mimetype="image/png")

    httpserver.expect_request("/v1/images/edits").respond_with_handler(respond)
    argv = ["edit", "a.jpg", "b.jpg", "c.png", "x", "--base-url", httpserver.url_for("/v1")]
    result = imagecli(*argv, env={"OPENAI_API_KEY": "sk-test"})
    assert (result.exit_code, result.stdout) == (9, "a-x.png\nc-x.png\n")
    assert "2 of 3 images are saved" in result.stderr
    refused.clear()
    prompts.clear()
    pasted = shlex.split(result.stderr.partition("only the rest: imagecli ")[2].partition("\n")[0])
    again = imagecli(*pasted, env={"OPENAI_API_KEY": "sk-test"})
    assert (again.exit_code, again.stdout) == (0, "a-x.png\nb-x.png\nc-x.png\n")
    assert prompts == ["b.jpg"]


PEAK = """
import atexit, re
from pathlib import Path
from imagecli.__main__ import run
atexit.register(lambda: print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]))
run()
"""
"""Runs the installed command's function and prints, last on stdout, its peak memory in KiB."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_number_of_photos(tmp_path: Path, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/images/edits").respond_with_data(large_png(3_000), mimetype="image/png")
    Image.effect_noise((2000, 1500), 90).convert("RGB").save(tmp_path / "0.jpg", quality=97)
    data = (tmp_path / "0.jpg").read_bytes()
    for number in range(1, 60):
        (tmp_path / f"{number}.jpg").write_bytes(data)

    def measure_peak(count: int) -> int:
        names = [f"{number}.jpg" for number in range(count)]
        argv = ["edit", *names, "x", "-o", f"out{count}/", "--base-url", httpserver.url_for("/v1")]
        environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
        command = [sys.executable, "-c", PEAK, *argv]
        done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert ("checking 60 images before the first request" in done.stderr) is (count == 60)
        return int(done.stdout.splitlines()[-1]) * 1024

    few, many = measure_peak(15), measure_peak(60)
    # The number of photos in memory depends on the load of the machine; 45 more would be visible.
    assert many - few < 15 * len(data), f"{few:,} to {many:,} bytes"
    # 23 with the program itself; 36 if each thread kept what it freed.
    assert many < 30 * len(data), f"{many / len(data):.0f} photos"
