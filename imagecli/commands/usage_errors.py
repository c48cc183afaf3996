"""Usage errors: Typer's messages in imagecli's style, similar names, and replacements for options of other tools."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from imagecli.formats import looks_like_image_name
from imagecli.quoting import shell_quote
from imagecli.suggestions import suggest_all

_FOREIGN: Final = {
    "use --background transparent": "--no-background --transparent --transparent-background",
    "use --base-url URL": "--api-base --api-url --endpoint --host --url",
    "use -f/--prompt-file FILE for a prompt, or imagecli edit FILE for an image": "--file",
    "use --if-exists overwrite": "--force --overwrite",
    "use --if-exists skip": "--no-clobber --skip-existing",
    'imagecli edit photo.jpg "…"': "--edit",
    'imagecli edit photo.jpg "…" --mask mask.png': "--mask --mask-image",
    'imagecli edit photo.jpg "…" --mask-rect X,Y,WIDTH,HEIGHT': "--mask-rect --rect --region",
    'imagecli edit photo.jpg "…" --input-fidelity high': "--input-fidelity",
    'imagecli edit photo.jpg "…" --markup arrows.png': "--markup",
    "imagecli vary photo.jpg": "--variation",
    "imagecli vary photo.jpg -n COUNT": "--variations",
    "use --json": "--json-output",
    "every process can read a key on the command line; run imagecli login": "--api-key --key --token -k",
    "use -m/--model NAME": "--engine --model-name",
    "use --max-retries COUNT": "--retries",
    "use --max-wait SECONDS": "--wait",
    "use --limit COUNT": "--amount --count --n --num --number --top -c -n",
    "use -n COUNT": "--amount --batch-size --count --n --num --num-images --number --samples -c",
    "use -n COUNT for several images, or --image FILE for additional inputs of an edit": "--images",
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
    'name the image after edit: imagecli edit photo.jpg "…"; add other inputs with --image FILE': (
        "--image --image-file --init-image --input --input-image --reference -i"
    ),
    "give the prompt as an argument, or use --prompt TEXT": "--description --prompt-text --text",
    'give the prompt as an argument: imagecli generate "a cat"; or use --prompt TEXT': "-p",
    "describe it in the prompt; if the server accepts it, use --param negative_prompt=…": (
        "--negative --negative-prompt"
    ),
    "if the server accepts it, use --param cfg_scale=7": "--cfg-scale",
    "if the server accepts it, use --param guidance=7": "--guidance --guidance-scale",
    "if the server accepts it, use --param steps=30": "--steps",
}
"""Hint with imagecli's own option → the options of other tools."""

REPLACEMENTS: Final = {
    option: [hint for hint, options in _FOREIGN.items() if option in options.split()]
    for option in " ".join(_FOREIGN.values()).split()
}
"""Option of another tool → the hints; which one applies depends on the command."""


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
    "view": "show photo.jpg",
    "display": "show photo.jpg",
    "preview": "show photo.jpg",
    "open": "show photo.jpg --open",
    "settings": "config list",
    "key": "login",
    "init": "batch --init assets.toml",
    "run": "batch assets.toml",
    "prices": "models",
    "price": 'generate "a white siamese cat" --dry-run',
    "cost": 'generate "a white siamese cat" --dry-run',
    "estimate": 'generate "a white siamese cat" --dry-run',
    "version": "--version",
}
"""A command of other tools, with or without its subcommand → what to type here."""


def replacement_for_command(words: Sequence[str]) -> str | None:
    """A hint with the command that does what other tools call by the first of *words*."""
    command = _FOREIGN_COMMANDS.get(" ".join(words[:2])) or _FOREIGN_COMMANDS.get(words[0])
    return f"imagecli {command}" if command else None


_EXAMPLES: Final = {
    "edit": 'imagecli edit photo.jpg "make the sky pink"',
    "vary": "imagecli vary photo.jpg",
    "mask": "imagecli mask photo.jpg --rect 10%,50%,60%,40%",
    "show": "imagecli show photo.jpg",
    "batch": "imagecli batch assets.toml; imagecli batch --init assets.toml writes one to start with",
}
"""Command → an example for the hint about a missing argument."""


def example_for(command: str) -> str | None:
    """A hint with the command's argument filled in; None if its help has to do."""
    return _EXAMPLES.get(command)


def extra_words_hint(arguments: Mapping[str, Any], message: str) -> str:
    """A hint for a `generate` with more words than its *arguments*: an unquoted prompt, or images to edit.

    Typer's *message* has the extra words.
    """
    extras = message.partition("(s) (")[2].rpartition(")")[0].split()
    if arguments.get("quiet") and len(extras) == 1 and extras[0] in QUALITIES:
        return f"-q is --quiet; use --quality {extras[0]}"
    if options := [word for word in extras if word.startswith("-")]:
        return f"put {options[0]} before --, which ends the options"
    words = [word for word in (arguments.get("prompt"), *extras) if word]
    images = [shell_quote(word) for word in words if looks_like_image_name(word)]
    if " " in (arguments.get("prompt") or "") and not images:
        return f"{shell_quote(arguments['prompt'])} is the prompt; remove {' '.join(extras)}, or put it in the quotes"
    text = " ".join(word for word in words if not looks_like_image_name(word)).strip(CURLY_QUOTES)
    prompt = shell_quote(text or "what to change")
    command = " ".join(["edit", *images]) if images else "generate"
    return f"put the prompt in quotes: imagecli {command} {prompt}"


QUALITIES: Final = ("low", "medium", "high", "auto", "standard", "hd")
CURLY_QUOTES: Final = "“”„«»"
"""A word processor's quotes, which a shell doesn't know."""

_MIN_SIMILARITY = 0.65
"""Of the names without their dashes."""


def replacement_for(option: str, option_names: Collection[str]) -> str | None:
    """The hint for an option of another tool, also if it is written with `_`; None if it is not one.

    *option_names* are the options of the command: a hint to use one that it does not have does not apply.
    """
    hints = REPLACEMENTS.get(option) or REPLACEMENTS.get(option.replace("_", "-")) or []
    return next((hint for hint in hints if not _names_other_option(hint, option_names)), None)


def _names_other_option(hint: str, option_names: Collection[str]) -> bool:
    match = re.match(r"use (-[\w/-]+)", hint)
    return match is not None and not set(match[1].split("/")) & set(option_names)


def dashed_file(option: str, words: Sequence[str]) -> str | None:
    """The image of *words* that was read as the unknown *option*, because its name starts with a dash."""
    return next((word for word in words if word.startswith(option) and looks_like_image_name(word)), None)


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
    for pattern, replacement in _REWRITES:
        message = re.sub(pattern, replacement, message, flags=re.DOTALL)
    return message.rstrip(".")


_REWRITES: Final = (
    (r"^Got unexpected extra argument\(s\) \((\S+)\)", r"unexpected argument: \1"),
    (r"^Got unexpected extra argument\(s\) \((.+)\)", r"unexpected arguments: \1"),
    (r"^No such option: ", "unknown option "),
    (r"^Missing command", "missing command"),
    (r"^Missing (argument|option) '(.+)'", r"missing \1 \2"),
    (r"^Option '(.+)' requires an argument", r"\1 requires a value"),
    (r"^Option '(.+)' does not take a value", r"\1 does not accept a value"),
    (r"^Invalid value for '([^']+)'(?: / '[^']+')*:", r"invalid value for \1:"),
    (r": (.+) is not a valid int(?:eger| range)?\.?$", r": expected an integer, found \1"),
    (r": (.+) is not a valid float(?: range)?\.?$", r": expected a number, found \1"),
    (r": (\S+) is not in the range (\S+?)<=x<=(\S+?)\.?$", r": expected \2 to \3, found \1"),
    (r": (\S+) is not in the range x>=(\S+?)\.?$", r": expected \2 or more, found \1"),
)
"""Pattern in Typer's messages → replacement."""
