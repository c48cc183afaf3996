"""Options that other tools have, and what says the same here."""

from __future__ import annotations

from typing import Final

REPLACEMENTS: Final = {
    "--api-key": "keys are not given in argv, where every process can read them: export OPENAI_API_KEY=…",
    "--aspect": "-s/--size WxH, for example --size 1536x1024",
    "--aspect-ratio": "-s/--size WxH, for example --size 1536x1024",
    "--b64": "pictures are always decoded and saved; --json tells of them",
    "--compression": "--output-compression PERCENT",
    "--count": "-n COUNT",
    "--dir": "-o FOLDER/",
    "--file": "-f/--prompt-file FILE for a prompt; a picture is edit's argument",
    "--force": "--if-exists overwrite",
    "--format": "--output-format FORMAT, or -o NAME.FORMAT",
    "--height": "-s/--size WxH",
    "--input": 'the picture is edit\'s argument: imagecli edit photo.jpg "…"; more by --image',
    "--negative-prompt": "this API has none: say it in the prompt, or send it with --param negative_prompt=…",
    "--num": "-n COUNT",
    "--out": "-o/--output PATH",
    "--out-dir": "-o FOLDER/",
    "--output-dir": "-o FOLDER/",
    "--overwrite": "--if-exists overwrite",
    "--resolution": "-s/--size WxH",
    "--seed": "this API has none; where a server does: --param seed=7",
    "--steps": "where a server has it: --param steps=30",
    "--transparent": "--background transparent",
    "--url": "--base-url URL",
    "--width": "-s/--size WxH",
    "-a": "-s/--size WxH",
    "-c": "-n COUNT",
    "-i": 'the picture is edit\'s argument: imagecli edit photo.jpg "…"; more by --image',
    "-p": 'the prompt is an argument: imagecli generate "a cat"; or --prompt TEXT',
    "-q": "--quality WORD, or --quiet",
}
