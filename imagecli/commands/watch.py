"""What a signal must tell: what is saved, and what may have been paid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagecli.errors import UnsavedError, signal_code
from imagecli.events import Event, Saved, Sent, Spooled, Waiting
from imagecli.outcome import Outcome
from imagecli.report.plain import Plain


class Watch:
    """Passes events on, and remembers which requests were sent and which pictures saved."""

    def __init__(self, listener: Plain, provider: str, model: str) -> None:
        self._listener = listener
        self._provider, self._model = provider, model
        self._spools: dict[int, Path] = {}
        self._sent: set[int] = set()
        self._saved: list[Saved] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, Spooled):
            self._spools[event.request] = event.folder
        if isinstance(event, Sent):
            self._sent.add(event.request)
        if isinstance(event, Waiting):
            # The server has answered that it made nothing; it is not under way until it is sent again.
            self._sent.discard(event.request)
        if isinstance(event, Saved):
            self._saved.append(event)
        self._listener(event)

    def interrupted(self, signal: BaseException, outcomes: list[Outcome], asked: int) -> dict[str, Any]:
        """The report's fields after Ctrl-C or SIGTERM."""
        ended = {outcome.request for outcome in outcomes}
        open_requests = self._sent - ended
        half = tuple(event.image for event in self._saved if event.image.request not in ended)
        saved = len(half) + sum(len(outcome.saved) for outcome in outcomes)
        words = f"interrupted: {saved} of {asked} pictures saved"
        hint = "nothing else was sent"
        if open_requests:
            words += f"; {len(open_requests)} request{'s' * (len(open_requests) > 1)} under way may be billed"
            kept = " and ".join(
                sorted({str(folder) for request, folder in self._spools.items() if request in open_requests})
            )
            hint = f"imagecli recover saves what came, kept in {kept}; the provider's usage page tells what was billed"
        unfinished = [
            Outcome(
                request=request,
                asked=0,
                provider=self._provider,
                model=self._model,
                saved=tuple(image for image in half if image.request == request),
            )
            for request in open_requests
        ]
        return {
            "outcomes": tuple(sorted([*outcomes, *unfinished], key=lambda outcome: outcome.request)),
            "errors": (UnsavedError(words, hint=hint, code="interrupted"),),
            "signal_code": signal_code(signal),
        }
