"""How a run over a manifest goes: counted, and nothing kept of what has ended, so that memory stays flat. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from imagecli.batch.work_item import ItemResult
from imagecli.errors import EXIT_INCOMPLETE, EXIT_OK, EXIT_PARTIAL, most_severe_exit_code
from imagecli.events import BatchProgress


@dataclass(slots=True, kw_only=True)
class RunCounts:
    """Counts of purchases, a row's combinations of variables each for itself."""

    total: int
    """That the run is about."""
    to_buy: int = 0
    kept: int = 0
    bought: int = 0
    failed: int = 0
    files: int = 0
    """Saved by this run."""
    billed_usd: float = 0.0
    unknown: int = 0
    """Purchases of which nobody told what they cost."""
    pending: int = 0
    """That a provider's Batch API has; not among `to_buy`."""
    missing: int = 0
    """Of a look alone: what is missing or stale."""
    codes: set[int] = field(default_factory=set)
    """Exit codes of all that went wrong."""
    signal_code: int | None = None

    def add(self, ended: ItemResult) -> None:
        """One more has ended."""
        errors = [error for outcome in ended.results for error in outcome.errors]
        self.codes.update(error.exit_code for error in errors)
        self.files += sum(len(outcome.saved) for outcome in ended.results)
        if errors:
            self.failed += 1
        elif not ended.is_over_budget:
            self.bought += 1
        if ended.cost_usd is None:
            self.unknown += 1
        self.billed_usd += ended.cost_usd or 0.0

    @property
    def progress(self) -> BatchProgress:
        """How far it is."""
        return BatchProgress(
            done=self.bought,
            failed=self.failed,
            total=self.to_buy,
            billed_usd=self.billed_usd,
            unknown=self.unknown > 0,
        )

    @property
    def unsent(self) -> int:
        """What was to be bought and was not begun, or not ended."""
        return self.to_buy - self.bought - self.failed

    @property
    def actual_usd(self) -> float | None:
        """What was billed; None where a part of it is not known."""
        return None if self.unknown else self.billed_usd

    @property
    def exit_code(self) -> int:
        if self.signal_code:
            return self.signal_code
        if not self.codes:
            return EXIT_INCOMPLETE if self.missing or self.pending else EXIT_OK
        return EXIT_PARTIAL if self.files or self.kept else most_severe_exit_code(list(self.codes))

    @property
    def status(self) -> str:
        """As `--json` has it."""
        if self.exit_code == EXIT_OK:
            return "ok"
        if self.exit_code == EXIT_INCOMPLETE:
            return "submitted" if self.pending else "stale"
        return "partial" if self.files or self.kept else "failed"
