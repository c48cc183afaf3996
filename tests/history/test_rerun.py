"""`history rerun`: the same request again, with changed options."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import typer
from pytest_httpserver import HTTPServer

from imagecli.cli import app
from imagecli.domain import CompositionOptions, Edit, Generate, ImageOptions, InputFit, MaskSource, Vary
from tests.conftest import Run, mask_for, photo
from tests.history.conftest import ReadHistory

SANDBOX = ("--provider", "sandbox")

COMMANDS = [
    ("generate", "a cat"),
    ("generate", "-- a prompt with dashes", "--prompt"),
    ("generate", "a cat", "-m", "dall-e-2", "-s", "256x256", "--response-format", "url", "--user", "u-1"),
    ("generate", "a cat", "-s", "16:9", "--quality", "low", "--background", "transparent", "--fit", "320x200"),
    ("generate", "a cat", "--output-format", "webp", "--output-compression", "40", "--moderation", "low"),
    ("generate", "a cat", "--stream", "--partial-images", "2", "--safety-identifier", "-x"),
    ("generate", "a cat", "-o", "named.webp"),
    ("generate", "a {animal} in {place}", "--var", "animal=cat", "--var", "place={tree}"),
    ("edit", "photo.png", "a hat", "--mask", "mask.png", "--mask-invert", "--mask-fit"),
    ("edit", "photo.png", "a hat", "--mask-rect", "0,0,50%,50%", "--mask-ellipse", "5,5,20,20", "--keep-outside"),
    ("edit", "photo.png", "a hat", "--mask-rect", "0,0,50%,50%", "--crop-to-mask", "--crop-padding", "30%"),
    ("edit", "photo.png", "--extend", "left=64,top=10%"),
    ("edit", "photo.png", "--extend", "16:9", "--anchor", "left"),
    ("edit", "photo.png", "both", "--image", "other.png", "--markup", "markup.png", "--input-fidelity", "high"),
    ("edit", "photo.png", "smaller", "--input-size", "128x128", "--keep-metadata"),
    ("vary", "photo.png"),
    ("vary", "photo.png", "in blue"),
    ("vary", "photo.png", "--strength", "strong"),
    ("vary", "wide.png", "-m", "dall-e-2", "--crop", "left", "-s", "512x512"),
    ("vary", "wide.png", "-m", "dall-e-2", "--pad"),
]


@pytest.mark.parametrize("argv", COMMANDS, ids=lambda argv: " ".join(argv))
def test_the_same_request_is_sent_again(
    argv: tuple[str, ...], imagecli: Run, folder: Path, read_history: ReadHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo(folder / "photo.png", 256, 256)
    photo(folder / "other.png", 256, 256)
    photo(folder / "wide.png", 320, 256)
    mask_for(folder / "mask.png", 256, 256, (10, 10, 99, 99))
    mask_for(folder / "markup.png", 256, 256, (10, 10, 99, 99))
    words = [argv[0], "--prompt", argv[1]] if argv[-1] == "--prompt" else [*argv]
    done = imagecli(*words, *SANDBOX)
    assert done.exit_code == 0, done.stderr
    (folder / "sub").mkdir()
    monkeypatch.chdir(folder / "sub")  # paths are found from anywhere
    done = imagecli("history", "rerun", "@last")
    assert done.exit_code == 0, done.stderr
    first, second = read_history()
    inputs = tuple(file._replace(name=str(file.path)) for file in first.inputs)
    # The default name is not `named.webp`.
    options = {name: value for name, value in first.options.items() if name != "format_of_name"}
    assert second == first._replace(
        id=second.id,
        path=second.path,
        original=second.original,
        request_id=second.request_id,
        inputs=inputs,
        options=options,
    )
    assert second.path and second.path.parent == folder / "sub"


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        (Generate, {"prompt", "options"}),
        (Edit, {"prompt", "options", "images", "mask", "markup", "input_fit", "composition"}),
        (Vary, {"prompt", "options", "image", "input_fit"}),
        (MaskSource, {"file", "shapes", "invert", "fit"}),
        (CompositionOptions, {"crop_padding", "extension"}),
    ],
)
def test_every_part_of_a_request_is_recorded(kind: type, known: set[str]) -> None:
    """A new field belongs into `request_options()`, and into the commands above."""
    assert set(kind._fields) == known  # type: ignore[attr-defined]


def test_every_option_that_is_recorded_is_a_flag() -> None:
    group = typer.main.get_command(app)
    flags = {
        flag
        for name in ("generate", "edit", "vary")
        for parameter in group.get_command(typer.Context(group), name).params  # type: ignore[attr-defined]
        for flag in parameter.opts
    }
    special = {"model", "n", "svg", "params", "format_of_name"}
    fields = {*ImageOptions._fields, *InputFit._fields} - special
    assert {f"--{field.replace('_', '-')}" for field in fields} <= flags


def test_options_after_the_id_replace_those_of_the_image(
    imagecli: Run, folder: Path, read_history: ReadHistory
) -> None:
    imagecli("generate", "a cat", *SANDBOX, "--quality", "low", "-n", "3", "-o", "cats.webp")
    done = imagecli("history", "rerun", "@last~1", "--quality=high", "-n", "2", "-o", "new.png", "-s1024x1536")
    assert done.exit_code == 0, done.stderr
    assert done.paths == [Path("new-1.png"), Path("new-2.png")]
    new = read_history()[-1]
    assert new.prompt == "a cat"
    assert (new.options["quality"], new.options["size"], new.options["output_format"]) == ("high", "1024x1536", "png")


@pytest.mark.parametrize(
    ("changes", "prompt"),
    [
        (("--var", "animal=owl"), "a owl in a hat"),
        (("--var=animal=owl", "--var", "wear=coat"), "a owl in a coat"),
        (("--prompt", "a {animal}"), "a cat"),
        (("--prompt=a dog",), "a dog"),
        (("-f", "prompt.txt"), "from a file"),
        (("--prompt", "dog", "-o", "{animal}.png"), "dog"),
    ],
)
def test_prompt_and_variables_can_be_changed(
    changes: tuple[str, ...], prompt: str, imagecli: Run, folder: Path, read_history: ReadHistory
) -> None:
    (folder / "prompt.txt").write_text("from a file")
    imagecli("generate", "a {animal} in a {wear}", "--var", "animal=cat", "--var", "wear=hat", *SANDBOX)
    done = imagecli("history", "rerun", "@last", *changes)
    assert done.exit_code == 0, done.stderr
    assert read_history()[-1].prompt == prompt


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (("vary", "photo.png"), "photo-variation_2.png"),
        (("edit", "photo.png", "--extend", "3:2"), "photo-extended_2.png"),
    ],
)
def test_a_built_in_prompt_does_not_become_the_name(
    argv: tuple[str, ...], name: str, imagecli: Run, folder: Path
) -> None:
    photo(folder / "photo.png", 256, 256)
    imagecli(*argv, *SANDBOX)
    assert imagecli("history", "rerun", "@last").paths == [Path(name)]


def test_the_strength_of_a_variation_can_be_changed(imagecli: Run, folder: Path, read_history: ReadHistory) -> None:
    photo(folder / "photo.png", 256, 256)
    imagecli("vary", "photo.png", *SANDBOX)
    done = imagecli("history", "rerun", "@last", "--strength", "subtle")
    assert done.exit_code == 0, done.stderr
    first, second = read_history()
    assert second.prompt and second.prompt != first.prompt


@pytest.mark.parametrize(
    ("argv", "options", "changes"),
    [
        (("generate", "a cat"), ("--fit", "320x320"), ("--fit", "600x200")),
        (("edit", "photo.png"), ("--extend", "2:1"), ("--extend", "4:3")),
        (
            ("edit", "photo.png", "a hat", "--crop-to-mask"),
            ("--mask-rect", "0,0,40,40"),
            ("--mask-rect", "0,0,90%,20%"),
        ),
    ],
)
def test_another_fit_extension_or_crop_changes_the_requested_size(
    argv: tuple[str, ...],
    options: tuple[str, ...],
    changes: tuple[str, ...],
    imagecli: Run,
    folder: Path,
    read_history: ReadHistory,
) -> None:
    photo(folder / "photo.png", 1024, 1024)
    imagecli(*argv, *options, *SANDBOX)
    done = imagecli("history", "rerun", "@last", *changes)
    assert done.exit_code == 0, done.stderr
    imagecli(*argv, *changes, *SANDBOX)
    first, again, typed = (image.options["size"] for image in read_history())
    assert again == typed != first


def test_a_prompt_without_its_option_is_an_error(imagecli: Run) -> None:
    imagecli("generate", "a cat", *SANDBOX)
    done = imagecli("history", "rerun", "@last", "a dog")
    assert done.exit_code == 2
    assert done.stderr.endswith(
        "error: unexpected argument 'a dog' after the ID\nhint: for another prompt, use --prompt \"…\"\n"
    )


def test_seed_and_further_fields_are_sent_again(imagecli: Run, httpserver: HTTPServer, folder: Path) -> None:
    """Each image of a request has its own seed."""
    image = base64.b64encode(photo(folder / "x.png").read_bytes()).decode()
    httpserver.expect_request("/v1/images/generations").respond_with_json({"data": [{"b64_json": image}]})
    argv = ("--provider", "lemonade", "-m", "flux", "--base-url", httpserver.url_for("/v1"), "--seed", "7")
    done = imagecli("generate", "a cat", *argv, "-n", "3", "--param", "foo=[1, 2]", "--param", "bar=text")
    assert done.exit_code == 0, done.stderr
    imagecli("history", "rerun", "@last", "--param", "bar=3")
    *first, second = (json.loads(request.data) for request, _ in httpserver.log)
    assert sorted(body["seed"] for body in first) == [7, 8, 9]
    assert [(body["foo"], body["bar"]) for body in first] == [([1, 2], "text")] * 3
    assert (second["foo"], second["bar"], second["seed"]) == ([1, 2], 3, 9)


def test_another_provider_replaces_the_base_url_too(imagecli: Run, sandbox: str, read_history: ReadHistory) -> None:
    imagecli("generate", "a cat", "--base-url", sandbox)
    assert read_history()[-1].base_url == sandbox
    assert imagecli("history", "rerun", "@last").exit_code == 0
    assert read_history()[-1].base_url == sandbox
    assert imagecli("history", "rerun", "@last", *SANDBOX).exit_code == 0
    assert read_history()[-1].provider == "sandbox"


def test_a_changed_or_missing_input_is_an_error_that_names_it(imagecli: Run, folder: Path) -> None:
    photo(folder / "photo.png", 256, 256)
    imagecli("edit", "photo.png", "a hat", *SANDBOX, "-o", "hat.png")
    photo(folder / "photo.png", 300, 256)
    done = imagecli("history", "rerun", "@last")
    assert done.exit_code == 2
    assert f"{folder / 'photo.png'} has changed since" in done.stderr
    (folder / "photo.png").unlink()
    done = imagecli("history", "rerun", "@last")
    assert done.exit_code == 2
    assert f"{folder / 'photo.png'} does not exist" in done.stderr
    photo(folder / "photo.png", 256, 256)
    assert imagecli("history", "rerun", "@last").exit_code == 0


def test_an_input_from_stdin_is_found_in_the_history(imagecli: Run, folder: Path, read_history: ReadHistory) -> None:
    imagecli("generate", "a cat", *SANDBOX, "-o", "cat.png")
    imagecli("edit", "-", "a hat", *SANDBOX, "-o", "hat.png", stdin=(folder / "cat.png").read_bytes())
    assert imagecli("history", "rerun", "@last").exit_code == 0
    other = photo(folder / "photo.png", 256, 256).read_bytes()
    imagecli("edit", "-", "a coat", *SANDBOX, "-o", "coat.png", stdin=other)
    done = imagecli("history", "rerun", "@last")
    assert done.exit_code == 2
    assert "came from stdin, which the history does not store" in done.stderr
    assert len(read_history()) == 4


def test_rerun_s_errors_are_those_of_its_command(imagecli: Run) -> None:
    imagecli("generate", "a cat", *SANDBOX)
    done = imagecli("history", "rerun", "@last", "--qualty", "high")
    assert done.exit_code == 2
    assert "did you mean --quality?" in done.stderr
    document = imagecli("history", "rerun", "@last", "--json", "--dry-run").json
    assert (document["command"], document["status"]) == ("generate", "planned")


def test_lineage_stays(imagecli: Run, read_history: ReadHistory) -> None:
    imagecli("generate", "a cat", *SANDBOX, "-o", "cat.png")
    imagecli("edit", "@last", "at night", *SANDBOX, "-o", "night.png")
    imagecli("edit", "@last", "in snow", *SANDBOX, "-o", "snow.png")
    imagecli("history", "rerun", "@last", "--prompt", "in rain")
    _, night, snow, rain = read_history()
    assert snow.parents == rain.parents == (night.id,)


@pytest.mark.parametrize("name", ["hat.jpg", "hat.webp", "{stem}-hat.jpeg"])
def test_a_composed_image_keeps_the_format_of_its_name(
    name: str, imagecli: Run, folder: Path, read_history: ReadHistory
) -> None:
    """It is requested as a PNG, and encoded again."""
    photo(folder / "in.png", 64, 64)
    area = ("--mask-rect", "10,10,20,20", "--keep-outside")
    done = imagecli("edit", "in.png", "a hat", *area, *SANDBOX, "-m", "dall-e-2", "-s", "256x256", "-o", name)
    assert done.exit_code == 0, done.stderr
    assert imagecli("history", "rerun", "@last").exit_code == 0
    assert imagecli("history", "rerun", "@last", "--output-format", "png", "-m", "gpt-image-1-mini").exit_code == 0
    first, second, third = read_history()
    assert [image.format for image in (first, second)] == ["webp" if name.endswith("webp") else "jpeg"] * 2
    assert second.path and second.path.stem == "in-a-hat"
    assert third.format == "png"


def test_a_converted_image_keeps_the_format_of_its_name(imagecli: Run, folder: Path, read_history: ReadHistory) -> None:
    """The API sends a PNG; only the name that was typed says otherwise."""
    model = ("-m", "dall-e-2", "-s", "256x256")
    imagecli("generate", "a cat", *model, *SANDBOX, "-o", "out/cat.jpg")
    assert imagecli("history", "rerun", "@last").paths == [Path("cat.jpg")]
    assert imagecli("history", "rerun", "@last").paths == [Path("cat_2.jpg")]
    assert [image.format for image in read_history()] == ["jpeg"] * 3
    assert imagecli("history", "rerun", "@last", "-o", "new.webp").paths == [Path("new.webp")]
    imagecli("generate", "a cat", *model, *SANDBOX, "--fit", "200x100")
    assert imagecli("history", "rerun", "@last").paths == [Path("a-cat_2.png")]
