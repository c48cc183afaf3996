"""A row becomes the request that the command would have sent, under a name that a rerun finds again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imagecli.batch.manifest.item import ManifestItem
from imagecli.batch.manifest.read import Format, read_manifest
from imagecli.batch.manifest.schema import NAMES
from imagecli.commands.flags import ImageFlags, InputFlags
from imagecli.domain import Edit, Generate, ImageOptions, InputFit, InputSource, MaskSource, Size, SvgOptions, Vary
from imagecli.events import NoteEvent
from tests.batch.manifests import assets, assets_of, paths, repository

SAMPLE = Path(__file__).parent.parent / "data" / "assets" / "assets.toml"


def row(**fields: Any) -> str:
    return json.dumps({"prompt": "a cat", **fields})


def only(text: str, format: Format = "jsonl", folder: Path = Path("assets"), **more: Any) -> ManifestItem:
    (item,) = assets(text, format, folder, **more).items
    return item


def test_every_image_and_input_option_is_a_field_by_the_same_name() -> None:
    options = {*InputFlags._fields, *ImageFlags._fields}
    assert options <= set(NAMES)


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({}, {}),
        ({"n": 3}, {"n": 3}),
        ({"size": "1536x1024"}, {"size": Size(1536, 1024)}),
        ({"size": "portrait"}, {"size": Size(1024, 1536)}),
        ({"size": "auto"}, {"size": "auto"}),
        ({"fit": "500x500"}, {"size": Size(816, 816), "fit": Size(500, 500)}),
        ({"quality": "high", "moderation": "low"}, {"quality": "high", "moderation": "low"}),
        ({"output_format": "webp", "output-compression": 70}, {"output_format": "webp", "output_compression": 70}),
        ({"param": {"seed": 7, "deep": [{"a": None}]}}, {"params": (("seed", 7), ("deep", [{"a": None}]))}),
        ({"params": "seed=7"}, {"params": (("seed", 7),)}),
        ({"seed": 7}, {"seed": 7}),
        ({"param": ["seed=7", "a=b"]}, {"params": (("seed", 7), ("a", "b"))}),
        ({"user": "me", "safety_identifier": "x"}, {"user": "me", "safety_identifier": "x"}),
        (
            {"model": "gpt-image-2.6", "output_format": "svg", "svg_model": "m", "svg_reasoning_effort": "low"},
            {"model": "gpt-image-2.6", "output_format": "svg", "svg": SvgOptions(model="m", effort="low")},
        ),
        ({"quality": None, "prompt": "b"}, {}),
    ],
)
def test_a_field_is_the_flag(fields: dict[str, Any], options: dict[str, Any]) -> None:
    request = only(row(**fields)).request
    assert isinstance(request, Generate)
    expected = ImageOptions(**{"model": "gpt-image-2", "output_format": None, **options})
    assert request.options == expected


@pytest.mark.parametrize(
    ("header", "cells", "name", "value"),
    [
        ("n", "3", "n", 3),
        ("size", " 1536x1024 ", "size", Size(1536, 1024)),
        ("output_compression", "0", "output_compression", 0),
        ("param", '"{""seed"": 7}"', "params", (("seed", 7),)),
        ("param", "seed=7", "params", (("seed", 7),)),
        ("quality", " high", "quality", "high"),
        ("quality", "", "quality", None),
    ],
)
def test_a_cell_is_read_like_a_flag(header: str, cells: str, name: str, value: Any) -> None:
    extra = ("output_format,", "webp,") if name == "output_compression" else ("", "")
    item = only(f"prompt,{extra[0]}{header}\na cat,{extra[1]}{cells}\n", "csv")
    assert getattr(item.request.options, name) == value


def test_images_of_an_edit_are_relative_to_the_manifests_folder(tmp_path: Path) -> None:
    folder = repository(tmp_path / "assets")
    text = row(
        command="edit",
        image=["cat.png", "../assets/dog.png"],
        mask="mask.png",
        crop="top",
        input_size="32x32",
        keep_metadata=True,
        input_fidelity="high",
        model="gpt-image-1",
    )
    request = only(text, folder=folder).request
    assert isinstance(request, Edit)
    assert [source.path for source in request.images] == [folder / "cat.png", folder / "../assets/dog.png"]
    assert request.mask == MaskSource(file=InputSource(name="mask.png", path=folder / "mask.png"))
    assert request.input_fit == InputFit(crop="top", input_size=Size(32, 32), keep_metadata=True)
    assert request.options.input_fidelity == "high"


def test_a_cell_holds_a_list_of_images_as_json(tmp_path: Path) -> None:
    folder = repository(tmp_path / "assets")
    request = only('command,image,pad,prompt\nedit,"[""cat.png"", ""dog.png""]",yes,x\n', "csv", folder).request
    assert isinstance(request, Edit)
    assert ([source.name for source in request.images], request.input_fit.pad) == (["cat.png", "dog.png"], True)


@pytest.mark.parametrize(
    ("fields", "request_class", "prompt"),
    [
        ({"model": "dall-e-2"}, Vary, None),
        ({"strength": "subtle"}, Edit, "subtle"),
        ({"prompt": "at night"}, Edit, "at night"),
        ({"via": "edits"}, Edit, ""),
    ],
)
def test_a_variation_uses_the_endpoint_of_the_command(
    tmp_path: Path, fields: Any, request_class: type, prompt: str | None
) -> None:
    folder = repository(tmp_path / "assets")
    items = assets(json.dumps({"command": "vary", "image": "cat.png", **fields}), folder=folder)
    (item,) = items.items
    assert isinstance(item.request, request_class)
    assert (item.prompt, item.command) == (fields.get("prompt"), "vary")
    assert prompt is None or item.request.prompt
    assert any(remark.code == "endpoint" for remark in items.notes)


def test_a_prompt_may_be_in_a_file(tmp_path: Path) -> None:
    folder = repository(tmp_path / "assets")
    assert only('{"prompt_file": "words.txt"}', folder=folder).prompt == "a quiet harbour"


SIZES = "[defaults]\nsize = '1536x1024'\nfit = '960x540'\n[[image]]\nprompt = 'a'\n"


@pytest.mark.parametrize(
    ("rest", "size", "fits"),
    [
        ("", (1536, 1024), ["960x540"]),
        ("fit = '64x64'", (816, 816), ["64x64"]),
        ("size = '1024x1024'", (1024, 1024), [None]),
        ("size = '1024x1024'\nfit = '64x64'", (1024, 1024), ["64x64"]),
        ("outputs = [{output = 'a.png', fit = '64x64'}, 'b.png']", (1088, 608), ["64x64", "960x540"]),
        ("outputs = ['a.png', 'b.png']", (1536, 1024), ["960x540", "960x540"]),
        ("size = '1024x1024'\noutputs = [{output = 'a.png', fit = '64x64'}, 'b.png']", (1024, 1024), ["64x64", None]),
    ],
)
def test_of_size_and_fit_the_more_specific_source_wins(
    rest: str, size: tuple[int, int], fits: list[str | None]
) -> None:
    item = only(SIZES + rest, "toml")
    assert item.request.options.size == Size(*size)
    assert [target.fit and str(target.fit) for target in item.targets[0]] == fits


DEFAULTS = "[defaults]\nquality = 'low'\nmodel = 'gpt-image-1'\nsize = '1024x1024'\n[[image]]\nprompt = 'a'\n"


@pytest.mark.parametrize(
    ("rest", "flags", "model", "quality"),
    [
        ("", {}, "gpt-image-1", "low"),
        ("", {"quality": "high", "model": None}, "gpt-image-1", "high"),
        ("quality = 'medium'", {"quality": "high"}, "gpt-image-1", "medium"),
        ("model = 'gpt-image-2'", {"model": "gpt-image-1.5"}, "gpt-image-2", "low"),
        ("", {"model": "gpt-image-1.5"}, "gpt-image-1.5", "low"),
    ],
)
def test_the_row_comes_before_the_flag_and_that_before_defaults(
    rest: str, flags: dict[str, Any], model: str, quality: str
) -> None:
    item = only(DEFAULTS + rest, "toml", **flags)
    assert (item.request.options.model, item.request.options.quality) == (model, quality)
    assert item.model_named
    assert not only(row()).model_named


def test_defaults_apply_where_their_field_does_and_the_row_says_nothing(tmp_path: Path) -> None:
    folder = repository(tmp_path / "assets")
    text = """
        [defaults]
        prompt = "an icon of {thing} in {look}"
        vars = { look = "red", thing = "nothing" }
        output = "icons/{thing}.png"
        strength = "strong"
        image = "cat.png"
        [[image]]
        vars = { thing = "a key" }
        [[image]]
        prompt = "words of its own"
        output = "own.png"
        [[image]]
        prompt_file = "words.txt"
        outputs = ["a.png", "b.png"]
        [[image]]
        command = "vary"
        output = "take.png"
    """
    items = assets(text, "toml", folder)
    prompts = [item.prompt for item in items.items]
    assert prompts == ["an icon of a key in red", "words of its own", "a quiet harbour", None]
    assert paths(items) == ["icons/a key.png", "own.png", "a.png", "b.png", "take.png"]
    assert items.items[3].settings["strength"] == "strong"


def test_a_row_replaces_both_spellings_of_an_option(tmp_path: Path) -> None:
    folder = repository(tmp_path / "assets")
    text = "[defaults]\nprompt_file = 'words.txt'\noutputs = ['a.png']\n[[image]]\nprompt = 'own'\noutput = 'b.png'\n"
    items = assets(text, "toml", folder)
    assert ([item.prompt for item in items.items], paths(items)) == (["own"], ["b.png"])


def test_columns_are_variables_and_may_be_unused() -> None:
    items = assets("id,name,note,prompt,output\n7,Key,x,a {name} {other},{id:03}-{name}.png\n8,,,b {name}c,\n", "csv")
    assert [item.prompt for item in items.items] == ["a Key {other}", "b c"]
    assert paths(items) == ["007-Key.png", "b-c.png"]
    assert assets("prompt,users\nfor {users},all\n", "csv").items[0].prompt == "for all"


@pytest.mark.parametrize(
    ("text", "format", "noted"),
    [
        (row(prompt="a {mood} cat"), "jsonl", True),
        ("prompt,animal\na {animal} in a {mood} mood,cat\n", "csv", True),
        (row(prompt="a {{mood}} {animal}", vars={"animal": "cat"}), "jsonl", False),
        (row(prompt='{"mood": {"x": 1}} {} {1}'), "jsonl", False),
    ],
)
def test_an_undefined_name_in_braces_is_noted(text: str, format: Format, noted: bool) -> None:
    message = "{mood} in a prompt is not a variable or column; it is sent unchanged"
    assert (NoteEvent(code="literal_braces", message=message) in assets(text, format).notes) == noted


def test_lists_of_values_make_the_product_and_numbering_continues() -> None:
    items = assets(row(prompt="{a} {b}", vars={"a": ["x", "y"], "b": [1, 2.5]}, n=2, output="{a}-{n:02}.png"))
    assert [item.prompt for item in items.items] == ["x 1", "x 2.5", "y 1", "y 2.5"]
    assert paths(items)[:4] == ["x-01.png", "x-02.png", "x-03.png", "x-04.png"]
    assert paths(items)[-1] == "y-08.png"
    assert {item.row for item in items.items} == {1}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ["a-cat.png"]),
        ({"n": 2}, ["a-cat-1.png", "a-cat-2.png"]),
        ({"output": "x/"}, ["x/a-cat.png"]),
        ({"output": "x"}, ["x.png"]),
        ({"output": "x/y.JPG"}, ["x/y.JPG"]),
        ({"output": "./x//y.webp", "n": 2}, ["x/y-1.webp", "x/y-2.webp"]),
        ({"output": "{slug}.{ext}"}, ["a-cat.png"]),
        ({"output": "{model}/{size}/{n:03}", "size": "auto"}, ["gpt-image-2/auto/001.png"]),
        ({"output": "{{x}}.png"}, ["{x}.png"]),
        ({"output_format": "webp"}, ["a-cat.webp"]),
        ({"output": "{v}.png", "vars": {"v": "../../x"}}, ["x.png"]),
    ],
)
def test_names_are_those_of_the_command(fields: dict[str, Any], expected: list[str]) -> None:
    items = assets(row(**fields), folder=Path("deep/assets"))
    assert paths(items) == expected
    for item in items.items:
        for (target,) in item.targets:
            assert (target.name.folder / "x").is_relative_to("deep/assets")


@pytest.mark.parametrize(
    ("fields", "output_format", "literal"),
    [
        ({"output": "a.webp"}, "webp", "webp"),
        ({"output": "{slug}.jpg"}, "jpeg", "jpeg"),
        ({"output": "a"}, None, None),
        ({"output": "a.png", "model": "dall-e-3"}, None, "png"),
        ({"output": "a.gif", "model": "gpt-image-1"}, None, "gif"),
        ({"output": "a.png", "output_format": "png"}, "png", "png"),
    ],
)
def test_an_extension_requests_its_format_and_is_kept(
    fields: Any, output_format: str | None, literal: str | None
) -> None:
    item = only(row(**fields))
    assert (item.request.options.output_format, item.targets[0][0].output_format) == (output_format, literal)


def test_an_extension_takes_precedence_over_the_format_of_defaults() -> None:
    text = "[defaults]\noutput_format = 'webp'\n[[image]]\nprompt = 'a'\noutput = 'a.jpg'\n"
    assert only(text, "toml").request.options.output_format == "jpeg"


def test_several_files_are_created_from_one_response() -> None:
    files = ["{slug}.png", {"output": "64/x", "fit": "64x64", "output-format": "webp"}, {"output": "s.jpg"}]
    item = only(row(outputs=files, fit="256x256", n=2))
    assert [[target.path for target in result] for result in item.targets] == [
        ["a-cat-1.png", "64/x-1.webp", "s-1.jpg"],
        ["a-cat-2.png", "64/x-2.webp", "s-2.jpg"],
    ]
    assert [target.fit for target in item.targets[0]] == [Size(256, 256), Size(64, 64), Size(256, 256)]
    assert [target.output_format for target in item.targets[0]] == ["png", "webp", "jpeg"]
    look = item.request.options
    assert (look.fit, look.size, look.output_format) == (None, Size(816, 816), "png")


def test_several_files_are_created_from_an_image_that_is_large_enough_for_all() -> None:
    files = [{"output": "s.png", "fit": "64x64"}, {"output": "l.png", "fit": "1536x1024"}]
    item = only(row(outputs=files))
    assert item.request.options.size == Size(1536, 1024)
    files[0]["fit"] = "32x32"
    assert item.row_values != only(row(outputs=files)).row_values


def test_one_file_is_fitted_by_its_request() -> None:
    item = only(row(outputs=[{"output": "64.png", "fit": "64x64"}]))
    assert (item.request.options.fit, item.targets[0][0].fit) == (Size(64, 64), Size(64, 64))


def test_the_hashed_fields_hold_no_file_names_and_no_resolved_model() -> None:
    first = only(row(size="16:9", output="a.png", quality="low", param={"seed": 1}))
    other = only(row(size="16:9", output="b.png", quality="low", param={"seed": 1}))
    assert first.row_values == other.row_values
    assert (str(first.row_values["size"]), first.prompt, first.row_values["command"]) == (
        "16:9",
        "a cat",
        "generate",
    )
    assert first.row_values != only(row(size="3:2", quality="low", param={"seed": 1})).row_values


def test_one_and_true_are_not_the_same_parameter() -> None:
    items = assets(row(param={"a": 1}, output="a.png") + "\n" + row(param={"a": True}, output="b.png"))
    assert [item.request.options.params[0][1] is True for item in items.items] == [False, True]


def test_equal_rows_share_their_request() -> None:
    items = assets("\n".join(row(prompt=f"{k}", size="16:9", output=f"{k}.png") for k in range(5000)))
    assert len({id(item.request.options) for item in items.items}) == 1
    assert len(items.notes) == 1


def test_a_manifest_means_the_same_before_and_after_its_folders_exist(tmp_path: Path) -> None:
    before = paths(assets(row(output="icons"), folder=tmp_path))
    (tmp_path / "icons").mkdir()
    assert paths(assets(row(output="icons"), folder=tmp_path)) == before == ["icons.png"]


def test_the_sample_repository_is_twenty_rows_over_all_commands() -> None:
    read = read_manifest(SAMPLE)
    items = assets_of(read)
    assert items.row_count == 20
    assert read.content.max_cost == 2.0
    assert {item.command for item in items.items} == {"generate", "edit", "vary"}
    assert len(items.items) == 22
    assert len(paths(items)) == 30
    assert [item.line for item in items.items][:3] == [10, 15, 20]
