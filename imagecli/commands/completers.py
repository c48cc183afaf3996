"""Shell completion of values: those that the model and provider typed so far accept."""

from collections.abc import Callable
from typing import Any

import typer

SHAPES = ("square", "landscape", "portrait")
Completer = Callable[[typer.Context, str], list[str]]


def complete_models(ctx: typer.Context, incomplete: str) -> list[str]:
    """The provider's models; those past their shutdown date only if it still serves them."""
    rows, provider = _load_catalog(ctx), _typed_provider(ctx)
    if provider.takes_default_model:
        today = ctx.obj.now().date()
        served = [
            name
            for name, row in rows.models.items()
            if not (provider.retires and row.shutdown and row.shutdown < today)
        ]
        return _starting_with(served, incomplete)
    return _starting_with([provider.model] if provider.model else [], incomplete)


def complete_catalog_models(ctx: typer.Context, incomplete: str) -> list[str]:
    """Every model of the catalog."""
    return _starting_with(list(_load_catalog(ctx).models), incomplete)


def complete_providers(ctx: typer.Context, incomplete: str) -> list[str]:
    """Every provider, with the user's own."""
    return _starting_with(list(_load_catalog(ctx).providers), incomplete)


def complete_presets(ctx: typer.Context, incomplete: str) -> list[str]:
    """Every preset of the project's and the user's settings."""
    from imagecli.config.presets import load_presets
    from imagecli.errors import ImagecliError

    try:
        return _starting_with(list(load_presets(ctx.obj)), incomplete)
    except ImagecliError:
        return []


def complete_help(incomplete: str) -> list[str]:
    """Commands and topics."""
    from imagecli.commands import NAMES
    from imagecli.topics import TOPICS

    return _starting_with(list(dict.fromkeys([*NAMES, *TOPICS])), incomplete)


def complete_sizes(ctx: typer.Context, incomplete: str) -> list[str]:
    """Sizes of the model and names of shapes, or the provider's ratios."""
    provider = _typed_provider(ctx)
    if provider.ratios:
        return _starting_with([*provider.ratios, *SHAPES], incomplete)
    examples = [size for size in _typed_model(ctx).sizes.examples() if size != "auto" or provider.size_auto]
    return _starting_with([*examples, *SHAPES], incomplete)


def complete_settings(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of settings, and prefixes of the providers' settings."""
    from imagecli.config.schema import SETTINGS

    return _starting_with([*SETTINGS, *(f"providers.{name}." for name in _load_catalog(ctx).providers)], incomplete)


def complete_history(ctx: typer.Context, incomplete: str) -> list[str]:
    """`@last`, and the newest IDs of the history with the `@` that was typed."""
    from imagecli.errors import ImagecliError

    try:
        return _starting_with(["@last", *_newest_references(ctx, 20)], incomplete)
    except ImagecliError:
        return []


def complete_images(ctx: typer.Context, incomplete: str) -> list[str]:
    """References to the history, once their `@` is typed; the shell completes files."""
    return complete_history(ctx, incomplete) if incomplete.startswith("@") else []


def _newest_references(ctx: typer.Context, count: int) -> list[str]:
    from imagecli.config.paths import find_folders
    from imagecli.history.database import open_history
    from imagecli.history.query import HistoryFilter, list_images

    with open_history(find_folders(ctx.obj).state) as history:
        return [f"@{image.id}" for image in list_images(history.connection, HistoryFilter(limit=count))]


def word_completer(name: str) -> Completer:
    """A completer for the values of the parameter *name* that the model and provider accept."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        operation = "edits" if ctx.info_name == "edit" else "generations"
        of_provider = _typed_provider(ctx).allowed_values(name, operation)
        of_model = _typed_model(ctx).allowed_values(name)
        values = [word for word in of_model or of_provider if not of_provider or word in of_provider]
        return _starting_with(values, incomplete)

    return complete


def _starting_with(words: list[str], incomplete: str) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]


def _load_catalog(ctx: typer.Context) -> Any:
    """The user's catalog, or the shipped one if that is invalid."""
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
