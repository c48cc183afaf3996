"""What generate, edit and vary know before they do anything: settings, model, options, output, display.

Imports nothing heavy: usage errors are shown without requests and Pillow.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imagecli.build_image_options import apply_format_of_name, build_svg_options, options_for_model, parse_param
from imagecli.catalog.catalog import Catalog
from imagecli.catalog.model import ModelRow
from imagecli.checks.check_request import COMMANDS, FormatSupport
from imagecli.commands.flags import (
    CommonFlags,
    DisplayFlags,
    ImageFlags,
    InputFlags,
    StreamFlags,
    build_display_options,
    setting_flags,
)
from imagecli.config.paths import current_folder
from imagecli.config.settings import ImageSettings, Settings, load_settings
from imagecli.config.sources import SettingFlags, flag_name, how_to_unset
from imagecli.config.user_catalog import load_user_catalog
from imagecli.domain import ImageOptions, InputFit, Size
from imagecli.env import Env
from imagecli.errors import UsageError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.naming import OutputPattern, check_output_inside, parse_output
from imagecli.output.progress import FOR_A_KEY, notice_when_slow
from imagecli.output.terminal import DisplayOptions
from imagecli.storage.preflight import stat_path

if TYPE_CHECKING:
    from imagecli.config.presets import Preset

MAX_PARTIAL_IMAGES = 3
"""For models without a row. OpenAI API reference, read 2026-11-22."""


class PaintedMask(NamedTuple):
    """A mask that was painted for this command, as PNG."""

    data: bytes
    name: str
    """Of the file that it is saved as."""
    stored_path: Path | None = None
    """Its copy in the state folder, until its edit has ended well or it is saved."""


class CommandContext(NamedTuple):
    """Everything that a command received, resolved. Data only."""

    env: Env
    command: str
    catalog: Catalog
    settings: Settings
    model: ModelRow
    options: ImageOptions
    output: OutputPattern
    display: DisplayOptions
    dry_run: bool
    """The plan and its price are shown, and nothing is sent."""
    output_root: Path | None = None
    """Images are saved below this folder, links resolved; None if the user chose the output."""
    open_images: bool = False
    """Saved images are opened in the desktop's viewer."""
    keep_partials: bool = False
    """Partial images of a stream are saved too."""
    notes: tuple[NoteEvent | WarningEvent, ...] = ()
    """Notes on the options, to be shown before anything is sent."""
    preset: "Preset | None" = None
    typed_prompt: str | None = None
    """Typed on the terminal or in an editor: repeated if the command fails."""
    painted_mask: PaintedMask | None = None
    """Saved as a file if the command fails."""


def open_command_context(
    env: Env, command: str, flags: CommonFlags, variables: Iterable[str], preset: "Preset | None" = None
) -> CommandContext:
    """Resolves the options of one command; *variables* are the names that -o may hold.

    Raises UsageError, SettingsError, AuthenticationError.
    """
    catalog = load_user_catalog(env)
    typed_output = flags.output.output
    output = parse_output(typed_output and env.expand_home(typed_output), look=stat_path)
    dry_run = flags.cost.dry_run
    with notice_when_slow(FOR_A_KEY, env, quiet=flags.display.quiet):
        settings = load_settings(
            _setting_flags(flags),
            env,
            catalog,
            current_folder(),
            with_key=not dry_run,
            expects_key=dry_run,
            preset=preset,
        )
    output_root = None
    if typed_output is None and settings.output:
        output = parse_output(env.expand_home(settings.output), look=stat_path)
        if settings.is_output_from_project:
            # A file from a cloned repository may not choose a place outside the current folder.
            check_output_inside(output)
            output_root = current_folder()
    if output.kind == "stdout":
        check_stdout(env, flags.display)
        if flags.output.sidecar:
            raise UsageError("--sidecar requires a file, but -o - writes to stdout", hint="use -o FILE with --sidecar")
    model = catalog.model_for_provider(settings.provider, settings.image.model)
    with name_option_origins(settings):
        options, notes = options_from_flags(flags.image, flags.stream, _image_settings(settings, flags), model)
    support = FormatSupport(
        row=model, provider=settings.provider, operation=COMMANDS[command], other_models=catalog.models.values()
    )
    is_format_typed = flags.image.output_format is not None
    options, conversion_warning = apply_format_of_name(options, output, support, is_format_typed, variables)
    if settings.provider.size_as == "aspect_ratio":
        notes = ()  # the ratio itself is sent, and the server chooses the pixels
    return CommandContext(
        env=env,
        command=command,
        catalog=catalog,
        settings=settings,
        model=model,
        options=options,
        output=output,
        display=build_display_options(flags.display, env, settings.secrets, settings.preview),
        dry_run=dry_run,
        output_root=output_root,
        open_images=flags.preview.open_images,
        keep_partials=flags.stream.keep_partials,
        notes=(*notes, conversion_warning) if conversion_warning else notes,
        preset=preset,
    )


def _setting_flags(flags: CommonFlags) -> SettingFlags:
    return setting_flags(flags.provider, flags.cost)._replace(
        model=flags.image.model,
        size=flags.image.size,
        quality=flags.image.quality,
        background=flags.image.background,
        output_format=flags.image.output_format,
        output_compression=flags.image.output_compression,
        fit=flags.output.fit,
        output=flags.output.output,
        if_exists=flags.output.if_exists,
        sidecar=flags.output.sidecar,
        preview=flags.preview.preview,
    )


def _image_settings(settings: Settings, flags: CommonFlags) -> ImageSettings:
    """The image settings; without the size of a setting if --fit was typed, which chooses the best one."""
    if flags.output.fit is not None and flags.image.size is None:
        return settings.image._replace(size=None)
    return settings.image


def options_from_flags(
    flags: ImageFlags, stream: StreamFlags, settings: ImageSettings, model: ModelRow
) -> tuple[ImageOptions, tuple[NoteEvent, ...]]:
    """The options that flags and settings ask for, and notes on them. The settings include those that were typed.

    Raises UsageError for an invalid --param, and for a ratio that the model does not create.
    """
    partial_images = _partial_image_count(stream, model)
    options = ImageOptions(
        model="",
        n=flags.n,
        fit=settings.fit,
        quality=settings.quality,
        background=settings.background,
        output_format=settings.output_format,
        output_compression=settings.output_compression,
        moderation=flags.moderation,
        complexity=flags.complexity,
        frame_count=flags.frame_count,
        frame_duration_ms=flags.frame_duration_ms,
        svg=build_svg_options(flags.svg_model, flags.svg_reasoning_effort),
        safety_identifier=flags.safety_identifier,
        stream=True if stream.stream or partial_images is not None else None,
        partial_images=partial_images,
        style=flags.style,
        response_format=flags.response_format,
        user=flags.user,
        seed=flags.seed,
        params=tuple(parse_param(pair) for pair in flags.param or []),
    )
    return options_for_model(options, settings.size, model)


def _partial_image_count(flags: StreamFlags, model: ModelRow) -> int | None:
    """How many partial images to request: the flag's number, or with --keep-partials as many as there can be.

    Raises UsageError for --keep-partials with --partial-images 0.
    """
    if flags.partial_images == 0 and flags.keep_partials:
        raise UsageError("--keep-partials can't be combined with --partial-images 0", hint="omit one of them")
    if flags.partial_images is None and flags.keep_partials:
        return model.ranges.get("partial_images", (0, MAX_PARTIAL_IMAGES))[1]
    return flags.partial_images


def build_input_fit(flags: InputFlags) -> InputFit:
    """How inputs may be changed. Raises UsageError for an invalid size."""
    return InputFit(
        crop=flags.crop,
        pad=flags.pad,
        input_size=Size.parse(flags.input_size, what="--input-size") if flags.input_size else None,
        keep_metadata=flags.keep_metadata,
    )


@contextmanager
def name_option_origins(settings: Settings) -> Iterator[None]:
    """Adds to an error about an option that was not typed where its value comes from, and how to unset it."""
    try:
        yield
    except UsageError as error:
        explained = _with_origins(error, settings)
        if explained is error:
            raise
        raise explained from error


def _with_origins(error: UsageError, settings: Settings) -> UsageError:
    """*error*, with where the provider and the option that it is about come from, if they were not typed."""
    explained = error
    origin = settings.origins.get("provider", flag_name("provider"))
    if f"provider {settings.provider.name} " in error.message and origin != flag_name("provider"):
        explained = explained.with_context(f"the provider comes from {origin}")
    for name, origin in settings.origins.items():
        if error.flag == flag_name(name) != origin:
            hint = _add_way_to_unset(error.hint, name, origin)
            explained = explained.with_context(f"{name} comes from {origin}").with_facts(hint=hint)
    return explained


def _add_way_to_unset(hint: str | None, name: str, origin: str) -> str:
    """*hint*, with a way to unset the option instead of advice to omit a flag that was not typed."""
    omit_flag, way = f"omit {flag_name(name)}", how_to_unset(name, origin)
    if hint and omit_flag in hint:
        return hint.replace(omit_flag, way)
    return f"{hint}; {way}" if hint else way


def check_stdout(env: Env, flags: DisplayFlags) -> None:
    """Raises UsageError if stdout can't have the image."""
    if not env.has_stdout:
        raise UsageError("-o - writes to stdout, but stdout is closed", hint="use -o FILE, or redirect with > FILE")
    if env.stdout.isatty():
        raise UsageError("-o - writes image data to stdout, but stdout is a terminal", hint="add > image.png")
    if flags.json:
        raise UsageError("-o - and --json both write to stdout", hint="use -o FILE with --json")
