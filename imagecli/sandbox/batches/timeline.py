"""The states of a batch as a function of its age. All times are in seconds of the sandbox's clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

BATCH_SECONDS: Final = 600.0
"""From creation to the end of a batch that is not cancelled."""
WINDOW: Final = 24 * 3600.0
"""`completion_window`."""

_WORK: Final = (60.0, 540.0)
"""The ages between which its lines are processed."""
_CANCELLING: Final = 60.0
"""The real API takes up to ten minutes."""
_EXPIRED_SHARE: Final = 0.5
"""The share of its lines that are done when a batch expires."""

Ending = Literal["completed", "failed", "batch_expired"]

_STEPS: Final[Mapping[Ending, tuple[tuple[str, float], ...]]] = MappingProxyType(
    {
        "completed": (
            ("validating", 0),
            ("in_progress", _WORK[0]),
            ("finalizing", _WORK[1]),
            ("completed", BATCH_SECONDS),
        ),
        "failed": (("validating", 0), ("failed", _WORK[0])),
        "batch_expired": (("validating", 0), ("in_progress", _WORK[0]), ("expired", BATCH_SECONDS)),
    }
)
ENDED: Final = frozenset({"completed", "failed", "expired", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchMoment:
    """The state of a batch at one age."""

    status: str
    share: float
    """The share of its lines that are done, 0 to 1."""
    start_ages: Mapping[str, float]
    """Each status so far → the age at which it began."""

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTimeline:
    """The course of a batch."""

    ending: Ending
    cancelled_at: float | None = None
    """The age at which it was cancelled."""

    def at(self, age: float) -> BatchMoment:
        """The state at *age*."""
        start_ages = {status: start for status, start in self._steps() if start <= age}
        return BatchMoment(status=list(start_ages)[-1], share=self._share(age), start_ages=start_ages)

    @property
    def window(self) -> float:
        """The age at which it expires if it has not ended."""
        return BATCH_SECONDS if self.ending == "batch_expired" else WINDOW

    def _steps(self) -> tuple[tuple[str, float], ...]:
        steps = _STEPS[self.ending]
        if self.cancelled_at is None:
            return steps
        before = tuple((status, start) for status, start in steps if start <= self.cancelled_at)
        return (*before, ("cancelling", self.cancelled_at), ("cancelled", self.cancelled_at + _CANCELLING))

    def _share(self, age: float) -> float:
        if self.ending == "failed":
            return 0.0
        start, end = _WORK
        share = (min(age, end, end if self.cancelled_at is None else self.cancelled_at) - start) / (end - start)
        return max(0.0, share) * (_EXPIRED_SHARE if self.ending == "batch_expired" else 1.0)
