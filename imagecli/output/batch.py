"""What a batch prints: each row as soon as it is done, progress lines for pipes and CI, and the summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from imagecli.domain import Json
from imagecli.env import Env
from imagecli.errors import DiskError, ImagecliError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.money import Cost, format_usd
from imagecli.output.errors import print_error
from imagecli.output.json_result import build_envelope
from imagecli.output.terminal import DisplayOptions, json_line, printable_link, sanitize, write_line, write_to_stdout
from imagecli.results import CallResult, CommandResult

COMMAND = "batch"
MAX_FAILED_LINES = 10


class LineWriter(Protocol):
    """Writes lines to stderr."""

    def line(self, text: str) -> None:
        """Writes one line."""


class BatchOutput:
    """Writes each row to stdout when it is done, so that it need not stay in memory."""

    def __init__(self, env: Env, display: DisplayOptions, progress: LineWriter) -> None:
        self._env, self._display, self._progress = env, display, progress
        self._printed_hints: set[str] = set()
        self.failure: DiskError | None = None
        """Why stdout can no longer be written to."""

    @property
    def exit_code(self) -> int:
        """The exit code if stdout could not be written to; otherwise 0."""
        return self.failure.exit_code if self.failure else 0

    def print_row(self, row: int, result: CommandResult, **more: Json) -> None:
        """Prints a finished row: its paths, or its JSON object with the keys of *more*."""
        if self._display.json:
            envelope = {**build_envelope(result, row), "row": row, **more}
            self._write_line(json_line(envelope, ascii_only=self._env.stdout.isatty()))
            return
        for image in result.saved:
            if image.path:
                self._write_line(printable_link(image.path, self._env))

    def note_saved(self, result: CommandResult, finished_rows: int, total: int) -> None:
        """Prints a line about a row's new files, unless a table or the paths on the same screen show them already."""
        if self._display.live or self._display.quiet or (self._env.stdout.isatty() and not self._display.json):
            return
        first, *more = [str(image.path) for image in result.saved if image.path] or ["nothing new"]
        text = sanitize(first)
        if more:
            text += f" and {len(more):,} more"
        paid = result.cost.actual_usd
        if paid and not result.cost.is_free:
            text += f", {format_usd(paid)}"
        self._progress.line(self._display.redact(f"imagecli: {finished_rows:,} of {total:,}: {text}"))

    def print_failure(self, where: str, errors: Sequence[ImagecliError]) -> None:
        """Prints a row's errors; each hint is printed only once in a run."""
        for error in errors:
            hint = error.hint if error.hint not in self._printed_hints else None
            if hint:
                self._printed_hints.add(hint)
            lines = [f"imagecli: error: {sanitize(where)}: {sanitize(error.message)}"]
            details = (("kept", error.rescued_path), ("request", error.request_id), ("hint", hint))
            lines += [f"{title}: {sanitize(text)}" for title, text in details if text]
            for line in lines:
                self._progress.line(self._display.redact(line))

    def print_failed_lines(self, manifest_name: str, lines: Sequence[int]) -> None:
        """Prints in which *lines* of the manifest the failed rows are."""
        if self._display.quiet:
            return
        text = f"failed: {manifest_name}:" + ", ".join(map(str, lines[:MAX_FAILED_LINES]))
        if len(lines) > MAX_FAILED_LINES:
            text += f" and {len(lines) - MAX_FAILED_LINES:,} more"
        write_line(self._env.stderr, f"imagecli: {sanitize(text)}")

    def print_lines(self, lines: Sequence[str]) -> None:
        """Prints data to stdout: a plan, or a list. Not with --json."""
        if not self._display.json:
            for line in lines:
                self._write_line(self._display.redact(line))

    def print_summary(
        self,
        sentence: str,
        errors: Sequence[ImagecliError],
        cost: Cost,
        notes: Sequence[NoteEvent | WarningEvent],
        **more: Json,
    ) -> None:
        """Prints a sentence to stderr, and with --json a last object, with the keys of *more*, to stdout."""
        for error in errors:
            print_error(error, self._display, self._env)
        if not self._display.quiet:
            write_line(self._env.stderr, f"imagecli: {sanitize(sentence)}")
        if self._display.json:
            result = CommandResult(command=COMMAND, errors=tuple(errors), cost=cost, notes=tuple(notes))
            self._write_line(json_line({**build_envelope(result), **more}, ascii_only=self._env.stdout.isatty()))
        if self.failure:
            print_error(self.failure, self._display, self._env)

    def _write_line(self, line: str) -> None:
        if self.failure:
            return
        if self._display.live and self._env.stdout.isatty():
            # stdout is the same screen: a line printed past the live table would break it.
            self._progress.line(self._display.redact(line))
            return
        try:
            write_to_stdout(self._env, f"{self._display.redact(line)}\n".encode("utf-8", "surrogateescape"))
        except DiskError as error:
            self.failure = error


def row_result(results: Sequence[CallResult], cost: Cost) -> CommandResult:
    """A row's calls as one result, numbered from 0."""
    numbered = tuple(
        result._replace(request=number, saved=tuple(image._replace(request=number) for image in result.saved))
        for number, result in enumerate(results)
    )
    return CommandResult(command=COMMAND, outcomes=numbered, cost=cost)
