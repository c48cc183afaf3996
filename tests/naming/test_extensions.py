"""A typed extension is kept, refused or extended, and never silently replaced."""

from __future__ import annotations

import pytest

from imagecli.errors import OutputError
from imagecli.formats import OTHER_ENDINGS
from imagecli.naming import OutputPattern, added_ending_note, check_output_ending, folder_note, parse_output


def output(text: str) -> OutputPattern:
    return parse_output(text, look=lambda path: "folder" if str(path) in (".", "there.tiff") else "missing")


@pytest.mark.parametrize("ending", sorted(OTHER_ENDINGS))
def test_an_image_that_can_not_be_saved_is_refused(ending: str) -> None:
    with pytest.raises(OutputError, match=f"can't save as {ending}"):
        check_output_ending(output(f"cat.{ending}"), svg=True)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("cat.tiff", "-o cat.png"),
        ("x/my cat.TIF", '-o "x/my cat.png"'),
        ("cat.jfif", "-o cat.jpg"),
        ("{slug}.heic", '-o "{slug}.png"'),
        ("v1.2.svg", "-o v1.2.png"),
    ],
)
def test_the_refusal_names_what_can_be_written(text: str, hint: str) -> None:
    with pytest.raises(OutputError, match="expected png, jpg, webp, gif") as caught:
        check_output_ending(output(text), svg=False)
    assert caught.value.hint == f"use {hint}"


def test_the_refusal_of_an_svg_names_a_model_that_creates_it() -> None:
    with pytest.raises(OutputError) as caught:
        check_output_ending(output("cat.svg"), svg=False, maker="pen-1")
    assert caught.value.hint == "use -m pen-1 for svg, or -o cat.png"
    with pytest.raises(OutputError) as caught:
        check_output_ending(output("cat.tiff"), svg=False, maker="pen-1")
    assert caught.value.hint == "use -o cat.png"


@pytest.mark.parametrize(
    "text",
    [
        "cat.png",
        "cat.JPEG",
        "cat.gif",
        "cat.svg",
        "cat",
        "v1.2",
        "cat.xyz",
        "x.tiff/",
        "there.tiff",
        ".tiff",
        "{slug}.{ext}",
        "-",
    ],
)
def test_any_other_extension_may_be_typed(text: str) -> None:
    check_output_ending(output(text), svg=True)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("cat.xyz", "unknown extension .xyz"),
        ("x/cat.final", "unknown extension .final"),
        ("{slug}.txt", "unknown extension .txt"),
        ("cat", None),
        ("v1.2", None),
        ("Mr. Fox", None),
        ("x.y/cat", None),
        ("cat.png", None),
        ("cat.WEBP", None),
        (".cat", None),
        ("x.y/", None),
        ("{slug}.{ext}", None),
        ("{slug:.20}", None),
        ("-", None),
    ],
)
def test_an_unknown_extension_is_extended_with_a_note(text: str, word: str | None) -> None:
    note = added_ending_note(output(text))
    assert (note is None) == (word is None)
    assert (word or "") in (note or "")


@pytest.mark.parametrize(
    ("text", "noted"),
    [
        ("photos", True),
        ("out/photos", True),
        ("my photos", True),
        ("photos/", False),
        ("photos.png", False),
        ("v1.2", False),
        ("{slug}", False),
        ("-", False),
        ("..", False),
    ],
)
def test_a_name_without_an_extension_that_is_not_a_folder_is_noted(text: str, noted: bool) -> None:
    note = folder_note(output(text))
    assert (note is not None) == noted
    assert not noted or f"-o {text} is not a folder" in (note or "")
