"""A prompt that is typed at the terminal, or written in an editor."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pexpect
import pytest
from pytest_httpserver import HTTPServer

from tests.commands.test_rest_hint import run_and_paste
from tests.conftest import Result, Run, photo

SMALL = ("-m", "dall-e-2", "-s", "256x256", "--provider", "sandbox")
TERMINAL = ("stdin", "stderr")
QUESTION = "Describe the image: "


# --- at the terminal -------------------------------------------------------------------------------------------------


def test_generate_without_a_prompt_prompts_for_one(imagecli: Run, folder: Path) -> None:
    result = imagecli("generate", *SMALL, stdin="  a cat on Ärger\nnot read\n".encode(), tty=TERMINAL)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.startswith(QUESTION)
    assert result.stdout == "a-cat-on-ärger.png\n"


@pytest.mark.parametrize("tty", [(), ("stdin",), ("stderr",), ("stdin", "stdout")])
def test_without_a_terminal_there_is_no_prompt(imagecli: Run, tty: tuple[str, ...]) -> None:
    result = imagecli("generate", *SMALL, stdin=b"a cat\n", tty=tty)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == 'imagecli: error: missing prompt\nhint: imagecli generate "a white siamese cat"\n'


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (b"\n", "the prompt is empty; nothing was sent"),
        (b"", "the prompt is empty; nothing was sent"),
        (b"photo.jpg\n", "not a description"),
        (b"\xff\xfe\n", "is not valid text"),
    ],
)
def test_a_typed_prompt_is_checked_like_an_argument(imagecli: Run, folder: Path, typed: bytes, words: str) -> None:
    result = imagecli("generate", *SMALL, stdin=typed, tty=TERMINAL)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert list(folder.iterdir()) == []


def test_a_missing_key_is_found_before_anything_is_typed(imagecli: Run, tmp_path: Path) -> None:
    environ = {"EDITOR": writing(tmp_path, "open('opened', 'w')")}
    for words in ((), ("--editor",)):
        result = imagecli("generate", *words, stdin=b"a cat\n", tty=TERMINAL, env=environ)
        assert result.exit_code == 3
        assert result.stderr.startswith("imagecli: error: no API key for openai\n")
    assert not Path("opened").exists()


def test_variables_are_replaced_in_a_typed_prompt(imagecli: Run) -> None:
    result = imagecli("generate", "--var", "a=cat", "--var", "a=owl", *SMALL, stdin=b"an {a}\n", tty=TERMINAL)
    assert result.stdout == "an-cat.png\nan-owl.png\n"


def test_a_hint_repeats_the_command_with_the_typed_prompt(
    imagecli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"EDITOR": writing(tmp_path, "text = 'a cat\\n' + text")}

    def run_with_editor(*argv: str, env: dict[str, str]) -> Result:
        return imagecli(*argv, env={**env, **environ})

    hint, requested = run_and_paste(run_with_editor, ["generate", "--editor", "-n", "11"], 1)
    assert "--prompt" in hint and "--editor" not in hint
    assert requested == [1]


@pytest.mark.parametrize("flags", [("-s", "300x300"), ("-o", "there.png"), ("--max-cost", "0")])
def test_a_typed_prompt_is_repeated_if_the_command_is_refused_afterwards(
    imagecli: Run, folder: Path, flags: tuple[str, str]
) -> None:
    (folder / "there.png").write_bytes(b"x")
    argv = ("generate", "-m", "dall-e-2", *flags, "--base-url", "http://127.0.0.1:1/v1")
    result = imagecli(*argv, stdin=b'a "cat"\n', tty=TERMINAL)
    assert result.exit_code in (2, 5)
    note = "note: to use your prompt again: "
    pasted = shlex.split(result.stderr.partition(note)[2].partition("\n")[0])
    assert pasted == ["imagecli", "generate", "--prompt", 'a "cat"', *argv[1:]]
    assert "to use your prompt" not in imagecli(*argv, "--prompt", "x").stderr


def test_a_typed_prompt_is_repeated_if_the_server_refuses_it(imagecli: Run, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/images/generations").respond_with_json({"error": {"message": "no"}}, status=400)
    argv = ("generate", "--base-url", httpserver.url_for("/v1"))
    result = imagecli(*argv, stdin=b"a cat\n", tty=TERMINAL)
    assert result.exit_code == 4
    assert 'to use your prompt again: imagecli generate --prompt "a cat" --base-url' in result.stderr


def test_an_edited_prompt_of_several_lines_is_saved_if_the_command_is_refused(
    imagecli: Run, tmp_path: Path, folder: Path
) -> None:
    photo(folder / "in.jpg", 64, 64)
    environ = {"EDITOR": writing(tmp_path, "text = 'a cat\\n\\nand a dog' + text")}
    for command in (["generate"], ["edit", "in.jpg"], ["vary", "in.jpg"]):
        argv = (*command, "--editor", "-s", "5x5", "--base-url", "http://127.0.0.1:1/v1")
        result = imagecli(*argv, env=environ, tty=TERMINAL)
        assert result.exit_code == 2
        file = Path(shlex.split(result.stderr.partition("to use it again: -f ")[2].partition("\n")[0])[0])
        assert file.read_text() == "a cat\n\nand a dog"
        file.unlink()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("keys", "code"),
    [("a cat\r", 0), ("\x03", 130), ("\x04", 2), ("a c\x03", 130)],
    ids=["enter", "C-c", "C-d", "late C-c"],
)
def test_on_a_real_terminal_it_ends_cleanly(folder: Path, tmp_path: Path, keys: str, code: int) -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TERM": "xterm",
        "IMAGECLI_STATE_DIR": str(tmp_path / "s"),
    }
    child = pexpect.spawn(
        sys.executable, ["-m", "imagecli", "generate", *SMALL], env=environ, encoding="utf-8", timeout=30
    )
    child.expect_exact(QUESTION)
    child.send(keys)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == code
    assert child.before is not None and "Traceback" not in child.before
    assert (folder / "a-cat.png").exists() is (code == 0)
    if code:
        # The error begins on a line of its own.
        assert "\nimagecli: error: " in child.before.replace("\r", "")


# --- in an editor ----------------------------------------------------------------------------------------------------


def writing(tmp_path: Path, program: str) -> str:
    """The command of an editor that runs *program* on the text `text` of the file at `path`."""
    script = tmp_path / "editor.py"
    script.write_text(
        f"import os, sys, pathlib\npath = pathlib.Path(sys.argv[-1])\ntext = path.read_text()\n{program}\n"
        "path.write_text(text)\nprint('drawn by the editor')\n"
    )
    return f"{sys.executable} {script}"


def test_the_text_of_the_editor_is_sent_as_written(
    imagecli: Run, tmp_path: Path, folder: Path, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/v1/images/generations").respond_with_json({"error": {"message": "no"}}, status=400)
    record = tmp_path / "record"
    prompt = "# A heading\n\n  a cat, in #ff0000\nand a dog"
    program = (
        f"open({str(record)!r}, 'w').write(f'{{path}} {{path.stat().st_mode & 0o777:o}}\\n{{text}}')\n"
        f"text = {prompt!r} + text"
    )
    environ = {"EDITOR": writing(tmp_path, program)}
    result = imagecli("generate", "--editor", "--base-url", httpserver.url_for("/v1"), env=environ)
    assert result.exit_code == 4
    assert "drawn" not in result.stdout
    ((request, _),) = httpserver.log
    assert request.get_json()["prompt"] == prompt
    first, _, explanation = record.read_text().partition("\n")
    path, mode = first.split()
    assert mode == "600"
    assert not Path(path).exists()
    assert "Leave it empty to cancel." in explanation
    assert all(line == "" or line.startswith("# ") for line in explanation.splitlines())


@pytest.mark.parametrize(
    "program", ["", "text = ''", "text = '\\n \\n' + text", "path.unlink()\nsys.exit(0)", "sys.exit(1)"]
)
def test_nothing_is_sent_without_a_prompt(imagecli: Run, tmp_path: Path, folder: Path, program: str) -> None:
    environ = {"EDITOR": writing(tmp_path, program), "TMPDIR": str(tmp_path)}
    result = imagecli("generate", "--editor", *SMALL, env=environ)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "imagecli: error: " in result.stderr and "Traceback" not in result.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("command", [("edit", "photo.jpg"), ("vary", "photo.jpg")])
def test_edit_and_vary_have_an_editor_too(
    imagecli: Run, tmp_path: Path, folder: Path, command: tuple[str, ...]
) -> None:
    photo(folder / "photo.jpg")
    environ = {"EDITOR": writing(tmp_path, "text = 'a red cat\\n' + text")}
    result = imagecli(*command, "--editor", "--provider", "sandbox", "--dry-run", "--json", env=environ)
    assert result.exit_code == 0, result.stderr
    assert "a-red-cat" in result.stdout
