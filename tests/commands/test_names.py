"""Names, extensions and variables as typed; which files are skipped, and the order of the output."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from tests.conftest import Run, mask_for, photo

SANDBOX = ("--provider", "sandbox")
CLASSIC = ("-m", "dall-e-2", "-s", "256x256", *SANDBOX)


@pytest.mark.parametrize(
    ("model", "name", "hint"),
    [
        ("gpt-image-2", "fox.svg", "hint: use -m gpt-image-2.6-flare for svg, or -o fox.png"),
        ("dall-e-2", "fox.svg", "hint: use -m gpt-image-2.6-flare for svg, or -o fox.png"),
        ("dall-e-2", "fox.tiff", "hint: use -o fox.png"),
        ("gpt-image-2", "a fox.jfif", 'hint: use -o "a fox.jpg"'),
        ("brand-new", "fox.avif", "hint: use -o fox.png"),
    ],
)
def test_an_extension_that_can_not_be_saved_is_refused_before_paying(
    imagecli: Run, folder: Path, model: str, name: str, hint: str
) -> None:
    result = imagecli("generate", "a fox", "-o", name, "-m", model, "--base-url", "http://127.0.0.1:1/v1")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "png, jpg, webp, gif" in result.stderr
    assert hint in result.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("name", "warned"), [("fox", False), ("v1.2", False), ("fox.xyz", True)])
def test_a_missing_extension_is_added_and_a_second_run_is_refused(
    imagecli: Run, folder: Path, name: str, warned: bool
) -> None:
    result = imagecli("generate", "a fox", "-o", name, *CLASSIC)
    assert (result.exit_code, result.stdout) == (0, f"{name}.png\n")
    assert ("imagecli adds the correct one" in result.stderr) is warned
    result = imagecli("generate", "a fox", "-o", name, *CLASSIC)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{name}.png already exists" in result.stderr
    assert [path.name for path in folder.iterdir()] == [f"{name}.png"]


@pytest.mark.parametrize("there", [{2}, {1}, {3}, {1, 2}, {1, 3}, {1, 2, 3}])
def test_skipped_and_created_images_are_listed_in_request_order(imagecli: Run, folder: Path, there: set[int]) -> None:
    for number in there:
        photo(folder / f"fox-{number}.png", 300, 200)
    result = imagecli("generate", "a fox", "-n", 3, "-o", "fox.png", "--if-exists", "skip", "--json", *CLASSIC)
    images = result.json["images"]
    assert result.exit_code == 0
    assert [Path(image["path"]).name for image in images] == ["fox-1.png", "fox-2.png", "fox-3.png"]
    for number, image in enumerate(images, 1):
        data = Path(image["path"]).read_bytes()
        assert (image["bytes"], image["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        exists = number in there
        assert (image["format"], image["width"]) == ("png", 300 if exists else 256)
        assert (image["request"] is None, image["index"] is None) == (exists, exists)


def test_the_skipped_images_of_a_prompt_are_listed_with_its_new_ones(imagecli: Run, folder: Path) -> None:
    for name in ("b-1.png", "b-2.png", "a-2.png"):
        photo(folder / name)
    variables = ("--var", "x=a", "--var", "x=b", "--var", "x=c")
    result = imagecli("generate", "a {x}", *variables, "-n", 2, "-o", "{x}", "--if-exists", "skip", *CLASSIC)
    assert result.stdout.split() == ["a-1.png", "a-2.png", "b-1.png", "b-2.png", "c-1.png", "c-2.png"]


@pytest.mark.parametrize(
    ("data", "warned"),
    [(b"", "not a complete image: empty"), (b"hello", "not a complete image"), (b"\x89PNG\r\n\x1a\n", "ends in")],
)
def test_a_skipped_file_that_is_not_an_image_is_warned_of(
    imagecli: Run, folder: Path, data: bytes, warned: str
) -> None:
    (folder / "fox.png").write_bytes(data)
    result = imagecli("generate", "a fox", "-o", "fox.png", "--if-exists", "skip", *CLASSIC)
    assert (result.exit_code, result.stdout) == (0, "fox.png\n")
    assert "warning: skipped fox.png" in result.stderr
    assert warned in result.stderr


def test_a_dangling_link_does_not_count_as_an_image(imagecli: Run, folder: Path) -> None:
    (folder / "fox.png").symlink_to("gone.png")
    result = imagecli("generate", "a fox", "-o", "fox.png", "--if-exists", "skip", *CLASSIC)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "fox.png is a link to gone.png, which does not exist" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (
            ["a {anmal}", "--var", "animal=cat", "--var", "animal=owl"],
            "the prompt contains {anmal}: change it to {animal}",
        ),
        (["a cat", "--var", "colour=red"], "add {colour} to the prompt or -o"),
        (["a {x}", "--var", "x=1", "--var", "y=2", "-o", "{x}"], "add {y} to the prompt or -o"),
        (["a {x:02}", "--var", "x=1"], "add {x}"),
    ],
)
def test_an_unused_variable_is_refused(imagecli: Run, folder: Path, arguments: list[str], hint: str) -> None:
    result = imagecli("generate", *arguments, *CLASSIC)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is used neither in the prompt nor in -o" in result.stderr
    assert hint in result.stderr
    assert list(folder.iterdir()) == []


def test_a_variable_may_be_in_the_name_alone(imagecli: Run) -> None:
    result = imagecli("generate", "a cat", "--var", "v=1", "--var", "v=2", "-o", "cat-{v}", *CLASSIC)
    assert result.stdout.split() == ["cat-1.png", "cat-2.png"]


@pytest.mark.parametrize(
    ("name", "tty", "line"),
    [
        ("new\nline.png", (), "new\\x0aline.png\n"),
        ("new\nline.png", ("stdout",), "new\\x0aline.png\n"),
        ("esc\x1b[1m.png", (), "esc\x1b[1m.png\n"),
        ("esc\x1b[1m.png", ("stdout",), "esc\\x1b[1m.png\n"),
    ],
)
def test_a_path_is_one_line(imagecli: Run, name: str, tty: tuple[str, ...], line: str) -> None:
    result = imagecli("generate", "a cat", "-o", name, *CLASSIC, tty=tty)
    assert (result.exit_code, result.stdout) == (0, line)
    assert Path(name).exists()


def test_the_original_is_kept_beside_a_conversion_and_replaces_nothing(imagecli: Run, folder: Path) -> None:
    for name in ("x.jpg", "x.orig.png"):
        (folder / name).write_bytes(b"mine")
    options = ("-m", "dall-e-2", "-s", "256x256", "-o", "x.jpg", "--if-exists", "overwrite")
    result = imagecli("generate", "x", *options, "--provider", "sandbox")
    assert result.exit_code == 0
    assert (folder / "x.orig.png").read_bytes() == b"mine"
    assert (folder / "x.orig_2.png").read_bytes().startswith(b"\x89PNG")


def test_a_variable_sends_no_image_to_stdout_with_json(imagecli: Run) -> None:
    result = imagecli("generate", "x", "--json", "--provider", "sandbox", env={"IMAGECLI_OUTPUT": "-"})
    assert (result.exit_code, result.json["errors"][0]["code"]) == (2, "usage")


def test_an_unknown_model_is_not_sent_the_format_of_a_name(imagecli: Run, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/images/generations").respond_with_json({"data": []})
    imagecli("generate", "x", "-m", "mine", "-o", "x.webp", "--base-url", httpserver.url_for("/v1"))
    assert httpserver.log[0][0].json == {"model": "mine", "prompt": "x"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's home folder, with a photo, a mask and a prompt in it."""
    place = tmp_path / "home"
    place.mkdir()
    monkeypatch.setenv("HOME", str(place))
    photo(place / "photo.png", 256, 256)
    mask_for(place / "mask.png", 256, 256, (64, 64, 192, 192))
    (place / "prompt.txt").write_text("a red hat")
    (place / "m.txt").write_text("a cat\n")
    return place


@pytest.mark.parametrize(
    ("argv", "variables"),
    [
        (["-o", "~/Pictures/cat.png"], {}),
        (["-o", "~/Pictures/{slug}.png"], {}),
        (["-o", "~/Pictures/"], {}),
        ([], {"IMAGECLI_OUTPUT": "~/Pictures/"}),
        ([], {"IMAGECLI_OUTPUT": "~/Pictures/cat.png"}),
    ],
)
def test_an_output_below_a_tilde_is_in_the_home_folder(
    imagecli: Run, folder: Path, home: Path, argv: list[str], variables: dict[str, str]
) -> None:
    result = imagecli("generate", "cat", *CLASSIC, *argv, env=variables)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{home}/Pictures/cat.png\n"
    assert (home / "Pictures" / "cat.png").is_file()
    assert list(folder.iterdir()) == []


def test_an_output_of_the_settings_file_may_be_in_the_home_folder(
    imagecli: Run, folder: Path, home: Path, tmp_path: Path
) -> None:
    assert imagecli("config", "set", "output", "~/Pictures/{slug}").exit_code == 0
    assert imagecli("generate", "cat", *CLASSIC).stdout == f"{home}/Pictures/cat.png\n"
    (tmp_path / "config" / "config.toml").unlink()
    (folder / "imagecli.toml").write_text('output = "~/Pictures/{slug}"')
    result = imagecli("generate", "cat", *CLASSIC)
    assert (result.exit_code, sorted(path.name for path in home.glob("Pictures/*"))) == (2, ["cat.png"])


@pytest.mark.parametrize(
    "argv",
    [
        ["edit", "~/photo.png", "a hat", *SANDBOX, "-s", "1024x1024"],
        ["edit", "~/photo.png", "a hat", "--mask", "~/mask.png", *CLASSIC],
        ["edit", "~/photo.png", "a hat", "--image", "~/photo.png", *SANDBOX, "-s", "1024x1024"],
        ["edit", "~/photo.png", "-f", "~/prompt.txt", *SANDBOX, "-s", "1024x1024"],
        ["vary", "~/photo.png", *CLASSIC],
        ["batch", "~/m.txt", "--check", *SANDBOX],
        ["recover", "-o", "~/rescued/"],
    ],
)
def test_every_path_that_is_typed_may_begin_with_a_tilde(
    imagecli: Run, folder: Path, home: Path, argv: list[str]
) -> None:
    result = imagecli(*argv, env={"IMAGECLI_STATE_DIR": "~/state"})
    assert result.exit_code in (0, 10), result.stderr
    assert not (folder / "~").exists()
    assert "~" not in result.stdout


def test_a_tilde_elsewhere_in_a_name_is_a_tilde(imagecli: Run, folder: Path, home: Path) -> None:
    for name in ("~cat.png", "a~/cat.png", "./~/cat.png"):
        assert imagecli("generate", "cat", *CLASSIC, "-o", name).exit_code == 0
        assert (folder / name).is_file()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("~root/cat.png", "~root at the start of ~root/cat.png was not expanded by a shell"),
        ("$HOME/cat.png", "$HOME at the start of"),
        ("%USERPROFILE%\\cat.png", "%USERPROFILE% at the start of"),
        ("s3://bucket/cat.png", "s3://bucket/cat.png is a URL; expected a file or a folder"),
        ("file:///tmp/cat.png", "file:///tmp/cat.png is a URL"),
    ],
)
def test_an_unexpanded_shell_pattern_creates_no_folder(
    imagecli: Run, folder: Path, home: Path, name: str, words: str
) -> None:
    for command, env in (
        (("generate", "cat", "-o", name), {}),
        (("generate", "cat"), {"IMAGECLI_OUTPUT": name}),
    ):
        result = imagecli(*command, *CLASSIC, env=env)
        assert (result.exit_code, words in result.stderr) == (2, True), result.stderr
    assert list(folder.iterdir()) == []
    if "://" not in name and "\\" not in name:
        assert imagecli("generate", "cat", "-o", f"./{name}", *CLASSIC).exit_code == 0
        assert (folder / name).is_file()


def test_variables_for_folders_may_begin_with_a_tilde(imagecli: Run, folder: Path, home: Path) -> None:
    result = imagecli("config", "path", env={"IMAGECLI_CONFIG_DIR": "~/c", "IMAGECLI_STATE_DIR": "~/s"})
    assert f"{home}/c/config.toml" in result.stdout
    assert f"{home}/s" in result.stdout
