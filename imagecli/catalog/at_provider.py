"""A model's row as it holds at one provider: what that takes fewer of, and how it reads a mask. Pure."""

from __future__ import annotations

from dataclasses import replace

from imagecli.catalog.models import ModelRow
from imagecli.catalog.providers import ProviderRow
from imagecli.catalog.size_tables import laid_over


def at_provider(row: ModelRow, provider: ProviderRow) -> ModelRow:
    """*row*, with no limit wider than the provider's own."""
    images = _least(row.max_images, provider.max_images, provider.places())
    formats = tuple(word for word in row.image.formats if word in (provider.image_formats or row.image.formats))
    return replace(
        row,
        sizes=laid_over(row.sizes, provider.sizes),
        max_n=_least(row.max_n, provider.max_n),
        max_n_of={word: _least(most, provider.max_n) for word, most in row.max_n_of.items()},
        max_images=images,
        images_by=f"provider {provider.name}" if images < row.max_images else None,
        image=replace(row.image, formats=formats or row.image.formats),
        mask=replace(row.mask, white=row.mask.white or provider.mask_habit == "white"),
        lends_fields=not provider.priced,
    )


def _least(most: int, *limits: int | None) -> int:
    return min(most, *(limit for limit in limits if limit is not None), most)
