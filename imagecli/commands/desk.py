"""What generate, edit and vary share: settings in, the order placed, the pictures fetched, the report out."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import typer

from imagecli import catalog as catalogue
from imagecli import config, run, schedule
from imagecli.checks import check
from imagecli.commands.order import Order, order, with_format_of_name
from imagecli.commands.prompts import Words
from imagecli.commands.rendering import rendering_of
from imagecli.commands.watch import Watch
from imagecli.domain import Ask, Rendering
from imagecli.env import Env
from imagecli.errors import Terminated, UsageError
from imagecli.events import Noted, Started, Warned
from imagecli.naming import Output, parse_output
from imagecli.options import PictureOptions, ResultOptions, ShowOptions, WhereOptions
from imagecli.outcome import Outcome, Report
from imagecli.plan import pictures
from imagecli.report.final import show
from imagecli.report.listen import open_listener
from imagecli.report.picture import show_picture
from imagecli.report.plain import Plain
from imagecli.report.style import Style
from imagecli.store.places import check_folder, look


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One command's settled circumstances."""

    env: Env
    command: str
    catalog: catalogue.Catalog
    settings: config.Settings
    row: catalogue.ModelRow
    rendering: Rendering
    output: Output
    style: Style

    def buy(self, wanted: Sequence[tuple[Ask, Words]], *, note: str | None = None) -> NoReturn:
        """Buys and saves *wanted*, shows how it went, and leaves with the exit code. *note* is said first."""
        for ask, _ in wanted:
            check(ask, self.row)
        placed = order(wanted, self.output, self.settings.values.get("if_exists"), self.row, self.env.now())
        with ExitStack() as stack:
            listener = stack.enter_context(open_listener(self.env, self.style))
            self._remark(listener, note)
            report = self._filled(placed, listener, stack)
            report = replace(report, remarks=tuple(listener.remarks))
        raise typer.Exit(self._shown(report, placed, listener))

    def _remark(self, listener: Plain, note: str | None) -> None:
        if note:
            listener(Noted(code="endpoint", message=note))
        if not self.row.known:
            listener(Warned(code="unknown_model", message=f"no row for {self.row.name}: nothing is checked"))
        for code, message in self.settings.warnings:
            listener(Warned(code=code, message=message))

    def _filled(self, placed: Order, listener: Plain, stack: ExitStack) -> Report:
        """Every request of the order carried out, or as many as could be before a signal or a last straw."""
        report = Report(command=self.command, kept=placed.kept)
        if not placed.requests:
            return report
        tools = self._tools(stack)
        for request in placed.requests:
            tools.inputs.fitted(request.ask, listener)
        if self.output.kind != "stdout":
            for folder in dict.fromkeys(name.folder for request in placed.requests for name in request.names):
                check_folder(folder)
        listener(Started(requests=len(placed.requests), pictures=pictures(placed.requests)))
        outcomes: list[Outcome] = []
        watch = Watch(listener)
        try:
            schedule.run(
                lambda request, listen: run.carry_out(request, tools, listen),
                placed.requests,
                jobs=self.settings.provider.jobs,
                listen=watch,
                done=lambda outcome: outcomes.append(outcome) or not outcome.is_final,  # type: ignore[func-returns-value]
            )
        except (KeyboardInterrupt, Terminated) as signal:
            return replace(report, **watch.interrupted(signal, outcomes, pictures(placed.requests)))
        outcomes.sort(key=lambda outcome: outcome.request)
        return replace(report, outcomes=tuple(outcomes))

    def _tools(self, stack: ExitStack) -> run.Tools:
        from imagecli.api.results import Results
        from imagecli.api.transport import Transport
        from imagecli.api.wire import Timeouts

        settings = self.settings
        base_url = settings.base_url
        if settings.provider.embedded:
            from imagecli.sandbox.server import Sandbox

            base_url = stack.enter_context(Sandbox()).base_url
        timeouts = Timeouts(silence=settings.timeout, total=settings.timeout) if settings.timeout else Timeouts()
        return run.Tools(
            errand=run.Errand(
                run_id=f"{self.env.now():%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}",
                command=self.command,
                provider=settings.provider,
                base_url=base_url,
                if_exists=settings.values.get("if_exists"),
                stdout=self.output.kind == "stdout",
            ),
            inputs=run.Inputs(self.row),
            transport=Transport(
                key=settings.key,
                headers=settings.headers,
                timeouts=timeouts,
                max_retries=settings.max_retries,
                max_wait=settings.max_wait,
                direct=settings.provider.embedded,
            ),
            results=Results(timeouts=timeouts, direct=settings.provider.embedded),
            state_dir=settings.state_dir,
        )

    def _shown(self, report: Report, placed: Order, listener: Plain) -> int:
        for outcome in report.outcomes:
            if outcome.stdout is not None:
                name = placed.requests[0].names[0]
                report = show_picture(outcome.stdout, outcome.saved[0].format, name, report, self.env, listener)
        return show(report, self.style, self.env, paths=self.output.kind != "stdout")


def open_desk(
    env: Env,
    command: str,
    picture: PictureOptions,
    result: ResultOptions,
    where: WhereOptions,
    display: ShowOptions,
    variables: Iterable[str],
) -> Desk:
    """The desk for one command; *variables* are the names that -o may hold.

    Raises UsageError, SettingsError, AuthenticationError.
    """
    rows = catalogue.load()
    output = parse_output(result.output, look=look)
    if output.kind == "stdout":
        _check_stdout(env, picture, display)
    flags = {**_values(picture), **_values(result), **_values(where)}
    settings = config.load(flags, env, rows, config.current_folder())
    if result.output is None and (chosen := settings.values.get("output")):
        output = parse_output(chosen, look=look)
    row = rows.model(settings.values.get("model", rows.default_model))
    rendering = rendering_of(picture, settings.values, row.name)
    flagged = picture.output_format is not None
    return Desk(
        env=env,
        command=command,
        catalog=rows,
        settings=settings,
        row=row,
        rendering=with_format_of_name(rendering, output, row, flagged, variables),
        output=output,
        style=Style.build(
            env=env,
            json=display.json,
            quiet=display.quiet,
            verbose=display.verbose,
            debug=display.debug,
            color=display.color,
        ),
    )


def _values(options: object) -> dict[str, Any]:
    return {name: getattr(options, name) for name in type(options).__dataclass_fields__}  # type: ignore[attr-defined]


def _check_stdout(env: Env, picture: PictureOptions, display: ShowOptions) -> None:
    if env.stdout.isatty():
        raise UsageError("-o - writes the picture's bytes, and stdout is this terminal", hint="add > picture.png")
    if display.json:
        raise UsageError("-o - and --json both want stdout", hint="-o FILE with --json")
    if picture.n > 1:
        raise UsageError(f"-o - takes one picture, not {picture.n}", hint="-o FOLDER/, or -n 1")
