"""The catalogue: what models take and how providers are spoken to, as rows of data with source and date.

Pure readers of `models.toml` and `providers.toml`. A new model, size rule or provider is a row, never code.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from imagecli.catalog.models import OPTIONAL as OPTIONAL
from imagecli.catalog.models import ModelRow as ModelRow
from imagecli.catalog.prices import Prices as Prices
from imagecli.catalog.providers import KeyVariable as KeyVariable
from imagecli.catalog.providers import ProviderRow as ProviderRow
from imagecli.catalog.sizes import SizeRule as SizeRule
from imagecli.domain import InputRule, Size
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

    def provider(self, name: str) -> ProviderRow:
        """Raises UsageError with the names there are."""
        if name not in self.providers:
            raise UsageError(f"no provider {name!r}", hint=f"there are: {', '.join(self.providers)}; or --base-url URL")
        return self.providers[name]


@cache
def load() -> Catalog:
    """The catalogue that ships with the program."""
    folder = Path(__file__).parent
    models = tomllib.loads((folder / "models.toml").read_text("utf-8"))
    providers = tomllib.loads((folder / "providers.toml").read_text("utf-8"))
    return Catalog(
        models={name: _model(name, row, models) for name, row in models["models"].items()},
        unknown_model=_model("unknown", models["unknown"], models),
        providers={name: _provider(name, row) for name, row in providers["providers"].items()},
        default_model=models["default"],
        default_provider=providers["default"],
        vary_prompts=providers["vary_prompts"],
    )


def _model(name: str, row: dict[str, Any], tables: dict[str, Any]) -> ModelRow:
    family = tables["families"][row["family"]]
    words = _tuples(family.get("words", {}) | row.get("words", {}))
    merged = _tuples(family | row) | {"words": words}
    del merged["family"]
    sizes = _tuples(tables["sizes"][merged.pop("sizes")])
    sizes["set"] = tuple(Size.parse(size) for size in sizes.get("set", ()))
    return ModelRow(
        name=name,
        sizes=SizeRule(**sizes),
        image=InputRule(**_tuples(merged.pop("image"))),
        mask=InputRule(**_tuples(merged.pop("mask"))),
        ranges=_tuples(merged.pop("ranges", {})),
        **merged,
    )


def _provider(name: str, row: dict[str, Any]) -> ProviderRow:
    keys = tuple(KeyVariable(**key) for key in row.get("keys", ()))
    return ProviderRow(name=name, **(_tuples(row) | {"keys": keys}))


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
