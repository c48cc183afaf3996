"""A free request for the list of models: does the API exist, does it accept the key, which models does it list?"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from imagecli.client.exchange import Timeouts, send_once
from imagecli.client.session import Authorization, open_session
from imagecli.client.translate_errors import as_unbilled_error
from imagecli.domain import Secret
from imagecli.errors import AuthenticationError, NetworkError, RefusedError, UnsavedError
from imagecli.http_request import HttpRequest
from imagecli.providers.errors import HINT_BASE_URL, error_from_response
from imagecli.providers.request import join_url
from imagecli.quoting import redact_url

MODELS_PATH: Final = "/models"
"""The usual path of the list, and the default."""
PATIENCE: Final = Timeouts(connect=5, silence=10, total=20)
MAX_BYTES: Final = 16 * 2**20
"""A longer list is not read; OpenRouter's has about 1 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelListing:
    """A server's response to the request for its models."""

    status: int
    models: tuple[str, ...] | None
    """None if it responds without listing any."""
    refusal: str = ""
    """Its message if it did not list them."""


def list_server_models(
    base_url: str,
    *,
    path: str | None,
    query: Mapping[str, str],
    key: Secret | None,
    auth: str,
    headers: dict[str, str],
    direct: bool,
) -> ModelListing:
    """Requests the models that the server at *base_url* lists, once and with short timeouts.

    Raises the error that a paid request there would meet: NetworkError, UsageError, AuthenticationError, RefusedError
    for a URL without the API, LimitError. It is not an error if a server only doesn't list its models.
    """
    url = join_url(base_url, path or MODELS_PATH, query)
    body = _SizeLimitedBuffer()
    try:
        response = send_once(
            open_session(direct=direct),
            HttpRequest(method="GET", url=url),
            auth=Authorization(key, auth),
            headers=headers,
            timeouts=PATIENCE,
            into=body,
        )
    except UnsavedError as error:
        raise as_unbilled_error(error) from error
    if 200 <= response.status < 300:
        return ModelListing(status=response.status, models=_parse_models(body.getvalue(), url))
    failure = error_from_response(
        response.status, response.headers, response.error_body, is_nothing_generated=True, path=urlsplit(url).path
    )
    is_key_refused = isinstance(failure, AuthenticationError) and response.status != 401
    if not is_key_refused and _concerns_only_listing(
        response.status, failure.message, page=isinstance(failure, RefusedError) and path is None
    ):
        return ModelListing(status=response.status, models=None, refusal=failure.message)
    raise failure


def _concerns_only_listing(status: int, words: str, *, page: bool) -> bool:
    """Whether a refusal says nothing about images: a key without that scope, a server without lists."""
    if status == 403 or (status == 401 and "scope" in words):
        return True
    return status in (404, 405, 501) and (page or "no Images API" not in words)


def _parse_models(body: bytes, url: str) -> tuple[str, ...] | None:
    """The names in a list of models, in any shape in use. Raises RefusedError if *body* isn't JSON."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError(
            f"{redact_url(url)} did not return the API's JSON",
            hint=HINT_BASE_URL,
            code="no_api",
        ) from None
    models = document
    if isinstance(document, dict):
        models = next((document[name] for name in ("data", "models") if isinstance(document.get(name), list)), None)
    if not isinstance(models, list):
        return None
    return tuple(name for name in map(_model_name, models) if name)


def _model_name(model: Any) -> str | None:
    """A model's name, given as text or as an object."""
    if isinstance(model, dict):
        model = next((model[key] for key in ("id", "name", "model") if isinstance(model.get(key), str)), None)
    return model if isinstance(model, str) else None


class _SizeLimitedBuffer(io.BytesIO):
    """A body in memory, of at most MAX_BYTES."""

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > MAX_BYTES:
            raise NetworkError(f"the list of models is larger than {MAX_BYTES // 2**20} MB", hint="check --base-url")
        return super().write(data)
