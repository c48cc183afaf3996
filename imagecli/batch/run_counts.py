"""How far a run over a manifest has come, in numbers. Nothing is kept of an item that has ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from imagecli.batch.item_plan import ItemResult, result_errors
from imagecli.errors import EXIT_INCOMPLETE, EXIT_OK, EXIT_PARTIAL, most_severe_exit_code
from imagecli.events import BatchProgress


@dataclass(slots=True, kw_only=True)
class RunCounts:
    """Counts of items: each combination of a row's variables is one."""

    total: int
    """The items that the run is about."""
    to_create: int = 0
    up_to_date: int = 0
    created: int = 0
    failed: int = 0
    files: int = 0
    """Saved by this run."""
    billed_usd: float = 0.0
    unpriced: int = 0
    """Items that were billed at an unknown price."""
    is_from_sandbox: bool = True
    """All items that have ended came from a sandbox, which bills nothing."""
    pending: int = 0
    """Submitted to a provider's Batch API; not part of `to_create`."""
    waiting: int = 0
    """Items whose paid response can't be saved yet; not part of `to_create`."""
    missing: int = 0
    """Missing or stale, in a run that does not request them."""
    exit_codes: set[int] = field(default_factory=set)
    """Of everything that went wrong."""
    gallery_exit_code: int | None = None
    """Of a gallery that could not be written; no image is missing for that."""
    signal_code: int | None = None
    """The exit code of the signal that ended the run."""

    def add(self, result: ItemResult) -> None:
        """Counts an item that has ended."""
        errors = result_errors(result)
        self.exit_codes.update(error.exit_code for error in errors)
        self.files += sum(len(call_result.saved) for call_result in result.results)
        if errors:
            self.failed += 1
        elif not result.is_over_budget:
            self.created += 1
        if result.cost_usd is None:
            self.unpriced += 1
        self.billed_usd += result.cost_usd or 0.0
        if not all(call_result.is_free for call_result in result.results):
            self.is_from_sandbox = False

    @property
    def unsent(self) -> int:
        """Items that were to be created and were not begun, or not ended."""
        return self.to_create - self.created - self.failed

    @property
    def actual_usd(self) -> float | None:
        """What was billed; None if a part of it is unknown."""
        return None if self.unpriced else self.billed_usd

    @property
    def has_files(self) -> bool:
        """Whether any item has what it needs, from this run or an earlier one."""
        return bool(self.files or self.up_to_date)

    def progress(self) -> BatchProgress:
        """The counts as a progress event."""
        return BatchProgress(
            done=self.created,
            failed=self.failed,
            total=self.to_create,
            billed_usd=self.billed_usd,
            unknown=self.unpriced > 0,
        )

    def exit_code(self) -> int:
        """The command's exit code."""
        if self.signal_code:
            return self.signal_code
        if not self.exit_codes - {EXIT_INCOMPLETE}:
            is_incomplete = self.exit_codes or self.missing or self.pending
            return self.gallery_exit_code or (EXIT_INCOMPLETE if is_incomplete else EXIT_OK)
        return EXIT_PARTIAL if self.has_files else most_severe_exit_code(list(self.exit_codes))

    def status(self) -> str:
        """The summary's `status` in the JSON output."""
        exit_code = self.exit_code()
        if exit_code == EXIT_OK:
            return "ok"
        if exit_code == EXIT_INCOMPLETE:
            return "submitted" if self.pending else "stale"
        return "partial" if self.has_files else "failed"
