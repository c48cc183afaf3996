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
from imagecli.checks.check import COMMANDS, said_of_model
from imagecli.checks.output_format import Makes
from imagecli.commands.image.flags import rendering_of
from imagecli.commands.image.plan import order
from imagecli.commands.image.prompt import Words
from imagecli.commands.image.validate import judged, naming_origins
from imagecli.commands.options import CommonOptions, ShowOptions
from imagecli.config.project import PROJECT_FILE
from imagecli.config.settings import Settings, current_folder, load_settings
from imagecli.config.user_catalog import load_catalog
from imagecli.domain import Ask, Rendering
from imagecli.env import Env
from imagecli.errors import OutputError, UsageError
from imagecli.events import Noted, Warned
from imagecli.image_options import with_format_of_name
from imagecli.naming import Output, check_inside, parse_output
from imagecli.output.choose_progress import open_listener
from imagecli.output.display import Style
from imagecli.output.progress import Plain
from imagecli.output.result import show, show_picture
from imagecli.output.slow_notice import FOR_A_KEY, saying
from imagecli.plan import Request
from imagecli.results import Report
from imagecli.safe_open import real_path
from imagecli.storage.boundary import is_below
from imagecli.storage.preflight import look


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One command's settled circumstances."""

    env: Env
    command: str
    catalog: Catalog
    settings: Settings
    row: ModelRow
    rendering: Rendering
    output: Output
    style: Style
    dry_run: bool
    """The plan and its price are shown, and nothing is bought."""
    output_root: Path | None = None
    """What is saved stays below this folder, links resolved; None where the user chose the output."""
    keep_partials: bool = False
    """Partial pictures of a stream are saved too."""
    notes: tuple[Noted | Warned, ...] = ()
    """What is to be said of what is made, before it is bought."""

    def buy(self, wanted: Sequence[tuple[Ask, Words]], *, note: str | None = None) -> NoReturn:
        """Buys *wanted* or shows the plan of it, and leaves with the exit code. *note* is said first."""
        remarks = judged([ask for ask, _ in wanted], self.row, self.catalog, self.settings, self.env.now().date())
        placed = order(wanted, self.output, self.settings.values.get("if_exists"), self.row, self.env.now())
        self._check_folders(placed.requests)
        with open_listener(self.env, self.style) as listener:
            self._remark(listener, note)
            for remark in (*self.notes, *remarks, *placed.notes):
                listener(remark)
            report = Report(command=self.command, kept=placed.kept)
            if self.dry_run:
                from imagecli.commands.image.dry_run import rehearse

                report = rehearse(self, placed, report, listener)
            elif placed.requests:
                from imagecli.commands.image.execute import purchase

                report = purchase(self, placed, report, listener)
            report = replace(report, remarks=tuple(listener.remarks), partials=tuple(listener.partials))
        raise typer.Exit(self._shown(report, listener))

    def _check_folders(self, requests: Sequence[Request]) -> None:
        """Raises OutputError where an output that a project's file chose leads out through a link."""
        for folder in {folder for request in requests for folder in request.folders}:
            if self.output_root and not is_below(folder, self.output_root):
                raise OutputError(
                    f"output in {PROJECT_FILE} leads out of the current folder, to {real_path(folder)}",
                    hint="-o PATH, if that is where you want it",
                )

    def _remark(self, listener: Plain, note: str | None) -> None:
        if note:
            listener(Noted(code="endpoint", message=note))
        for warning in said_of_model(self.row) if "model" in self.settings.values else ():
            listener(warning)
        for code, message in self.settings.notes:
            listener(Noted(code=code, message=message))
        for code, message in self.settings.warnings:
            listener(Warned(code=code, message=message))

    def _shown(self, report: Report, listener: Plain) -> int:
        for outcome in report.outcomes:
            if outcome.parcel:
                report = show_picture(outcome.parcel, report, self.env, listener)
        return show(report, self.style, self.env, paths=self.output.kind != "stdout")


def open_desk(
    env: Env,
    command: str,
    options: CommonOptions,
    variables: Iterable[str],
) -> Desk:
    """The desk for one command; *variables* are the names that -o may hold.

    Raises UsageError, SettingsError, AuthenticationError.
    """
    rows = load_catalog(env)
    picture, result, display = options.picture, options.result, options.show
    output = parse_output(result.output, look=look)
    flags = {**_values(picture), **_values(result), **_values(options.where), **_values(options.money)}
    with_key = not options.money.dry_run
    with saying(FOR_A_KEY, env, quiet=display.quiet):
        settings = load_settings(flags, env, rows, current_folder(), with_key=with_key)
    output_root = None
    if result.output is None and (chosen := settings.values.get("output")):
        output = parse_output(chosen, look=look)
        if Path(settings.origins["output"]).name == PROJECT_FILE:
            # A file that came with a clone does not choose where outside of here something is written.
            check_inside(output)
            output_root = current_folder()
    if output.kind == "stdout":
        _check_stdout(env, display)
    row = rows.model_at(settings.provider, settings.values.get("model"))
    with naming_origins(settings):
        rendering, notes = rendering_of(picture, options.live, settings.values, settings.origins, row)
    makes = Makes(row=row, provider=settings.provider, operation=COMMANDS[command], others=rows.models.values())
    flagged = picture.output_format is not None
    rendering, converted = with_format_of_name(rendering, output, makes, flagged, variables)
    return Desk(
        env=env,
        command=command,
        catalog=rows,
        settings=settings,
        row=row,
        rendering=rendering,
        output=output,
        style=Style.build(
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


def _values(options: object) -> dict[str, Any]:
    return {name: getattr(options, name) for name in type(options).__dataclass_fields__}  # type: ignore[attr-defined]


def _check_stdout(env: Env, display: ShowOptions) -> None:
    if not env.has_stdout:
        raise UsageError("-o - writes to stdout, and stdout is closed", hint="-o FILE, or > FILE")
    if env.stdout.isatty():
        raise UsageError("-o - writes the picture's bytes, and stdout is this terminal", hint="add > picture.png")
    if display.json:
        raise UsageError("-o - and --json both want stdout", hint="-o FILE with --json")
