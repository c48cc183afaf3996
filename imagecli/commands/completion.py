"""What TAB offers for a value: the words that are legal for the model and the provider typed to the left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer

SHAPES = ("square", "landscape", "portrait")
Completer = Callable[[typer.Context, str], list[str]]


def complete_models(ctx: typer.Context, incomplete: str) -> list[str]:
    """Models that the provider has at home; dead ones only where they still answer."""
    rows, provider = _load_catalog(ctx), _typed_provider(ctx)
    if provider.takes_default_model:
        today = ctx.obj.now().date()
        alive = [
            name
            for name, row in rows.models.items()
            if not (provider.retires and row.shutdown and row.shutdown < today)
        ]
        return _starting_with(alive, incomplete)
    return _starting_with([provider.model] if provider.model else [], incomplete)


def complete_catalog_models(ctx: typer.Context, incomplete: str) -> list[str]:
    """Every model of the catalogue."""
    return _starting_with(list(_load_catalog(ctx).models), incomplete)


def complete_providers(ctx: typer.Context, incomplete: str) -> list[str]:
    """Every provider, one's own too."""
    return _starting_with(list(_load_catalog(ctx).providers), incomplete)


def complete_sizes(ctx: typer.Context, incomplete: str) -> list[str]:
    """Sizes that the model makes, and shapes that become one; the ratios of a provider that makes those."""
    provider = _typed_provider(ctx)
    if provider.ratios:
        return _starting_with([*provider.ratios, *SHAPES], incomplete)
    examples = [size for size in _typed_model(ctx).sizes.examples() if size != "auto" or provider.size_auto]
    return _starting_with([*examples, *SHAPES], incomplete)


def complete_settings(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of settings, and where those of a provider begin."""
    from imagecli.config.schema import SETTINGS

    return _starting_with([*SETTINGS, *(f"providers.{name}." for name in _load_catalog(ctx).providers)], incomplete)


def word_completer(name: str) -> Completer:
    """The words that the model and the provider take for the parameter *name*."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        operation = "edits" if ctx.info_name == "edit" else "generations"
        there, taken = _typed_provider(ctx).allowed_values(name, operation), _typed_model(ctx).allowed_values(name)
        return _starting_with([word for word in taken or there if not there or word in there], incomplete)

    return complete


def _starting_with(words: list[str], incomplete: str) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]


def _load_catalog(ctx: typer.Context) -> Any:
    """The catalogue, with the models and providers of one's own where they can be read."""
    from imagecli.catalog import catalog
    from imagecli.config.user_catalog import load_catalog_with_providers
    from imagecli.errors import ImagecliError

    try:
        return load_catalog_with_providers(ctx.obj)[0]
    except ImagecliError:
        return catalog.load_shipped_catalog()


def _typed_model(ctx: typer.Context) -> Any:
    rows = _load_catalog(ctx)
    return rows.model(ctx.params.get("model") or _typed_provider(ctx).model or rows.default_model)


def _typed_provider(ctx: typer.Context) -> Any:
    rows = _load_catalog(ctx)
    name = ctx.params.get("provider")
    return rows.providers.get(name or "", rows.providers[rows.default_provider])
