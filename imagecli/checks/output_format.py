"""Whether a model and its provider can make the format of a file name's extension."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from imagecli.catalog.model import ModelRow
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.parameters import first_living_model
from imagecli.domain import Operation
from imagecli.events import WarningEvent


class FormatSupport(NamedTuple):
    """The formats that one operation of a model returns at a provider."""

    row: ModelRow
    provider: ProviderRow
    operation: Operation
    others: Iterable[ModelRow] = ()

    def surely_makes(self, name: str) -> bool:
        """Whether documents say that the format *name* can be requested."""
        return _model_makes(self.row, name) and self._provider_accepts(name)

    def may_make(self, name: str) -> bool:
        """Whether the format can be requested as far as the catalogue knows."""
        return (self.surely_makes(name) or not self.row.known) and self._provider_accepts(name)

    def conversion_warning(self, name: str) -> WarningEvent | None:
        """A warning if the image will have to be converted to the format *name*."""
        accepted = self._provider_accepts(name)
        if self.surely_makes(name) or (accepted and (not self.row.known or name == self._fixed_format)):
            return None
        message = f"{(self.row if accepted else self.provider).name} makes no {name}: what comes is converted here"
        if name == "gif":
            message += ", to one still frame"
        if other := self.model_that_makes(name):
            message += f"; -m {other} makes them"
        return WarningEvent(code="other_format", message=message)

    def model_that_makes(self, name: str) -> str | None:
        """Another model that makes the format, if the provider accepts it."""
        if not self._provider_accepts(name):
            return None
        return first_living_model(other for other in self.others if _model_makes(other, name))

    @property
    def _fixed_format(self) -> str | None:
        """The format of a model that can't be asked for one."""
        return None if "output_format" in self.row.parameters else "png"

    def _provider_accepts(self, name: str) -> bool:
        allowed = self.provider.allowed_values("output_format", self.operation)
        return not self.provider.refuses("output_format", self.operation) and (not allowed or name in allowed)


def _model_makes(row: ModelRow, name: str) -> bool:
    allowed = row.allowed_values("output_format")
    return row.known and row.surely_takes("output_format", name) and (not allowed or name in allowed)
