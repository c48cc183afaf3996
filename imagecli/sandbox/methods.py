"""Which methods a route takes."""

from __future__ import annotations

from imagecli.sandbox.errors import ApiError
from imagecli.sandbox.exchange import Request


def check_method(request: Request, *allowed: str) -> None:
    """Raises ApiError 405 for any other."""
    if request.method not in allowed:
        raise ApiError(
            f"Not allowed to {request.method} on {request.path}. (HINT: Perhaps you meant to use a different HTTP "
            "method?)",
            status=405,
            headers={"Allow": ", ".join(allowed)},
        )
