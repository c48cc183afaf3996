"""A model that settings name for one provider, and a command that was typed for another."""

from __future__ import annotations

from imagecli.catalog import Catalog, ProviderRow
from imagecli.config.layers import Layers, flag


def model_of_another(row: ProviderRow, layers: Layers, catalog: Catalog) -> str | None:
    """Why the `model` that is set does not hold at *row*, in a sentence; None where it holds.

    A typed one always does, and so does one that was set together with the provider, or with none to take its place.
    """
    model, provider = layers.said("model"), layers.flags.said("provider")
    if not model or not provider or model[1] == flag("model") or _set(layers, catalog) == row.name:
        return None
    server_s_own = not row.takes_default_model and not row.needs_model and catalog.model(model[0]).known
    if not row.model and not server_s_own:
        return None
    used = row.model or "the server's own model"
    return f"{used} is used: {model[0]} from {model[1]} is not for provider {row.name}; -m takes any model there"


def _set(layers: Layers, catalog: Catalog) -> str:
    """The provider that holds where none is typed."""
    places = (layers.environment, layers.project, layers.user)
    return next((said[0] for place in places if (said := place.said("provider"))), catalog.default_provider)
