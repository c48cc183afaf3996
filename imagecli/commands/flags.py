"""The flags that commands share, each declared once, in the groups that help shows them in.

A command declares a group as one parameter and receives it as one value: see `with_flag_groups`.
"""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple, get_type_hints

import typer
from typer.models import ArgumentInfo

from imagecli.choices import MAX_SEED, Crop, IfExists, Preview
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
    editor: Annotated[bool, typer.Option("--editor", help="write the prompt in $VISUAL or $EDITOR")] = False
    var: Annotated[
        list[str] | None,
        typer.Option(
            "--var",
            metavar="NAME=VALUE",
            help="value of {NAME} in the prompt and in -o; repeatable",
        ),
    ] = None
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            metavar="NAME",
            help="prompt and image options from [presets.NAME] of the settings",
            autocompletion=completers.complete_presets,
        ),
    ] = None
    name_after: Annotated[
        str | None,
        # `history rerun` has it, as the prompt of an image need not be the text that its file is named after.
        typer.Option("--name-after", metavar="TEXT", help="name files after TEXT, not the prompt", hidden=True),
    ] = None


class ImageFlags(NamedTuple):
    """What the image should be. None: not given, so that nothing is sent unless a setting has a value."""

    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            help="model to use  [default: gpt-image-2]",
            autocompletion=completers.complete_models,
        ),
    ] = None
    n: Annotated[int, typer.Option("-n", min=1, metavar="COUNT", help="number of images")] = 1
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            "-s",
            metavar="SIZE",
            help="WxH in pixels, auto, square, landscape, portrait or a ratio (16:9)",
            autocompletion=completers.complete_sizes,
        ),
    ] = None
    quality: Annotated[
        str | None,
        typer.Option(
            metavar="WORD",
            help="image quality (values depend on the model)",
            autocompletion=completers.word_completer("quality"),
        ),
    ] = None
    background: Annotated[
        str | None,
        typer.Option(
            metavar="WORD",
            help="background: transparent, opaque or auto",
            autocompletion=completers.word_completer("background"),
        ),
    ] = None
    output_format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="file format: png, jpeg, webp, gif or svg",
            autocompletion=completers.word_completer("output_format"),
        ),
    ] = None
    output_compression: Annotated[
        int | None, typer.Option(min=0, max=100, metavar="PERCENT", help="compression level for jpeg and webp (0-100)")
    ] = None
    moderation: Annotated[
        str | None,
        typer.Option(
            metavar="WORD", help="moderation level: low or auto", autocompletion=completers.word_completer("moderation")
        ),
    ] = None
    complexity: Annotated[
        str | None,
        typer.Option(
            metavar="WORD",
            help="effort spent on planning: low, medium or high",
            autocompletion=completers.word_completer("complexity"),
        ),
    ] = None
    safety_identifier: Annotated[str | None, typer.Option(metavar="TEXT", help="hashed ID of your end user")] = None
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="set an extra request field (JSON or string)"),
    ] = None
    frame_count: Annotated[int | None, typer.Option(metavar="COUNT", help="number of frames of a gif (2-16)")] = None
    frame_duration_ms: Annotated[
        int | None, typer.Option(metavar="MS", help="milliseconds per frame of a gif, at least 20")
    ] = None
    svg_model: Annotated[str | None, typer.Option(metavar="NAME", help="model that writes an svg")] = None
    svg_reasoning_effort: Annotated[
        str | None,
        typer.Option(
            metavar="WORD",
            help="reasoning effort for an svg (none to max)",
            autocompletion=completers.word_completer("svg"),
        ),
    ] = None
    style: Annotated[
        str | None,
        typer.Option(
            metavar="WORD",
            help="image style: vivid or natural (dall-e-3)",
            autocompletion=completers.word_completer("style"),
        ),
    ] = None
    response_format: Annotated[
        str | None,
        typer.Option(
            metavar="WORD",
            help="url or b64_json (classic models; either is saved)",
            autocompletion=completers.word_completer("response_format"),
        ),
    ] = None
    user: Annotated[str | None, typer.Option(metavar="TEXT", help="ID of your end user, for older servers")] = None
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, max=MAX_SEED, metavar="NUMBER", help="seed for repeatable images, if the provider accepts one"
        ),
    ] = None


class InputFlags(NamedTuple):
    """How an input image may be changed to fit its endpoint."""

    crop: Annotated[
        Crop,
        typer.Option(metavar="EDGE", help="crop to a square: center, top, bottom, left, right or none"),
    ] = "center"
    pad: Annotated[bool, typer.Option("--pad", help="pad to a square instead of cropping")] = False
    input_size: Annotated[str | None, typer.Option(metavar="WxH", help="shrink the input to fit within WxH")] = None
    keep_metadata: Annotated[
        bool, typer.Option("--keep-metadata", help="keep location and camera data in the uploaded file")
    ] = False


class StreamFlags(NamedTuple):
    """Streaming, and the partial images of a stream."""

    stream: Annotated[bool, typer.Option("--stream", help="stream progress events")] = False
    partial_images: Annotated[
        int | None, typer.Option(metavar="COUNT", help="partial images to receive (0-3); implies --stream")
    ] = None
    keep_partials: Annotated[
        bool, typer.Option("--keep-partials", help="save partial images; implies --partial-images 3")
    ] = False


class OutputFlags(NamedTuple):
    """Where images are saved, and at which size."""

    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="file, folder, template ({slug}-{n:02}) or -  [default: current folder]",
        ),
    ] = None
    if_exists: Annotated[
        IfExists | None,
        typer.Option(
            metavar="ACTION",
            help="existing file: number, skip, overwrite or fail  [default: number; fail for a typed name]",
        ),
    ] = None
    fit: Annotated[
        str | None,
        typer.Option(metavar="WxH", help="crop and resize the result to exactly WxH"),
    ] = None
    sidecar: Annotated[
        bool | None, typer.Option("--sidecar", help="write prompt, options and cost to NAME.png.json")
    ] = None


class ProviderFlags(NamedTuple):
    """The provider, its server, and how long to wait."""

    provider: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="provider, or sandbox (free, offline)  [default: openai]",
            autocompletion=completers.complete_providers,
        ),
    ] = None
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="base URL of a compatible server")] = None
    insecure_http: Annotated[
        bool | None, typer.Option("--insecure-http", help="send the API key to a public host over plain http://")
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="request timeout  [default: 1800; 300 without data]"),
    ] = None
    max_retries: Annotated[
        int | None,
        typer.Option(min=0, metavar="COUNT", help="maximum retries of a refused request  [default: 2]"),
    ] = None
    max_wait: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="longest wait for a rate limit  [default: 120]")
    ] = None


class CostFlags(NamedTuple):
    """The cost limit, and whether only the plan is printed."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="print requests, file names and price; send nothing")] = (
        False
    )
    max_cost: Annotated[
        float | None, typer.Option(metavar="USD", help="abort if the cost could exceed USD  [default: 5]")
    ] = None


class DisplayFlags(NamedTuple):
    """What is printed, and how."""

    json: Annotated[bool, typer.Option("--json", help="print JSON instead of paths")] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="print errors only")] = False
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="log each request")] = False
    debug: Annotated[bool, typer.Option("--debug", help="debug output, with tracebacks")] = False
    color: Annotated[
        Literal["auto", "always", "never"], typer.Option(metavar="WHEN", help="use colors: auto, always or never")
    ] = "auto"


class PreviewFlags(NamedTuple):
    """Whether the result is shown."""

    preview: Annotated[
        Preview | None,
        typer.Option(
            metavar="PROTOCOL",
            help="show images: auto, kitty, iterm, sixel, blocks or none  [default: auto]",
        ),
    ] = None
    open_images: Annotated[bool, typer.Option("--open", help="open saved images in the desktop's viewer")] = False


class CommonFlags(NamedTuple):
    """The groups of every command that creates images, except for those of its prompt and its inputs."""

    image: ImageFlags
    stream: StreamFlags
    output: OutputFlags
    provider: ProviderFlags
    cost: CostFlags
    preview: PreviewFlags
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


def build_display_options(
    flags: DisplayFlags, env: Env, secrets: "tuple[Secret, ...]" = (), preview: Preview = "none"
) -> DisplayOptions:
    """How a command with these flags prints; *secrets* are removed from all output."""
    return DisplayOptions.build(
        env=env,
        json=flags.json,
        quiet=flags.quiet,
        verbose=flags.verbose,
        debug=flags.debug,
        color=flags.color,
        preview=preview,
        secrets=secrets,
    )


PANELS: Final[Mapping[type, str]] = {
    PromptFlags: "Prompt",
    InputFlags: "Inputs",
    ImageFlags: "Image",
    StreamFlags: "Streaming",
    OutputFlags: "Output",
    ProviderFlags: "Provider",
    CostFlags: "Cost",
    PreviewFlags: "Display",
    DisplayFlags: "Display",
}
"""The groups, each with its panel in help."""


def with_flag_groups(command: Callable[..., Any]) -> Callable[..., Any]:
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

    def run(**values: Any) -> Any:
        for name, kind in groups.items():
            values[name] = _fill_group(kind, values)
        try:
            return command(**values)
        except (KeyboardInterrupt, Terminated) as signal:
            # Here, because Typer would turn it into a bare exit code.
            raise InterruptedCommand(signal) from signal

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _is_option(parameter: inspect.Parameter) -> bool:
    return not any(isinstance(info, ArgumentInfo) for info in getattr(parameter.annotation, "__metadata__", ()))


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
    """*hint*, the annotation of a flag that only the group of that *panel* has."""
    hint.__metadata__[0].rich_help_panel = panel
    return hint
