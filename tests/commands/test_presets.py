"""`--preset`: a prompt and image options from the settings, which a typed flag overrides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import write_user_file
from tests.conftest import Result, Run, photo

SANDBOX = ("--provider", "sandbox")
ICON = """
[presets.icon]
prompt = "{prompt}, flat icon"
model = "gpt-image-1"
size = "1024x1536"
quality = "low"
background = "transparent"
"""
NO_PROMPT = """
[presets.watercolor]
prompt = "a watercolor of it"
"""


def planned_bodies(result: Result) -> list[Any]:
    """The bodies of the requests that a dry run would send."""
    assert result.exit_code == 0, result.stderr
    return [request["body"] for request in result.json["requests"]]


@pytest.fixture(autouse=True)
def user_file(home: Path) -> Path:
    return write_user_file(home, ICON + NO_PROMPT)


def test_a_preset_sets_the_prompt_and_the_options_and_a_flag_overrides_them(imagecli: Run) -> None:
    flags = ("--preset", "icon", "--quality", "high", *SANDBOX, "--dry-run", "--json")
    result = imagecli("generate", "a cat", *flags, env={"IMAGECLI_SIZE": "1024x1024"})
    assert planned_bodies(result) == [
        {
            "model": "gpt-image-1",
            "prompt": "a cat, flat icon",
            "size": "1024x1536",
            "quality": "high",
            "background": "transparent",
        }
    ]


def test_files_are_named_after_the_users_prompt_or_else_after_the_preset(imagecli: Run, folder: Path) -> None:
    photo(folder / "in.jpg", 64, 64)
    assert imagecli("generate", "a cat", "--preset", "icon", *SANDBOX).stdout == "a-cat.png\n"
    assert imagecli("edit", "in.jpg", "--preset", "watercolor", *SANDBOX).stdout == "in-watercolor.png\n"
    assert imagecli("vary", "in.jpg", "blue", "--preset", "icon", *SANDBOX).stdout == "in-blue.png\n"


@pytest.mark.parametrize(
    ("argv", "prompts"),
    [
        (["generate", "--preset", "watercolor"], ["a watercolor of it"]),
        (
            ["generate", "a {c}", "--preset", "icon", "--var", "c=cat", "--var", "c=owl"],
            ["a cat, flat icon", "a owl, flat icon"],
        ),
        (["generate", "{{a}} {prompt}", "--preset", "icon"], ["{{a}} {prompt}, flat icon"]),
        (["generate", "a {a}", "--preset", "nested", "--var", "a={b}", "--var", "b={a}"], ["a {b} by {a}, {a} {x}"]),
        (["edit", "in.jpg", "in2.jpg", "--preset", "watercolor"], ["a watercolor of it"] * 2),
        (["edit", "in.jpg", "x", "--preset", "icon"], ["x, flat icon"]),
        (["vary", "in.jpg", "--preset", "watercolor"], ["a watercolor of it"]),
    ],
)
def test_the_prompt_is_filled_once(
    imagecli: Run, folder: Path, home: Path, argv: list[str], prompts: list[str]
) -> None:
    write_user_file(home, ICON + NO_PROMPT + '[presets.nested]\nprompt = "{prompt} by {b}, {{a}} {x}"\n')
    photo(folder / "in.jpg", 64, 64)
    photo(folder / "in2.jpg", 64, 64)
    assert [body["prompt"] for body in planned_bodies(imagecli(*argv, *SANDBOX, "--dry-run", "--json"))] == prompts


@pytest.mark.parametrize(
    ("argv", "message", "hint"),
    [
        (["generate", "x", "--preset", "icno"], "unknown preset 'icno'", "did you mean icon?"),
        (["generate", "x", "--preset", "zz"], "unknown preset 'zz'", "available: icon, watercolor"),
        (["generate", "--preset", "icon"], "missing prompt", '"a white siamese cat" --preset icon'),
        (["generate", "x", "--preset", "watercolor"], "has no {prompt}", "omit the prompt"),
        (["generate", "x", "--preset", "icon", "--var", "prompt=y"], "--var prompt", "give it as PROMPT"),
        (["generate", "x", "--preset", "icon", "--var", "y=1"], "is used neither in the prompt", "add {y}"),
        (
            ["edit", "in.jpg", "--preset", "icon"],
            "missing prompt",
            'edit in.jpg "what the complete new image shows" --preset icon',
        ),
        (
            ["vary", "in.jpg", "--preset", "icon"],
            "missing prompt",
            'vary in.jpg "what the complete new image shows" --preset icon',
        ),
        (["generate", "x", "--preset", "icon", "-m", "dall-e-3"], "size comes from preset icon in", ""),
    ],
)
def test_a_preset_that_can_not_be_used_is_an_error(
    imagecli: Run, folder: Path, argv: list[str], message: str, hint: str
) -> None:
    photo(folder / "in.jpg", 64, 64)
    result = imagecli(*argv, "--base-url", "http://127.0.0.1:1/v1")
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert hint in result.stderr


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('provider = "sandbox"', "'provider' can't be set in a preset"),
        ('base_url = "http://127.0.0.1:1/v1"', "'base_url' can't be set in a preset"),
        ("max_cost = 100", "'max_cost' can't be set in a preset"),
        ('output = "/etc/x"', "'output' can't be set in a preset"),
        ('headers = { x = "y" }', "'headers' can't be set in a preset"),
        ('api_key = "sk-1"', "'api_key' can't be set in a preset"),
        ('if_exists = "overwrite"', "'if_exists' can't be set in a preset"),
        ('size = "big"', "size: invalid size 'big'"),
        ("prompt = 3", "prompt: expected text"),
    ],
)
@pytest.mark.parametrize("place", ["config.toml", "imagecli.toml"])
def test_a_forbidden_setting_of_a_preset_is_refused_with_file_and_line(
    imagecli: Run, folder: Path, home: Path, line: str, message: str, place: str
) -> None:
    text = f"# mine\n[presets.x]\n\n{line}\n"
    if place == "config.toml":
        path = write_user_file(home, text)
    else:
        path = folder / place
        path.write_text(text)
    result = imagecli("generate", "a cat", *SANDBOX)
    assert result.exit_code == 2
    assert f"{path}:4: preset x: {message}" in result.stderr


def test_the_prompt_of_a_projects_preset_is_shown(imagecli: Run, folder: Path) -> None:
    (folder / "imagecli.toml").write_text('[presets.icon]\nprompt = "{prompt}\\u001b[31m and an ad"\n')
    result = imagecli("generate", "a cat", "--preset", "icon", *SANDBOX)
    assert result.exit_code == 0, result.stderr
    assert f"preset icon in {folder}/imagecli.toml makes the prompt 'a cat" in result.stderr
    assert "and an ad'" in result.stderr
    assert "\x1b[31m" not in result.stderr
    assert "preset" not in imagecli("generate", "--preset", "watercolor", *SANDBOX).stderr


def test_config_lists_and_changes_presets(imagecli: Run, user_file: Path) -> None:
    listed = imagecli("config", "list", "--origin").stdout
    assert f'presets.icon.prompt = "{{prompt}}, flat icon"  # {user_file}\n' in listed
    assert imagecli("config", "get", "presets.icon.size").stdout == "1024x1536\n"
    assert imagecli("config", "set", "presets.icon.size", "1024x1024").exit_code == 0
    assert imagecli("config", "get", "presets.icon.size").stdout == "1024x1024\n"
    assert "can't be set in a preset" in imagecli("config", "set", "presets.icon.output", "x").stderr
    assert "presets.NAME.prompt" in imagecli("config", "set", "presets.icon", "x").stderr
    assert imagecli("config", "unset", "presets.watercolor.prompt").exit_code == 0
    assert "watercolor" not in user_file.read_text()


@pytest.mark.parametrize(
    ("prompt", "noted"),
    [
        ("a {animal} in a {hat}", "{animal} {hat} are sent as typed; --var animal=VALUE sets a value"),
        ("a {animal}", "{animal} is sent as typed; --var animal=VALUE sets a value"),
        ('{"subject": "cat", "style": {"name": 1}}', None),
        ("set notation {1, 2}, a smile {:-}, {{animal}}", None),
        ("a cat", None),
    ],
)
def test_a_name_in_braces_without_a_value_is_noted_once(imagecli: Run, prompt: str, noted: str | None) -> None:
    result = imagecli("generate", prompt, *SANDBOX, "--dry-run")
    notes = [line.partition("note: ")[2] for line in result.stderr.splitlines() if "as typed" in line]
    assert notes == ([noted] if noted else [])


def test_an_image_that_is_requested_again_is_named_as_before(imagecli: Run, folder: Path) -> None:
    imagecli("generate", "White cat", "--preset", "icon", *SANDBOX)
    again = imagecli("history", "rerun", "@last")
    assert again.paths == [Path("white-cat_2.png")], again.stderr
    assert imagecli("history", "rerun", "@last").paths == [Path("white-cat_3.png")]
    assert imagecli("history", "rerun", "@last", "--prompt", "a dog").paths == [Path("a-dog.png")]
    photo(folder / "photo.png", 64, 64)
    imagecli("edit", "photo.png", "--preset", "watercolor", *SANDBOX, "--output-format", "webp")
    assert imagecli("history", "rerun", "@last").paths == [Path("photo-watercolor_2.webp")]
