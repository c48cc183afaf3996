"""The options that commands share, each declared once, in the groups that help shows them in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

import typer

from imagecli.choices import Crop, IfExists
from imagecli.commands import completers


class PromptOptions(NamedTuple):
    """Where the words come from."""

    prompt_option: Annotated[
        str | None, typer.Option("--prompt", metavar="TEXT", help="the prompt, instead of PROMPT; - reads stdin")
    ] = None
    prompt_file: Annotated[
        Path | None, typer.Option("--prompt-file", "-f", metavar="FILE", help="read the prompt from a file")
    ] = None
    var: Annotated[
        list[str] | None,
        typer.Option(
            "--var",
            metavar="NAME=VALUE",
            help="fill {NAME} in the prompt and in -o; again for more values, each makes its own pictures",
        ),
    ] = None


class PictureOptions(NamedTuple):
    """What is made. Only what is set is sent."""

    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", metavar="NAME", help="[default: gpt-image-2]", autocompletion=completers.complete_models
        ),
    ] = None
    n: Annotated[int, typer.Option("-n", min=1, metavar="COUNT", help="how many pictures")] = 1
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            "-s",
            metavar="SIZE",
            help="WxH in pixels, square, landscape, portrait, 16:9, or auto",
            autocompletion=completers.complete_sizes,
        ),
    ] = None
    quality: Annotated[
        str | None,
        typer.Option(
            metavar="WORD",
            help="low, medium, high, xhigh, max or auto: the model's own words",
            autocompletion=completers.word_completer("quality"),
        ),
    ] = None
    background: Annotated[
        str | None,
        typer.Option(
            metavar="WORD", help="transparent, opaque or auto", autocompletion=completers.word_completer("background")
        ),
    ] = None
    output_format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="png, jpeg, webp, gif or svg",
            autocompletion=completers.word_completer("output_format"),
        ),
    ] = None
    output_compression: Annotated[
        int | None, typer.Option(min=0, max=100, metavar="PERCENT", help="0 to 100, for jpeg and webp")
    ] = None
    moderation: Annotated[
        str | None,
        typer.Option(metavar="WORD", help="low or auto", autocompletion=completers.word_completer("moderation")),
    ] = None
    complexity: Annotated[
        str | None,
        typer.Option(
            metavar="WORD",
            help="low, medium or high: how much is planned before it is drawn",
            autocompletion=completers.word_completer("complexity"),
        ),
    ] = None
    safety_identifier: Annotated[
        str | None, typer.Option(metavar="TEXT", help="your end user, hashed, for the provider's safety checks")
    ] = None
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="send any further field; VALUE is JSON if it parses, else text"),
    ] = None
    frame_count: Annotated[int | None, typer.Option(metavar="COUNT", help="frames of a gif, 2 to 16")] = None
    frame_duration_ms: Annotated[
        int | None, typer.Option(metavar="MS", help="how long each frame of a gif stays, from 20")
    ] = None
    svg_model: Annotated[str | None, typer.Option(metavar="NAME", help="the model that writes an svg")] = None
    svg_reasoning_effort: Annotated[
        str | None,
        typer.Option(
            metavar="WORD",
            help="none, minimal, low, medium, high, xhigh or max",
            autocompletion=completers.word_completer("svg"),
        ),
    ] = None
    style: Annotated[
        str | None,
        typer.Option(
            metavar="WORD", help="vivid or natural (dall-e-3)", autocompletion=completers.word_completer("style")
        ),
    ] = None
    response_format: Annotated[
        str | None,
        typer.Option(
            metavar="WORD",
            help="url or b64_json (classic models; both are saved)",
            autocompletion=completers.word_completer("response_format"),
        ),
    ] = None
    user: Annotated[
        str | None, typer.Option(metavar="TEXT", help="your end user, as older servers want it (--safety-identifier)")
    ] = None


class InputOptions(NamedTuple):
    """How an input picture may be changed to fit its endpoint; every change is said."""

    crop: Annotated[Crop, typer.Option(help="which part stays where a square is wanted")] = "center"
    pad: Annotated[bool, typer.Option("--pad", help="fill up to the square instead of cropping")] = False
    input_size: Annotated[str | None, typer.Option(metavar="WxH", help="shrink to fit inside, before sending")] = None
    keep_metadata: Annotated[bool, typer.Option("--keep-metadata", help="send location and camera data too")] = False


class LiveOptions(NamedTuple):
    """What is heard while it is made."""

    stream: Annotated[bool, typer.Option("--stream", help="hear of the picture while it is made")] = False
    partial_images: Annotated[
        int | None, typer.Option(metavar="COUNT", help="earlier states of it, 0 to 3; means --stream")
    ] = None
    keep_partials: Annotated[
        bool, typer.Option("--keep-partials", help="save them too, as NAME.partial-0.png; means --partial-images 3")
    ] = False


class ResultOptions(NamedTuple):
    """Where pictures are saved."""

    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="a file, a folder, a template such as {slug}-{n:02}, or - for stdout  [default: the current folder]",
        ),
    ] = None
    if_exists: Annotated[
        IfExists | None,
        typer.Option(help="when the name is taken  [default: number, but fail for a name you wrote out]"),
    ] = None
    fit: Annotated[
        str | None,
        typer.Option(metavar="WxH", help="exactly this size: made at a legal one, then cropped and resized here"),
    ] = None


class WhereOptions(NamedTuple):
    """Who makes the pictures, and how long to wait."""

    provider: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="openai, or sandbox: free, offline, no key; imagecli providers lists all  [default: openai]",
            autocompletion=completers.complete_providers,
        ),
    ] = None
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="any server that speaks the Images API")] = None
    insecure_http: Annotated[
        bool | None, typer.Option("--insecure-http", help="send the API key to a public host over plain http://")
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="the longest time to wait for an answer  [default: 1800, 300 in silence]"),
    ] = None
    max_retries: Annotated[
        int | None,
        typer.Option(min=0, metavar="COUNT", help="how often a refused request is sent again  [default: 2]"),
    ] = None
    max_wait: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="the longest wait for a rate limit  [default: 120]")
    ] = None


class MoneyOptions(NamedTuple):
    """What it may cost."""

    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="show requests, files and price, and send nothing; needs no key")
    ] = False
    max_cost: Annotated[
        float | None, typer.Option(metavar="USD", help="refuse when it can cost more  [default: 5]")
    ] = None


class ShowOptions(NamedTuple):
    """What is shown on the way and at the end."""

    json: Annotated[bool, typer.Option("--json", help="JSON on stdout instead of paths")] = False
    quiet: Annotated[bool, typer.Option("--quiet", help="nothing on stderr but errors")] = False
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="tell of every request")] = False
    debug: Annotated[bool, typer.Option("--debug", help="tell everything; with a traceback for a bug")] = False
    color: Annotated[Literal["auto", "always", "never"], typer.Option(help="colours of the progress line")] = "auto"


class CommonOptions(NamedTuple):
    """What every command that makes pictures has, besides its words and its inputs."""

    picture: PictureOptions
    live: LiveOptions
    result: ResultOptions
    where: WhereOptions
    money: MoneyOptions
    show: ShowOptions


PANELS: Final[Mapping[type, str]] = {
    PromptOptions: "Prompt",
    InputOptions: "Inputs",
    PictureOptions: "Picture",
    LiveOptions: "Live",
    ResultOptions: "Result",
    WhereOptions: "Where",
    MoneyOptions: "Money",
    ShowOptions: "Show",
}
"""The groups, each with its panel in help."""
