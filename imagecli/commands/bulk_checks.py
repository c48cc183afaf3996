"""What of a batch is tried before anything is paid for: its inputs, and the folders that it saves to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from imagecli import run
from imagecli.batch.manifest.item import Item
from imagecli.batch.manifest.problems import in_fields
from imagecli.batch.order import Order
from imagecli.catalog import ModelRow
from imagecli.checks import inputs_of
from imagecli.domain import Edit, Generate
from imagecli.errors import InputImageError, OutputError
from imagecli.events import Listen
from imagecli.store.places import check_answers, check_folder

MOST: Final = 10
"""No request asks for more pictures."""


def check_all(orders: Sequence[Order], listen: Listen, *, make: bool) -> None:
    """Fits every input once and keeps none, and tries the folders. Raises InputImageError, OutputError."""
    shelf = Shelf()
    try:
        for item in _with_inputs(orders):
            shelf.of(item.model).fitted(item.ask, listen)
        check_answers(max((min(order.purchase.item.ask.rendering.n, MOST) for order in orders), default=1))
        for folder in dict.fromkeys(folder for order in orders for folder in order.folders):
            check_folder(folder, make=make)
    except (InputImageError, OutputError) as error:
        # They speak to whoever types options; rows have fields.
        error.message, error.hint = in_fields(error.message), error.hint and in_fields(error.hint)
        raise


def _with_inputs(orders: Sequence[Order]) -> Iterator[Item]:
    """An item for each set of inputs that goes up: many rows send the same."""
    seen = set()
    for order in orders:
        item = order.purchase.item
        if sources := inputs_of(item.ask):
            layers = (item.ask.mask, item.ask.markup) if isinstance(item.ask, Edit) else ()
            framing = None if isinstance(item.ask, Generate) else item.ask.framing
            key = (item.model.name, sources, layers, framing)
            if key not in seen:
                seen.add(key)
                yield item


class Shelf:
    """Inputs by the model that they are fitted for."""

    def __init__(self) -> None:
        self._of: dict[str, run.Inputs] = {}

    def of(self, model: ModelRow) -> run.Inputs:
        """Those that are fitted for *model*."""
        return self._of.setdefault(model.name, run.Inputs(model))
