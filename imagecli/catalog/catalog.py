"""The catalogue: what models take and how providers are spoken to, as rows of data with source and date.

Pure readers of `models.toml` and `providers.toml`. A new model, size rule or provider is a row, never code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from imagecli.catalog.load import model_row, model_rows, overlaid
from imagecli.catalog.model import ModelRow
from imagecli.catalog.provider import ProviderRow, at_provider
from imagecli.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """All rows, and the defaults."""

    models: dict[str, ModelRow]
    unknown_model: ModelRow
    providers: dict[str, ProviderRow]
    default_model: str
    default_provider: str
    vary_prompts: dict[str, str]

    def model(self, name: str) -> ModelRow:
        """The model's row; one that forbids nothing, and is not `known`, where it has none."""
        return self.models.get(name) or replace(self.unknown_model, name=name)

    def model_at(self, provider: ProviderRow, name: str | None) -> ModelRow:
        """The row of the model *name* as it holds at *provider*; of the one used there where nobody named any.

        Raises UsageError where one has to be named.
        """
        name = name or provider.model or (self.default_model if provider.takes_default_model else None)
        if name:
            return at_provider(self.model(name), provider)
        if provider.needs_model:
            raise UsageError(
                f"provider {provider.name} has no model that is used where none is named",
                hint=f"-m NAME; imagecli providers {provider.name} tells more",
            )
        return at_provider(replace(self.unknown_model, name="the server's own model", sent=False), provider)

    def provider(self, name: str) -> ProviderRow:
        """Raises UsageError with the names there are."""
        if name not in self.providers:
            raise UsageError(f"no provider {name!r}", hint=f"there are: {', '.join(self.providers)}; or --base-url URL")
        return self.providers[name]


@cache
def load() -> Catalog:
    """The catalogue that ships with the program."""
    models, providers = _tables("models"), _tables("providers")
    return Catalog(
        models=model_rows(models),
        unknown_model=model_row("unknown", models["unknown"], models),
        providers={name: _provider(name, providers["providers"]) for name in providers["providers"]},
        default_model=models["default"],
        default_provider=providers["default"],
        vary_prompts=providers["vary_prompts"],
    )


def with_own(tables: Mapping[str, Any], source: str) -> Catalog:
    """That catalogue with a user's *tables* of models, from the file *source*, laid over it.

    Raises UsageError that names table and field of what there is not, or is none.
    """
    # Most users have no such file, and pay nothing for it.
    from imagecli.catalog.user_models import laid_over

    return replace(load(), models=model_rows(laid_over(_tables("models"), tables, source)))


@cache
def _tables(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text("utf-8"))


def _provider(name: str, rows: dict[str, dict[str, Any]]) -> ProviderRow:
    table = dict(rows[name])
    like = table.pop("like", None)
    row = replace(_provider(like, rows), name=name, like=like) if like else ProviderRow(name=name)
    return overlaid(row, table)
