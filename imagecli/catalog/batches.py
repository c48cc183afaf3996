"""A provider's Batch API as a row: where it is, what it takes at once, and how its lines differ from live requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from imagecli.domain import Operation

if TYPE_CHECKING:
    from imagecli.catalog.providers import ProviderRow

LIVE_ONLY: Final = ("stream", "partial_images")
"""Fields that make no sense in an answer nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """What a provider's Batch API takes, and how its lines differ from live requests."""

    path: str = ""
    """Where batches are made, below the base URL."""
    files_path: str = ""
    """Where files go up."""
    endpoints: Mapping[Operation, str] = field(default_factory=dict)
    """What it can do → the `url` that a line and its batch say."""
    window: str = ""
    """`completion_window`: how long it may take."""
    max_requests: int = 0
    max_bytes: int = 0
    """Of one input file."""
    price: float = 0.0
    """Its share of the live price."""
    source: str = ""

    # How pictures stand in a line, which is always JSON.
    image: str = "images[]"
    """As in a provider's row, these five."""
    images: tuple[str, ...] = ("images[]",)
    picture: Any = field(default_factory=lambda: {"file_id": "{file_id}"})
    mask: str | None = "mask"
    markup: str | None = None
    unstated: tuple[str, ...] = ()
    """In place of the provider's."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The fields that a row can't do without, and this one lacks."""
        needed = ("path", "files_path", "endpoints", "window", "max_requests", "max_bytes", "price")
        return tuple(name for name in needed if not getattr(self, name))


def in_batch(row: ProviderRow) -> ProviderRow:
    """*row* as it holds for a line of its Batch API: what is not to be done there it does not have.

    Its name says so too, as it stands in what is refused. The row must have a `batch`.
    """
    batch = row.batch
    assert batch is not None
    return replace(
        row,
        name=f"{row.name} (Batch API)",
        paths={operation: path for operation, path in row.paths.items() if operation in batch.endpoints},
        edits_as="json",
        image=batch.image,
        images=batch.images,
        picture=batch.picture,
        mask=batch.mask,
        markup=batch.markup,
        unstated=batch.unstated,
        refused=(*row.refused, *LIVE_ONLY),
    )
