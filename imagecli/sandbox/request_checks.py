"""Checks of a request before its body is read: the API key, as a bearer token or in Azure's header, and the method."""

from __future__ import annotations

import secrets

from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.http_message import ServerRequest


def check_api_key(request: ServerRequest, required: str | None) -> None:
    """Raises ApiError 401 if the key is not *required*; None accepts any key, and none."""
    if required is None:
        return
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    key = key.strip() if scheme.lower() == "bearer" else request.headers.get("api-key", "")
    if not key:
        raise ApiError(
            "You didn't provide an API key. You need to provide your API key in an Authorization header using "
            "Bearer auth (i.e. Authorization: Bearer YOUR_KEY). You can obtain an API key from "
            "https://platform.openai.com/account/api-keys.",
            status=401,
        )
    if not secrets.compare_digest(key.encode("utf-8", "replace"), required.encode("utf-8", "replace")):
        raise ApiError(
            f"Incorrect API key provided: {_mask_key(key)}. You can find your API key at "
            "https://platform.openai.com/account/api-keys.",
            status=401,
            code="invalid_api_key",
        )


def _mask_key(key: str) -> str:
    """The first eight and the last four characters, as in the real message; of a short key, only stars."""
    return f"{key[:8]}{'*' * 8}{key[-4:]}" if len(key) > 15 else "*" * len(key)


def check_method(request: ServerRequest, *allowed: str) -> None:
    """Raises ApiError 405 for any method that is not *allowed*."""
    if request.method not in allowed:
        raise ApiError(
            f"Not allowed to {request.method} on {request.path}. (HINT: Perhaps you meant to use a different HTTP "
            "method?)",
            status=405,
            headers={"Allow": ", ".join(allowed)},
        )
