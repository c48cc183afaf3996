"""Usage errors: Typer's messages in imagecli's style, similar names, and replacements for options of other tools."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

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
