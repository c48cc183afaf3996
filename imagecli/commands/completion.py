"""What TAB offers for a value: the words that are legal for the model and the provider typed to the left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer

SHAPES = ("square", "landscape", "portrait")
Complete = Callable[[typer.Context, str], list[str]]


def models(ctx: typer.Context, incomplete: str) -> list[str]:
    """Models that the provider has at home; dead ones only where they still answer."""
    rows, provider = _rows(ctx), _provider(ctx)
    if provider.takes_default_model:
        today = ctx.obj.now().date()
        alive = [
            name
            for name, row in rows.models.items()
            if not (provider.retires and row.shutdown and row.shutdown < today)
        ]
        return _beginning(alive, incomplete)
    return _beginning([provider.model] if provider.model else [], incomplete)


def model_rows(ctx: typer.Context, incomplete: str) -> list[str]:
    """Every model of the catalogue."""
    return _beginning(list(_rows(ctx).models), incomplete)


def provider_rows(ctx: typer.Context, incomplete: str) -> list[str]:
    """Every provider, one's own too."""
    return _beginning(list(_rows(ctx).providers), incomplete)


def sizes(ctx: typer.Context, incomplete: str) -> list[str]:
    """Sizes that the model makes, and shapes that become one; the ratios of a provider that makes those."""
    provider = _provider(ctx)
    if provider.ratios:
        return _beginning([*provider.ratios, *SHAPES], incomplete)
    examples = [size for size in _model(ctx).sizes.examples() if size != "auto" or provider.size_auto]
    return _beginning([*examples, *SHAPES], incomplete)


def settings(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of settings, and where those of a provider begin."""
    from imagecli.config.schema import SETTINGS

    return _beginning([*SETTINGS, *(f"providers.{name}." for name in _rows(ctx).providers)], incomplete)


def words(name: str) -> Complete:
    """The words that the model and the provider take for the parameter *name*."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        operation = "edits" if ctx.info_name == "edit" else "generations"
        there, taken = _provider(ctx).allowed(name, operation), _model(ctx).allowed(name)
        return _beginning([word for word in taken or there if not there or word in there], incomplete)

    return complete


def _beginning(words: list[str], incomplete: str) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]


def _rows(ctx: typer.Context) -> Any:
    """The catalogue, with the models and providers of one's own where they can be read."""
    from imagecli.catalog import catalog
    from imagecli.config.user_catalog import load_rows
    from imagecli.errors import ImagecliError

    try:
        return load_rows(ctx.obj)[0]
    except ImagecliError:
        return catalog.load()


def _model(ctx: typer.Context) -> Any:
    rows = _rows(ctx)
    return rows.model(ctx.params.get("model") or _provider(ctx).model or rows.default_model)


def _provider(ctx: typer.Context) -> Any:
    rows = _rows(ctx)
    name = ctx.params.get("provider")
    return rows.providers.get(name or "", rows.providers[rows.default_provider])
