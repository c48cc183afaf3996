"""The models that are offered, as the API lists them."""

from __future__ import annotations

from datetime import UTC, datetime

from imagecli.catalog import Catalog, ModelRow
from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.exchange import Response, as_json

MODEL_CREATED = 1_698_785_189
"""Unix seconds, for the rows that don't tell when they were released."""


def model_list(catalog: Catalog) -> Response:
    """All of them."""
    return as_json(200, {"object": "list", "data": [_model_object(row) for row in catalog.models.values()]})


def model_of(name: str, catalog: Catalog) -> Response:
    """One of them. Raises ApiError 404."""
    if name not in catalog.models:
        raise ApiError(f"The model '{name}' does not exist", status=404, param="model", code="model_not_found")
    return as_json(200, _model_object(catalog.models[name]))


def _model_object(row: ModelRow) -> dict[str, object]:
    """A model past its last day is listed too: here it still answers."""
    released = datetime.combine(row.released, datetime.min.time(), UTC).timestamp() if row.released else MODEL_CREATED
    return {
        "id": row.name,
        "object": "model",
        "created": int(released),
        "owned_by": "system",
        "shutdown_date": row.shutdown.isoformat() if row.shutdown else None,
    }
