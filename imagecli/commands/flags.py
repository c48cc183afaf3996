"""The flags that commands share, each declared once, in the groups that help shows them in.

A command declares a group as one parameter and receives it as one value: see `with_flag_groups`.
"""

import inspect
from collections.abc import Callable, Mapping
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple, get_args, get_type_hints

import typer

from imagecli.choices import MAX_SEED, Crop, IfExists
from imagecli.commands import completers
from imagecli.env import Env
from imagecli.errors import InterruptedCommand, Terminated
from imagecli.output.terminal import DisplayOptions

if TYPE_CHECKING:
    from imagecli.config.sources import SettingFlags
    from imagecli.domain import Secret


class PromptFlags(NamedTuple):
    """The prompt, and the values of its variables."""

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


class ImageFlags(NamedTuple):
    """What the image shall be. None: not typed, so that nothing is sent unless a setting has a value."""

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
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=MAX_SEED, metavar="NUMBER", help="repeatable images, if the provider accepts a seed"),
    ] = None


class InputFlags(NamedTuple):
    """How an input image may be changed to fit its endpoint."""

    crop: Annotated[Crop, typer.Option(help="which part stays where a square is wanted")] = "center"
    pad: Annotated[bool, typer.Option("--pad", help="fill up to the square instead of cropping")] = False
    input_size: Annotated[str | None, typer.Option(metavar="WxH", help="shrink to fit inside, before sending")] = None
    keep_metadata: Annotated[bool, typer.Option("--keep-metadata", help="send location and camera data too")] = False


class StreamFlags(NamedTuple):
    """Streaming, and the partial images of a stream."""

    stream: Annotated[bool, typer.Option("--stream", help="hear of the picture while it is made")] = False
    partial_images: Annotated[
        int | None, typer.Option(metavar="COUNT", help="earlier states of it, 0 to 3; means --stream")
    ] = None
    keep_partials: Annotated[
        bool, typer.Option("--keep-partials", help="save them too, as NAME.partial-0.png; means --partial-images 3")
    ] = False


class OutputFlags(NamedTuple):
    """Where images are saved, and at which size."""

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


class ProviderFlags(NamedTuple):
    """The provider, its server, and how long to wait."""

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


class CostFlags(NamedTuple):
    """The price: what it may be, or that only the plan is shown."""

    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="show requests, files and price, and send nothing; needs no key")
    ] = False
    max_cost: Annotated[
        float | None, typer.Option(metavar="USD", help="refuse when it can cost more  [default: 5]")
    ] = None


class DisplayFlags(NamedTuple):
    """What is printed, and how."""

    json: Annotated[bool, typer.Option("--json", help="JSON on stdout instead of paths")] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="print only errors on stderr")] = False
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="tell of every request")] = False
    debug: Annotated[bool, typer.Option("--debug", help="tell everything; with a traceback for a bug")] = False
    color: Annotated[Literal["auto", "always", "never"], typer.Option(help="colours of the progress line")] = "auto"


class CommonFlags(NamedTuple):
    """The groups of every command that creates images, except for those of its prompt and its inputs."""

    image: ImageFlags
    stream: StreamFlags
    output: OutputFlags
    provider: ProviderFlags
    cost: CostFlags
    display: DisplayFlags


def setting_flags(provider: ProviderFlags, cost: CostFlags) -> "SettingFlags":
    """Those of the flags that are settings too."""
    from imagecli.config.sources import SettingFlags

    return SettingFlags(
        provider=provider.provider,
        base_url=provider.base_url,
        insecure_http=provider.insecure_http,
        timeout=provider.timeout,
        max_retries=provider.max_retries,
        max_wait=provider.max_wait,
        max_cost=cost.max_cost,
    )


def build_display_options(flags: DisplayFlags, env: Env, secrets: "tuple[Secret, ...]" = ()) -> DisplayOptions:
    """How a command with these flags prints; *secrets* are removed from all output."""
    return DisplayOptions.build(
        env=env,
        json=flags.json,
        quiet=flags.quiet,
        verbose=flags.verbose,
        debug=flags.debug,
        color=flags.color,
        secrets=secrets,
    )


PANELS: Final[Mapping[type, str]] = {
    PromptFlags: "Prompt",
    InputFlags: "Inputs",
    ImageFlags: "Picture",
    StreamFlags: "Live",
    OutputFlags: "Result",
    ProviderFlags: "Where",
    CostFlags: "Money",
    DisplayFlags: "Show",
}
"""The groups, each with its panel in help."""


def with_flag_groups(command: Callable[..., None]) -> Callable[..., None]:
    """*command* for Typer: a parameter annotated with a group, or with CommonFlags, is replaced by its flags."""
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, type] = {}
    for parameter in inspect.signature(command).parameters.values():
        kind = hints[parameter.name]
        if kind in (*PANELS, CommonFlags):
            groups[parameter.name] = kind
            parameters += _group_parameters(kind)
        else:
            parameters.append(parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY))

    # Help shows arguments before options.
    parameters.sort(key=_is_option)

    def run(**values: Any) -> None:
        for name, kind in groups.items():
            values[name] = _fill_group(kind, values)
        try:
            command(**values)
        except (KeyboardInterrupt, Terminated) as signal:
            # Here, because Typer would turn it into a bare exit code.
            raise InterruptedCommand(signal) from signal

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _is_option(parameter: inspect.Parameter) -> bool:
    return "Argument" not in repr(parameter.annotation)


def _fill_group(kind: Any, values: dict[str, Any]) -> Any:
    """Build a group from its flags, which are removed from *values*."""
    if kind is CommonFlags:
        return kind(**{name: _fill_group(group, values) for name, group in get_type_hints(kind).items()})
    return kind(**{name: values.pop(name) for name in kind._fields})


def _group_parameters(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    if group is CommonFlags:
        return [option for kind in hints.values() for option in _group_parameters(kind)]
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=_in_panel(hints[name], PANELS[group]),
        )
        for name, default in group._field_defaults.items()
    ]


def _in_panel(hint: Any, panel: str) -> Any:
    kind, info = get_args(hint)
    info = copy(info)
    info.rich_help_panel = panel
    return Annotated[kind, info]
