"""What generate, edit and vary share: settings in, the order placed, the report out.

Imports nothing heavy: whatever can be refused is refused before requests or Pillow are loaded (`purchase` does).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import typer

from imagecli.catalog.catalog import Catalog
from imagecli.catalog.model import ModelRow
from imagecli.checks.check import COMMANDS, unknown_model_warnings
from imagecli.checks.output_format import FormatSupport
from imagecli.commands.image.flags import image_options_from_flags
from imagecli.commands.image.plan import build_request_plan
from imagecli.commands.image.prompt import Prompt
from imagecli.commands.image.validate import name_option_origins, validate_requests
from imagecli.commands.options import CommonOptions, ShowOptions
from imagecli.config.project import PROJECT_FILE
from imagecli.config.settings import Settings, current_folder, load_settings
from imagecli.config.user_catalog import load_user_catalog
from imagecli.domain import ImageOptions, ImageRequest
from imagecli.env import Env
from imagecli.errors import OutputError, UsageError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.image_options import apply_format_of_name
from imagecli.naming import OutputPattern, check_output_inside, parse_output
from imagecli.output.choose_progress import open_progress
from imagecli.output.display import DisplayOptions
from imagecli.output.progress import PlainProgress
from imagecli.output.result import print_result, write_image_to_stdout
from imagecli.output.slow_notice import FOR_A_KEY, notice_when_slow
from imagecli.plan import PlannedCall
from imagecli.results import CommandResult
from imagecli.safe_open import real_path
from imagecli.storage.boundary import is_below
from imagecli.storage.preflight import stat_path


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """One command's settled circumstances."""

    env: Env
    command: str
    catalog: Catalog
    settings: Settings
    model: ModelRow
    options: ImageOptions
    output: OutputPattern
    display: DisplayOptions
    dry_run: bool
    """The plan and its price are shown, and nothing is bought."""
    output_root: Path | None = None
    """What is saved stays below this folder, links resolved; None where the user chose the output."""
    keep_partials: bool = False
    """Partial pictures of a stream are saved too."""
    notes: tuple[NoteEvent | WarningEvent, ...] = ()
    """What is to be said of what is made, before it is bought."""

    def run(self, wanted: Sequence[tuple[ImageRequest, Prompt]], *, note: str | None = None) -> NoReturn:
        """Buys *wanted* or shows the plan of it, and leaves with the exit code. *note* is said first."""
        remarks = validate_requests(
            [ask for ask, _ in wanted], self.model, self.catalog, self.settings, self.env.now().date()
        )
        placed = build_request_plan(
            wanted, self.output, self.settings.values.get("if_exists"), self.model, self.env.now()
        )
        self._check_folders(placed.calls)
        with open_progress(self.env, self.display) as listener:
            self._emit_notes(listener, note)
            for remark in (*self.notes, *remarks, *placed.notes):
                listener(remark)
            report = CommandResult(command=self.command, skipped=placed.skipped)
            if self.dry_run:
                from imagecli.commands.image.dry_run import dry_run

                report = dry_run(self, placed, report, listener)
            elif placed.calls:
                from imagecli.commands.image.execute import execute_plan

                report = execute_plan(self, placed, report, listener)
            report = replace(report, notes=tuple(listener.remarks), partials=tuple(listener.partials))
        raise typer.Exit(self._print_result(report, listener))

    def _check_folders(self, requests: Sequence[PlannedCall]) -> None:
        """Raises OutputError where an output that a project's file chose leads out through a link."""
        for folder in {folder for request in requests for folder in request.folders}:
            if self.output_root and not is_below(folder, self.output_root):
                raise OutputError(
                    f"output in {PROJECT_FILE} leads out of the current folder, to {real_path(folder)}",
                    hint="-o PATH, if that is where you want it",
                )

    def _emit_notes(self, listener: PlainProgress, note: str | None) -> None:
        if note:
            listener(NoteEvent(code="endpoint", message=note))
        for warning in unknown_model_warnings(self.model) if "model" in self.settings.values else ():
            listener(warning)
        for settings_note in self.settings.notes:
            listener(settings_note)
        for settings_warning in self.settings.warnings:
            listener(settings_warning)

    def _print_result(self, report: CommandResult, listener: PlainProgress) -> int:
        for outcome in report.outcomes:
            if outcome.stdout_image:
                report = write_image_to_stdout(outcome.stdout_image, report, self.env, listener)
        return print_result(report, self.display, self.env, paths=self.output.kind != "stdout")


def open_command_context(
    env: Env,
    command: str,
    options: CommonOptions,
    variables: Iterable[str],
) -> CommandContext:
    """The desk for one command; *variables* are the names that -o may hold.

    Raises UsageError, SettingsError, AuthenticationError.
    """
    rows = load_user_catalog(env)
    picture, result, display = options.picture, options.result, options.show
    output = parse_output(result.output, look=stat_path)
    flags = {
        **_option_values(picture),
        **_option_values(result),
        **_option_values(options.where),
        **_option_values(options.money),
    }
    with_key = not options.money.dry_run
    with notice_when_slow(FOR_A_KEY, env, quiet=display.quiet):
        settings = load_settings(flags, env, rows, current_folder(), with_key=with_key)
    output_root = None
    if result.output is None and (chosen := settings.values.get("output")):
        output = parse_output(chosen, look=stat_path)
        if Path(settings.origins["output"]).name == PROJECT_FILE:
            # A file that came with a clone does not choose where outside of here something is written.
            check_output_inside(output)
            output_root = current_folder()
    if output.kind == "stdout":
        _check_stdout(env, display)
    row = rows.model_for_provider(settings.provider, settings.values.get("model"))
    with name_option_origins(settings):
        rendering, notes = image_options_from_flags(picture, options.live, settings.values, settings.origins, row)
    makes = FormatSupport(row=row, provider=settings.provider, operation=COMMANDS[command], others=rows.models.values())
    flagged = picture.output_format is not None
    rendering, converted = apply_format_of_name(rendering, output, makes, flagged, variables)
    return CommandContext(
        env=env,
        command=command,
        catalog=rows,
        settings=settings,
        model=row,
        options=rendering,
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
        # Where the ratio itself is sent, the server chooses the pixels.
        notes=(*(() if settings.provider.size_as == "aspect_ratio" else notes), *([converted] if converted else [])),
    )


def _option_values(options: object) -> dict[str, Any]:
    return {name: getattr(options, name) for name in type(options).__dataclass_fields__}  # type: ignore[attr-defined]


def _check_stdout(env: Env, display: ShowOptions) -> None:
    if not env.has_stdout:
        raise UsageError("-o - writes to stdout, and stdout is closed", hint="-o FILE, or > FILE")
    if env.stdout.isatty():
        raise UsageError("-o - writes the picture's bytes, and stdout is this terminal", hint="add > picture.png")
    if display.json:
        raise UsageError("-o - and --json both want stdout", hint="-o FILE with --json")
