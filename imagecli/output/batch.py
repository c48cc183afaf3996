"""A batch as it is shown: what a row has brought as soon as it has, and what all of it came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from imagecli.domain import Json
from imagecli.env import Env
from imagecli.errors import DiskError, ImagecliError
from imagecli.events import Awaited, Event, Heartbeat, Noted, Progressed, Warned
from imagecli.money import dollars
from imagecli.output.display import Style
from imagecli.output.json_result import envelope
from imagecli.output.progress import Plain
from imagecli.output.result import put, show_error
from imagecli.output.terminal import as_typed, harmless, json_line, say
from imagecli.results import Cost, Outcome, Report

COMMAND = "batch"


class Heard(Protocol):
    """Whoever writes lines to stderr."""

    def line(self, text: str) -> None:
        """One line."""


class BulkPlain(Plain):
    """As `Plain`; the heartbeat tells how far it is."""

    def __init__(self, env: Env, style: Style) -> None:
        super().__init__(env, style)
        self._last: Progressed | None = None
        self._awaited: Awaited | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progressed):
            self._last = event
        elif isinstance(event, Awaited):
            self._awaited = event
        elif isinstance(event, Heartbeat) and self._last and not self._style.quiet:
            self.line(f"imagecli: {self._how_far(self._last)} after {event.elapsed:.0f} s")
        else:
            super().__call__(event)

    def _how_far(self, last: Progressed) -> str:
        said = f"{last.done:,} of {last.total:,} saved" + f", {last.failed:,} failed" * bool(last.failed)
        there = self._awaited
        if there and there.total:
            said += f", {there.answered:,} of {there.total:,} answered by the Batch API"
        return said


class Bulk:
    """Writes to stdout as rows end, so that nothing of them has to be kept."""

    def __init__(self, env: Env, style: Style, heard: Heard) -> None:
        self._env, self._style, self._heard = env, style, heard
        self._told: set[str] = set()
        self.failure: DiskError | None = None
        """Why stdout takes no more."""

    @property
    def exit_code(self) -> int:
        """Of what stdout did not take; 0 where it took all."""
        return self.failure.exit_code if self.failure else 0

    def row(self, row: int, report: Report, **more: Json) -> None:
        """One row's end: its paths, or its object; *more* are keys of that."""
        if self._style.json:
            self._put(json_line({**envelope(report, row), "row": row, **more}, ascii_only=self._env.stdout.isatty()))
        else:
            for image in report.saved:
                if image.path:
                    self._put(as_typed(image.path, self._env.stdout))

    def made(self, report: Report, ended: int, total: int) -> None:
        """What a row has brought, a line where nothing moves; not where the same screen has its paths already."""
        if self._style.live or self._style.quiet or (self._env.stdout.isatty() and not self._style.json):
            return
        first, *more = [str(image.path) for image in report.saved if image.path] or ["nothing new"]
        said = harmless(first) + f" and {len(more):,} more" * bool(more)
        paid = report.cost.actual_usd
        said += f", {dollars(paid)}" if paid and not report.cost.is_free else ""
        self._heard.line(self._style.cover(f"imagecli: {ended:,} of {total:,}: {said}"))

    def failed(self, where: str, errors: Sequence[ImagecliError]) -> None:
        """What went wrong with a row; a hint once."""
        for error in errors:
            text = f"imagecli: error: {harmless(where)}: {harmless(error.message)}"
            hints = (("kept", error.rescued_path), ("request", error.request_id), ("hint", self._new(error.hint)))
            for line in (text, *(f"{title}: {harmless(words)}" for title, words in hints if words)):
                self._heard.line(self._style.cover(line))

    def _new(self, hint: str | None) -> str | None:
        if hint is None or hint in self._told:
            return None
        self._told.add(hint)
        return hint

    def lines(self, lines: Sequence[str]) -> None:
        """Data on stdout: a plan, or a list."""
        if not self._style.json:
            for line in lines:
                self._put(self._style.cover(line))

    def summary(
        self,
        sentence: str,
        errors: Sequence[ImagecliError],
        cost: Cost,
        remarks: Sequence[Noted | Warned],
        **more: Json,
    ) -> None:
        """What all of it came to: a sentence for people, an object behind the rows' for others."""
        for error in errors:
            show_error(error, self._style, self._env)
        if not self._style.quiet:
            say(self._env.stderr, f"imagecli: {harmless(sentence)}")
        if self._style.json:
            whole = envelope(Report(command=COMMAND, errors=tuple(errors), cost=cost, remarks=tuple(remarks)))
            self._put(json_line({**whole, **more}, ascii_only=self._env.stdout.isatty()))
        if self.failure:
            show_error(self.failure, self._style, self._env)

    def _put(self, line: str) -> None:
        if self.failure:
            return
        if self._style.live and self._env.stdout.isatty():
            # The same screen: a line that the table did not know of would tear it.
            self._heard.line(self._style.cover(line))
            return
        try:
            put(self._env, f"{self._style.cover(line)}\n".encode("utf-8", "surrogateescape"))
        except DiskError as error:
            self.failure = error


def of_row(outcomes: Sequence[Outcome], cost: Cost) -> Report:
    """A row's requests as a report of their own, numbered from 0."""
    numbered = tuple(
        replace(outcome, request=number, saved=tuple(replace(image, request=number) for image in outcome.saved))
        for number, outcome in enumerate(outcomes)
    )
    return Report(command=COMMAND, outcomes=numbered, cost=cost)
