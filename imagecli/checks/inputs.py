"""The pictures of a request, as far as they can be told without opening them."""

from __future__ import annotations

from imagecli.catalog import ModelRow
from imagecli.domain import Ask, Edit, Source, Vary
from imagecli.errors import UsageError


def inputs_of(ask: Ask) -> tuple[Source, ...]:
    """The pictures that go up, without the mask."""
    match ask:
        case Edit():
            return ask.images
        case Vary():
            return (ask.image,)
    return ()


def needs_alpha(ask: Ask, row: ModelRow) -> bool:
    """Whether the picture's own transparency has to be the mask: a classic edit without one."""
    return isinstance(ask, Edit) and ask.mask is None and row.edits_need_alpha


def check_count(ask: Ask, row: ModelRow) -> None:
    """Raises UsageError for more pictures than one request takes."""
    count = len(inputs_of(ask))
    if count > row.max_images:
        taker = row.images_by or row.name
        raise UsageError(f"{count} input pictures; {taker} takes {row.max_images}", hint="leave some --image out")
