"""The options that commands share, each declared once, in the groups that help shows them in."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args, get_type_hints

import typer

from imagecli.choices import Crop, IfExists
from imagecli.errors import InterruptedCommand, Terminated


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptOptions:
    """Where the words come from."""

    panel: ClassVar[str] = "Prompt"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureOptions:
    """What is made. Only what is set is sent."""

    panel: ClassVar[str] = "Picture"
    model: Annotated[str | None, typer.Option("--model", "-m", metavar="NAME", help="[default: gpt-image-2]")] = None
    n: Annotated[int, typer.Option("-n", min=1, metavar="COUNT", help="how many pictures")] = 1
    size: Annotated[str | None, typer.Option("--size", "-s", metavar="WxH", help="in pixels, or auto")] = None
    quality: Annotated[
        str | None, typer.Option(metavar="WORD", help="low, medium, high or auto; the model's own words")
    ] = None
    background: Annotated[str | None, typer.Option(metavar="WORD", help="transparent, opaque or auto")] = None
    output_format: Annotated[str | None, typer.Option(metavar="FORMAT", help="png, jpeg or webp")] = None
    output_compression: Annotated[
        int | None, typer.Option(min=0, max=100, metavar="PERCENT", help="0 to 100, for jpeg and webp")
    ] = None
    moderation: Annotated[str | None, typer.Option(metavar="WORD", help="low or auto")] = None
    user: Annotated[str | None, typer.Option(metavar="TEXT", help="your end user, for the provider's abuse checks")] = (
        None
    )
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="send any further field; VALUE is JSON if it parses, else text"),
    ] = None
    style: Annotated[str | None, typer.Option(metavar="WORD", help="vivid or natural (dall-e-3)")] = None
    response_format: Annotated[
        str | None, typer.Option(metavar="WORD", help="url or b64_json (classic models; both are saved)")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOptions:
    """How an input picture may be changed to fit its endpoint; every change is said."""

    panel: ClassVar[str] = "Inputs"
    crop: Annotated[Crop, typer.Option(help="which part stays where a square is wanted")] = "center"
    pad: Annotated[bool, typer.Option("--pad", help="fill up to the square instead of cropping")] = False
    input_size: Annotated[str | None, typer.Option(metavar="WxH", help="shrink to fit inside, before sending")] = None
    keep_metadata: Annotated[bool, typer.Option("--keep-metadata", help="send location and camera data too")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultOptions:
    """Where pictures are saved."""

    panel: ClassVar[str] = "Result"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereOptions:
    """Who makes the pictures, and how long to wait."""

    panel: ClassVar[str] = "Where"
    provider: Annotated[
        str | None, typer.Option(metavar="NAME", help="openai, or sandbox: free, offline, no key  [default: openai]")
    ] = None
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="any server that speaks the Images API")] = None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOptions:
    """What is shown on the way and at the end."""

    panel: ClassVar[str] = "Show"
    json: Annotated[bool, typer.Option("--json", help="one JSON object on stdout instead of paths")] = False
    quiet: Annotated[bool, typer.Option("--quiet", help="nothing on stderr but errors")] = False
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="tell of every request")] = False
    debug: Annotated[bool, typer.Option("--debug", help="tell everything; with a traceback for a bug")] = False
    color: Annotated[Literal["auto", "always", "never"], typer.Option(help="colours of the progress line")] = "auto"


GROUPS = (PromptOptions, PictureOptions, InputOptions, ResultOptions, WhereOptions, ShowOptions)


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """*command* for Typer: a parameter annotated with one of GROUPS becomes its options, and arrives filled."""
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, type] = {}
    for parameter in inspect.signature(command).parameters.values():
        kind = hints[parameter.name]
        if kind in GROUPS:
            groups[parameter.name] = kind
            parameters += _options_of(kind)
        else:
            parameters.append(parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY))

    # Help shows them in this order.
    parameters.sort(key=lambda parameter: "Argument" not in repr(parameter.annotation))

    def run(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in dataclasses.fields(kind)})
        try:
            command(**given)
        except (KeyboardInterrupt, Terminated) as signal:
            # Here, because Typer would turn it into a bare exit code.
            raise InterruptedCommand(signal) from signal

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _options_of(group: type) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=_in_panel(hints[field.name], group.panel),  # type: ignore[attr-defined]
        )
        for field in dataclasses.fields(group)
    ]


def _in_panel(hint: Any, panel: str) -> Any:
    kind, info = get_args(hint)
    info = copy(info)
    info.rich_help_panel = panel
    return Annotated[kind, info]
