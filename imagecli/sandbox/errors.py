"""The API's errors: status, type, code, param and message, as in the real bodies.

Shape and statuses: OpenAI API reference, read 2026-11-22. Messages imitate the API's where no source quotes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagecli.sandbox.http_message import ServerRequest, ServerResponse, json_response


class ApiError(Exception):
    """Ends a request with an error body in the API's shape."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.type = type
        self.param = param
        self.code = code
        self.headers = headers or {}
        self.details = details or {}
        """Further keys of the error object."""

    def body(self) -> dict[str, Any]:
        """`{"error": {message, type, param, code}}`, always with all four keys."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return {"error": {**error, **self.details}}

    def response(self) -> ServerResponse:
        """The error as a response."""
        return json_response(self.status, self.body(), self.headers)


def internal_error() -> ApiError:
    """The API's 500, for an exception that the sandbox does not expect."""
    message = "The server had an error while processing your request. Sorry about that!"
    return ApiError(message, status=500, type="server_error")


def check_method(request: ServerRequest, *allowed: str) -> None:
    """Raises ApiError 405 for any method that is not *allowed*."""
    if request.method not in allowed:
        raise ApiError(
            f"Not allowed to {request.method} on {request.path}. (HINT: Perhaps you meant to use a different HTTP "
            "method?)",
            status=405,
            headers={"Allow": ", ".join(allowed)},
        )
