"""The catalogue of models and providers, read from `models.toml` and `providers.toml`: a new one is a row, not code."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from imagecli.catalog.build_rows import build_model, build_models, overlay_provider
from imagecli.catalog.model import ModelRow
from imagecli.catalog.provider import ProviderRow, limit_to_provider
from imagecli.errors import UsageError


class Catalog(NamedTuple):
    """The rows of all models and providers, and the defaults."""

    models: dict[str, ModelRow]
    unknown_model: ModelRow
    providers: dict[str, ProviderRow]
    default_model: str
    default_provider: str
    vary_prompts: dict[str, str]

    def model(self, name: str) -> ModelRow:
        """The model's row; for a model without one, a row that forbids nothing and is not `known`."""
        return self.models.get(name) or self.unknown_model._replace(name=name)

    def model_for_provider(self, provider: ProviderRow, name: str | None) -> ModelRow:
        """The row of the model *name*, or else of the provider's default model, as it holds at *provider*.

        Raises UsageError if the provider has no default model.
        """
        name = name or provider.model or (self.default_model if provider.takes_default_model else None)
        if name:
            return limit_to_provider(self.model(name), provider)
        if provider.needs_model:
            raise UsageError(
                f"provider {provider.name} has no model that is used where none is named",
                hint=f"-m NAME; imagecli providers {provider.name} tells more",
            )
        return limit_to_provider(self.unknown_model._replace(name="the server's own model", sent=False), provider)

    def provider(self, name: str) -> ProviderRow:
        """The provider's row. Raises UsageError, which lists all names, if there is none."""
        if name not in self.providers:
            raise UsageError(f"no provider {name!r}", hint=f"there are: {', '.join(self.providers)}; or --base-url URL")
        return self.providers[name]


@cache
def load_shipped_catalog() -> Catalog:
    """The catalogue that ships with imagecli."""
    models, providers = _read_tables("models"), _read_tables("providers")
    return Catalog(
        models=build_models(models),
        unknown_model=build_model("unknown", models["unknown"], models),
        providers={name: _build_provider(name, providers["providers"]) for name in providers["providers"]},
        default_model=models["default"],
        default_provider=providers["default"],
        vary_prompts=providers["vary_prompts"],
    )


def with_user_models(tables: Mapping[str, Any], source: str) -> Catalog:
    """The shipped catalogue merged with a user's *tables* of models, from the file *source*.

    Raises UsageError that names the table and field with an unknown name or a wrong value.
    """
    # Imported here, as most users have no such file.
    from imagecli.catalog.user_models import overlay_models

    return load_shipped_catalog()._replace(models=build_models(overlay_models(_read_tables("models"), tables, source)))


@cache
def _read_tables(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text("utf-8"))


def _build_provider(name: str, rows: dict[str, dict[str, Any]]) -> ProviderRow:
    table = dict(rows[name])
    like = table.pop("like", None)
    row = _build_provider(like, rows)._replace(name=name, like=like) if like else ProviderRow(name=name)
    return overlay_provider(row, table)
