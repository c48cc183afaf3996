"""The listener for pipes, files and CI: a line for what matters, a heartbeat for long work, nothing that moves."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from imagecli.env import Env
from imagecli.events import Event, Heartbeat, Noted, Partial, Told, Waiting, Warned
from imagecli.output.display import Style
from imagecli.output.terminal import harmless, say


class Plain:
    """Hears every event of a command; keeps for the report what it has to tell."""

    def __init__(self, env: Env, style: Style) -> None:
        self._env, self._style = env, style
        self.remarks: list[Noted | Warned] = []
        self.partials: list[Partial] = []
        """Those that were kept as files, without their bytes."""
        self._said: Counter[Noted | Warned] = Counter()

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *args: object) -> None:
        """What was heard again was said once; how often is said here."""
        for event, times in self._said.items():
            if times > 1 and (line := line_for(event, self._style)):
                self.line(self._style.cover(f"{line} ({times} times in all)"))
        self._said.clear()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Partial) and event.path:
            self.partials.append(replace(event, data=b""))
        if isinstance(event, (Noted, Warned)):
            self.remarks.append(event)
            self._said[event] += 1
            if self._said[event] > 1:
                return
        if line := line_for(event, self._style):
            self.line(self._style.cover(line))

    def line(self, text: str) -> None:
        """One line on stderr."""
        say(self._env.stderr, text)


def line_for(event: Event, style: Style) -> str | None:
    """What is said of *event*, or None. --quiet leaves errors alone, --verbose adds requests."""
    if style.quiet:
        return None
    match event:
        case Noted():
            return f"imagecli: note: {harmless(event.message)}"
        case Warned():
            return f"imagecli: warning: {harmless(event.message)}"
        case Waiting():
            return f"imagecli: waiting {event.seconds:.1f} s: {harmless(event.why)}"
        case Heartbeat():
            return f"imagecli: still waiting after {event.elapsed:.0f} s"
        case Partial() if style.verbose:
            return f"imagecli: {counted(event)} of request {event.request + 1} came, {len(event.data):,} bytes"
        case Told() if style.debug or (style.verbose and not event.deep):
            return f"imagecli: {harmless(event.message)}"
    return None


def counted(event: Partial) -> str:
    """`partial 1/3`: people count from 1."""
    return f"partial {event.partial_image_index + 1}" + (f"/{event.asked}" if event.asked else "")
