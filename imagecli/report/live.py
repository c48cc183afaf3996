"""The listener for a terminal: one moving line that tells what is waited for, how long, and how many bytes went."""

from __future__ import annotations

from rich.console import Console
from rich.filesize import decimal
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from imagecli.env import Env
from imagecli.events import Event, Received, Saved, Sent, Started, Waiting
from imagecli.report.plain import Plain
from imagecli.report.style import Style


class Live(Plain):
    """As `Plain`, with a progress line under the lines; all of it on stderr, gone at the end."""

    def __init__(self, env: Env, style: Style) -> None:
        super().__init__(env, style)
        console = Console(file=env.stderr, force_terminal=True, no_color=not style.color, highlight=False)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=1)),
            TextColumn("{task.fields[done]}", markup=False, table_column=Column(no_wrap=True)),
            TimeElapsedColumn(),
            TextColumn("{task.fields[traffic]}", markup=False, table_column=Column(no_wrap=True)),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("preparing", total=None, done="", traffic="")
        self._pictures = self._saved = 0
        self._up: dict[int, int] = {}
        self._down: dict[int, int] = {}

    def __enter__(self) -> Live:
        self._progress.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        match event:
            case Started():
                self._pictures = event.pictures
            case Sent():
                self._up[event.request] = event.sent
                self._describe("waiting for the picture" if event.sent >= event.total else "sending")
            case Received():
                self._down[event.request] = event.received
                self._describe("receiving")
            case Waiting():
                self._describe(f"waiting {event.seconds:.0f} s to send again")
            case Saved():
                self._saved += 1
        super().__call__(event)
        self._show_counts()

    def line(self, text: str) -> None:
        self._progress.console.print(Text(text), soft_wrap=True)

    def _describe(self, what: str) -> None:
        self._progress.update(self._task, description=what)

    def _show_counts(self) -> None:
        up, down = sum(self._up.values()), sum(self._down.values())
        traffic = " ".join(
            part for part in (f"↑{decimal(up)}" if up else "", f"↓{decimal(down)}" if down else "") if part
        )
        done = f"{self._saved}/{self._pictures}" if self._pictures > 1 else ""
        self._progress.update(self._task, traffic=traffic, done=done)
