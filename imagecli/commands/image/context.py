"""What generate, edit and vary know before they do anything: settings, model, options, output, display.

Imports nothing heavy: usage errors are shown without requests and Pillow.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from imagecli.build_image_options import apply_format_of_name
from imagecli.catalog.catalog import Catalog
from imagecli.catalog.model import ModelRow
from imagecli.checks.check_request import COMMANDS
from imagecli.checks.output_format import FormatSupport
from imagecli.commands.image.check_requests import name_option_origins
from imagecli.commands.image.options_from_flags import image_options_from_flags
from imagecli.commands.options import CommonOptions, ShowOptions
from imagecli.config.project import PROJECT_FILE
from imagecli.config.settings import Settings, current_folder, load_settings
from imagecli.config.user_catalog import load_user_catalog
from imagecli.domain import ImageOptions
from imagecli.env import Env
from imagecli.errors import UsageError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.naming import OutputPattern, check_output_inside, parse_output
from imagecli.output.display_options import DisplayOptions
from imagecli.output.slow_notice import FOR_A_KEY, notice_when_slow
from imagecli.storage.preflight import stat_path


class CommandContext(NamedTuple):
    """Everything that a command was given, resolved. Data only."""

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
    keep_partials: bool = False
    """Partial images of a stream are saved too."""
    notes: tuple[NoteEvent | WarningEvent, ...] = ()
    """Notes on the options, to be shown before anything is sent."""


def open_command_context(
    env: Env,
    command: str,
    options: CommonOptions,
    variables: Iterable[str],
) -> CommandContext:
    """Resolves the options of one command; *variables* are the names that -o may hold.

    Raises UsageError, SettingsError, AuthenticationError.
    """
    catalog = load_user_catalog(env)
    picture, result, display = options.picture, options.result, options.show
    output = parse_output(result.output, look=stat_path)
    flags = {
        **picture._asdict(),
        **result._asdict(),
        **options.where._asdict(),
        **options.money._asdict(),
    }
    with_key = not options.money.dry_run
    with notice_when_slow(FOR_A_KEY, env, quiet=display.quiet):
        settings = load_settings(flags, env, catalog, current_folder(), with_key=with_key)
    output_root = None
    if result.output is None and (chosen := settings.values.get("output")):
        output = parse_output(chosen, look=stat_path)
        if Path(settings.origins["output"]).name == PROJECT_FILE:
            # A file that came with a cloned repository may not choose a place outside of the current folder.
            check_output_inside(output)
            output_root = current_folder()
    if output.kind == "stdout":
        _check_stdout(env, display)
    model = catalog.model_for_provider(settings.provider, settings.values.get("model"))
    with name_option_origins(settings):
        image_options, notes = image_options_from_flags(picture, options.live, settings.values, settings.origins, model)
    support = FormatSupport(
        row=model, provider=settings.provider, operation=COMMANDS[command], others=catalog.models.values()
    )
    flagged = picture.output_format is not None
    image_options, conversion_warning = apply_format_of_name(image_options, output, support, flagged, variables)
    if settings.provider.size_as == "aspect_ratio":
        notes = ()  # the ratio itself is sent, and the server chooses the pixels
    return CommandContext(
        env=env,
        command=command,
        catalog=catalog,
        settings=settings,
        model=model,
        options=image_options,
        output=output,
        display=DisplayOptions.build(
            env=env,
            json=display.json,
            quiet=display.quiet,
            verbose=display.verbose,
            debug=display.debug,
            color=display.color,
            secret=settings.key.secret if settings.key else None,
        ),
        dry_run=options.money.dry_run,
        output_root=output_root,
        keep_partials=options.live.keep_partials,
        notes=(*notes, conversion_warning) if conversion_warning else notes,
    )


def _check_stdout(env: Env, display: ShowOptions) -> None:
    if not env.has_stdout:
        raise UsageError("-o - writes to stdout, and stdout is closed", hint="-o FILE, or > FILE")
    if env.stdout.isatty():
        raise UsageError("-o - writes the picture's bytes, and stdout is this terminal", hint="add > picture.png")
    if display.json:
        raise UsageError("-o - and --json both want stdout", hint="-o FILE with --json")
