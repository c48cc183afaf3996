"""What a batch prints: each row as soon as it ends, progress lines for pipes and CI, and the summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from imagecli.domain import Json
from imagecli.env import Env
from imagecli.errors import DiskError, ImagecliError
from imagecli.events import BatchApiProgress, BatchProgress, Event, Heartbeat, NoteEvent, WarningEvent
from imagecli.money import format_usd
from imagecli.output.display import DisplayOptions
from imagecli.output.json_result import build_envelope
from imagecli.output.progress import PlainProgress
from imagecli.output.result import print_error, write_to_stdout
from imagecli.output.terminal import json_line, printable_path, sanitize, write_line
from imagecli.results import CallResult, CommandResult, Cost

COMMAND = "batch"


class LineWriter(Protocol):
    """Whoever writes lines to stderr."""

    def line(self, text: str) -> None:
        """One line."""


class BatchPlainProgress(PlainProgress):
    """As `PlainProgress`; the heartbeat tells how far it is."""

    def __init__(self, env: Env, style: DisplayOptions) -> None:
        super().__init__(env, style)
        self._last: BatchProgress | None = None
        self._awaited: BatchApiProgress | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, BatchProgress):
            self._last = event
        elif isinstance(event, BatchApiProgress):
            self._awaited = event
        elif isinstance(event, Heartbeat) and self._last and not self._style.quiet:
            self.line(f"imagecli: {self._progress_text(self._last)} after {event.elapsed:.0f} s")
        else:
            super().__call__(event)

    def _progress_text(self, last: BatchProgress) -> str:
        said = f"{last.done:,} of {last.total:,} saved" + f", {last.failed:,} failed" * bool(last.failed)
        there = self._awaited
        if there and there.total:
            said += f", {there.answered:,} of {there.total:,} answered by the Batch API"
        return said


class BatchOutput:
    """Writes to stdout as rows end, so that nothing of them has to be kept."""

    def __init__(self, env: Env, style: DisplayOptions, heard: LineWriter) -> None:
        self._env, self._style, self._heard = env, style, heard
        self._told: set[str] = set()
        self.failure: DiskError | None = None
        """Why stdout takes no more."""

    @property
    def exit_code(self) -> int:
        """Of what stdout did not take; 0 where it took all."""
        return self.failure.exit_code if self.failure else 0

    def print_row(self, row: int, report: CommandResult, **more: Json) -> None:
        """One row's end: its paths, or its object; *more* are keys of that."""
        if self._style.json:
            self._write_line(
                json_line({**build_envelope(report, row), "row": row, **more}, ascii_only=self._env.stdout.isatty())
            )
        else:
            for image in report.saved:
                if image.path:
                    self._write_line(printable_path(image.path, self._env.stdout))

    def note_made(self, report: CommandResult, ended: int, total: int) -> None:
        """What a row has brought, a line where nothing moves; not where the same screen has its paths already."""
        if self._style.live or self._style.quiet or (self._env.stdout.isatty() and not self._style.json):
            return
        first, *more = [str(image.path) for image in report.saved if image.path] or ["nothing new"]
        said = sanitize(first) + f" and {len(more):,} more" * bool(more)
        paid = report.cost.actual_usd
        said += f", {format_usd(paid)}" if paid and not report.cost.is_free else ""
        self._heard.line(self._style.redact(f"imagecli: {ended:,} of {total:,}: {said}"))

    def print_failure(self, where: str, errors: Sequence[ImagecliError]) -> None:
        """What went wrong with a row; a hint once."""
        for error in errors:
            text = f"imagecli: error: {sanitize(where)}: {sanitize(error.message)}"
            hints = (("kept", error.rescued_path), ("request", error.request_id), ("hint", self._new_hint(error.hint)))
            for line in (text, *(f"{title}: {sanitize(words)}" for title, words in hints if words)):
                self._heard.line(self._style.redact(line))

    def _new_hint(self, hint: str | None) -> str | None:
        if hint is None or hint in self._told:
            return None
        self._told.add(hint)
        return hint

    def print_lines(self, lines: Sequence[str]) -> None:
        """Data on stdout: a plan, or a list."""
        if not self._style.json:
            for line in lines:
                self._write_line(self._style.redact(line))

    def print_summary(
        self,
        sentence: str,
        errors: Sequence[ImagecliError],
        cost: Cost,
        remarks: Sequence[NoteEvent | WarningEvent],
        **more: Json,
    ) -> None:
        """What all of it came to: a sentence for people, an object behind the rows' for others."""
        for error in errors:
            print_error(error, self._style, self._env)
        if not self._style.quiet:
            write_line(self._env.stderr, f"imagecli: {sanitize(sentence)}")
        if self._style.json:
            whole = build_envelope(
                CommandResult(command=COMMAND, errors=tuple(errors), cost=cost, notes=tuple(remarks))
            )
            self._write_line(json_line({**whole, **more}, ascii_only=self._env.stdout.isatty()))
        if self.failure:
            print_error(self.failure, self._style, self._env)

    def _write_line(self, line: str) -> None:
        if self.failure:
            return
        if self._style.live and self._env.stdout.isatty():
            # The same screen: a line that the table did not know of would tear it.
            self._heard.line(self._style.redact(line))
            return
        try:
            write_to_stdout(self._env, f"{self._style.redact(line)}\n".encode("utf-8", "surrogateescape"))
        except DiskError as error:
            self.failure = error


def row_result(outcomes: Sequence[CallResult], cost: Cost) -> CommandResult:
    """A row's requests as a report of their own, numbered from 0."""
    numbered = tuple(
        replace(outcome, request=number, saved=tuple(replace(image, request=number) for image in outcome.saved))
        for number, outcome in enumerate(outcomes)
    )
    return CommandResult(command=COMMAND, outcomes=numbered, cost=cost)
