"""Usage errors: Typer's messages in imagecli's style, similar names, and replacements for options of other tools."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from imagecli.formats import looks_like_image_name
from imagecli.quoting import shell_quote
from imagecli.suggestions import suggest_all

_FOREIGN: Final = {
    "--background transparent": "--no-background --transparent --transparent-background",
    "--base-url URL": "--api-base --api-url --endpoint --host --url",
    "-f/--prompt-file FILE for a prompt; a picture is edit's argument": "--file",
    "--if-exists overwrite": "--force --overwrite",
    "--if-exists skip": "--no-clobber --skip-existing",
    'imagecli edit photo.jpg "…"': "--edit",
    'imagecli edit photo.jpg "…" --mask mask.png': "--mask --mask-image",
    'imagecli edit photo.jpg "…" --input-fidelity high': "--input-fidelity",
    'imagecli edit photo.jpg "…" --markup arrows.png': "--markup",
    "imagecli vary photo.jpg": "--variation",
    "imagecli vary photo.jpg -n COUNT": "--variations",
    "--json": "--json-output",
    "keys are not given in argv, where every process can read them: imagecli login": ("--api-key --key --token -k"),
    "-m/--model NAME": "--engine --model-name",
    "--max-retries COUNT": "--retries",
    "--max-wait SECONDS": "--wait",
    "-n COUNT": "--amount --batch-size --count --n --num --num-images --number --samples -c",
    "-n COUNT; a further picture to draw on: --image FILE": "--images",
    "-o -": "--stdout",
    "-o FOLDER/": "--dir --directory --folder --out-dir --outdir --output-dir --output-folder",
    "-o/--output PATH": "--dest --filename --name --out --outfile --output-file --save",
    "--output-compression PERCENT": "--compression",
    "--output-format FORMAT, or -o NAME.FORMAT": "--ext --format --type",
    "pictures are always decoded and saved; --json tells of them": "--b64 --b64-json",
    "--quality high (dall-e-3: --quality hd)": "--hd",
    "--quiet": "--silent",
    "imagecli --version": "-V --version",
    "-s/--size WxH, or --fit WxH for exactly that": "--dimensions --height --image-size --resolution --width -w",
    "-s/--size 16:9": "--ar --aspect --aspect-ratio --ratio -a",
    "--fit WxH": "--resize --scale",
    "--max-cost USD": "--budget --cost-limit --max-spend",
    "--dry-run": "--cost --estimate --plan --price --simulate",
    "--partial-images COUNT": "--partials",
    'the picture is edit\'s argument: imagecli edit photo.jpg "…"; more by --image': (
        "--image --image-file --init-image --input --input-image --reference -i"
    ),
    "the prompt is an argument, or --prompt TEXT": "--description --prompt-text --text",
    'the prompt is an argument: imagecli generate "a cat"; or --prompt TEXT': "-p",
    "this API has none: say it in the prompt, or send it with --param negative_prompt=…": (
        "--negative --negative-prompt"
    ),
    "where a server has it: --param cfg_scale=7": "--cfg-scale",
    "where a server has it: --param guidance=7": "--guidance --guidance-scale",
    "where a server has it: --param steps=30": "--steps",
}
"""What to type here → the options of other tools."""

REPLACEMENTS: Final = {option: here for here, options in _FOREIGN.items() for option in options.split()}
"""Option of another tool → what to type here."""


_FOREIGN_COMMANDS: Final = {
    "auth login": "login",
    "auth logout": "logout",
    "auth status": "doctor",
    "auth": "login",
    "signin": "login",
    "signout": "logout",
    "create": 'generate "a white siamese cat"',
    "make": 'generate "a white siamese cat"',
    "image": 'generate "a white siamese cat"',
    "images": 'generate "a white siamese cat"',
    "variations": "vary photo.jpg",
    "settings": "config list",
    "version": "--version",
}
"""A command of other tools, with or without its subcommand → what to type here."""


def replacement_for_command(words: Sequence[str]) -> str | None:
    """A hint with the command that does what other tools call by the first of *words*."""
    here = _FOREIGN_COMMANDS.get(" ".join(words[:2])) or _FOREIGN_COMMANDS.get(words[0])
    return f"imagecli {here}" if here else None


def extra_words_hint(command: str, arguments: Mapping[str, Any], message: str) -> str:
    """A hint for generate, edit or vary with more words than their *arguments*: several images, or an unquoted prompt.

    Typer's *message* has the extra words.
    """
    extras = message.partition("(s) (")[2].rpartition(")")[0].split()
    words = [word for word in (arguments.get("prompt"), *extras) if word]
    names = [word for word in (arguments.get("image"), *filter(looks_like_image_name, words)) if word]
    text = " ".join(word for word in words if not looks_like_image_name(word))
    prompt = shell_quote(text or "what to change")
    images = [shell_quote(name) for name in names]
    if not images:
        return f"put the prompt in quotes: imagecli generate {prompt}"
    single = f"imagecli {'vary' if command == 'vary' else 'edit'} {images[0]}"
    if text or command != "vary":
        single += f" {prompt}"
    if len(images) == 1:
        return f"put the prompt in quotes: {single}"
    hint = f"run one command for each image: {single}"
    if command == "vary":
        return hint
    further = "".join(f" --image {image}" for image in images[1:])
    return f"{hint}; or use the others as further inputs: {single}{further}"


_MIN_SIMILARITY = 0.65
"""Of the names without their dashes."""


def replacement_for(option: str) -> str | None:
    """The replacement for an option of another tool, also if it is written with `_`."""
    return REPLACEMENTS.get(option) or REPLACEMENTS.get(option.replace("_", "-"))


def suggest_options(option: str, possible: Collection[str]) -> list[str]:
    """The *possible* options that are similar to *option*, the most similar first."""
    word = option.strip("-").replace("_", "-")
    names = {name.strip("-"): name for name in possible}
    return [names[name] for name in suggest_all(word, names, cutoff=_MIN_SIMILARITY)]


def suggest_command(word: str, names: Collection[str]) -> str | None:
    """The command that *word* is the beginning or a misspelling of."""
    completions = [name for name in names if len(word) > 1 and name.startswith(word)]
    return next(iter([*completions, *suggest_all(word, names)]), None)


def rewrite_typer_message(message: str) -> str:
    """Typer's *message* with plain names of types."""
    for theirs, ours in _TYPES.items():
        message = message.replace(f"is not a valid {theirs}", ours)
    return message.rstrip(".")


_TYPES = {
    "int range": "is no whole number",
    "int": "is no whole number",
    "integer": "is no whole number",
    "float range": "is no number",
    "float": "is no number",
}
