"""Which format a name's ending asks for, where model and provider make it; and what is to be said where they don't."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from imagecli.catalog.model import ModelRow
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.parameters import first_living_model
from imagecli.domain import Operation
from imagecli.events import WarningEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatSupport:
    """What can be made of an ending."""

    row: ModelRow
    provider: ProviderRow
    operation: Operation
    others: Iterable[ModelRow] = ()

    def surely_makes(self, made: str) -> bool:
        """Whether documents say that a picture comes in the format *made* where it is asked for."""
        return _model_makes(self.row, made) and self._provider_carries(made)

    def may_make(self, made: str) -> bool:
        """Whether nothing is known that speaks against it."""
        return (self.surely_makes(made) or not self.row.known) and self._provider_carries(made)

    def conversion_warning(self, made: str) -> WarningEvent | None:
        """What is to be said before a picture is bought that has to be converted to *made*."""
        if self.surely_makes(made) or (
            self._provider_carries(made) and (not self.row.known or made == self._fixed_format)
        ):
            return None
        who = self.row if self._provider_carries(made) else self.provider
        still = ", to one still frame" if made == "gif" else ""
        taker = self.model_that_makes(made)
        way = f"; -m {taker} makes them" if taker else ""
        return WarningEvent(
            code="other_format", message=f"{who.name} makes no {made}: what comes is converted here{still}{way}"
        )

    def model_that_makes(self, made: str) -> str | None:
        """A model that makes it, where only the model is in the way."""
        return (
            first_living_model(other for other in self.others if _model_makes(other, made))
            if self._provider_carries(made)
            else None
        )

    @property
    def _fixed_format(self) -> str | None:
        """The format of a model that is not asked for any."""
        return None if "output_format" in self.row.parameters else "png"

    def _provider_carries(self, made: str) -> bool:
        allowed = self.provider.allowed_values("output_format", self.operation)
        return not self.provider.refuses("output_format", self.operation) and (not allowed or made in allowed)


def _model_makes(row: ModelRow, made: str) -> bool:
    allowed = row.allowed_values("output_format")
    return row.known and row.surely_takes("output_format", made) and (not allowed or made in allowed)
