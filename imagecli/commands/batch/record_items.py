"""Records the images of a batch in the history while it runs, some rows at a time. A failure is a warning."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from imagecli.batch.item_plan import ItemResult
from imagecli.commands.batch.context import BatchContext
from imagecli.events import EventHandler, WarningEvent
from imagecli.money import Cost

if TYPE_CHECKING:
    import sqlite3

    from imagecli.history.record import RecordedCall
    from imagecli.prepared_call import PreparedCall
    from imagecli.results import CallResult

_ITEMS: Final = 20
_SECONDS: Final = 2.0
"""Rows are written in groups of this size, or after this many seconds, because each transaction takes time."""
_WAIT_AT_END: Final = 0.5
"""Seconds to wait for other processes: Ctrl-C ends a batch within a second."""


class ItemRecorder:
    """Records items. Opens the history when the first one has ended."""

    def __init__(self, context: BatchContext, on_event: EventHandler) -> None:
        self._context, self._on_event = context, on_event
        self._is_on = context.settings.history
        self._calls: list[RecordedCall] = []
        self._written = time.monotonic()
        self._stack = ExitStack()
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> ItemRecorder:
        return self

    def __exit__(self, *args: object) -> None:
        """Writes the remaining items."""
        if self._calls:
            self._write(_WAIT_AT_END)
        self._stack.close()

    def add(self, result: ItemResult, estimated: Cost) -> None:
        """Records an item that has ended; *estimated* is what it could cost."""
        if not (self._is_on and any(call_result.is_recorded for call_result in result.results)):
            return
        from imagecli.history.record import record_ended_call

        images = len(result.plan.decision.to_create)
        for request, call_result in zip(result.plan.requests(), result.results, strict=False):
            # The bill of an item is known, but not that of each of its calls.
            share = request.options.n / images
            cost = Cost(
                low_usd=_share(estimated.low_usd, share),
                high_usd=_share(estimated.high_usd, share),
                actual_usd=_share(result.cost_usd, share),
            )
            self._calls.append(
                record_ended_call(
                    request,
                    call_result._replace(cost=cost),
                    "batch",
                    self._context.settings.base_url,
                    manifest=self._context.manifest_path,
                )
            )
        if self._is_due:
            self._write()

    def add_recovered(self, saved: Iterable[tuple[PreparedCall, CallResult]]) -> None:
        """Records the responses of earlier runs that were saved now, and what an interrupted run saved of its last."""
        from imagecli.history.record import record_recovered_call

        calls = [record_recovered_call(prepared, result, self._context.catalog) for prepared, result in saved]
        self._calls += [call for call in calls if call and self._is_on]
        if self._is_due:
            self._write()

    @property
    def _is_due(self) -> bool:
        return len(self._calls) >= _ITEMS or (bool(self._calls) and time.monotonic() - self._written > _SECONDS)

    def _write(self, wait: float | None = None) -> None:
        """Waits at most *wait* seconds for other processes; None is the usual time."""
        import sqlite3

        from imagecli.history.database import LOCK_SECONDS, HistoryError, open_history
        from imagecli.history.record import record_calls

        try:
            if self._connection is None:
                opened = self._stack.enter_context(open_history(self._context.settings.state_dir, create=True))
                self._connection = opened.connection
                if opened.warning:
                    self._on_event(opened.warning)
            seconds = LOCK_SECONDS if wait is None else wait
            record_calls(self._connection, self._calls, self._context.env.now(), wait=seconds)
        except (HistoryError, sqlite3.Error) as error:
            self._is_on = False
            message = f"the history entries of {len(self._calls):,} rows and the following were lost: {error}"
            self._on_event(WarningEvent(code="history_lost", message=message))
        self._calls.clear()
        self._written = time.monotonic()


def _share(usd: float | None, share: float) -> float | None:
    return None if usd is None else usd * share
