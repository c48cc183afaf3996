"""`imagecli generate`, from the command line to the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Run, read_image

SANDBOX = ("--provider", "sandbox")


def test_the_first_command_of_the_readme_saves_one_png_and_prints_its_path(imagecli: Run, folder: Path) -> None:
    result = imagecli("generate", "a white siamese cat", *SANDBOX)
    assert (result.exit_code, result.stdout) == (0, "a-white-siamese-cat.png\n")
    image = read_image(folder / "a-white-siamese-cat.png")
    assert (image.format, image.size) == ("PNG", (1024, 1024))
    assert sorted(path.name for path in folder.iterdir()) == ["a-white-siamese-cat.png"]


def test_three_classic_images_are_downloaded_from_urls_and_differ(imagecli: Run) -> None:
    result = imagecli(
        "generate", "a cat", "-n", 3, "-m", "dall-e-2", "-s", "256x256", "--response-format", "url", *SANDBOX
    )
    assert result.stdout.split() == ["a-cat-1.png", "a-cat-2.png", "a-cat-3.png"]
    assert all(read_image(path).size == (256, 256) for path in result.paths)
    assert len({path.read_bytes() for path in result.paths}) == 3


def test_more_than_ten_images_are_several_requests(imagecli: Run) -> None:
    result = imagecli("generate", "x", "-n", 12, "-m", "dall-e-2", "-s", "256x256", "--json", *SANDBOX)
    response = result.json
    assert result.exit_code == 0
    assert len(response["requests"]) == 2
    assert [(image["request"], image["index"]) for image in response["images"]] == [
        *((0, index) for index in range(10)),
        *((1, index) for index in range(2)),
    ]


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["-"], b"a blue owl\n"),
        (["--prompt", "a blue owl"], b""),
        (["--prompt", "-"], b"a blue owl"),
        (["-f", "prompt.txt"], b""),
        (["-f", "-"], b"a blue owl\r\n"),
    ],
)
def test_a_prompt_is_the_same_from_every_source(
    imagecli: Run, folder: Path, arguments: list[str], stdin: bytes
) -> None:
    (folder / "prompt.txt").write_text("a blue owl\n")
    result = imagecli("generate", *arguments, *SANDBOX, stdin=stdin)
    assert result.stdout == "a-blue-owl.png\n"


def test_every_combination_of_variables_makes_an_image_and_other_braces_stay(imagecli: Run) -> None:
    result = imagecli(
        "generate",
        "a {colour} {animal} {with braces}",
        *("--var", "colour=red", "--var", "colour=blue", "--var", "animal=cat", "--var", "animal=owl"),
        *("-m", "dall-e-2", "-s", "256x256", "-o", "{animal}/{colour}-{n:02}.{ext}"),
        *SANDBOX,
    )
    assert result.stdout.split() == ["cat/red-01.png", "owl/red-02.png", "cat/blue-03.png", "owl/blue-04.png"]


@pytest.mark.parametrize(
    ("format", "options", "pillow"),
    [
        ("png", [], "PNG"),
        ("jpeg", ["--output-compression", 60], "JPEG"),
        ("webp", ["--background", "transparent"], "WEBP"),
    ],
)
def test_the_requested_format_is_returned_and_gives_the_extension(
    imagecli: Run, format: str, options: list[object], pillow: str
) -> None:
    result = imagecli("generate", "x", "--output-format", format, *options, *SANDBOX)
    assert result.exit_code == 0, result.stderr
    assert read_image(result.paths[0]).format == pillow


def test_a_literal_extension_requests_its_format(imagecli: Run) -> None:
    result = imagecli("generate", "x", "-o", "cat.webp", *SANDBOX)
    assert (result.stdout, result.stderr) == ("cat.webp\n", "")
    assert read_image("cat.webp").format == "WEBP"


def test_a_literal_extension_of_an_unsupported_format_is_converted_and_the_original_stays(
    imagecli: Run, folder: Path
) -> None:
    result = imagecli("generate", "x", "-m", "dall-e-2", "-s", "256x256", "-o", "cat.jpg", *SANDBOX)
    assert result.stdout == "cat.jpg\n"
    assert [read_image(folder / name).format for name in ("cat.jpg", "cat.orig.png")] == ["JPEG", "PNG"]
    assert "the original is cat.orig.png" in result.stderr


def test_a_generated_name_is_numbered_if_it_exists(imagecli: Run, folder: Path) -> None:
    (folder / "x.png").write_bytes(b"mine")
    assert imagecli("generate", "x", *SANDBOX).stdout == "x_2.png\n"
    assert (folder / "x.png").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("rule", "code", "stdout", "exists"),
    [
        (None, 2, "", True),
        ("fail", 2, "", True),
        ("number", 0, "cat_2.png\n", True),
        ("skip", 0, "cat.png\n", True),
        ("overwrite", 0, "cat.png\n", False),
    ],
)
def test_a_literal_name_that_exists_follows_the_rule(
    imagecli: Run, folder: Path, rule: str | None, code: int, stdout: str, exists: bool
) -> None:
    (folder / "cat.png").write_bytes(b"mine")
    result = imagecli("generate", "x", "-o", "cat.png", *(["--if-exists", rule] if rule else []), *SANDBOX)
    assert (result.exit_code, result.stdout) == (code, stdout)
    assert ((folder / "cat.png").read_bytes() == b"mine") is exists


def test_skipped_images_are_not_requested_again(imagecli: Run, folder: Path) -> None:
    for name in ("cat-1.png", "cat-3.png"):
        (folder / name).write_bytes(b"mine")
    result = imagecli("generate", "x", "-n", 3, "-o", "cat.png", "--if-exists", "skip", "--json", *SANDBOX)
    assert [Path(image["path"]).name for image in result.json["images"]] == ["cat-1.png", "cat-2.png", "cat-3.png"]
    assert (folder / "cat-1.png").read_bytes() == b"mine"
    assert len(result.json["requests"]) == 1


def test_the_image_itself_is_written_to_stdout(imagecli: Run, folder: Path) -> None:
    result = imagecli("generate", "x", "-o", "-", *SANDBOX)
    assert result.raw_stdout.startswith(b"\x89PNG")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "tty", "message"),
    [
        (["-o", "-"], ("stdout",), "stdout is a terminal"),
        (["-o", "-", "--json"], (), "both write to stdout"),
        (["-o", "-", "-n", "2"], (), "one image"),
        (["-o", "-", "--var", "a=1", "--var", "a=2"], (), "one image"),
    ],
)
def test_stdout_accepts_one_image_and_is_not_a_terminal(
    imagecli: Run, arguments: list[str], tty: tuple[str, ...], message: str
) -> None:
    result = imagecli("generate", "x {a}", *arguments, *SANDBOX, tty=tty)
    assert result.exit_code == 2
    assert message in result.stderr + result.stdout


def test_json_is_one_object_with_every_fact(imagecli: Run, folder: Path) -> None:
    result = imagecli("generate", "x", "--json", *SANDBOX)
    response = result.json
    image = response["images"][0]
    assert list(response) == [
        "schema", "command", "status", "exit_code", "images", "partials", "requests", "cost", "warnings", "errors",
    ]  # fmt: skip
    assert (response["schema"], response["command"], response["status"], response["exit_code"]) == (
        1,
        "generate",
        "ok",
        0,
    )
    assert Path(image["path"]) == folder / "x.png"
    assert (image["format"], image["width"], image["height"]) == ("png", 1024, 1024)
    assert image["bytes"] == (folder / "x.png").stat().st_size
    assert response["requests"][0]["status"] == 200
    assert response["requests"][0]["usage"]["total_tokens"] > 0
    assert response["cost"] == {"estimated_usd": 0.0, "estimated_max_usd": 0.0, "actual_usd": 0.0}


def test_the_sandbox_needs_no_variable_and_reads_none(imagecli: Run) -> None:
    result = imagecli("generate", "x", *SANDBOX, env={"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"})
    assert (result.exit_code, result.stdout) == (0, "x.png\n")


def test_only_the_history_remains_in_the_state_folder(imagecli: Run, state: Path) -> None:
    assert imagecli("generate", "x", *SANDBOX).stdout == "x.png\n"
    assert [path for path in state.rglob("*") if path.is_file()] == [state / "history.db"]
