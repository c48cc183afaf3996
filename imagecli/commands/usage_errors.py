"""Usage errors: Typer's messages in imagecli's style, similar names, and replacements for options of other tools."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from imagecli.suggestions import suggest_all

_FOREIGN: Final = {
    "use --background transparent": "--no-background --transparent --transparent-background",
    "use --base-url URL": "--api-base --api-url --endpoint --host --url",
    "use -f/--prompt-file FILE for a prompt, or imagecli edit FILE for an image": "--file",
    "use --if-exists overwrite": "--force --overwrite",
    "use --if-exists skip": "--no-clobber --skip-existing",
    'imagecli edit photo.jpg "…"': "--edit",
    'imagecli edit photo.jpg "…" --mask mask.png': "--mask --mask-image",
    'imagecli edit photo.jpg "…" --input-fidelity high': "--input-fidelity",
    'imagecli edit photo.jpg "…" --markup arrows.png': "--markup",
    "imagecli vary photo.jpg": "--variation",
    "imagecli vary photo.jpg -n COUNT": "--variations",
    "use --json": "--json-output",
    "every process can read a key on the command line; run imagecli login": "--api-key --key --token -k",
    "use -m/--model NAME": "--engine --model-name",
    "use --max-retries COUNT": "--retries",
    "use --max-wait SECONDS": "--wait",
    "use -n COUNT": "--amount --batch-size --count --n --num --num-images --number --samples -c",
    "use -n COUNT for several images, or --image FILE for further inputs of an edit": "--images",
    "use -o -": "--stdout",
    "use -o FOLDER/": "--dir --directory --folder --out-dir --outdir --output-dir --output-folder",
    "use -o/--output PATH": "--dest --filename --name --out --outfile --output-file --save",
    "use --output-compression PERCENT": "--compression",
    "use --output-format FORMAT, or -o NAME.FORMAT": "--ext --format --type",
    "images are always decoded and saved; --json lists the files": "--b64 --b64-json",
    "use --quality high (dall-e-3: --quality hd)": "--hd",
    "use --quiet": "--silent",
    "imagecli --version": "-V --version",
    "use -s/--size WxH, or --fit WxH for an exact size": "--dimensions --height --image-size --resolution --width -w",
    "use -s/--size 16:9": "--ar --aspect --aspect-ratio --ratio -a",
    "use --fit WxH": "--resize --scale",
    "use --max-cost USD": "--budget --cost-limit --max-spend",
    "use --dry-run": "--cost --estimate --plan --price --simulate",
    "use --partial-images COUNT": "--partials",
    'name the image after edit: imagecli edit photo.jpg "…"; add further inputs with --image FILE': (
        "--image --image-file --init-image --input --input-image --reference -i"
    ),
    "give the prompt as an argument, or use --prompt TEXT": "--description --prompt-text --text",
    'give the prompt as an argument: imagecli generate "a cat"; or use --prompt TEXT': "-p",
    "describe it in the prompt, or if the server accepts it, --param negative_prompt=…": "--negative --negative-prompt",
    "if the server accepts it, use --param cfg_scale=7": "--cfg-scale",
    "if the server accepts it, use --param guidance=7": "--guidance --guidance-scale",
    "if the server accepts it, use --param steps=30": "--steps",
}
"""Hint with imagecli's own option → the options of other tools."""

REPLACEMENTS: Final = {option: hint for hint, options in _FOREIGN.items() for option in options.split()}
"""Option of another tool → the hint."""


_MIN_SIMILARITY = 0.65
"""Of the names without their dashes."""


def replacement_for(option: str) -> str | None:
    """The hint for an option of another tool, also if it is written with `_`; None if it is not one."""
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
    """Typer's *message* in imagecli's style."""
    for theirs, ours in _REWRITES:
        message = re.sub(theirs, ours, message, flags=re.DOTALL)
    return message.rstrip(".")


_REWRITES: Final = (
    (r"^Got unexpected extra argument\(s\) \((.*)\)", r"unexpected argument \1"),
    (r"^No such option: ", "unknown option "),
    (r"^Missing (argument|option) '(.+)'", r"missing \1 \2"),
    (r"^Option '(.+)' requires an argument", r"\1 requires a value"),
    (r"^Option '(.+)' does not take a value", r"\1 does not accept a value"),
    (r"^Invalid value for '(.+?)':", r"invalid value for \1:"),
    (r": (.+) is not a valid int(?:eger| range)?\.?$", r": expected a whole number, found \1"),
    (r": (.+) is not a valid float(?: range)?\.?$", r": expected a number, found \1"),
    (r": (\S+) is not in the range (\S+?)<=x<=(\S+?)\.?$", r": expected \2 to \3, found \1"),
    (r": (\S+) is not in the range x>=(\S+?)\.?$", r": expected \2 or more, found \1"),
)
"""Pattern in Typer's messages → replacement."""
