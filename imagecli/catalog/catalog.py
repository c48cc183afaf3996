"""The catalog of models and providers: the rows of `models.toml` and `providers.toml`. A new one is a row, not code.

They are read from `tables.py`, which `python -m tests.regenerate` makes of them: parsing TOML takes as long as starting
Python.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache, partial
from typing import Any, NamedTuple, TypeVar

from imagecli.catalog.from_toml import build_model, build_models, build_provider
from imagecli.catalog.model import ModelRow
from imagecli.catalog.provider import ProviderRow, limit_to_provider
from imagecli.catalog.tables import MODELS, PROVIDERS
from imagecli.errors import UsageError
from imagecli.suggestions import unknown_name_hint

Row = TypeVar("Row")


class LazyRows(Mapping[str, Row]):
    """Rows by name, each built when it is first looked up: a command needs one or two of them."""

    def __init__(self, names: Iterable[str], build: Callable[[str], Row]) -> None:
        self._names = tuple(names)
        self._build = cache(build)

    def __getitem__(self, name: str) -> Row:
        if name not in self._names:
            raise KeyError(name)
        return self._build(name)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Catalog(NamedTuple):
    """The rows of all models and providers, and the defaults."""

    models: Mapping[str, ModelRow]
    providers: Mapping[str, ProviderRow]
    default_model: str
    default_reason: str
    """Why that is the default model, in words."""
    draft_model: str
    """The cheapest model for drafts."""
    default_provider: str
    vary_prompts: dict[str, str]

    @property
    def unknown_model(self) -> ModelRow:
        """The row of models that have none of their own. It forbids nothing and is not `known`."""
        return _unknown_model()

    def model(self, name: str) -> ModelRow:
        """The model's row; for a model without one, a row that forbids nothing and is not `known`."""
        return self.models.get(name) or _unknown_model()._replace(name=name)

    def model_for_provider(self, provider: ProviderRow, name: str | None) -> ModelRow:
        """The row of the model *name*, or else of the provider's default model, as it holds at *provider*.

        Raises UsageError if the provider has no default model.
        """
        name = name or provider.model or (self.default_model if provider.takes_default_model else None)
        if name:
            row = self.models.get(name) or self.model_behind_prefix(name, provider.vendor_prefixes)
            return limit_to_provider(row or _unknown_model()._replace(name=name), provider)
        if provider.needs_model:
            raise UsageError(
                f"provider {provider.name} has no default model",
                hint=f"choose a model with -m; see imagecli providers {provider.name}",
            )
        return limit_to_provider(self.unknown_model._replace(name="the server's default model", sent=False), provider)

    def model_behind_prefix(self, name: str, vendors: Collection[str]) -> ModelRow | None:
        """The row of MODEL if *name* is VENDOR/MODEL, with one of *vendors*; its price is the gateway's, so unknown."""
        vendor, _, bare_name = name.rpartition("/")
        row = self.models.get(bare_name) if vendor in vendors else None
        return row._replace(name=name, prices=None) if row else None

    def gateways(self, name: str) -> tuple[str, ...]:
        """The providers at which *name* is VENDOR/MODEL of a model in the catalog."""
        rows = self.providers.values()
        return tuple(row.name for row in rows if self.model_behind_prefix(name, row.vendor_prefixes))

    def provider(self, name: str) -> ProviderRow:
        """The provider's row. Raises UsageError, which lists all names, if there is none."""
        if name not in self.providers:
            hint = f"{unknown_name_hint(name, self.providers)} (or use --base-url URL)"
            raise UsageError(f"unknown provider {name!r}", hint=hint)
        return self.providers[name]


@cache
def load_shipped_catalog() -> Catalog:
    """The catalog that ships with imagecli."""
    models, providers = MODELS, PROVIDERS
    return Catalog(
        models=LazyRows(models["models"], partial(build_model, tables=models)),
        providers=LazyRows(providers["providers"], partial(build_provider, tables=providers["providers"])),
        default_model=models["default"],
        default_reason=models["default_reason"],
        draft_model=models["drafts"],
        default_provider=providers["default"],
        vary_prompts=providers["vary_prompts"],
    )


@cache
def _unknown_model() -> ModelRow:
    return build_model("unknown", MODELS, MODELS["unknown"])


def with_user_models(tables: Mapping[str, Any], source: str) -> Catalog:
    """The shipped catalog merged with a user's *tables* of models, from the file *source*.

    Raises UsageError that names the table and field with an unknown name or a wrong value.
    """
    # Imported here, as most users have no such file.
    from imagecli.catalog.user_models import overlay_models

    return load_shipped_catalog()._replace(models=build_models(overlay_models(MODELS, tables, source)))


def first_living_model(rows: Iterable[ModelRow]) -> str | None:
    """The first model without a shutdown date."""
    return next((row.name for row in rows if row.shutdown is None), None)
