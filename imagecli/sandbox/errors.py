"""The API's refusals: status, type, code, param and the wording of the real bodies.

Shape and statuses: OpenAI API reference, read 2026-11-22. Wordings follow the API's manner where no source prints them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagecli.sandbox.http_message import ServerResponse, json_response


class ApiError(Exception):
    """Ends a request with the API's own error body."""

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
        """Further keys of the error."""

    def body(self) -> dict[str, Any]:
        """`{"error": {message, type, param, code}}`, all four keys always there."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return {"error": {**error, **self.details}}

    def response(self) -> ServerResponse:
        """The error as an answer."""
        return json_response(self.status, self.body(), self.headers)


def internal_error() -> ApiError:
    """What nobody foresaw."""
    sorry = "The server had an error while processing your request. Sorry about that!"
    return ApiError(sorry, status=500, type="server_error")
