"""Commands that are refused before anything is sent, and their error messages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Run, photo

SANDBOX = ("--provider", "sandbox")


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["photo.jpg"], "'photo.jpg' is an image file name", 'imagecli edit photo.jpg "what to change"'),
        (["notes.txt"], "'notes.txt' is a file", "-f notes.txt"),
        ([], "missing prompt", "imagecli generate"),
        (["x", "--editor"], "more than one prompt given", "--prompt-file and --editor"),
        (["   "], "the prompt is empty", "hint: describe what the complete image shows"),
        (["x" * 1001, "-m", "dall-e-2"], "1,001 characters; dall-e-2 accepts at most 1,000", "shorten"),
        (["x", "-m", "dall-e-2", "-s", "300x300"], "256x256, 512x512 or 1024x1024", ""),
        (["x", "-s", "1920x1080"], "1080 is not a multiple of 16", ""),
        (["x", "-s", "99999x99999"], "99999 is not a multiple of 16", "hint: use --size 2880x2880\n"),
        (["x", "-s", "big"], "invalid size 'big'", "for example 1024x1024"),
        (["a photo of photo.jpg"], "an image file name", "; to send it as text, use --prompt"),
        (["x", "--moderation", "none"], "gpt-image-2 accepts low, auto", "--moderation low"),
        (["x", "--output-format", "JPG"], "accepts png, jpeg, webp", "--output-format jpeg"),
        (["x", "--output-format", "jpg", "-o", "x.jpg"], "accepts png, jpeg, webp", "--output-format jpeg"),
        (["x", "--response-format", "url"], "not supported by gpt-image-2", "always returns base64"),
        (["x", "--quality", "best"], "low, medium, high, auto", "hint: use --quality low, medium, high or auto\n"),
        (["x", "-m", "dall-e-2", "--quality", "high"], "not supported by dall-e-2", ""),
        (["x", "--output-compression", "50"], "only for jpeg and webp, not for png", ""),
        (["x", "--background", "transparent", "--output-format", "jpeg"], "requires png or webp", ""),
        (["x", "-o", "cat.png", "--output-format", "webp"], "implies png", "omit one"),
        (["x", "-n", "0"], "-n", ""),
        (["x", "--param", "n=3"], "this field has its own option", ""),
        (["x", "--param", "seed"], "is not KEY=VALUE", "seed=7"),
        (["x", "--var", "slug=1"], "slug", ""),
        (["x", "--var", "noequals"], "is not NAME=VALUE", "animal=cat"),
        (["x", "--prompt", "y"], "more than one prompt given", "only one of"),
        (["-f", "nope.txt"], "nope.txt does not exist", ""),
        (["x", "-o", "{nope}.png"], "{nope}", ""),
        (["x", "-o", "notes.txt/a.png"], "notes.txt", ""),
        (["x", "--provider", "nobody"], "unknown provider 'nobody'", "openai"),
        (["x", "--timeout", "-1"], "--timeout", "seconds"),
        (["x", "--base-url", "ftp://x/v1"], "must start with http", "http://localhost"),
        (["x", "--transparent"], "unknown option --transparent", "--background transparent"),
        (["x", "--out", "a.png"], "unknown option --out", "-o/--output"),
        (["x", "-V"], "unknown option -V", "imagecli --version"),
        (["x", "-ksk-secret"], "unknown option -k\n", "every process can read a key"),
        (["x", "--hd"], "unknown option --hd", "--quality high"),
        (["x", "--images", "2"], "unknown option --images", "-n COUNT"),
        (["x", "--mask", "m.png"], "unknown option --mask", "imagecli edit photo.jpg"),
        (["x", "--qualty", "low"], "--qualty", "did you mean --quality?"),
        (["x", "--proxy", "p"], "--proxy", "hint: imagecli generate --help"),
        (["x", "--provider", "nope"], "unknown provider 'nope'", "hint: available: openai"),
        (["x", "--api_key", "sk-1"], "unknown option --api_key", "imagecli login"),
        (
            ["x", "--input-fidelity", "high"],
            "unknown option --input-fidelity",
            'imagecli edit photo.jpg "…" --input-fid',
        ),
        (["x", "-n", "abc"], "expected an integer, found 'abc'", "imagecli generate --help"),
        (["x", "--timeout", "soon"], "expected a number, found 'soon'", "imagecli generate --help"),
        (["x", "--max-cost", "-1"], "--max-cost -1: expected an amount in USD", ""),
    ],
)
def test_nothing_is_sent_and_the_hint_names_the_fix(
    imagecli: Run, folder: Path, arguments: list[str], message: str, hint: str
) -> None:
    (folder / "notes.txt").write_text("a cat")
    where = () if "--provider" in arguments else ("--base-url", "http://127.0.0.1:1/v1")
    if "--base-url" in arguments:
        where = ()
    result = imagecli("generate", *arguments, *where)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("imagecli: error: ")
    assert message in result.stderr
    assert hint in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("argv", "message", "hint"),
    [
        (["a cat"], "unknown command 'a cat'", 'imagecli generate "a cat"'),
        (["generat", "x"], "unknown command 'generat'", "did you mean imagecli generate?"),
        (["gen", "x"], "unknown command 'gen'", "did you mean imagecli generate?"),
        (["--nope"], "--nope", "imagecli --help"),
        (["auth", "login"], "'auth'", "hint: imagecli login\n"),
        (["auth", "logout"], "'auth'", "hint: imagecli logout\n"),
        (["create", "a cat"], "'create'", 'imagecli generate "a white siamese cat"'),
        (["generate", "a", "white", "cat"], "arguments: white cat", 'quotes: imagecli generate "a white cat"\n'),
        (["generate", "--", "--a cat", "-n", "2"], "arguments: -n 2", "put -n before --"),
        (["edit", "-in.png", "x"], "unknown option -in.png", "if it is a file: ./-in.png\n"),
        (["show", "--a.webp"], "unknown option --a.webp", "if it is a file: ./--a.webp\n"),
        (["batch", "m.toml", "-j", "0"], "invalid value for --jobs: expected 1 to 1000, found 0", "batch --help"),
        (["edit", "a.jpg", "a", "sofa"], "'a' is not a file", 'quotes: imagecli edit a.jpg "a sofa"\n'),
        (["edit", "a", "sofa"], "a does not exist", "check the name"),
        (["edit", "a", "red", "sofa"], "'a' is not a file", 'quotes: imagecli edit photo.jpg "a red sofa"\n'),
        (["vary", "a.jpg", "in", "red"], "'in' is not a file", 'quotes: imagecli vary a.jpg "in red"\n'),
        (["generate", "a.jpg", "in red"], "arguments: in red", 'quotes: imagecli edit a.jpg "in red"\n'),
        (["generate", "a.jpg", "b.jpg", "in red"], "arguments: b.jpg in red", 'edit a.jpg b.jpg "in red"\n'),
        (["edit"], "IMAGE", 'imagecli edit photo.jpg "make the sky pink"'),
        (["batch", "--init"], "MANIFEST", "imagecli batch --init assets.toml"),
        (["models", "a", "b"], "argument: b", "imagecli models --help"),
        (["--generate", "a cat"], "--generate", "did you mean imagecli generate?"),
        (["price"], "'price'", "--dry-run"),
        (["config"], "error: missing command", "imagecli config --help"),
        (["providers", "gemin"], "'gemin'", "did you mean gemini?"),
        (["generate", "a cat", "-q", "high"], "argument: high", "-q is --quiet; use --quality high\n"),
        (["generate", "a cat", "--seed", "1", "2"], "argument: 2", '"a cat" is the prompt; remove 2, or'),
        (["edit", "a.jpg", "a hat", "-q", "low"], "argument 'low'", "-q is --quiet; use --quality low\n"),
        (["edit", "a.jpg", "“at", "night”"], "'“at' is not a file", 'quotes: imagecli edit a.jpg "at night"\n'),
        (["generate", "“a", "cat”"], "argument: cat”", 'quotes: imagecli generate "a cat"\n'),
        (["generate", "-n"], "-n requires a value", "imagecli generate --help"),
        (["history", "list", "--count", "3"], "unknown option --count", "hint: use --limit COUNT\n"),
        (["history", "list", "-n", "3"], "unknown option -n", "hint: use --limit COUNT\n"),
        (["generate", "a cat", "--count", "3"], "unknown option --count", "hint: use -n COUNT\n"),
        (["models", "--count", "3"], "unknown option --count", "hint: imagecli models --help\n"),
        (["edit", "a.jpg", "red", "and/or", "blue"], "'red' is not a file", 'quotes: imagecli edit a.jpg "red and/or'),
        (["edit", "a.jpg", "and/or"], "and/or does not exist", "the folder and/ does not exist; to use it as the"),
        (["edit", "a.jpg", "-s", "1024x1024", "-q"], "missing prompt", 'shows" -s 1024x1024 -q\n'),
        (["mask", "a.png", "--rect"], "--rect requires a value", "imagecli mask --help"),
        (["edit", "a.png", "--mask-rect"], "--mask-rect requires a value", "imagecli edit --help"),
        (["edit", "a.png", "a hat", "--image"], "--image requires a value", "imagecli edit --help"),
    ],
)
def test_a_wrong_command_line_gets_the_right_one(imagecli: Run, argv: list[str], message: str, hint: str) -> None:
    result = imagecli(*argv)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert hint in result.stderr


@pytest.mark.parametrize(
    ("model", "near"), [("gpt-image", "gpt-image-2"), ("dalle-3", "dall-e-3"), ("somebody/flux-9", None)]
)
def test_a_misspelled_model_is_a_warning_with_the_probable_name(imagecli: Run, model: str, near: str | None) -> None:
    result = imagecli("generate", "a cat", "-m", model, "--dry-run")
    assert result.exit_code == 0
    assert f"warning: unknown model {model}" in result.stderr
    assert ("did you mean" in result.stderr) is (near is not None)
    if near:
        assert f"did you mean {near}?" in result.stderr


def test_a_refusal_by_a_provider_names_the_variable_that_chose_it(imagecli: Run) -> None:
    typed = ("generate", "a cat", "--quality", "best", "--dry-run")
    result = imagecli(*typed, env={"IMAGECLI_PROVIDER": "xai"})
    assert "provider xai accepts low, medium, auto; the provider comes from IMAGECLI_PROVIDER\n" in result.stderr
    assert "comes from" not in imagecli(*typed, "--provider", "xai").stderr
    both = imagecli(*typed[:2], "--dry-run", env={"IMAGECLI_PROVIDER": "xai", "IMAGECLI_QUALITY": "best"}).stderr
    assert "the provider comes from IMAGECLI_PROVIDER; quality comes from IMAGECLI_QUALITY\n" in both
    assert "hint: use --quality low, medium or auto; unset IMAGECLI_QUALITY\n" in both


def test_bare_imagecli_prints_three_commands_and_fails(imagecli: Run) -> None:
    result = imagecli()
    assert (result.exit_code, result.stdout) == (2, "")
    assert [word in result.stderr for word in ("imagecli generate", "imagecli edit", "imagecli vary")] == [True] * 3


@pytest.mark.parametrize("argv", [["generate", "--json"], ["generate", "x", "--nope", "--json"], ["a cat", "--json"]])
def test_json_is_one_object_for_usage_errors_too(imagecli: Run, argv: list[str]) -> None:
    result = imagecli(*argv)
    response = json.loads(result.stdout)
    assert (result.exit_code, response["exit_code"], response["status"]) == (2, 2, "failed")
    assert response["errors"][0]["code"] == "usage"
    assert response["images"] == []


NO_KEY = """\
imagecli: error: no API key for openai
hint: run `imagecli login`, or try it for free with --provider sandbox
"""


@pytest.mark.parametrize("command", [("generate", "x"), ("edit", "a.png", "x"), ("vary", "a.png"), ("batch", "m.txt")])
def test_no_key_exits_3_with_two_lines(imagecli: Run, folder: Path, command: tuple[str, ...]) -> None:
    photo(folder / "a.png", 64, 64)
    (folder / "m.txt").write_text("a cat\n")
    result = imagecli(*command, "-q")
    assert (result.exit_code, result.stdout, result.stderr) == (3, "", NO_KEY)


def test_a_missing_key_mentions_an_env_file_without_opening_it(imagecli: Run, folder: Path) -> None:
    os.mkfifo(folder / ".env")  # opening it would wait for a writer
    result = imagecli("generate", "x")
    assert (result.exit_code, result.stderr) == (3, f"{NO_KEY.rstrip()}; imagecli does not read .env\n")


def test_an_unknown_model_passes_with_one_warning(imagecli: Run, sandbox: str) -> None:
    result = imagecli("generate", "x", "-m", "brand-new", "--base-url", sandbox)
    assert result.exit_code == 4
    assert result.stderr.count("warning") == 1
    assert "brand-new" in result.stderr
    assert "model_not_found" in result.stderr


def test_a_prompt_that_is_not_text_is_refused(imagecli: Run) -> None:
    result = imagecli("generate", "caf\udce9", *SANDBOX)
    assert result.exit_code == 2
    assert "the prompt is not valid Unicode (character 4)" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        (["generate", ""], "empty"),
        (["generate", "cat.png"], "an image file name"),
        (["generate", "x", "-s", "100x100"], "100x100"),
        (["generate", "x", "-o", "{bad}"], "{bad}"),
        (["generate", "x", "-o", "old.png"], "old.png"),
        (["edit", "missing.png", "x"], "missing.png"),
        (["vary", "old.png"], "old.png"),
    ],
)
def test_a_missing_key_hides_no_other_mistake(imagecli: Run, folder: Path, arguments: list[str], mistake: str) -> None:
    (folder / "old.png").write_text("not a picture")
    result = imagecli(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert mistake in result.stderr
    assert "key" not in result.stderr


def test_an_option_that_was_not_typed_is_named_by_its_file(imagecli: Run, folder: Path) -> None:
    (folder / "imagecli.toml").write_text('size = "256x256"')
    result = imagecli("generate", "x", *SANDBOX)
    assert result.exit_code == 2
    assert f"size comes from {folder / 'imagecli.toml'}" in result.stderr


@pytest.mark.parametrize("output", ["/tmp/x.png", "../x.png", "a/../../x.png"])
def test_a_projects_file_does_not_write_outside_of_its_folder(imagecli: Run, folder: Path, output: str) -> None:
    (folder / "imagecli.toml").write_text(f'output = "{output}"')
    result = imagecli("generate", "x", *SANDBOX)
    assert result.exit_code == 2
    assert "must stay inside the manifest's folder" in result.stderr


def test_a_projects_file_names_the_output(imagecli: Run, folder: Path) -> None:
    (folder / "imagecli.toml").write_text('output = "art/{slug}-{model}"\nmodel = "dall-e-2"\nsize = "256x256"')
    assert imagecli("generate", "x", *SANDBOX).stdout == "art/x-dall-e-2.png\n"


@pytest.mark.parametrize(
    ("settings", "arguments", "words", "hint"),
    [
        (
            'quality = "high"',
            ["-m", "dall-e-2"],
            "--quality: not supported by dall-e-2",
            "imagecli config unset quality, or use -m ",
        ),
        (
            'quality = "ultra"',
            [],
            "--quality ultra",
            "--quality low, medium, high or auto; imagecli config unset quality",
        ),
        ('size = "100x100"', [], "--size 100x100", "for exactly that size; imagecli config unset size"),
    ],
)
def test_the_hint_removes_a_setting_from_its_file(
    imagecli: Run, tmp_path: Path, settings: str, arguments: list[str], words: str, hint: str
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text(settings)
    (error,) = imagecli("generate", "a cat", "--provider", "sandbox", *arguments, "--json").json["errors"]
    assert error["message"].startswith(words)
    assert hint in error["hint"]
    assert "leave --" not in error["hint"]


def test_the_hint_unsets_a_variable_or_omits_a_flag(imagecli: Run) -> None:
    command = ["generate", "a cat", "--provider", "sandbox", "-m", "dall-e-2", "--json"]
    (error,) = imagecli(*command, env={"IMAGECLI_QUALITY": "high"}).json["errors"]
    assert error["hint"].startswith("unset IMAGECLI_QUALITY, or use -m ")
    (error,) = imagecli(*command, "--quality", "high").json["errors"]
    assert error["hint"].startswith("omit --quality, or use -m ")


def test_an_option_is_not_attributed_to_a_setting_with_a_similar_name(imagecli: Run) -> None:
    words = ["generate", "a cat", "--provider", "sandbox", "--output-format", "bmp", "--json"]
    (error,) = imagecli(*words, env={"IMAGECLI_OUTPUT": "new/"}).json["errors"]
    assert error["message"].startswith("--output-format bmp:")
    assert "comes from" not in error["message"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
@pytest.mark.parametrize("command", [["models"], ["generate", "a cat", "--dry-run"]])
def test_no_images_are_reported_as_saved_if_none_were_created(tmp_path: Path, command: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "imagecli", *command],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 8
    assert "can't write to stdout" in done.stderr
    assert "saved" not in done.stderr


@pytest.mark.parametrize(
    "prompt", ["- a cat", "-- a cat", "--- a cat", "--a cat", "-5 degrees", "---", "--help me", "-n a cat"]
)
def test_a_prompt_that_starts_with_dashes_gets_the_hint(imagecli: Run, prompt: str) -> None:
    result = imagecli("generate", prompt, "--dry-run")
    assert result.exit_code == 2
    assert "put -- before a prompt that starts with a dash" in result.stderr
    assert imagecli("generate", "--dry-run", "--", prompt).exit_code == 0


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_text_in_utf_16_is_refused_everywhere_with_the_same_message(imagecli: Run, folder: Path, encoding: str) -> None:
    for name, text in (("prompt.txt", "a cat"), ("m.jsonl", '{"prompt": "a cat"}\n'), ("m.txt", "a cat\n")):
        (folder / name).write_bytes(text.encode(encoding))
    (folder / "row.jsonl").write_text('{"prompt_file": "prompt.txt"}\n')
    way = f"iconv -f {encoding[:6].upper()} -t UTF-8"
    for argv in (
        ["generate", "-f", "prompt.txt"],
        *(["batch", name, "--check"] for name in ("m.jsonl", "m.txt", "row.jsonl")),
    ):
        result = imagecli(*argv, "--provider", "sandbox")
        assert result.exit_code == 2
        assert way in result.stderr
    (folder / "imagecli.toml").write_bytes("model = 'gpt-image-2'\n".encode(encoding))
    assert way in imagecli("generate", "a cat", "--dry-run").stderr
